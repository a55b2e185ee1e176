//! A halted network goes on: because a person says so, and as far as he says.

use super::{Core, Fault};
use crate::{
    domain::{Act, Action, Cursor, Deposit, DepositId, DepositState, Header, Height, Millis, NetworkId},
    tracker::{Change, Changeset},
    writer::handle::{Reanchored, Refusal, Resume, Resumption},
};

/// Deposits looked at in one step of taking back.
const STEP_ROWS: usize = 500;
/// Deposits taken back in one step: each writes about ten rows.
const STEP_TAKEN_MAX: usize = 20;
/// How far below the kept headers a chain may be taken back, in windows.
const DEPTH_WINDOWS_MAX: u64 = 64;

impl Core {
    /// Lets a halted network go on; gives back above which height everything is taken back, if anything is. That the network
    /// is halted is for the caller to know.
    ///
    /// # Errors
    /// [`Fault`], as for every method below; [`Refusal::Precondition`]: not that height, or not again.
    pub fn resume(&mut self, network: &NetworkId, how: Resume, act: &Act) -> Result<Option<Height>, Fault> {
        let cursor = self.cursor_of(network)?;
        let before = format!("halted at {}", cursor.tip);
        if let Some(above) = cursor.take_back_above {
            let text = format!("everything of {network} above {above} is being taken back already");
            return Err(Refusal::Precondition(text).into());
        }
        match how {
            Resume::LookAgain => {
                let texts = [network.to_string(), before, "looks again, nothing is taken back".to_owned()];
                self.stage_act(Changeset::default(), act, Action::NetworkResume, texts)?;
                self.look_again.insert(network.clone());
                Ok(None)
            }
            Resume::TakeBack { above } => {
                let above = self.allowed(network, cursor, above)?;
                let texts = [network.to_string(), before, format!("everything above {above} is taken back")];
                let marked = Cursor { take_back_above: Some(above), ..cursor };
                let changes = vec![Change::Cursor(network.clone(), marked)];
                let changes = Changeset { changes, events: Vec::new() };
                self.stage_act(changes, act, Action::NetworkResume, texts)?;
                Ok(Some(above))
            }
        }
    }

    /// The height to take back to: below the tip, and no further below the headers that are kept than a mistyped number would
    /// lie. Deeper than that no chain was ever seen to reorganise.
    fn allowed(&self, network: &NetworkId, cursor: Cursor, above: Height) -> Result<Height, Fault> {
        let tracker = self.tracker(network)?;
        let floor = tracker.window().floor().unwrap_or(cursor.tip.height);
        let lowest = floor.down(u64::from(tracker.spec().window_blocks).saturating_mul(DEPTH_WINDOWS_MAX));
        if (lowest..cursor.tip.height).contains(&above) {
            return Ok(above);
        }
        let text = format!(
            "{network} can be taken back to {lowest} at the lowest, {DEPTH_WINDOWS_MAX} windows below the headers that are \
             kept, and to a height below its tip {}; not to {above}",
            cursor.tip.height
        );
        Err(Refusal::Precondition(text).into())
    }

    /// What a person wants of a halted network. A wish to look again is handed out once.
    ///
    /// # Errors
    /// As above.
    pub fn resumption(&mut self, network: &NetworkId) -> Result<Option<Resumption>, Fault> {
        let above = self.cursor_of(network)?.take_back_above.map(Resumption::TakeBack);
        let looks = self.look_again.remove(network).then_some(Resumption::LookAgain);
        Ok(above.or(looks))
    }

    /// Takes back what the deposits behind `after` hold, some at a time; once there are none left the network begins again
    /// at `header`.
    ///
    /// # Errors
    /// As above; [`Refusal::Stale`]: nobody asked for it, or for another height.
    pub fn reanchor(
        &mut self,
        network: &NetworkId,
        header: Header,
        after: Option<&DepositId>,
        now: Millis,
    ) -> Result<Reanchored, Fault> {
        let mut page = self.store.deposits_on(network, after, STEP_ROWS)?;
        let above = header.at.height;
        let mut taken = page.iter().enumerate().filter(|(_, deposit)| is_taken(deposit, above)).map(|(at, _)| at);
        if let Some(full) = taken.nth(STEP_TAKEN_MAX - 1) {
            // The rest of the page comes with the next step.
            page.truncate(full + 1);
        }
        if let Some(last) = page.last().map(|deposit| deposit.id.clone()) {
            let taken_back = self.take_back(network, &page, above, now)?;
            return Ok(Reanchored { taken_back, after: Some(last), applied: None });
        }
        // Those that were found in the group of this very command.
        let held = self.tracker(network)?.held_above(header.at.height);
        let taken_back = self.take_back(network, &held, header.at.height, now)?;
        let plan = self.tracker(network)?.plan_reanchor(header);
        let applied = self.carry_out(network, plan, now, 0)?;
        self.handed.remove(network);
        Ok(Reanchored { taken_back, after: None, applied: Some(applied) })
    }

    fn take_back(
        &mut self,
        network: &NetworkId,
        deposits: &[Deposit],
        above: Height,
        now: Millis,
    ) -> Result<u64, Fault> {
        let taken: Vec<Deposit> = deposits.iter().filter(|deposit| is_taken(deposit, above)).cloned().collect();
        let known = self.gather(network, self.tracker(network)?.needs_of_take_back(&taken), None)?;
        let plan = self.tracker(network)?.plan_take_back(&taken, known);
        self.carry_out(network, plan, now, 0)?;
        Ok(u64::try_from(taken.len()).unwrap_or(u64::MAX))
    }
}

/// Whether taking back above a height concerns the deposit.
fn is_taken(deposit: &Deposit, above: Height) -> bool {
    deposit.included_at.height > above && deposit.state != DepositState::Orphaned
}
