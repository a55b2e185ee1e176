//! What followers hand over: blocks, steps down, evidence.

use super::{Core, Fault, orphaned_blocks};
use crate::{
    domain::{BlockBatch, BlockRef, Evidence, Header, Millis, NetworkId},
    writer::Applied,
};

impl Core {
    /// Begins a network.
    ///
    /// # Errors
    /// [`Fault`], as for every method below.
    pub fn adopt(&mut self, network: &NetworkId, headers: &[Header], now: Millis) -> Result<Applied, Fault> {
        let plan = self.tracker(network)?.plan_adopt(headers);
        self.carry_out(network, plan, now, 0)
    }

    /// Applies a batch.
    ///
    /// # Errors
    /// As above.
    pub fn apply(
        &mut self,
        network: &NetworkId,
        batch: &BlockBatch,
        finalized: Option<BlockRef>,
        now: Millis,
    ) -> Result<Applied, Fault> {
        let tracker = self.tracker(network)?;
        let ripe = tracker.overdue_after(batch, finalized);
        let known = self.gather(network, tracker.needs_of_batch(batch), ripe)?;
        let tracker = self.tracker(network)?;
        let orphaned = orphaned_blocks(tracker, batch.base());
        let plan = tracker.plan_apply(batch, finalized, known);
        self.carry_out(network, plan, now, orphaned)
    }

    /// Follows the chain down.
    ///
    /// # Errors
    /// As above.
    pub fn retreat(&mut self, network: &NetworkId, to: BlockRef, now: Millis) -> Result<Applied, Fault> {
        let known = self.gather(network, self.tracker(network)?.needs_of_retreat(to), None)?;
        let tracker = self.tracker(network)?;
        let orphaned = orphaned_blocks(tracker, to);
        let plan = tracker.plan_retreat(to, known);
        self.carry_out(network, plan, now, orphaned)
    }

    /// Credits what evidence supports.
    ///
    /// # Errors
    /// As above.
    pub fn verify(
        &mut self,
        network: &NetworkId,
        evidence: &[Evidence],
        finalized: Option<BlockRef>,
        now: Millis,
    ) -> Result<Applied, Fault> {
        let tracker = self.tracker(network)?;
        let known = self.gather(network, tracker.needs_of_evidence(evidence), tracker.overdue_now(finalized))?;
        let plan = self.tracker(network)?.plan_verify(evidence, finalized, known);
        self.carry_out(network, plan, now, 0)
    }
}
