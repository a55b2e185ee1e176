//! What the store needs of the thing that keeps bytes: sled on disk, a map in memory for the simulation.

mod memory;
mod sled;

use std::{fmt, ops::ControlFlow, ops::Range};

pub use self::memory::{Fault, MemoryEngine};
pub(super) use self::sled::SledEngine;

/// Rows to write (`Some`) or remove (`None`), no key twice.
pub(super) type Batch = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// What is done with each row of a scan.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Why the engine could not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// What is kept is not what was written.
    #[error("{0}")]
    Damaged(String),
    /// The system refused: disk full, input or output error.
    #[error("{0}")]
    Failed(String),
}

/// An ordered map of bytes. Reads see everything applied before.
pub(super) trait Engine: fmt::Debug + Send + Sync {
    /// The value at `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// Shows the rows of `range` in key order until `visit` breaks. `visit` must not call the engine.
    fn scan(&self, range: Range<Vec<u8>>, visit: Visit<'_>) -> Result<(), EngineError>;

    /// Applies all of `batch` or nothing, and answers when it is on disk. After an error it is unknown which of
    /// both happened: the caller does not go on.
    fn apply(&self, batch: &Batch) -> Result<(), EngineError>;
}
