//! The loop: register for the bell, look, start, wait.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Client, NotifyError, NotifySettings,
    lane::{Found, Lanes, Outbox},
};
use crate::{
    domain::{App, Attempt, EventId, Millis, Notification, Outcome, clock, notification::EndpointId},
    store::Reader,
    writer::{Refusal, Settlement, WriterHandle},
};

/// How long a row rests whose attempt the writer would not record: it would be sent again at once otherwise.
const UNRECORDED_REST: Duration = Duration::from_secs(60);

/// A POST that is over and recorded.
struct Finished {
    endpoint: EndpointId,
    event: EventId,
    accepted: bool,
}

/// Sends what is due, until it is told to stop.
#[derive(Debug)]
pub struct Notifier<R = Reader> {
    outbox: R,
    writer: WriterHandle,
    settings: NotifySettings,
}

impl<R: Outbox> Notifier<R> {
    /// A notifier that reads `outbox` and has its attempts recorded by `writer`.
    pub fn new(outbox: R, writer: WriterHandle, settings: NotifySettings) -> Self {
        Self { outbox, writer, settings }
    }

    /// Runs until `stop`; then starts nothing more, waits for what is on its way, at most `grace`, and returns.
    ///
    /// # Errors
    /// [`NotifyError`]; rows that were on their way are due again after the restart.
    pub async fn run(self, stop: CancellationToken) -> Result<(), NotifyError> {
        let client = Arc::new(Client::new(&self.settings)?);
        let mut lanes = Lanes::new(self.settings.in_flight_max, self.settings.lane_in_flight_max);
        let mut posts: JoinSet<Finished> = JoinSet::new();
        let bell = self.writer.bell();
        while !stop.is_cancelled() {
            // Before looking: a ring between the look and the wait must not be lost.
            let mut heard = pin!(bell.notified());
            heard.as_mut().enable();
            let now = clock::now();
            let found = self.look(&mut lanes, now).await?;
            let pause = self.pause(now, found.next_due);
            for (endpoint, row, app) in found.start {
                posts.spawn(post(Arc::clone(&client), self.writer.clone(), stop.clone(), endpoint, row, app));
            }
            let mut finished = None;
            tokio::select! {
                () = stop.cancelled() => (),
                () = &mut heard => (),
                () = sleep(pause) => (),
                Some(post) = posts.join_next() => finished = Some(post),
            }
            while let Some(post) = finished {
                end(&mut lanes, post)?;
                finished = posts.try_join_next();
            }
        }
        self.drain(posts).await
    }

    /// Reads the outbox on a blocking thread: a read waits while a commit is on its way to disk.
    async fn look(&self, lanes: &mut Lanes, now: Millis) -> Result<Found, NotifyError> {
        let outbox = self.outbox.clone();
        let mut copy = lanes.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let found = copy.look(&outbox, now)?;
            Ok::<_, crate::store::StoreError>((copy, found))
        });
        let (after, found) = looked.await.map_err(NotifyError::Panicked)??;
        *lanes = after;
        Ok(found)
    }

    /// Until the next row is due, at most the poll interval.
    fn pause(&self, now: Millis, next_due: Option<Millis>) -> Duration {
        next_due.map_or(self.settings.poll, |due| Duration::from_millis(due.since(now)).min(self.settings.poll))
    }

    async fn drain(&self, mut posts: JoinSet<Finished>) -> Result<(), NotifyError> {
        let rest = async {
            while let Some(post) = posts.join_next().await {
                post.map_err(NotifyError::Panicked)?;
            }
            Ok(())
        };
        if let Ok(done) = timeout(self.settings.grace, rest).await {
            return done;
        }
        tracing::warn!(unfinished = posts.len(), "stopping: notifications on their way were cut off, they stay due");
        posts.shutdown().await;
        Ok(())
    }
}

fn end(lanes: &mut Lanes, post: Result<Finished, JoinError>) -> Result<(), NotifyError> {
    let Finished { endpoint, event, accepted } = post.map_err(NotifyError::Panicked)?;
    lanes.end(endpoint, &event, accepted);
    Ok(())
}

/// One attempt, over when the writer has recorded it.
async fn post(
    client: Arc<Client>,
    writer: WriterHandle,
    stop: CancellationToken,
    endpoint: EndpointId,
    row: Notification,
    app: Option<App>,
) -> Finished {
    let attempt = client.post(&row, app.as_ref()).await;
    log(&row, endpoint, &attempt);
    let event = row.id;
    let accepted = attempt.outcome == Outcome::Accepted;
    let settlement = Settlement { event: event.clone(), attempt, ended: clock::now() };
    match writer.settle(settlement).await {
        Ok(()) => (),
        // Nobody knows whether it was recorded; if not, it goes out again after the restart.
        Err(Refusal::Stopping) => (),
        Err(refusal) => {
            tracing::error!(event = %event, %refusal, "an attempt was not recorded; the event rests before it is sent again");
            tokio::select! {
                () = stop.cancelled() => (),
                () = sleep(UNRECORDED_REST) => (),
            }
        }
    }
    Finished { endpoint, event, accepted }
}

fn log(row: &Notification, endpoint: EndpointId, attempt: &Attempt) {
    let (event, app, outcome) = (&row.id, &row.app, attempt.outcome.word());
    let (number, status, took_ms) = (attempt.number.0, attempt.status, attempt.took_ms);
    if attempt.outcome == Outcome::Accepted {
        tracing::info!(%event, %app, %endpoint, attempt = number, status, took_ms, outcome, "notification delivered");
    } else {
        let why = attempt.detail.as_str();
        tracing::warn!(%event, %app, %endpoint, attempt = number, status, took_ms, outcome, why, "notification not delivered");
    }
}

#[cfg(test)]
mod tests;
