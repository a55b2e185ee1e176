//! What a comparison found, as it is answered.

use super::{
    Job,
    balances::{Weighing, Weighings},
};
use crate::{
    api::{answer, proto::v1},
    domain::{
        Address,
        recheck::{Difference, Mismatch, Seen, Totals, Weighed},
    },
};

impl Job {
    pub(super) fn progress(&self, blocks: u64, balances: u64, of: u64) -> v1::ReconcileProgress {
        let blocks_total = (self.to.0 - self.from.0).saturating_add(1);
        v1::ReconcileProgress { blocks_done: blocks, blocks_total, balances_done: balances, balances_total: of }
    }

    pub(super) fn difference(&self, found: &Difference) -> v1::Difference {
        let kind = match found.mismatch {
            Mismatch::MissingInStore => v1::DifferenceKind::MissingInStore,
            Mismatch::NotOnChain => v1::DifferenceKind::NotOnChain,
            Mismatch::State => v1::DifferenceKind::State,
            Mismatch::Amount => v1::DifferenceKind::Amount,
            Mismatch::Parties => v1::DifferenceKind::Parties,
            Mismatch::Block => v1::DifferenceKind::Block,
        };
        let family = self.spec.family;
        let stored = found.store.as_ref().map(|deposit| Seen {
            at: deposit.included_at,
            time: deposit.block_time,
            from: deposit.from,
            to: deposit.to,
            amount: deposit.amount,
        });
        let side = |seen: Seen| v1::TransferSide {
            block: Some(answer::block(seen.at, Some(seen.time), family)),
            from: seen.from.text(family),
            to: seen.to.text(family),
            amount: seen.amount.to_string(),
        };
        v1::Difference {
            kind: kind.into(),
            deposit_id: found.id.text(family),
            tx_hash: found.id.tx.text(family),
            token: Some(self.token(found.id.token)),
            log_ordinal: found.id.ordinal.0,
            chain: found.chain.map(side),
            store: stored.map(side),
            store_state: found.store.as_ref().map(|deposit| deposit.state.word().to_owned()).unwrap_or_default(),
        }
    }

    pub(super) fn balance(&self, weighing: &Weighing) -> v1::BalanceCheck {
        let kind = match weighing.kind() {
            Weighed::Equal => v1::BalanceKind::Equal,
            Weighed::Unexplained => v1::BalanceKind::Unexplained,
            Weighed::FlowedOut => v1::BalanceKind::FlowedOut,
        };
        v1::BalanceCheck {
            address: weighing.address.text(self.spec.family),
            token: Some(self.token(weighing.token)),
            kind: kind.into(),
            balance: weighing.balance.to_string(),
            deposited: weighing.deposited.all.to_string(),
            credited: weighing.deposited.credited.to_string(),
        }
    }

    pub(super) fn summary(&self, totals: &Totals, weighed: &Weighings) -> v1::ReconcileSummary {
        let sums = totals.sums.iter().map(|(token, sums)| v1::TokenSums {
            token: Some(self.token(*token)),
            chain: sums.chain.to_string(),
            store: sums.store.to_string(),
        });
        v1::ReconcileSummary {
            endpoint: self.voice.endpoint.clone(),
            blocks: totals.blocks,
            transfers_on_chain: totals.on_chain,
            transfers_in_store: totals.in_store,
            not_covered: totals.not_covered,
            differences: totals.differences + weighed.differences,
            sums: sums.collect(),
            balances: weighed.compared,
        }
    }

    fn token(&self, contract: Address) -> v1::Token {
        answer::token(self.spec.tokens.get(&contract), contract, self.spec.family)
    }
}
