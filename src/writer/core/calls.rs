//! What may still be said by protocols that name no version: their receivers believe the last word that reaches them.
//!
//! USDTCNPAY speaks of orders, and what it says of one comes from several rows that do not wait for each other: a deposit
//! that was taken back and another one that pays, an expiry and a payment that a person binds. So a new word about an
//! order ends the opposite ones that are still to be sent.

use std::collections::BTreeSet;

use super::{Core, draft::Draft};
use crate::{
    delivery::protocol::usdtcnpay,
    domain::{
        AppId, DepositId, Event, EventId, EventVersion, Millis, Notification, NotificationState, OrderEventKind,
        OrderId, OrderState, Protocol, Silence,
    },
    store::StoreError,
    tracker::Change,
};

impl Core {
    /// Whether sending the row again would say what is not so any more.
    pub(super) fn is_outdated(&self, row: &Notification) -> Result<bool, StoreError> {
        if row.protocol.says_version() {
            return Ok(false);
        }
        if row.then.is_some() {
            return Ok(true);
        }
        let Some((order, is_paid)) = said(row) else { return Ok(false) };
        let Some(order) = self.store.order(&row.app, &order)? else { return Ok(false) };
        Ok(matches!(order.state, OrderState::Paid(_)) != is_paid)
    }

    /// Withdraws what other deposits, or the end of the order, still have to say against `row`. `planned`: the changes of
    /// the plan that made its event.
    pub(super) fn overrule(
        &self,
        event: &Event,
        row: &Notification,
        planned: &[Change],
        draft: &mut Draft<'_>,
        now: Millis,
    ) -> Result<(), StoreError> {
        let Some((order, is_paid)) = said(row) else { return Ok(()) };
        let own = match event {
            Event::Deposit(event) => Some(&event.deposit.id),
            Event::Order(_) => None,
        };
        for id in self.calls_about(&row.app, &order, own, planned, draft)? {
            let Some(other) = draft.get(&id)?.filter(|other| other.id != row.id) else { continue };
            let is_opposite = said(&other).is_some_and(|(about, paid)| about == order && paid != is_paid);
            let state = match other.state {
                NotificationState::Waiting | NotificationState::Due(_) | NotificationState::DeadLetter(_) => {
                    NotificationState::Silent(Silence::Withdrawn)
                }
                NotificationState::Resend { delivered, .. } => NotificationState::Delivered(delivered),
                NotificationState::Delivered(_)
                | NotificationState::Silent(_)
                | NotificationState::Untold(_)
                | NotificationState::Closed(_) => continue,
            };
            if is_opposite && other.app == row.app {
                draft.put(Notification { state, ..other }, now)?;
            }
        }
        Ok(())
    }

    /// Events that may have words about an order: its end, deposits that were turned away, and the versions of all
    /// deposits but `own`, which wait for each other.
    fn calls_about(
        &self,
        app: &AppId,
        order: &OrderId,
        own: Option<&DepositId>,
        planned: &[Change],
        draft: &Draft<'_>,
    ) -> Result<Vec<EventId>, StoreError> {
        let mut deposits: BTreeSet<DepositId> = self.store.deposits_of_order(app, order)?.into_iter().collect();
        for change in planned {
            if let Change::Deposit(deposit) = change
                && deposit.app == *app
                && deposit.order.as_ref() == Some(order)
            {
                deposits.insert(deposit.id.clone());
            }
        }
        let ends = [OrderEventKind::Expired, OrderEventKind::Cancelled];
        let mut ids: Vec<EventId> = ends.map(|kind| EventId::order(app, order, kind)).into();
        for deposit in deposits {
            let Some(family) = self.trackers.get(&deposit.network).map(|tracker| tracker.spec().family) else {
                continue;
            };
            let text = deposit.text(family);
            ids.push(EventId::unmatched(&text));
            let mut version = EventVersion(1);
            while own != Some(&deposit) && draft.get(&EventId::money(&text, version))?.is_some() {
                ids.push(EventId::money(&text, version));
                version = version.next();
            }
        }
        Ok(ids)
    }
}

/// The order that a row has words about, and whether they say that it is paid.
fn said(row: &Notification) -> Option<(OrderId, bool)> {
    let (order, is_paid) = usdtcnpay::said(&row.body).filter(|_| row.protocol == Protocol::Usdtcnpay)?;
    Some((OrderId::parse(&order).ok()?, is_paid))
}

#[cfg(test)]
mod tests;
