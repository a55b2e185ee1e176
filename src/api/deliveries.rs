//! `DeliveryService`.

mod asked;
mod list;

use std::time::{Duration, Instant};

use tonic::{Request, Response, Status};

use self::list::{Filter, page_of};
use super::{
    Api, answer,
    auth::Caller,
    convert::Form,
    door::{caller_of, deadline},
    events::delivery_state,
    page,
    proto::v1::{self, delivery_service_server::DeliveryService},
    status::Problem,
};
use crate::{
    domain::{
        Act, AppId, Attempt, EndpointId, EventId, Millis, Notification, NotificationState, clock,
        notification::ATTEMPTS_KEPT,
    },
    store::ToldPosition,
    writer::handle::{Recover, Recovered, Refusal},
};

/// Rows put back by one call: a client is told how far it has come now and then.
const RECOVERED_MAX: u64 = 10_000;
/// Longest time one call puts rows back.
const RECOVER_TIME_MAX: Duration = Duration::from_secs(10);

impl Api {
    /// An event's row, if the caller may know of it.
    async fn seen_event(&self, caller: &Caller, id: Option<EventId>) -> Result<Notification, Problem> {
        let id = id.ok_or_else(|| Problem::not_found("event", ""))?;
        let name = id.clone();
        let found = self.read(move |reader| reader.notification(&name)).await?;
        found.filter(|row| caller.sees(&row.app)).ok_or_else(|| Problem::not_found("event", id.as_str()))
    }

    /// The event an act is for, and the act.
    async fn acted_on(&self, caller: &Caller, id: &str, why: &str) -> Result<(EventId, Act), Problem> {
        let mut form = Form::default();
        let id = form.event_id(id);
        let act = form.act(caller, why);
        form.finish()?;
        Ok((self.seen_event(caller, id).await?.id, act))
    }

    /// The app and the endpoint a filter is about; the endpoint must be one of that app's.
    async fn receiver_of(
        &self,
        caller: &Caller,
        app: &str,
        endpoint: Option<EndpointId>,
    ) -> Result<Option<AppId>, Problem> {
        let app = self.app_of(caller, app).await?;
        let Some(id) = endpoint else { return Ok(app) };
        let endpoint = self.seen_endpoint(caller, Some(id)).await?;
        if app.is_some_and(|app| app != endpoint.app) {
            return Err(Problem::not_found("endpoint", &id.to_string()));
        }
        Ok(Some(endpoint.app))
    }

    /// Puts a range back, step by step, until enough is put back or the time is over. How many, and where to go on.
    async fn recover(
        &self,
        mut ask: Recover,
        act: Act,
        time: Duration,
    ) -> Result<(u64, Option<ToldPosition>), Refusal> {
        let (begun, mut sum) = (Instant::now(), 0);
        loop {
            let Recovered { count, next } = match self.0.writer.recover(ask.clone(), act.clone()).await {
                Ok(step) => step,
                // What is put back is counted, and the next call goes on behind it, or says what is wrong.
                Err(_) if sum > 0 => return Ok((sum, ask.after)),
                Err(refusal) => return Err(refusal),
            };
            sum = u64::try_from(count).map_or(u64::MAX, |count| count.saturating_add(sum));
            if next.is_none() || sum >= RECOVERED_MAX || begun.elapsed() >= time {
                return Ok((sum, next));
            }
            ask.after = next;
        }
    }
}

#[tonic::async_trait]
impl DeliveryService for Api {
    async fn list_deliveries(
        &self,
        request: Request<v1::ListDeliveriesRequest>,
    ) -> Result<Response<v1::ListDeliveriesResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let size = page::size(asked.page_size)?;
        let mut form = Form::default();
        let endpoint = form.endpoint_or_all(&asked.endpoint_id);
        let filter = Filter {
            app: None,
            endpoint,
            states: form.delivery_states(&asked.states),
            kind: form.event_type(&asked.r#type),
            since: form.millis("since", asked.since.as_ref()),
            until: form.millis("until", asked.until.as_ref()),
        };
        form.finish()?;
        let app = self.receiver_of(&caller, &asked.app_id, endpoint).await?;
        let filter = Filter { app, ..filter };
        let question = format!("{filter:?}");
        let question = ["deliveries", question.as_str()];
        let after = self.0.pager.position(&question, &asked.page_token)?;
        let (rows, next) = self.read(move |reader| page_of(reader, &filter, after, size)).await?;
        Ok(Response::new(v1::ListDeliveriesResponse {
            deliveries: rows.iter().map(delivery).collect(),
            next_page_token: next.map(|position| self.0.pager.token(&question, &position)).unwrap_or_default(),
        }))
    }

    async fn get_delivery(
        &self,
        request: Request<v1::GetDeliveryRequest>,
    ) -> Result<Response<v1::GetDeliveryResponse>, Status> {
        let caller = caller_of(&request)?;
        let mut form = Form::default();
        let id = form.event_id(&request.into_inner().event_id);
        form.finish()?;
        let row = self.seen_event(&caller, id).await?;
        Ok(Response::new(v1::GetDeliveryResponse { delivery: Some(delivery(&row)), body: row.body }))
    }

    async fn list_attempts(
        &self,
        request: Request<v1::ListAttemptsRequest>,
    ) -> Result<Response<v1::ListAttemptsResponse>, Status> {
        let caller = caller_of(&request)?;
        let mut form = Form::default();
        let id = form.event_id(&request.into_inner().event_id);
        form.finish()?;
        let row = self.seen_event(&caller, id).await?;
        let attempts = self.read(move |reader| reader.attempts(&row.id, ATTEMPTS_KEPT as usize)).await?;
        Ok(Response::new(v1::ListAttemptsResponse { attempts: attempts.into_iter().map(attempt).collect() }))
    }

    async fn resend_delivery(
        &self,
        request: Request<v1::ResendDeliveryRequest>,
    ) -> Result<Response<v1::ResendDeliveryResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let (id, act) = self.acted_on(&caller, &asked.event_id, &asked.reason).await?;
        let row = self.0.writer.resend(id, act).await.map_err(Problem::from)?;
        tracing::info!(event = %row.id, caller = caller.name(), "delivery to be sent again");
        Ok(Response::new(v1::ResendDeliveryResponse { delivery: Some(delivery(&row)) }))
    }

    async fn recover_deliveries(
        &self,
        request: Request<v1::RecoverDeliveriesRequest>,
    ) -> Result<Response<v1::RecoverDeliveriesResponse>, Status> {
        let caller = caller_of(&request)?;
        let time = (deadline(request.metadata().as_ref()) / 2).min(RECOVER_TIME_MAX);
        let asked = request.into_inner();
        let mut form = Form::default();
        let app = form.app_id(&asked.app_id);
        let endpoint = form.endpoint_or_all(&asked.endpoint_id);
        let since = form.millis("since", asked.since.as_ref()).unwrap_or_default();
        let until = form.millis("until", asked.until.as_ref());
        let act = form.act(&caller, &asked.reason);
        form.finish()?;
        let app = app.ok_or_else(|| Problem::not_found("app", ""))?;
        self.receiver_of(&caller, app.as_str(), endpoint).await?;
        let delivered_too = asked.include_delivered;
        let question = format!("{app} {endpoint:?} {since:?} {until:?} {delivered_too}");
        let question = ["recover", question.as_str()];
        let position = self.0.pager.position(&question, &asked.page_token)?;
        // Events that come while the range is walked through are not of it, whichever call of the walk they meet.
        let (open_end, after) = begun(position.as_deref()).unwrap_or_else(|| (clock::now(), None));
        let until = Some(until.unwrap_or(open_end));
        let ask = Recover { app, endpoint, since, until, delivered_too, after };
        let (count, next) = self.recover(ask, act, time).await.map_err(Problem::from)?;
        tracing::info!(app = asked.app_id, count, caller = caller.name(), "deliveries to be sent again");
        let next = next.map(|position| [&open_end.0.to_be_bytes(), position.0.as_slice()].concat());
        let next_page_token = next.map(|position| self.0.pager.token(&question, &position)).unwrap_or_default();
        Ok(Response::new(v1::RecoverDeliveriesResponse { count, next_page_token }))
    }

    async fn close_delivery(
        &self,
        request: Request<v1::CloseDeliveryRequest>,
    ) -> Result<Response<v1::CloseDeliveryResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let (id, act) = self.acted_on(&caller, &asked.event_id, &asked.reason).await?;
        let row = self.0.writer.close_delivery(id, act).await.map_err(Problem::from)?;
        tracing::info!(event = %row.id, caller = caller.name(), "delivery closed");
        Ok(Response::new(v1::CloseDeliveryResponse { delivery: Some(delivery(&row)) }))
    }
}

/// When the walk that a token continues began, and where it goes on.
fn begun(position: Option<&[u8]>) -> Option<(Millis, Option<ToldPosition>)> {
    let (begun, behind) = position?.split_first_chunk()?;
    Some((Millis(u64::from_be_bytes(*begun)), Some(ToldPosition(behind.to_vec()))))
}

/// A delivery as it is answered. Of the URL only what names the receiver: paths carry tokens.
fn delivery(row: &Notification) -> v1::Delivery {
    let (silence, settled) = match row.state {
        NotificationState::Waiting | NotificationState::Due(_) => ("", None),
        NotificationState::Silent(why) => (why.word(), None),
        NotificationState::Delivered(at)
        | NotificationState::Resend { delivered: at, .. }
        | NotificationState::DeadLetter(at)
        | NotificationState::Untold(at)
        | NotificationState::Closed(at) => ("", Some(at)),
    };
    let event = |id: &Option<EventId>| id.as_ref().map(ToString::to_string).unwrap_or_default();
    v1::Delivery {
        event_id: row.id.to_string(),
        position: row.place.0,
        r#type: row.id.told().unwrap_or_default().to_owned(),
        app_id: row.app.to_string(),
        endpoint_id: row.endpoint().to_string(),
        receiver: row.url.receiver().to_owned(),
        protocol: row.protocol.word().to_owned(),
        state: delivery_state(row.state).into(),
        silence: silence.to_owned(),
        attempts: row.attempts.0,
        tries: row.tries,
        create_time: Some(answer::millis(row.created)),
        due_time: row.due().map(answer::millis),
        settle_time: settled.map(answer::millis),
        after_event_id: event(&row.after),
        next_event_id: event(&row.then),
    }
}

/// An attempt as it is answered.
pub(super) fn attempt(attempt: Attempt) -> v1::DeliveryAttempt {
    v1::DeliveryAttempt {
        number: attempt.number.0,
        trigger: attempt.trigger.word().to_owned(),
        start_time: Some(answer::millis(attempt.started)),
        duration_ms: attempt.took_ms,
        peer: attempt.peer.map(|peer| peer.to_string()).unwrap_or_default(),
        status: attempt.status.map(u32::from),
        outcome: attempt.outcome.word().to_owned(),
        detail: attempt.detail,
        excerpt: attempt.excerpt,
    }
}

#[cfg(test)]
mod tests;
