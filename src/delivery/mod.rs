//! Pure: what merchants are told, to the byte; how it is signed; what follows from what came back.
//!
//! Times come in as arguments and jitter is derived from ids, so a replay gives the same bytes and the same due times.

pub mod decide;
pub mod payload;
pub mod protocol;
pub mod retry_after;
pub mod schedule;

pub use decide::{TIMED_OUT, decide};

use crate::domain::{
    App, Attempt, AttemptNo, DepositEvent, Event, EventId, EventPlace, EventVersion, Millis, Notification,
    NotificationState, Verdict,
};

/// The outbox row of an event: body rendered once, told at the order's own URL or the app's, due at once.
///
/// `after` names the version before it, if there is one; whoever stores the row turns it into
/// [`NotificationState::Waiting`] while that one is not settled.
pub fn compose(event: &Event, place: EventPlace, app: &App, now: Millis) -> Notification {
    let (order, after) = match event {
        Event::Deposit(event) => (event.order.as_ref(), version_before(event)),
        Event::Order(event) => (Some(&event.order), None),
    };
    let own_url = order.and_then(|order| order.notify_url.as_ref());
    Notification {
        id: event.id().clone(),
        place,
        app: app.id.clone(),
        url: own_url.unwrap_or(&app.notify_url).clone(),
        protocol: app.protocol,
        body: payload::render(event),
        created: now,
        attempts: AttemptNo::default(),
        state: NotificationState::Due(now),
        after,
        then: None,
    }
}

/// The version that must be settled before this one.
fn version_before(event: &DepositEvent) -> Option<EventId> {
    let before = event.version.0.checked_sub(1).filter(|before| *before > 0);
    before.map(|before| EventId::money(&event.deposit.text(), EventVersion(before)))
}

/// The notification after this attempt, which ended at `ended`. What was delivered once stays delivered, also when it
/// is sent again by hand and fails.
pub fn settle(notification: &Notification, attempt: &Attempt, ended: Millis) -> Notification {
    let verdict = decide(notification.protocol, attempt, ended);
    let state = match (notification.state, verdict) {
        (NotificationState::Delivered(at), _) => NotificationState::Delivered(at),
        (_, Verdict::Delivered) => NotificationState::Delivered(ended),
        (_, Verdict::RetryAt(at)) => NotificationState::Due(at),
        (_, Verdict::DeadLetter) => NotificationState::DeadLetter(ended),
    };
    Notification { attempts: attempt.number, state, ..notification.clone() }
}

#[cfg(test)]
mod tests;
