//! Reads of endpoints, and of events that wait for a person.

use super::{
    Store, StoreError,
    codec::{self, Row},
    engine::Engine,
    keys::{Key, Table},
    read::{Reader, above, behind, due_key, expect_row, get, keys, rows},
};
use crate::domain::{AppId, Endpoint, EndpointId, EventId, Millis, Notification};

/// Endpoints read at once when all of them are looked at.
const PAGE_LEN: usize = 256;
/// Lanes looked at for the oldest due event.
const LANES_SEEN_MAX: usize = 4096;

/// Where a walk through events goes on; empty: at the beginning. Foreign bytes are harmless: they only choose where in
/// the same walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToldPosition(pub Vec<u8>);

/// A walk through events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk<'a> {
    /// Dead letters of all apps, by the time they became so.
    DeadLetters,
    /// Money without words, of all apps, by the time it became so.
    Untold,
    /// An app's events in the order of commits.
    Feed(&'a AppId),
}

impl Walk<'_> {
    fn all(self) -> Key {
        match self {
            Self::DeadLetters => Key::table(Table::DeadLetters),
            Self::Untold => Key::table(Table::Untold),
            Self::Feed(app) => Key::feed_of(app),
        }
    }
}

impl ToldPosition {
    /// Before every dead letter, and everything untold, that is so since `since` or later.
    pub fn since(since: Millis) -> Self {
        Self(since.0.to_be_bytes().to_vec())
    }
}

impl Reader {
    /// One endpoint.
    pub fn endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        self.0.read(|engine| get(engine, &Key::endpoint(id))?.map(|row| expect_row!(row, Endpoint)).transpose())
    }

    /// One endpoint; where it has no row yet, as its events name it: see [`Store::endpoint_of_lane`].
    pub fn endpoint_or_lane(&self, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        match self.endpoint(id)? {
            Some(endpoint) => Ok(Some(endpoint)),
            None => self.0.read(|engine| of_lane(engine, id)),
        }
    }

    /// Endpoints of all apps in the order of ids, above `after`; at most `limit`.
    pub fn endpoints(&self, after: Option<EndpointId>, limit: usize) -> Result<Vec<Endpoint>, StoreError> {
        let range = above(&Key::table(Table::Endpoints), after.map(Key::endpoint));
        self.0.read(|engine| rows(engine, range, limit)?.into_iter().map(|row| expect_row!(row, Endpoint)).collect())
    }

    /// Endpoints that are parked, in the order of ids. Looks at every endpoint: they are as many as there are apps, and
    /// hosts that orders named.
    pub fn parked(&self) -> Result<Vec<Endpoint>, StoreError> {
        let (mut parked, mut after) = (Vec::new(), None);
        loop {
            let page = self.endpoints(after, PAGE_LEN)?;
            let is_end = page.len() < PAGE_LEN;
            after = page.last().map(|endpoint| endpoint.id);
            parked.extend(page.into_iter().filter(|endpoint| endpoint.parked.is_some()));
            if is_end {
                return Ok(parked);
            }
        }
    }

    /// How many events wait for their time in a lane, counted up to `limit`.
    pub fn pending(&self, endpoint: EndpointId, limit: usize) -> Result<usize, StoreError> {
        self.0.read(|engine| Ok(keys(engine, Key::lane(endpoint).range(), limit)?.len()))
    }

    /// When the first event of a lane is due; `None`: there is none.
    pub fn oldest_due(&self, endpoint: EndpointId) -> Result<Option<Millis>, StoreError> {
        let first = self.0.read(|engine| keys(engine, Key::lane(endpoint).range(), 1))?;
        first.first().map(|key| due_key(key).map(|(_, at, _)| at)).transpose()
    }

    /// When the first event of all lanes but `without` is due. Looks at no more than the first 4096 lanes.
    pub fn oldest_pending(&self, without: &[EndpointId]) -> Result<Option<Millis>, StoreError> {
        let (mut oldest, mut after): (Option<Millis>, _) = (None, None);
        for _ in 0..LANES_SEEN_MAX {
            let Some((lane, at)) = self.next_lane(after)? else { break };
            after = Some(lane);
            if !without.contains(&lane) {
                oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
            }
        }
        Ok(oldest)
    }

    /// Events of a lane that are due now or later behind `after`, the first to be due first, each with the position behind
    /// it; at most `limit`.
    pub fn due_behind(
        &self,
        lane: EndpointId,
        after: Option<&ToldPosition>,
        limit: usize,
    ) -> Result<Vec<(ToldPosition, Notification)>, StoreError> {
        let all = Key::lane(lane);
        let range = above(&all, after.map(|position| Key::lane(lane).with(&position.0)));
        self.0.read(|engine| {
            let mut page = Vec::new();
            for key in keys(engine, range, limit)? {
                let (_, _, event) = due_key(&key)?;
                let position = ToldPosition(key.get(all.as_bytes().len()..).unwrap_or_default().to_vec());
                page.push((position, expect_row!(behind(engine, &Key::notification(&event))?, Notification)?));
            }
            Ok(page)
        })
    }

    /// Dead letters behind `after`, those that are so the longest first, each with the position behind it; at most
    /// `limit`.
    pub fn dead_letters(
        &self,
        after: Option<&ToldPosition>,
        limit: usize,
    ) -> Result<Vec<(ToldPosition, Notification)>, StoreError> {
        self.told(Walk::DeadLetters, after, limit)
    }

    /// Money without words behind `after`, that which is so the longest first, each with the position behind it; at most
    /// `limit`.
    pub fn untold(
        &self,
        after: Option<&ToldPosition>,
        limit: usize,
    ) -> Result<Vec<(ToldPosition, Notification)>, StoreError> {
        self.told(Walk::Untold, after, limit)
    }

    fn told(
        &self,
        walk: Walk<'_>,
        after: Option<&ToldPosition>,
        limit: usize,
    ) -> Result<Vec<(ToldPosition, Notification)>, StoreError> {
        self.0.read(|engine| {
            let mut page = Vec::new();
            for (position, event) in walked(engine, walk, after, limit)? {
                let row = behind(engine, &Key::notification(&event))?;
                page.push((position, expect_row!(row, Notification)?));
            }
            Ok(page)
        })
    }
}

impl Store {
    /// The lane's endpoint as its events name it, where it has no row yet: a store of schema 2 had none, and the next event
    /// can be long in coming. `None`: nothing is due there.
    ///
    /// # Errors
    /// The rows cannot be read: stop.
    pub fn endpoint_of_lane(&self, lane: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        self.shared.read(|engine| of_lane(engine, lane))
    }

    /// Events of a walk behind `after`, at most `limit`, each with the position behind it: committed ones, as the group
    /// leaves them. What the group adds to the walk comes with the next commit.
    ///
    /// # Errors
    /// The rows cannot be read: stop.
    pub fn told(
        &self,
        walk: Walk<'_>,
        after: Option<&ToldPosition>,
        limit: usize,
    ) -> Result<Vec<(ToldPosition, EventId)>, StoreError> {
        self.shared.read(|engine| walked(engine, walk, after, limit))
    }
}

fn walked(
    engine: &dyn Engine,
    walk: Walk<'_>,
    after: Option<&ToldPosition>,
    limit: usize,
) -> Result<Vec<(ToldPosition, EventId)>, StoreError> {
    let all = walk.all();
    let after = after.map(|position| walk.all().with(&position.0));
    let found = keys(engine, above(&all, after), limit)?;
    let step = |key: &Vec<u8>| {
        let event = match walk {
            Walk::DeadLetters | Walk::Untold => event_in(key),
            Walk::Feed(_) => event_behind(engine, key)?,
        };
        let damaged = || StoreError::damaged(format!("index row {} names no event", hex::encode(key)));
        let position = ToldPosition(key.get(all.as_bytes().len()..).unwrap_or_default().to_vec());
        Ok((position, event.ok_or_else(damaged)?))
    };
    found.iter().map(step).collect()
}

/// The event in the key of an index by time.
fn event_in(key: &[u8]) -> Option<EventId> {
    let text = std::str::from_utf8(key.get(9..)?.strip_suffix(&[0])?).ok()?;
    EventId::parse(text)
}

/// The event in the value of a row of the feed.
fn event_behind(engine: &dyn Engine, key: &[u8]) -> Result<Option<EventId>, StoreError> {
    let Some(value) = engine.get(key)? else { return Ok(None) };
    Ok(codec::unwrap(&value, |from| from.text().map(EventId::parse)).ok().flatten())
}

/// The endpoint that the first event with a due time in a lane names.
fn of_lane(engine: &dyn Engine, lane: EndpointId) -> Result<Option<Endpoint>, StoreError> {
    let first = keys(engine, Key::lane(lane).range(), 1)?;
    let Some(key) = first.first() else { return Ok(None) };
    let (_, _, event) = due_key(key)?;
    let row = expect_row!(behind(engine, &Key::notification(&event))?, Notification)?;
    Ok(Some(Endpoint::of(&row.app, &row.url)))
}
