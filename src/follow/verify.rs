//! Deposits at their threshold: ask again for the receipt, from a second endpoint where there is one, then credit.

use futures::{StreamExt, stream};
use tracing::{debug, warn};

use super::{Follower, Setback};
use crate::{
    chain::{ChainSource, pool::EvidenceVerdict},
    domain::Head,
};

/// Receipts asked for at once.
const EVIDENCE_AHEAD_MAX: usize = 8;

impl<S: ChainSource> Follower<S> {
    /// Verifies what is due, and takes note of what the node calls final.
    pub(super) async fn verify_due(&mut self, head: &Head) -> Result<(), Setback> {
        loop {
            (self.turned)();
            let asked = std::mem::take(&mut self.due);
            let news = head.finalized.filter(|last| self.is_news(last.height) && self.trail.holds_or_held(*last));
            if asked.is_empty() && news.is_none() {
                return Ok(());
            }
            let (pool, policy) = (&self.pool, self.spec.policy);
            let verdicts = stream::iter(asked.clone())
                .map(|deposit| async move { pool.evidence(&deposit, policy.threshold_for(deposit.amount)).await });
            let verdicts: Vec<_> = verdicts.buffered(EVIDENCE_AHEAD_MAX).collect().await;
            let mut evidence = Vec::with_capacity(verdicts.len());
            for (deposit, verdict) in asked.iter().zip(verdicts) {
                match verdict {
                    EvidenceVerdict::Agreed(piece) => evidence.push(piece),
                    EvidenceVerdict::Contradicted(why) => {
                        warn!(network = %self.spec.id, deposit.id = %deposit.text(), "not credited: {why}");
                    }
                    EvidenceVerdict::NotYet(why) => {
                        debug!(network = %self.spec.id, deposit.id = %deposit.text(), "not verified yet: {why}");
                    }
                }
            }
            let settled = evidence.len();
            if settled == 0 && news.is_none() {
                self.due = asked;
                return Ok(());
            }
            let applied = self.writer.verify(self.spec.id.clone(), evidence, news).await?;
            self.note(applied);
            if settled < asked.len() || self.due.is_empty() {
                return Ok(());
            }
        }
    }

    fn is_news(&self, height: crate::domain::Height) -> bool {
        self.cursor.is_some_and(|cursor| cursor.finalized.is_none_or(|known| known.height < height))
    }
}
