//! What operators do by hand: deposits held, released and bound, addresses taken from their owner.

use super::super::{Core, Fault, refused};
use crate::{
    domain::{Act, Action, Address, Deposit, DepositId, Holding, NetworkId, ScanTarget},
    tracker::{Change, Changeset, Tracker},
    writer::handle::{ByHand, Refusal},
};

impl Core {
    /// Holds a deposit, releases it, or binds it to an order; with its audit record in the same commit.
    ///
    /// # Errors
    /// [`Fault`]: what stands in the way is named.
    pub fn by_hand(&mut self, id: &DepositId, wish: &ByHand, act: &Act) -> Result<Deposit, Fault> {
        let tracker = self.tracker(&id.network)?;
        let (family, window) = (tracker.spec().family, tracker.spec().window_blocks);
        let missing = || Refusal::NotFound { what: "deposit", name: id.text(family) };
        let before = self.store.deposit(id)?.ok_or_else(missing)?;
        let tracker = self.tracker(&id.network)?;
        let (action, plan) = match wish {
            ByHand::Hold => (Action::DepositHold, tracker.plan_hold(&before, act.clone())),
            ByHand::Release => (Action::DepositRelease, tracker.plan_release(&before)),
            ByHand::Bind(app, order) => {
                let known = self.gather(&id.network, Tracker::needs_of_bind(&before, app, order), None)?;
                let missing = || Refusal::NotFound { what: "order", name: order.to_string() };
                let order = known.orders.get(&(app.clone(), order.clone())).cloned().ok_or_else(missing)?;
                (Action::DepositBind, tracker.plan_bind(&before, &order, known))
            }
        };
        let changes = plan.map_err(|error| refused(&id.network, window, error))?;
        let changed = changes.changes.iter().rev().find_map(|change| {
            let Change::Deposit(deposit) = change else { return None };
            (deposit.id == *id).then(|| deposit.clone())
        });
        let after = changed.unwrap_or_else(|| before.clone());
        let texts = [before.text(), told(&before), told(&after)];
        self.stage_act(changes, act, action, texts)?;
        if matches!(wish, ByHand::Release) {
            self.look_again();
        }
        Ok(after)
    }

    /// Takes an address from its owner; the answer is how it stood before.
    ///
    /// # Errors
    /// [`Fault`]: an order is open on it, or a deposit to it may still change.
    pub fn release_address(&mut self, network: &NetworkId, address: Address, act: &Act) -> Result<Holding, Fault> {
        let tracker = self.tracker(network)?;
        let name = address.display(tracker.spec().family);
        let missing = || Refusal::NotFound { what: "address", name: name.clone() };
        let holding = self.store.holding(network, address)?.ok_or_else(missing)?;
        if let Some(order) = &holding.open_order {
            let text = format!("order {order:?} of app {} is open on {name} on {network}", holding.app);
            return Err(Refusal::Precondition(text).into());
        }
        if let Some(deposit) = tracker.unsettled_to(address) {
            let (text, word) = (deposit.text(), deposit.state.word());
            let text = format!("deposit {text} to {name} on {network} is {word} and may still change");
            return Err(Refusal::Precondition(text).into());
        }
        let mut changes = vec![Change::DropHolding(network.clone(), address)];
        let target = ScanTarget::Address(address);
        if self.store.scan(network, target)?.is_some() {
            changes.push(Change::DropScan(network.clone(), target));
        }
        let before = format!("app {}, user mark {:?}", holding.app, holding.user_mark.as_str());
        let texts = [format!("{network} {name}"), before, String::new()];
        self.stage_act(Changeset { changes, events: Vec::new() }, act, Action::AddressRelease, texts)?;
        Ok(holding)
    }
}

/// A deposit as the audit log tells of it.
fn told(deposit: &Deposit) -> String {
    let held = if deposit.hold.is_some() { ", held" } else { "" };
    let order = deposit.order.as_ref().map_or_else(String::new, |order| format!(", order {order} of {}", deposit.app));
    format!("{} ({}){held}{order}", deposit.state.word(), deposit.reason.word())
}
