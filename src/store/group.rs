//! Rows waiting to be committed together, lying over the committed ones.

use std::{collections::BTreeMap, ops::Range};

use super::{
    ROW_BYTES_MAX,
    codec::Row,
    engine::{Batch, Engine},
    error::StoreError,
    index::indexes_of,
    keys::{Key, Table},
};
use crate::tracker::{Change, Changeset};

/// One key's value before the group and after it.
#[derive(Clone, PartialEq, Eq)]
struct Entry {
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
}

/// The group. A later change of the same key replaces an earlier one.
#[derive(Default)]
pub(super) struct Group(BTreeMap<Vec<u8>, Entry>);

impl Group {
    /// Adds a changeset: all of it, or after an error nothing.
    ///
    /// # Errors
    /// [`StoreError::RowTooLarge`], [`StoreError::RowUnreadable`]: the changeset cannot be kept, the group is as it
    /// was. Others: the store cannot be read.
    pub(super) fn stage(&mut self, engine: &dyn Engine, changes: &Changeset) -> Result<(), StoreError> {
        let mut scratch = Scratch { engine, group: self, new: BTreeMap::new() };
        for change in &changes.changes {
            scratch.change(change)?;
        }
        let new = scratch.new;
        self.0.extend(new);
        Ok(())
    }

    /// Sets one row whatever it means, which is for the upgrade: it writes index rows of rows that it leaves alone.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) fn set(&mut self, engine: &dyn Engine, key: Key, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        let mut scratch = Scratch { engine, group: self, new: BTreeMap::new() };
        scratch.set(key, value)?;
        let new = scratch.new;
        self.0.extend(new);
        Ok(())
    }

    /// The value at `key`: `None` if the group says nothing of it, `Some(None)` if it removes it.
    pub(super) fn get(&self, key: &Key) -> Option<Option<&[u8]>> {
        self.0.get(key.as_bytes()).map(|entry| entry.after.as_deref())
    }

    /// Keys of a range that the group sets.
    pub(super) fn set_in(&self, range: Range<Vec<u8>>) -> impl Iterator<Item = &Vec<u8>> {
        self.0.range(range).filter(|(_, entry)| entry.after.is_some()).map(|(key, _)| key)
    }

    /// Rows that will differ, indexes included.
    pub(super) fn len(&self) -> usize {
        self.changed().count()
    }

    /// Rows the commit writes and removes.
    pub(super) fn batch(&self) -> Batch {
        self.changed().map(|(key, entry)| (key.clone(), entry.after.clone())).collect()
    }

    /// Rows the commit replaces or removes, as they are now.
    pub(super) fn replaced(&self) -> Vec<(&[u8], &[u8])> {
        self.changed().filter_map(|(key, entry)| Some((key.as_slice(), entry.before.as_deref()?))).collect()
    }

    fn changed(&self) -> impl Iterator<Item = (&Vec<u8>, &Entry)> {
        self.0.iter().filter(|(_, entry)| entry.before != entry.after)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// One changeset over the group over the committed rows.
struct Scratch<'a> {
    engine: &'a dyn Engine,
    group: &'a Group,
    new: BTreeMap<Vec<u8>, Entry>,
}

impl Scratch<'_> {
    fn change(&mut self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::App(app) => self.put(&Row::App(app.clone())),
            Change::Order(order) => self.put(&Row::Order(order.clone())),
            Change::Holding(holding) => self.put(&Row::Holding(holding.clone())),
            Change::Deposit(deposit) => self.put(&Row::Deposit(deposit.clone())),
            Change::Notification(notification) => self.put(&Row::Notification(notification.clone())),
            Change::Attempt(attempt) => self.put(&Row::Attempt(attempt.clone())),
            Change::Endpoint(endpoint) => self.put(&Row::Endpoint(endpoint.clone())),
            Change::Trade(number, deposit) => self.put(&Row::Trade(*number, deposit.clone())),
            Change::Cursor(network, cursor) => self.put(&Row::Cursor(network.clone(), *cursor)),
            Change::Header(network, header) => self.put(&Row::Header(network.clone(), *header)),
            Change::Override(set) => self.put(&Row::Override(set.clone())),
            Change::Scan(scan) => self.put(&Row::Scan(scan.clone())),
            Change::Audit(record) => self.put(&Row::Audit(record.clone())),
            // None of these has index rows.
            Change::DropAttempt(event, number) => self.set(Key::attempt(event, *number), None),
            Change::DropHolding(network, address) => self.set(Key::holding(network, *address), None),
            Change::DropOverride(network, scope) => self.set(Key::policy(network, scope), None),
            Change::DropScan(network, target) => self.set(Key::scan(network, *target), None),
            Change::DropHeader(network, height) => self.set(Key::header(network, *height), None),
        }
    }

    fn put(&mut self, row: &Row) -> Result<(), StoreError> {
        let key = row.key();
        let value = row.encode();
        check(row, &key, &value)?;
        let had = match self.current(&key)? {
            Some(old) => indexes_of(&decode(&key, &old)?),
            None => Vec::new(),
        };
        // Index rows that stay as they are cost nothing: most of a row's changes leave most of them alone.
        let has = indexes_of(row);
        for (index, _) in had.iter().filter(|old| !has.contains(old)) {
            self.set(index.clone(), None)?;
        }
        for (index, value) in has.into_iter().filter(|new| !had.contains(new)) {
            self.set(index, Some(value))?;
        }
        self.set(key, Some(value))
    }

    /// The value at `key`, this changeset included.
    fn current(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        match self.entry(key) {
            Some(entry) => Ok(entry.after.clone()),
            None => Ok(self.engine.get(key.as_bytes())?),
        }
    }

    fn entry(&self, key: &Key) -> Option<&Entry> {
        self.new.get(key.as_bytes()).or_else(|| self.group.0.get(key.as_bytes()))
    }

    fn set(&mut self, key: Key, after: Option<Vec<u8>>) -> Result<(), StoreError> {
        let before = match self.entry(&key) {
            Some(entry) => entry.before.clone(),
            None => self.engine.get(key.as_bytes())?,
        };
        self.new.insert(key.into_bytes(), Entry { before, after });
        Ok(())
    }
}

/// Whether a row can be kept: small enough for sled to write it into its log, and readable.
fn check(row: &Row, key: &Key, value: &[u8]) -> Result<(), StoreError> {
    let bytes = key.as_bytes().len() + value.len();
    if bytes > ROW_BYTES_MAX {
        return Err(StoreError::RowTooLarge { row: row.name(), bytes });
    }
    let refuse = |why| Err(StoreError::RowUnreadable { row: row.name(), why });
    match Table::of_key(key.as_bytes()).map(|table| Row::decode(table, key.as_bytes(), value)) {
        Some(Ok(read)) if read == *row => Ok(()),
        Some(Ok(_)) | None => refuse("what is read differs from what was written"),
        Some(Err(error)) => refuse(error.0),
    }
}

/// A committed or staged value as a row.
pub(super) fn decode(key: &Key, value: &[u8]) -> Result<Row, StoreError> {
    decode_bytes(key.as_bytes(), value)
}

/// As [`decode`], for a key that came out of the engine.
pub(super) fn decode_bytes(key: &[u8], value: &[u8]) -> Result<Row, StoreError> {
    let table = Table::of_key(key)
        .ok_or_else(|| StoreError::damaged(format!("key {} belongs to no table", hex::encode(key))))?;
    Row::decode(table, key, value)
        .map_err(|error| StoreError::damaged(format!("{} row {}: {error}", table.word(), hex::encode(key))))
}
