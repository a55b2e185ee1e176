//! `OrderService`.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use tonic::{Code, Request, Response, Status};

use super::{
    Api, answer,
    auth::Caller,
    convert::{Form, allowed_hosts},
    door::caller_of,
    page,
    proto::v1::{self, batch_register_orders_result::Result as ItemResult, order_service_server::OrderService},
    status::Problem,
};
use crate::{
    domain::{AppId, Deposit, Millis, NetworkId, Order, OrderId, clock},
    store::{Reader, StoreError},
    writer::handle::{NewOrder, Refusal},
};

/// Most items in one batch.
pub(super) const BATCH_LEN_MAX: usize = 1000;
/// Items of one batch that wait for the writer at the same time; well below its queue.
pub(super) const BATCH_IN_FLIGHT: usize = 128;
/// Deposits of one order that are looked at to say where it stands, beside the one that paid it.
const DEPOSITS_MAX: usize = 100;
/// The same for each order of a list.
const LISTED_DEPOSITS_MAX: usize = 20;
/// How often an item of a batch tries again when the writer is busy.
const BUSY_TRIES_MAX: u32 = 40;

impl Api {
    /// Orders with their deposits as answers; `with_list`: the deposits are told too.
    async fn order_answers(
        &self,
        orders: &[(Order, Vec<Deposit>)],
        with_list: bool,
    ) -> Result<Vec<v1::Order>, Problem> {
        let mut answers = self.as_they_stand(orders, with_list);
        self.show_order_scans(&mut answers).await?;
        Ok(answers)
    }

    fn as_they_stand(&self, orders: &[(Order, Vec<Deposit>)], with_list: bool) -> Vec<v1::Order> {
        let networks = self.0.networks.now();
        let status = |network: &NetworkId| self.0.board.of(network);
        let around = answer::Surroundings { networks: &networks, status: &status };
        orders.iter().map(|(order, deposits)| answer::order(&around, order, deposits, with_list)).collect()
    }

    /// Orders that the writer answered with, as they stand. What `asked` made is new and has no deposits: only those
    /// that were there before are looked at.
    async fn standing(&self, orders: Vec<Order>, asked: Millis) -> Result<Vec<v1::Order>, Problem> {
        if orders.iter().all(|order| asked <= order.created) {
            let fresh: Vec<_> = orders.into_iter().map(|order| (order, Vec::new())).collect();
            return self.order_answers(&fresh, false).await;
        }
        let look = move |reader: &Reader| {
            let seen = |order: Order| {
                let seen = reader.order_with_deposits(&order.app, &order.id, DEPOSITS_MAX)?;
                Ok(seen.unwrap_or((order, Vec::new())))
            };
            orders.into_iter().map(seen).collect::<Result<Vec<_>, StoreError>>()
        };
        self.order_answers(&self.read(look).await?, false).await
    }

    /// The same for one.
    async fn standing_one(&self, order: Order, asked: Millis) -> Result<Option<v1::Order>, Problem> {
        Ok(self.standing(vec![order], asked).await?.into_iter().next())
    }

    /// The hosts orders of `app` may be told on; `None` if there is no such app.
    async fn hosts(&self, app: &AppId) -> Result<Option<Vec<String>>, Problem> {
        let id = app.clone();
        let found = self.read(move |reader| reader.app(&id)).await?;
        Ok(found.map(|app| allowed_hosts(app.notify_url.as_str(), &app.notify_hosts)))
    }

    /// Checks requests, all of them before any is answered for. `prefix` names the fields of the n-th.
    async fn check_orders(
        &self,
        caller: &Caller,
        requests: &[v1::RegisterOrderRequest],
        prefix: impl Fn(usize) -> String,
    ) -> Result<Vec<NewOrder>, Problem> {
        let mut form = Form::default();
        let mut orders = Vec::with_capacity(requests.len());
        let mut hosts: BTreeMap<AppId, Vec<String>> = BTreeMap::new();
        let mut missing = None;
        for (place, request) in requests.iter().enumerate() {
            form.at(prefix(place));
            let parsed = form.order(&self.0.networks.now(), request);
            let Ok(app) = request.app_id.parse::<AppId>() else { continue };
            if !caller.sees(&app) {
                missing = missing.or(Some(app));
                continue;
            }
            let (mut notify_url, mut fail_url) = (None, None);
            if !request.notify_url.is_empty() || !request.fail_url.is_empty() {
                if !hosts.contains_key(&app) {
                    match self.hosts(&app).await? {
                        Some(allowed) => drop(hosts.insert(app.clone(), allowed)),
                        None => {
                            missing = missing.or(Some(app));
                            continue;
                        }
                    }
                }
                let allowed = hosts.get(&app).map(Vec::as_slice).unwrap_or_default();
                notify_url = form.own_url("notify_url", &self.0.url_check, &request.notify_url, allowed);
                fail_url = form.own_url("fail_url", &self.0.url_check, &request.fail_url, allowed);
            }
            let serial = Some(draw_serial()?);
            orders.extend(parsed.map(|order| NewOrder { notify_url, fail_url, serial, ..order }));
        }
        form.finish()?;
        match missing {
            Some(app) => Err(Problem::not_found("app", app.as_str())),
            None => Ok(orders),
        }
    }

    /// One order of a batch: a full queue is waited for.
    async fn register_patiently(&self, order: NewOrder) -> Result<Order, Problem> {
        let mut tries = 0;
        loop {
            match self.0.writer.register_order(order.clone()).await {
                Err(Refusal::Busy { retry_after }) if tries < BUSY_TRIES_MAX => {
                    tries += 1;
                    tokio::time::sleep(retry_after).await;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    fn order_key(&self, caller: &Caller, app: &str, order: &str) -> Result<(AppId, OrderId), Problem> {
        let mut form = Form::default();
        let key = form.app_id(app).zip(form.order_id(order));
        form.finish()?;
        let (app, order) = key.ok_or_else(|| Problem::not_found("order", ""))?;
        if caller.sees(&app) { Ok((app, order)) } else { Err(Problem::not_found("order", order.as_str())) }
    }
}

#[tonic::async_trait]
impl OrderService for Api {
    async fn register_order(
        &self,
        request: Request<v1::RegisterOrderRequest>,
    ) -> Result<Response<v1::RegisterOrderResponse>, Status> {
        let (caller, asked) = (caller_of(&request)?, clock::now());
        let checked = self.check_orders(&caller, &[request.into_inner()], |_| String::new()).await?;
        let order = checked.into_iter().next().ok_or_else(Problem::stopping)?;
        let order = self.0.writer.register_order(order).await.map_err(Problem::from)?;
        Ok(Response::new(v1::RegisterOrderResponse { order: self.standing_one(order, asked).await? }))
    }

    async fn batch_register_orders(
        &self,
        request: Request<v1::BatchRegisterOrdersRequest>,
    ) -> Result<Response<v1::BatchRegisterOrdersResponse>, Status> {
        let (caller, asked) = (caller_of(&request)?, clock::now());
        let requests = request.into_inner().orders;
        batch_len("orders", requests.len())?;
        let orders = self.check_orders(&caller, &requests, |place| format!("orders[{place}].")).await?;
        let outcomes: Vec<_> =
            stream::iter(orders).map(|order| self.register_patiently(order)).buffered(BATCH_IN_FLIGHT).collect().await;
        let there: Vec<Order> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok().cloned()).collect();
        let mut there = self.standing(there, asked).await?.into_iter();
        let results = outcomes.into_iter().map(|outcome| {
            let result = match outcome {
                Ok(_) => there.next().map(ItemResult::Order),
                Err(problem) => Some(ItemResult::Error(problem.item())),
            };
            v1::BatchRegisterOrdersResult { result }
        });
        Ok(Response::new(v1::BatchRegisterOrdersResponse { results: results.collect() }))
    }

    async fn get_order(&self, request: Request<v1::GetOrderRequest>) -> Result<Response<v1::GetOrderResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let (app, id) = self.order_key(&caller, &asked.app_id, &asked.order_id)?;
        let name = id.clone();
        let found = self.read(move |reader| reader.order_with_deposits(&app, &id, DEPOSITS_MAX)).await?;
        let found = found.ok_or_else(|| Problem::not_found("order", name.as_str()))?;
        Ok(Response::new(v1::GetOrderResponse { order: self.order_answers(&[found], true).await?.into_iter().next() }))
    }

    async fn list_orders(
        &self,
        request: Request<v1::ListOrdersRequest>,
    ) -> Result<Response<v1::ListOrdersResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let size = page::size(asked.page_size)?;
        let app = seen_app(&caller, &asked.app_id)?;
        let question = ["orders", asked.app_id.as_str()];
        let position = self.0.pager.position(&question, &asked.page_token)?;
        let after = position.and_then(|bytes| OrderId::parse(&String::from_utf8(bytes).ok()?).ok());
        let look =
            move |reader: &Reader| reader.orders_with_deposits(&app, after.as_ref(), size + 1, LISTED_DEPOSITS_MAX);
        let mut orders = self.read(look).await?;
        let next_page_token = self.0.pager.next(&question, &mut orders, size, |(order, _)| order.id.as_str().into());
        Ok(Response::new(v1::ListOrdersResponse { orders: self.order_answers(&orders, false).await?, next_page_token }))
    }

    async fn cancel_order(
        &self,
        request: Request<v1::CancelOrderRequest>,
    ) -> Result<Response<v1::CancelOrderResponse>, Status> {
        let (caller, now) = (caller_of(&request)?, clock::now());
        let asked = request.into_inner();
        let (app, id) = self.order_key(&caller, &asked.app_id, &asked.order_id)?;
        let order = self.0.writer.cancel_order(app, id).await.map_err(Problem::from)?;
        Ok(Response::new(v1::CancelOrderResponse { order: self.standing_one(order, now).await? }))
    }
}

/// An id for an order, for protocols that name orders so (protocols.md 0): `cz-` and a version 4 UUID.
fn draw_serial() -> Result<String, Problem> {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        return Err(Problem::new(Code::Internal, "NO_RANDOMNESS", "the system gives no random bytes"));
    }
    Ok(format!("cz-{}", uuid::Builder::from_random_bytes(bytes).into_uuid().hyphenated()))
}

/// An app by its name, if the caller may know of it.
pub(super) fn seen_app(caller: &Caller, name: &str) -> Result<AppId, Problem> {
    let mut form = Form::default();
    let app = form.app_id(name);
    form.finish()?;
    let app = app.ok_or_else(|| Problem::not_found("app", ""))?;
    caller.must_see(&app)?;
    Ok(app)
}

/// Refuses empty batches and those beyond [`BATCH_LEN_MAX`].
pub(super) fn batch_len(field: &str, len: usize) -> Result<(), Problem> {
    if (1..=BATCH_LEN_MAX).contains(&len) {
        return Ok(());
    }
    Err(Problem::field(field, "BATCH_LENGTH", format!("must be 1 to {BATCH_LEN_MAX} items")))
}
