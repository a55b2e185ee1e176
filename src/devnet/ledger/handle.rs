//! A ledger several nodes face and a test drives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Ledger;

/// A ledger several nodes face and a test drives.
#[derive(Clone, Debug)]
pub struct LedgerHandle(Arc<Mutex<Ledger>>);

impl LedgerHandle {
    /// Shares `ledger`.
    pub fn new(ledger: Ledger) -> Self {
        Self(Arc::new(Mutex::new(ledger)))
    }

    /// The ledger, for as long as the guard is held; nodes wait meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
