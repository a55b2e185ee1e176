//! The process dies at any commit of a story of deliveries, once before the commit is on disk and once behind it.

use super::*;
use crate::{domain::EndpointId, store::Fault as Crash, writer::handle::Recover};

const DEPOSITS: u8 = 14;
const VERSIONS: u32 = 3;
const HOUR: u64 = 3_600_000;

/// What receivers got.
#[derive(Default)]
struct Merchant {
    bodies: BTreeMap<EventId, Vec<u8>>,
    /// First acceptances, in order.
    accepted: Vec<EventId>,
}

struct Story {
    engine: MemoryEngine,
    core: Core,
    now: u64,
    merchant: Merchant,
    commits: u32,
    crashes: u32,
}

impl Story {
    fn new(crash: Option<(u32, Crash)>) -> Self {
        let engine = MemoryEngine::new();
        let mut core = load(&engine);
        for id in ["shop", "bank"] {
            core.create_app(app(id), &act(0)).unwrap();
        }
        core.commit().unwrap();
        if let Some((after, how)) = crash {
            engine.fail_after(after, how);
        }
        Self { engine, core, now: 1, merchant: Merchant::default(), commits: 0, crashes: 0 }
    }

    /// Does it, and once more if the process died over it.
    fn act(&mut self, mut act: impl FnMut(&mut Core, u64)) {
        loop {
            act(&mut self.core, self.now);
            self.commits += 1;
            if self.core.commit().is_ok() {
                return;
            }
            self.crashes += 1;
            self.core = load(&self.engine);
        }
    }

    /// Everything due is sent; `answer` says what comes back.
    fn deliver(&mut self, answer: impl Fn(&Notification) -> Outcome) {
        let reader = self.core.store().reader();
        let (mut lane, mut due) = (None, Vec::new());
        while let Some((next, _)) = reader.next_lane(lane).unwrap() {
            let is_parked = reader.endpoint(next).unwrap().unwrap().parked.is_some();
            if !is_parked {
                due.extend(reader.due(next, Millis(self.now), 999).unwrap());
            }
            lane = Some(next);
        }
        drop(reader);
        for id in due {
            // As the notifier: what is sent is what is stored when it goes; after a crash it begins anew.
            let row = row(&self.core, &id);
            if row.due().is_none() {
                continue;
            }
            let outcome = answer(&row);
            self.merchant.received(&row, outcome == Outcome::Accepted);
            let attempt = attempt(&row, outcome, self.now);
            let settlement = Settlement { event: id, attempt, ended: Millis(self.now + 1) };
            // After a crash behind the commit it is recorded already.
            self.act(|core, _| drop(core.settle(&settlement)));
        }
        self.now += 30 * HOUR;
    }

    fn told(mut self) -> Self {
        for version in 1..=VERSIONS {
            for number in 0..DEPOSITS {
                let owner = if number % 2 == 0 { "shop" } else { "bank" };
                let events = vec![event(owner, number, version)];
                self.act(|core, now| {
                    let mut changes = Changeset { changes: Vec::new(), events: events.clone() };
                    core.compose(&mut changes, Millis(now)).unwrap();
                    core.stage(&changes).unwrap();
                });
            }
            self.deliver(|row| if row.attempts.0 == 0 { refused() } else { Outcome::Accepted });
        }
        // All but the last versions of one app are told; those fail until they are dead letters.
        for _ in 0..4 {
            self.deliver(|row| if row.then.is_some() { Outcome::Accepted } else { Outcome::Blocked });
        }
        let [shop, bank] = ["shop", "bank"].map(|id| EndpointId::of(&app(id).id, &app(id).notify_url));
        self.act(|core, now| drop(core.park_endpoint(bank, &act(now)).unwrap()));
        for _ in 0..3 {
            for _ in 0..5 {
                self.deliver(|_| refused());
            }
            self.act(|core, now| drop(core.resume_endpoint(shop, &act(now)).unwrap()));
        }
        assert_eq!(count(&self.core, "dead_letters"), u64::from(DEPOSITS) / 2);
        self.act(|core, now| drop(core.resume_endpoint(bank, &act(now)).unwrap()));
        for _ in 0..3 {
            let ask = Recover {
                app: "shop".parse().unwrap(),
                endpoint: None,
                since: Millis(0),
                until: None,
                delivered_too: false,
                after: None,
            };
            self.act(|core, now| drop(core.recover(&ask, &act(now)).unwrap()));
            self.deliver(|_| Outcome::Accepted);
        }
        for _ in 0..4 {
            self.deliver(|_| Outcome::Accepted);
        }
        self
    }

    fn check(&self) {
        let feed = self.core.store().reader().events(None, EventPlace(0), 999).unwrap();
        let all = usize::from(DEPOSITS) * usize::try_from(VERSIONS).unwrap();
        assert_eq!(feed.len(), all, "every event once");
        for (at, row) in feed.iter().enumerate() {
            assert_eq!(row.place.0, u64::try_from(at).unwrap() + 1, "no gap");
            assert!(row.acknowledged().is_some(), "{} is {}", row.id, row.state.word());
            assert_eq!(self.merchant.bodies[&row.id], row.body);
        }
        let mut last: BTreeMap<&str, u32> = BTreeMap::new();
        for id in &self.merchant.accepted {
            let (deposit, version) = id.as_str().rsplit_once('_').unwrap();
            let version: u32 = version.parse().unwrap();
            assert_eq!(last.insert(deposit, version).unwrap_or(0) + 1, version, "{id} out of order");
        }
        assert_eq!(self.merchant.accepted.len(), all);
    }
}

impl Merchant {
    fn received(&mut self, row: &Notification, accepts: bool) {
        let first = self.bodies.entry(row.id.clone()).or_insert_with(|| row.body.clone());
        assert_eq!(*first, row.body, "{} has two bodies", row.id);
        if accepts && !self.accepted.contains(&row.id) {
            self.accepted.push(row.id.clone());
        }
    }
}

#[test]
fn a_crash_at_any_commit_loses_no_event_and_keeps_bodies_and_order() {
    let whole = Story::new(None).told();
    whole.check();
    let mut points = 0;
    for point in 0..whole.commits {
        // Every second commit is on disk although nobody heard of it.
        let how = if point % 2 == 0 { Crash::BeforeApply } else { Crash::AfterApply };
        let story = Story::new(Some((point, how))).told();
        story.check();
        points += story.crashes;
    }
    assert!(points >= 200, "{points} points");
}
