//! Deposits by their transaction, and by the order they name.

use super::{
    Store, StoreError,
    codec::Row,
    keys::{Key, Table},
    read::{expect_row, keys, rows},
};
use crate::domain::{AppId, Deposit, DepositId, NetworkId, OrderId, TxHash};

/// Most deposits of one transaction, or of one order, that are read.
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

    /// Deposits that pay an order, were meant for it, or would pay it: committed ones, at most a thousand, and those of the
    /// group. One that has come to name another order in the group may be among them.
    ///
    /// # Errors
    /// The rows cannot be read: stop.
    pub fn deposits_of_order(&self, app: &AppId, order: &OrderId) -> Result<Vec<DepositId>, StoreError> {
        let all = Key::deposits_for(app, order);
        let mut found = self.shared.read(|engine| keys(engine, all.range(), DEPOSITS_MAX))?;
        found.extend(self.group.set_in(all.range()).filter(|key| !found.contains(key)).cloned().collect::<Vec<_>>());
        let mut deposits = Vec::with_capacity(found.len());
        for key in found {
            let position = key.get(all.as_bytes().len()..).unwrap_or_default();
            if let Some(row) = self.row(&Key::behind(Table::Deposits, position))? {
                deposits.push(expect_row!(row, Deposit)?.id);
            }
        }
        Ok(deposits)
    }
}
