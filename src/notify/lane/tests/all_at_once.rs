//! Lanes of every kind at once: receivers that are slow, down for a while or refuse, under tight limits.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
struct Receiver {
    /// How long an answer takes.
    latency: u64,
    /// Until when it answers nothing.
    down_until: u64,
    /// When its rows are due.
    due: Vec<u64>,
    /// How many versions each deposit has.
    versions: usize,
}

fn receiver() -> impl Strategy<Value = Receiver> {
    let down = prop_oneof![Just(0_u64), 0_u64..120_000];
    (1_u64..3_000, down, prop::collection::vec(0_u64..20_000, 1..25), 1_usize..4)
        .prop_map(|(latency, down_until, due, versions)| Receiver { latency, down_until, due, versions })
}

struct World {
    rows: Rows,
    lanes: Lanes,
    now: u64,
    /// By the time of the answer.
    flying: BTreeMap<(u64, EventId), EndpointId>,
    told: usize,
}

impl World {
    /// What starts is due, the oldest of its lane, and within the limits.
    fn check(&self, starts: &[Start], rules: &LaneRules) {
        let mut per_lane: BTreeMap<EndpointId, usize> = BTreeMap::new();
        let mut subjects = BTreeSet::new();
        for ((_, id), endpoint) in &self.flying {
            *per_lane.entry(*endpoint).or_default() += 1;
            assert!(subjects.insert(subject(id).to_owned()), "{id} beside another of its deposit");
        }
        assert!(self.flying.len() <= rules.in_flight_max, "{} on their way", self.flying.len());
        assert_eq!(self.lanes.in_flight(), self.flying.len());
        assert!(per_lane.values().all(|count| *count <= rules.width_max));
        for start in starts {
            let due = start.row.due().unwrap();
            assert!(due.0 <= self.now, "{} was brought forward", start.row.id);
            let passed_over = self
                .rows
                .rows
                .keys()
                .find(|(lane, at, id)| *lane == start.endpoint && *at < due && !subjects.contains(subject(id)));
            assert_eq!(passed_over, None, "{} went before it", start.row.id);
        }
    }

    fn answer(&mut self, receivers: &[(EndpointId, Receiver)]) {
        while let Some(((at, id), endpoint)) = self.flying.first_key_value().map(|(key, lane)| (key.clone(), *lane)) {
            if at > self.now {
                break;
            }
            self.flying.remove(&(at, id.clone()));
            let (_, receiver) = receivers.iter().find(|(lane, _)| *lane == endpoint).unwrap();
            let row = self.rows.take(&id);
            let sign = if self.now < receiver.down_until {
                self.rows.put(Notification { state: NotificationState::Due(Millis(self.now + 700)), ..row });
                self.lanes.news([endpoint]);
                Sign::Failed
            } else {
                self.told += 1;
                Sign::Accepted
            };
            self.lanes.end(endpoint, &id, sign, Millis(self.now));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn nothing_is_lost_early_twice_or_too_much_at_once(
        receivers in prop::collection::vec(receiver(), 1..8),
        in_flight_max in 1_usize..12, width_max in 1_usize..5, per_second in 0_u32..20,
    ) {
        let pace = PaceRules { per_second, burst: 3 };
        let breaker = BreakerRules { failures: 4, rest_ms: 2_000, rest_ms_max: 16_000 };
        let rules = LaneRules { in_flight_max, width_max, breaker, pace };
        let mut rows = Rows::default();
        let mut named = Vec::new();
        for (number, receiver) in receivers.iter().enumerate() {
            let host = format!("h{number}");
            for (at, due) in receiver.due.iter().enumerate() {
                let id = format!("dep_{number}-{}_{}", at / receiver.versions, at % receiver.versions);
                rows.put(row(&host, &id, *due));
            }
            named.push((lane(&host), receiver.clone()));
        }
        let all = rows.rows.len();
        let mut world = World { rows, lanes: Lanes::new(rules), now: 0, flying: BTreeMap::new(), told: 0 };
        world.lanes.walked(&walk(&world.rows).unwrap(), Millis(0));
        for _ in 0..20_000 {
            let starts = turn(&mut world.lanes, &world.rows, world.now);
            for start in &starts {
                let (_, receiver) = named.iter().find(|(lane, _)| *lane == start.endpoint).unwrap();
                world.flying.insert((world.now + receiver.latency, start.row.id.clone()), start.endpoint);
            }
            world.check(&starts, &rules);
            let answer = world.flying.first_key_value().map(|((at, _), _)| *at);
            // No walk any more: the timers and the ends alone must lead to everything.
            let Some(next) = answer.into_iter().chain(world.lanes.wake().map(|at| at.0)).min() else { break };
            world.now = next.max(world.now);
            world.answer(&named);
        }
        prop_assert_eq!((world.told, world.rows.rows.len()), (all, 0), "what is left: {:?}", world.lanes);
        prop_assert!(world.now < 1_200_000, "{} ms", world.now);
    }
}
