//! What must be true, said anew: no rule here is taken from the code under test.

use std::collections::{BTreeMap, BTreeSet};

use depositd::domain::{
    Address, BlockRef, Deposit, DepositId, DepositState, Height, Notification, Order, OrderId, OrderState, Reason,
    Timestamp, TxHash,
};

use crate::chain::Chain;

/// The least amount that is credited.
pub const MINIMUM: u64 = 2;

/// What a threshold asks for: `None` is the network's own word.
pub type Count = Option<u32>;

/// What the core holds now.
pub struct View<'a> {
    pub chain: &'a Chain,
    /// Where the core stands.
    pub tip: BlockRef,
    pub last_final: Option<BlockRef>,
    pub deposits: Vec<Deposit>,
    pub orders: Vec<Order>,
    pub events: Vec<Notification>,
}

/// An order as its client knows it.
#[derive(Clone, Debug)]
pub struct Wish {
    pub address: Address,
    pub expected: u64,
    /// 0: any amount, 1: at least, 2: exactly.
    pub policy: u8,
    pub deadline: Option<Timestamp>,
    /// The first height that counts, by registration or because it was asked for.
    pub from: Height,
    /// What nobody owned when the order was registered stays as it was told, however far back the order looks: a person
    /// may bind it.
    pub told_before: BTreeSet<DepositId>,
}

#[derive(Debug, Default)]
pub struct Model {
    /// Thresholds by the least amount; configured, then set.
    pub rules: BTreeMap<u64, Count>,
    pub set: BTreeMap<u64, Count>,
    pub wishes: BTreeMap<OrderId, Wish>,
    pub watches: BTreeMap<Address, Height>,
    /// What had been told to be nobody's when an address was watched from the past on.
    pub told_before: BTreeSet<DepositId>,
    pub held: BTreeSet<DepositId>,
    pub bound: BTreeSet<DepositId>,
    bodies: BTreeMap<String, Vec<u8>>,
    told: BTreeMap<String, u32>,
    credited: BTreeSet<DepositId>,
    expired: BTreeSet<OrderId>,
}

fn units(deposit: &Deposit) -> u64 {
    deposit.amount.to_string().parse().unwrap()
}

fn stands(deposit: &Deposit) -> bool {
    matches!(deposit.state, DepositState::Confirmed | DepositState::Finalized)
}

impl Model {
    /// What an amount needs now.
    pub fn needs(&self, amount: u64) -> Count {
        let mut all = self.rules.clone();
        all.extend(&self.set);
        *all.range(..=amount).next_back().unwrap().1
    }

    /// Whether rules rise: more money never needs less, and above the first tier never fewer than three.
    pub fn rises(rules: &BTreeMap<u64, Count>, set: &BTreeMap<u64, Count>) -> bool {
        let mut all = rules.clone();
        all.extend(set);
        let ranks: Vec<u32> = all.values().map(|count| count.unwrap_or(u32::MAX)).collect();
        ranks.is_sorted() && all.iter().all(|(from, count)| *from == 0 || count.is_none_or(|count| count >= 3))
    }

    fn is_deep(&self, deposit: &Deposit, view: &View<'_>) -> bool {
        let confirmations = (view.tip.height.0 + 1).saturating_sub(deposit.included_at.height.0);
        match self.needs(units(deposit)) {
            Some(count) => confirmations >= u64::from(count),
            None => view.last_final.is_some_and(|last| deposit.included_at.height <= last.height),
        }
    }

    /// After every commit.
    pub fn look(&mut self, view: &View<'_>) {
        let now: BTreeSet<DepositId> = view.deposits.iter().filter(|d| stands(d)).map(|d| d.id.clone()).collect();
        for deposit in view.deposits.iter().filter(|d| now.contains(&d.id) && !self.credited.contains(&d.id)) {
            self.may_credit(deposit, view);
        }
        for gone in self.credited.difference(&now) {
            let deposit = view.deposits.iter().find(|deposit| deposit.id == *gone).unwrap();
            assert!(deposit.version.0 % 2 == 0, "{} is not credited any more, and nobody was told", deposit.text());
        }
        self.credited = now;
        self.events_are_told_once(view);
        self.orders_fit_their_deposits(view);
    }

    fn may_credit(&self, deposit: &Deposit, view: &View<'_>) {
        let name = deposit.text();
        // A person binds on the chain as it is followed; all others are looked up once more.
        let by_hand = self.bound.contains(&deposit.id);
        assert!(by_hand || view.chain.holds(deposit.included_at), "{name} is credited off the chain");
        assert!(self.is_deep(deposit, view), "{name} is credited before its depth: {deposit:?} at {:?}", view.tip);
        assert!(!self.held.contains(&deposit.id), "{name} is credited although a person holds it");
        assert_ne!(deposit.from, deposit.to, "{name} is a transfer to itself");
        let returns = deposit.version.0 > 1;
        assert!(returns || by_hand || units(deposit) >= MINIMUM, "{name} is dust");
        let Some(order) = &deposit.order else {
            let from = self.watches.get(&deposit.to).expect("nobody watches the address");
            assert!(*from <= deposit.first_seen.max(deposit.included_at.height), "{name} is older than the watch");
            return;
        };
        let wish = &self.wishes[order];
        if by_hand {
            return;
        }
        assert_eq!(wish.address, deposit.to, "{name} pays an order elsewhere");
        if returns {
            return;
        }
        let (amount, expected) = (units(deposit), wish.expected);
        let fits = [true, amount >= expected, amount == expected][usize::from(wish.policy)];
        assert!(fits, "{name}: {amount} for {expected} under policy {}", wish.policy);
        assert!(wish.deadline.is_none_or(|last| deposit.block_time <= last), "{name} was late");
        assert!(wish.from <= deposit.first_seen || wish.from <= deposit.included_at.height, "{name} is too old");
    }

    fn events_are_told_once(&mut self, view: &View<'_>) {
        let places: Vec<u64> = view.events.iter().map(|event| event.place.0).collect();
        let expected: Vec<u64> = (1..=places.len() as u64).collect();
        assert_eq!(places, expected, "every event has its place, without gaps");
        for event in &view.events {
            let known = self.bodies.entry(event.id.as_str().to_owned()).or_insert_with(|| event.body.clone());
            assert_eq!(*known, event.body, "{} has two bodies", event.id);
        }
        self.told.clear();
        for event in &view.events {
            let (deposit, version) = event.id.as_str().rsplit_once('_').unwrap();
            let Ok(version) = version.parse::<u32>() else { continue };
            let last = self.told.insert(deposit.to_owned(), version).unwrap_or(0);
            assert_eq!(version, last + 1, "versions of {deposit} follow each other");
        }
        for deposit in &view.deposits {
            let told = self.told.get(&deposit.text()).copied().unwrap_or(0);
            assert_eq!(told, deposit.version.0, "{} was told another version", deposit.text());
            assert_eq!(stands(deposit), told % 2 == 1, "{} stands otherwise than was told", deposit.text());
        }
    }

    fn orders_fit_their_deposits(&mut self, view: &View<'_>) {
        let mut waiting: BTreeMap<Address, OrderId> = BTreeMap::new();
        for order in &view.orders {
            let credits: Vec<_> =
                view.deposits.iter().filter(|d| stands(d) && d.order.as_ref() == Some(&order.id)).collect();
            assert!(credits.len() <= 1, "order {} is credited twice", order.id);
            match &order.state {
                OrderState::Paid(by) => {
                    assert!(credits.iter().any(|credit| credit.id == *by), "order {} is paid by nothing", order.id);
                }
                OrderState::Open | OrderState::Reversed(_) | OrderState::Cancelled | OrderState::Expired => {
                    assert!(credits.is_empty(), "order {} is {} and credited", order.id, order.state.word());
                }
            }
            if order.state == OrderState::Open {
                let other = waiting.insert(order.address, order.id.clone());
                assert_eq!(other, None, "two orders wait at {:?}", order.address);
            }
            // Where one confirmation is enough, a reorg may take back what passed the deadline; the end stays.
            if order.state == OrderState::Expired && self.expired.insert(order.id.clone()) {
                let deadline = self.wishes[&order.id].deadline.expect("an order without a deadline expired");
                let blocks = view.chain.blocks.iter().filter(|block| block.header.at.height <= view.tip.height);
                let passed = blocks.filter(|block| block.header.time > deadline).count();
                let deep = self.needs(0).is_none_or(|count| passed >= count as usize);
                assert!(deep || !view.chain.holds(view.tip), "order {} expired before its time", order.id);
            }
        }
    }

    /// When nothing happens any more: every transfer has come to its end, with the right reason.
    pub fn judge_the_end(&self, view: &View<'_>) {
        let by_id: BTreeMap<TxHash, &Deposit> = view.deposits.iter().map(|d| (d.id.tx, d)).collect();
        let mut sums: BTreeMap<Address, u64> = BTreeMap::new();
        for (header, transfer) in view.chain.transfers() {
            let Some(deposit) = by_id.get(&transfer.tx) else {
                assert!(!self.was_owned(transfer.to, header.at.height), "{transfer:?} in {:?} was missed", header.at);
                continue;
            };
            assert_eq!(deposit.included_at, header.at, "{} is in another block", deposit.text());
            match deposit.state {
                DepositState::Confirmed | DepositState::Finalized => {
                    *sums.entry(transfer.to).or_default() += units(deposit);
                }
                DepositState::Unmatched => self.was_turned_away(deposit, view),
                DepositState::Detected | DepositState::Orphaned => {
                    panic!("{} is still {}", deposit.text(), deposit.state.word())
                }
            }
        }
        for deposit in view.deposits.iter().filter(|deposit| stands(deposit)) {
            assert!(view.chain.holds(deposit.included_at), "{} stands credited off the chain", deposit.text());
        }
        let mut credited: BTreeMap<Address, u64> = BTreeMap::new();
        for deposit in view.deposits.iter().filter(|deposit| stands(deposit)) {
            *credited.entry(deposit.to).or_default() += units(deposit);
        }
        assert_eq!(credited, sums, "credited minus reversed is the chain's own sum");
        for order in view.orders.iter().filter(|order| order.state == OrderState::Open) {
            let deadline = self.wishes[&order.id].deadline;
            let late = deadline.is_some_and(|last| view.last_final.is_some_and(|at| view.time_of(at) > last));
            assert!(!late, "order {} waits beyond its deadline", order.id);
        }
    }

    /// Whether somebody waited there when the block came.
    fn was_owned(&self, address: Address, height: Height) -> bool {
        let watched = self.watches.get(&address).is_some_and(|from| *from <= height);
        watched || self.wishes.values().any(|wish| wish.address == address && wish.from <= height)
    }

    fn was_turned_away(&self, deposit: &Deposit, view: &View<'_>) {
        let name = deposit.text();
        let watched = self.watches.get(&deposit.to).is_some_and(|from| *from <= deposit.included_at.height);
        let watched = watched && !self.told_before.contains(&deposit.id);
        let order = deposit.order.as_ref().map(|id| view.orders.iter().find(|order| order.id == *id).unwrap());
        let wish = deposit.order.as_ref().map(|id| &self.wishes[id]);
        match deposit.reason {
            Reason::SelfTransfer => return assert_eq!(deposit.from, deposit.to, "{name}"),
            Reason::BelowMinimum => return assert!(units(deposit) < MINIMUM, "{name}"),
            Reason::Under => {
                let wish = wish.expect("an order that was underpaid");
                assert!(wish.policy > 0 && units(deposit) < wish.expected, "{name}");
            }
            Reason::Over => {
                let wish = wish.expect("an order that was overpaid");
                assert!(wish.policy == 2 && units(deposit) > wish.expected, "{name}");
            }
            Reason::Late => {
                let wish = wish.expect("an order that has expired");
                let last = wish.deadline.expect("a deadline");
                let is_over = order.is_some_and(|order| order.state != OrderState::Open);
                assert!(deposit.block_time > last || is_over, "{name} was in time");
            }
            Reason::Duplicate | Reason::NoOpenOrder => {
                let waits = view.orders.iter().any(|order| {
                    let wish = &self.wishes[&order.id];
                    order.state == OrderState::Open && order.address == deposit.to && wish.takes(deposit)
                });
                assert!(!waits, "{name} is nobody's, and an order waits for it");
            }
            Reason::Pending | Reason::Matched | Reason::Manual | Reason::Reversed => {
                panic!("{name} was turned away as {}", deposit.reason.word())
            }
        }
        assert!(!watched, "{name} was turned away at a watched address");
    }
}

impl Wish {
    fn takes(&self, deposit: &Deposit) -> bool {
        let amount = units(deposit);
        let fits = [true, amount >= self.expected, amount == self.expected][usize::from(self.policy)];
        !self.told_before.contains(&deposit.id)
            && fits
            && self.deadline.is_none_or(|last| deposit.block_time <= last)
            && self.from <= deposit.first_seen.min(deposit.included_at.height)
    }
}

impl View<'_> {
    fn time_of(&self, at: BlockRef) -> Timestamp {
        self.chain.blocks[at.height.0 as usize].header.time
    }
}
