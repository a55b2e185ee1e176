//! The loop: hear what is new, plan, look, start, wait.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinSet, yield_now},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Client, NotifyError, NotifySettings,
    lane::{Lanes, Start},
    outbox::{self, Outbox},
};
use crate::{
    delivery::breaker::{Sign, Turn},
    domain::{AppId, Attempt, EndpointId, EventId, LaneBoard, Notification, Outcome, clock},
    store::{Reader, StoreError},
    writer::{Refusal, Settlement, WriterHandle},
};

/// How long a row rests whose attempt the writer would not record: it would be sent again at once otherwise.
const UNRECORDED_REST: Duration = Duration::from_secs(60);

/// A POST that is over and recorded.
struct Finished {
    endpoint: EndpointId,
    event: EventId,
    app: AppId,
    sign: Sign,
}

/// Sends what is due, until it is told to stop.
#[derive(Debug)]
pub struct Notifier<R = Reader> {
    outbox: R,
    writer: WriterHandle,
    client: Arc<Client>,
    board: LaneBoard,
    settings: NotifySettings,
}

impl<R: Outbox> Notifier<R> {
    /// A notifier that reads `outbox` and has its attempts recorded by `writer`.
    pub fn new(
        outbox: R,
        writer: WriterHandle,
        client: Arc<Client>,
        board: LaneBoard,
        settings: NotifySettings,
    ) -> Self {
        Self { outbox, writer, client, board, settings }
    }

    /// Runs until `stop`; then starts nothing more, waits for what is on its way, at most `grace`, and returns.
    ///
    /// # Errors
    /// [`NotifyError`]; rows that were on their way are due again after the restart.
    pub async fn run(self, stop: CancellationToken) -> Result<(), NotifyError> {
        let mut lanes = Lanes::new(self.settings.lanes);
        let mut posts: JoinSet<Finished> = JoinSet::new();
        let bell = self.writer.bell();
        let mut walk_at = Instant::now();
        while !stop.is_cancelled() {
            if Instant::now() >= walk_at {
                let all = self.read(|outbox| outbox::walk(&outbox)).await?;
                lanes.walked(&all, clock::now());
                walk_at = Instant::now() + self.settings.poll;
            }
            lanes.news(bell.take());
            while let Some(post) = posts.try_join_next() {
                end(&mut lanes, post)?;
            }
            let starts = self.serve(&mut lanes).await?;
            let is_done = starts.is_none();
            for start in starts.into_iter().flatten() {
                posts.spawn(post(Arc::clone(&self.client), self.writer.clone(), stop.clone(), start));
            }
            self.publish(&mut lanes);
            if !is_done {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => (),
                () = bell.heard() => (),
                () = sleep(pause(&lanes, walk_at)) => (),
                Some(post) = posts.join_next() => end(&mut lanes, post)?,
            }
            // A commit ends many attempts at once: they are looked after together.
            yield_now().await;
        }
        self.drain(posts).await
    }

    /// One look at the lanes whose turn it is; `None`: there is none.
    async fn serve(&self, lanes: &mut Lanes) -> Result<Option<Vec<Start>>, NotifyError> {
        let wants = lanes.plan(clock::now());
        if wants.is_empty() {
            return Ok(None);
        }
        let seen = self.read(move |outbox| outbox::see(&outbox, &wants, clock::now())).await?;
        Ok(Some(lanes.start(seen, clock::now())))
    }

    /// Reads the outbox on a blocking thread: a read waits while a commit is on its way to disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(R) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, NotifyError> {
        let outbox = self.outbox.clone();
        Ok(tokio::task::spawn_blocking(move || read(outbox)).await.map_err(NotifyError::Panicked)??)
    }

    /// Tells everyone else where the lanes stand.
    fn publish(&self, lanes: &mut Lanes) {
        for (endpoint, status) in lanes.take_changed() {
            self.board.set(endpoint, status);
        }
        metrics::gauge!("depositd_lanes_resting").set(count(lanes.resting()));
        metrics::gauge!("depositd_deliveries_in_flight").set(count(lanes.in_flight()));
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

/// Until a lane is to be looked at, at most until the next walk.
fn pause(lanes: &Lanes, walk_at: Instant) -> Duration {
    let most = walk_at.saturating_duration_since(Instant::now());
    lanes.wake().map_or(most, |at| Duration::from_millis(at.since(clock::now())).min(most))
}

fn count(len: usize) -> f64 {
    u32::try_from(len).map_or(f64::MAX, f64::from)
}

fn end(lanes: &mut Lanes, post: Result<Finished, JoinError>) -> Result<(), NotifyError> {
    let Finished { endpoint, event, app, sign } = post.map_err(NotifyError::Panicked)?;
    match lanes.end(endpoint, &event, sign, clock::now()) {
        Some(Turn::Opened) => {
            tracing::warn!(%endpoint, %app, "the receiver fails again and again: it rests, what is due waits");
        }
        Some(Turn::Closed) => tracing::info!(%endpoint, %app, "the receiver answers again: what waited is sent"),
        None => (),
    }
    Ok(())
}

/// One attempt, over when the writer has recorded it.
async fn post(client: Arc<Client>, writer: WriterHandle, stop: CancellationToken, start: Start) -> Finished {
    let Start { endpoint, row, app, is_probe } = start;
    let attempt = client.post(&row, app.as_ref()).await;
    log(&row, endpoint, &attempt, is_probe);
    let (event, app, sign) = (row.id, row.app, Sign::of(&attempt));
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
    Finished { endpoint, event, app, sign }
}

/// A line for each attempt, but a quiet one while the receiver rests: that it does is in the log already.
fn log(row: &Notification, endpoint: EndpointId, attempt: &Attempt, is_probe: bool) {
    let (event, app, outcome) = (&row.id, &row.app, attempt.outcome.word());
    let (number, status, took_ms) = (attempt.number.0, attempt.status, attempt.took_ms);
    let why = attempt.detail.as_str();
    if attempt.outcome == Outcome::Accepted {
        tracing::info!(%event, %app, %endpoint, attempt = number, status, took_ms, outcome, "notification delivered");
    } else if is_probe {
        tracing::debug!(%event, %app, %endpoint, attempt = number, status, took_ms, outcome, why, "still not delivered");
    } else {
        tracing::warn!(%event, %app, %endpoint, attempt = number, status, took_ms, outcome, why, "notification not delivered");
    }
}

#[cfg(test)]
mod tests;
