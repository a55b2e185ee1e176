//! Pure: what merchants are told, to the byte; how it is signed; what follows from what came back.
//!
//! Times come in as arguments and jitter is derived from ids, so a replay gives the same bytes and the same due times.

pub mod belief;
pub mod breaker;
pub mod decide;
pub mod endpoint;
pub mod fact;
pub mod pace;
pub mod payload;
pub mod protocol;
pub mod retry_after;
pub mod schedule;
pub mod selftest;

pub use decide::decide;

use crate::domain::{
    App, Attempt, AttemptNo, DepositEvent, Event, EventId, EventPlace, EventVersion, Millis, Notification,
    NotificationState, Trade, Trigger, Verdict,
};
use protocol::Telling;

/// The outbox row of an event: body rendered once, told where the app's protocol says, due at once, or in the feed only.
/// `None`: news that the app has not asked for and that are not even in the feed.
///
/// `after` names the version before it, if there is one; whoever stores the row turns it into
/// [`NotificationState::Waiting`] while that one is not settled. `trade` is what Udun calls the deposit.
pub fn compose(event: &Event, place: EventPlace, trade: Option<Trade>, app: &App, now: Millis) -> Option<Notification> {
    let after = match event {
        Event::Deposit(event) => version_before(event),
        Event::Order(_) => None,
    };
    let state = match protocol::telling(app.protocol, event, trade, app.news) {
        Telling::NotMade => return None,
        Telling::Send => NotificationState::Due(now),
        Telling::Silent(silence) => NotificationState::Silent(silence),
        Telling::Untold => NotificationState::Untold(now),
    };
    Some(Notification {
        id: event.id().clone(),
        place,
        app: app.id.clone(),
        url: protocol::url(app.protocol, event, app).clone(),
        protocol: app.protocol,
        body: payload::render(event),
        created: now,
        attempts: AttemptNo::default(),
        tries: 0,
        trigger: Trigger::Schedule,
        trade,
        state,
        after,
        then: None,
    })
}

/// A test of `app`'s own endpoint, due at `at`: a row like any other, but without a place among the events, so the feed
/// does not show it. Only Standard Webhooks has words for it; for other protocols
/// [`protocol::request`] makes no request of it.
pub fn compose_test(event: EventId, app: &App, at: Millis) -> Notification {
    Notification {
        body: payload::render_test(&event, &app.id, at.seconds()),
        id: event,
        place: EventPlace::default(),
        app: app.id.clone(),
        url: app.notify_url.clone(),
        protocol: app.protocol,
        created: at,
        attempts: AttemptNo::default(),
        tries: 0,
        trigger: Trigger::Test,
        trade: None,
        state: NotificationState::Due(at),
        after: None,
        then: None,
    }
}

/// The version that must be settled before this one.
fn version_before(event: &DepositEvent) -> Option<EventId> {
    let before = event.version.0.checked_sub(1).filter(|before| *before > 0);
    before.map(|before| EventId::money(&event.deposit.text(), EventVersion(before)))
}

/// The notification after this attempt, which ended at `ended`. What was delivered once stays delivered, also when it
/// is sent again by hand and fails. What became silent or was closed while the attempt was on its way stays so, unless
/// the receiver accepted it.
pub fn settle(notification: &Notification, attempt: &Attempt, ended: Millis) -> Notification {
    let tries = notification.tries.saturating_add(1);
    let after = Notification { attempts: attempt.number, tries, trigger: Trigger::Schedule, ..notification.clone() };
    let verdict = decide(notification, attempt, ended);
    let state = match (notification.state, verdict) {
        (NotificationState::Delivered(at) | NotificationState::Resend { delivered: at, .. }, _) => {
            NotificationState::Delivered(at)
        }
        (_, Verdict::Delivered) => NotificationState::Delivered(ended),
        (NotificationState::Due(_), Verdict::RetryAt(at)) => NotificationState::Due(at),
        (NotificationState::Due(_), Verdict::DeadLetter) => NotificationState::DeadLetter(ended),
        (state @ NotificationState::Due(_), Verdict::Park) => {
            return Notification { tries: notification.tries, state, ..after };
        }
        (state, _) => state,
    };
    Notification { state, ..after }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
