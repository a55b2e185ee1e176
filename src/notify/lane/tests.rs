use super::*;
use crate::domain::{AttemptNo, NotificationState, NotifyUrl, Protocol};

/// An outbox of notifications in memory.
#[derive(Clone, Default)]
struct Rows(BTreeMap<(EndpointId, Millis, EventId), Notification>);

impl Rows {
    /// `count` rows of lane `host`, due at `due`, `due + 1`, …
    fn with(mut self, host: &str, count: u64, due: u64) -> Self {
        for n in 0..count {
            let row = row(host, &format!("{host}_{n}"), due + n);
            self.0.insert((row.endpoint(), Millis(due + n), row.id.clone()), row);
        }
        self
    }

    fn without(mut self, events: &[EventId]) -> Self {
        self.0.retain(|(_, _, id), _| !events.contains(id));
        self
    }
}

impl Outbox for Rows {
    fn next_lane(&self, after: Option<EndpointId>) -> Result<Option<(EndpointId, Millis)>, StoreError> {
        Ok(self.0.keys().find(|(lane, ..)| after.is_none_or(|after| *lane > after)).map(|(lane, due, _)| (*lane, *due)))
    }

    fn due(&self, endpoint: EndpointId, now: Millis, limit: usize) -> Result<Vec<EventId>, StoreError> {
        let due = self.0.keys().filter(|(lane, due, _)| *lane == endpoint && *due <= now);
        Ok(due.map(|(.., id)| id.clone()).take(limit).collect())
    }

    fn notification(&self, event: &EventId) -> Result<Option<Notification>, StoreError> {
        Ok(self.0.values().find(|row| row.id == *event).cloned())
    }

    fn app(&self, _id: &AppId) -> Result<Option<App>, StoreError> {
        Ok(None)
    }
}

fn row(host: &str, id: &str, due: u64) -> Notification {
    Notification {
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

/// Looks and says what was started, by id.
fn look(lanes: &mut Lanes, rows: &Rows, now: u64) -> Vec<String> {
    let found = lanes.look(rows, Millis(now)).unwrap();
    found.start.iter().map(|(_, row, _)| row.id.to_string()).collect()
}

#[test]
fn a_lane_sends_its_oldest_rows_up_to_its_width_and_none_twice() {
    let rows = Rows::default().with("a", 20, 100);
    let mut lanes = Lanes::new(256, 8);
    assert_eq!(look(&mut lanes, &rows, 99), [""; 0]);
    assert_eq!(look(&mut lanes, &rows, 102), ["a_0", "a_1", "a_2"]);
    assert_eq!(look(&mut lanes, &rows, 102), [""; 0], "on their way");
    assert_eq!(look(&mut lanes, &rows, 500), ["a_3", "a_4", "a_5", "a_6", "a_7"]);
    assert_eq!(look(&mut lanes, &rows, 500), [""; 0], "the lane is full");
    lanes.end(lane("a"), &event("a_4"), true);
    let rows = rows.without(&[event("a_4")]);
    assert_eq!(look(&mut lanes, &rows, 500), ["a_8"]);
    assert_eq!(lanes.in_flight(), 8);
}

#[test]
fn a_failure_narrows_the_lane_and_successes_widen_it() {
    let rows = Rows::default().with("a", 200, 0);
    let mut lanes = Lanes::new(256, 8);
    assert_eq!(look(&mut lanes, &rows, 1000).len(), 8);
    for n in 0..8 {
        lanes.end(lane("a"), &event(&format!("a_{n}")), false);
    }
    let mut widths = Vec::new();
    let mut done: Vec<EventId> = (0..8).map(|n| event(&format!("a_{n}"))).collect();
    for _ in 0..5 {
        let started = look(&mut lanes, &rows.clone().without(&done), 1000);
        widths.push(started.len());
        let Some((first, rest)) = started.split_first() else { panic!("nothing started") };
        // Only one success is reported before the rest leave as they came.
        lanes.end(lane("a"), &event(first), true);
        rest.iter().for_each(|id| lanes.abandon(lane("a"), &event(id)));
        done.extend(started.iter().map(|id| event(id)));
    }
    assert_eq!(widths, [1, 2, 4, 8, 8]);
    assert_eq!(lanes, Lanes { served: Some(lane("a")), ..Lanes::new(256, 8) }, "an idle lane leaves nothing behind");
}

#[test]
fn lanes_share_the_total_in_turn() {
    let hosts = ["a", "b", "c", "d", "e"];
    let rows = hosts.iter().fold(Rows::default(), |rows, host| rows.with(host, 50, 0));
    let mut lanes = Lanes::new(10, 4);
    let mut served: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..15 {
        let found = lanes.look(&rows, Millis(1000)).unwrap();
        assert!(lanes.in_flight() <= 10);
        for (lane, row, _) in &found.start {
            *served.entry(row.id.as_str()[..1].to_owned()).or_default() += 1;
            lanes.end(*lane, &row.id, true);
        }
        assert_eq!(lanes.in_flight(), 0);
    }
    assert_eq!(served.values().sum::<u32>(), 150, "the total is used up each time");
    assert!(served.len() == 5 && served.values().all(|count| (24..=36).contains(count)), "{served:?}");
}

#[test]
fn a_slow_lane_does_not_delay_the_others() {
    let rows = Rows::default().with("slow", 100, 0).with("quick", 1, 0);
    let mut lanes = Lanes::new(256, 8);
    assert_eq!(look(&mut lanes, &rows, 1000).len(), 9);
    let rows = rows.without(&[event("quick_0")]);
    lanes.end(lane("quick"), &event("quick_0"), true);
    let rows = rows.with("quick", 3, 50);
    assert_eq!(look(&mut lanes, &rows, 1000), ["quick_0", "quick_1", "quick_2"]);
}

#[test]
fn the_next_due_time_is_the_earliest_over_all_lanes() {
    let rows = Rows::default().with("a", 1, 700).with("b", 2, 500).with("c", 1, 10);
    let mut lanes = Lanes::new(256, 8);
    for _ in 0..3 {
        assert_eq!(lanes.look(&rows, Millis(100)).unwrap().next_due, Some(Millis(500)), "wherever the look begins");
    }
    assert_eq!(Lanes::new(1, 1).look(&Rows::default(), Millis(100)).unwrap(), Found::default());
}

#[test]
fn a_row_that_is_no_longer_due_is_left_alone() {
    let mut rows = Rows::default().with("a", 2, 0);
    let first = rows.0.values_mut().next().unwrap();
    first.state = NotificationState::Delivered(Millis(1));
    let mut lanes = Lanes::new(256, 8);
    assert_eq!(look(&mut lanes, &rows, 100), ["a_1"]);
    assert_eq!(lanes.in_flight(), 1);
}

#[test]
fn what_a_wrong_clock_put_off_for_years_goes_out_now() {
    let (day, year) = (86_400_000, 365 * 86_400_000);
    let rows = Rows::default().with("a", 1, day + 2 * day).with("b", 1, day + 10 * year);
    let mut lanes = Lanes::new(9, 9);
    assert_eq!(look(&mut lanes, &rows, day), ["b_0"]);
}
