//! Pure: payload bytes, signatures, retry schedule, verdict.

use crate::domain::{App, Attempt, DepositEvent, Millis, Notification};

/// SKELETON. The outbox row of an event: body rendered once, due at once, or waiting for `after`.
pub fn compose(_event: &DepositEvent, _app: &App, _now: Millis) -> Notification {
    todo!()
}

/// SKELETON. The notification after this attempt.
pub fn settle(_notification: &Notification, _attempt: &Attempt, _ended: Millis) -> Notification {
    todo!()
}
