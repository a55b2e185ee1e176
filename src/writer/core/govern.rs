//! What operators decide: rules, holds, bindings. Each with its audit record in the same commit.

mod apps;
mod delivery;
mod manual;
mod policy;

use super::{Core, Fault};
use crate::{
    domain::{Act, Action, AuditRecord},
    tracker::{Change, Changeset},
};

impl Core {
    /// Puts the record of an act beside what it changes. `texts`: subject, before, after.
    pub(super) fn audit(&self, changes: &mut Changeset, act: &Act, action: Action, texts: [String; 3]) {
        let record = AuditRecord::following(self.last_act.as_ref(), act.clone(), action, texts);
        changes.changes.push(Change::Audit(record));
    }

    /// Stages changes with the record of the act that makes them.
    pub(super) fn stage_act(
        &mut self,
        mut changes: Changeset,
        act: &Act,
        action: Action,
        texts: [String; 3],
    ) -> Result<(), Fault> {
        self.audit(&mut changes, act, action, texts);
        self.compose(&mut changes, act.at)?;
        self.stage(&changes)
    }
}
