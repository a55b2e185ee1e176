//! Reads of the audit log.

use super::{
    StoreError,
    codec::Row,
    keys::{Key, Table},
    read::{Reader, expect_row, get, rows},
};
use crate::domain::AuditRecord;

impl Reader {
    /// Records above `after` in the order of their numbers, 0 for all; at most `limit`.
    pub fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        let range = Key::table(Table::Audit).range_above(&Key::audit(after));
        self.0.read(|engine| rows(engine, range, limit)?.into_iter().map(|row| expect_row!(row, Audit)).collect())
    }

    /// The last record, if there is one.
    pub fn last_audit(&self) -> Result<Option<AuditRecord>, StoreError> {
        // Numbers begin at 1 and have no gaps.
        let last = Key::audit(self.0.seal().tallies.of(Table::Audit).rows);
        self.0.read(|engine| get(engine, &last)?.map(|row| expect_row!(row, Audit)).transpose())
    }
}
