//! A plan being written: rows read so far, rows changed so far. Later steps of one plan see the earlier ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    changeset::{Change, Changeset},
    matching::Orders,
};
use crate::domain::{
    Address, AppId, Deposit, DepositEvent, DepositId, Event, Holding, NetworkId, Order, OrderEvent, OrderId, OrderLine,
    OrderState,
};

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

/// The rows a plan was given: everything [`Needs`] names that exists, the open and the last order of each address, and
/// the addresses of those orders on every network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Addresses.
    pub holdings: BTreeMap<(NetworkId, Address), Holding>,
    /// Deposits.
    pub deposits: BTreeMap<DepositId, Deposit>,
    /// Orders.
    pub orders: BTreeMap<(AppId, OrderId), Order>,
    /// Orders whose deadline blocks that lie deep have passed, by deadline; they are among `orders`.
    pub overdue: Vec<(AppId, OrderId)>,
}

/// Orders of a draft, apart from it, so that it can be written while they are read.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownOrders {
    meant_for: Option<Order>,
    open: Option<Order>,
    last: Option<Order>,
}

impl KnownOrders {
    pub(super) fn as_ref(&self) -> Orders<'_> {
        Orders { meant_for: self.meant_for.as_ref(), open: self.open.as_ref(), last: self.last.as_ref() }
    }
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
        self.out.events.push(Event::Deposit(event));
    }

    /// The deposits of the plan, as they are now.
    pub(super) fn deposits(&self) -> impl Iterator<Item = &Deposit> {
        self.known.deposits.values()
    }

    /// The orders that may have to do with a deposit to `holding`.
    pub(super) fn orders_for(&self, deposit: &Deposit, holding: &Holding) -> KnownOrders {
        KnownOrders {
            meant_for: self.order(&deposit.app, deposit.order.as_ref()).cloned(),
            open: self.order(&holding.app, holding.open_order.as_ref()).cloned(),
            last: self.order(&holding.app, holding.last_order.as_ref()).cloned(),
        }
    }

    /// The order is paid by `deposit`: none of its addresses waits for it any longer.
    pub(super) fn pay(&mut self, order: &Order, deposit: &DepositId) -> Order {
        self.finish_order(order, OrderState::Paid(deposit.clone()))
    }

    /// Blocks that lie deep on `network` are younger than the order's deadline: no payment in time can come there any
    /// more. Where that is so on all its networks it is expired; then the order is given back.
    pub(super) fn close(&mut self, order: &Order, network: &NetworkId) -> Option<Order> {
        let close = |line: &OrderLine| OrderLine { closed: line.closed || line.network == *network, ..line.clone() };
        let order = Order { lines: order.lines.iter().map(close).collect(), ..order.clone() };
        if order.lines.iter().all(|line| line.closed) {
            Some(self.finish_order(&order, OrderState::Expired))
        } else {
            self.put_order(order);
            None
        }
    }

    fn finish_order(&mut self, order: &Order, state: OrderState) -> Order {
        for holding in self.holdings_of(order) {
            if holding.open_order.as_ref() == Some(&order.id) && holding.app == order.app {
                self.put_holding(Holding { open_order: None, last_order: Some(order.id.clone()), ..holding });
            }
        }
        self.put_order(Order { state, ..order.clone() })
    }

    /// The payment of `order` was taken back: it waits again, unless it was bound by hand, its time was over on all its
    /// networks before it was paid, or one of its addresses expects another order by now or has another owner.
    pub(super) fn reopen(&mut self, order: &Order, deposit: &Deposit) -> Order {
        let holdings = self.holdings_of(order);
        let is_free = |holding: &Holding| {
            holding.open_order.is_none() && holding.app == order.app && holding.user_mark == order.user_mark
        };
        let is_over = order.lines.iter().all(|line| line.closed);
        let may_wait = !is_over && holdings.len() == order.lines.len() && holdings.iter().all(is_free);
        if deposit.by_hand || !may_wait {
            return self.put_order(Order { state: OrderState::Reversed(deposit.id.clone()), ..order.clone() });
        }
        for holding in holdings {
            self.put_holding(Holding { open_order: Some(order.id.clone()), last_order: None, ..holding });
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

    pub(super) fn tell_of_order(&mut self, event: OrderEvent) {
        self.out.events.push(Event::Order(event));
    }

    pub(super) fn finish(self) -> Changeset {
        self.out
    }
}
