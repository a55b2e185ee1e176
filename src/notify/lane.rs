//! Which lanes are looked at, and what of them starts: decided here, without IO and without a clock.
//!
//! A lane is in memory while it has something on its way, something to come, or a past: never a row, so a million rows
//! that wait cost nothing. Three things make a lane be looked at: news of it, the time its next row becomes due, and the
//! end of an attempt while more was due. A walk over all lanes makes up for whatever was missed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::outbox::{Seen, Want, is_due, subject};
use crate::{
    delivery::{
        breaker::{Breaker, BreakerRules, Gate, Sign, Turn},
        pace::{Pace, PaceRules},
    },
    domain::{App, EndpointId, EventId, LaneStatus, Millis, Notification},
};

/// A lane waits so long, in milliseconds, before it is looked at again, if the deposit it comes to is on its way in another
/// lane.
const ELSEWHERE_MS: u64 = 1000;

/// What lanes keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneRules {
    /// Attempts on their way at once in all; at least 1. The second half of them is for lanes that have none, and the last
    /// quarter for those of them whose last attempt did not fail: receivers that hang cannot hold every place.
    pub in_flight_max: usize,
    /// Attempts on their way at once in one lane; at least 1.
    pub width_max: usize,
    /// When a lane rests.
    pub breaker: BreakerRules,
    /// How fast it goes.
    pub pace: PaceRules,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lane {
    in_flight: BTreeSet<EventId>,
    /// How many may be on their way now: all to begin with, one after a failure, then 2, 4, 8.
    width: usize,
    breaker: Breaker,
    pace: Pace,
    /// When it is to be looked at.
    at: Option<Millis>,
    /// Whether it stands in the queue.
    is_queued: bool,
    /// Whether more was due than could start.
    has_more: bool,
    /// Whether it has been looked at.
    is_known: bool,
}

/// An attempt to make now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its lane.
    pub endpoint: EndpointId,
    /// What is sent.
    pub row: Notification,
    /// Whose it is.
    pub app: Option<App>,
    /// Whether it is the one that tries out a lane that rested.
    pub is_probe: bool,
}

/// All lanes. An event is on its way from before its attempt until the writer has recorded it, so none is ever sent twice
/// at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes {
    rules: LaneRules,
    lanes: BTreeMap<EndpointId, Lane>,
    /// Lanes to look at, each once, in turn.
    queue: VecDeque<EndpointId>,
    /// The `at` of every lane that has one.
    timers: BTreeSet<(Millis, EndpointId)>,
    /// What is on its way, over all lanes.
    subjects: BTreeSet<String>,
    in_flight: usize,
    resting: usize,
    /// Lanes whose status may have changed.
    changed: BTreeSet<EndpointId>,
}

impl Lanes {
    /// No lanes yet.
    pub fn new(rules: LaneRules) -> Self {
        let (in_flight_max, width_max) = (rules.in_flight_max.max(1), rules.width_max.max(1));
        Self {
            rules: LaneRules { in_flight_max, width_max, ..rules },
            lanes: BTreeMap::new(),
            queue: VecDeque::new(),
            timers: BTreeSet::new(),
            subjects: BTreeSet::new(),
            in_flight: 0,
            resting: 0,
            changed: BTreeSet::new(),
        }
    }

    /// How many attempts are on their way in all.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many lanes rest, or are being tried out after a rest.
    pub fn resting(&self) -> usize {
        self.resting
    }

    /// How many lanes are in memory.
    pub fn len(&self) -> usize {
        self.lanes.len()
    }

    /// Whether no lane is in memory.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// When the next lane is to be looked at without further news; `None`: there is none.
    pub fn wake(&self) -> Option<Millis> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Lanes that may have changed since the last time this was asked, each as it is now.
    pub fn take_changed(&mut self) -> Vec<(EndpointId, Option<LaneStatus>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|endpoint| (endpoint, self.status(endpoint))).collect()
    }

    fn status(&self, endpoint: EndpointId) -> Option<LaneStatus> {
        let lane = self.lanes.get(&endpoint)?;
        let in_flight = u32::try_from(lane.in_flight.len()).unwrap_or(u32::MAX);
        let resting_until = lane.breaker.resting_until();
        (in_flight > 0 || resting_until.is_some()).then_some(LaneStatus { in_flight, resting_until })
    }

    /// These lanes are not what they were.
    pub fn news(&mut self, endpoints: impl IntoIterator<Item = EndpointId>) {
        for endpoint in endpoints {
            self.queue(endpoint);
        }
    }

    /// Every lane that has rows with a due time, and the earliest of each: what the store says at `now`. Lanes that have
    /// nothing are forgotten.
    pub fn walked(&mut self, all: &[(EndpointId, Millis)], now: Millis) {
        for (endpoint, due) in all {
            if is_due(*due, now) {
                self.queue(*endpoint);
            } else {
                self.lane(*endpoint);
                self.look_at(*endpoint, Some(*due));
            }
        }
        let rules = self.rules.pace;
        let idle: Vec<EndpointId> =
            self.lanes.iter().filter(|(_, lane)| lane.is_idle(&rules, now)).map(|(endpoint, _)| *endpoint).collect();
        for endpoint in idle {
            let is_closed = self.lanes.remove(&endpoint).is_none_or(|lane| lane.breaker.is_closed());
            self.note_rest(is_closed, true);
            self.changed.insert(endpoint);
        }
    }

    /// The lanes to look at now, each with how much of it may start. The answers go into [`Lanes::start`] before this is
    /// asked again.
    pub fn plan(&mut self, now: Millis) -> Vec<Want> {
        while let Some((at, endpoint)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, endpoint));
            self.queue(endpoint);
        }
        let (mut wants, mut busy, mut later) = (Vec::new(), self.in_flight, Vec::new());
        for _ in 0..self.queue.len() {
            if busy >= self.rules.in_flight_max {
                break;
            }
            let Some(endpoint) = self.queue.pop_front() else { break };
            match self.room(endpoint, busy, now) {
                Room::Rows(room) => {
                    let Some(lane) = self.lanes.get_mut(&endpoint) else { continue };
                    lane.is_queued = false;
                    let held = lane.in_flight.iter().map(|event| subject(event).to_owned()).collect();
                    wants.push(Want { endpoint, room, held });
                    busy += room;
                }
                Room::NoPlace => later.push(endpoint),
                Room::UntilEnd => {
                    if let Some(lane) = self.lanes.get_mut(&endpoint) {
                        (lane.is_queued, lane.has_more) = (false, true);
                    }
                }
                Room::Until(at) => self.put_off(endpoint, at),
                Room::Rests(until) => {
                    self.put_off(endpoint, until);
                    wants.push(Want { endpoint, room: 0, held: BTreeSet::new() });
                }
            }
        }
        // They were passed over for want of a place: first in turn for the next one.
        later.into_iter().rev().for_each(|endpoint| self.queue.push_front(endpoint));
        wants
    }

    /// How much of a lane may start while `busy` attempts are on their way or promised.
    fn room(&self, endpoint: EndpointId, busy: usize, now: Millis) -> Room {
        let Some(lane) = self.lanes.get(&endpoint) else { return Room::UntilEnd };
        let own = lane.in_flight.len();
        let width = match lane.breaker.gate(now) {
            Gate::Free => lane.width,
            Gate::Probe => 1,
            Gate::Rest(until) => return Room::Rests(until),
        };
        let room = width.saturating_sub(own);
        if room == 0 {
            return Room::UntilEnd;
        }
        let room = room.min(lane.pace.room(&self.rules.pace, now));
        if room == 0 {
            return Room::Until(lane.pace.next(&self.rules.pace, now));
        }
        let most = self.rules.in_flight_max;
        let first_half = most.div_ceil(2).saturating_sub(busy);
        let is_last_quarter = busy >= most - most / 4;
        match (first_half, own) {
            (0, 0) if is_last_quarter && lane.breaker.is_failing() => Room::NoPlace,
            (0, 0) => Room::Rows(1),
            (0, _) => Room::NoPlace,
            (places, _) => Room::Rows(room.min(places)),
        }
    }

    /// Starts what was found in the lanes of the last [`Lanes::plan`], and counts it as on its way.
    pub fn start(&mut self, seen: Vec<Seen>, now: Millis) -> Vec<Start> {
        let mut starts = Vec::new();
        for seen in seen {
            self.start_lane(seen, now, &mut starts);
        }
        starts
    }

    fn start_lane(&mut self, seen: Seen, now: Millis, starts: &mut Vec<Start>) {
        let (endpoint, pace) = (seen.endpoint, self.rules.pace);
        let was_closed = self.lane(endpoint).breaker.is_closed();
        let mut taken = std::mem::take(&mut self.subjects);
        let lane = self.lane(endpoint);
        let is_new = !std::mem::replace(&mut lane.is_known, true);
        if seen.is_parked {
            // Whoever lets it go on wants to see it tried, with care.
            (lane.breaker, lane.width) = (Breaker::default(), 1);
        } else if is_new && seen.is_failing {
            lane.width = 1;
        }
        // A lane that was narrowed just now takes less than it was promised.
        let room = lane.width.saturating_sub(lane.in_flight.len());
        let mut has_more = seen.has_more;
        let (mut next, mut started) = (seen.next, 0);
        for (row, app) in seen.rows {
            if started == room {
                has_more = true;
                break;
            }
            if !taken.insert(subject(&row.id).to_owned()) {
                next = Some(next.map_or(now.plus(ELSEWHERE_MS), |at| at.min(now.plus(ELSEWHERE_MS))));
                continue;
            }
            let is_probe = !lane.breaker.is_closed();
            lane.breaker.begun();
            lane.pace.take(&pace, now);
            lane.in_flight.insert(row.id.clone());
            started += 1;
            starts.push(Start { endpoint, row, app, is_probe });
        }
        if has_more && lane.in_flight.is_empty() {
            // What was due when the index was read is not any more.
            next = Some(now.plus(ELSEWHERE_MS));
        }
        lane.has_more = has_more;
        let is_closed = lane.breaker.is_closed();
        self.subjects = taken;
        self.in_flight += started;
        self.note_rest(was_closed, is_closed);
        self.changed.insert(endpoint);
        self.look_at(endpoint, next);
        if has_more && started > 0 {
            self.queue(endpoint);
        }
    }

    /// An attempt that said `sign` about its endpoint is recorded at `now`. Answers whether the endpoint begins or ends
    /// a rest.
    pub fn end(&mut self, endpoint: EndpointId, event: &EventId, sign: Sign, now: Millis) -> Option<Turn> {
        let rules = self.rules;
        let lane = self.lanes.get_mut(&endpoint)?;
        if !lane.in_flight.remove(event) {
            return None;
        }
        self.in_flight -= 1;
        self.subjects.remove(subject(event));
        let was_closed = lane.breaker.is_closed();
        match sign {
            Sign::Accepted => lane.width = lane.width.saturating_mul(2).min(rules.width_max),
            Sign::Failed => lane.width = 1,
            Sign::Answered | Sign::Nothing => (),
        }
        let turn = lane.breaker.ended(sign, &rules.breaker, now);
        let (is_closed, has_more) = (lane.breaker.is_closed(), lane.has_more);
        self.note_rest(was_closed, is_closed);
        self.changed.insert(endpoint);
        if has_more {
            self.queue(endpoint);
        }
        turn
    }

    /// Counts lanes that rest.
    fn note_rest(&mut self, was_closed: bool, is_closed: bool) {
        match (was_closed, is_closed) {
            (true, false) => self.resting += 1,
            (false, true) => self.resting = self.resting.saturating_sub(1),
            (true, true) | (false, false) => (),
        }
    }

    fn lane(&mut self, endpoint: EndpointId) -> &mut Lane {
        let width = self.rules.width_max;
        self.lanes.entry(endpoint).or_insert_with(|| Lane {
            in_flight: BTreeSet::new(),
            width,
            breaker: Breaker::default(),
            pace: Pace::default(),
            at: None,
            is_queued: false,
            has_more: false,
            is_known: false,
        })
    }

    /// Has a lane looked at in its turn, instead of at its time.
    fn queue(&mut self, endpoint: EndpointId) {
        self.look_at(endpoint, None);
        let lane = self.lane(endpoint);
        if !std::mem::replace(&mut lane.is_queued, true) {
            self.queue.push_back(endpoint);
        }
    }

    /// Takes a lane out of the queue until `at`.
    fn put_off(&mut self, endpoint: EndpointId, at: Millis) {
        self.lane(endpoint).is_queued = false;
        self.look_at(endpoint, Some(at));
    }

    fn look_at(&mut self, endpoint: EndpointId, at: Option<Millis>) {
        let lane = self.lane(endpoint);
        let before = std::mem::replace(&mut lane.at, at);
        if let Some(before) = before {
            self.timers.remove(&(before, endpoint));
        }
        if let Some(at) = at {
            self.timers.insert((at, endpoint));
        }
    }
}

/// How much of a lane may start.
enum Room {
    /// So many rows, at least one.
    Rows(usize),
    /// None before an attempt of another lane ends.
    NoPlace,
    /// None before one of its own ends.
    UntilEnd,
    /// None before this time.
    Until(Millis),
    /// None before this time, unless it is parked meanwhile: whoever lets it go on does not wait for the rest to end.
    Rests(Millis),
}

impl Lane {
    /// Whether there is nothing to do for it. That it failed is in the endpoint's row: if it is heard of again, it begins
    /// with one attempt.
    fn is_idle(&self, pace: &PaceRules, now: Millis) -> bool {
        self.in_flight.is_empty()
            && !self.is_queued
            && self.at.is_none()
            && !self.breaker.is_resting(now)
            && self.pace.is_full(pace, now)
    }
}

#[cfg(test)]
mod tests;
