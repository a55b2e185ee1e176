use super::*;
use crate::{
    domain::{AppId, AttemptNo, Endpoint, NotificationState, NotifyUrl, Protocol},
    notify::outbox::{Outbox, see, walk},
    store::StoreError,
};

mod a_week;
mod all_at_once;
mod held;
#[expect(unreachable_pub, reason = "a benchmark shares it")]
#[path = "../../../tests/bench/week.rs"]
mod week;

/// An outbox of notifications in memory.
#[derive(Clone, Default)]
struct Rows {
    rows: BTreeMap<(EndpointId, Millis, EventId), Notification>,
    parked: BTreeSet<EndpointId>,
}

impl Rows {
    /// `count` rows of lane `host`, due at `due`, `due + 1`, …
    fn with(mut self, host: &str, count: u64, due: u64) -> Self {
        for n in 0..count {
            self.put(row(host, &format!("{host}_{n}"), due + n));
        }
        self
    }

    fn put(&mut self, row: Notification) {
        self.rows.insert((row.endpoint(), row.due().unwrap(), row.id.clone()), row);
    }

    fn without(mut self, events: &[EventId]) -> Self {
        self.rows.retain(|(_, _, id), _| !events.contains(id));
        self
    }

    fn take(&mut self, event: &EventId) -> Notification {
        let key = self.rows.keys().find(|(.., id)| id == event).cloned().unwrap();
        self.rows.remove(&key).unwrap()
    }
}

impl Outbox for Rows {
    fn next_lane(&self, after: Option<EndpointId>) -> Result<Option<(EndpointId, Millis)>, StoreError> {
        let mut keys = self.rows.keys();
        Ok(keys.find(|(lane, ..)| after.is_none_or(|after| *lane > after)).map(|(lane, due, _)| (*lane, *due)))
    }

    fn upcoming(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<(Millis, EventId)>, StoreError> {
        let lane = self.rows.keys().filter(|(lane, ..)| *lane == endpoint);
        Ok(lane.map(|(_, due, id)| (*due, id.clone())).take(limit).collect())
    }

    fn endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        let parked = self
            .parked
            .contains(&id)
            .then_some(crate::domain::Parked { since: Millis(0), why: crate::domain::WhyParked::Gone });
        let row = row("a", "x", 0);
        Ok(Some(Endpoint { id, parked, ..Endpoint::of(&row.app, &row.url) }))
    }

    fn notification(&self, event: &EventId) -> Result<Option<Notification>, StoreError> {
        Ok(self.rows.values().find(|row| row.id == *event).cloned())
    }

    fn app(&self, _id: &AppId) -> Result<Option<App>, StoreError> {
        Ok(None)
    }
}

fn row(host: &str, id: &str, due: u64) -> Notification {
    Notification {
        trade: None,
        tries: 0,
        trigger: Default::default(),
        place: crate::domain::EventPlace(1),
        id: event(id),
        app: "app1".parse().unwrap(),
        url: NotifyUrl::checked(format!("https://{host}/")).unwrap(),
        protocol: Protocol::StandardWebhooks,
        body: Vec::new(),
        created: Millis(0),
        attempts: AttemptNo(0),
        state: NotificationState::Due(Millis(due)),
        after: None,
        then: None,
    }
}

fn event(id: &str) -> EventId {
    EventId::parse(id).unwrap()
}

fn lane(host: &str) -> EndpointId {
    row(host, "x", 0).endpoint()
}

fn rules(in_flight_max: usize, width_max: usize) -> LaneRules {
    let pace = PaceRules { per_second: 0, burst: 1 };
    LaneRules { in_flight_max, width_max, breaker: BreakerRules::default(), pace }
}

fn lanes(in_flight_max: usize, width_max: usize) -> Lanes {
    Lanes::new(rules(in_flight_max, width_max))
}

/// Starts all that may start.
fn turn(lanes: &mut Lanes, rows: &Rows, now: u64) -> Vec<Start> {
    let mut starts = Vec::new();
    loop {
        let wants = lanes.plan(Millis(now));
        if wants.is_empty() {
            return starts;
        }
        starts.extend(lanes.start(see(rows, &wants, Millis(now)).unwrap(), Millis(now)));
    }
}

/// Walks, and says what was started, by id.
fn look(lanes: &mut Lanes, rows: &Rows, now: u64) -> Vec<String> {
    lanes.walked(&walk(rows).unwrap(), Millis(now));
    turn(lanes, rows, now).iter().map(|start| start.row.id.to_string()).collect()
}

#[test]
fn a_lane_sends_its_oldest_rows_up_to_its_width_and_none_twice() {
    let rows = Rows::default().with("a", 20, 100);
    let mut lanes = lanes(256, 8);
    assert_eq!(look(&mut lanes, &rows, 99), [""; 0]);
    assert_eq!(lanes.wake(), Some(Millis(100)));
    assert_eq!(look(&mut lanes, &rows, 102), ["a_0", "a_1", "a_2"]);
    assert_eq!(look(&mut lanes, &rows, 102), [""; 0], "on their way");
    assert_eq!(look(&mut lanes, &rows, 500), ["a_3", "a_4", "a_5", "a_6", "a_7"]);
    assert_eq!(look(&mut lanes, &rows, 500), [""; 0], "the lane is full");
    lanes.end(lane("a"), &event("a_4"), Sign::Accepted, Millis(500));
    lanes.end(lane("a"), &event("a_4"), Sign::Accepted, Millis(500));
    let rows = rows.without(&[event("a_4")]);
    let started: Vec<EventId> = turn(&mut lanes, &rows, 500).into_iter().map(|start| start.row.id).collect();
    assert_eq!(started, [event("a_8")], "the end of one lets the next one go, without news");
    assert_eq!(lanes.in_flight(), 8);
}

#[test]
fn a_failure_narrows_the_lane_and_successes_widen_it() {
    let mut rows = Rows::default().with("a", 200, 0);
    let mut lanes = lanes(256, 8);
    let first = look(&mut lanes, &rows, 1000);
    assert_eq!(first.len(), 8);
    for id in first {
        lanes.end(lane("a"), &event(&id), Sign::Failed, Millis(1000));
        rows.take(&event(&id));
    }
    let mut widths = Vec::new();
    for _ in 0..5 {
        let started = turn(&mut lanes, &rows, 1000);
        widths.push(started.len());
        for (at, start) in started.into_iter().enumerate() {
            rows.take(&start.row.id);
            // Only one of them is a success: the others say nothing.
            lanes.end(lane("a"), &start.row.id, if at == 0 { Sign::Accepted } else { Sign::Nothing }, Millis(1000));
        }
    }
    assert_eq!(widths, [1, 2, 4, 8, 8]);
}

#[test]
fn a_lane_with_nothing_to_do_leaves_nothing_behind() {
    let rows = Rows::default().with("a", 2, 0).with("b", 1, 9_000);
    let mut lanes = lanes(256, 8);
    look(&mut lanes, &rows, 1000);
    assert_eq!(lanes.len(), 2);
    for id in ["a_0", "a_1"] {
        lanes.end(lane("a"), &event(id), Sign::Accepted, Millis(1000));
    }
    let rows = rows.without(&[event("a_0"), event("a_1")]);
    look(&mut lanes, &rows, 1000);
    look(&mut lanes, &rows, 1001);
    assert_eq!(lanes.len(), 1, "b has something to come");
    let gone: Vec<_> = lanes.take_changed().into_iter().filter(|(endpoint, _)| *endpoint == lane("a")).collect();
    assert_eq!(gone, [(lane("a"), None)], "and the board is told");
}

#[test]
fn lanes_share_the_total_in_turn() {
    let hosts = ["a", "b", "c", "d", "e"];
    let rows = hosts.iter().fold(Rows::default(), |rows, host| rows.with(host, 50, 0));
    let mut lanes = lanes(10, 4);
    let mut served: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..30 {
        lanes.news(hosts.map(lane));
        let started = turn(&mut lanes, &rows, 1000);
        assert!(lanes.in_flight() <= 10 && started.len() >= 5);
        for start in started {
            *served.entry(start.row.id.as_str()[..1].to_owned()).or_default() += 1;
            lanes.end(start.endpoint, &start.row.id, Sign::Accepted, Millis(1000));
        }
        assert_eq!(lanes.in_flight(), 0);
    }
    let total: u32 = served.values().sum();
    assert!(served.len() == 5 && served.values().all(|count| count * 5 > total * 7 / 10), "{served:?}");
}

#[test]
fn the_second_half_is_for_lanes_that_have_nothing_on_their_way() {
    let slow = ["a", "b", "c", "d", "e", "f"];
    let rows = slow.iter().fold(Rows::default(), |rows, host| rows.with(host, 50, 0));
    let mut lanes = lanes(20, 8);
    assert_eq!(look(&mut lanes, &rows, 1000).len(), 14, "8 and 2, and one each of the four others");
    let rows = rows.with("quick", 3, 0);
    assert_eq!(look(&mut lanes, &rows, 1000), ["quick_0"], "a place is left for whoever has none");
    lanes.end(lane("quick"), &event("quick_0"), Sign::Accepted, Millis(1000));
    let rows = rows.without(&[event("quick_0")]);
    assert_eq!(look(&mut lanes, &rows, 1000), ["quick_1"]);
    assert_eq!(lanes.in_flight(), 15);
}

#[test]
fn versions_of_a_deposit_are_never_on_their_way_together_whatever_lane_they_are_in() {
    let mut rows = Rows::default();
    for (host, id, due) in [
        ("a", "dep_x_detected", 1),
        ("a", "dep_x_3", 2),
        ("a", "dep_x_1", 3),
        ("a", "dep_y_1", 4),
        ("b", "dep_x_5", 5),
        ("b", "dep_z_1", 6),
    ] {
        rows.put(row(host, id, due));
    }
    let mut lanes = lanes(256, 8);
    let mut started = look(&mut lanes, &rows, 1000);
    started.sort();
    assert!(started.len() == 3 && started.contains(&"dep_y_1".to_owned()) && started.contains(&"dep_z_1".to_owned()));
    let mut order = Vec::new();
    let mut now = 1000;
    while let Some(at) = started.iter().position(|id| id.starts_with("dep_x")) {
        let id = event(&started.remove(at));
        let row = rows.take(&id);
        lanes.end(row.endpoint(), &id, Sign::Accepted, Millis(now));
        order.push(id.to_string());
        now += 1000;
        started.extend(turn(&mut lanes, &rows, now).iter().map(|start| start.row.id.to_string()));
        let flying = started.iter().filter(|id| id.starts_with("dep_x")).count();
        assert!(flying <= 1, "{started:?}");
    }
    assert_eq!(order.len(), 4, "all had their turn: {order:?}");
    let of_a: Vec<&String> = order.iter().filter(|id| *id != "dep_x_5").collect();
    assert_eq!(of_a, ["dep_x_detected", "dep_x_3", "dep_x_1"], "oldest due first");
}

#[test]
fn a_parked_lane_is_sent_nothing_and_then_goes_on_with_care() {
    let mut rows = Rows::default().with("a", 20, 0);
    rows.parked.insert(lane("a"));
    let mut lanes = lanes(256, 8);
    assert_eq!(look(&mut lanes, &rows, 1000), [""; 0]);
    assert_eq!(lanes.wake(), None);
    rows.parked.clear();
    lanes.news([lane("a")]);
    assert_eq!(turn(&mut lanes, &rows, 1001).len(), 1, "one after another to begin with");
}

#[test]
fn a_failing_lane_rests_tries_one_and_closes() {
    let mut rows = Rows::default().with("a", 100, 0);
    let mut lanes = lanes(256, 8);
    let mut now = 1000;
    let (mut tries, mut turns) = (Vec::new(), Vec::new());
    look(&mut lanes, &rows, now);
    let mut flying: Vec<EventId> = lanes.lanes[&lane("a")].in_flight.iter().cloned().collect();
    for _ in 0..16 {
        for id in std::mem::take(&mut flying) {
            let row = rows.take(&id);
            rows.put(Notification { state: NotificationState::Due(Millis(now + 500)), ..row });
            turns.extend(lanes.end(lane("a"), &id, Sign::Failed, Millis(now)));
        }
        let mut starts = turn(&mut lanes, &rows, now);
        if starts.is_empty() {
            let wake = lanes.wake().unwrap().0;
            assert_eq!(turn(&mut lanes, &rows, wake - 1), [], "never brought forward");
            lanes.news([lane("a")]);
            assert_eq!(turn(&mut lanes, &rows, wake - 1), [], "nor by news");
            tries.push(wake - now);
            now = wake;
            starts = turn(&mut lanes, &rows, now);
            assert!(starts.len() == 1 && starts[0].is_probe, "{starts:?}");
        }
        flying = starts.into_iter().map(|start| start.row.id).collect();
    }
    assert_eq!(tries[..7], [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
    assert_eq!((turns, lanes.resting()), (vec![Turn::Opened], 1));
    let status = lanes.take_changed().into_iter().find(|(endpoint, _)| *endpoint == lane("a")).unwrap().1.unwrap();
    assert!(status.in_flight == 1 && status.resting_until.is_some());
    rows.take(&flying[0]);
    assert_eq!(lanes.end(lane("a"), &flying[0], Sign::Accepted, Millis(now)), Some(Turn::Closed));
    assert_eq!((turn(&mut lanes, &rows, now + 600).len(), lanes.resting()), (2, 0));
}

#[test]
fn whoever_lets_a_resting_lane_go_on_does_not_wait_for_its_rest() {
    let mut rows = Rows::default().with("a", 100, 0);
    let mut lanes = lanes(256, 8);
    look(&mut lanes, &rows, 1000);
    while lanes.resting() == 0 {
        let flying: Vec<EventId> = lanes.lanes[&lane("a")].in_flight.iter().cloned().collect();
        for id in &flying {
            lanes.end(lane("a"), id, Sign::Failed, Millis(1000));
        }
        turn(&mut lanes, &rows, 1000);
    }
    rows.parked.insert(lane("a"));
    lanes.news([lane("a")]);
    assert_eq!(turn(&mut lanes, &rows, 1001).len(), 0);
    assert_eq!(lanes.resting(), 0, "parked, not resting");
    rows.parked.clear();
    lanes.news([lane("a")]);
    assert_eq!(turn(&mut lanes, &rows, 1002).len(), 1);
}

#[test]
fn a_lane_keeps_its_pace() {
    let rows = Rows::default().with("a", 200, 0).with("b", 1, 0);
    let pace = PaceRules { per_second: 10, burst: 5 };
    let mut lanes = Lanes::new(LaneRules { pace, ..rules(256, 64) });
    assert_eq!(look(&mut lanes, &rows, 1000).len(), 6);
    assert_eq!(turn(&mut lanes, &rows, 1099).len(), 0);
    assert_eq!(lanes.wake(), Some(Millis(1100)));
    assert_eq!(turn(&mut lanes, &rows, 1100).len(), 1);
    assert_eq!(look(&mut lanes, &rows, 1300).len(), 2);
}

#[test]
fn the_next_due_time_is_the_earliest_over_all_lanes() {
    let rows = Rows::default().with("a", 1, 700).with("b", 2, 500).with("c", 1, 10);
    let mut lanes = lanes(256, 8);
    for _ in 0..3 {
        look(&mut lanes, &rows, 100);
        assert_eq!(lanes.wake(), Some(Millis(500)));
    }
}

#[test]
fn a_row_that_is_no_longer_due_is_left_alone() {
    let mut rows = Rows::default().with("a", 2, 0);
    let first = rows.rows.values_mut().next().unwrap();
    first.state = NotificationState::Delivered(Millis(1));
    let mut lanes = lanes(256, 8);
    assert_eq!(look(&mut lanes, &rows, 100), ["a_1"]);
    assert_eq!(lanes.in_flight(), 1);
}

#[test]
fn what_a_wrong_clock_put_off_for_years_goes_out_now() {
    let (day, year) = (86_400_000, 365 * 86_400_000);
    let rows = Rows::default().with("a", 1, day + 2 * day).with("b", 1, day + 10 * year);
    let mut lanes = lanes(9, 9);
    assert_eq!(look(&mut lanes, &rows, day), ["b_0"]);
}
