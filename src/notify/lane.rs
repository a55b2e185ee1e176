//! Which rows to start: decided here, without IO but reads, from what is due and what is on its way.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{App, AppId, EventId, Millis, Notification, notification::EndpointId},
    store::{Reader, StoreError},
};

/// No schedule makes a row wait longer, in milliseconds: 24 hours, twice that on the receiver's wish, and jitter. What is
/// due later was written under a clock that was wrong, and would wait for it for years.
const WAIT_MS_MAX: u64 = 72 * 60 * 60 * 1000;

/// What the notifier reads: the store's durable rows.
pub trait Outbox: Clone + Send + 'static {
    /// The next lane above `after` that has due-dated rows, and its earliest due time.
    fn next_lane(&self, after: Option<EndpointId>) -> Result<Option<(EndpointId, Millis)>, StoreError>;
    /// Events of a lane due at `now` or before, oldest due first, at most `limit`.
    fn due(&self, endpoint: EndpointId, now: Millis, limit: usize) -> Result<Vec<EventId>, StoreError>;
    /// One row.
    fn notification(&self, event: &EventId) -> Result<Option<Notification>, StoreError>;
    /// Its app, for keys and hosts.
    fn app(&self, id: &AppId) -> Result<Option<App>, StoreError>;
}

impl Outbox for Reader {
    fn next_lane(&self, after: Option<EndpointId>) -> Result<Option<(EndpointId, Millis)>, StoreError> {
        Self::next_lane(self, after)
    }

    fn due(&self, endpoint: EndpointId, now: Millis, limit: usize) -> Result<Vec<EventId>, StoreError> {
        Self::due(self, endpoint, now, limit)
    }

    fn notification(&self, event: &EventId) -> Result<Option<Notification>, StoreError> {
        Self::notification(self, event)
    }

    fn app(&self, id: &AppId) -> Result<Option<App>, StoreError> {
        Self::app(self, id)
    }
}

/// One endpoint's POSTs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lane {
    in_flight: BTreeSet<EventId>,
    /// How many may be on their way now: all after successes, one after a failure, then 2, 4, 8.
    width: usize,
}

/// What is on its way, per endpoint. An event is in here from before its POST until the writer has recorded it, so no
/// event is ever sent twice at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes {
    lanes: BTreeMap<EndpointId, Lane>,
    in_flight: usize,
    in_flight_max: usize,
    width_max: usize,
    /// The lane served last: the next look begins behind it, so that low ids do not starve high ones.
    served: Option<EndpointId>,
}

/// What a look at the outbox found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows to post now, with their lanes and apps.
    pub start: Vec<(EndpointId, Notification, Option<App>)>,
    /// When the next row becomes due, if any waits for its time.
    pub next_due: Option<Millis>,
}

impl Lanes {
    /// Nothing on its way; at most `in_flight_max` in all and `width_max` per endpoint, both at least 1.
    pub fn new(in_flight_max: usize, width_max: usize) -> Self {
        Self {
            lanes: BTreeMap::new(),
            in_flight: 0,
            in_flight_max: in_flight_max.max(1),
            width_max: width_max.max(1),
            served: None,
        }
    }

    /// How many are on their way in all.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many more may start for `endpoint`.
    pub fn room(&self, endpoint: EndpointId) -> usize {
        let lane = self.lanes.get(&endpoint);
        let width = lane.map_or(self.width_max, |lane| lane.width);
        let busy = lane.map_or(0, |lane| lane.in_flight.len());
        width.saturating_sub(busy).min(self.in_flight_max.saturating_sub(self.in_flight))
    }

    /// Takes from `due` what may start now, oldest first, and counts it as on its way.
    pub fn begin(&mut self, endpoint: EndpointId, due: Vec<EventId>) -> Vec<EventId> {
        let room = self.room(endpoint);
        let lane = self.lanes.get(&endpoint);
        let fresh = due.into_iter().filter(|event| lane.is_none_or(|lane| !lane.in_flight.contains(event)));
        let started: Vec<EventId> = fresh.take(room).collect();
        if !started.is_empty() {
            let width = self.width_max;
            let lane = self.lanes.entry(endpoint).or_insert_with(|| Lane { in_flight: BTreeSet::new(), width });
            lane.in_flight.extend(started.iter().cloned());
            self.in_flight = self.lanes.values().map(|lane| lane.in_flight.len()).sum();
            self.served = Some(endpoint);
        }
        started
    }

    /// `event` is recorded, `accepted` or not. A failure narrows the lane to one; each success after it doubles it.
    pub fn end(&mut self, endpoint: EndpointId, event: &EventId, accepted: bool) {
        let Some(lane) = self.lanes.get_mut(&endpoint) else { return };
        if lane.in_flight.remove(event) {
            self.in_flight -= 1;
        }
        lane.width = if accepted { lane.width.saturating_mul(2).min(self.width_max) } else { 1 };
        if lane.in_flight.is_empty() && lane.width == self.width_max {
            self.lanes.remove(&endpoint);
        }
    }

    /// Looks through the outbox, every lane once, beginning behind the one served last.
    ///
    /// # Errors
    /// What the store says.
    pub fn look(&mut self, outbox: &impl Outbox, now: Millis) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let first = self.served;
        let mut at = first;
        let mut wrapped = first.is_none();
        loop {
            let Some((endpoint, due)) = outbox.next_lane(at)? else {
                if wrapped {
                    break;
                }
                (wrapped, at) = (true, None);
                continue;
            };
            let past_the_start = first.is_some_and(|first| endpoint > first);
            if wrapped && past_the_start {
                break;
            }
            at = Some(endpoint);
            if due.since(now) > WAIT_MS_MAX {
                self.serve(outbox, endpoint, due, &mut found)?;
            } else if due > now {
                found.next_due = Some(found.next_due.map_or(due, |earlier| earlier.min(due)));
            } else {
                self.serve(outbox, endpoint, now, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Starts what a lane with due rows may start.
    fn serve(
        &mut self,
        outbox: &impl Outbox,
        endpoint: EndpointId,
        now: Millis,
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let room = self.room(endpoint);
        if room == 0 {
            return Ok(());
        }
        // Rows on their way are still due in the store until they are recorded.
        let busy = self.lanes.get(&endpoint).map_or(0, |lane| lane.in_flight.len());
        let due = outbox.due(endpoint, now, room.saturating_add(busy))?;
        for event in self.begin(endpoint, due) {
            match outbox.notification(&event)? {
                Some(row) if row.due().is_some_and(|due| due <= now) => {
                    let app = outbox.app(&row.app)?;
                    found.start.push((endpoint, row, app));
                }
                // The index was read just before the row, and a person's command came between.
                Some(_) | None => self.abandon(endpoint, &event),
            }
        }
        Ok(())
    }

    /// `event` will not be posted after all.
    fn abandon(&mut self, endpoint: EndpointId, event: &EventId) {
        if let Some(lane) = self.lanes.get_mut(&endpoint)
            && lane.in_flight.remove(event)
        {
            self.in_flight -= 1;
            if lane.in_flight.is_empty() && lane.width == self.width_max {
                self.lanes.remove(&endpoint);
            }
        }
    }
}

#[cfg(test)]
mod tests;
