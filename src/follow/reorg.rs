//! Our tip is not on the node's chain: find the last shared block, make sure, and move over in one commit.

use super::{Follower, Setback, Turn};
use crate::{
    chain::{ChainSource, pool::ForkVote},
    domain::{BlockBatch, BlockRef, Head, Height},
};

/// Headers asked for at once on the way down: most reorgs are shallow, so the steps grow.
const FIRST_STEP_HEADERS: u64 = 8;

impl<S: ChainSource> Follower<S> {
    /// Looks for the base at `from` and below, then applies the other branch on top of it.
    pub(super) async fn walk_back(&mut self, from: Height, head: &Head) -> Result<Turn, Setback> {
        let base = self.find_base(from).await?;
        let vote = self.vote_above(base).await;
        refuse_while_held(base, vote)?;
        let to = head.best.height.min(base.height.up(self.settings.near_blocks));
        if to <= base.height {
            return Err(Setback::Doubt(format!("the head {} is not above the shared block {base}", head.best)));
        }
        let blocks = self.pool.blocks(base.height.next(), to, true).await?.blocks;
        match BlockBatch::link(base, blocks) {
            Ok(batch) => match self.apply(batch, head).await {
                Err(Setback::Halt(why)) => Err(self.halt_or_wait(why).await),
                applied => {
                    // The next branch that is no higher has to last as long again.
                    self.low_since = None;
                    applied
                }
            },
            Err(broken) => Err(Setback::Doubt(broken.to_string())),
        }
    }

    /// The chain ends at `to`, a block of ours.
    pub(super) async fn retreat(&mut self, to: BlockRef) -> Result<Turn, Setback> {
        let vote = self.vote_above(to).await;
        refuse_while_held(to, vote)?;
        refuse_while_silent(to, vote)?;
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
            (self.turned)();
            let low = top.down(step - 1).max(floor);
            let headers = self.pool.headers(low, top).await?;
            if let Some(base) = self.trail.shared(&headers) {
                return Ok(base);
            }
            let Some(below) = low.below() else { break };
            top = below;
            step = step.saturating_mul(2);
        }
        let why = format!(
            "no common block with the endpoints within {} headers, down from {tip}: a reorg deeper than the window, or \
             endpoints of another chain; see systemd/README.md, \"When a network stands\"",
            self.spec.window_blocks
        );
        Err(self.halt_or_wait(why).await)
    }

    /// A halt takes a person to end, so it takes more than the word of one endpoint: while another one still has what is
    /// final on our chain, or the lowest block that is kept of it, they are waited for to agree.
    async fn halt_or_wait(&self, why: String) -> Setback {
        let last = self.cursor.and_then(|cursor| cursor.finalized).and_then(|last| self.trail.at(last.height));
        let Some(ours) = last.or_else(|| self.trail.at(self.trail.floor()?)) else { return Setback::Halt(why) };
        match self.pool.holders(ours).await {
            0 => Setback::Halt(why),
            some => Setback::Doubt(format!("{why}; but {some} endpoints still have our block {ours}")),
        }
    }

    /// What the endpoints say about our block above `base`.
    async fn vote_above(&self, base: BlockRef) -> ForkVote {
        match self.trail.at(base.height.next()) {
            Some(ours) => self.pool.still_ours(ours).await,
            None => ForkVote::default(),
        }
    }
}

/// Doubt means wait: while an endpoint that keeps up still has our block above `base`, nothing is taken back.
fn refuse_while_held(base: BlockRef, vote: ForkVote) -> Result<(), Setback> {
    if vote.ours == 0 {
        return Ok(());
    }
    Err(Setback::Doubt(format!(
        "{} endpoints still have our block above {base}, {} do not: waiting until they agree",
        vote.ours, vote.others
    )))
}

/// A chain that only got shorter looks just like a replica that stands still, so every endpoint has to say so: while
/// one is away the other may be stale, and credits would be taken back that stand on the chain. Should the chain really
/// have left us, it shows another branch as it grows.
fn refuse_while_silent(base: BlockRef, vote: ForkVote) -> Result<(), Setback> {
    if vote.silent == 0 {
        return Ok(());
    }
    Err(Setback::Doubt(format!(
        "the chain seems to end at {base}, but {} endpoints do not answer: waiting for their word",
        vote.silent
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::BlockHash;

    #[test]
    fn going_down_takes_the_word_of_every_endpoint_and_another_branch_only_that_nobody_has_ours() {
        let base = BlockRef { height: Height(5), hash: BlockHash([5; 32]) };
        let vote = |ours, others, missing, silent| ForkVote { ours, others, missing, silent };
        for (vote, branch, down) in [
            (vote(0, 0, 2, 0), true, true),
            (vote(0, 1, 0, 1), true, false),
            (vote(0, 0, 1, 1), true, false),
            (vote(1, 1, 0, 0), false, true),
        ] {
            assert_eq!(refuse_while_held(base, vote).is_ok(), branch, "{vote:?}");
            assert_eq!(refuse_while_silent(base, vote).is_ok(), down, "{vote:?}");
        }
    }
}
