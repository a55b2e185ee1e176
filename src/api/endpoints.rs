//! `EndpointService`.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;
use tonic::{Code, Request, Response, Status};

use super::{
    Api, answer,
    auth::Caller,
    convert::Form,
    deliveries,
    desk::Postman,
    door::caller_of,
    orders::seen_app,
    page::{self, SCAN_CHUNK_ROWS, SCAN_ROWS_MAX},
    proto::v1::{self, endpoint_service_server::EndpointService},
    status::Problem,
};
use crate::{
    domain::{
        Act, App, AppId, Attempt, Endpoint, EndpointId, EventId, LaneStatus, Millis, Notification, Parked, WhyParked,
    },
    store::{Reader, StoreError},
    writer::handle::{Refusal, WriterHandle},
};

/// Pending events counted for one endpoint.
const PENDING_MAX: usize = 1000;
/// And for each of a list.
const PENDING_MAX_IN_LISTS: usize = 100;
/// What a client is told to wait while there are enough tests on their way.
const TESTS_PAUSE: Duration = Duration::from_secs(1);
/// How often the writer is asked to record a test while its queue is full.
const RECORD_TRIES: u32 = 100;

/// An endpoint and what waits for it.
struct Seen {
    endpoint: Endpoint,
    pending: usize,
    pending_is_more: bool,
    next_due: Option<Millis>,
}

impl Seen {
    fn read(reader: &Reader, endpoint: Endpoint, most: usize) -> Result<Self, StoreError> {
        let counted = reader.pending(endpoint.id, most + 1)?;
        let next_due = reader.oldest_due(endpoint.id)?;
        Ok(Self { endpoint, pending: counted.min(most), pending_is_more: counted > most, next_due })
    }
}

impl Api {
    /// An endpoint, if the caller may know of it.
    pub(super) async fn seen_endpoint(&self, caller: &Caller, id: Option<EndpointId>) -> Result<Endpoint, Problem> {
        let id = id.ok_or_else(|| Problem::not_found("endpoint", ""))?;
        let found = self.read(move |reader| reader.endpoint_or_lane(id)).await?;
        found
            .filter(|endpoint| caller.sees(&endpoint.app))
            .ok_or_else(|| Problem::not_found("endpoint", &id.to_string()))
    }

    /// An endpoint as it is answered.
    async fn endpoint_answer(&self, endpoint: Endpoint) -> Result<v1::Endpoint, Problem> {
        let seen = self.read(move |reader| Seen::read(reader, endpoint, PENDING_MAX)).await?;
        Ok(told(&seen, self.0.lanes.of(seen.endpoint.id)))
    }

    /// The endpoint an act is for, and the act.
    async fn acted(&self, caller: &Caller, id: &str, why: &str) -> Result<(EndpointId, Act), Problem> {
        let mut form = Form::default();
        let id = form.endpoint_id(id);
        let act = form.act(caller, why);
        form.finish()?;
        Ok((self.seen_endpoint(caller, id).await?.id, act))
    }
}

#[tonic::async_trait]
impl EndpointService for Api {
    async fn list_endpoints(
        &self,
        request: Request<v1::ListEndpointsRequest>,
    ) -> Result<Response<v1::ListEndpointsResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let size = page::size(asked.page_size)?;
        let app = self.app_of(&caller, &asked.app_id).await?;
        let only_parked = asked.only_parked;
        let parked = if only_parked { "parked" } else { "all" };
        let name = app.as_ref().map(ToString::to_string).unwrap_or_default();
        let question = ["endpoints", name.as_str(), parked];
        let after = self.0.pager.position(&question, &asked.page_token)?;
        let after = after.and_then(|bytes| bytes.try_into().ok()).map(EndpointId);
        let (rows, next) = self.read(move |reader| page_of(reader, app.as_ref(), only_parked, after, size)).await?;
        Ok(Response::new(v1::ListEndpointsResponse {
            endpoints: rows.iter().map(|seen| told(seen, self.0.lanes.of(seen.endpoint.id))).collect(),
            next_page_token: next.map(|id| self.0.pager.token(&question, &id.0)).unwrap_or_default(),
        }))
    }

    async fn get_endpoint(
        &self,
        request: Request<v1::GetEndpointRequest>,
    ) -> Result<Response<v1::GetEndpointResponse>, Status> {
        let caller = caller_of(&request)?;
        let mut form = Form::default();
        let id = form.endpoint_id(&request.into_inner().endpoint_id);
        form.finish()?;
        let endpoint = self.seen_endpoint(&caller, id).await?;
        Ok(Response::new(v1::GetEndpointResponse { endpoint: Some(self.endpoint_answer(endpoint).await?) }))
    }

    async fn park_endpoint(
        &self,
        request: Request<v1::ParkEndpointRequest>,
    ) -> Result<Response<v1::ParkEndpointResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let (id, act) = self.acted(&caller, &asked.endpoint_id, &asked.reason).await?;
        let endpoint = self.0.writer.park_endpoint(id, act).await.map_err(Problem::from)?;
        tracing::info!(endpoint = %id, caller = caller.name(), "endpoint parked");
        Ok(Response::new(v1::ParkEndpointResponse { endpoint: Some(self.endpoint_answer(endpoint).await?) }))
    }

    async fn resume_endpoint(
        &self,
        request: Request<v1::ResumeEndpointRequest>,
    ) -> Result<Response<v1::ResumeEndpointResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let (id, act) = self.acted(&caller, &asked.endpoint_id, &asked.reason).await?;
        let endpoint = self.0.writer.resume_endpoint(id, act).await.map_err(Problem::from)?;
        tracing::info!(endpoint = %id, caller = caller.name(), "endpoint resumed");
        Ok(Response::new(v1::ResumeEndpointResponse { endpoint: Some(self.endpoint_answer(endpoint).await?) }))
    }

    async fn test_endpoint(
        &self,
        request: Request<v1::TestEndpointRequest>,
    ) -> Result<Response<v1::TestEndpointResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let mut form = Form::default();
        let act = form.act(&caller, &asked.reason);
        let id = form.app_id(&asked.app_id);
        form.finish()?;
        let id = seen_app(&caller, id.as_ref().map(AppId::as_str).unwrap_or_default())?;
        let name = id.clone();
        let app = self.read(move |reader| reader.app(&name)).await?;
        let app = app.ok_or_else(|| Problem::not_found("app", id.as_str()))?;
        let place = self.0.tests.enter().ok_or_else(|| {
            Problem::new(Code::ResourceExhausted, "TESTS_LIMIT", "there are enough tests on their way")
                .retry_after(TESTS_PAUSE)
        })?;
        let mut drawn = [0; 20];
        getrandom::fill(&mut drawn)
            .map_err(|_| Problem::new(Code::Internal, "NO_RANDOMNESS", "the system gives no random bytes"))?;
        let (tell, came) = oneshot::channel();
        let (postman, writer, event) = (Arc::clone(&self.0.postman), self.0.writer.clone(), EventId::test(&drawn));
        self.0.tests.run(async move {
            let _place = place;
            // Whoever asked may have gone; what came of it is on record.
            let _ = tell.send(test(&*postman, &writer, event, &app, act).await);
        });
        let (row, attempt) = came.await.map_err(|_| Problem::stopping())??;
        tracing::info!(app = %id, outcome = attempt.outcome.word(), caller = caller.name(), "endpoint tested");
        Ok(Response::new(v1::TestEndpointResponse {
            event_id: row.id.to_string(),
            endpoint_id: row.endpoint().to_string(),
            receiver: row.url.receiver().to_owned(),
            attempt: Some(deliveries::attempt(attempt)),
        }))
    }
}

/// Posts a test and has it recorded.
async fn test(
    postman: &dyn Postman,
    writer: &WriterHandle,
    event: EventId,
    app: &App,
    act: Act,
) -> Result<(Notification, Attempt), Problem> {
    let protocol = app.protocol.word();
    let (row, attempt, ended) = postman.test(event, app).await.ok_or_else(|| {
        let text = format!("{protocol} has no event that is certainly no payment: nothing was sent");
        Problem::new(Code::FailedPrecondition, "TEST_NOT_SUPPORTED", text).with("protocol", protocol)
    })?;
    let mut tries = 0;
    loop {
        match writer.record_test(row.clone(), attempt.clone(), ended, act.clone()).await {
            Ok(()) => return Ok((row, attempt)),
            // It has been sent: not to record it would leave an act without a trace.
            Err(Refusal::Busy { retry_after }) if tries < RECORD_TRIES => {
                tries += 1;
                tokio::time::sleep(retry_after).await;
            }
            Err(refusal) => {
                tracing::error!(event = %row.id, %refusal, "a test was sent and not recorded");
                return Err(refusal.into());
            }
        }
    }
}

/// Up to `size` endpoints behind `after`, and where to go on; `None` is the end.
fn page_of(
    reader: &Reader,
    app: Option<&AppId>,
    only_parked: bool,
    after: Option<EndpointId>,
    size: usize,
) -> Result<(Vec<Seen>, Option<EndpointId>), StoreError> {
    let (mut found, mut at, mut looked) = (Vec::new(), after, 0);
    while looked < SCAN_ROWS_MAX {
        let rows = reader.endpoints(at, SCAN_CHUNK_ROWS)?;
        let is_end = rows.len() < SCAN_CHUNK_ROWS;
        for endpoint in rows {
            if found.len() == size {
                return Ok((found, at));
            }
            looked += 1;
            at = Some(endpoint.id);
            if app.is_none_or(|app| endpoint.app == *app) && (endpoint.parked.is_some() || !only_parked) {
                found.push(Seen::read(reader, endpoint, PENDING_MAX_IN_LISTS)?);
            }
        }
        if is_end {
            return Ok((found, None));
        }
    }
    Ok((found, at))
}

fn told(seen: &Seen, lane: Option<LaneStatus>) -> v1::Endpoint {
    let endpoint = &seen.endpoint;
    v1::Endpoint {
        endpoint_id: endpoint.id.to_string(),
        app_id: endpoint.app.to_string(),
        receiver: endpoint.receiver.clone(),
        parked: endpoint.parked.as_ref().map(parked),
        failing_since: endpoint.failing_since.map(answer::millis),
        failures: endpoint.failures,
        pending: u32::try_from(seen.pending).unwrap_or(u32::MAX),
        pending_is_more: seen.pending_is_more,
        next_due_time: seen.next_due.map(answer::millis),
        in_flight: lane.map(|lane| lane.in_flight).unwrap_or_default(),
        resting_until: lane.and_then(|lane| lane.resting_until).map(answer::millis),
    }
}

fn parked(parked: &Parked) -> v1::EndpointParked {
    let act = match &parked.why {
        WhyParked::Gone | WhyParked::Failing => None,
        WhyParked::Operator(act) => Some(act),
    };
    v1::EndpointParked {
        since: Some(answer::millis(parked.since)),
        why: parked.why.word().to_owned(),
        by: act.map(|act| act.by.clone()).unwrap_or_default(),
        reason: act.map(|act| act.why.clone()).unwrap_or_default(),
    }
}
