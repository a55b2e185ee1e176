//! What is kept, and the only place that names sled.
//!
//! A commit is: rows staged into a group, one batch applied, flushed, the database file synced with `fdatasync`, the
//! witness marked, and only then answered. Nothing that fails is tried again: the store is *poisoned*, answers
//! nothing more, and the process starts again from what is on disk.
//!
//! `keys` draws the schema, `codec` the bytes of values, `seal` what each commit says about the whole store, `load` the
//! full check at start, `upgrade` the way from an older schema, `witness` how an older copy is recognised, `engine` what lies underneath.
//!
//! Rows must stay under [`ROW_BYTES_MAX`] and groups should stay under 200 rows ([`Store::staged_rows`]): sled moves
//! larger messages into side files that it never syncs, and was seen to eat memory under larger batches.

mod by_tx;
mod codec;
mod durable;
mod engine;
mod error;
mod feed;
mod group;
mod index;
mod keys;
mod load;
mod lock;
mod open;
mod read;
mod read_audit;
mod read_orders;
mod read_told;
mod seal;
mod sweep;
mod upgrade;
mod witness;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use self::{
    codec::Row,
    engine::Engine,
    group::{Group, decode},
    keys::Key,
    lock::StoreLock,
    read::expect_row,
    seal::{Meta, Seal},
    witness::Witness,
};
pub use self::{
    engine::{EngineError, Fault, MemoryEngine},
    error::StoreError,
    open::is_opening,
    read::{DepositPosition, Reader},
    read_told::{ToldPosition, Walk},
};
use crate::{
    domain::{
        Address, App, AppId, AuditRecord, Cursor, Deposit, DepositId, Endpoint, EndpointId, EventId, EventPlace,
        Header, Holding, NetworkId, Notification, Order, OrderId, PolicyOverride, Scan, ScanTarget, Timestamp,
    },
    tracker::Changeset,
};

/// Largest row, key and value together, in bytes.
pub const ROW_BYTES_MAX: usize = 4096;

/// Proof that a commit is on disk.
#[derive(Debug)]
pub struct Durable {
    /// Its sequence number.
    pub sequence: u64,
}

/// A row met by the full check at start, in key order, kind after kind as below.
#[derive(Debug)]
pub enum LoadedRow {
    /// A watched or owned address.
    Holding(Holding),
    /// A network's progress.
    Cursor(NetworkId, Cursor),
    /// A header of the window.
    Header(NetworkId, Header),
    /// A rule set while running.
    Override(PolicyOverride),
    /// A deposit.
    Deposit(Deposit),
    /// The place of an event.
    Event(EventPlace),
    /// What a person did; in the order of numbers.
    Audit(AuditRecord),
}

/// Where the store is.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Directory of the store; created with mode 0700 if its parent exists.
    pub dir: PathBuf,
    /// The witness file, best on another device; its directory exists.
    pub witness: PathBuf,
    /// sled's page cache, in bytes.
    pub cache_bytes: u64,
}

/// What the writer's end and the readers have in common.
#[derive(Debug)]
struct Shared {
    engine: Box<dyn Engine>,
    /// The last commit, and the gate: written from before a batch is applied until it is durable, read during every
    /// read, so that nobody sees a row that could still vanish.
    last: RwLock<Seal>,
    /// Set by the first failure, for ever.
    failed: AtomicBool,
    /// Dropped after the engine: held until the last reader is gone and sled has closed its files. None in memory.
    _lock: Option<StoreLock>,
}

impl Shared {
    /// A read of one commit. Damage met on the way poisons the store.
    fn read<T>(&self, read: impl FnOnce(&dyn Engine) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let _gate = self.seal();
        self.healthy()?;
        let answer = read(self.engine.as_ref());
        if let Err(StoreError::Damaged { .. } | StoreError::Unreadable(_)) = &answer {
            self.poison();
        }
        answer
    }

    fn seal(&self) -> RwLockReadGuard<'_, Seal> {
        self.last.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn healthy(&self) -> Result<(), StoreError> {
        if self.failed.load(Ordering::Acquire) { Err(StoreError::Poisoned) } else { Ok(()) }
    }

    fn poison(&self) {
        self.failed.store(true, Ordering::Release);
    }
}

/// The writer's end: there is one.
///
/// Every method answers [`StoreError::Poisoned`] after the first failure.
pub struct Store {
    shared: Arc<Shared>,
    group: Group,
    meta: Meta,
    /// None in memory.
    witness: Option<Witness>,
}

impl Store {
    /// Opens or creates the store in a directory, checks every row of it, and hands rows to `row` in key order, once.
    /// What `row` was given is worthless if an error follows. A store of an older schema is checked, upgraded and
    /// checked again; after an interruption the next open goes on with it.
    ///
    /// # Errors
    /// [`StoreError`]: every variant but those of staging and committing.
    pub fn open(options: &StoreOptions, mut row: impl FnMut(LoadedRow)) -> Result<Self, StoreError> {
        open::on_disk(options, &mut row)
    }

    /// The same on rows in memory, for the simulation: no files, no witness, everything else as on disk. What was
    /// committed outlives the store in `engine`.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn in_memory(engine: &MemoryEngine, mut row: impl FnMut(LoadedRow)) -> Result<Self, StoreError> {
        open::in_memory(engine, &mut row)
    }

    /// Adds a changeset's rows to the group. Changes nothing outside; after an error the group is as it was.
    /// Its events are not looked at: the writer has made notifications of them.
    ///
    /// # Errors
    /// [`StoreError::RowTooLarge`], [`StoreError::RowUnreadable`]: refuse this command and go on. Others: stop.
    pub fn stage(&mut self, changes: &Changeset) -> Result<(), StoreError> {
        let group = &mut self.group;
        self.shared.read(|engine| group.stage(engine, changes))
    }

    /// Rows the group will write or remove so far, indexes included.
    pub fn staged_rows(&self) -> usize {
        self.group.len()
    }

    /// Makes the group durable and empties it. A group that changes nothing costs nothing.
    ///
    /// # Errors
    /// [`StoreError::NotDurable`]: it is unknown whether the group is on disk; stop. [`StoreError::Poisoned`].
    pub fn commit(&mut self) -> Result<Durable, StoreError> {
        self.shared.healthy()?;
        let mut batch = self.group.batch();
        if batch.is_empty() {
            self.group.clear();
            return Ok(Durable { sequence: self.shared.seal().sequence });
        }
        let next = self.shared.seal().next(&self.group.replaced(), &batch);
        batch.push((Key::seal().into_bytes(), Some(next.encode())));
        let sequence = next.sequence;

        let mut last = self.shared.last.write().unwrap_or_else(PoisonError::into_inner);
        let applied = self.shared.engine.apply(&batch).and_then(|()| match &mut self.witness {
            Some(witness) => mark(witness, &self.meta, &next),
            None => Ok(()),
        });
        if let Err(source) = applied {
            self.shared.poison();
            return Err(StoreError::NotDurable { sequence, source });
        }
        *last = next;
        drop(last);
        self.group.clear();
        Ok(Durable { sequence })
    }

    /// An app: the group's row over the committed one. So for every read below.
    ///
    /// # Errors
    /// The row cannot be read: stop.
    pub fn app(&self, id: &AppId) -> Result<Option<App>, StoreError> {
        self.row(&Key::app(id))?.map(|row| expect_row!(row, App)).transpose()
    }

    /// See [`Store::app`].
    ///
    /// # Errors
    /// The row cannot be read: stop.
    pub fn order(&self, app: &AppId, id: &OrderId) -> Result<Option<Order>, StoreError> {
        self.row(&Key::order(app, id))?.map(|row| expect_row!(row, Order)).transpose()
    }

    /// See [`Store::app`].
    ///
    /// # Errors
    /// The row cannot be read: stop.
    pub fn holding(&self, network: &NetworkId, address: Address) -> Result<Option<Holding>, StoreError> {
        self.row(&Key::holding(network, address))?.map(|row| expect_row!(row, Holding)).transpose()
    }

    /// See [`Store::app`].
    ///
    /// # Errors
    /// The row cannot be read: stop.
    pub fn deposit(&self, id: &DepositId) -> Result<Option<Deposit>, StoreError> {
        self.row(&Key::deposit(id))?.map(|row| expect_row!(row, Deposit)).transpose()
    }

    /// See [`Store::app`].
    ///
    /// # Errors
    /// The row cannot be read: stop.
    pub fn notification(&self, id: &EventId) -> Result<Option<Notification>, StoreError> {
        self.row(&Key::notification(id))?.map(|row| expect_row!(row, Notification)).transpose()
    }

    /// See [`Store::app`].
    ///
    /// # Errors
    /// The row cannot be read: stop.
    pub fn endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        self.row(&Key::endpoint(id))?.map(|row| expect_row!(row, Endpoint)).transpose()
    }

    /// The deposit, as printed, that Udun calls so. See [`Store::app`].
    ///
    /// # Errors
    /// The row cannot be read: stop.
    pub fn trade(&self, number: u64) -> Result<Option<String>, StoreError> {
        match self.row(&Key::trade(number))? {
            Some(Row::Trade(_, deposit)) => Ok(Some(deposit)),
            Some(other) => Err(StoreError::damaged(format!("{} where a Udun number belongs", other.name()))),
            None => Ok(None),
        }
    }

    /// See [`Store::app`].
    ///
    /// # Errors
    /// The row cannot be read: stop.
    pub fn scan(&self, network: &NetworkId, target: ScanTarget) -> Result<Option<Scan>, StoreError> {
        self.row(&Key::scan(network, target))?.map(|row| expect_row!(row, Scan)).transpose()
    }

    /// Orders that wait on `network` although blocks younger than their deadline lie deep: those with a deadline below
    /// `time`, by deadline, at most `limit`. Committed rows only: an order of the group that waits comes with the next
    /// commit.
    ///
    /// # Errors
    /// The rows cannot be read: stop.
    pub fn overdue(
        &self,
        network: &NetworkId,
        time: Timestamp,
        limit: usize,
    ) -> Result<Vec<(AppId, OrderId)>, StoreError> {
        self.shared.read(|engine| read::overdue(engine, network, time, limit))
    }

    /// For everyone else: durable rows only.
    pub fn reader(&self) -> Reader {
        Reader(Arc::clone(&self.shared))
    }

    fn row(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        self.shared.read(|engine| match self.group.get(key) {
            Some(staged) => staged.map(|value| decode(key, value)).transpose(),
            None => read::get(engine, key),
        })
    }
}

impl fmt::Debug for Store {
    /// Never rows, which hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let staged = self.staged_rows();
        f.debug_struct("Store").field("shared", &self.shared).field("staged", &staged).finish_non_exhaustive()
    }
}

/// Marks the witness; its failure is one of the commit.
fn mark(witness: &mut Witness, meta: &Meta, seal: &Seal) -> Result<(), EngineError> {
    witness
        .mark(meta, seal)
        .map_err(|error| EngineError::Failed(format!("witness {}: {error}", witness.path().display())))
}

#[cfg(test)]
mod tests;
