//! What to do after an attempt, as a value.

use super::{protocol, schedule::Wish};
use crate::domain::{Attempt, Millis, Notification, Outcome, Verdict, notification::Unreached};

/// The verdict on an attempt for `notification` that ended at `ended`; pauses count from there. A receiver that did not
/// answer in time gets at least a minute of rest; a refused connection or a missing name costs nobody anything and stays
/// on the schedule.
pub fn decide(notification: &Notification, attempt: &Attempt, ended: Millis) -> Verdict {
    let wish = match attempt.outcome {
        Outcome::Accepted => return Verdict::Delivered,
        Outcome::Gone => return Verdict::Park,
        Outcome::Refused { retry_after_s: Some(seconds), .. } => Wish::Seconds(seconds),
        Outcome::Refused { retry_after_s: None, slow_down: true } => Wish::SlowDown,
        Outcome::Unreachable(Unreached::TimedOut) => Wish::SlowDown,
        Outcome::Refused { retry_after_s: None, slow_down: false } | Outcome::Blocked | Outcome::Unreachable(_) => {
            Wish::None
        }
    };
    let tries = notification.tries.saturating_add(1);
    match protocol::schedule(notification.protocol).pause_ms(&attempt.event, tries, attempt.number, wish) {
        Some(pause) => Verdict::RetryAt(ended.plus(pause)),
        None => Verdict::DeadLetter,
    }
}
