//! What a person has to know of the telling: logged once the commit that made it so is durable. Never a URL: its query
//! may hold a secret.

use crate::{
    domain::{AppId, Endpoint, EndpointId, EventId, Notification, NotificationState, WhyParked},
    store::{Store, StoreError},
    tracker::{Change, Changeset},
};

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// Out of attempts.
    DeadLetter(EventId, AppId, EndpointId),
    /// Money that the protocol has no words for.
    Untold(EventId, AppId, EndpointId),
    /// An endpoint that was parked, and not by a person.
    Parked(EndpointId, AppId, &'static str),
}

impl Alarm {
    /// Logs it.
    pub(super) fn raise(self) {
        match self {
            Self::DeadLetter(event, app, endpoint) => {
                tracing::error!(%event, %app, %endpoint, "an event is a dead letter: its receiver accepted it in none of \
                     its attempts; 'depositd delivery resend' sends it again, 'close' ends it");
            }
            Self::Untold(event, app, endpoint) => {
                tracing::error!(%event, %app, %endpoint, "money that the app's protocol has no words for: tell the merchant, \
                     then 'depositd delivery close'");
            }
            Self::Parked(endpoint, app, why) => {
                tracing::error!(%endpoint, %app, why, "an endpoint is parked: its events are held until it is resumed");
            }
        }
    }
}

/// What becomes so by these changes and was not before.
pub(super) fn raised(store: &Store, changes: &Changeset) -> Result<Vec<Alarm>, StoreError> {
    let mut alarms = Vec::new();
    for change in &changes.changes {
        if let Change::Notification(row) = change {
            alarms.extend(of_row(store, row)?);
        } else if let Change::Endpoint(endpoint) = change {
            alarms.extend(of_endpoint(store, endpoint)?);
        }
    }
    Ok(alarms)
}

fn of_endpoint(store: &Store, endpoint: &Endpoint) -> Result<Option<Alarm>, StoreError> {
    let Some(parked) = &endpoint.parked else { return Ok(None) };
    if matches!(parked.why, WhyParked::Operator(_)) {
        return Ok(None);
    }
    let was = store.endpoint(endpoint.id)?.is_some_and(|before| before.parked.is_some());
    Ok((!was).then(|| Alarm::Parked(endpoint.id, endpoint.app.clone(), parked.why.word())))
}

fn of_row(store: &Store, row: &Notification) -> Result<Option<Alarm>, StoreError> {
    let alarm = match row.state {
        NotificationState::DeadLetter(_) => Alarm::DeadLetter,
        NotificationState::Untold(_) => Alarm::Untold,
        NotificationState::Waiting
        | NotificationState::Due(_)
        | NotificationState::Delivered(_)
        | NotificationState::Resend { .. }
        | NotificationState::Silent(_)
        | NotificationState::Closed(_) => return Ok(None),
    };
    let was = store.notification(&row.id)?.is_some_and(|before| before.state.word() == row.state.word());
    Ok((!was).then(|| alarm(row.id.clone(), row.app.clone(), row.endpoint())))
}
