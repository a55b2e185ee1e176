//! What the writer does with each command, without the thread, the queue and the clock.
//!
//! Commands of one group see each other: each is planned over the rows staged before it, and the trackers move as soon
//! as their rows are staged. Nobody else can see either until [`Core::commit`] has returned; if it fails the core is
//! dropped with everything in it and the daemon starts again from disk. So no plan ever rests on rows that could
//! vanish while the plan survives.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Fault,
    handle::{Applied, DUE_LEN_MAX, Refusal},
};
use crate::{
    domain::{
        Address, App, AppId, AuditRecord, BlockRef, Cursor, EndpointId, EventPlace, Millis, NetworkId, OrderId,
        ScanTarget, SpecBoard, Timestamp,
    },
    store::{Durable, Store, StoreError},
    tracker::{Change, Changeset, DepositPlace, Known, Needs, PlanError, Tracker},
};

mod alarm;
mod calls;
mod chain;
mod draft;
mod explain;
mod govern;
mod import;
mod load;
mod register;
mod resume;
mod scan;
mod settle;
mod tell;

use alarm::Alarm;
pub use load::{LoadError, Loading};

/// Orders that expire in one commit, per network.
const OVERDUE_LEN_MAX: usize = 50;
/// Overdue orders looked at to find them.
const OVERDUE_SEEN_MAX: usize = 1000;

/// State, and the commands that change it.
#[derive(Debug)]
pub struct Core {
    store: Store,
    trackers: BTreeMap<NetworkId, Tracker>,
    /// The last of the due deposits handed out, where there were more than fit: the next ones begin behind it.
    handed: BTreeMap<NetworkId, DepositPlace>,
    /// Scans worked on, by network.
    scanning: BTreeMap<NetworkId, scan::Scanning>,
    /// Halted networks a person wants to look again.
    look_again: BTreeSet<NetworkId>,
    /// The place of the last event.
    last_event: EventPlace,
    /// The last record of the audit log.
    last_act: Option<AuditRecord>,
    /// The networks as everyone else sees them: published once they are durable.
    specs: SpecBoard,
    /// Whether the group changes one.
    is_new_spec: bool,
    /// Whether followers should ask again what is due.
    is_renewed: bool,
    /// Lanes the group changes something for.
    touched: BTreeSet<EndpointId>,
    /// What of the group a person has to know.
    alarms: Vec<Alarm>,
}

impl Core {
    /// The networks' trackers.
    pub fn trackers(&self) -> &BTreeMap<NetworkId, Tracker> {
        &self.trackers
    }

    /// The store, for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Rows waiting for the next commit.
    pub fn staged_rows(&self) -> usize {
        self.store.staged_rows()
    }

    /// The networks as they are now, for everyone else.
    pub fn specs(&self) -> SpecBoard {
        self.specs.clone()
    }

    /// Shows everyone what the last commit changed of the networks, and raises its alarms.
    pub fn published(&mut self) {
        for alarm in self.alarms.drain(..) {
            alarm.raise();
        }
        if std::mem::take(&mut self.is_new_spec) {
            self.look_again();
            self.specs.publish(self.trackers.values().map(|tracker| tracker.spec().clone()));
        }
    }

    /// Lets followers ask again what is due once the group is durable: an act may have made more of it, and the next
    /// block that would show it can be long in coming.
    pub(super) fn look_again(&mut self) {
        self.is_renewed = true;
    }

    /// Whether [`Core::look_again`] was called since the last time this was asked.
    pub fn take_renewed(&mut self) -> bool {
        std::mem::take(&mut self.is_renewed)
    }

    /// Lanes that have something new since the last time this was asked.
    pub fn take_touched(&mut self) -> BTreeSet<EndpointId> {
        std::mem::take(&mut self.touched)
    }

    /// Makes everything staged durable.
    ///
    /// # Errors
    /// The group did not reach the disk: nothing of it may be answered, and this core must not be used again.
    pub fn commit(&mut self) -> Result<Durable, StoreError> {
        self.store.commit()
    }

    fn tracker(&self, network: &NetworkId) -> Result<&Tracker, Refusal> {
        self.trackers.get(network).ok_or_else(|| Refusal::UnknownNetwork { network: network.clone() })
    }

    fn cursor_of(&self, network: &NetworkId) -> Result<Cursor, Refusal> {
        let cursor = self.tracker(network)?.cursor();
        cursor.ok_or_else(|| Refusal::NetworkNotReady { network: network.clone() })
    }

    fn app(&self, id: &AppId) -> Result<App, Fault> {
        let missing = || Refusal::NotFound { what: "app", name: id.to_string() };
        Ok(self.store.app(id)?.ok_or_else(missing)?)
    }

    /// Reads what a plan needs: see [`Known`]. Orders with a deadline before `ripe` are looked at too.
    fn gather(&self, network: &NetworkId, needs: Needs, ripe: Option<Timestamp>) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let mut orders = needs.orders;
        if let Some(ripe) = ripe {
            known.overdue = self.overdue(network, ripe)?;
            orders.extend(known.overdue.iter().cloned());
        }
        for id in needs.deposits {
            if let Some(deposit) = self.store.deposit(&id)? {
                orders.extend(deposit.order.clone().map(|order| (deposit.app.clone(), order)));
                known.deposits.insert(id, deposit);
            }
        }
        for address in needs.addresses {
            if let Some(holding) = self.store.holding(network, address)? {
                let own = holding.open_order.iter().chain(&holding.last_order);
                orders.extend(own.map(|order| (holding.app.clone(), order.clone())));
                known.holdings.insert((network.clone(), address), holding);
            }
        }
        for (app, id) in orders {
            let Some(order) = self.store.order(&app, &id)? else { continue };
            for line in &order.lines {
                if let Some(holding) = self.store.holding(&line.network, order.address)? {
                    known.holdings.insert((line.network.clone(), order.address), holding);
                }
            }
            known.orders.insert((app, id), order);
        }
        Ok(known)
    }

    /// Orders with a deadline before `ripe` that may end now, as far as can be told before the plan. One whose past is being
    /// read may not: a payment that came in time may still be found.
    fn overdue(&self, network: &NetworkId, ripe: Timestamp) -> Result<Vec<(AppId, OrderId)>, StoreError> {
        let all = self.store.overdue(network, ripe, OVERDUE_SEEN_MAX)?;
        // Those that wait for a payment come last: they must not keep the others from their end.
        let named = if all.len() > OVERDUE_LEN_MAX { self.named(network) } else { BTreeSet::new() };
        let (awaited, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|key| named.contains(key));
        let everything = self.store.scan(network, ScanTarget::Everything)?;
        let mut overdue = Vec::new();
        for (app, id) in others.into_iter().chain(awaited) {
            if overdue.len() == OVERDUE_LEN_MAX {
                break;
            }
            let Some(order) = self.store.order(&app, &id)? else { continue };
            let line = order.line(network);
            let is_reread = everything.as_ref().zip(line).is_some_and(|(scan, line)| line.effective_from <= scan.to);
            let may_end = line.is_some_and(|line| self.knows(network, line.token));
            if may_end && !is_reread && self.store.scan(network, ScanTarget::Address(order.address))?.is_none() {
                overdue.push((app, id));
            }
        }
        Ok(overdue)
    }

    fn knows(&self, network: &NetworkId, token: Address) -> bool {
        self.trackers.get(network).is_some_and(|tracker| tracker.spec().tokens.contains_key(&token))
    }

    /// Orders that deposits on their way are meant for.
    fn named(&self, network: &NetworkId) -> BTreeSet<(AppId, OrderId)> {
        let waiting = self.trackers.get(network).into_iter().flat_map(Tracker::waiting);
        waiting.filter_map(|deposit| Some((deposit.app.clone(), deposit.order.clone()?))).collect()
    }

    fn carry_out(
        &mut self,
        network: &NetworkId,
        plan: Result<Changeset, PlanError>,
        now: Millis,
        orphaned_blocks: u64,
    ) -> Result<Applied, Fault> {
        let window = self.tracker(network)?.spec().window_blocks;
        let mut changes = plan.map_err(|error| refused(network, window, error))?;
        self.compose(&mut changes, now)?;
        self.stage(&changes)?;
        let tracker = self.tracker(network)?;
        let cursor = tracker.cursor().ok_or_else(|| Refusal::NetworkNotReady { network: network.clone() })?;
        let due = tracker.due_behind(self.handed.get(network), DUE_LEN_MAX);
        match due.last().map(|due| &due.deposit).filter(|_| due.len() == DUE_LEN_MAX) {
            Some(last) => drop(self.handed.insert(network.clone(), (last.included_at.height, last.id.clone()))),
            None => drop(self.handed.remove(network)),
        }
        Ok(Applied { cursor, due, orphaned_blocks })
    }

    fn stage_one(&mut self, change: Change) -> Result<(), Fault> {
        self.stage(&Changeset { changes: vec![change], events: Vec::new() })
    }

    fn stage(&mut self, changes: &Changeset) -> Result<(), Fault> {
        let alarms = alarm::raised(&self.store, changes)?;
        self.store.stage(changes)?;
        self.alarms.extend(alarms);
        // Only now: a changeset that cannot be kept leaves no gap.
        for change in &changes.changes {
            if let Change::Audit(record) = change {
                self.last_act = Some(record.clone());
            } else if let Change::Notification(told) = change {
                self.last_event = self.last_event.max(told.place);
                if told.due().is_some() {
                    self.touched.insert(told.endpoint());
                }
            } else if let Change::Endpoint(endpoint) = change {
                self.touched.insert(endpoint.id);
            }
            self.note_scan(change);
        }
        for tracker in self.trackers.values_mut() {
            tracker.accept(changes);
        }
        Ok(())
    }
}

/// Blocks of ours above `base`.
fn orphaned_blocks(tracker: &Tracker, base: BlockRef) -> u64 {
    tracker.cursor().map_or(0, |cursor| cursor.tip.height.0.saturating_sub(base.height.0))
}

/// Why a plan cannot be carried out, as whoever asked is told.
fn refused(network: &NetworkId, window: u32, error: PlanError) -> Refusal {
    match error {
        PlanError::NotAdopted => Refusal::NetworkNotReady { network: network.clone() },
        PlanError::Stale(what) => Refusal::Stale(what),
        PlanError::Precondition(what) => Refusal::Precondition(what),
        PlanError::TooDeep { tip, .. } => Refusal::TooDeep { network: network.clone(), tip, window },
    }
}
