//! What systemd is told: ready, reloading, stopping, status, and that every task still takes turns.
//!
//! The watchdog is fed only while every named task reported a turn within its own limit. Never from a timer alone, never
//! from block progress: a dead node must not restart us.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

/// The board tasks report their turns on. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct TurnBoard(Arc<Mutex<BTreeMap<String, Turn>>>);

#[derive(Clone, Copy, Debug)]
struct Turn {
    last: Instant,
    limit: Duration,
}

/// A task that has not taken its turn in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Its name.
    pub task: String,
    /// Since when it has been silent.
    pub silent: Duration,
    /// How long it may be.
    pub limit: Duration,
}

impl TurnBoard {
    /// Expects a turn of `task` every `limit` from now on.
    pub fn expect(&self, task: impl Into<String>, limit: Duration) {
        self.with(|turns| turns.insert(task.into(), Turn { last: Instant::now(), limit }));
    }

    /// Reports a turn. A task nobody expects is not taken note of.
    pub fn turn(&self, task: &str) {
        self.with(|turns| {
            if let Some(turn) = turns.get_mut(task) {
                turn.last = Instant::now();
            }
        });
    }

    /// Expects nothing of `task` any more.
    pub fn forget(&self, task: &str) {
        self.with(|turns| turns.remove(task));
    }

    /// Who is silent beyond his limit at `now`, by name.
    pub fn stuck(&self, now: Instant) -> Vec<Stuck> {
        let judge = |(task, turn): (&String, &Turn)| {
            let silent = now.saturating_duration_since(turn.last);
            (silent > turn.limit).then(|| Stuck { task: task.clone(), silent, limit: turn.limit })
        };
        self.with(|turns| turns.iter().filter_map(judge).collect())
    }

    /// Seconds since each task's last turn at `now`.
    pub fn silences(&self, now: Instant) -> BTreeMap<String, Duration> {
        let silence = |(task, turn): (&String, &Turn)| (task.clone(), now.saturating_duration_since(turn.last));
        self.with(|turns| turns.iter().map(silence).collect())
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Turn>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Says that the store is verified and the listeners are bound. Without a service manager nothing happens, here as below.
///
/// # Errors
/// The manager's socket does not take it.
pub fn ready(status: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&one_line(status))])
}

/// Says that the ordered stop has begun.
///
/// # Errors
/// As [`ready`].
pub fn stopping(status: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))])
}

/// Says that the configuration is being read again; [`ready`] ends it.
///
/// # Errors
/// As [`ready`]; the system's clock cannot be read.
pub fn reloading() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])
}

/// A line for `systemctl status`.
///
/// # Errors
/// As [`ready`].
pub fn status(status: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Status(&one_line(status))])
}

/// Asks for `more` time, from now, while starting or stopping takes long.
///
/// # Errors
/// As [`ready`].
pub fn extend_timeout(more: Duration) -> io::Result<()> {
    let micros = u32::try_from(more.as_micros()).unwrap_or(u32::MAX);
    sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(micros)])
}

/// A line's end inside would be read as another message.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// Feeds the watchdog, if the service manager set one, three times per interval while no task is stuck. A stuck task is
/// logged, the feeding pauses, and the service manager ends the process. Returns at the stop.
pub async fn feed_watchdog(board: TurnBoard, stop: CancellationToken) {
    let Some(interval) = sd_notify::watchdog_enabled() else {
        stop.cancelled().await;
        return;
    };
    feed(interval / 3, &board, &stop, || sd_notify::notify(&[NotifyState::Watchdog])).await;
}

async fn feed(pause: Duration, board: &TurnBoard, stop: &CancellationToken, mut send: impl FnMut() -> io::Result<()>) {
    loop {
        let stuck = board.stuck(Instant::now());
        for task in &stuck {
            tracing::error!(task = %task.task, silent_s = task.silent.as_secs(), limit_s = task.limit.as_secs(),
                "task takes no turns, the watchdog is not fed");
        }
        if stuck.is_empty()
            && let Err(error) = send()
        {
            tracing::warn!(%error, "the service manager could not be told that all tasks take turns");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_task_is_stuck_after_its_own_limit_and_free_after_a_turn() {
        let board = TurnBoard::default();
        board.expect("writer", Duration::from_secs(10));
        board.expect("notifier", Duration::from_secs(60));
        board.turn("nobody");
        let now = Instant::now();
        assert_eq!(board.stuck(now), []);
        let later = board.stuck(now + Duration::from_secs(11));
        assert_eq!(later.iter().map(|stuck| stuck.task.as_str()).collect::<Vec<_>>(), ["writer"]);
        assert_eq!(board.stuck(now + Duration::from_secs(61)).len(), 2);
        board.forget("writer");
        assert_eq!(board.stuck(now + Duration::from_secs(11)), []);
        assert_eq!(board.silences(now).len(), 1);
    }

    #[tokio::test]
    async fn the_watchdog_starves_while_one_task_is_stuck() {
        const HOUR: Duration = Duration::from_secs(3600);
        let board = TurnBoard::default();
        board.expect("writer", HOUR);
        let (stop, fed) = (CancellationToken::new(), AtomicUsize::new(0));
        let feeding = feed(Duration::from_millis(5), &board, &stop, || {
            fed.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        let above = async |count| {
            while fed.load(Ordering::Relaxed) <= count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let script = async {
            above(2).await;
            board.expect("writer", Duration::ZERO);
            tokio::time::sleep(Duration::from_millis(10)).await;
            let starved = fed.load(Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(fed.load(Ordering::Relaxed), starved);
            board.expect("writer", HOUR);
            above(starved).await;
            stop.cancel();
        };
        tokio::join!(feeding, script);
    }

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("following\nREADY=1"), "following READY=1");
    }
}
