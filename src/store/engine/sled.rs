//! sled, made durable.
//!
//! sled 0.34.7 `flush()` ends in `sync_file_range`, which keeps nothing over a power cut: every commit is followed by
//! `fdatasync` on a handle of our own. It may also panic on a damaged file; in builds that unwind the panic becomes
//! the same error as a refusal (the release build aborts: there the panic message is all there is). `flush_async` is
//! never used: it deadlocks with several writers.

use std::{
    any::Any,
    fmt,
    fs::{self, File},
    ops::{ControlFlow, Range},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{Batch, Engine, EngineError, Visit};
use crate::store::durable;

/// What sled says while its lock is held.
const LOCK_HELD: &str = "could not acquire lock";
/// Longest wait for it.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A sled database with one tree.
pub(in crate::store) struct SledEngine {
    db: sled::Db,
    /// The database file, opened by us: what `sync_data` is called on.
    file: File,
}

impl SledEngine {
    /// The file whose presence says that there is a database.
    pub(in crate::store) fn data_file(dir: &Path) -> PathBuf {
        dir.join("db")
    }

    /// Opens or creates the database in `dir`. sled itself may write while it recovers.
    ///
    /// # Errors
    /// Damage that setting the snapshot files aside did not mend, or the system's refusal.
    pub(in crate::store) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, EngineError> {
        remove_unfinished_snapshots(dir).map_err(|error| failed(&error))?;
        let db = match open_db(dir, cache_bytes) {
            Err(EngineError::Damaged(what)) if set_snapshots_aside(dir).map_err(|error| failed(&error))? > 0 => {
                tracing::error!(%what, "the store's snapshot files are set aside, its log is read from the beginning");
                open_db(dir, cache_bytes)?
            }
            opened => opened?,
        };
        let file = File::options().read(true).write(true).open(Self::data_file(dir)).map_err(|error| failed(&error))?;
        Ok(Self { db, file })
    }

    /// Makes the names of a new database's files durable.
    ///
    /// # Errors
    /// A failed sync.
    pub(in crate::store) fn sync_names(&self, dir: &Path) -> Result<(), EngineError> {
        let sync = || {
            self.file.sync_all()?;
            durable::sync_path(&dir.join("conf"))?;
            durable::sync_path(&dir.join("blobs"))?;
            durable::sync_path(dir)
        };
        sync().map_err(|error: std::io::Error| failed(&error))
    }

    /// Side files of oversized messages. There must be none: sled never syncs them.
    pub(in crate::store) fn side_files(dir: &Path) -> std::io::Result<usize> {
        match fs::read_dir(dir.join("blobs")) {
            Ok(entries) => Ok(entries.count()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// The directory has a lock of ours, taken before: sled's own can only be held by a handle of this process whose threads
/// have not let go yet, so it is waited for.
fn open_db(dir: &Path, cache_bytes: u64) -> Result<sled::Db, EngineError> {
    let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None);
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match guarded(|| config.open()) {
            Err(EngineError::Failed(why)) if why.contains(LOCK_HELD) && Instant::now() < until => {
                thread::sleep(LOCK_PAUSE);
            }
            opened => return opened,
        }
    }
}

/// Files of the directory whose name passes.
fn files_named(dir: &Path, passes: impl Fn(&str) -> bool) -> std::io::Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str().filter(|name| passes(name)) {
            found.push((entry.path(), name.to_owned()));
        }
    }
    Ok(found)
}

/// A kill may leave one, and it makes every later open fail (sled #1527).
fn remove_unfinished_snapshots(dir: &Path) -> std::io::Result<()> {
    for (path, name) in files_named(dir, |name| name.starts_with("snap.") && name.ends_with(".generating"))? {
        tracing::warn!(file = name, "an unfinished snapshot is removed");
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Snapshots only shorten recovery: without them sled reads its whole log. Returns how many there were.
fn set_snapshots_aside(dir: &Path) -> std::io::Result<usize> {
    let snapshots = files_named(dir, |name| name.starts_with("snap."))?;
    for (path, name) in &snapshots {
        fs::rename(path, dir.join(format!("aside.{name}")))?;
    }
    Ok(snapshots.len())
}

fn failed(error: &dyn fmt::Display) -> EngineError {
    EngineError::Failed(error.to_string())
}

fn classify(error: sled::Error) -> EngineError {
    match error {
        sled::Error::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => failed(&error),
        sled::Error::Io(_)
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. } => EngineError::Damaged(error.to_string()),
    }
}

/// Runs a call into sled; its panic becomes an error.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, EngineError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(answer) => answer.map_err(classify),
        Err(panic) => Err(EngineError::Damaged(format!("sled gave up: {}", panic_text(panic.as_ref())))),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

impl fmt::Debug for SledEngine {
    /// Never the rows, which hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SledEngine")
    }
}

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        guarded(|| Ok(self.db.get(key)?.map(|value| value.to_vec())))
    }

    fn scan(&self, range: Range<Vec<u8>>, visit: Visit<'_>) -> Result<(), EngineError> {
        if range.start >= range.end {
            return Ok(());
        }
        let mut rows = self.db.range(range);
        while let Some((key, value)) = guarded(|| rows.next().transpose())? {
            if let ControlFlow::Break(()) = visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut prepared = sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => prepared.insert(key.as_slice(), value.as_slice()),
                None => prepared.remove(key.as_slice()),
            }
        }
        guarded(|| self.db.apply_batch(prepared))?;
        guarded(|| self.db.flush())?;
        self.file.sync_data().map_err(|error| failed(&error))
    }
}
