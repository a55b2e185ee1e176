//! What the notifier reads of the store, many lanes at a time, on a thread that may wait.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{App, AppId, Endpoint, EndpointId, EventId, Millis, Notification},
    store::{Reader, StoreError},
};

/// No schedule makes a row wait longer, in milliseconds: 24 hours, twice that on the receiver's wish, and jitter. What is
/// due later was written under a clock that was wrong, and would wait for it for years.
const WAIT_MS_MAX: u64 = 72 * 60 * 60 * 1000;
/// Rows of one lane that are looked at for each that is on its way: other versions of its deposit may stand before those
/// that can be sent.
const LOOKED_AT_PER_HELD: usize = 3;

/// What the notifier reads: the store's durable rows.
pub trait Outbox: Clone + Send + 'static {
    /// The next lane above `after` that has rows with a due time, and the earliest of these.
    fn next_lane(&self, after: Option<EndpointId>) -> Result<Option<(EndpointId, Millis)>, StoreError>;
    /// The events of a lane that have a due time, past or to come, earliest first; at most `limit`.
    fn upcoming(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<(Millis, EventId)>, StoreError>;
    /// The endpoint of a lane.
    fn endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>, StoreError>;
    /// One row.
    fn notification(&self, event: &EventId) -> Result<Option<Notification>, StoreError>;
    /// Its app, for keys and hosts.
    fn app(&self, id: &AppId) -> Result<Option<App>, StoreError>;
}

impl Outbox for Reader {
    fn next_lane(&self, after: Option<EndpointId>) -> Result<Option<(EndpointId, Millis)>, StoreError> {
        Self::next_lane(self, after)
    }

    fn upcoming(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<(Millis, EventId)>, StoreError> {
        Self::upcoming(self, endpoint, limit)
    }

    fn endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        Self::endpoint(self, id)
    }

    fn notification(&self, event: &EventId) -> Result<Option<Notification>, StoreError> {
        Self::notification(self, event)
    }

    fn app(&self, id: &AppId) -> Result<Option<App>, StoreError> {
        Self::app(self, id)
    }
}

/// Whether a row that is due at `at` may be sent at `now`.
pub(super) fn is_due(at: Millis, now: Millis) -> bool {
    at <= now || at.since(now) > WAIT_MS_MAX
}

/// What must not be on its way twice at once: a deposit with all its versions, or an event that is not about one. A
/// credit that was withdrawn before it was told and the one that follows it would overtake each other otherwise.
pub fn subject(event: &EventId) -> &str {
    let text = event.as_str();
    match text.rsplit_once('_') {
        Some((deposit, _)) if deposit.starts_with("dep_") => deposit,
        Some(_) | None => text,
    }
}

/// What is asked for one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The lane.
    pub endpoint: EndpointId,
    /// Rows that may start; 0: it is only asked whether the lane is parked.
    pub room: usize,
    /// Subjects of the lane that are on their way.
    pub held: BTreeSet<String>,
}

/// What one lane has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The lane.
    pub endpoint: EndpointId,
    /// Whether nothing is sent there.
    pub is_parked: bool,
    /// Whether its last attempt failed.
    pub is_failing: bool,
    /// Rows to send now, oldest due first, with their apps; never two of one subject.
    pub rows: Vec<(Notification, Option<App>)>,
    /// Whether more are due than these.
    pub has_more: bool,
    /// When the next one becomes due.
    pub next: Option<Millis>,
}

/// Looks at lanes, all at one go. A lane that rests is seen only if it is parked.
///
/// # Errors
/// What the store says.
pub fn see(outbox: &impl Outbox, wants: &[Want], now: Millis) -> Result<Vec<Seen>, StoreError> {
    let mut apps = BTreeMap::new();
    let mut seen = Vec::with_capacity(wants.len());
    for want in wants {
        let lane = see_lane(outbox, want, now, &mut apps)?;
        if want.room > 0 || lane.is_parked {
            seen.push(lane);
        }
    }
    Ok(seen)
}

fn see_lane(
    outbox: &impl Outbox,
    want: &Want,
    now: Millis,
    apps: &mut BTreeMap<AppId, Option<App>>,
) -> Result<Seen, StoreError> {
    let endpoint = outbox.endpoint(want.endpoint)?;
    let mut seen = Seen {
        endpoint: want.endpoint,
        is_parked: endpoint.as_ref().is_some_and(|endpoint| endpoint.parked.is_some()),
        is_failing: endpoint.is_some_and(|endpoint| endpoint.failures > 0),
        rows: Vec::new(),
        has_more: false,
        next: None,
    };
    if seen.is_parked || want.room == 0 {
        return Ok(seen);
    }
    let limit = want.room + LOOKED_AT_PER_HELD * want.held.len() + 1;
    let upcoming = outbox.upcoming(want.endpoint, limit)?;
    let is_all = upcoming.len() < limit;
    let mut held = want.held.clone();
    for (at, event) in upcoming {
        if !is_due(at, now) {
            seen.next = Some(seen.next.map_or(at, |next| next.min(at)));
            continue;
        }
        if seen.rows.len() == want.room || held.contains(subject(&event)) {
            seen.has_more = true;
            continue;
        }
        // The index was read just before the row, and a person's command may have come between.
        let row = outbox.notification(&event)?.filter(|row| row.due().is_some_and(|due| is_due(due, now)));
        let Some(row) = row else { continue };
        let app = match apps.get(&row.app) {
            Some(app) => app.clone(),
            None => apps.entry(row.app.clone()).or_insert(outbox.app(&row.app)?).clone(),
        };
        held.insert(subject(&event).to_owned());
        seen.rows.push((row, app));
    }
    seen.has_more |= !is_all && seen.next.is_none();
    Ok(seen)
}

/// Every lane with rows that have a due time, and the earliest of each.
///
/// # Errors
/// What the store says.
pub fn walk(outbox: &impl Outbox) -> Result<Vec<(EndpointId, Millis)>, StoreError> {
    let mut lanes = Vec::new();
    let mut after = None;
    while let Some((endpoint, due)) = outbox.next_lane(after)? {
        lanes.push((endpoint, due));
        after = Some(endpoint);
    }
    Ok(lanes)
}
