//! `DepositService`.

use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    auth::Caller,
    convert::Form,
    door::caller_of,
    orders::seen_app,
    page,
    proto::v1::{self, deposit_service_server::DepositService},
    status::Problem,
};
use crate::{
    domain::{AppId, Deposit, OrderId},
    store::{DepositPosition, Reader, StoreError},
    writer::handle::ByHand,
};

impl Api {
    pub(super) fn deposit_answer(&self, deposit: &Deposit) -> v1::Deposit {
        let status = self.0.board.of(&deposit.id.network);
        answer::deposit(&self.0.networks.now(), status.as_ref(), deposit)
    }

    /// A deposit by its printed id, if the caller may know of it.
    async fn seen_deposit(&self, caller: &Caller, id: Option<String>) -> Result<Deposit, Problem> {
        let id = id.ok_or_else(|| Problem::not_found("deposit", ""))?;
        let name = id.clone();
        let found = self.read(move |reader| reader.deposit(&name)).await?;
        found.filter(|deposit| caller.sees(&deposit.app)).ok_or_else(|| Problem::not_found("deposit", &id))
    }

    /// What a person decides about a deposit.
    async fn by_hand(
        &self,
        caller: &Caller,
        id: &str,
        wish: Option<ByHand>,
        why: &str,
        mut form: Form,
    ) -> Result<Option<v1::Deposit>, Problem> {
        let id = form.deposit_id(id);
        let act = form.act(caller, why);
        form.finish()?;
        let wish = wish.ok_or_else(|| Problem::not_found("deposit", ""))?;
        let deposit = self.seen_deposit(caller, id).await?;
        let deposit = self.0.writer.by_hand(deposit.id, wish, act).await?;
        Ok(Some(self.deposit_answer(&deposit)))
    }
}

#[tonic::async_trait]
impl DepositService for Api {
    async fn get_deposit(
        &self,
        request: Request<v1::GetDepositRequest>,
    ) -> Result<Response<v1::GetDepositResponse>, Status> {
        let caller = caller_of(&request)?;
        let mut form = Form::default();
        let id = form.deposit_id(&request.into_inner().deposit_id);
        form.finish()?;
        let deposit = self.seen_deposit(&caller, id).await?;
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
        let (deposits, next) = self.read(move |reader| page_of(reader, &app, order.as_ref(), after, size)).await?;
        Ok(Response::new(v1::ListDepositsResponse {
            deposits: deposits.iter().map(|deposit| self.deposit_answer(deposit)).collect(),
            next_page_token: next.map(|position| self.0.pager.token(&question, &position.0)).unwrap_or_default(),
        }))
    }

    async fn hold_deposit(
        &self,
        request: Request<v1::HoldDepositRequest>,
    ) -> Result<Response<v1::HoldDepositResponse>, Status> {
        let caller = caller_of(&request)?;
        let v1::HoldDepositRequest { deposit_id, reason } = request.into_inner();
        let form = Form::default();
        let deposit = self.by_hand(&caller, &deposit_id, Some(ByHand::Hold), &reason, form).await?;
        Ok(Response::new(v1::HoldDepositResponse { deposit }))
    }

    async fn release_deposit(
        &self,
        request: Request<v1::ReleaseDepositRequest>,
    ) -> Result<Response<v1::ReleaseDepositResponse>, Status> {
        let caller = caller_of(&request)?;
        let v1::ReleaseDepositRequest { deposit_id, reason } = request.into_inner();
        let form = Form::default();
        let deposit = self.by_hand(&caller, &deposit_id, Some(ByHand::Release), &reason, form).await?;
        Ok(Response::new(v1::ReleaseDepositResponse { deposit }))
    }

    async fn bind_deposit(
        &self,
        request: Request<v1::BindDepositRequest>,
    ) -> Result<Response<v1::BindDepositResponse>, Status> {
        let caller = caller_of(&request)?;
        let v1::BindDepositRequest { deposit_id, app_id, order_id, reason } = request.into_inner();
        let mut form = Form::default();
        let order = form.app_id(&app_id).zip(form.order_id(&order_id));
        if let Some((app, _)) = order.as_ref().filter(|(app, _)| !caller.sees(app)) {
            return Err(Problem::not_found("app", app.as_str()).into());
        }
        let wish = order.map(|(app, order)| ByHand::Bind(app, order));
        let deposit = self.by_hand(&caller, &deposit_id, wish, &reason, form).await?;
        Ok(Response::new(v1::BindDepositResponse { deposit }))
    }
}

/// Up to `size` deposits behind `after`, and where to go on if more follow.
fn page_of(
    reader: &Reader,
    app: &AppId,
    order: Option<&OrderId>,
    after: Option<DepositPosition>,
    size: usize,
) -> Result<(Vec<Deposit>, Option<DepositPosition>), StoreError> {
    let mut rows = match order {
        Some(order) => reader.deposits_of_order(app, order, after.as_ref(), size + 1)?,
        None => reader.deposits(app, after.as_ref(), size + 1)?,
    };
    let more = page::cut(&mut rows, size);
    let next = rows.last().filter(|_| more).map(|(position, _)| position.clone());
    Ok((rows.into_iter().map(|(_, deposit)| deposit).collect(), next))
}
