//! Reads that go through a whole network, page by page: its deposits, its scans.

use super::{
    Store,
    codec::Row,
    error::StoreError,
    group::decode,
    keys::Key,
    read::{self, Reader, expect_row},
};
use crate::domain::{Deposit, DepositId, NetworkId, Scan, ScanTarget};

impl Store {
    /// A network's deposits in the order of ids, above `after`, at most `limit` rows: committed ones, as the group leaves
    /// them. What the group adds comes with the next commit.
    ///
    /// # Errors
    /// The rows cannot be read: stop.
    pub fn deposits_on(
        &self,
        network: &NetworkId,
        after: Option<&DepositId>,
        limit: usize,
    ) -> Result<Vec<Deposit>, StoreError> {
        let range = read::above(&Key::deposits_on(network), after.map(Key::deposit));
        let rows = self.shared.read(|engine| read::rows(engine, range, limit))?;
        self.as_staged(rows)?.into_iter().map(|row| expect_row!(row, Deposit)).collect()
    }

    /// A network's scans that are not done, at most `limit`: committed ones, as the group leaves them.
    ///
    /// # Errors
    /// As [`Store::deposits_on`].
    pub fn scans(&self, network: &NetworkId, limit: usize) -> Result<Vec<Scan>, StoreError> {
        let rows = self.shared.read(|engine| read::rows(engine, Key::scans_of(network).range(), limit))?;
        self.as_staged(rows)?.into_iter().map(|row| expect_row!(row, Scan)).collect()
    }

    /// Rows as the group leaves them, without those it removes.
    fn as_staged(&self, rows: Vec<Row>) -> Result<Vec<Row>, StoreError> {
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            let key = row.key();
            match self.group.get(&key) {
                None => kept.push(row),
                Some(Some(staged)) => kept.push(decode(&key, staged)?),
                Some(None) => {}
            }
        }
        Ok(kept)
    }
}

impl Reader {
    /// A scan that is not done.
    ///
    /// # Errors
    /// The row cannot be read.
    pub fn scan(&self, network: &NetworkId, target: ScanTarget) -> Result<Option<Scan>, StoreError> {
        let key = Key::scan(network, target);
        self.0.read(|engine| read::get(engine, &key)?.map(|row| expect_row!(row, Scan)).transpose())
    }
}
