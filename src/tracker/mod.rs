//! Pure: what does a batch, a step down or a piece of evidence change?
//!
//! [`Tracker`] holds what one network's plans need: recent headers, the deposits that may still change, and the index
//! of owned addresses. `plan_*` reads and returns a [`Changeset`]; nothing moves until [`Tracker::accept`].
//! No clock, no randomness, no IO, no log, no unordered map.

pub mod changeset;
mod credit;
mod draft;
mod expiry;
pub mod explain;
mod manual;
mod matching;
mod progress;
mod resume;
mod scan;
mod watch_index;
mod window;

#[cfg(test)]
mod tests;

pub use changeset::{Change, Changeset};
pub use draft::{Known, Needs};
pub use scan::Scanned;
pub use watch_index::WatchIndex;
pub use window::HeaderWindow;

use std::{collections::BTreeMap, ops::Bound};

use crate::domain::{
    Address, AppId, BlockBatch, BlockRef, Cursor, Deposit, DepositId, DepositState, Evidence, Header, Height, Need,
    NetworkSpec, OrderId, Policy, Standing, Token,
};

/// Why a plan cannot be made. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The network has no cursor yet.
    #[error("the network has not been adopted yet")]
    NotAdopted,
    /// What a person asked for is not possible as things stand.
    #[error("{0}")]
    Precondition(String),
    /// It does not fit what is committed: look again.
    #[error("{0}")]
    Stale(String),
    /// The base lies below the window, or below what the network called final: halt.
    #[error("base {base} lies below what is kept or final (tip {tip})")]
    TooDeep {
        /// Where the new chain leaves ours, as far as we can tell.
        base: Height,
        /// Our tip.
        tip: BlockRef,
    },
}

/// A deposit at its threshold, and what its evidence must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The deposit.
    pub deposit: Deposit,
    /// What it needs.
    pub need: Need,
}

/// Where a deposit stands in the order of age.
pub type DepositPlace = (Height, DepositId);

/// What one network's plans need to know.
#[derive(Clone, Debug)]
pub struct Tracker {
    spec: NetworkSpec,
    cursor: Option<Cursor>,
    window: HeaderWindow,
    watches: WatchIndex,
    /// Detected deposits, by the height they are in.
    pending: BTreeMap<(Height, DepositId), Deposit>,
    /// Credited and unmatched deposits that a reorg could still take back, by height.
    told: BTreeMap<(Height, DepositId), Deposit>,
    /// Where each of both is.
    places: BTreeMap<DepositId, Height>,
}

impl Tracker {
    /// A tracker that knows nothing yet.
    pub fn new(spec: NetworkSpec) -> Self {
        Self {
            spec,
            cursor: None,
            window: HeaderWindow::default(),
            watches: WatchIndex::default(),
            pending: BTreeMap::new(),
            told: BTreeMap::new(),
            places: BTreeMap::new(),
        }
    }

    /// Takes in a stored cursor, at start.
    pub fn load_cursor(&mut self, cursor: Cursor) {
        self.cursor = Some(cursor);
    }

    /// Takes in a stored header, at start.
    pub fn load_header(&mut self, header: Header) {
        self.window.put(header);
    }

    /// Takes in an owned address, at start.
    pub fn load_address(&mut self, address: Address) {
        self.watches.insert(address);
    }

    /// Takes in a stored deposit, at start: those that can no longer change are not kept.
    pub fn load_deposit(&mut self, deposit: Deposit) {
        self.place(deposit);
    }

    /// Ends loading.
    ///
    /// # Errors
    /// Stored headers that do not link up to the cursor.
    pub fn loaded(&mut self) -> Result<(), String> {
        if let Some(height) = self.window.broken_at() {
            return Err(format!("{}: stored headers do not link at {height}", self.spec.id));
        }
        if self.window.tip().map(|tip| tip.at) != self.cursor.map(|cursor| cursor.tip) {
            return Err(format!("{}: the stored cursor is not the highest stored header", self.spec.id));
        }
        self.forget_what_is_settled();
        let open = self.pending.values().chain(self.told.values());
        let lost = open.map(|deposit| (deposit, self.token(deposit.id.token))).find(|(_, token)| token.is_none());
        match lost {
            Some((deposit, _)) => Err(format!(
                "{}: token {} is not configured any more, but deposit {} may still change; configure it until then",
                self.spec.id,
                deposit.id.token.text(self.spec.family),
                deposit.text()
            )),
            None => Ok(()),
        }
    }

    /// The network as configured.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Committed progress.
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// Recent headers.
    pub fn window(&self) -> &HeaderWindow {
        &self.window
    }

    /// Owned addresses.
    pub fn watches(&self) -> &WatchIndex {
        &self.watches
    }

    /// Deposits held in memory because they may still change.
    pub fn open_deposits(&self) -> usize {
        self.places.len()
    }

    /// Deposits at their threshold that wait for evidence, oldest first, at most `limit`.
    pub fn due(&self, limit: usize) -> Vec<Due> {
        self.due_behind(None, limit)
    }

    /// The same, beginning behind `last` and going round: those that cannot be proved do not keep the others from
    /// their turn.
    pub fn due_behind(&self, last: Option<&DepositPlace>, limit: usize) -> Vec<Due> {
        let ripe = |deposit: &&Deposit| {
            let need = self.need_of(deposit);
            let is_met = |standing| self.spec.policy.is_met(need, standing);
            deposit.hold.is_none() && self.standing(deposit).is_some_and(is_met)
        };
        let behind = self.pending.range((last.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded));
        let before = last.into_iter().flat_map(|last| self.pending.range(..=last));
        behind
            .chain(before)
            .map(|(_, deposit)| deposit)
            .filter(ripe)
            .take(limit)
            .map(|deposit| self.due_one(deposit))
            .collect()
    }

    /// Every deposit that is seen and neither credited nor turned away, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = &Deposit> {
        self.pending.values()
    }

    /// Deposits that wait and would be at their threshold under one of `policies`, oldest first.
    pub fn ripe_under<'a>(&'a self, policies: &'a [&'a Policy]) -> impl Iterator<Item = &'a Deposit> {
        let is_ripe = |deposit: &&Deposit| {
            let standing = self.standing(deposit);
            policies.iter().any(|policy| {
                let need = policy.need_for(deposit.id.token, &deposit.app, deposit.amount);
                standing.is_some_and(|standing| policy.is_met(need, standing))
            })
        };
        self.pending.values().filter(is_ripe)
    }

    fn due_one(&self, deposit: &Deposit) -> Due {
        Due { need: self.need_of(deposit), deposit: deposit.clone() }
    }

    /// What a deposit of this network needs to be credited.
    pub fn need_of(&self, deposit: &Deposit) -> Need {
        self.spec.policy.need_for(deposit.id.token, &deposit.app, deposit.amount)
    }

    /// Goes on with another policy, or with other limits of its tokens. What is credited stays credited.
    pub fn set_spec(&mut self, spec: NetworkSpec) {
        self.spec = spec;
    }

    /// Whether a detected deposit is meant for this order.
    pub fn has_seen_payment_for(&self, app: &AppId, order: &OrderId) -> bool {
        self.pending.values().any(|deposit| deposit.app == *app && deposit.order.as_ref() == Some(order))
    }

    /// Rows [`Tracker::plan_apply`] has to be given for `batch`.
    pub fn needs_of_batch(&self, batch: &BlockBatch) -> Needs {
        let mut needs = self.needs_of_retreat(batch.base());
        for transfer in batch.blocks().iter().flat_map(|block| &block.transfers) {
            if self.watches.contains(transfer.to) {
                needs.addresses.insert(transfer.to);
                needs.deposits.insert(DepositId::of(&self.spec.id, transfer));
            }
        }
        needs
    }

    /// Rows [`Tracker::plan_retreat`] has to be given.
    pub fn needs_of_retreat(&self, base: BlockRef) -> Needs {
        let mut needs = Needs::default();
        let above = (base.height.next(), FIRST_ID.with_network(&self.spec.id));
        for deposit in self.pending.range(above.clone()..).chain(self.told.range(above..)).map(|(_, deposit)| deposit) {
            needs.addresses.insert(deposit.to);
            needs.orders.extend(deposit.order.clone().map(|order| (deposit.app.clone(), order)));
        }
        needs
    }

    /// Rows [`Tracker::plan_verify`] has to be given.
    pub fn needs_of_evidence(&self, evidence: &[Evidence]) -> Needs {
        let mut needs = Needs::default();
        for deposit in evidence.iter().filter_map(|evidence| self.pending_deposit(&evidence.id)) {
            needs.addresses.insert(deposit.to);
            needs.orders.extend(deposit.order.clone().map(|order| (deposit.app.clone(), order)));
        }
        needs
    }

    /// Moves memory to where a committed changeset says it is. Cannot fail.
    pub fn accept(&mut self, changes: &Changeset) {
        for change in &changes.changes {
            match change {
                Change::Cursor(network, cursor) if *network == self.spec.id => self.cursor = Some(*cursor),
                Change::Header(network, header) if *network == self.spec.id => self.window.put(*header),
                Change::DropHeader(network, height) if *network == self.spec.id => self.window.drop_at(*height),
                Change::Holding(holding) if holding.network == self.spec.id => {
                    self.watches.insert(holding.address);
                }
                Change::DropHolding(network, address) if *network == self.spec.id => self.watches.remove(*address),
                Change::Deposit(deposit) if deposit.id.network == self.spec.id => self.place(deposit.clone()),
                Change::Cursor(..)
                | Change::Header(..)
                | Change::DropHeader(..)
                | Change::Holding(_)
                | Change::Deposit(_)
                | Change::App(_)
                | Change::Order(_)
                | Change::Notification(_)
                | Change::Attempt(_)
                | Change::DropAttempt(..)
                | Change::Endpoint(_)
                | Change::Trade(..)
                | Change::DropHolding(..)
                | Change::Override(_)
                | Change::DropOverride(..)
                | Change::Scan(_)
                | Change::DropScan(..)
                | Change::Audit(_) => {}
            }
        }
        self.forget_what_is_settled();
    }

    fn place(&mut self, deposit: Deposit) {
        if let Some(height) = self.places.remove(&deposit.id) {
            let old = (height, deposit.id.clone());
            self.pending.remove(&old);
            self.told.remove(&old);
        }
        let at = (deposit.included_at.height, deposit.id.clone());
        let shelf = match deposit.state {
            DepositState::Detected => &mut self.pending,
            DepositState::Confirmed | DepositState::Unmatched => &mut self.told,
            DepositState::Orphaned | DepositState::Finalized => return,
        };
        self.places.insert(deposit.id.clone(), at.0);
        shelf.insert(at, deposit);
    }

    /// Unmatched deposits below the window cannot change any more; credited ones were made final by their own row.
    fn forget_what_is_settled(&mut self) {
        let Some(floor) = self.window.floor() else { return };
        let keep = (floor, FIRST_ID.with_network(&self.spec.id));
        let kept = self.told.split_off(&keep);
        let below = std::mem::replace(&mut self.told, kept);
        for (at, deposit) in below {
            if deposit.state == DepositState::Unmatched {
                self.places.remove(&at.1);
            } else {
                self.told.insert(at, deposit);
            }
        }
    }

    fn pending_deposit(&self, id: &DepositId) -> Option<&Deposit> {
        let height = self.places.get(id)?;
        self.pending.get(&(*height, id.clone()))
    }

    fn standing(&self, deposit: &Deposit) -> Option<Standing> {
        let cursor = self.cursor?;
        Standing::of(deposit.included_at.height, cursor.tip.height, cursor.finalized.map(|last| last.height))
    }

    fn token(&self, contract: Address) -> Option<&Token> {
        self.spec.tokens.get(&contract)
    }
}

/// Sorts before every deposit id of a network: the lower end of ranges by height.
struct FirstId;
const FIRST_ID: FirstId = FirstId;

impl FirstId {
    fn with_network(&self, network: &crate::domain::NetworkId) -> DepositId {
        DepositId {
            network: network.clone(),
            tx: crate::domain::TxHash([0; 32]),
            token: Address([0; 20]),
            ordinal: crate::domain::LogOrdinal(0),
        }
    }
}
