//! What the writer does with each command, without the thread, the queue and the clock.
//!
//! Commands of one group see each other: each is planned over the rows staged before it, and the trackers move as soon
//! as their rows are staged. Nobody else can see either until [`Core::commit`] has returned; if it fails the core is
//! dropped with everything in it and the daemon starts again from disk. So no plan ever rests on rows that could
//! vanish while the plan survives.

use std::collections::BTreeMap;

use super::{
    Fault,
    handle::{Applied, NewOrder, NewWatch, Refusal, Rotation, Settlement},
    register,
};
use crate::{
    delivery,
    domain::{
        Address, App, AppId, BlockBatch, BlockRef, EventId, Evidence, Header, Holding, Millis, NetworkId, NetworkSpec,
        Notification, NotificationState, Order, OrderId,
    },
    store::{Durable, LoadedRow, Store, StoreError},
    tracker::{Change, Changeset, DepositPlace, Known, Needs, PlanError, Tracker},
};

/// Deposits handed out for verification at once, per network.
const DUE_LEN_MAX: usize = 64;

/// Why stored rows cannot be worked with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(String);

/// Collects the rows of the store's full check into trackers.
#[derive(Debug)]
pub struct Loading {
    trackers: BTreeMap<NetworkId, Tracker>,
}

impl Loading {
    /// For the configured networks; rows of others stay on disk untouched.
    pub fn of(networks: impl IntoIterator<Item = NetworkSpec>) -> Self {
        Self { trackers: networks.into_iter().map(|spec| (spec.id.clone(), Tracker::new(spec))).collect() }
    }

    /// Takes in one row.
    pub fn row(&mut self, row: LoadedRow) {
        match row {
            LoadedRow::Holding(holding) => {
                self.with(&holding.network, |tracker| tracker.load_address(holding.address));
            }
            LoadedRow::Cursor(network, cursor) => self.with(&network, |tracker| tracker.load_cursor(cursor)),
            LoadedRow::Header(network, header) => self.with(&network, |tracker| tracker.load_header(header)),
            LoadedRow::Deposit(deposit) => {
                let network = deposit.id.network.clone();
                self.with(&network, |tracker| tracker.load_deposit(deposit));
            }
        }
    }

    fn with(&mut self, network: &NetworkId, load: impl FnOnce(&mut Tracker)) {
        if let Some(tracker) = self.trackers.get_mut(network) {
            load(tracker);
        }
    }

    /// The core over these rows.
    ///
    /// # Errors
    /// Rows that contradict each other or the configuration.
    pub fn finish(mut self, store: Store) -> Result<Core, LoadError> {
        for tracker in self.trackers.values_mut() {
            tracker.loaded().map_err(LoadError)?;
        }
        Ok(Core { store, trackers: self.trackers, handed: BTreeMap::new() })
    }
}

/// State, and the commands that change it.
#[derive(Debug)]
pub struct Core {
    store: Store,
    trackers: BTreeMap<NetworkId, Tracker>,
    /// The last of the due deposits handed out, where there were more than fit: the next ones begin behind it.
    handed: BTreeMap<NetworkId, DepositPlace>,
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

    /// Makes everything staged durable.
    ///
    /// # Errors
    /// The group did not reach the disk: nothing of it may be answered, and this core must not be used again.
    pub fn commit(&mut self) -> Result<Durable, StoreError> {
        self.store.commit()
    }

    /// Begins a network.
    ///
    /// # Errors
    /// [`Fault`], as for every method below.
    pub fn adopt(&mut self, network: &NetworkId, headers: &[Header], now: Millis) -> Result<Applied, Fault> {
        let plan = self.tracker(network)?.plan_adopt(headers);
        self.carry_out(network, plan, now, 0)
    }

    /// Applies a batch.
    ///
    /// # Errors
    /// As above.
    pub fn apply(
        &mut self,
        network: &NetworkId,
        batch: &BlockBatch,
        finalized: Option<BlockRef>,
        now: Millis,
    ) -> Result<Applied, Fault> {
        let known = self.gather(network, self.tracker(network)?.needs_of_batch(batch))?;
        let tracker = self.tracker(network)?;
        let orphaned = orphaned_blocks(tracker, batch.base());
        let plan = tracker.plan_apply(batch, finalized, known);
        self.carry_out(network, plan, now, orphaned)
    }

    /// Follows the chain down.
    ///
    /// # Errors
    /// As above.
    pub fn retreat(&mut self, network: &NetworkId, to: BlockRef, now: Millis) -> Result<Applied, Fault> {
        let known = self.gather(network, self.tracker(network)?.needs_of_retreat(to))?;
        let tracker = self.tracker(network)?;
        let orphaned = orphaned_blocks(tracker, to);
        let plan = tracker.plan_retreat(to, known);
        self.carry_out(network, plan, now, orphaned)
    }

    /// Credits what evidence supports.
    ///
    /// # Errors
    /// As above.
    pub fn verify(
        &mut self,
        network: &NetworkId,
        evidence: &[Evidence],
        finalized: Option<BlockRef>,
        now: Millis,
    ) -> Result<Applied, Fault> {
        let known = self.gather(network, self.tracker(network)?.needs_of_evidence(evidence))?;
        let plan = self.tracker(network)?.plan_verify(evidence, finalized, known);
        self.carry_out(network, plan, now, 0)
    }

    /// Creates an app.
    ///
    /// # Errors
    /// As above.
    pub fn create_app(&mut self, app: App) -> Result<App, Fault> {
        let known = self.store.app(&app.id)?;
        let app = register::create_app(app, known)?;
        self.stage_one(Change::App(app.clone()))?;
        Ok(app)
    }

    /// Gives an app a new signing key.
    ///
    /// # Errors
    /// As above.
    pub fn rotate_secret(&mut self, rotation: &Rotation, now: Millis) -> Result<App, Fault> {
        let app = register::rotate(self.app(&rotation.app)?, rotation, now);
        self.stage_one(Change::App(app.clone()))?;
        Ok(app)
    }

    /// Registers an order.
    ///
    /// # Errors
    /// As above.
    pub fn register_order(&mut self, new: &NewOrder, now: Millis) -> Result<Order, Fault> {
        self.app(&new.app)?;
        let known = self.store.order(&new.app, &new.id)?;
        let mut lines = Vec::with_capacity(new.lines.len());
        for (network, token) in &new.lines {
            let tip = self.tip_of(network)?;
            lines.push(register::Line {
                network,
                token: *token,
                tip,
                holding: self.store.holding(network, new.address)?,
            });
        }
        let plan = register::order(new, known, lines, now)?;
        self.stage(&plan.changes)?;
        Ok(plan.answer)
    }

    /// Withdraws an order.
    ///
    /// # Errors
    /// As above.
    pub fn cancel_order(&mut self, app: &AppId, id: &OrderId) -> Result<Order, Fault> {
        let missing = || Refusal::NotFound { what: "order", name: id.to_string() };
        let order = self.store.order(app, id)?.ok_or_else(missing)?;
        let seen = self.trackers.values().any(|tracker| tracker.has_seen_payment_for(app, id));
        let mut holdings = Vec::new();
        for line in &order.lines {
            holdings.extend(self.store.holding(&line.network, order.address)?);
        }
        let plan = register::cancel(order, holdings, seen)?;
        self.stage(&plan.changes)?;
        Ok(plan.answer)
    }

    /// Watches an address for good.
    ///
    /// # Errors
    /// As above.
    pub fn watch_address(&mut self, new: &NewWatch, now: Millis) -> Result<Vec<Holding>, Fault> {
        self.app(&new.app)?;
        let mut places = Vec::with_capacity(new.networks.len());
        for network in &new.networks {
            places.push((network, self.tip_of(network)?, self.store.holding(network, new.address)?));
        }
        let plan = register::watch(new, places, now)?;
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

    /// Records an attempt and what follows from it.
    ///
    /// # Errors
    /// As above.
    pub fn settle(&mut self, settlement: &Settlement) -> Result<(), Fault> {
        let id = &settlement.event;
        let missing = || Refusal::NotFound { what: "notification", name: id.to_string() };
        let before = self.store.notification(id)?.ok_or_else(missing)?;
        if settlement.attempt.number != before.attempts.next() {
            return Err(
                Refusal::Stale(format!("attempt {:?} of {id} is recorded already", settlement.attempt.number)).into()
            );
        }
        let after = delivery::settle(&before, &settlement.attempt, settlement.ended);
        let mut changes = vec![Change::Attempt(settlement.attempt.clone())];
        if let Some(next) = after.then.as_ref().filter(|_| after.is_settled())
            && let Some(waiting) = self.store.notification(next)?
            && waiting.state == NotificationState::Waiting
        {
            changes.push(Change::Notification(Notification {
                state: NotificationState::Due(settlement.ended),
                ..waiting
            }));
        }
        changes.push(Change::Notification(after));
        self.stage(&Changeset { changes, events: Vec::new() })
    }

    fn tracker(&self, network: &NetworkId) -> Result<&Tracker, Refusal> {
        self.trackers.get(network).ok_or_else(|| Refusal::UnknownNetwork { network: network.clone() })
    }

    fn tip_of(&self, network: &NetworkId) -> Result<BlockRef, Refusal> {
        let cursor = self.tracker(network)?.cursor();
        cursor.map(|cursor| cursor.tip).ok_or_else(|| Refusal::NetworkNotReady { network: network.clone() })
    }

    fn app(&self, id: &AppId) -> Result<App, Fault> {
        let missing = || Refusal::NotFound { what: "app", name: id.to_string() };
        Ok(self.store.app(id)?.ok_or_else(missing)?)
    }

    /// Reads what a plan needs: see [`Known`].
    fn gather(&self, network: &NetworkId, needs: Needs) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let mut orders = needs.orders;
        for id in needs.deposits {
            if let Some(deposit) = self.store.deposit(&id)? {
                orders.extend(deposit.order.clone().map(|order| (deposit.app.clone(), order)));
                known.deposits.insert(id, deposit);
            }
        }
        for address in needs.addresses {
            if let Some(holding) = self.store.holding(network, address)? {
                orders.extend(holding.open_order.clone().map(|order| (holding.app.clone(), order)));
                known.holdings.insert((network.clone(), address), holding);
            }
        }
        for (app, id) in orders {
            let Some(order) = self.store.order(&app, &id)? else { continue };
            for line in order.lines.iter().filter(|line| line.network != *network) {
                if let Some(holding) = self.store.holding(&line.network, order.address)? {
                    known.holdings.insert((line.network.clone(), order.address), holding);
                }
            }
            known.orders.insert((app, id), order);
        }
        Ok(known)
    }

    fn carry_out(
        &mut self,
        network: &NetworkId,
        plan: Result<Changeset, PlanError>,
        now: Millis,
        orphaned_blocks: u64,
    ) -> Result<Applied, Fault> {
        let window = self.tracker(network)?.spec().window_blocks;
        let mut changes = plan.map_err(|error| match error {
            PlanError::NotAdopted => Refusal::NetworkNotReady { network: network.clone() },
            PlanError::Stale(what) => Refusal::Stale(what),
            PlanError::TooDeep { tip, .. } => Refusal::TooDeep { network: network.clone(), tip, window },
        })?;
        self.compose(&mut changes, now)?;
        self.stage(&changes)?;
        let tracker = self.tracker(network)?;
        let cursor = tracker.cursor().ok_or_else(|| Refusal::NetworkNotReady { network: network.clone() })?;
        let due = tracker.due_behind(self.handed.get(network), DUE_LEN_MAX);
        match due.last().filter(|_| due.len() == DUE_LEN_MAX) {
            Some(last) => drop(self.handed.insert(network.clone(), (last.included_at.height, last.id.clone()))),
            None => drop(self.handed.remove(network)),
        }
        Ok(Applied { cursor, due, orphaned_blocks })
    }

    /// Puts a notification row beside each fact, in the same changeset.
    fn compose(&self, changes: &mut Changeset, now: Millis) -> Result<(), Fault> {
        for event in &changes.events {
            let app = self.app(&event.deposit.app)?;
            let mut notification = delivery::compose(event, &app, now);
            if let Some(before) = self.unsettled(notification.after.as_ref())? {
                notification.state = NotificationState::Waiting;
                let then = Some(notification.id.clone());
                changes.changes.push(Change::Notification(Notification { then, ..before }));
            }
            changes.changes.push(Change::Notification(notification));
        }
        Ok(())
    }

    fn unsettled(&self, id: Option<&EventId>) -> Result<Option<Notification>, StoreError> {
        let Some(id) = id else { return Ok(None) };
        Ok(self.store.notification(id)?.filter(|notification| !notification.is_settled()))
    }

    fn stage_one(&mut self, change: Change) -> Result<(), Fault> {
        self.stage(&Changeset { changes: vec![change], events: Vec::new() })
    }

    fn stage(&mut self, changes: &Changeset) -> Result<(), Fault> {
        self.store.stage(changes)?;
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
