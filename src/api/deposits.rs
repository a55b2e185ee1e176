//! `DepositService`.

use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    convert::Form,
    door::caller_of,
    orders::seen_app,
    page::{self, SCAN_CHUNK_ROWS, SCAN_ROWS_MAX},
    proto::v1::{self, deposit_service_server::DepositService},
    status::Problem,
};
use crate::{
    domain::{AppId, Deposit, OrderId},
    store::{DepositPosition, Reader, StoreError},
};

/// Bytes of a printed deposit id.
const DEPOSIT_ID_BYTES: usize = 36;

impl Api {
    fn deposit_answer(&self, deposit: &Deposit) -> v1::Deposit {
        let status = self.0.board.of(&deposit.id.network);
        answer::deposit(&self.0.networks, status.as_ref(), deposit)
    }
}

#[tonic::async_trait]
impl DepositService for Api {
    async fn get_deposit(
        &self,
        request: Request<v1::GetDepositRequest>,
    ) -> Result<Response<v1::GetDepositResponse>, Status> {
        let caller = caller_of(&request)?;
        let id = request.into_inner().deposit_id;
        let fits = id.len() == DEPOSIT_ID_BYTES
            && id.strip_prefix("dep_").is_some_and(|rest| rest.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')));
        if !fits {
            return Err(Problem::field("deposit_id", "DEPOSIT_ID_FORM", "must be dep_ and 32 letters or digits").into());
        }
        let name = id.clone();
        let found = self.read(move |reader| reader.deposit(&name)).await?;
        let deposit =
            found.filter(|deposit| caller.sees(&deposit.app)).ok_or_else(|| Problem::not_found("deposit", &id))?;
        Ok(Response::new(v1::GetDepositResponse { deposit: Some(self.deposit_answer(&deposit)) }))
    }

    async fn list_deposits(
        &self,
        request: Request<v1::ListDepositsRequest>,
    ) -> Result<Response<v1::ListDepositsResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let size = page::size(asked.page_size)?;
        let app = seen_app(&caller, &asked.app_id)?;
        let mut form = Form::default();
        let order = if asked.order_id.is_empty() { None } else { form.order_id(&asked.order_id) };
        form.finish()?;
        let question = ["deposits", asked.app_id.as_str(), asked.order_id.as_str()];
        let after = self.0.pager.position(&question, &asked.page_token)?.map(DepositPosition);
        let (deposits, next) = self.read(move |reader| scan(reader, &app, order.as_ref(), after, size)).await?;
        Ok(Response::new(v1::ListDepositsResponse {
            deposits: deposits.iter().map(|deposit| self.deposit_answer(deposit)).collect(),
            next_page_token: next.map(|position| self.0.pager.token(&question, &position.0)).unwrap_or_default(),
        }))
    }
}

/// Up to `size` deposits behind `after`, and where to go on if more may follow.
fn scan(
    reader: &Reader,
    app: &AppId,
    order: Option<&OrderId>,
    mut after: Option<DepositPosition>,
    size: usize,
) -> Result<(Vec<Deposit>, Option<DepositPosition>), StoreError> {
    let chunk = if order.is_some() { SCAN_CHUNK_ROWS } else { size + 1 };
    let mut found = Vec::new();
    let mut scanned = 0;
    while scanned < SCAN_ROWS_MAX {
        let rows = reader.deposits(app, after.as_ref(), chunk)?;
        let read = rows.len();
        scanned += read;
        for (position, deposit) in rows {
            if order.is_none_or(|order| deposit.order.as_ref() == Some(order)) {
                if found.len() == size {
                    return Ok((found, after));
                }
                found.push(deposit);
            }
            after = Some(position);
        }
        if read < chunk {
            return Ok((found, None));
        }
    }
    Ok((found, after))
}
