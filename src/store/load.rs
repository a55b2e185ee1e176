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
    seal::{FIRST_SCHEMA, Meta, SCHEMA, Seal, Tallies},
    upgrade::Upgrade,
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
    if meta.schema < FIRST_SCHEMA {
        return Err(StoreError::damaged(format!("its first row: there was never a schema {}", meta.schema)));
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
    check_under(engine, SCHEMA, None, row)
}

/// The same for a store sealed under `schema`, whose upgrade has come as far as `upgrade` says.
///
/// # Errors
/// As above.
pub(super) fn check_under(
    engine: &dyn Engine,
    schema: u16,
    upgrade: Option<&Upgrade>,
    row: &mut dyn FnMut(LoadedRow),
) -> Result<Seal, StoreError> {
    let (found, derived) = (Tallies::default(), Tallies::default());
    let mut scan = Scan { schema, upgrade, found, derived, seal: None, row };
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
    /// What the first row says.
    schema: u16,
    upgrade: Option<&'a Upgrade>,
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
        // These rows have been read before, and the values of index rows follow from the rows they lead to.
        if matches!(table, Table::Meta | Table::Upgrade) || table.is_index() {
            return Ok(());
        }
        let row = decode_bytes(key, value)?;
        for (index, value) in indexes_of(&row) {
            if let Some(table) = Table::of_key(index.as_bytes())
                && self.upgrade.is_none_or(|upgrade| upgrade.has_index(table, key))
            {
                self.derived.of_mut(table).add(index.as_bytes(), &value);
            }
        }
        match row {
            Row::Holding(holding) => (self.row)(LoadedRow::Holding(holding)),
            Row::Cursor(network, cursor) => (self.row)(LoadedRow::Cursor(network, cursor)),
            Row::Header(network, header) => (self.row)(LoadedRow::Header(network, header)),
            Row::Deposit(deposit) => (self.row)(LoadedRow::Deposit(deposit)),
            Row::Override(set) => (self.row)(LoadedRow::Override(set)),
            Row::Audit(record) => (self.row)(LoadedRow::Audit(record)),
            Row::Notification(notification) => (self.row)(LoadedRow::Event(notification.place)),
            Row::App(_) | Row::Order(_) | Row::Attempt(_) | Row::Endpoint(_) | Row::Trade(..) | Row::Scan(_) => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Seal, StoreError> {
        let seal = self.seal.ok_or_else(|| StoreError::damaged("its seal is missing"))?;
        if seal.schema != self.schema {
            let (first, sealed) = (self.schema, seal.schema);
            return Err(StoreError::damaged(format!("its first row says schema {first}, its seal {sealed}")));
        }
        for table in Table::ALL {
            let (sealed, found) = (seal.tallies.of(table), self.found.of(table));
            if found != sealed {
                let fault = if found.rows == sealed.rows {
                    format!("the {} rows of table {} are not those", found.rows, table.word())
                } else {
                    format!("table {} holds {} rows, not the {}", table.word(), found.rows, sealed.rows)
                };
                return Err(StoreError::damaged(format!("{fault} that commit {} sealed", seal.sequence)));
            }
            if table.is_index() && self.derived.of(table) != found {
                return Err(StoreError::damaged(format!("index {} does not fit its rows", table.word())));
            }
        }
        Ok(seal)
    }
}
