//! When a request leaves, and when it has been waited for long enough to ask again.

use std::{
    num::NonZeroU32,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// This part of an interval is added to it: what leaves evenly arrives less so, and a refusal costs more than a pause.
const SPARE: u32 = 32;
/// Shortest wait before a request is sent a second time.
const PATIENCE_MIN: Duration = Duration::from_millis(200);
/// The same where the second sending takes a slot that another request waits for.
const PACED_PATIENCE_MIN: Duration = Duration::from_secs(1);
/// So many times as long as answers usually take is too long.
const USUAL_TIMES: u32 = 4;

/// Spaces requests evenly. Reservations are made ahead, so waiting callers use every slot; an idle client saves up one.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        let interval = Duration::from_secs(1) / per_second.get();
        Self { interval: interval + interval / SPARE, next: Mutex::new(None) }
    }

    /// When `weight` requests may leave.
    pub(super) fn reserve(&self, weight: u32, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let saved = now.checked_sub(self.interval).unwrap_or(now);
        let start = next.map_or(now, |next| next.max(saved));
        *next = Some(start + self.interval * weight);
        start
    }
}

/// How long answers of one endpoint usually take to begin.
#[derive(Debug)]
pub(super) struct Patience {
    /// Microseconds, each new one weighing an eighth; 0 before the first answer.
    usual_us: AtomicU64,
    least: Duration,
}

impl Patience {
    pub(super) fn new(is_paced: bool) -> Self {
        let least = if is_paced { PACED_PATIENCE_MIN } else { PATIENCE_MIN };
        Self { usual_us: AtomicU64::new(0), least }
    }

    /// After how long a request without an answer is sent once more; `None` as long as nothing is known.
    pub(super) fn ends_after(&self) -> Option<Duration> {
        match self.usual_us.load(Ordering::Relaxed) {
            0 => None,
            usual => Some((Duration::from_micros(usual) * USUAL_TIMES).max(self.least)),
        }
    }

    /// An answer began after `took`.
    pub(super) fn answered(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        // Two answers at the same time may forget one of them; it is an estimate.
        let usual = match self.usual_us.load(Ordering::Relaxed) {
            0 => took,
            old => old - old / 8 + took / 8,
        };
        self.usual_us.store(usual.max(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_uses_every_slot_and_no_more() {
        let pace = Pace::new(NonZeroU32::new(10).unwrap());
        let start = Instant::now();
        let leaves: Vec<_> = (0..10).map(|_| (pace.reserve(1, start) - start).as_millis()).collect();
        assert_eq!(leaves, [0, 103, 206, 309, 412, 515, 618, 721, 825, 928]);
        assert_eq!((pace.reserve(5, start) - start).as_millis(), 1031);
        assert_eq!((pace.reserve(1, start) - start).as_millis(), 1546);
        let later = start + Duration::from_secs(60);
        assert!(pace.reserve(1, later) <= later);
        assert!(pace.reserve(1, later) <= later);
        assert!(pace.reserve(1, later) > later, "an idle minute saves up one request, not six hundred");
    }

    #[test]
    fn patience_follows_what_answers_take() {
        let patience = Patience::new(false);
        assert_eq!(patience.ends_after(), None, "nothing is known yet");
        patience.answered(Duration::from_millis(1));
        assert_eq!(patience.ends_after(), Some(PATIENCE_MIN));
        for _ in 0..100 {
            patience.answered(Duration::from_secs(2));
        }
        let after = patience.ends_after().unwrap();
        assert!((7..=8).contains(&after.as_secs()), "a slow endpoint is not asked twice: {after:?}");
    }
}
