//! Evidence in, credit out: the only place where money is credited.

use std::collections::BTreeSet;

use super::{
    Change, Changeset, DepositPlace, Known, PlanError, Tracker,
    draft::Draft,
    matching::{self, Claim},
};
use crate::domain::{
    AppId, BlockRef, Cursor, Deposit, DepositState, EventKind, Evidence, Order, OrderId, Policy, Reason, Standing,
};

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
        self.plan_verify_under(&self.spec.policy, evidence, finalized, known)
    }

    /// The same under another policy: what would be credited if that one stood.
    ///
    /// # Errors
    /// A network without a cursor.
    pub fn plan_verify_under(
        &self,
        policy: &Policy,
        evidence: &[Evidence],
        finalized: Option<BlockRef>,
        known: Known,
    ) -> Result<Changeset, PlanError> {
        let cursor = self.cursor.ok_or(PlanError::NotAdopted)?;
        let believed = self.believed(cursor, finalized);
        let now = Cursor { finalized: believed.or(cursor.finalized), ..cursor };
        let overdue = known.overdue.clone();
        let mut draft = Draft::on(known);
        let supported: BTreeSet<DepositPlace> = evidence
            .iter()
            .filter_map(|piece| self.pending_deposit(&piece.id).filter(|deposit| is_enough(policy, piece, deposit)))
            .map(|deposit| (deposit.included_at.height, deposit.id.clone()))
            .collect();
        self.settle(policy, &supported, &now, &mut draft)?;
        self.expire(&overdue, &now, &[], &mut draft)?;
        if now != cursor {
            self.finalize_credited(&now, &mut draft);
            draft.put(Change::Cursor(self.spec.id.clone(), now));
        }
        Ok(draft.finish())
    }

    /// What the network newly calls final, if it may be: on our chain, above what was final before.
    pub(super) fn believed(&self, cursor: Cursor, finalized: Option<BlockRef>) -> Option<BlockRef> {
        let is_higher = |block: &BlockRef| cursor.finalized.is_none_or(|old| block.height > old.height);
        finalized.filter(|block| self.holds_or_held(*block) && is_higher(block))
    }

    /// Settles deposits in the order of the chain, not of their evidence: of two payments of one order the first in the
    /// chain pays it. Else a reorg could take the one that paid and leave the one that was turned away.
    fn settle(
        &self,
        policy: &Policy,
        supported: &BTreeSet<DepositPlace>,
        now: &Cursor,
        draft: &mut Draft,
    ) -> Result<(), PlanError> {
        let Some(last) = supported.last() else { return Ok(()) };
        let mut waited_for: BTreeSet<(&AppId, &OrderId)> = BTreeSet::new();
        for (place, deposit) in self.pending.range(..=last) {
            let order = deposit.order.as_ref().map(|order| (&deposit.app, order));
            let is_next = supported.contains(place) && !order.is_some_and(|order| waited_for.contains(&order));
            if !is_next || !self.settle_one(policy, deposit, now, draft)? {
                waited_for.extend(order);
            }
        }
        Ok(())
    }

    /// Credits the deposit, or turns it away; `false`: neither yet.
    fn settle_one(
        &self,
        policy: &Policy,
        deposit: &Deposit,
        now: &Cursor,
        draft: &mut Draft,
    ) -> Result<bool, PlanError> {
        let Some(standing) = self.proved_standing(policy, deposit, now) else { return Ok(false) };
        let Some(token) = self.token(deposit.id.token) else { return Ok(false) };
        let Some(holding) = draft.holding(&self.spec.id, deposit.to).cloned() else { return Ok(false) };
        let orders = draft.orders_for(deposit, &holding);
        match matching::claim(deposit, token, &holding, orders.as_ref()) {
            Claim::Order(order, reason) => self.credit_order(deposit, order, reason, standing, now, draft)?,
            Claim::Standing => {
                let credited = Deposit { order: None, ..credit(deposit, Reason::Matched, standing) };
                let confirmations = standing.confirmations.get();
                draft.tell(self.event(EventKind::Confirmed, &credited, now.tip_time, confirmations, None, None)?);
                draft.put_deposit(credited);
            }
            Claim::Nobody(reason, order) => self.turn_away(deposit, reason, order, standing, now, draft)?,
        }
        Ok(true)
    }

    /// How the deposit stands, if that is enough: on our chain, at its threshold, and not held by a person.
    pub(super) fn proved_standing(&self, policy: &Policy, deposit: &Deposit, now: &Cursor) -> Option<Standing> {
        let height = deposit.included_at.height;
        let on_our_chain =
            self.window.floor().is_some_and(|floor| height < floor) || self.window.holds(deposit.included_at);
        let standing = Standing::of(height, now.tip.height, now.finalized.map(|last| last.height))?;
        let need = policy.need_for(deposit.id.token, &deposit.app, deposit.amount);
        (on_our_chain && deposit.hold.is_none() && policy.is_met(need, standing)).then_some(standing)
    }

    /// The deposit pays the order.
    pub(super) fn credit_order(
        &self,
        deposit: &Deposit,
        order: &Order,
        reason: Reason,
        standing: Standing,
        now: &Cursor,
        draft: &mut Draft,
    ) -> Result<(), PlanError> {
        let paid = draft.pay(order, &deposit.id);
        let credited = Deposit { order: Some(paid.id.clone()), ..credit(deposit, reason, standing) };
        let confirmations = standing.confirmations.get();
        draft.tell(self.event(EventKind::Confirmed, &credited, now.tip_time, confirmations, Some(paid), None)?);
        draft.put_deposit(credited);
        Ok(())
    }

    /// Nobody is credited; that is told once.
    fn turn_away(
        &self,
        deposit: &Deposit,
        reason: Reason,
        order: Option<&Order>,
        standing: Standing,
        now: &Cursor,
        draft: &mut Draft,
    ) -> Result<(), PlanError> {
        let order = order.cloned();
        let named = order.as_ref().map(|order| order.id.clone()).or_else(|| deposit.order.clone());
        let (state, unmatched_told) = (DepositState::Unmatched, true);
        let unmatched = Deposit { state, reason, unmatched_told, order: named, ..deposit.clone() };
        if !deposit.unmatched_told {
            let confirmations = standing.confirmations.get();
            draft.tell(self.event(EventKind::Unmatched, &unmatched, now.tip_time, confirmations, order, None)?);
        }
        draft.put_deposit(unmatched);
        Ok(())
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

/// Whether the evidence is for this very deposit, and was asked for under rules that are no weaker than those of now.
fn is_enough(policy: &Policy, piece: &Evidence, deposit: &Deposit) -> bool {
    let need = policy.need_for(deposit.id.token, &deposit.app, deposit.amount);
    piece.supports(deposit) && piece.under.proves(&need)
}

/// Credited, and for good where its block is final already.
pub(super) fn credit(deposit: &Deposit, reason: Reason, standing: Standing) -> Deposit {
    let state = if standing.finalized { DepositState::Finalized } else { DepositState::Confirmed };
    Deposit { state, version: deposit.version.next(), reason, ..deposit.clone() }
}
