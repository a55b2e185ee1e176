//! Table tests: a script of blocks in, the story of its deposits out.
//!
//! Script lines:
//! `policy 2` or `policy final` · `tiers 2 100:5` (from 100 on five confirmations; `5+`: and a second source) · `tron` (a TRON network, credited when solid, window 64) · `window 8` · `watch A` · `order o1 A 50`
//! (registered at the current tip; options at `World::order`) · `held t1` / `free t1` (by a person) · `on 0: 1a[t1 A 50], 2a` (a batch on that base; `t1.1` is the token's second log in
//! t1; `A<A` pays A from A, `A<0` from the zero address; `3a..9a` are empty blocks) · `final 2a` (the node calls it final
//! with the next line) · `down 1a` (the chain ends there) · `hold` / `ask` (withhold or give evidence again) ·
//! `scan A 3..9 on 2a: 3a[t1 A 50], 4a` (those blocks again, for A from height 3 to 9; `*` for everything) · `back 3a` (a person
//! takes everything above back, and the chain has 3a) ·
//! `forge t1 9` (evidence of another amount) · `weak t1` (evidence nobody was asked twice for) ·
//! `elsewhere t1 1b` (evidence of another block) · `cursor` (tell it) ·
//! `restart` (load again what is stored).
//! Heights come from the names: `12b` is height 12 on branch b.

use std::{collections::BTreeMap, fmt::Write as _, num::NonZeroU32};

use expect_test::{Expect, expect};

use super::{Change, Changeset, Known, Needs, PlanError, Tracker};
use crate::domain::{
    Act, Address, AppId, Block, BlockBatch, BlockHash, BlockRef, Confirmations, Decimals, Deposit, DepositId, Event,
    EventId, EventKind, Evidence, Family, Header, Height, LogOrdinal, Millis, Need, NetworkId, NetworkSpec, Order,
    OrderState, Policy, Reason, Threshold, Timestamp, Token, TokenAmount, Transfer, TxHash,
};

const TOKEN: Address = Address([0xee; 20]);
const MINIMUM: u64 = 2;

#[derive(Debug)]
struct World {
    tracker: Tracker,
    rows: Known,
    finalized: Option<BlockRef>,
    holding_back: bool,
    story: String,
}

fn network() -> NetworkId {
    "test".parse().unwrap()
}

fn app() -> AppId {
    "app".parse().unwrap()
}

fn spec(threshold: Threshold, window_blocks: u32) -> NetworkSpec {
    let token = Token {
        contract: TOKEN,
        symbol: "USDT".to_owned(),
        decimals: Decimals::new(0).unwrap(),
        minimum: TokenAmount::of(MINIMUM),
    };
    NetworkSpec {
        main_coin: None,
        id: network(),
        family: Family::Evm,
        tokens: BTreeMap::from([(TOKEN, token)]),
        policy: Policy::flat(threshold),
        window_blocks,
    }
}

fn address(name: &str) -> Address {
    if name == "0" { Address([0; 20]) } else { Address([name.as_bytes()[0]; 20]) }
}

fn tx(name: &str) -> TxHash {
    let mut bytes = [0; 32];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    TxHash(bytes)
}

fn at(name: &str) -> BlockRef {
    let digits = name.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let height = Height(digits.parse().unwrap());
    let mut hash = [0; 32];
    hash[..name.len()].copy_from_slice(name.as_bytes());
    BlockRef { height, hash: BlockHash(hash) }
}

fn name_of(block: BlockRef) -> String {
    String::from_utf8(block.hash.0.iter().copied().take_while(|b| *b != 0).collect()).unwrap()
}

fn transfer(text: &str) -> Transfer {
    let [tx_name, to, amount] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("transfer {text:?}") };
    let (tx_name, ordinal) = tx_name.split_once('.').unwrap_or((tx_name, "0"));
    let (to, from) = to.split_once('<').unwrap_or((to, "z"));
    Transfer {
        tx: tx(tx_name),
        token: TOKEN,
        ordinal: LogOrdinal(ordinal.parse().unwrap()),
        from: address(from),
        to: address(to),
        amount: TokenAmount::parse_base_units(amount).unwrap(),
    }
}

/// `3a..9a` as seven names; any other text as it is.
fn spread(text: &str) -> Vec<String> {
    let Some((from, to)) = text.split_once("..") else { return vec![text.to_owned()] };
    let branch = from.trim_start_matches(|c: char| c.is_ascii_digit());
    (at(from).height.0..=at(to).height.0).map(|height| format!("{height}{branch}")).collect()
}

/// Linked blocks on `base`.
fn blocks_on(base: &str, blocks: &str) -> Vec<Block> {
    let mut below = at(base);
    let blocks = blocks.split(", ").flat_map(spread).map(|text| {
        let (name, transfers) = text.split_once('[').unwrap_or((&text, "]"));
        let transfers = transfers.trim_end_matches(']').split("; ").filter(|t| !t.is_empty()).map(transfer);
        let here = at(name);
        let header = Header { at: here, parent: below.hash, time: Timestamp(here.height.0 * 12) };
        below = here;
        Block { header, transfers: transfers.collect() }
    });
    blocks.collect()
}

impl World {
    fn new() -> Self {
        let two = Confirmations(NonZeroU32::new(2).unwrap());
        let mut world = Self {
            tracker: Tracker::new(spec(Threshold::Confirmations(two), 8)),
            rows: Known::default(),
            finalized: None,
            holding_back: false,
            story: String::new(),
        };
        let genesis = Header { at: at("0"), parent: BlockHash([0xff; 32]), time: Timestamp(0) };
        let changes = world.tracker.plan_adopt(&[genesis]).unwrap();
        world.take(changes);
        world
    }

    fn known(&self, needs: Needs) -> Known {
        let mut known = self.rows.clone();
        known.deposits.retain(|id, _| needs.deposits.contains(id));
        known.holdings.retain(|(_, address), _| needs.addresses.contains(address));
        known
    }

    /// As the store answers: open orders with an earlier deadline.
    fn with_overdue(&self, known: Known, ripe: Option<Timestamp>) -> Known {
        let waits = |order: &&Order| {
            let has_line = order.line(&network()).is_some_and(|line| !line.closed);
            order.state == OrderState::Open && has_line && ripe.is_some_and(|time| order.is_late(time))
        };
        let overdue: Vec<_> = self.rows.orders.values().filter(waits).collect();
        let mut known = Known { overdue: overdue.iter().map(|o| (o.app.clone(), o.id.clone())).collect(), ..known };
        for order in overdue {
            known.holdings.extend(
                self.rows
                    .holdings
                    .iter()
                    .filter(|((_, a), _)| *a == order.address)
                    .map(|(k, h)| (k.clone(), h.clone())),
            );
        }
        known
    }

    fn take(&mut self, changes: Changeset) {
        self.tracker.accept(&changes);
        for change in changes.changes {
            match change {
                Change::Deposit(deposit) => {
                    self.tell(&deposit);
                    self.rows.deposits.insert(deposit.id.clone(), deposit);
                }
                Change::Order(order) => {
                    writeln!(self.story, "    order {} {}", order.id, order.state.word()).unwrap();
                    self.rows.orders.insert((order.app.clone(), order.id.clone()), order);
                }
                Change::Holding(holding) => {
                    self.rows.holdings.insert((holding.network.clone(), holding.address), holding);
                }
                Change::App(_)
                | Change::DropHolding(..)
                | Change::Override(_)
                | Change::DropOverride(..)
                | Change::Scan(_)
                | Change::DropScan(..)
                | Change::Audit(_)
                | Change::Notification(_)
                | Change::Attempt(_)
                | Change::DropAttempt(..)
                | Change::Endpoint(_)
                | Change::Trade(..)
                | Change::Cursor(..)
                | Change::Header(..)
                | Change::DropHeader(..) => {}
            }
        }
        for event in changes.events {
            let event = match event {
                Event::Deposit(event) => event,
                Event::Order(event) => {
                    let (kind, order, block) = (event.kind.word(), &event.order.id, name_of(event.block));
                    writeln!(self.story, "    -> {kind} {order} by {block}").unwrap();
                    continue;
                }
            };
            let order = event.order.map_or_else(String::new, |order| format!(" for {}", order.id));
            if event.kind == EventKind::Detected {
                assert_eq!((event.version.0, event.deposit.reason), (0, Reason::Pending));
                assert_eq!(event.id, EventId::detected(&event.deposit.text()));
                let tx = name_of(BlockRef { height: Height(0), hash: BlockHash(event.deposit.id.tx.0) });
                let (ordinal, confirmations) = (event.deposit.id.ordinal.0, event.confirmations);
                writeln!(self.story, "    -> detected {tx}.{ordinal}{order}, {confirmations} conf").unwrap();
                continue;
            }
            let (kind, version, reason) = (event.kind.word(), event.version.0, event.deposit.reason.word());
            let confirmations = event.confirmations;
            writeln!(self.story, "    -> {kind} v{version} {reason}{order}, {confirmations} conf").unwrap();
        }
    }

    fn tell(&mut self, deposit: &Deposit) {
        let tx = name_of(BlockRef { height: Height(0), hash: BlockHash(deposit.id.tx.0) });
        let to = char::from(deposit.to.0[0]);
        let (amount, state, reason) = (deposit.amount, deposit.state.word(), deposit.reason.word());
        let block = name_of(deposit.included_at);
        writeln!(self.story, "  {tx}.{} {to} {amount} in {block}: {state} ({reason})", deposit.id.ordinal.0).unwrap();
    }

    fn planned(&mut self, plan: Result<Changeset, PlanError>) {
        match plan {
            Ok(changes) => self.take(changes),
            Err(error) => writeln!(self.story, "  refused: {error}").unwrap(),
        }
    }

    fn batch(&mut self, base: &str, blocks: &str) {
        let batch = BlockBatch::link(at(base), blocks_on(base, blocks)).unwrap();
        let ripe = self.tracker.overdue_after(&batch, self.finalized);
        let known = self.with_overdue(self.known(self.tracker.needs_of_batch(&batch)), ripe);
        let plan = self.tracker.plan_apply(&batch, self.finalized, known);
        self.planned(plan);
        self.verify();
    }

    fn verify(&mut self) {
        if self.holding_back {
            return;
        }
        let due = self.tracker.due(100);
        let evidence: Vec<_> = due.iter().map(|due| evidence_of(&due.deposit)).collect();
        let ripe = self.tracker.overdue_now(self.finalized);
        let known = self.with_overdue(self.known(self.tracker.needs_of_evidence(&evidence)), ripe);
        let plan = self.tracker.plan_verify(&evidence, self.finalized, known);
        self.planned(plan);
    }

    fn forge(&mut self, tx_name: &str, forge: impl FnOnce(&mut Evidence)) {
        let id = DepositId { network: network(), tx: tx(tx_name), token: TOKEN, ordinal: LogOrdinal(0) };
        let mut forged = evidence_of(&self.rows.deposits[&id]);
        forge(&mut forged);
        let known = self.known(self.tracker.needs_of_evidence(std::slice::from_ref(&forged)));
        let plan = self.tracker.plan_verify(&[forged], None, known);
        self.planned(plan);
    }

    /// A new tracker over what is stored.
    fn restart(&mut self) {
        let fresh = Tracker::new(self.tracker.spec.clone());
        let old = std::mem::replace(&mut self.tracker, fresh);
        self.tracker.load_cursor(old.cursor.unwrap());
        old.window.headers().for_each(|header| self.tracker.load_header(*header));
        self.rows.holdings.values().for_each(|holding| self.tracker.load_address(holding.address));
        self.rows.deposits.values().for_each(|deposit| self.tracker.load_deposit(deposit.clone()));
        self.tracker.loaded().unwrap();
        assert_eq!(self.tracker.pending, old.pending);
        assert_eq!(self.tracker.told, old.told);
    }

    fn tell_cursor(&mut self) {
        let cursor = self.tracker.cursor().unwrap();
        let last = cursor.finalized.map_or_else(|| "none".to_owned(), name_of);
        let floor = self.tracker.window().floor().unwrap();
        writeln!(self.story, "  at {}, final {last}, headers from {floor}", name_of(cursor.tip)).unwrap();
    }

    fn step(&mut self, line: &str) {
        writeln!(self.story, "{line}").unwrap();
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["policy", "final"] => self.tracker.spec.policy = Policy::flat(Threshold::Finalized),
            ["policy", n] => {
                let n = Confirmations(n.parse().unwrap());
                self.tracker.spec.policy = Policy::flat(Threshold::Confirmations(n));
            }
            ["tron"] => {
                self.tracker.spec.family = Family::Tron;
                self.tracker.spec.policy = Policy::flat(Threshold::Finalized);
                self.tracker.spec.window_blocks = 64;
            }
            ["window", n] => self.tracker.spec.window_blocks = n.parse().unwrap(),
            ["watch", name] => self.watch(name),
            ["order", id, name, amount, ..] => self.order(id, name, amount, &words[4..]),
            ["tiers", ..] => self.tiers(&words[1..]),
            ["held", tx] => self.hold(tx, Some(Act { by: "ops".into(), at: Millis(0), why: "looks odd".into() })),
            ["free", tx] => {
                self.hold(tx, None);
                self.verify();
            }
            ["final", name] => self.finalized = Some(at(name)),
            ["hold"] => self.holding_back = true,
            ["ask"] => {
                self.holding_back = false;
                // The first may bring the word that makes others ripe.
                self.verify();
                self.verify();
            }
            ["forge", tx, amount] => {
                self.forge(tx, |piece| piece.amount = TokenAmount::parse_base_units(amount).unwrap())
            }
            ["weak", tx] => self.forge(tx, |piece| piece.under = Need::WEAKEST),
            ["elsewhere", tx, block] => self.forge(tx, |piece| piece.at = at(block)),
            ["cursor"] => self.tell_cursor(),
            ["restart"] => self.restart(),
            ["scan", target, range, "on", ..] => {
                let (base, blocks) = line.split_once(" on ").unwrap().1.split_once(": ").unwrap();
                self.scan(target, range, base, blocks);
            }
            ["back", name] => self.back(name),
            ["down", name] => {
                let known = self.known(self.tracker.needs_of_retreat(at(name)));
                let plan = self.tracker.plan_retreat(at(name), known);
                self.planned(plan);
                self.verify();
            }
            ["on", ..] => {
                let (base, blocks) = line["on ".len()..].split_once(": ").unwrap();
                self.batch(base, blocks);
            }
            _ => panic!("unknown line {line:?}"),
        }
    }
}

fn evidence_of(deposit: &Deposit) -> Evidence {
    Evidence {
        under: Need::STRONGEST,
        id: deposit.id.clone(),
        at: deposit.included_at,
        from: deposit.from,
        to: deposit.to,
        amount: deposit.amount,
    }
}

fn check(script: &str, story: Expect) {
    let mut world = World::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        world.step(line);
    }
    story.assert_eq(&world.story);
}

mod again;
mod catalogue;
mod detected;
mod ends;
mod expiry;
mod explain;
mod final_word;
mod forks;
mod imported;
mod limits;
mod manual;
mod money;
mod resume;
mod scan;
mod solid;
mod story;
mod world;
