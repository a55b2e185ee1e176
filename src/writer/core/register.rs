//! What gateways register and withdraw.

use super::{Core, Fault};
use crate::{
    domain::{
        Address, AppId, Event, Holding, Millis, NetworkId, Order, OrderEvent, OrderEventKind, OrderId, OrderState,
    },
    tracker::Change,
    writer::{
        handle::{NewOrder, NewWatch, Refusal},
        register,
    },
};

impl Core {
    /// Registers an order.
    ///
    /// # Errors
    /// As above.
    pub fn register_order(&mut self, new: &NewOrder, now: Millis) -> Result<Order, Fault> {
        let app = self.app(&new.app)?;
        let known = self.store.order(&new.app, &new.id)?;
        let mut lines = Vec::with_capacity(new.lines.len());
        for (network, token) in &new.lines {
            let cursor = self.cursor_of(network)?;
            lines.push(register::Line {
                network,
                token: *token,
                tip: cursor.tip,
                tip_time: cursor.tip_time,
                holding: self.store.holding(network, new.address)?,
            });
        }
        let mut plan = register::order(new, &app, known, lines, now)?;
        if !plan.changes.changes.is_empty() {
            for line in &plan.answer.lines {
                let past = self.past_of(&line.network, new.address, line.since, line.effective_from, now)?;
                plan.changes.changes.extend(past);
            }
        }
        self.stage(&plan.changes)?;
        Ok(plan.answer)
    }

    /// Withdraws an order.
    ///
    /// # Errors
    /// As above.
    pub fn cancel_order(&mut self, app: &AppId, id: &OrderId, now: Millis) -> Result<Order, Fault> {
        let missing = || Refusal::NotFound { what: "order", name: id.to_string() };
        let order = self.store.order(app, id)?.ok_or_else(missing)?;
        let seen = self.trackers.values().any(|tracker| tracker.has_seen_payment_for(app, id));
        let mut holdings = Vec::new();
        for line in &order.lines {
            holdings.extend(self.store.holding(&line.network, order.address)?);
        }
        let was_cancelled = order.state == OrderState::Cancelled;
        let mut plan = register::cancel(order, holdings, seen)?;
        if !was_cancelled {
            plan.changes.events.extend(self.cancelled(&plan.answer).map(Event::Order));
            self.compose(&mut plan.changes, now)?;
        }
        self.stage(&plan.changes)?;
        Ok(plan.answer)
    }

    /// What is told of a withdrawn order, at the newest block of its first network; nothing, if that is not followed.
    fn cancelled(&self, order: &Order) -> Option<OrderEvent> {
        let tracker = order.lines.iter().find_map(|line| self.trackers.get(&line.network))?;
        let tip = *tracker.window().tip()?;
        tracker.order_event(OrderEventKind::Cancelled, order.clone(), tip).ok()
    }

    /// Watches an address for good.
    ///
    /// # Errors
    /// As above.
    pub fn watch_address(&mut self, new: &NewWatch, now: Millis) -> Result<Vec<Holding>, Fault> {
        register::may_watch(&self.app(&new.app)?)?;
        let mut places = Vec::with_capacity(new.networks.len());
        for network in &new.networks {
            places.push((network, self.cursor_of(network)?.tip, self.store.holding(network, new.address)?));
        }
        let mut plan = register::watch(new, places, now)?;
        for holding in &plan.answer {
            let changed = plan.changes.changes.contains(&Change::Holding(holding.clone()));
            if let Some(watch) = holding.standing.filter(|_| changed) {
                let past = self.past_of(&holding.network, new.address, watch.since, watch.effective_from, now)?;
                plan.changes.changes.extend(past);
            }
        }
        self.stage(&plan.changes)?;
        Ok(plan.answer)
    }

    /// Ends a standing watch.
    ///
    /// # Errors
    /// As above.
    pub fn unwatch_address(&mut self, app: &AppId, network: &NetworkId, address: Address) -> Result<Holding, Fault> {
        let tracker = self.tracker(network)?;
        let name = address.display(tracker.spec().family);
        let mine = self.store.holding(network, address)?.filter(|holding| holding.app == *app);
        let holding = mine.ok_or(Refusal::NotFound { what: "address", name })?;
        let ended = Holding { standing: None, ..holding };
        self.stage_one(Change::Holding(ended.clone()))?;
        Ok(ended)
    }
}
