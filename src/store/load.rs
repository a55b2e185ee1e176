//! The full check at start: every row read, every sum compared, every index derived again.

use std::ops::ControlFlow;

use super::{
    LoadedRow,
    codec::Row,
    engine::Engine,
    error::StoreError,
    group::decode_bytes,
    index::indexes_of,
    keys::{Key, Table, everything},
    seal::{Meta, SCHEMA, Seal, Tallies},
};

/// The store's first row, before anything else is believed. `None` if there is none.
///
/// # Errors
/// [`StoreError::Newer`], [`StoreError::Damaged`].
pub(super) fn meta(engine: &dyn Engine) -> Result<Option<Meta>, StoreError> {
    let Some(value) = engine.get(Key::meta().as_bytes())? else { return Ok(None) };
    let meta = Meta::decode(&value).map_err(|error| StoreError::damaged(format!("its first row: {error}")))?;
    if meta.schema > SCHEMA {
        return Err(StoreError::Newer { found: meta.schema, known: SCHEMA });
    }
    Ok(Some(meta))
}

/// Whether there is no row at all.
///
/// # Errors
/// The store cannot be read.
pub(super) fn is_empty(engine: &dyn Engine) -> Result<bool, StoreError> {
    let mut empty = true;
    engine.scan(everything(), &mut |_, _| {
        empty = false;
        ControlFlow::Break(())
    })?;
    Ok(empty)
}

/// Scans everything, hands rows to `row` in key order and compares all sums with the seal's. Rows are handed over
/// before the sums are known: after an error the caller throws away what it was given.
///
/// # Errors
/// [`StoreError::Damaged`] naming the row or table.
pub(super) fn check(engine: &dyn Engine, row: &mut dyn FnMut(LoadedRow)) -> Result<Seal, StoreError> {
    let mut scan = Scan { found: Tallies::default(), derived: Tallies::default(), seal: None, row };
    let mut fault = None;
    engine.scan(everything(), &mut |key, value| match scan.visit(key, value) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            fault = Some(error);
            ControlFlow::Break(())
        }
    })?;
    match fault {
        Some(error) => Err(error),
        None => scan.finish(),
    }
}

struct Scan<'a> {
    /// What is there.
    found: Tallies,
    /// What the index tables should hold.
    derived: Tallies,
    seal: Option<Seal>,
    row: &'a mut dyn FnMut(LoadedRow),
}

impl Scan<'_> {
    fn visit(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let table = Table::of_key(key)
            .ok_or_else(|| StoreError::damaged(format!("key {} belongs to no table", hex::encode(key))))?;
        if table == Table::Seal {
            let seal = Seal::decode(value).map_err(|error| StoreError::damaged(format!("its seal: {error}")))?;
            self.seal = Some(seal);
            return Ok(());
        }
        self.found.of_mut(table).add(key, value);
        // The first row has been read before, and the values of index rows follow from the rows they lead to.
        if table == Table::Meta || table.is_index() {
            return Ok(());
        }
        let row = decode_bytes(key, value)?;
        for (index, value) in indexes_of(&row) {
            if let Some(table) = Table::of_key(index.as_bytes()) {
                self.derived.of_mut(table).add(index.as_bytes(), &value);
            }
        }
        match row {
            Row::Holding(holding) => (self.row)(LoadedRow::Holding(holding)),
            Row::Cursor(network, cursor) => (self.row)(LoadedRow::Cursor(network, cursor)),
            Row::Header(network, header) => (self.row)(LoadedRow::Header(network, header)),
            Row::Deposit(deposit) => (self.row)(LoadedRow::Deposit(deposit)),
            Row::App(_) | Row::Order(_) | Row::Notification(_) | Row::Attempt(_) => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Seal, StoreError> {
        let seal = self.seal.ok_or_else(|| StoreError::damaged("its seal is missing"))?;
        for table in Table::ALL {
            let (sealed, found) = (seal.tallies.of(table), self.found.of(table));
            if found != sealed {
                let what = if found.rows == sealed.rows { "with other content" } else { "" };
                return Err(StoreError::damaged(format!(
                    "table {} holds {} rows {what} where commit {} sealed {}",
                    table.word(),
                    found.rows,
                    seal.sequence,
                    sealed.rows,
                )));
            }
            if table.is_index() && self.derived.of(table) != found {
                return Err(StoreError::damaged(format!("index {} does not fit its rows", table.word())));
            }
        }
        Ok(seal)
    }
}
