//! What came of telling a merchant.

use super::{Core, Fault, draft::Draft};
use crate::{
    delivery,
    domain::{
        Attempt, AttemptNo, Endpoint, Millis, Notification, NotificationState, Trigger, notification::ATTEMPTS_KEPT,
    },
    tracker::{Change, Changeset},
    writer::handle::{Refusal, Settlement},
};

impl Core {
    /// Records an attempt and what follows from it: for its row, for the other versions, and for the endpoint.
    ///
    /// # Errors
    /// [`Fault`]: there is no such row, or the attempt is recorded already.
    pub fn settle(&mut self, settlement: &Settlement) -> Result<(), Fault> {
        let (id, attempt, ended) = (&settlement.event, &settlement.attempt, settlement.ended);
        let missing = || Refusal::NotFound { what: "notification", name: id.to_string() };
        let before = self.store.notification(id)?.ok_or_else(missing)?;
        if attempt.number != before.attempts.next() {
            return Err(Refusal::Stale(format!("attempt {} of {id} is recorded already", attempt.number.0)).into());
        }
        let mut changes = recorded(attempt);
        changes.extend(self.endpoint_after(&before, attempt, ended)?);
        let mut draft = Draft::over(&self.store);
        draft.put(settled(&before, attempt, ended), ended)?;
        changes.extend(draft.changes());
        self.stage(&Changeset { changes, events: Vec::new() })
    }

    /// The endpoint's row, if the attempt changed it, or it has none yet.
    pub(super) fn endpoint_after(
        &self,
        row: &Notification,
        attempt: &Attempt,
        ended: Millis,
    ) -> Result<Option<Change>, Fault> {
        let before = self.store.endpoint(row.endpoint())?;
        let known = before.clone().unwrap_or_else(|| Endpoint::of(&row.app, &row.url));
        let after = delivery::endpoint::after(&known, attempt, ended);
        Ok((before.as_ref() != Some(&after)).then_some(Change::Endpoint(after)))
    }
}

/// The row after an attempt. One that was on its way when a person asked for another does not use that one up, unless
/// the receiver accepted it.
fn settled(before: &Notification, attempt: &Attempt, ended: Millis) -> Notification {
    let after = delivery::settle(before, attempt, ended);
    if let NotificationState::Due(due) = before.state {
        let is_older = before.trigger != Trigger::Schedule && attempt.started < due;
        if is_older && after.acknowledged().is_none() {
            return Notification { attempts: after.attempts, ..before.clone() };
        }
    }
    after
}

/// The attempt's row; the oldest kept one makes room.
pub(super) fn recorded(attempt: &Attempt) -> Vec<Change> {
    let old = attempt.number.0.checked_sub(ATTEMPTS_KEPT).filter(|old| *old > 0);
    let old = old.map(|old| Change::DropAttempt(attempt.event.clone(), AttemptNo(old)));
    std::iter::once(Change::Attempt(attempt.clone())).chain(old).collect()
}
