//! Deposits by their transaction.

use super::{
    Store, StoreError,
    codec::Row,
    keys::Key,
    read::{expect_row, rows},
};
use crate::domain::{Deposit, NetworkId, TxHash};

/// Most deposits of one transaction that are read.
const DEPOSITS_MAX: usize = 1000;

impl Store {
    /// The committed deposits of a transaction, by token and ordinal; at most a thousand.
    ///
    /// # Errors
    /// The rows cannot be read: stop.
    pub fn deposits_of_tx(&self, network: &NetworkId, tx: TxHash) -> Result<Vec<Deposit>, StoreError> {
        let found = self.shared.read(|engine| rows(engine, Key::deposits_in(network, tx).range(), DEPOSITS_MAX))?;
        found.into_iter().map(|row| expect_row!(row, Deposit)).collect()
    }
}
