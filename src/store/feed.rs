//! Reads of everything there is, in order: the feed of events, and the deposits of a network for those who compare them
//! with the chain.

use super::{
    StoreError,
    codec::{self, CodecError, Row},
    engine::Engine,
    keys::{Key, Table},
    read::{Reader, above, behind, expect_row, get, keys, rows},
};
use crate::domain::{
    Address, AppId, Deposit, DepositId, EventId, EventPlace, Holding, NetworkId, Notification, ScanTarget,
    recheck::Watched,
};

impl Reader {
    /// Events behind `after` in the order of their places, of one app or of all; at most `limit`.
    pub fn events(
        &self,
        app: Option<&AppId>,
        after: EventPlace,
        limit: usize,
    ) -> Result<Vec<Notification>, StoreError> {
        self.0.read(|engine| events(engine, app, after, limit))
    }

    /// The place of the newest event; 0 before the first. Found by halving: the feed is read forwards only.
    pub fn last_event(&self) -> Result<EventPlace, StoreError> {
        self.0.read(|engine| {
            let (mut low, mut high) = (0, u64::MAX);
            while low < high {
                let middle = low + (high - low).div_ceil(2);
                let range = Key::feed(EventPlace(middle)).into_bytes()..Key::table(Table::Feed).end();
                match keys(engine, range, 1)?.first() {
                    Some(key) => low = place_of(key)?,
                    None => high = middle - 1,
                }
            }
            Ok(EventPlace(low))
        })
    }

    /// A network's deposits in the order of their ids, above `after`; at most `limit`.
    pub fn deposits_on(
        &self,
        network: &NetworkId,
        after: Option<&DepositId>,
        limit: usize,
    ) -> Result<Vec<Deposit>, StoreError> {
        let range = above(&Key::deposits_on(network), after.map(Key::deposit));
        self.0.read(|engine| rows(engine, range, limit)?.into_iter().map(|row| expect_row!(row, Deposit)).collect())
    }

    /// Those of these deposits that are stored.
    pub fn deposits_of_ids<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a DepositId>,
    ) -> Result<Vec<Deposit>, StoreError> {
        self.0.read(|engine| {
            let found = ids.into_iter().filter_map(|id| get(engine, &Key::deposit(id)).transpose());
            found.map(|row| expect_row!(row?, Deposit)).collect()
        })
    }

    /// Those of these addresses that somebody owns.
    pub fn owned_among(
        &self,
        network: &NetworkId,
        addresses: impl IntoIterator<Item = Address>,
    ) -> Result<Vec<Watched>, StoreError> {
        self.0.read(|engine| {
            let mut found = Vec::new();
            for address in addresses {
                let Some(row) = get(engine, &Key::holding(network, address))? else { continue };
                found.push(owned(engine, expect_row!(row, Holding)?)?);
            }
            Ok(found)
        })
    }
}

/// See [`Reader::events`].
fn events(
    engine: &dyn Engine,
    app: Option<&AppId>,
    after: EventPlace,
    limit: usize,
) -> Result<Vec<Notification>, StoreError> {
    let (all, last) = match app {
        None => (Key::table(Table::Feed), Key::feed(after)),
        Some(app) => (Key::feed_of(app), Key::feed_by_app(app, after)),
    };
    let places = keys(engine, above(&all, Some(last)), limit)?;
    places.iter().map(|place| event_at(engine, place)).collect()
}

fn owned(engine: &dyn Engine, holding: Holding) -> Result<Watched, StoreError> {
    let order = holding.open_order.as_ref().or(holding.last_order.as_ref());
    let order = match order {
        Some(order) => get(engine, &Key::order(&holding.app, order))?.map(|row| expect_row!(row, Order)).transpose()?,
        None => None,
    };
    let scan = Key::scan(&holding.network, ScanTarget::Address(holding.address));
    let scan = get(engine, &scan)?.map(|row| expect_row!(row, Scan)).transpose()?;
    Ok(Watched { holding, order, scan })
}

/// The event an index row leads to.
fn event_at(engine: &dyn Engine, index: &[u8]) -> Result<Notification, StoreError> {
    let damaged = |why: &str| StoreError::damaged(format!("feed row {}: {why}", hex::encode(index)));
    let value = engine.get(index)?.ok_or_else(|| damaged("gone while it was read"))?;
    let text: Result<String, CodecError> = codec::unwrap(&value, |from| from.text().map(str::to_owned));
    let text = text.map_err(|error| damaged(&error.to_string()))?;
    let event = EventId::parse(&text).ok_or_else(|| damaged("no event id"))?;
    expect_row!(behind(engine, &Key::notification(&event))?, Notification)
}

/// The place in a key of the feed.
fn place_of(key: &[u8]) -> Result<u64, StoreError> {
    let place = key.get(1..).and_then(|place| place.try_into().ok()).map(u64::from_be_bytes);
    place.ok_or_else(|| StoreError::damaged(format!("feed row {} holds no place", hex::encode(key))))
}
