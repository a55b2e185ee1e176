//! Reads for everyone but the writer: durable rows only.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::{ControlFlow, Range},
    sync::Arc,
};

use super::{
    Shared,
    codec::{self, CodecError, Row},
    engine::Engine,
    error::StoreError,
    group::{decode, decode_bytes},
    keys::{Key, Table},
};
use crate::domain::{
    Address, App, AppId, Attempt, Cursor, Deposit, EndpointId, EventId, Holding, Millis, NetworkId, Notification,
    Order, OrderId, Timestamp,
};

/// Reads durable rows. Waits while a commit is on its way to disk, so nothing is seen that could still vanish.
///
/// Every method fails with [`StoreError::Damaged`] or [`StoreError::Unreadable`] when a row cannot be read (the
/// process stops then) and with [`StoreError::Poisoned`] after any such failure. Each call sees one commit; two calls
/// may see two.
#[derive(Clone, Debug)]
pub struct Reader(pub(super) Arc<Shared>);

/// Where a page of deposits goes on. Foreign bytes are harmless: they only choose where in the same app's deposits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepositPosition(pub Vec<u8>);

/// One row of a known kind, or damage.
macro_rules! expect_row {
    ($row:expr, $kind:ident) => {
        match $row {
            Row::$kind(row) => Ok(row),
            other => Err(StoreError::damaged(format!("{} where another kind of row belongs", other.name()))),
        }
    };
}
pub(super) use expect_row;

impl Reader {
    /// Whether the store still answers.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] after the first failure.
    pub fn healthy(&self) -> Result<(), StoreError> {
        self.0.healthy()
    }

    /// One app.
    pub fn app(&self, id: &AppId) -> Result<Option<App>, StoreError> {
        self.0.read(|engine| get(engine, &Key::app(id))?.map(|row| expect_row!(row, App)).transpose())
    }

    /// Apps in the order of ids, above `after`; at most `limit`.
    pub fn apps(&self, after: Option<&AppId>, limit: usize) -> Result<Vec<App>, StoreError> {
        let range = above(&Key::table(Table::Apps), after.map(Key::app));
        self.0.read(|engine| rows(engine, range, limit)?.into_iter().map(|row| expect_row!(row, App)).collect())
    }

    /// One order.
    pub fn order(&self, app: &AppId, id: &OrderId) -> Result<Option<Order>, StoreError> {
        self.0.read(|engine| get(engine, &Key::order(app, id))?.map(|row| expect_row!(row, Order)).transpose())
    }

    /// An app's orders in the order of ids, above `after`; at most `limit`.
    pub fn orders(&self, app: &AppId, after: Option<&OrderId>, limit: usize) -> Result<Vec<Order>, StoreError> {
        let range = above(&Key::orders_of(app), after.map(|id| Key::order(app, id)));
        self.0.read(|engine| rows(engine, range, limit)?.into_iter().map(|row| expect_row!(row, Order)).collect())
    }

    /// One address.
    pub fn holding(&self, network: &NetworkId, address: Address) -> Result<Option<Holding>, StoreError> {
        let key = Key::holding(network, address);
        self.0.read(|engine| get(engine, &key)?.map(|row| expect_row!(row, Holding)).transpose())
    }

    /// Addresses of every owner by network and bytes, above `after`; at most `limit`. There is no index by owner: ten
    /// million addresses would pay for it with a second row each.
    pub fn holdings(&self, after: Option<(&NetworkId, Address)>, limit: usize) -> Result<Vec<Holding>, StoreError> {
        let range = above(&Key::table(Table::Holdings), after.map(|(network, address)| Key::holding(network, address)));
        self.0.read(|engine| rows(engine, range, limit)?.into_iter().map(|row| expect_row!(row, Holding)).collect())
    }

    /// One deposit by its printed id (`dep_…`); `None` also for a text that is no such id.
    pub fn deposit(&self, text: &str) -> Result<Option<Deposit>, StoreError> {
        let Some(index) = Key::deposit_by_text(text) else { return Ok(None) };
        self.0.read(|engine| {
            let Some(value) = engine.get(index.as_bytes())? else { return Ok(None) };
            let target: Result<Vec<u8>, CodecError> = codec::unwrap(&value, |from| from.bytes().map(<[u8]>::to_vec));
            let target = target.map_err(|error| StoreError::damaged(format!("the index row of {text}: {error}")))?;
            let key = Key::behind(Table::Deposits, target.get(1..).unwrap_or_default());
            expect_row!(behind(engine, &key)?, Deposit).map(Some)
        })
    }

    /// An app's deposits by block time, oldest first, above `after`, each with the position behind it; at most
    /// `limit`. A reorg may move a deposit in time: it is then met again, or was met before.
    pub fn deposits(
        &self,
        app: &AppId,
        after: Option<&DepositPosition>,
        limit: usize,
    ) -> Result<Vec<(DepositPosition, Deposit)>, StoreError> {
        let all = Key::deposits_of(app);
        let range = above(&all, after.map(|position| Key::deposits_of(app).with(&position.0)));
        self.0.read(|engine| {
            let mut page = Vec::new();
            for index in keys(engine, range, limit)? {
                let position = &index[all.as_bytes().len()..];
                let id = position.get(8..).unwrap_or_default();
                let row = behind(engine, &Key::behind(Table::Deposits, id))?;
                page.push((DepositPosition(position.to_vec()), expect_row!(row, Deposit)?));
            }
            Ok(page)
        })
    }

    /// A network's progress.
    pub fn cursor(&self, network: &NetworkId) -> Result<Option<Cursor>, StoreError> {
        let row = self.0.read(|engine| get(engine, &Key::cursor(network)))?;
        match row {
            Some(Row::Cursor(_, cursor)) => Ok(Some(cursor)),
            Some(other) => Err(StoreError::damaged(format!("{} where a cursor belongs", other.name()))),
            None => Ok(None),
        }
    }

    /// One notification.
    pub fn notification(&self, id: &EventId) -> Result<Option<Notification>, StoreError> {
        let key = Key::notification(id);
        self.0.read(|engine| get(engine, &key)?.map(|row| expect_row!(row, Notification)).transpose())
    }

    /// The last `limit` attempts of an event, oldest first.
    pub fn attempts(&self, event: &EventId, limit: usize) -> Result<Vec<Attempt>, StoreError> {
        self.0.read(|engine| {
            let mut last = VecDeque::new();
            scan(engine, Key::attempts_of(event).range(), |key, value| {
                last.push_back((key.to_vec(), value.to_vec()));
                if last.len() > limit {
                    last.pop_front();
                }
                ControlFlow::Continue(())
            })?;
            last.iter().map(|(key, value)| expect_row!(decode_bytes(key, value)?, Attempt)).collect()
        })
    }

    /// The next lane above `after` that has due-dated rows, and its earliest due time.
    pub fn next_lane(&self, after: Option<EndpointId>) -> Result<Option<(EndpointId, Millis)>, StoreError> {
        let table = Key::table(Table::Due);
        let start = after.map_or_else(|| table.as_bytes().to_vec(), |lane| Key::lane(lane).end());
        let first = self.0.read(|engine| keys(engine, start..table.end(), 1))?;
        first.first().map(|key| due_key(key).map(|(lane, at, _)| (lane, at))).transpose()
    }

    /// Events of a lane due at `now` or before, oldest due first; at most `limit`.
    pub fn due(&self, endpoint: EndpointId, now: Millis, limit: usize) -> Result<Vec<EventId>, StoreError> {
        let range = Key::lane(endpoint).as_bytes().to_vec()..Key::lane_at(endpoint, now).end();
        let due = self.0.read(|engine| keys(engine, range, limit))?;
        due.iter().map(|key| due_key(key).map(|(_, _, event)| event)).collect()
    }

    /// Events of a lane that have a due time, past or to come, earliest first; at most `limit`.
    pub fn upcoming(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<(Millis, EventId)>, StoreError> {
        let found = self.0.read(|engine| keys(engine, Key::lane(endpoint).range(), limit))?;
        found.iter().map(|key| due_key(key).map(|(_, at, event)| (at, event))).collect()
    }

    /// Rows by kind, as of the last commit: `apps`, `orders`, `holdings`, `deposits`, `notifications`, `due`,
    /// `dead_letters`… Kinds without rows are there with 0.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let seal = self.0.seal();
        let told = Table::ALL.into_iter().filter(|table| !matches!(table, Table::Meta | Table::Seal | Table::Upgrade));
        told.map(|table| (table.word(), seal.tallies.of(table).rows)).collect()
    }

    /// Sequence number of the last commit.
    pub fn sequence(&self) -> u64 {
        self.0.seal().sequence
    }
}

/// The keys of `all` above `last`, or all of them.
pub(super) fn above(all: &Key, last: Option<Key>) -> Range<Vec<u8>> {
    last.map_or_else(|| all.range(), |last| all.range_above(&last))
}

/// The row at `key`.
pub(super) fn get(engine: &dyn Engine, key: &Key) -> Result<Option<Row>, StoreError> {
    engine.get(key.as_bytes())?.map(|value| decode(key, &value)).transpose()
}

/// The row an index row promised.
pub(super) fn behind(engine: &dyn Engine, key: &Key) -> Result<Row, StoreError> {
    get(engine, key)?
        .ok_or_else(|| StoreError::damaged(format!("row {} is missing behind its index", hex::encode(key.as_bytes()))))
}

fn scan(
    engine: &dyn Engine,
    range: Range<Vec<u8>>,
    mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    Ok(engine.scan(range, &mut visit)?)
}

/// At most `limit` rows of `range`, in key order.
pub(super) fn rows(engine: &dyn Engine, range: Range<Vec<u8>>, limit: usize) -> Result<Vec<Row>, StoreError> {
    let mut found = Vec::new();
    collect(engine, range, limit, |key, value| found.push(decode_bytes(key, value)))?;
    found.into_iter().collect()
}

/// At most `limit` keys of `range`, in order.
pub(super) fn keys(engine: &dyn Engine, range: Range<Vec<u8>>, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = Vec::new();
    collect(engine, range, limit, |key, _| found.push(key.to_vec()))?;
    Ok(found)
}

fn collect(
    engine: &dyn Engine,
    range: Range<Vec<u8>>,
    limit: usize,
    mut take: impl FnMut(&[u8], &[u8]),
) -> Result<(), StoreError> {
    let mut left = limit;
    if left == 0 {
        return Ok(());
    }
    scan(engine, range, |key, value| {
        take(key, value);
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
}

/// Lane, due time and event of a due row.
pub(super) fn due_key(key: &[u8]) -> Result<(EndpointId, Millis, EventId), StoreError> {
    let parts = || {
        let (_tag, rest) = key.split_first()?;
        let (lane, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let event = EventId::parse(std::str::from_utf8(rest.strip_suffix(&[0])?).ok()?)?;
        Some((EndpointId(*lane), Millis(u64::from_be_bytes(*at)), event))
    };
    parts().ok_or_else(|| StoreError::damaged(format!("due row {} is no due row", hex::encode(key))))
}

/// See [`Store::overdue`](super::Store::overdue).
pub(super) fn overdue(
    engine: &dyn Engine,
    network: &NetworkId,
    time: Timestamp,
    limit: usize,
) -> Result<Vec<(AppId, OrderId)>, StoreError> {
    let all = Key::expiries_of(network);
    let range = all.as_bytes().to_vec()..Key::expiries_at(network, time).into_bytes();
    let order = |key: &Vec<u8>| {
        let parts = || {
            let rest = std::str::from_utf8(key.get(all.as_bytes().len() + 8..)?).ok()?;
            let (app, order) = rest.strip_suffix('\0')?.split_once('\0')?;
            Some((app.parse().ok()?, OrderId::parse(order).ok()?))
        };
        parts().ok_or_else(|| StoreError::damaged(format!("expiry {} has no such form", hex::encode(key))))
    };
    keys(engine, range, limit)?.iter().map(order).collect()
}
