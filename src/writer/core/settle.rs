//! What came of telling a merchant.

use super::{Core, Fault};
use crate::{
    delivery,
    domain::{Notification, NotificationState},
    tracker::{Change, Changeset},
    writer::handle::{Refusal, Settlement},
};

impl Core {
    /// Records an attempt and what follows from it.
    ///
    /// # Errors
    /// As above.
    pub fn settle(&mut self, settlement: &Settlement) -> Result<(), Fault> {
        let id = &settlement.event;
        let missing = || Refusal::NotFound { what: "notification", name: id.to_string() };
        let before = self.store.notification(id)?.ok_or_else(missing)?;
        if settlement.attempt.number != before.attempts.next() {
            return Err(
                Refusal::Stale(format!("attempt {:?} of {id} is recorded already", settlement.attempt.number)).into()
            );
        }
        let after = delivery::settle(&before, &settlement.attempt, settlement.ended);
        let mut changes = vec![Change::Attempt(settlement.attempt.clone())];
        if let Some(next) = after.then.as_ref().filter(|_| after.is_settled())
            && let Some(waiting) = self.store.notification(next)?
            && waiting.state == NotificationState::Waiting
        {
            changes.push(Change::Notification(Notification {
                state: NotificationState::Due(settlement.ended),
                ..waiting
            }));
        }
        changes.push(Change::Notification(after));
        self.stage(&Changeset { changes, events: Vec::new() })
    }
}
