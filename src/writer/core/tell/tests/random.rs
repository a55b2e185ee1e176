//! Anything in any order: no row is lost, none waits for ever, versions keep their order, bodies never change.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{domain::AuditRecord, writer::handle::Recover};

const DEPOSITS: u8 = 4;

#[derive(Clone, Debug)]
enum Step {
    /// The next version of a deposit.
    Tell(u8),
    /// A committed due row goes on its way.
    Begin(usize),
    /// One comes back.
    End(usize, u8),
    Resend(usize),
    Close(usize),
    Recover(bool),
    Park(bool),
    Commit,
    /// Everything since the last commit is gone, and so is what was on its way.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..DEPOSITS).prop_map(Step::Tell),
        5 => any::<usize>().prop_map(Step::Begin),
        5 => (any::<usize>(), 0..4_u8).prop_map(|(which, answer)| Step::End(which, answer)),
        2 => any::<usize>().prop_map(Step::Resend),
        1 => any::<usize>().prop_map(Step::Close),
        1 => any::<bool>().prop_map(Step::Recover),
        1 => any::<bool>().prop_map(Step::Park),
        3 => Just(Step::Commit),
        1 => Just(Step::Crash),
    ]
}

struct Run {
    engine: MemoryEngine,
    core: Core,
    now: u64,
    under_way: Vec<Attempt>,
    bodies: BTreeMap<EventId, Vec<u8>>,
}

impl Run {
    fn new() -> Self {
        let engine = MemoryEngine::new();
        let mut core = load(&engine);
        core.create_app(app("shop"), &act(0)).unwrap();
        core.commit().unwrap();
        Self { engine, core, now: 1, under_way: Vec::new(), bodies: BTreeMap::new() }
    }

    /// Rows of all deposits, by deposit, as staged.
    fn chains(&self) -> Vec<Vec<Notification>> {
        let chain = |number| {
            let ids = (1..).map(move |version| money("shop", number, version));
            ids.map_while(|id| self.core.store().notification(&id).unwrap()).collect()
        };
        (0..DEPOSITS).map(chain).collect()
    }

    fn any_row(&self, which: usize) -> Option<EventId> {
        let rows: Vec<EventId> = self.chains().into_iter().flatten().map(|row| row.id).collect();
        (!rows.is_empty()).then(|| rows[which % rows.len()].clone())
    }

    fn take(&mut self, step: &Step) {
        self.now += 60_000;
        let now = act(self.now);
        match step {
            Step::Tell(number) => self.tell(*number),
            Step::Begin(which) => self.begin(*which),
            Step::End(which, answer) => self.end(*which, *answer),
            Step::Resend(which) => drop(self.any_row(*which).map(|id| self.core.resend(&id, &now))),
            Step::Close(which) => drop(self.any_row(*which).map(|id| self.core.close_delivery(&id, &now))),
            Step::Recover(delivered_too) => {
                let (app, delivered_too) = ("shop".parse().unwrap(), *delivered_too);
                let ask = Recover { app, endpoint: None, since: Millis(0), until: None, delivered_too, after: None };
                self.core.recover(&ask, &now).unwrap();
            }
            Step::Park(wish) => {
                let lane = crate::domain::EndpointId::of(&app("shop").id, &app("shop").notify_url);
                let core = &mut self.core;
                drop(if *wish { core.park_endpoint(lane, &now) } else { core.resume_endpoint(lane, &now) });
            }
            Step::Commit => drop(self.core.commit().unwrap()),
            Step::Crash => {
                self.core = load(&self.engine);
                self.under_way.clear();
                // What was not committed was never told: its id may be given to the same fact again.
                self.bodies.retain(|id, _| self.core.store().notification(id).unwrap().is_some());
            }
        }
    }

    /// Deposits 2 and 3 belong to an app whose protocol has one word; deposit 1 changes its protocol on the way.
    fn tell(&mut self, number: u8) {
        let version = u32::try_from(self.chains()[usize::from(number)].len()).unwrap() + 1;
        let event = event("shop", number, version);
        let row = delivery::compose(&event, self.core.last_event.next(), None, &app("shop"), Millis(self.now)).unwrap();
        let in_one_word = number >= 2 || (number == 1 && version > 2);
        let protocol = if in_one_word { V1 } else { Protocol::StandardWebhooks };
        let mut draft = Draft::over(&self.core.store);
        self.bodies.insert(row.id.clone(), row.body.clone());
        draft.put(Notification { protocol, ..row }, Millis(self.now)).unwrap();
        let changes = draft.changes().collect();
        self.core.stage(&Changeset { changes, events: Vec::new() }).unwrap();
    }

    fn begin(&mut self, which: usize) {
        let reader = self.core.store().reader();
        let Some((lane, _)) = reader.next_lane(None).unwrap() else { return };
        let due = reader.due(lane, Millis(self.now), 99).unwrap();
        // The notifier hears that an attempt is settled when it is committed; until then the row is not sent again.
        let recorded = |id: &EventId| row(&self.core, id).attempts;
        let known = |id: &EventId| reader.notification(id).unwrap().unwrap().attempts;
        let is_idle = |id: &EventId| self.under_way.iter().all(|attempt| attempt.event != *id);
        let free = |id: &&EventId| is_idle(id) && recorded(id) == known(id);
        let free: Vec<EventId> = due.iter().filter(free).cloned().collect();
        if free.is_empty() {
            return;
        }
        let row = reader.notification(&free[which % free.len()]).unwrap().unwrap();
        assert_eq!(row.body, self.bodies[&row.id], "one id, one body");
        self.under_way.push(attempt(&row, Outcome::Accepted, self.now));
    }

    fn end(&mut self, which: usize, answer: u8) {
        if self.under_way.is_empty() {
            return;
        }
        let attempt = self.under_way.swap_remove(which % self.under_way.len());
        let outcome = [Outcome::Accepted, refused(), Outcome::Gone, Outcome::Blocked][usize::from(answer)].clone();
        self.settle(Attempt { outcome, ..attempt });
    }

    fn settle(&mut self, attempt: Attempt) {
        let event = attempt.event.clone();
        self.core.settle(&Settlement { event, attempt, ended: Millis(self.now) }).unwrap();
    }

    /// What holds after every step.
    fn check(&self) {
        let mut rows = 0;
        for chain in self.chains() {
            rows += chain.len();
            let open: Vec<&Notification> = chain.iter().filter(|row| !row.is_settled()).collect();
            for (at, row) in open.iter().enumerate() {
                let is_right =
                    matches!((at, row.state), (0, NotificationState::Due(_)) | (1.., NotificationState::Waiting));
                assert!(is_right, "{} is {}, the {at}. that is not settled", row.id, row.state.word());
            }
            for pair in chain.windows(2) {
                assert_eq!(pair[0].then.as_ref(), Some(&pair[1].id));
                assert_eq!(pair[1].after.as_ref(), Some(&pair[0].id));
            }
            assert!(chain.iter().all(|row| self.bodies[&row.id] == row.body));
        }
        assert_eq!(rows, self.bodies.len(), "no row is lost");
    }

    /// From here on everybody answers and accepts.
    fn drain(&mut self) {
        for attempt in std::mem::take(&mut self.under_way) {
            self.settle(attempt);
        }
        self.core.commit().unwrap();
        for _ in 0..1000 {
            self.now += 200_000_000;
            let reader = self.core.store().reader();
            let Some((lane, _)) = reader.next_lane(None).unwrap() else { break };
            for id in reader.due(lane, Millis(self.now), 99).unwrap() {
                let row = reader.notification(&id).unwrap().unwrap();
                self.settle(attempt(&row, Outcome::Accepted, self.now));
            }
            self.core.commit().unwrap();
            self.check();
        }
        let open: Vec<Notification> = self.chains().into_iter().flatten().filter(|row| !row.is_settled()).collect();
        assert!(open.is_empty(), "{open:?} would wait for ever");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nothing_is_lost_and_nothing_waits_for_ever(steps in vec(step(), 1..80)) {
        let mut run = Run::new();
        for step in &steps {
            run.take(step);
            run.check();
        }
        run.drain();
        let mut last: Option<AuditRecord> = None;
        let mut records = run.core.store().reader().audit(0, 999).unwrap();
        records.sort_by_key(|record| record.number);
        for record in records {
            prop_assert!(record.follows(last.as_ref()), "the audit chain holds");
            last = Some(record);
        }
    }
}
