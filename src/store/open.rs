//! From a directory to a store that can be trusted, or a refusal that says what to do.
//!
//! Order: the directory, the lock, the witness (so that a newer store is refused before sled may write anything),
//! sled, the first row, the full scan, the witness again, the side files, and the upgrade of an older schema.

use std::{
    cell::Cell,
    path::Path,
    sync::{Arc, RwLock, atomic::AtomicBool},
};

use super::{
    LoadedRow, Shared, Store, StoreOptions, durable,
    engine::{Batch, Engine, EngineError, MemoryEngine, SledEngine},
    error::StoreError,
    group::Group,
    keys::Key,
    load,
    lock::StoreLock,
    mark,
    seal::{Meta, SCHEMA, Seal},
    upgrade::{self, Marker, Upgrade},
    witness::Witness,
};

thread_local! {
    static OPENING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside [`Store::open`]. sled may panic on damaged files; in a build that aborts on panic
/// nobody can catch that, so the process's panic hook asks here, and if so says that the store is damaged and exits
/// with the code of a refusal, 65.
pub fn is_opening() -> bool {
    OPENING.get()
}

/// See [`Store::open`].
pub(super) fn on_disk(options: &StoreOptions, row: &mut dyn FnMut(LoadedRow)) -> Result<Store, StoreError> {
    OPENING.set(true);
    let opened = open_and_check(options, row);
    OPENING.set(false);
    opened
}

fn open_and_check(options: &StoreOptions, row: &mut dyn FnMut(LoadedRow)) -> Result<Store, StoreError> {
    let dir = options.dir.as_path();
    if !dir.exists() {
        // Before anything is made: a refusal leaves nothing behind.
        Witness::open(&options.witness)?.allows_empty()?;
    }
    durable::private_dir(dir)?;
    let lock = StoreLock::take(dir)?;
    let mut witness = Witness::open(&options.witness)?;
    if !SledEngine::data_file(dir).exists() {
        witness.allows_empty()?;
    }
    let engine = SledEngine::open(dir, options.cache_bytes)?;
    if load::meta(&engine)?.is_none() && load::is_empty(&engine)? {
        witness.allows_empty()?;
    }
    let found = begin_or_check(&engine, row)?;
    let (meta, seal) = (&found.meta, &found.seal);
    witness.allows(meta, seal)?;
    no_side_files(dir)?;
    // A kill in the first moments may have left files whose names are not on disk yet.
    let first = |source| StoreError::NotDurable { sequence: seal.sequence, source };
    engine.sync_names(dir).map_err(first)?;
    if seal.sequence == 1 {
        let parent = durable::parent_of(dir);
        durable::sync_path(&parent).map_err(StoreError::io("sync", &parent))?;
    }
    mark(&mut witness, meta, seal).map_err(first)?;
    let (meta, seal) = found.upgraded(&engine, &mut |meta, seal| mark(&mut witness, meta, seal), row)?;
    Ok(assemble(Box::new(engine), meta, seal, Some((witness, lock))))
}

/// See [`Store::in_memory`].
pub(super) fn in_memory(engine: &MemoryEngine, row: &mut dyn FnMut(LoadedRow)) -> Result<Store, StoreError> {
    let (meta, seal) = begin_or_check(engine, row)?.upgraded(engine, &mut |_, _| Ok(()), row)?;
    Ok(assemble(Box::new(engine.clone()), meta, seal, None))
}

fn assemble(engine: Box<dyn Engine>, meta: Meta, seal: Seal, files: Option<(Witness, StoreLock)>) -> Store {
    let (witness, lock) = files.unzip();
    let shared = Shared { engine, last: RwLock::new(seal), failed: AtomicBool::new(false), _lock: lock };
    Store { shared: Arc::new(shared), group: Group::default(), meta, witness }
}

/// A store whose rows are what was committed.
struct Found {
    meta: Meta,
    seal: Seal,
    /// What is to be done before it can be worked with. Then no row has been handed over yet.
    upgrade: Option<Upgrade>,
}

impl Found {
    /// Brings an older schema up to date, with another full check behind it.
    fn upgraded(
        self,
        engine: &dyn Engine,
        mark: Marker<'_>,
        row: &mut dyn FnMut(LoadedRow),
    ) -> Result<(Meta, Seal), StoreError> {
        let Some(state) = self.upgrade else { return Ok((self.meta, self.seal)) };
        let (meta, _) = upgrade::run(engine, (self.meta, self.seal), state, mark)?;
        Ok((meta, load::check(engine, row)?))
    }
}

/// Writes the first rows of a new store, or checks all rows of one that is there by the rules of its schema.
fn begin_or_check(engine: &dyn Engine, row: &mut dyn FnMut(LoadedRow)) -> Result<Found, StoreError> {
    match load::meta(engine)? {
        Some(meta) => {
            let upgrade = Upgrade::pending(engine, &meta)?;
            let seal = match &upgrade {
                None => load::check(engine, row)?,
                Some(_) => load::check_under(engine, meta.schema, upgrade.as_ref(), &mut |_| ())?,
            };
            Ok(Found { meta, seal, upgrade })
        }
        None if load::is_empty(engine)? => begin(engine),
        None => Err(StoreError::damaged("its first row is missing")),
    }
}

fn begin(engine: &dyn Engine) -> Result<Found, StoreError> {
    let mut store = [0; 16];
    getrandom::fill(&mut store).map_err(|error| {
        StoreError::Unreadable(EngineError::Failed(format!("no random numbers for the store's id: {error}")))
    })?;
    let meta = Meta { schema: SCHEMA, store };
    let mut batch: Batch = vec![(Key::meta().into_bytes(), Some(meta.encode()))];
    let seal = Seal::default().next(&[], &batch);
    batch.push((Key::seal().into_bytes(), Some(seal.encode())));
    engine.apply(&batch).map_err(|source| StoreError::NotDurable { sequence: seal.sequence, source })?;
    Ok(Found { meta, seal, upgrade: None })
}

/// sled writes oversized messages into files of their own, which it never syncs. Our rows are too small for that.
fn no_side_files(dir: &Path) -> Result<(), StoreError> {
    match SledEngine::side_files(dir).map_err(StoreError::io("list", &dir.join("blobs")))? {
        0 => Ok(()),
        count => Err(StoreError::damaged(format!("{count} side files in {}", dir.join("blobs").display()))),
    }
}
