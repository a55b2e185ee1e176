//! One receiver that is down for days while events wait for it: the daemon's own lanes, breaker, core and store, with a
//! made-up clock and made-up answers. Shared by a benchmark and a test of the library.

use std::{collections::BTreeMap, mem};

use depositd::{
    delivery::{breaker::Sign, pace::PaceRules},
    domain::{
        Act, AmountPolicy, App, Attempt, AttemptNo, Endpoint, EndpointId, EventId, EventPlace, EventVersion, LiveKey,
        Millis, Notification, NotificationState, NotifyUrl, Outcome, Protocol, SigningKey, StoredKey, WhyParked,
        notification::{Trigger, Unreached},
    },
    notify::{
        NotifySettings,
        lane::{Lanes, Start},
        outbox,
    },
    store::{Reader, Store},
    tracker::{Change, Changeset},
    writer::{Core, Settlement},
};

pub const DAY_MS: u64 = 86_400_000;
/// When the first event was written.
pub const BEGIN: Millis = Millis(1_800_000_000_000);
/// Every tenth deposit has so many versions, the others one.
const VERSIONS: u32 = 3;
/// Rows staged for one commit of the preparation.
const CHUNK: usize = 60;
/// How often all lanes are walked through, in milliseconds.
const WALK_MS: u64 = 10_000;
/// How long an answer takes, and how long it takes to see that nobody listens, in milliseconds.
const ANSWER_MS: u64 = 20;
/// Settlements of one commit: the writer takes no more into one.
const SETTLED_AT_ONCE: usize = 40;

/// How many versions the deposit `number` has.
pub fn versions(number: u64) -> u32 {
    if number.is_multiple_of(10) { VERSIONS } else { 1 }
}

fn act(at: Millis) -> Act {
    Act { by: "uid 0".to_owned(), at, why: "it is back".to_owned() }
}

fn app() -> App {
    App {
        news: Default::default(),
        amount_policy: AmountPolicy::AcceptActual,
        grace_s: 0,
        id: "down".parse().expect("an app's name"),
        protocol: Protocol::StandardWebhooks,
        notify_url: NotifyUrl::checked("https://down.example/hook".to_owned()).expect("a URL"),
        notify_hosts: Vec::new(),
        keys: vec![LiveKey { key: StoredKey::Clear(SigningKey::kept(vec![7; 32])), until: None }],
        created: BEGIN,
    }
}

fn row(app: &App, deposit: u64, version: u32, place: u64) -> Notification {
    let name = format!("dep_{deposit}");
    let id = |version| EventId::money(&name, EventVersion(version));
    Notification {
        id: id(version),
        place: EventPlace(place),
        app: app.id.clone(),
        url: app.notify_url.clone(),
        protocol: app.protocol,
        body: format!("{{\"id\":\"{name}_{version}\",\"filler\":\"{:0>400}\"}}", deposit).into_bytes(),
        created: BEGIN,
        attempts: AttemptNo(0),
        tries: 0,
        trigger: Trigger::Schedule,
        trade: None,
        state: if version == 1 { NotificationState::Due(BEGIN.plus(place / 100)) } else { NotificationState::Waiting },
        after: (version > 1).then(|| id(version - 1)),
        then: (version < versions(deposit)).then(|| id(version + 1)),
    }
}

/// Writes the rows of so many deposits; how many rows those are.
pub fn fill(store: &mut Store, deposits: u64) -> u64 {
    let app = app();
    let endpoint = Endpoint::of(&app.id, &app.notify_url);
    let mut changes = vec![Change::App(app.clone()), Change::Endpoint(endpoint)];
    let mut place = 0;
    for deposit in 0..deposits {
        for version in 1..=versions(deposit) {
            place += 1;
            changes.push(Change::Notification(row(&app, deposit, version, place)));
        }
        if changes.len() >= CHUNK || deposit + 1 == deposits {
            let changes = mem::take(&mut changes);
            store.stage(&Changeset { changes, events: Vec::new() }).expect("rows that can be kept");
            store.commit().expect("a commit");
        }
    }
    place
}

/// The world while it is down and after.
pub struct Week {
    core: Core,
    reader: Reader,
    lanes: Lanes,
    endpoint: EndpointId,
    now: Millis,
    walk_at: Millis,
    /// By the time of the answer and the order of the attempts.
    flying: BTreeMap<(Millis, u64), Start>,
    pub attempts: u64,
    pub accepted: u64,
    pub lanes_most: usize,
    /// The last version of each deposit that was acknowledged.
    told: Vec<u8>,
}

impl Week {
    /// Over a core whose store was filled with so many deposits.
    pub fn begin(core: Core, deposits: u64) -> Self {
        let reader = core.store().reader();
        let app = app();
        Self {
            core,
            reader,
            lanes: Lanes::new(NotifySettings::default().lanes),
            endpoint: EndpointId::of(&app.id, &app.notify_url),
            now: BEGIN,
            walk_at: BEGIN,
            flying: BTreeMap::new(),
            attempts: 0,
            accepted: 0,
            lanes_most: 0,
            told: vec![0; usize::try_from(deposits).expect("few")],
        }
    }

    /// Why the endpoint is parked, and since when in milliseconds from the beginning.
    pub fn parked(&self) -> Option<(WhyParked, u64)> {
        let endpoint = self.reader.endpoint(self.endpoint).expect("a read").expect("a row");
        endpoint.parked.map(|parked| (parked.why, parked.since.since(BEGIN)))
    }

    /// Time goes on to `ms` from the beginning; meanwhile the receiver is up or down.
    pub fn run_to(&mut self, ms: u64, is_up: bool) {
        let end = BEGIN.plus(ms);
        loop {
            self.start();
            let answer = self.flying.first_key_value().map(|((at, _), _)| *at);
            let next = [Some(self.walk_at), answer, self.lanes.wake()].into_iter().flatten().min();
            let next = next.unwrap_or(end).max(self.now);
            if next > end {
                self.now = end;
                return;
            }
            self.now = next;
            if self.now >= self.walk_at {
                self.lanes.walked(&outbox::walk(&self.reader).expect("a walk"), self.now);
                self.walk_at = self.now.plus(WALK_MS);
            }
            self.answer(is_up);
        }
    }

    /// A person lets the endpoint go on; then everything is sent, as fast as `width` at once come to.
    pub fn resume_and_drain(&mut self, width: usize) {
        self.core.resume_endpoint(self.endpoint, &act(self.now)).expect("an endpoint");
        self.core.commit().expect("a commit");
        let rules = NotifySettings::default().lanes;
        let pace = PaceRules { per_second: 0, burst: 1 };
        let in_flight_max = rules.in_flight_max.max(2 * width);
        self.lanes = Lanes::new(depositd::notify::LaneRules { width_max: width, in_flight_max, pace, ..rules });
        while self.reader.pending(self.endpoint, 1).expect("a read") > 0 {
            let accepted = self.accepted;
            self.run_to(self.now.since(BEGIN) + WALK_MS, true);
            assert!(self.accepted > accepted, "it stands still");
        }
    }

    /// Whether every version of every deposit was acknowledged.
    pub fn is_all_told(&self) -> bool {
        self.told.iter().zip(0..).all(|(told, deposit)| u32::from(*told) == versions(deposit))
    }

    fn start(&mut self) {
        self.lanes.news(self.core.take_touched());
        loop {
            let wants = self.lanes.plan(self.now);
            if wants.is_empty() {
                break;
            }
            let seen = outbox::see(&self.reader, &wants, self.now).expect("a read");
            for start in self.lanes.start(seen, self.now) {
                let due = start.row.due().expect("what starts is due");
                assert!(due <= self.now, "{} was brought forward", start.row.id);
                self.attempts += 1;
                self.flying.insert((self.now.plus(ANSWER_MS), self.attempts), start);
            }
        }
        self.lanes_most = self.lanes_most.max(self.lanes.len());
    }

    fn answer(&mut self, is_up: bool) {
        loop {
            let mut ended = Vec::new();
            while ended.len() < SETTLED_AT_ONCE
                && let Some(first) = self.flying.first_entry().filter(|first| first.key().0 <= self.now)
            {
                let Start { endpoint, row, .. } = first.remove();
                let attempt = self.attempt(&row, is_up);
                ended.push((endpoint, row.id, Sign::of(&attempt)));
                let settlement = Settlement { event: attempt.event.clone(), attempt, ended: self.now };
                self.core.settle(&settlement).expect("an attempt that can be recorded");
            }
            if ended.is_empty() {
                return;
            }
            self.core.commit().expect("a commit");
            for (endpoint, event, sign) in ended {
                self.lanes.end(endpoint, &event, sign, self.now);
            }
        }
    }

    fn attempt(&mut self, row: &Notification, is_up: bool) -> Attempt {
        if is_up {
            self.accept(&row.id);
        }
        Attempt {
            event: row.id.clone(),
            number: row.attempts.next(),
            trigger: row.trigger,
            peer: None,
            started: self.now,
            took_ms: ANSWER_MS,
            status: is_up.then_some(200),
            outcome: if is_up { Outcome::Accepted } else { Outcome::Unreachable(Unreached::Connect) },
            detail: String::new(),
            excerpt: String::new(),
        }
    }

    /// Versions are acknowledged one after another, none twice.
    fn accept(&mut self, event: &EventId) {
        let parts = event.as_str().strip_prefix("dep_").and_then(|rest| rest.split_once('_'));
        let (deposit, version) = parts.expect("an id of ours");
        let deposit: usize = deposit.parse().expect("a number");
        self.told[deposit] += 1;
        assert_eq!(version, self.told[deposit].to_string(), "the next version of deposit {deposit}");
        self.accepted += 1;
    }
}
