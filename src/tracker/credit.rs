//! Evidence in, credit out: the only place where money is credited.

use super::{
    Change, Changeset, Known, PlanError, Tracker,
    draft::Draft,
    matching::{self, Claim},
};
use crate::domain::{BlockRef, Cursor, Deposit, DepositState, EventKind, Evidence, Reason, Standing};

impl Tracker {
    /// What does `evidence` change? Each piece credits its deposit if, right now, the deposit is in the block the
    /// evidence names, that block is ours, and its threshold is met. Anything else is passed over: it will be asked for
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
        let mut supported: Vec<&Deposit> = evidence
            .iter()
            .filter_map(|piece| self.pending_deposit(&piece.id).filter(|deposit| piece.supports(deposit)))
            .collect();
        supported.sort_by_key(|deposit| (deposit.included_at.height, &deposit.id));
        supported.dedup_by_key(|deposit| &deposit.id);
        for deposit in supported {
            self.settle_one(deposit, &now, &mut draft)?;
        }
        if now != cursor {
            self.finalize_credited(&now, &mut draft);
            draft.put(Change::Cursor(self.spec.id.clone(), now));
        }
        Ok(draft.finish())
    }

    fn settle_one(&self, deposit: &Deposit, now: &Cursor, draft: &mut Draft) -> Result<(), PlanError> {
        let height = deposit.included_at.height;
        let on_our_chain =
            self.window.floor().is_some_and(|floor| height < floor) || self.window.holds(deposit.included_at);
        let standing = Standing::of(height, now.tip.height, now.finalized.map(|last| last.height));
        let Some(standing) =
            standing.filter(|standing| on_our_chain && self.spec.policy.is_met(*standing, deposit.amount))
        else {
            return Ok(());
        };
        let Some(token) = self.token(deposit.id.token) else { return Ok(()) };
        let Some(holding) = draft.holding(&self.spec.id, deposit.to).cloned() else { return Ok(()) };
        let meant_for = draft.order(&deposit.app, deposit.order.as_ref()).cloned();
        let open = draft.order(&holding.app, holding.open_order.as_ref()).cloned();
        let confirmations = standing.confirmations.get();
        match matching::claim(deposit, token, &holding, meant_for.as_ref(), open.as_ref()) {
            Claim::Order(reason) => {
                let order = matching::order_claimed(deposit, meant_for.as_ref(), open.as_ref()).cloned();
                let order = order.map(|order| draft.pay(&order, &deposit.id));
                let credited = Deposit { order: order.as_ref().map(|o| o.id.clone()), ..credit(deposit, reason) };
                let event = self.event(EventKind::Confirmed, &credited, now.tip_time, confirmations, order, None)?;
                draft.tell(event);
                draft.put_deposit(credited);
            }
            Claim::Standing => {
                let credited = Deposit { order: None, ..credit(deposit, Reason::Matched) };
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

fn credit(deposit: &Deposit, reason: Reason) -> Deposit {
    Deposit { state: DepositState::Confirmed, version: deposit.version.next(), reason, ..deposit.clone() }
}
