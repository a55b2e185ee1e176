//! Hands the real core what the drawn acts come to, and shows the model what it holds.

use std::collections::{BTreeMap, BTreeSet};

use depositd::{
    domain::{
        Act, AmountPolicy, App, AppId, BlockBatch, BlockRef, Confirmations, Decimals, DepositId, DepositState,
        EventPlace, Evidence, Family, Height, LiveKey, Millis, Need, NetworkId, NetworkSpec, NotifyUrl, OrderId,
        Origin, Policy, PolicyScope, Protocol, SigningKey, Since, StoredKey, Threshold, TierFrom, Timestamp, Token,
        TokenAmount, UserMark,
        policy::{Limits, Rule, RuleSet},
    },
    store::{MemoryEngine, Store},
    writer::{
        Core, Fault, Loading, NewOrder, NewWatch,
        handle::{ByHand, NeedWish, PolicyChange, Resume},
    },
};

use crate::{
    chain::{Chain, FINAL_LAG, Pay, TOKEN, payee},
    model::{Count, MINIMUM, Model, View, Wish},
};

/// The least amounts of the tiers that may be set.
const TIERS: [u64; 3] = [0, 50, 100];
const GRACE_S: u32 = 5;

/// One drawn act.
#[derive(Clone, Debug)]
pub enum Op {
    Mine {
        pays: Vec<Pay>,
        gap_s: u64,
    },
    Reorg {
        depth: usize,
        more: usize,
        keep: u64,
        pays: Vec<Pay>,
    },
    Follow {
        blocks: usize,
        says_final: bool,
    },
    Verify {
        proved: u8,
    },
    Order {
        to: u8,
        policy: u8,
        lives_s: Option<u64>,
        back: Option<u64>,
    },
    Watch {
        to: u8,
        back: Option<u64>,
    },
    /// A step of reading the past.
    Scan {
        len: u64,
    },
    /// A person has the past read again.
    Rescan {
        back: u64,
    },
    /// A person has everything above a block of the chain as it is taken back; it may be cut off by a restart.
    TakeBack {
        back: u64,
        cut_off: bool,
    },
    Cancel {
        which: u8,
    },
    SetPolicy {
        tier: u8,
        count: Option<u32>,
    },
    ClearPolicy {
        tier: u8,
    },
    Hold {
        which: u8,
    },
    Release {
        which: u8,
    },
    Bind {
        which: u8,
        order: u8,
    },
    Restart,
}

pub struct World {
    pub model: Model,
    chain: Chain,
    engine: MemoryEngine,
    core: Core,
    next_order: u32,
}

fn network() -> NetworkId {
    "net".parse().unwrap()
}

fn app_id() -> AppId {
    "shop".parse().unwrap()
}

fn threshold(count: Count) -> Threshold {
    count.map_or(Threshold::Finalized, |count| Threshold::Confirmations(Confirmations::new(count).unwrap()))
}

fn spec(rules: &BTreeMap<u64, Count>) -> NetworkSpec {
    let token = Token {
        contract: TOKEN,
        symbol: "USDT".to_owned(),
        decimals: Decimals::new(0).unwrap(),
        minimum: TokenAmount::of(MINIMUM),
    };
    let tokens = BTreeMap::from([(TOKEN, token)]);
    let file = rules.iter().map(|(from, count)| Rule {
        scope: scope(*from),
        need: Need::of(threshold(*count)),
        origin: Origin::Default,
    });
    let limits = Limits { floor: Confirmations::ONE, ceiling: Confirmations::new(8).unwrap(), endpoints: 1 };
    let rules = RuleSet { limits, file: file.collect(), runtime: BTreeMap::new() };
    let policy = Policy::compile(rules, &tokens).unwrap();
    NetworkSpec { main_coin: None, id: network(), family: Family::Evm, tokens, policy, window_blocks: 16 }
}

fn scope(from: u64) -> PolicyScope {
    PolicyScope { from: TierFrom::parse(&from.to_string()).unwrap(), ..PolicyScope::network() }
}

fn act() -> Act {
    Act { by: "uid 0".into(), at: Millis(9), why: "drawn".into() }
}

fn load(engine: &MemoryEngine, rules: &BTreeMap<u64, Count>) -> Core {
    let mut loading = Loading::of([spec(rules)]);
    let store = Store::in_memory(engine, |row| loading.row(row)).unwrap();
    loading.finish(store).unwrap()
}

fn view_of<'a>(chain: &'a Chain, core: &Core) -> View<'a> {
    let reader = core.store().reader();
    let cursor = core.trackers()[&network()].cursor().unwrap();
    View {
        chain,
        tip: cursor.tip,
        last_final: cursor.finalized,
        deposits: reader.deposits_on(&network(), None, usize::MAX).unwrap(),
        orders: reader.orders(&app_id(), None, usize::MAX).unwrap(),
        events: reader.events(None, EventPlace(0), usize::MAX).unwrap(),
    }
}

impl World {
    pub fn new() -> Self {
        let rules = BTreeMap::from([(0, Some(2)), (100, Some(4)), (1000, None)]);
        let mut model = Model::default();
        model.rules.clone_from(&rules);
        let engine = MemoryEngine::new();
        let core = load(&engine, &rules);
        let mut world = Self { model, chain: Chain::new(), engine, core, next_order: 0 };
        let key = LiveKey { key: StoredKey::Clear(SigningKey::kept(vec![7; 32])), until: None };
        let app = App {
            news: Default::default(),
            id: app_id(),
            protocol: Protocol::StandardWebhooks,
            notify_url: NotifyUrl::checked("https://shop.example/hook".to_owned()).unwrap(),
            notify_hosts: Vec::new(),
            keys: vec![key],
            amount_policy: AmountPolicy::AcceptActual,
            grace_s: GRACE_S,
            created: Millis(0),
        };
        world.core.create_app(app, &act()).unwrap();
        world.core.adopt(&network(), &[world.chain.tip().header], Millis(0)).unwrap();
        world.commit();
        world
    }

    pub fn step(&mut self, op: Op) {
        match op {
            Op::Mine { pays, gap_s } => self.chain.mine(&pays, gap_s),
            Op::Reorg { depth, more, keep, pays } => self.chain.reorg(depth, more, keep, &pays),
            Op::Follow { blocks, says_final } => self.follow(blocks, says_final),
            Op::Verify { proved } => self.verify(proved, proved & 1 == 1),
            Op::Order { to, policy, lives_s, back } => self.order(to, policy, lives_s, back),
            Op::Watch { to, back } => self.watch(to, back),
            Op::Scan { len } => self.scan(len),
            Op::Rescan { back } => self.rescan(back),
            Op::TakeBack { back, cut_off } => self.take_back(back, cut_off),
            Op::Cancel { which } => self.cancel(which),
            Op::SetPolicy { tier, count } => self.change_policy(TIERS[usize::from(tier)], Some(count)),
            Op::ClearPolicy { tier } => self.change_policy(TIERS[usize::from(tier)], None),
            Op::Hold { which } => self.by_hand(which, DepositState::Detected, &ByHand::Hold),
            Op::Release { which } => self.release(which),
            Op::Bind { which, order } => self.bind(which, order),
            Op::Restart => self.core = load(&self.engine, &self.model.rules),
        }
        self.model.look(&view_of(&self.chain, &self.core));
    }

    /// Nobody holds anything any more, the chain goes on quietly, and everything is read and proved.
    pub fn settle(&mut self) {
        for id in self.model.held.clone() {
            self.core.by_hand(&id, &ByHand::Release, &act()).unwrap();
            self.model.held.remove(&id);
        }
        self.commit();
        for _ in 0..2 * FINAL_LAG + 16 {
            self.chain.mine(&[], 12);
            self.follow(3, true);
            self.scan(3);
            self.verify(u8::MAX, true);
        }
        for _ in 0..64 {
            self.follow(5, true);
            self.scan(5);
            self.verify(u8::MAX, true);
        }
        // One more block ends what waited for the past.
        self.chain.mine(&[], 12);
        self.follow(5, true);
        assert_eq!(self.core.store().scans(&network(), 9).unwrap(), [], "the past is read");
        assert_eq!(self.tip(), self.chain.tip().header.at, "the core reaches the head");
        self.model.look(&view_of(&self.chain, &self.core));
    }

    pub fn view(&self) -> View<'_> {
        view_of(&self.chain, &self.core)
    }

    fn commit(&mut self) {
        self.core.commit().unwrap();
        self.core.published();
    }

    fn tip(&self) -> BlockRef {
        self.core.trackers()[&network()].cursor().unwrap().tip
    }

    fn claimed(&self, says_final: bool) -> Option<BlockRef> {
        self.chain.last_final().filter(|_| says_final)
    }

    fn follow(&mut self, blocks: usize, says_final: bool) {
        let window = self.core.trackers()[&network()].window();
        let base = window.headers().map(|header| header.at).filter(|at| self.chain.holds(*at)).last().unwrap();
        let first = base.height.0 as usize + 1;
        let more: Vec<_> = self.chain.blocks.iter().skip(first).take(blocks).cloned().collect();
        let finalized = self.claimed(says_final);
        if more.is_empty() {
            if base != self.tip() {
                self.core.retreat(&network(), base, Millis(0)).unwrap();
            }
        } else {
            let batch = BlockBatch::link(base, more).unwrap();
            self.core.apply(&network(), &batch, finalized, Millis(0)).unwrap();
        }
        self.commit();
    }

    /// Evidence as an honest node gives it; the bits say which of the due deposits are asked for.
    fn verify(&mut self, proved: u8, says_final: bool) {
        let due = self.core.trackers()[&network()].due(64);
        let asked = due.into_iter().map(|due| due.deposit).enumerate();
        let asked = asked.filter(|(n, deposit)| proved >> (n % 8) & 1 == 1 && self.chain.holds(deposit.included_at));
        let evidence: Vec<_> = asked
            .map(|(_, deposit)| Evidence {
                under: Need::STRONGEST,
                id: deposit.id,
                at: deposit.included_at,
                from: deposit.from,
                to: deposit.to,
                amount: deposit.amount,
            })
            .collect();
        let finalized = self.claimed(says_final);
        self.core.verify(&network(), &evidence, finalized, Millis(0)).unwrap();
        self.commit();
    }

    fn order(&mut self, to: u8, policy: u8, lives_s: Option<u64>, back: Option<u64>) {
        self.next_order += 1;
        let id = OrderId::parse(&format!("o{}", self.next_order)).unwrap();
        let now = self.core.trackers()[&network()].cursor().unwrap();
        let since = back.map(|back| now.tip.height.down(back));
        let new = NewOrder {
            fail_url: None,
            serial: None,
            app: app_id(),
            id: id.clone(),
            user_mark: UserMark::default(),
            username: None,
            address: payee(to),
            lines: vec![(network(), TOKEN)],
            expected: TokenAmount::of(50),
            notify_url: None,
            amount_policy: Some(AmountPolicy::ALL[usize::from(policy)]),
            expires: lives_s.map(|lives| Timestamp(now.tip_time.0 + 1 + lives)),
            since: since.map(Since::Height),
        };
        if self.core.register_order(&new, Millis(0)).is_ok() {
            let deadline = new.expires.map(|at| Timestamp(at.0 + u64::from(GRACE_S)));
            let from = since.unwrap_or(now.tip.height.next());
            let told_before = self.nobodys();
            let wish = Wish { address: payee(to), expected: 50, policy, deadline, from, told_before };
            self.model.wishes.insert(id, wish);
        }
        self.commit();
    }

    fn watch(&mut self, to: u8, back: Option<u64>) {
        let since = back.map(|back| self.tip().height.down(back));
        let new = NewWatch {
            app: app_id(),
            user_mark: UserMark::default(),
            address: payee(to),
            networks: vec![network()],
            since: since.map(Since::Height),
        };
        let from = since.unwrap_or(self.tip().height.next());
        self.core.watch_address(&new, Millis(0)).unwrap();
        self.model.told_before.extend(self.nobodys());
        let first = self.model.watches.entry(payee(to)).or_insert(from);
        *first = from.min(*first);
        self.commit();
    }

    fn nobodys(&self) -> BTreeSet<DepositId> {
        let deposits = self.core.store().reader().deposits_on(&network(), None, usize::MAX).unwrap();
        deposits.into_iter().filter(|deposit| deposit.unmatched_told).map(|deposit| deposit.id).collect()
    }

    /// Blocks as an honest node has them now, which need not be those that are followed: then nothing is taken.
    fn scan(&mut self, len: u64) {
        let Some((from, to)) = self.core.scans(&network(), len).unwrap().range else { return };
        let blocks: Vec<_> =
            (from.0..=to.0).filter_map(|height| self.chain.blocks.get(height as usize).cloned()).collect();
        match self.core.apply_scan(&network(), &blocks, Millis(0)) {
            Ok(_) => {}
            Err(Fault::Refused(_)) => {
                let window = self.core.trackers()[&network()].window();
                let is_ours = |at: BlockRef| window.at(at.height).is_none_or(|header| header.at == at);
                let all_ours = blocks.iter().all(|block| is_ours(block.header.at) && block.header.at.height <= to);
                assert!(blocks.is_empty() || !all_ours || blocks.len() as u64 != to.0 - from.0 + 1, "ours are taken");
            }
            Err(other) => panic!("{other}"),
        }
        self.commit();
    }

    fn take_back(&mut self, back: u64, cut_off: bool) {
        let tip = self.tip().height;
        // The height both chains share, or a lower one: a person sees to it.
        let window = self.core.trackers()[&network()].window();
        let base = window.headers().map(|header| header.at).filter(|at| self.chain.holds(*at)).last().unwrap();
        let shared = |height: &u64| *height <= base.height.0 && *height + FINAL_LAG < self.chain.blocks.len() as u64;
        let Some(above) = tip.0.checked_sub(back).filter(shared).map(Height) else { return };
        let how = Resume::TakeBack { above };
        match self.core.resume(&network(), how, &act()) {
            Ok(_) => self.commit(),
            Err(Fault::Refused(_)) => return self.commit(),
            Err(other) => panic!("{other}"),
        }
        if cut_off {
            self.core = load(&self.engine, &self.model.rules);
        }
        let header = self.chain.blocks[above.0 as usize].header;
        let mut after = None;
        loop {
            let step = self.core.reanchor(&network(), header, after.as_ref(), Millis(0)).unwrap();
            self.commit();
            after = step.after;
            if step.applied.is_some() {
                break;
            }
        }
        assert_eq!(self.tip(), header.at);
    }

    fn rescan(&mut self, back: u64) {
        let tip = self.tip().height;
        match self.core.rescan(&network(), tip.down(back), tip, &act()) {
            Ok(_) | Err(Fault::Refused(_)) => self.commit(),
            Err(other) => panic!("{other}"),
        }
    }

    fn cancel(&mut self, which: u8) {
        let ids: Vec<_> = self.model.wishes.keys().cloned().collect();
        let Some(id) = ids.get(usize::from(which) % ids.len().max(1)) else { return };
        match self.core.cancel_order(&app_id(), id, Millis(0)) {
            Ok(_) | Err(Fault::Refused(_)) => self.commit(),
            Err(other) => panic!("{other}"),
        }
    }

    /// The change is taken exactly if the rules rise; what it says it credits is what is credited then.
    fn change_policy(&mut self, from: u64, count: Option<Count>) {
        let mut set = self.model.set.clone();
        match count {
            Some(count) => drop(set.insert(from, count)),
            None if set.remove(&from).is_none() => return,
            None => {}
        }
        let need = count.map(|count| NeedWish { threshold: Some(threshold(count)), second_source: Some(false) });
        let change =
            PolicyChange { network: network(), scope: scope(from), need, dry_run: true, act: act(), etag: None };
        let dry = self.core.change_policy(&change);
        if !Model::rises(&self.model.rules, &set) {
            assert!(matches!(dry, Err(Fault::Refused(_))), "{set:?} was taken");
            return;
        }
        // What waits already is credited first, so that only the change credits what follows.
        self.verify(u8::MAX, true);
        self.verify(u8::MAX, true);
        let dry = self.core.change_policy(&change).unwrap();
        let before = self.credited();
        self.core.change_policy(&PolicyChange { dry_run: false, ..change }).unwrap();
        self.commit();
        self.model.look(&view_of(&self.chain, &self.core));
        self.model.set = set;
        assert_eq!(self.credited(), before, "a policy takes nothing back and credits nothing by itself");
        let on_chain = dry.credited.listed.iter().filter(|deposit| self.chain.holds(deposit.included_at));
        let promised: Vec<DepositId> = on_chain.map(|deposit| deposit.id.clone()).collect();
        let all_there = promised.len() as u64 == dry.credited.count;
        self.verify(u8::MAX, false);
        let now = self.credited();
        let fresh: Vec<&DepositId> = now.iter().filter(|id| !before.contains(id)).collect();
        if all_there {
            let mut promised: Vec<_> = promised.iter().collect();
            promised.sort();
            assert_eq!(fresh, promised, "a dry run says what then happens");
        }
    }

    fn credited(&self) -> Vec<DepositId> {
        let deposits = self.core.store().reader().deposits_on(&network(), None, usize::MAX).unwrap();
        deposits.into_iter().filter(depositd::domain::Deposit::is_credited).map(|deposit| deposit.id).collect()
    }

    /// One of the deposits in `state`, drawn.
    fn pick(&self, which: u8, state: DepositState) -> Option<DepositId> {
        let all = self.core.store().reader().deposits_on(&network(), None, usize::MAX).unwrap();
        let fit: Vec<_> = all.into_iter().filter(|deposit| deposit.state == state).collect();
        fit.get(usize::from(which) % fit.len().max(1)).map(|deposit| deposit.id.clone())
    }

    fn by_hand(&mut self, which: u8, state: DepositState, wish: &ByHand) {
        let Some(id) = self.pick(which, state) else { return };
        if self.core.by_hand(&id, wish, &act()).is_ok() {
            match wish {
                ByHand::Hold => drop(self.model.held.insert(id)),
                ByHand::Release => drop(self.model.held.remove(&id)),
                ByHand::Bind(..) => drop(self.model.bound.insert(id)),
            }
        }
        self.commit();
    }

    fn release(&mut self, which: u8) {
        let held: Vec<_> = self.model.held.iter().cloned().collect();
        let Some(id) = held.get(usize::from(which) % held.len().max(1)) else { return };
        self.core.by_hand(id, &ByHand::Release, &act()).unwrap();
        self.model.held.remove(id);
        self.commit();
    }

    fn bind(&mut self, which: u8, order: u8) {
        let ids: Vec<_> = self.model.wishes.keys().cloned().collect();
        let Some(order) = ids.get(usize::from(order) % ids.len().max(1)).cloned() else { return };
        self.by_hand(which, DepositState::Unmatched, &ByHand::Bind(app_id(), order));
    }
}
