//! Facts become rows of the outbox, in the commit of the fact.

use super::{Core, Fault, draft::Draft};
use crate::{
    delivery::{self, protocol::udun},
    domain::{App, Endpoint, Event, EventKind, Millis, Notification, NotificationState, Protocol, Trade},
    store::StoreError,
    tracker::{Change, Changeset},
};

impl Core {
    /// Puts a notification row beside each fact, in the same changeset. A fact that has its row already keeps it: an id
    /// never gets a second body. Places have no gap: an event that is not made takes none.
    pub(super) fn compose(&self, changes: &mut Changeset, now: Millis) -> Result<(), Fault> {
        if changes.events.is_empty() {
            return Ok(());
        }
        let (mut place, mut draft, mut beside) = (self.last_event, Draft::over(&self.store), Vec::new());
        for event in &changes.events {
            if draft.get(event.id())?.is_some() {
                continue;
            }
            let app = self.app(event.app())?;
            let trade = self.trade(event, &app, &mut beside)?;
            let Some(row) = delivery::compose(event, place.next(), trade, &app, now) else { continue };
            place = place.next();
            self.introduce(&row, &mut beside)?;
            // What nobody is told ends nothing.
            if row.protocol == Protocol::Usdtcnpay && !matches!(row.state, NotificationState::Silent(_)) {
                self.overrule(event, &row, &changes.changes, &mut draft, now)?;
            }
            draft.put(row, now)?;
        }
        changes.changes.extend(beside);
        changes.changes.extend(draft.changes());
        Ok(())
    }

    /// The endpoint's row, if this is its first event.
    fn introduce(&self, row: &Notification, beside: &mut Vec<Change>) -> Result<(), StoreError> {
        let id = row.endpoint();
        let is_new = |change: &Change| matches!(change, Change::Endpoint(endpoint) if endpoint.id == id);
        if !beside.iter().any(is_new) && self.store.endpoint(id)?.is_none() {
            beside.push(Change::Endpoint(Endpoint::of(&row.app, &row.url)));
        }
        Ok(())
    }

    /// What Udun calls the deposit of `event`: the number derived from its id, or the next one that is free. A deposit
    /// that is credited again keeps its number.
    fn trade(&self, event: &Event, app: &App, beside: &mut Vec<Change>) -> Result<Option<Trade>, StoreError> {
        let Event::Deposit(event) = event else { return Ok(None) };
        if app.protocol != Protocol::Udun || event.kind != EventKind::Confirmed {
            return Ok(None);
        }
        let network = self.trackers.get(&event.deposit.id.network);
        let Some(main_coin) = network.and_then(|tracker| tracker.spec().main_coin) else { return Ok(None) };
        let deposit = event.deposit.text();
        let mut id = udun::trade_id(&deposit);
        loop {
            match self.trade_named(id, beside)? {
                Some(named) if named == deposit => break,
                Some(_) => id = udun::next_trade_id(id),
                None => {
                    beside.push(Change::Trade(id, deposit));
                    break;
                }
            }
        }
        Ok(Some(Trade { main_coin, id }))
    }

    /// The deposit that has this number, in the store or in the same changeset.
    fn trade_named(&self, id: u64, beside: &[Change]) -> Result<Option<String>, StoreError> {
        let staged = beside.iter().find_map(|change| {
            let Change::Trade(number, deposit) = change else { return None };
            (*number == id).then(|| deposit.clone())
        });
        match staged {
            Some(deposit) => Ok(Some(deposit)),
            None => self.store.trade(id),
        }
    }
}

#[cfg(test)]
mod tests;
