//! `EventService`: the feed.

use std::{collections::VecDeque, time::Duration};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::watch;
use tonic::{Code, Request, Response, Status};

use super::{
    Api, answer,
    auth::Caller,
    convert::Form,
    door::caller_of,
    page,
    proto::v1::{self, event_service_server::EventService},
    status::Problem,
    streams::{StreamPlace, place_of},
};
use crate::domain::{AppId, EventPlace, Notification, NotificationState};

/// Events a stream reads ahead of its receiver. Those of a slow one stay in the store.
const PAGE_EVENTS: usize = 256;
/// A stream that has told everything looks again after this time even if nobody said that there is news.
const POLL: Duration = Duration::from_secs(5);
/// News of commits that come within this time are looked at together.
const GATHER: Duration = Duration::from_millis(20);

#[tonic::async_trait]
impl EventService for Api {
    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let size = page::size(asked.page_size)?;
        let app = self.app_of(&caller, &asked.app_id).await?;
        let after = EventPlace(asked.after_position);
        let newest = self.newest_at_least(after).await?;
        let events = self.read(move |reader| reader.events(app.as_ref(), after, size)).await?;
        let newest_position = events.last().map_or(newest, |last| newest.max(last.place)).0;
        let events = events.into_iter().map(event).collect();
        Ok(Response::new(v1::ListEventsResponse { events, newest_position }))
    }

    type StreamEventsStream = BoxStream<'static, Result<v1::StreamEventsResponse, Status>>;

    async fn stream_events(
        &self,
        request: Request<v1::StreamEventsRequest>,
    ) -> Result<Response<Self::StreamEventsStream>, Status> {
        let (caller, place) = (caller_of(&request)?, place_of(&request)?);
        let asked = request.into_inner();
        let app = self.app_of(&caller, &asked.app_id).await?;
        let after = EventPlace(asked.after_position);
        self.newest_at_least(after).await?;
        let commits = self.0.writer.commits();
        let feed = Feed { api: self.clone(), app, after, page: VecDeque::new(), commits, _place: place };
        Ok(Response::new(feed.stream()))
    }
}

impl Api {
    /// Whose events are asked for; `None`: everybody's.
    pub(super) async fn app_of(&self, caller: &Caller, name: &str) -> Result<Option<AppId>, Problem> {
        if name.is_empty() {
            return Ok(caller.only_app().cloned());
        }
        let mut form = Form::default();
        let app = form.app_id(name);
        form.finish()?;
        let app = app.ok_or_else(|| Problem::not_found("app", name))?;
        caller.must_see(&app)?;
        let wanted = app.clone();
        let there = self.read(move |reader| reader.app(&wanted)).await?;
        there.map(|_| Some(app)).ok_or_else(|| Problem::not_found("app", name))
    }

    /// The newest event's place.
    ///
    /// # Errors
    /// It lies below `after`: whoever was told that position was told it by another store, or by a later state of this
    /// one. Going on would skip what is written from now on.
    async fn newest_at_least(&self, after: EventPlace) -> Result<EventPlace, Problem> {
        let newest = self.read(|reader| reader.last_event()).await?;
        if after <= newest {
            return Ok(newest);
        }
        let text = format!(
            "position {} lies beyond the newest event, {}: it was given by another store, or by this one before an older \
             copy of it was put back; begin again at a position that both agree on, or at 0",
            after.0, newest.0
        );
        Err(Problem::new(Code::FailedPrecondition, "POSITION_AHEAD", text)
            .with("newest_position", newest.0.to_string()))
    }
}

/// A stream of events under way.
struct Feed {
    api: Api,
    app: Option<AppId>,
    /// The last place told or read.
    after: EventPlace,
    page: VecDeque<Notification>,
    commits: watch::Receiver<u64>,
    _place: StreamPlace,
}

impl Feed {
    /// Reads only when somebody takes: nothing piles up behind a slow receiver.
    fn stream(self) -> BoxStream<'static, Result<v1::StreamEventsResponse, Status>> {
        let told = stream::unfold(Some(self), |feed| async {
            let mut feed = feed?;
            match feed.next().await {
                Ok(row) => Some((Ok(v1::StreamEventsResponse { event: Some(event(row)) }), Some(feed))),
                Err(problem) => Some((Err(Status::from(problem)), None)),
            }
        });
        told.boxed()
    }

    /// The next event, waited for.
    async fn next(&mut self) -> Result<Notification, Problem> {
        loop {
            if self.api.0.stop.is_cancelled() {
                return Err(Problem::stopping());
            }
            if let Some(row) = self.page.pop_front() {
                return Ok(row);
            }
            // Looked at before the read: a commit that comes after it is news.
            self.commits.borrow_and_update();
            let (app, after) = (self.app.clone(), self.after);
            let rows = self.api.read(move |reader| reader.events(app.as_ref(), after, PAGE_EVENTS)).await?;
            match rows.last() {
                Some(last) => self.after = last.place,
                None => self.wait().await?,
            }
            self.page = rows.into();
        }
    }

    /// Until there may be more.
    async fn wait(&mut self) -> Result<(), Problem> {
        tokio::select! {
            () = self.api.0.stop.cancelled() => Err(Problem::stopping()),
            news = self.commits.changed() => {
                tokio::time::sleep(GATHER).await;
                news.map_err(|_| Problem::stopping())
            }
            () = tokio::time::sleep(POLL) => Ok(()),
        }
    }
}

/// An event as it is answered.
fn event(row: Notification) -> v1::Event {
    v1::Event {
        position: row.place.0,
        event_id: row.id.to_string(),
        r#type: row.id.told().unwrap_or_default().to_owned(),
        app_id: row.app.to_string(),
        create_time: Some(answer::millis(row.created)),
        body: row.body,
        delivery_state: delivery_state(row.state).into(),
        attempts: row.attempts.0,
    }
}

/// How far the telling has come, as it is answered.
pub(super) fn delivery_state(state: NotificationState) -> v1::DeliveryState {
    match state {
        NotificationState::Waiting => v1::DeliveryState::Waiting,
        NotificationState::Due(_) => v1::DeliveryState::Due,
        NotificationState::Delivered(_) => v1::DeliveryState::Delivered,
        NotificationState::DeadLetter(_) => v1::DeliveryState::DeadLetter,
        NotificationState::Resend { .. } => v1::DeliveryState::Resend,
        NotificationState::Silent(_) => v1::DeliveryState::Silent,
        NotificationState::Untold(_) => v1::DeliveryState::Untold,
        NotificationState::Closed(_) => v1::DeliveryState::Closed,
    }
}
