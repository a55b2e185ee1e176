//! The only place that names sled.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{
    domain::{
        Address, App, AppId, Attempt, Cursor, Deposit, DepositId, EventId, Header, Holding, Millis, NetworkId,
        Notification, Order, OrderId,
    },
    tracker::Changeset,
};

/// SKELETON
#[derive(Debug, thiserror::Error)]
#[error("skeleton")]
pub struct StoreError;

/// Proof that a commit is on disk.
#[derive(Debug)]
pub struct Durable {
    /// Its sequence number.
    pub sequence: u64,
}

/// A row met by the full check at start, in key order.
#[derive(Debug)]
pub enum LoadedRow {
    /// A watched or owned address.
    Holding(Holding),
    /// A network's progress.
    Cursor(NetworkId, Cursor),
    /// A header of the window.
    Header(NetworkId, Header),
    /// A deposit.
    Deposit(Deposit),
}

/// SKELETON
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Directory of the store.
    pub dir: PathBuf,
    /// The witness file.
    pub witness: PathBuf,
    /// sled's page cache, in bytes.
    pub cache_bytes: u64,
}

/// The writer's end.
#[derive(Debug)]
pub struct Store;

impl Store {
    /// Opens, checks everything once, hands every row to `row`.
    pub fn open(_options: &StoreOptions, _row: impl FnMut(LoadedRow)) -> Result<Self, StoreError> {
        todo!()
    }
    /// Adds a changeset to the group. Changes nothing outside.
    pub fn stage(&mut self, _changes: &Changeset) -> Result<(), StoreError> {
        todo!()
    }
    /// Rows in the group so far, indexes included.
    pub fn staged_rows(&self) -> usize {
        todo!()
    }
    /// Makes the group durable.
    pub fn commit(&mut self) -> Result<Durable, StoreError> {
        todo!()
    }
    /// The group's rows over the committed ones.
    pub fn app(&self, _id: &AppId) -> Result<Option<App>, StoreError> {
        todo!()
    }
    /// See [`Store::app`].
    pub fn order(&self, _app: &AppId, _id: &OrderId) -> Result<Option<Order>, StoreError> {
        todo!()
    }
    /// See [`Store::app`].
    pub fn holding(&self, _network: &NetworkId, _address: Address) -> Result<Option<Holding>, StoreError> {
        todo!()
    }
    /// See [`Store::app`].
    pub fn deposit(&self, _id: &DepositId) -> Result<Option<Deposit>, StoreError> {
        todo!()
    }
    /// See [`Store::app`].
    pub fn notification(&self, _id: &EventId) -> Result<Option<Notification>, StoreError> {
        todo!()
    }
    /// For everyone else: durable rows only.
    pub fn reader(&self) -> Reader {
        todo!()
    }
}

/// Reads durable rows. Waits while a commit is on its way to disk, so nothing is seen that could still vanish.
#[derive(Clone, Debug)]
pub struct Reader;

/// Where a page of deposits goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepositPosition(pub Vec<u8>);

impl Reader {
    /// One app.
    pub fn app(&self, _id: &AppId) -> Result<Option<App>, StoreError> {
        todo!()
    }
    /// Apps in the order of ids, above `after`.
    pub fn apps(&self, _after: Option<&AppId>, _limit: usize) -> Result<Vec<App>, StoreError> {
        todo!()
    }
    /// One order.
    pub fn order(&self, _app: &AppId, _id: &OrderId) -> Result<Option<Order>, StoreError> {
        todo!()
    }
    /// An app's orders in the order of ids, above `after`.
    pub fn orders(&self, _app: &AppId, _after: Option<&OrderId>, _limit: usize) -> Result<Vec<Order>, StoreError> {
        todo!()
    }
    /// One address.
    pub fn holding(&self, _network: &NetworkId, _address: Address) -> Result<Option<Holding>, StoreError> {
        todo!()
    }
    /// An app's addresses by network and bytes, above `after`.
    pub fn holdings(
        &self,
        _app: &AppId,
        _after: Option<(&NetworkId, Address)>,
        _limit: usize,
    ) -> Result<Vec<Holding>, StoreError> {
        todo!()
    }
    /// One deposit by its printed id (`dep_…`).
    pub fn deposit(&self, _text: &str) -> Result<Option<Deposit>, StoreError> {
        todo!()
    }
    /// An app's deposits by block time, oldest first, above `after`, with the position behind the last one.
    pub fn deposits(
        &self,
        _app: &AppId,
        _after: Option<&DepositPosition>,
        _limit: usize,
    ) -> Result<Vec<(DepositPosition, Deposit)>, StoreError> {
        todo!()
    }
    /// A network's progress.
    pub fn cursor(&self, _network: &NetworkId) -> Result<Option<Cursor>, StoreError> {
        todo!()
    }
    /// One notification.
    pub fn notification(&self, _id: &EventId) -> Result<Option<Notification>, StoreError> {
        todo!()
    }
    /// The last `limit` attempts of an event, oldest first.
    pub fn attempts(&self, _event: &EventId, _limit: usize) -> Result<Vec<Attempt>, StoreError> {
        todo!()
    }
    /// The next lane above `after` that has due-dated rows, and its earliest due time.
    pub fn next_lane(
        &self,
        _after: Option<crate::domain::notification::EndpointId>,
    ) -> Result<Option<(crate::domain::notification::EndpointId, Millis)>, StoreError> {
        todo!()
    }
    /// Events of a lane due at `now` or before, oldest due first.
    pub fn due(
        &self,
        _endpoint: crate::domain::notification::EndpointId,
        _now: Millis,
        _limit: usize,
    ) -> Result<Vec<EventId>, StoreError> {
        todo!()
    }
    /// Rows by kind, as of the last commit: `apps`, `orders`, `holdings`, `deposits`, `notifications`, `dead_letters`…
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        todo!()
    }
}
