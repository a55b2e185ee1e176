//! What to do after an attempt, as a value.

use super::{protocol, schedule::Wish};
use crate::domain::{Attempt, Millis, Outcome, Protocol, Verdict};

/// How the `detail` of an attempt begins that ran into a deadline. Such a receiver gets at least a minute of rest; a
/// refused connection or a missing name costs nobody anything and stays on the schedule.
pub const TIMED_OUT: &str = "timed out";

/// The verdict on an attempt that ended at `ended`; pauses count from there.
///
/// A 410 is a dead letter at once: nobody is there to hear the rest. (Parking the whole endpoint, so that its other rows
/// are held and not spent one by one, is not done yet.)
pub fn decide(protocol: Protocol, attempt: &Attempt, ended: Millis) -> Verdict {
    let wish = match attempt.outcome {
        Outcome::Accepted => return Verdict::Delivered,
        Outcome::Gone => return Verdict::DeadLetter,
        Outcome::Refused { retry_after_s: Some(seconds), .. } => Wish::Seconds(seconds),
        Outcome::Refused { retry_after_s: None, slow_down: true } => Wish::SlowDown,
        Outcome::Refused { retry_after_s: None, slow_down: false } | Outcome::Blocked => Wish::None,
        Outcome::Unreachable if attempt.detail.starts_with(TIMED_OUT) => Wish::SlowDown,
        Outcome::Unreachable => Wish::None,
    };
    match protocol::schedule(protocol).pause_ms(&attempt.event, attempt.number, wish) {
        Some(pause) => Verdict::RetryAt(ended.plus(pause)),
        None => Verdict::DeadLetter,
    }
}
