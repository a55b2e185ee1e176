//! From schema 1 or 2 to schema 3, in place, while the store is opened.
//!
//! What schema 2 added to schema 1 is derived from what is there: a row by order for each deposit that names one, and for
//! each event its place among all of them, by time of creation and then by name. Schema 3 added nothing that could be
//! derived: its new tables begin empty. Bodies of older versions stay until their row changes for another reason; only
//! notifications of schema 1 are written anew, because they hold their place.
//!
//! The store has been checked in full by the rules of its own schema before anything is written. The first commit puts
//! the new schema into the first row, so that every older program refuses the store from then on; coming from schema 2
//! that is all. From schema 1 it also adds the row `02`, which says how far the upgrade has come. Each batch moves that
//! row on in its own commit and the last one removes it: whatever interrupts the upgrade, the next open checks what is
//! there against that row and goes on, also where a program of schema 2 was interrupted.

use std::ops::ControlFlow;

use super::{
    StoreError,
    codec::{self, CodecError, Row},
    engine::{Engine, EngineError},
    group::{Group, decode_bytes},
    index::indexes_of,
    keys::{Key, Table},
    read,
    seal::{Meta, SCHEMA, Seal},
};
use crate::{
    domain::{EventId, EventPlace, Millis, Notification},
    tracker::{Change, Changeset},
};

/// The schema in which deposits have rows by order, and events places.
const PLACES_SCHEMA: u16 = 2;
/// Deposits in one commit: an index row each, and the upgrade's own rows.
const DEPOSITS_MAX: usize = 190;
/// Events in one commit: the notification and two rows of the feed each.
const EVENTS_MAX: usize = 60;

/// What has to be done before a store can be worked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// From schema 1: rows are missing, and so many are there.
    Fill(Progress),
    /// From schema 2: the number of the schema is all that differs.
    Renumber,
}

/// How far the filling has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// Deposits whose key is below this have their row by order.
    below: Vec<u8>,
    /// Events that have their place.
    placed: u64,
}

impl Upgrade {
    /// What the store's first row says of an upgrade: `None` if there is nothing to do.
    ///
    /// # Errors
    /// The store cannot be read, or the row is damaged.
    pub(super) fn pending(engine: &dyn Engine, meta: &Meta) -> Result<Option<Self>, StoreError> {
        if meta.schema < PLACES_SCHEMA {
            let below = Key::table(Table::Deposits).into_bytes();
            return Ok(Some(Self::Fill(Progress { below, placed: 0 })));
        }
        match engine.get(Key::upgrade().as_bytes())? {
            Some(value) => match Progress::decode(&value) {
                Ok(progress) => Ok(Some(Self::Fill(progress))),
                Err(error) => Err(StoreError::damaged(format!("the row of its upgrade: {error}"))),
            },
            None => Ok((meta.schema < SCHEMA).then_some(Self::Renumber)),
        }
    }

    /// Whether index rows of the row at `key` are in `table` already.
    pub(super) fn has_index(&self, table: Table, key: &[u8]) -> bool {
        match self {
            Self::Fill(progress) => table != Table::DepositsByOrder || key < progress.below.as_slice(),
            Self::Renumber => true,
        }
    }
}

impl Progress {
    fn encode(&self) -> Vec<u8> {
        codec::wrap(|to| {
            to.bytes(&self.below);
            to.u64(self.placed);
        })
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, CodecError> {
        codec::unwrap(value, |from| Ok(Self { below: from.bytes()?.to_vec(), placed: from.u64()? }))
    }
}

/// Remembers a commit that is on disk outside of the store.
pub(super) type Marker<'a> = &'a mut dyn FnMut(&Meta, &Seal) -> Result<(), EngineError>;

/// Upgrades a store that has been checked; its first row and seal afterwards.
///
/// # Errors
/// [`StoreError::NotDurable`], or the store cannot be read: open it again.
pub(super) fn run(
    engine: &dyn Engine,
    (meta, seal): (Meta, Seal),
    upgrade: Upgrade,
    mark: Marker<'_>,
) -> Result<(Meta, Seal), StoreError> {
    let mut work = Work { engine, mark, meta, seal, group: Group::default() };
    let is_begun = work.begin()?;
    match upgrade {
        Upgrade::Renumber => work.write()?,
        Upgrade::Fill(mut progress) => {
            if !is_begun {
                work.commit(&progress)?;
            }
            work.deposits(&mut progress)?;
            work.events(&mut progress)?;
            work.group.set(engine, Key::upgrade(), None)?;
            work.write()?;
            tracing::info!(events = progress.placed, "every event has its place in the feed");
        }
    }
    tracing::info!(schema = SCHEMA, "the store is upgraded; it is checked once more");
    Ok((work.meta, work.seal))
}

/// Key and value.
type IndexRow = (Key, Vec<u8>);

struct Work<'a> {
    engine: &'a dyn Engine,
    mark: Marker<'a>,
    meta: Meta,
    seal: Seal,
    group: Group,
}

impl Work<'_> {
    /// Puts the new schema into the first row, with the next commit; `true` if it is there already.
    fn begin(&mut self) -> Result<bool, StoreError> {
        if self.meta.schema == SCHEMA {
            tracing::info!(schema = SCHEMA, "the upgrade of the store was interrupted and goes on");
            return Ok(true);
        }
        let from = self.meta.schema;
        tracing::info!(from, to = SCHEMA, "the store is being upgraded: older versions refuse it from now on");
        self.meta.schema = SCHEMA;
        self.group.set(self.engine, Key::meta(), Some(self.meta.encode()))?;
        Ok(false)
    }

    /// Gives deposits their row by order, in the order of their keys.
    fn deposits(&mut self, progress: &mut Progress) -> Result<(), StoreError> {
        let end = Key::table(Table::Deposits).end();
        while progress.below < end {
            let (rows, below) = self.next_deposits(&progress.below, &end)?;
            for (key, value) in rows {
                self.group.set(self.engine, key, Some(value))?;
            }
            progress.below = below;
            self.commit(progress)?;
        }
        Ok(())
    }

    /// The next rows by order, and the key all deposits below which then have theirs.
    fn next_deposits(&self, from: &[u8], end: &[u8]) -> Result<(Vec<IndexRow>, Vec<u8>), StoreError> {
        let (mut rows, mut below, mut fault) = (Vec::new(), end.to_vec(), None);
        self.engine.scan(from.to_vec()..end.to_vec(), &mut |key, value| {
            match decode_bytes(key, value) {
                Ok(row) => rows.extend(
                    indexes_of(&row)
                        .into_iter()
                        .filter(|(index, _)| Table::of_key(index.as_bytes()) == Some(Table::DepositsByOrder)),
                ),
                Err(error) => fault = Some(error),
            }
            if fault.is_none() && rows.len() < DEPOSITS_MAX {
                return ControlFlow::Continue(());
            }
            // The smallest key above this one.
            below = [key, &[0]].concat();
            ControlFlow::Break(())
        })?;
        fault.map_or(Ok((rows, below)), Err)
    }

    /// Gives events their places, in the order in which they were made.
    fn events(&mut self, progress: &mut Progress) -> Result<(), StoreError> {
        let events = self.without_place()?;
        let total = events.len();
        for (done, batch) in (0..).step_by(EVENTS_MAX).zip(events.chunks(EVENTS_MAX)) {
            if done % (EVENTS_MAX * 100) == 0 {
                tracing::info!(done, total, "events get their places in the feed");
            }
            let mut changes = Vec::with_capacity(batch.len());
            for (_, event) in batch {
                let key = Key::notification(event);
                let Some(Row::Notification(notification)) = read::get(self.engine, &key)? else {
                    return Err(StoreError::damaged(format!("notification {event} is gone")));
                };
                progress.placed = progress.placed.saturating_add(1);
                changes.push(Change::Notification(Notification { place: EventPlace(progress.placed), ..notification }));
            }
            self.group.stage(self.engine, &Changeset { changes, events: Vec::new() })?;
            self.commit(progress)?;
        }
        Ok(())
    }

    /// Events without a place, oldest first; of those made in one millisecond a credit comes before what takes it back.
    fn without_place(&self) -> Result<Vec<(Millis, EventId)>, StoreError> {
        let (mut events, mut fault) = (Vec::new(), None);
        self.engine.scan(
            Key::table(Table::Notifications).range(),
            &mut |key, value| match decode_bytes(key, value) {
                Ok(Row::Notification(told)) if told.place == EventPlace::default() => {
                    events.push((told.created, told.id));
                    ControlFlow::Continue(())
                }
                Ok(_) => ControlFlow::Continue(()),
                Err(error) => {
                    fault = Some(error);
                    ControlFlow::Break(())
                }
            },
        )?;
        events.sort_unstable();
        fault.map_or(Ok(events), Err)
    }

    /// The batch, and how far it takes the upgrade.
    fn commit(&mut self, progress: &Progress) -> Result<(), StoreError> {
        self.group.set(self.engine, Key::upgrade(), Some(progress.encode()))?;
        self.write()
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let mut batch = self.group.batch();
        let next = self.seal.next(&self.group.replaced(), &batch);
        batch.push((Key::seal().into_bytes(), Some(next.encode())));
        let written = self.engine.apply(&batch).and_then(|()| (self.mark)(&self.meta, &next));
        written.map_err(|source| StoreError::NotDurable { sequence: next.sequence, source })?;
        self.seal = next;
        self.group.clear();
        Ok(())
    }
}
