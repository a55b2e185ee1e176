//! Notification rows as a command leaves them, with what follows for the other versions of the same deposit.
//!
//! A version is sent only when every version before it is settled: of the versions that are not settled the first is due
//! and the others wait. Every change of a row goes through [`Draft::put`], which sees to that, so no version waits for
//! one that will never let it go. A row that has to wait again may be on its way; what comes of that attempt is recorded
//! as ever, and the row is sent (again) when its turn comes, unless it was accepted.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    delivery::belief,
    domain::{EventId, EventVersion, Millis, Notification, NotificationState},
    store::{Store, StoreError},
    tracker::Change,
};

/// Rows over the store's, which are the group's over the committed ones.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    store: &'a Store,
    rows: BTreeMap<EventId, Notification>,
}

impl<'a> Draft<'a> {
    /// Nothing changed yet.
    pub(super) fn over(store: &'a Store) -> Self {
        Self { store, rows: BTreeMap::new() }
    }

    /// A row as it would be.
    pub(super) fn get(&self, id: &EventId) -> Result<Option<Notification>, StoreError> {
        match self.rows.get(id) {
            Some(row) => Ok(Some(row.clone())),
            None => self.store.notification(id),
        }
    }

    /// Sets a row and what follows from it for the other versions of its deposit.
    pub(super) fn put(&mut self, row: Notification, now: Millis) -> Result<(), StoreError> {
        let Some(deposit) = deposit_of(&row.id).map(str::to_owned) else {
            self.rows.insert(row.id.clone(), row);
            return Ok(());
        };
        self.rows.insert(row.id.clone(), row);
        let before = self.versions(&deposit)?;
        let mut after = before.clone();
        revise(&mut after, now);
        line_up(&mut after, now);
        stop_repeats(&mut after);
        for (before, after) in before.into_iter().zip(after) {
            if before != after {
                self.rows.insert(after.id.clone(), after);
            }
        }
        Ok(())
    }

    /// The rows that differ, in the order of ids.
    pub(super) fn changes(self) -> impl Iterator<Item = Change> {
        self.rows.into_values().map(Change::Notification)
    }

    /// Versions 1 and up of a deposit; versions have no gap.
    fn versions(&self, deposit: &str) -> Result<Vec<Notification>, StoreError> {
        let mut versions = Vec::new();
        let mut version = EventVersion(1);
        while let Some(row) = self.get(&EventId::money(deposit, version))? {
            versions.push(row);
            version = version.next();
        }
        Ok(versions)
    }
}

/// The printed deposit id in the id of a money event.
fn deposit_of(id: &EventId) -> Option<&str> {
    let (deposit, version) = id.as_str().rsplit_once('_')?;
    let is_money = deposit.starts_with("dep_") && version.parse().is_ok_and(|version: u32| version > 0);
    is_money.then_some(deposit)
}

/// What protocols with one word only make of the versions; rows of other protocols are left alone.
fn revise(versions: &mut [Notification], now: Millis) {
    if !versions.iter().any(|row| belief::has_one_word(row.protocol)) {
        return;
    }
    for revised in belief::revise(versions, now) {
        let row = versions.iter_mut().find(|row| row.id == revised.id);
        if let Some(row) = row.filter(|row| belief::has_one_word(row.protocol)) {
            *row = Notification { state: revised.state, tries: revised.tries, trigger: revised.trigger, ..row.clone() };
        }
    }
}

/// What a person asked for once more is not said again after a newer version, where the receiver could not tell which of
/// them is newer.
fn stop_repeats(versions: &mut [Notification]) {
    for row in versions {
        if let NotificationState::Resend { delivered, .. } = row.state
            && row.then.is_some()
            && !row.protocol.says_version()
        {
            row.state = NotificationState::Delivered(delivered);
        }
    }
}

/// Of those that are not settled the first of each app is due, the others wait; each names the next. A transfer that came
/// to pay another app does not wait for the receiver of the one it paid before.
fn line_up(versions: &mut [Notification], now: Millis) {
    let ids: Vec<EventId> = versions.iter().skip(1).map(|row| row.id.clone()).collect();
    let mut open = BTreeSet::new();
    for (at, row) in versions.iter_mut().enumerate() {
        if let Some(next) = ids.get(at) {
            row.then = Some(next.clone());
        }
        let is_open = open.contains(&row.app);
        if row.state == NotificationState::Waiting && !is_open {
            row.state = NotificationState::Due(now);
        } else if is_open && matches!(row.state, NotificationState::Due(_)) {
            row.state = NotificationState::Waiting;
        }
        if !row.is_settled() {
            open.insert(row.app.clone());
        }
    }
}
