//! Our tip is not on the node's chain: find the last shared block, make sure, and move over in one commit.

use super::{Follower, Setback, Turn};
use crate::{
    chain::ChainSource,
    domain::{BlockBatch, BlockRef, Head, Height},
};

/// Headers asked for at once on the way down: most reorgs are shallow, so the steps grow.
const FIRST_STEP_HEADERS: u64 = 8;

impl<S: ChainSource> Follower<S> {
    /// Looks for the base at `from` and below, then applies the other branch on top of it.
    pub(super) async fn walk_back(&mut self, from: Height, head: &Head) -> Result<Turn, Setback> {
        let base = self.find_base(from).await?;
        self.nobody_holds_on(base).await?;
        let to = head.best.height.min(base.height.up(self.settings.near_blocks));
        if to <= base.height {
            return Err(Setback::Doubt(format!("the head {} is not above the shared block {base}", head.best)));
        }
        let blocks = self.pool.blocks(base.height.next(), to, true).await?;
        match BlockBatch::link(base, blocks) {
            Ok(batch) => self.apply(batch, head).await,
            Err(broken) => Err(Setback::Doubt(broken.to_string())),
        }
    }

    /// The chain ends at `to`, a block of ours.
    pub(super) async fn retreat(&mut self, to: BlockRef) -> Result<Turn, Setback> {
        self.nobody_holds_on(to).await?;
        let old_tip = self.trail.tip();
        let applied = self.writer.retreat(self.spec.id.clone(), to).await?;
        self.note_reorg(to, old_tip, &applied);
        self.low_since = None;
        self.trail.moved(to, []);
        self.note(applied);
        Ok(Turn::Moved)
    }

    async fn find_base(&self, from: Height) -> Result<BlockRef, Setback> {
        let floor = self.trail.floor().ok_or_else(|| Setback::Doubt("the network has not begun".to_owned()))?;
        let tip = self.tip()?;
        let mut top = from;
        let mut step = FIRST_STEP_HEADERS;
        while top >= floor {
            let low = top.down(step - 1).max(floor);
            let headers = self.pool.headers(low, top).await?;
            if let Some(base) = self.trail.shared(&headers) {
                return Ok(base);
            }
            let Some(below) = low.below() else { break };
            top = below;
            step = step.saturating_mul(2);
        }
        Err(Setback::Halt(format!(
            "no common block with the endpoints within {} headers, down from {tip}: a reorg deeper than the window, or \
             endpoints of another chain; see the operator's manual, \"A network halted\"",
            self.spec.window_blocks
        )))
    }

    /// Doubt means wait: while an endpoint that keeps up still has our block above `base`, nothing is taken back.
    async fn nobody_holds_on(&self, base: BlockRef) -> Result<(), Setback> {
        let Some(ours) = self.trail.at(base.height.next()) else { return Ok(()) };
        let vote = self.pool.still_ours(ours).await;
        if vote.ours == 0 {
            return Ok(());
        }
        Err(Setback::Doubt(format!(
            "{} endpoints still have our block {ours}, {} do not: waiting until they agree",
            vote.ours, vote.others
        )))
    }
}
