//! Evidence in, credit out: the only place where money is credited.

use std::collections::BTreeSet;

use super::{
    Change, Changeset, DepositPlace, Known, PlanError, Tracker,
    draft::Draft,
    matching::{self, Claim},
};
use crate::domain::{AppId, BlockRef, Cursor, Deposit, DepositState, EventKind, Evidence, OrderId, Reason, Standing};

impl Tracker {
    /// What does `evidence` change? Each piece credits its deposit if, right now, the deposit is in the block the
    /// evidence names, that block is ours, its threshold is met, and no payment of the same order before it still waits.
    /// Anything else is passed over: it will be asked for
    /// again. `finalized` is taken note of on the way.
    ///
    /// # Errors
    /// A network without a cursor.
    pub fn plan_verify(
        &self,
        evidence: &[Evidence],
        finalized: Option<BlockRef>,
        known: Known,
    ) -> Result<Changeset, PlanError> {
        let cursor = self.cursor.ok_or(PlanError::NotAdopted)?;
        let believed = finalized
            .filter(|block| self.holds_or_held(*block) && cursor.finalized.is_none_or(|old| block.height > old.height));
        let now = Cursor { finalized: believed.or(cursor.finalized), ..cursor };
        let mut draft = Draft::on(known);
        let supported: BTreeSet<DepositPlace> = evidence
            .iter()
            .filter_map(|piece| self.pending_deposit(&piece.id).filter(|deposit| piece.supports(deposit)))
            .map(|deposit| (deposit.included_at.height, deposit.id.clone()))
            .collect();
        self.settle(&supported, &now, &mut draft)?;
        if now != cursor {
            self.finalize_credited(&now, &mut draft);
            draft.put(Change::Cursor(self.spec.id.clone(), now));
        }
        Ok(draft.finish())
    }

    /// Settles deposits in the order of the chain, not of their evidence: of two payments of one order the first in the
    /// chain pays it. Else a reorg could take the one that paid and leave the one that was turned away.
    fn settle(&self, supported: &BTreeSet<DepositPlace>, now: &Cursor, draft: &mut Draft) -> Result<(), PlanError> {
        let Some(last) = supported.last() else { return Ok(()) };
        let mut waited_for: BTreeSet<(&AppId, &OrderId)> = BTreeSet::new();
        for (place, deposit) in self.pending.range(..=last) {
            let order = deposit.order.as_ref().map(|order| (&deposit.app, order));
            let is_next = supported.contains(place) && !order.is_some_and(|order| waited_for.contains(&order));
            if !is_next || !self.settle_one(deposit, now, draft)? {
                waited_for.extend(order);
            }
        }
        Ok(())
    }

    /// Credits the deposit, or turns it away; `false`: neither yet.
    fn settle_one(&self, deposit: &Deposit, now: &Cursor, draft: &mut Draft) -> Result<bool, PlanError> {
        let height = deposit.included_at.height;
        let on_our_chain =
            self.window.floor().is_some_and(|floor| height < floor) || self.window.holds(deposit.included_at);
        let standing = Standing::of(height, now.tip.height, now.finalized.map(|last| last.height));
        let Some(standing) =
            standing.filter(|standing| on_our_chain && self.spec.policy.is_met(*standing, deposit.amount))
        else {
            return Ok(false);
        };
        let Some(token) = self.token(deposit.id.token) else { return Ok(false) };
        let Some(holding) = draft.holding(&self.spec.id, deposit.to).cloned() else { return Ok(false) };
        let meant_for = draft.order(&deposit.app, deposit.order.as_ref()).cloned();
        let open = draft.order(&holding.app, holding.open_order.as_ref()).cloned();
        let confirmations = standing.confirmations.get();
        match matching::claim(deposit, token, &holding, meant_for.as_ref(), open.as_ref()) {
            Claim::Order(reason) => {
                let order = matching::order_claimed(deposit, meant_for.as_ref(), open.as_ref()).cloned();
                let order = order.map(|order| draft.pay(&order, &deposit.id));
                let credited =
                    Deposit { order: order.as_ref().map(|o| o.id.clone()), ..credit(deposit, reason, standing) };
                let event = self.event(EventKind::Confirmed, &credited, now.tip_time, confirmations, order, None)?;
                draft.tell(event);
                draft.put_deposit(credited);
            }
            Claim::Standing => {
                let credited = Deposit { order: None, ..credit(deposit, Reason::Matched, standing) };
                draft.tell(self.event(EventKind::Confirmed, &credited, now.tip_time, confirmations, None, None)?);
                draft.put_deposit(credited);
            }
            Claim::Nobody(reason) => {
                let unmatched =
                    Deposit { state: DepositState::Unmatched, reason, unmatched_told: true, ..deposit.clone() };
                if !deposit.unmatched_told {
                    let event =
                        self.event(EventKind::Unmatched, &unmatched, now.tip_time, confirmations, meant_for, None)?;
                    draft.tell(event);
                }
                draft.put_deposit(unmatched);
            }
        }
        Ok(true)
    }

    /// Deposits credited earlier, at or below the block the network now calls final.
    fn finalize_credited(&self, now: &Cursor, draft: &mut Draft) {
        let Some(last) = now.finalized else { return };
        let end = (last.height.next(), super::FIRST_ID.with_network(&self.spec.id));
        for deposit in self.told.range(..end).map(|(_, deposit)| deposit) {
            if deposit.state == DepositState::Confirmed {
                draft.put_deposit(Deposit { state: DepositState::Finalized, ..deposit.clone() });
            }
        }
    }
}

/// Credited, and for good where its block is final already.
fn credit(deposit: &Deposit, reason: Reason, standing: Standing) -> Deposit {
    let state = if standing.finalized { DepositState::Finalized } else { DepositState::Confirmed };
    Deposit { state, version: deposit.version.next(), reason, ..deposit.clone() }
}
