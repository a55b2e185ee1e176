//! Deposits at their threshold: ask again for the receipt, from a second endpoint where there is one, then credit. What
//! cannot be credited because endpoints do not agree is held, visibly, and asked for again at every look.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use tracing::{debug, info, warn};

use super::{Follower, Setback};
use crate::{
    chain::{ChainSource, pool::EvidenceVerdict},
    domain::{Deposit, DepositId, Evidence, Head, WhyHeld, clock},
    writer::handle::{DUE_LEN_MAX, Due},
};

/// Receipts asked for at once.
const EVIDENCE_AHEAD_MAX: usize = 8;

impl<S: ChainSource> Follower<S> {
    /// Verifies what is due, and takes note of what the node calls final.
    pub(super) async fn verify_due(&mut self, head: &Head) -> Result<(), Setback> {
        self.renew().await?;
        loop {
            (self.turned)();
            let asked = std::mem::take(&mut self.due);
            let news = head.finalized.filter(|last| self.is_news(last.height) && self.trail.holds_or_held(*last));
            if asked.is_empty() && news.is_none() {
                return Ok(());
            }
            let evidence = self.evidence_of(&asked).await;
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

    /// Asks what is due now if rules or holds have changed: no new block may come for long.
    async fn renew(&mut self) -> Result<(), Setback> {
        if self.cursor.is_none() || !self.renewals.has_changed().unwrap_or(false) {
            return Ok(());
        }
        self.renewals.mark_unchanged();
        let applied = self.writer.verify(self.spec.id.clone(), Vec::new(), None).await?;
        self.note(applied);
        Ok(())
    }

    /// Where the network's own rule asks for a second source, what is final must be named by two endpoints as well.
    pub(super) fn heed_rules(&self) {
        if let Some(spec) = self.settings.specs.now().get(&self.spec.id) {
            self.pool.set_second_source(spec.policy.base().second_source);
        }
    }

    /// What the endpoints prove of `asked`. The others are held, or simply asked for again.
    async fn evidence_of(&self, asked: &[Due]) -> Vec<Evidence> {
        let pool = &self.pool;
        let verdicts =
            stream::iter(asked.to_vec()).map(|due| async move { pool.evidence(&due.deposit, due.need).await });
        let verdicts: Vec<_> = verdicts.buffered(EVIDENCE_AHEAD_MAX).collect().await;
        let mut evidence = Vec::with_capacity(verdicts.len());
        for (Due { deposit, need }, verdict) in asked.iter().zip(verdicts) {
            match verdict {
                EvidenceVerdict::Agreed(piece) => evidence.push(piece),
                EvidenceVerdict::Contradicted(why) => self.hold(deposit, WhyHeld::Contradicted, &why),
                EvidenceVerdict::NotYet(why) if need.second_source => {
                    self.hold(deposit, WhyHeld::NoSecondSource, &why.to_string());
                }
                EvidenceVerdict::NotYet(why) => {
                    debug!(network = %self.spec.id, deposit.id = %deposit.text(), "not verified yet: {why}");
                }
            }
        }
        let proved: BTreeSet<&DepositId> = evidence.iter().map(|piece| &piece.id).collect();
        self.release(|id| !proved.contains(id));
        evidence
    }

    /// Says once for each deposit and reason that it is held.
    fn hold(&self, deposit: &Deposit, why: WhyHeld, text: &str) {
        let mut is_news = false;
        self.board.update(&self.spec.id, |status| is_news = status.hold(&deposit.id, why, text, clock::now()));
        if is_news {
            warn!(network = %self.spec.id, deposit.id = %deposit.text(), why = why.word(), "held, not credited: {text}");
        }
    }

    /// Lets go of deposits that are not due any more: they were credited, left the chain, or need more than before.
    pub(super) fn release_past(&self) {
        // A full list need not name all of them.
        if self.due.len() < DUE_LEN_MAX {
            let due: BTreeSet<&DepositId> = self.due.iter().map(|due| &due.deposit.id).collect();
            self.release(|id| due.contains(id));
        }
    }

    fn release(&self, is_held: impl Fn(&DepositId) -> bool) {
        let mut gone = Vec::new();
        self.board.update(&self.spec.id, |status| gone = status.release(is_held));
        for id in gone {
            info!(network = %self.spec.id, deposit.id = %id.text(self.spec.family), "held no more");
        }
    }

    fn is_news(&self, height: crate::domain::Height) -> bool {
        self.cursor.is_some_and(|cursor| cursor.finalized.is_none_or(|known| known.height < height))
    }
}
