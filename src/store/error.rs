//! What can go wrong, sorted by what the caller does next.

use std::{io, path::PathBuf};

use super::engine::EngineError;

/// What to do about a store whose content cannot be trusted.
pub(super) const RESTORE: &str = "do not start it again: put back a copy of the store that is whole, or move the \
     directory away, start an empty store and import the last export; the chain is then read again";

/// Why the store refused, or could not do, what was asked. After every error but [`StoreError::RowTooLarge`] and
/// [`StoreError::RowUnreadable`] the process stops; nothing is tried again in place.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store: wait for it to end.
    #[error("store {} is in use by {}", dir.display(), pid.map_or("another process".to_owned(), |pid| format!("process {pid}")))]
    Locked {
        /// The store's directory.
        dir: PathBuf,
        /// Who holds it, if it wrote that down.
        pid: Option<u32>,
    },
    /// The directory is not one to keep secrets in: an operator must mend it.
    #[error("store {}: {why}", dir.display())]
    NotPrivate {
        /// The store's directory.
        dir: PathBuf,
        /// What is wrong and what to do.
        why: &'static str,
    },
    /// Written by a newer version: run that version.
    #[error("the store has schema {found}, this program knows up to {known}: run the newer version")]
    Newer {
        /// The store's schema version.
        found: u16,
        /// The newest this program knows.
        known: u16,
    },
    /// The content is not what was committed: a person must decide.
    #[error("the store is damaged: {what}; {advice}")]
    Damaged {
        /// Which row, table or file, and how.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// The store is older than what has been answered for: a person must decide.
    #[error(
        "the store is at commit {store}, but its witness {} has seen commit {witness}: commits are missing: \
         it is an older copy, or a file is damaged and what lay behind the damage is gone; put back the newest store that is whole", path.display()
    )]
    BehindWitness {
        /// The store's last commit; 0 if it is empty.
        store: u64,
        /// The witness's.
        witness: u64,
        /// The witness file.
        path: PathBuf,
    },
    /// A commit that is not known to be on disk. It may be found there at the next start, or not.
    #[error("commit {sequence} did not reach the disk: {source}")]
    NotDurable {
        /// Its sequence number.
        sequence: u64,
        /// What failed.
        source: EngineError,
    },
    /// An earlier failure: nothing is read or written any more.
    #[error("the store has failed and does nothing more until the process is started again")]
    Poisoned,
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The engine could not open or read.
    #[error("cannot read the store: {0}")]
    Unreadable(EngineError),
    /// A row beyond the limit; nothing of its changeset was staged.
    #[error("{row} would take {bytes} bytes in the store, at most {max} fit", max = super::ROW_BYTES_MAX)]
    RowTooLarge {
        /// Which kind of row and whose.
        row: String,
        /// Its size, key and value, in bytes.
        bytes: usize,
    },
    /// A row that could not be read back; nothing of its changeset was staged.
    #[error("{row} could not be read back from the store: {why}")]
    RowUnreadable {
        /// Which kind of row and whose.
        row: String,
        /// What does not hold.
        why: &'static str,
    },
}

impl StoreError {
    /// The process's exit code: 65 refused (starting again does not help), 74 reading, writing or syncing failed,
    /// 75 in use by another process, 1 otherwise.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotPrivate { .. } | Self::Newer { .. } | Self::Damaged { .. } | Self::BehindWitness { .. } => 65,
            Self::NotDurable { .. } | Self::Poisoned | Self::Io { .. } | Self::Unreadable(_) => 74,
            Self::Locked { .. } => 75,
            Self::RowTooLarge { .. } | Self::RowUnreadable { .. } => 1,
        }
    }

    /// What to say when sled panicked while the store was opened ([`super::is_opening`]): it does over damaged files.
    pub fn gave_up(what: &str) -> Self {
        Self::damaged(format!("sled gave up: {what}"))
    }

    /// Damage, with the usual advice.
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into(), advice: RESTORE }
    }

    /// For `map_err` on file operations.
    pub(super) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

impl From<EngineError> for StoreError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Damaged(what) => Self::damaged(what),
            EngineError::Failed(_) => Self::Unreadable(error),
        }
    }
}
