//! A plan being written: rows read so far, rows changed so far. Later steps of one plan see the earlier ones.

use std::collections::{BTreeMap, BTreeSet};

use super::changeset::{Change, Changeset};
use crate::domain::{Address, AppId, Deposit, DepositEvent, DepositId, Holding, NetworkId, Order, OrderId, OrderState};

/// Rows a plan has to be given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Addresses on the plan's own network.
    pub addresses: BTreeSet<Address>,
    /// Deposits that may have been seen before.
    pub deposits: BTreeSet<DepositId>,
    /// Orders.
    pub orders: BTreeSet<(AppId, OrderId)>,
}

/// The rows a plan was given: everything [`Needs`] names that exists, the open order of each address, and the addresses
/// of those orders on their other networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Addresses.
    pub holdings: BTreeMap<(NetworkId, Address), Holding>,
    /// Deposits.
    pub deposits: BTreeMap<DepositId, Deposit>,
    /// Orders.
    pub orders: BTreeMap<(AppId, OrderId), Order>,
}

/// What is known, and what of it has been changed.
#[derive(Debug)]
pub(super) struct Draft {
    known: Known,
    out: Changeset,
}

impl Draft {
    pub(super) fn on(known: Known) -> Self {
        Self { known, out: Changeset::default() }
    }

    pub(super) fn holding(&self, network: &NetworkId, address: Address) -> Option<&Holding> {
        self.known.holdings.get(&(network.clone(), address))
    }

    pub(super) fn deposit(&self, id: &DepositId) -> Option<&Deposit> {
        self.known.deposits.get(id)
    }

    pub(super) fn order(&self, app: &AppId, id: Option<&OrderId>) -> Option<&Order> {
        self.known.orders.get(&(app.clone(), id?.clone()))
    }

    pub(super) fn put_deposit(&mut self, deposit: Deposit) {
        self.known.deposits.insert(deposit.id.clone(), deposit.clone());
        self.out.changes.push(Change::Deposit(deposit));
    }

    pub(super) fn put(&mut self, change: Change) {
        self.out.changes.push(change);
    }

    pub(super) fn tell(&mut self, event: DepositEvent) {
        self.out.events.push(event);
    }

    /// The order is paid by `deposit`: none of its addresses waits for it any longer.
    pub(super) fn pay(&mut self, order: &Order, deposit: &DepositId) -> Order {
        for holding in self.holdings_of(order) {
            if holding.open_order.as_ref() == Some(&order.id) && holding.app == order.app {
                self.put_holding(Holding { open_order: None, ..holding });
            }
        }
        self.put_order(Order { state: OrderState::Paid(deposit.clone()), ..order.clone() })
    }

    /// The payment of `order` was taken back: it waits again, unless one of its addresses expects another order by now.
    pub(super) fn reopen(&mut self, order: &Order, deposit: &DepositId) -> Order {
        let holdings = self.holdings_of(order);
        if holdings.iter().any(|holding| holding.open_order.is_some()) {
            return self.put_order(Order { state: OrderState::Reversed(deposit.clone()), ..order.clone() });
        }
        for holding in holdings {
            self.put_holding(Holding { open_order: Some(order.id.clone()), ..holding });
        }
        self.put_order(Order { state: OrderState::Open, ..order.clone() })
    }

    fn holdings_of(&self, order: &Order) -> Vec<Holding> {
        order.lines.iter().filter_map(|line| self.holding(&line.network, order.address)).cloned().collect()
    }

    fn put_holding(&mut self, holding: Holding) {
        self.known.holdings.insert((holding.network.clone(), holding.address), holding.clone());
        self.out.changes.push(Change::Holding(holding));
    }

    fn put_order(&mut self, order: Order) -> Order {
        self.known.orders.insert((order.app.clone(), order.id.clone()), order.clone());
        self.out.changes.push(Change::Order(order.clone()));
        order
    }

    pub(super) fn finish(self) -> Changeset {
        self.out
    }
}
