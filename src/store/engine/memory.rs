//! Rows in memory, with the faults the simulation injects.

use std::{
    collections::BTreeMap,
    fmt,
    ops::{ControlFlow, Range},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Batch, Engine, EngineError, Visit};

/// How the next commit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing of it is kept.
    BeforeApply,
    /// All of it is kept, but the caller is told that it failed.
    AfterApply,
}

/// What outlives a simulated crash: clones share the same rows, so a store can be opened again on what was committed.
#[derive(Clone, Default)]
pub struct MemoryEngine(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    /// A fault, and how many commits go well before it.
    fault: Option<(u32, Fault)>,
}

impl MemoryEngine {
    /// Nothing committed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next commit fail so, once.
    pub fn fail_next(&self, fault: Fault) {
        self.fail_after(0, fault);
    }

    /// Makes the commit behind the next `commits` fail so, once.
    pub fn fail_after(&self, commits: u32, fault: Fault) {
        self.memory().fault = Some((commits, fault));
    }

    /// A copy with rows of its own, as a backup would be.
    pub fn copy(&self) -> Self {
        let rows = self.memory().rows.clone();
        Self(Arc::new(Mutex::new(Memory { rows, fault: None })))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Damages or plants a row behind the store's back.
    #[cfg(test)]
    pub(crate) fn tamper(&self, change: impl FnOnce(&mut BTreeMap<Vec<u8>, Vec<u8>>)) {
        change(&mut self.memory().rows);
    }
}

impl fmt::Debug for MemoryEngine {
    /// How many rows; never the rows, which hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryEngine({} rows)", self.memory().rows.len())
    }
}

impl Engine for MemoryEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.memory().rows.get(key).cloned())
    }

    fn scan(&self, range: Range<Vec<u8>>, visit: Visit<'_>) -> Result<(), EngineError> {
        if range.start >= range.end {
            return Ok(());
        }
        for (key, value) in self.memory().rows.range(range) {
            if let ControlFlow::Break(()) = visit(key, value) {
                break;
            }
        }
        Ok(())
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut memory = self.memory();
        let fault = match memory.fault.take() {
            Some((0, fault)) => Some(fault),
            later => {
                memory.fault = later.map(|(commits, fault)| (commits - 1, fault));
                None
            }
        };
        if fault == Some(Fault::BeforeApply) {
            return Err(EngineError::Failed("injected before the commit".to_owned()));
        }
        for (key, value) in batch {
            match value {
                Some(value) => memory.rows.insert(key.clone(), value.clone()),
                None => memory.rows.remove(key),
            };
        }
        match fault {
            Some(Fault::AfterApply) => Err(EngineError::Failed("injected after the commit".to_owned())),
            Some(Fault::BeforeApply) | None => Ok(()),
        }
    }
}
