//! One run: a chain, a core over a store that crashes, clients, a merchant; everything drawn from one seed.

use std::collections::BTreeMap;

use depositd::{
    domain::{
        Act, Address, App, AppId, Attempt, BlockBatch, BlockRef, Deposit, Evidence, Head, Header, Height, LiveKey,
        Millis, NetworkId, NetworkSpec, News, NotifyUrl, Order, OrderId, Outcome, Protocol, SigningKey, StoredKey,
        Threshold, TokenAmount, UserMark,
    },
    follow::{
        next_move::{Move, Reach, next_move},
        trail::Trail,
    },
    store::{Fault as StoreFault, MemoryEngine, Store},
    writer::{Core, Fault, Loading, NewOrder, NewWatch, Refusal, Settlement},
};

use crate::{
    chain::{Chain, MINIMUM, TOKEN},
    kind::{Kind, Swarm, WINDOW},
    merchant::Merchant,
    rng::Rng,
};

/// What a client was answered.
#[derive(Debug)]
pub struct Answered {
    pub watches: BTreeMap<Address, Height>,
    pub orders: BTreeMap<OrderId, Order>,
    /// Orders and cancellations that were sent, whether or not an answer came back: a crash may swallow it.
    pub sent: BTreeMap<OrderId, Address>,
    pub cancelled: Vec<OrderId>,
}

#[derive(Debug)]
pub struct World {
    pub rng: Rng,
    pub chain: Chain,
    pub core: Core,
    pub merchant: Merchant,
    pub answered: Answered,
    pub network: NetworkId,
    pub spec: NetworkSpec,
    pub kind: Kind,
    pub crashes: u64,
    /// Ranges read while catching up.
    pub ranges: u64,
    /// Looks at the chain that are still left out.
    asleep: u64,
    engine: MemoryEngine,
    swarm: Swarm,
    trail: Trail,
    due: Vec<Deposit>,
    payees: Vec<Address>,
    now: Millis,
    next_address: u32,
    calm: bool,
}

pub fn app_id() -> AppId {
    "shop".parse().unwrap()
}

/// Half of the runs are told of deposits that are only seen.
fn app(seed: u64) -> App {
    let key = StoredKey::Clear(SigningKey::kept(vec![7; 32]));
    App {
        news: News { detected: seed.is_multiple_of(2), ..News::default() },
        amount_policy: depositd::domain::AmountPolicy::AcceptActual,
        grace_s: 0,
        id: app_id(),
        protocol: Protocol::StandardWebhooks,
        notify_url: NotifyUrl::checked("https://shop.example/hook".to_owned()).unwrap(),
        notify_hosts: Vec::new(),
        keys: vec![LiveKey { key, until: None }],
        created: Millis(0),
    }
}

fn load(engine: &MemoryEngine, spec: &NetworkSpec) -> Core {
    let mut loading = Loading::of([spec.clone()]);
    let store = Store::in_memory(engine, |row| loading.row(row)).expect("what was committed loads");
    loading.finish(store).expect("what was committed fits")
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::seeded(seed);
        let kind = Kind::drawn(&mut rng);
        let spec = kind.spec.clone();
        let swarm = Swarm::drawn(&mut rng, &kind);
        let engine = MemoryEngine::new();
        let core = load(&engine, &spec);
        let chain = Chain::new(seed, kind.final_lag, kind.fork_max);
        let answered = Answered {
            watches: BTreeMap::new(),
            orders: BTreeMap::new(),
            sent: BTreeMap::new(),
            cancelled: Vec::new(),
        };
        let network = spec.id.clone();
        let mut world = Self {
            rng,
            chain,
            core,
            merchant: Merchant::default(),
            answered,
            network,
            spec,
            kind,
            crashes: 0,
            ranges: 0,
            asleep: 0,
            engine,
            swarm,
            trail: Trail::default(),
            due: Vec::new(),
            payees: Vec::new(),
            now: Millis(1_000),
            next_address: 0,
            calm: true,
        };
        world
            .core
            .create_app(app(seed), &Act { by: "uid 0".to_owned(), at: Millis(0), why: String::new() })
            .expect("an app is created");
        assert!(world.commit());
        world.calm = false;
        world
    }

    /// One step of the safety phase.
    pub fn step(&mut self) {
        self.now = self.now.plus(1 + self.rng.below(30_000));
        match self.rng.below(10) {
            0..=2 => self.chain.mine(&mut self.rng, &self.payees),
            3 => self.shake_the_chain(),
            4 | 5 => self.registrations(),
            6..=8 => self.follow(),
            _ => self.deliver(),
        }
    }

    /// The liveness phase: nothing fails any more, everything must settle.
    pub fn quiesce(&mut self) {
        self.calm = true;
        self.asleep = 0;
        self.chain.end_stall();
        for _ in 0..u64::from(WINDOW) * 2 {
            self.chain.mine(&mut self.rng, &[]);
        }
        for _ in 0..200 {
            self.follow();
            self.now = self.now.plus(40 * 3_600_000);
            self.deliver();
        }
        let tip = self.trail.tip().expect("the network has begun");
        assert_eq!(tip, self.head().best, "the cursor reaches the head once faults stop");
        assert!(self.due.is_empty(), "nothing waits for evidence once faults stop");
    }

    fn shake_the_chain(&mut self) {
        let Swarm { reorg, deep, returns, shrink, stall, .. } = self.swarm;
        if self.rng.chance(stall) {
            let blocks = self.rng.below(3 * u64::from(WINDOW));
            self.chain.stall(blocks);
        }
        let loose = self.chain.loose();
        if self.rng.chance(reorg) {
            let most = if self.rng.chance(deep) { loose } else { loose.min(4) };
            let depth = 1 + self.rng.below(most);
            let length = depth + self.rng.below(3);
            self.chain.reorg(&mut self.rng, depth, length, &self.payees);
        }
        if self.rng.chance(returns) {
            self.chain.return_to_abandoned(&mut self.rng, &self.payees);
        }
        if self.rng.chance(shrink) {
            let depth = self.rng.below(loose.min(5));
            self.chain.shrink(depth);
        }
    }

    /// Commits, or crashes and starts again from what was committed. Answers count only after `true`.
    fn commit(&mut self) -> bool {
        if !self.calm && self.rng.chance(self.swarm.crash) {
            let fault = if self.rng.chance(50) { StoreFault::BeforeApply } else { StoreFault::AfterApply };
            self.engine.fail_next(fault);
        }
        if self.core.commit().is_ok() {
            let tracker = &self.core.trackers()[&self.network];
            assert_eq!(tracker.window().broken_at(), None, "the window is linked");
            assert_eq!(tracker.window().tip().map(|tip| tip.at), tracker.cursor().map(|cursor| cursor.tip));
            return true;
        }
        self.crashes += 1;
        self.restart();
        false
    }

    fn restart(&mut self) {
        self.core = load(&self.engine, &self.spec);
        let tracker = &self.core.trackers()[&self.network];
        self.trail = Trail::of(tracker.window().headers().map(|header| header.at), WINDOW as usize);
        self.due = deposits(tracker.due(64));
        for (address, from) in &self.answered.watches {
            let holding =
                self.core.store().holding(&self.network, *address).unwrap().expect("an answered watch is there");
            assert_eq!(holding.standing.unwrap().effective_from, *from);
        }
        for (id, answer) in &self.answered.orders {
            let order = self.core.store().order(&app_id(), id).unwrap().expect("an answered order is there");
            assert_eq!(order.lines, answer.lines);
        }
    }

    fn registrations(&mut self) {
        let mut watched = Vec::new();
        let mut ordered = Vec::new();
        for _ in 0..=self.rng.below(3) {
            if self.rng.chance(40) {
                watched.extend(self.watch());
            } else {
                ordered.extend(self.order());
            }
        }
        if self.rng.chance(20) {
            self.cancel();
        }
        if self.commit() {
            self.answered.watches.extend(watched);
            self.answered.orders.extend(ordered.into_iter().map(|order| (order.id.clone(), order)));
        }
    }

    fn fresh_address(&mut self) -> Address {
        self.next_address += 1;
        let mut bytes = [0x10; 20];
        bytes[..4].copy_from_slice(&self.next_address.to_be_bytes());
        self.payees.push(Address(bytes));
        if self.payees.len() > 24 {
            self.payees.remove(0);
        }
        Address(bytes)
    }

    fn watch(&mut self) -> Option<(Address, Height)> {
        let again = self.answered.watches.keys().next_back().copied().filter(|_| self.rng.chance(20));
        let address = again.unwrap_or_else(|| self.fresh_address());
        let networks = vec![self.network.clone()];
        let new = NewWatch { since: None, app: app_id(), user_mark: UserMark::default(), address, networks };
        match self.core.watch_address(&new, self.now) {
            Ok(holdings) => {
                let from = holdings[0].standing.expect("a watch is standing").effective_from;
                assert!(
                    self.answered.watches.get(&address).is_none_or(|first| *first == from),
                    "the first answer stays"
                );
                Some((address, from))
            }
            Err(Fault::Refused(Refusal::NetworkNotReady { .. })) => None,
            Err(other) => panic!("a watch was not accepted: {other}"),
        }
    }

    fn order(&mut self) -> Option<Order> {
        let known = self.answered.orders.values().next_back().cloned();
        if let Some(known) = known.filter(|_| self.rng.chance(20)) {
            self.repeat(&known);
            return None;
        }
        let reused = self.answered.orders.values().next_back().map(|order| order.address);
        let address = reused.filter(|_| self.rng.chance(20)).unwrap_or_else(|| self.fresh_address());
        let id = OrderId::parse(&format!("order-{}-{}", self.next_address, self.rng.next())).unwrap();
        let expected = TokenAmount::of(MINIMUM + self.rng.below(1000));
        let new = NewOrder {
            fail_url: None,
            serial: None,
            amount_policy: None,
            expires: None,
            since: None,
            app: app_id(),
            id,
            user_mark: UserMark::default(),
            username: None,
            address,
            lines: vec![(self.network.clone(), TOKEN)],
            expected,
            notify_url: None,
        };
        self.answered.sent.insert(new.id.clone(), address);
        match self.core.register_order(&new, self.now) {
            Ok(order) => Some(order),
            Err(Fault::Refused(Refusal::NetworkNotReady { .. } | Refusal::AddressBusy { .. })) => None,
            Err(other) => panic!("an order was not accepted: {other}"),
        }
    }

    /// The same again is answered the same; other content under the same id changes nothing.
    fn repeat(&mut self, known: &Order) {
        let mut new = NewOrder {
            fail_url: None,
            serial: None,
            amount_policy: None,
            expires: None,
            since: None,
            app: known.app.clone(),
            id: known.id.clone(),
            user_mark: known.user_mark.clone(),
            username: None,
            address: known.address,
            lines: vec![(self.network.clone(), TOKEN)],
            expected: known.expected,
            notify_url: None,
        };
        let again = self.core.register_order(&new, self.now).expect("the same again is accepted");
        assert_eq!(again.lines, known.lines, "the first answer stays");
        new.expected = new.expected.checked_add(TokenAmount::of(1)).unwrap();
        let other = self.core.register_order(&new, self.now);
        assert!(matches!(other, Err(Fault::Refused(Refusal::AlreadyExists { .. }))), "{other:?}");
    }

    fn cancel(&mut self) {
        let ids: Vec<_> = self.answered.orders.keys().cloned().collect();
        let Some(id) = self.rng.pick(&ids).cloned() else { return };
        self.answered.cancelled.push(id.clone());
        match self.core.cancel_order(&app_id(), &id, self.now) {
            Ok(_) | Err(Fault::Refused(Refusal::PaymentSeen { .. })) => {}
            Err(other) => panic!("a cancellation failed: {other}"),
        }
    }

    /// What an honest node says.
    fn head(&self) -> Head {
        let head = self.chain.head();
        match head.finalized.filter(|_| self.kind.only_solid) {
            Some(last) => Head { best: last, ..head },
            None => head,
        }
    }

    fn follow(&mut self) {
        if !self.calm && self.asleep == 0 && self.rng.chance(self.swarm.nap) {
            self.asleep = self.rng.below(60);
        }
        if self.asleep > 0 {
            self.asleep -= 1;
            return;
        }
        let mut head = self.head();
        if !self.calm && self.rng.chance(self.swarm.lag) {
            let behind = head.best.height.down(self.rng.below(8));
            head.best = self.chain.at(behind).unwrap().header.at;
            head.finalized = head.finalized.filter(|last| last.height <= behind);
        }
        let patience_ended = self.calm || self.rng.chance(30);
        let follows_ties = self.kind.follows_ties;
        let reach = Reach { near_blocks: 1 + self.rng.below(12), start: None, follows_ties };
        match next_move(&self.trail, &head, patience_ended, reach) {
            Move::Adopt { at } => self.adopt(at),
            Move::Extend { from, to, near_head: false } if self.kind.ranges_are_final => self.catch_up(from, to),
            Move::Extend { from, to, .. } => self.extend(from, to),
            Move::WalkBack { from } => self.walk_back(from, head.best.height),
            Move::Retreat { to } => self.retreat(to),
            Move::Rest | Move::WaitForHead => {}
        }
        self.verify();
    }

    fn adopt(&mut self, at: Height) {
        let headers: Vec<Header> =
            self.chain.blocks().iter().map(|block| block.header).take_while(|h| h.at.height <= at).collect();
        let kept = headers[headers.len().saturating_sub(WINDOW as usize)..].to_vec();
        self.core.adopt(&self.network, &kept, self.now).expect("adopted");
        if self.commit() {
            self.trail = Trail::of(kept.iter().map(|header| header.at), WINDOW as usize);
        }
    }

    fn extend(&mut self, from: Height, to: Height) {
        let tip = self.trail.tip().unwrap();
        if self.chain.holds(tip) {
            self.apply(tip, from, to);
        } else {
            self.walk_back(tip.height.down(1), to);
        }
    }

    /// Ranges of what the node itself calls final, each handed over as final to its top.
    fn catch_up(&mut self, from: Height, to: Height) {
        let mut low = from;
        while low <= to {
            let tip = self.trail.tip().unwrap();
            let high = low.up(self.rng.below(40)).min(to);
            let top = self.chain.at(high).unwrap().header.at;
            if !self.chain.holds(tip) {
                return self.walk_back(tip.height.down(1), to);
            }
            assert!(self.chain.has_final(top), "what is read by range is final");
            if !self.apply_as(tip, low, high, Some(top)) {
                return;
            }
            self.ranges += 1;
            self.verify();
            if self.trail.tip() != Some(top) {
                return;
            }
            low = high.next();
        }
    }

    fn walk_back(&mut self, from: Height, to: Height) {
        let mut height = from;
        let base = loop {
            let ours = self.trail.at(height).expect("reorgs of this world stay within the window");
            if self.chain.holds(ours) {
                break ours;
            }
            height = height.below().unwrap();
        };
        let still_there = self.trail.at(base.height.next()).is_some_and(|ours| self.chain.holds(ours));
        if !still_there && to > base.height {
            self.apply(base, base.height.next(), to);
        }
    }

    fn apply(&mut self, base: BlockRef, from: Height, to: Height) {
        let finalized = self.claimed_final();
        self.apply_as(base, from, to, finalized);
    }

    fn apply_as(&mut self, base: BlockRef, from: Height, to: Height, finalized: Option<BlockRef>) -> bool {
        let blocks: Vec<_> = (from.0..=to.0).filter_map(|height| self.chain.at(Height(height)).cloned()).collect();
        let batch = BlockBatch::link(base, blocks).expect("the world's blocks link");
        let applied = self.core.apply(&self.network, &batch, finalized, self.now).expect("applied");
        let committed = self.commit();
        if committed {
            self.trail.moved(base, batch.blocks().iter().map(|block| block.header.at));
            self.due = deposits(applied.due);
        }
        committed
    }

    /// What the node says is final. A lying one names a block that never was, above its own or below, and deep enough it
    /// cannot be found out: no header is kept there.
    fn claimed_final(&mut self) -> Option<BlockRef> {
        let honest = self.chain.head().finalized;
        if self.calm || !self.rng.chance(self.swarm.forged) {
            return honest;
        }
        honest.map(|last| match self.rng.below(3) {
            0 => BlockRef { height: last.height.up(3), ..last },
            1 => BlockRef { height: last.height.down(self.rng.below(10)), ..last },
            _ => {
                let below_the_window = self.trail.floor().map_or(last.height, |floor| floor.down(1));
                BlockRef { height: below_the_window.max(last.height), ..last }
            }
        })
    }

    fn retreat(&mut self, to: BlockRef) {
        if self.trail.at(to.height.next()).is_some_and(|ours| self.chain.holds(ours)) {
            return;
        }
        let applied = self.core.retreat(&self.network, to, self.now).expect("stepped down");
        if self.commit() {
            self.trail.moved(to, []);
            self.due = deposits(applied.due);
        }
    }

    /// Whether the node has the deposit where it is asked: a credit on the network's own word is looked up in what the
    /// node calls final.
    fn is_proved(&self, deposit: &Deposit) -> bool {
        match self.spec.policy.base().threshold {
            Threshold::Finalized => self.chain.has_final(deposit.included_at),
            Threshold::Confirmations(_) => self.chain.holds(deposit.included_at),
        }
    }

    fn verify(&mut self) {
        let asked = std::mem::take(&mut self.due);
        let (mut evidence, mut unproved) = (Vec::new(), Vec::new());
        for deposit in &asked {
            let forged = !self.calm && self.rng.chance(self.swarm.forged);
            let is_behind = !self.calm && self.rng.chance(self.swarm.lag);
            let proved = !is_behind && self.is_proved(deposit);
            if forged || !proved {
                unproved.push(deposit.id.clone());
            }
            if forged || proved {
                let amount = deposit.amount.checked_add(TokenAmount::of(u64::from(forged))).unwrap();
                evidence.push(Evidence {
                    under: depositd::domain::Need::STRONGEST,
                    id: deposit.id.clone(),
                    at: deposit.included_at,
                    from: deposit.from,
                    to: deposit.to,
                    amount,
                });
            }
        }
        let finalized = self.claimed_final();
        if self.trail.tip().is_none() {
            return;
        }
        let applied = self.core.verify(&self.network, &evidence, finalized, self.now).expect("verified");
        if !self.commit() {
            return;
        }
        self.due = deposits(applied.due);
        for id in unproved {
            let stored = self.core.store().deposit(&id).unwrap().expect("a deposit is never removed");
            assert!(!stored.is_credited(), "{} credited on forged evidence or none", stored.text());
        }
        for deposit in asked {
            let stored = self.core.store().deposit(&deposit.id).unwrap().expect("a deposit is never removed");
            if stored.is_credited() {
                assert!(self.is_proved(&stored), "{} credited off the chain, or before it is final", stored.text());
                assert_eq!(stored.amount, deposit.amount);
            }
        }
    }

    fn deliver(&mut self) {
        let reader = self.core.store().reader();
        let Some((lane, _)) = reader.next_lane(None).expect("lanes are read") else { return };
        let events = reader.due(lane, self.now, 16).expect("due rows are read");
        let threshold = self.spec.policy.base().threshold;
        for id in events {
            let notification = self.core.store().notification(&id).unwrap().expect("a due row has its notification");
            let refuse = !self.calm && self.rng.chance(self.swarm.refuse) && self.merchant.may_refuse(&id);
            let lost = !self.calm && self.rng.chance(self.swarm.lost_answer) && self.merchant.may_refuse(&id);
            if !refuse {
                self.merchant.receive(&notification, threshold);
            }
            let outcome = if refuse || lost {
                Outcome::Unreachable(depositd::domain::notification::Unreached::Connect)
            } else {
                Outcome::Accepted
            };
            let attempt = Attempt {
                peer: None,
                trigger: Default::default(),
                event: id.clone(),
                number: notification.attempts.next(),
                started: self.now,
                took_ms: 1,
                status: None,
                outcome,
                detail: String::new(),
                excerpt: String::new(),
            };
            let settlement = Settlement { event: id, attempt, ended: self.now };
            self.core.settle(&settlement).expect("an attempt is recorded");
            if !self.commit() {
                return;
            }
        }
    }
}

fn deposits(due: Vec<depositd::writer::Due>) -> Vec<Deposit> {
    due.into_iter().map(|due| due.deposit).collect()
}
