//! A person's word that a part of our chain is not to be believed any more: what it held is taken back, and following
//! begins again below it.

use super::{Change, Changeset, Known, Needs, PlanError, Tracker, draft::Draft};
use crate::domain::{Cursor, Deposit, DepositState, Header, Height};

impl Tracker {
    /// Rows [`Tracker::plan_take_back`] has to be given.
    pub fn needs_of_take_back<'a>(&self, deposits: impl IntoIterator<Item = &'a Deposit>) -> Needs {
        let mut needs = Needs::default();
        for deposit in deposits {
            needs.addresses.insert(deposit.to);
            needs.orders.extend(deposit.order.clone().map(|order| (deposit.app.clone(), order)));
        }
        needs
    }

    /// Deposits above `height` that may still change, as far as memory holds them: those that are final are on disk only.
    pub fn held_above(&self, height: Height) -> Vec<Deposit> {
        let above = (height.next(), super::FIRST_ID.with_network(&self.spec.id));
        let held = self.pending.range(above.clone()..).chain(self.told.range(above..));
        held.map(|(_, deposit)| deposit.clone()).collect()
    }

    /// Takes `deposits` back, also final ones: those that are credited are reversed, the others only left. Those at or
    /// below the height to begin at, and those that left already, stay as they are.
    ///
    /// # Errors
    /// No person asked for it; the token of one is not configured any more.
    pub fn plan_take_back(&self, deposits: &[Deposit], known: Known) -> Result<Changeset, PlanError> {
        let (cursor, above) = self.taken_back()?;
        let mut draft = Draft::on(known);
        for deposit in deposits {
            if deposit.included_at.height <= above || deposit.state == DepositState::Orphaned {
                continue;
            }
            if deposit.is_credited() {
                self.reverse(deposit, cursor.tip_time, &mut draft)?;
            } else {
                draft.put_deposit(Deposit { state: DepositState::Orphaned, ..deposit.clone() });
            }
        }
        Ok(draft.finish())
    }

    /// Begins again at `header`, once nothing above it is left. It is the only header kept: what lies below is not taken
    /// back by a reorg, since deposits there may be final and not in memory. The window grows again from here.
    ///
    /// # Errors
    /// No person asked for it; another height was asked for; deposits above are left.
    pub fn plan_reanchor(&self, header: Header) -> Result<Changeset, PlanError> {
        let (cursor, above) = self.taken_back()?;
        if header.at.height != above {
            return Err(PlanError::Stale(format!("{} is not the block at {above}", header.at)));
        }
        if let Some(left) = self.held_above(above).first() {
            return Err(PlanError::Stale(format!("deposit {} is not taken back yet", left.text())));
        }
        let mut draft = Draft::on(Known::default());
        for old in self.window.headers().filter(|old| old.at.height != above) {
            draft.put(Change::DropHeader(self.spec.id.clone(), old.at.height));
        }
        draft.put(Change::Header(self.spec.id.clone(), header));
        let finalized = cursor.finalized.filter(|last| last.height < above || *last == header.at);
        // What is read again counts from where it lies, as at the first reading: what is older than its address's
        // registration stays so. Deposits that are known keep the height they were first seen at.
        let (tip, tip_time, peak) = (header.at, header.time, above);
        let begun = Cursor { tip, tip_time, peak, finalized, take_back_above: None };
        draft.put(Change::Cursor(self.spec.id.clone(), begun));
        Ok(draft.finish())
    }

    /// The cursor, and the height a person wants the chain taken back to.
    fn taken_back(&self) -> Result<(Cursor, Height), PlanError> {
        let cursor = self.cursor.ok_or(PlanError::NotAdopted)?;
        let nobody = || PlanError::Stale("nobody asked for the chain to be taken back".to_owned());
        Ok((cursor, cursor.take_back_above.ok_or_else(nobody)?))
    }
}
