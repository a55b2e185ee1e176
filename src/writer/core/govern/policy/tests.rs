//! Rules set and cleared over a small chain. Every answer is compared with what the writer then credits.

mod changes;
mod kept;

use super::*;
use crate::{
    domain::{
        AmountPolicy, App, AppId, Block, BlockBatch, BlockHash, BlockRef, Confirmations, Decimals, DepositState,
        Family, Header, Height, LiveKey, LogOrdinal, Millis, NotifyUrl, Protocol, SigningKey, StoredKey, TierFrom,
        Timestamp, Transfer, TxHash, UserMark,
        policy::{Limits, Rule},
    },
    store::{MemoryEngine, Store},
    writer::{LoadError, Loading, NewOrder, NewWatch},
};

const USDT: Address = Address([0xee; 20]);
const DAI: Address = Address([0xdd; 20]);
/// Watched for good.
const STANDING: Address = Address([0xa1; 20]);
/// An order for 10 USDT waits here.
const ORDERED: Address = Address([0xa2; 20]);
/// An order was withdrawn here.
const WITHDRAWN: Address = Address([0xa3; 20]);

fn net() -> NetworkId {
    "net".parse().unwrap()
}

fn shop() -> AppId {
    "shop".parse().unwrap()
}

fn act(why: &str) -> Act {
    Act { by: "uid 7".into(), at: Millis(1_000), why: why.into() }
}

/// `7`, `7+` with a second source, `final`.
fn need(text: &str) -> Need {
    let (threshold, second_source) = text.strip_suffix('+').map_or((text, false), |text| (text, true));
    let threshold = match threshold {
        "final" => Threshold::Finalized,
        count => Threshold::Confirmations(Confirmations::new(count.parse().unwrap()).unwrap()),
    };
    Need { threshold, second_source }
}

/// `token app from`, `*` for any.
fn scope(text: &str) -> PolicyScope {
    let words: Vec<&str> = text.split_whitespace().collect();
    let token = match words[0] {
        "USDT" => Some(USDT),
        "DAI" => Some(DAI),
        _ => None,
    };
    let app = (words[1] != "*").then(|| words[1].parse().unwrap());
    PolicyScope { token, app, from: TierFrom::parse(words[2]).unwrap() }
}

/// `token app from need`.
fn file_rule(text: &str) -> Rule {
    let (place, asked) = text.rsplit_once(' ').unwrap();
    Rule { scope: scope(place), need: need(asked), origin: Origin::File("depositd.toml:3".into()) }
}

fn spec(floor: u32, file: &[&str]) -> NetworkSpec {
    let token = |contract, symbol: &str, decimals| {
        let decimals = Decimals::new(decimals).unwrap();
        (contract, Token { contract, symbol: symbol.into(), decimals, minimum: TokenAmount::ZERO })
    };
    let tokens = BTreeMap::from([token(USDT, "USDT", 6), token(DAI, "DAI", 18)]);
    let limits =
        Limits { floor: Confirmations::new(floor).unwrap(), ceiling: Confirmations::new(32).unwrap(), endpoints: 2 };
    let file = file.iter().map(|text| file_rule(text)).collect();
    let policy = Policy::compile(RuleSet { limits, file, runtime: BTreeMap::new() }, &tokens).unwrap();
    NetworkSpec { main_coin: None, id: net(), family: Family::Evm, tokens, policy, window_blocks: 64 }
}

const FILE: [&str; 2] = ["* * 0 6", "* * 1000 8"];

fn load(engine: &MemoryEngine, spec: NetworkSpec) -> Result<Core, LoadError> {
    let mut loading = Loading::of([spec]);
    let store = Store::in_memory(engine, |row| loading.row(row)).unwrap();
    loading.finish(store)
}

fn app(id: &str) -> App {
    App {
        news: Default::default(),
        id: id.parse().unwrap(),
        protocol: Protocol::StandardWebhooks,
        notify_url: NotifyUrl::checked("https://shop.example/hook".to_owned()).unwrap(),
        notify_hosts: Vec::new(),
        keys: vec![LiveKey { key: StoredKey::Clear(SigningKey::kept(vec![7; 32])), until: None }],
        amount_policy: AmountPolicy::AcceptActual,
        grace_s: 0,
        created: Millis(0),
    }
}

fn at(height: u8) -> BlockRef {
    BlockRef { height: Height(u64::from(height)), hash: BlockHash([height; 32]) }
}

fn order(id: &str, address: Address) -> NewOrder {
    NewOrder {
        fail_url: None,
        serial: None,
        app: shop(),
        id: crate::domain::OrderId::parse(id).unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address,
        lines: vec![(net(), USDT)],
        expected: TokenAmount::of(10_000_000),
        notify_url: None,
        amount_policy: None,
        expires: None,
        since: None,
    }
}

/// Payments by number: to whom, how many whole USDT, in which block.
const PAYMENTS: [(u8, Address, u64, u8); 6] = [
    (1, STANDING, 5, 2),
    (2, ORDERED, 10, 2),
    (3, ORDERED, 10, 3),
    (4, WITHDRAWN, 10, 3),
    (5, STANDING, 7, 3),
    (6, STANDING, 5_000, 3),
];

struct World {
    engine: MemoryEngine,
    core: Core,
}

impl World {
    /// Two apps; the payments, in a chain up to `tip`; those of the numbers `held` are held. Nothing is credited.
    fn at_tip(tip: u8, held: &[u8]) -> Self {
        let engine = MemoryEngine::new();
        let mut world = Self { core: load(&engine, spec(1, &FILE)).unwrap(), engine };
        let core = &mut world.core;
        for id in ["shop", "other"] {
            core.create_app(app(id), &act("")).unwrap();
        }
        core.adopt(&net(), &[header(1)], Millis(0)).unwrap();
        let watch = NewWatch {
            app: shop(),
            user_mark: UserMark::default(),
            address: STANDING,
            networks: vec![net()],
            since: None,
        };
        core.watch_address(&watch, Millis(0)).unwrap();
        core.register_order(&order("o-1", ORDERED), Millis(0)).unwrap();
        let withdrawn = order("o-2", WITHDRAWN);
        core.register_order(&withdrawn, Millis(0)).unwrap();
        core.cancel_order(&shop(), &withdrawn.id, Millis(0)).unwrap();
        for height in 2..=tip {
            let transfers = PAYMENTS.iter().filter(|(.., block)| *block == height).map(transfer).collect();
            let batch = BlockBatch::link(at(height - 1), vec![Block { header: header(height), transfers }]).unwrap();
            core.apply(&net(), &batch, None, Millis(0)).unwrap();
        }
        for number in held {
            let deposit = core.store().deposit(&id(*number)).unwrap().unwrap();
            core.stage_one(Change::Deposit(Deposit { hold: Some(act("looks odd")), ..deposit })).unwrap();
        }
        world.commit();
        world
    }

    fn commit(&mut self) -> u64 {
        let sequence = self.core.commit().unwrap().sequence;
        self.core.published();
        sequence
    }

    fn change(&mut self, place: &str, asked: Option<&str>, dry_run: bool) -> Result<PolicyPreview, String> {
        let wish = asked.map(need);
        let need =
            wish.map(|need| NeedWish { threshold: Some(need.threshold), second_source: Some(need.second_source) });
        self.change_as(PolicyChange {
            network: net(),
            scope: scope(place),
            need,
            etag: None,
            dry_run,
            act: act("test"),
        })
    }

    fn change_as(&mut self, change: PolicyChange) -> Result<PolicyPreview, String> {
        let answer = self.core.change_policy(&change).map_err(|fault| fault.to_string());
        self.commit();
        answer
    }

    /// Proves what is due until nothing moves: what was credited, by number.
    fn credit(&mut self) -> BTreeSet<u8> {
        let mut credited = BTreeSet::new();
        let mut due = self.core.verify(&net(), &[], None, Millis(0)).unwrap().due;
        while !due.is_empty() {
            let evidence: Vec<Evidence> = due.iter().map(|due| as_it_says(&due.deposit)).collect();
            let again = self.core.verify(&net(), &evidence, None, Millis(0)).unwrap().due;
            let is_credited =
                |id: &DepositId| self.core.store().deposit(id).unwrap().is_some_and(|deposit| deposit.is_credited());
            credited.extend(evidence.iter().filter(|piece| is_credited(&piece.id)).map(|piece| piece.id.tx.0[0]));
            if again == due {
                // It waits for an earlier payment of its order, which is held.
                break;
            }
            due = again;
        }
        self.commit();
        credited
    }

    fn policy(&self) -> Policy {
        self.core.specs().now()[&net()].policy.clone()
    }

    fn records(&self) -> Vec<crate::domain::AuditRecord> {
        let all = self.core.store().reader().audit(0, 100).unwrap();
        all.into_iter().filter(|record| record.action != Action::AppCreate).collect()
    }
}

fn header(height: u8) -> Header {
    Header { at: at(height), parent: BlockHash([height - 1; 32]), time: Timestamp(u64::from(height)) }
}

fn transfer((number, to, usdt, _): &(u8, Address, u64, u8)) -> Transfer {
    let amount = TokenAmount::of(usdt * 1_000_000);
    Transfer { tx: TxHash([*number; 32]), token: USDT, ordinal: LogOrdinal(0), from: Address([1; 20]), to: *to, amount }
}

fn id(number: u8) -> DepositId {
    DepositId { network: net(), tx: TxHash([number; 32]), token: USDT, ordinal: LogOrdinal(0) }
}

fn numbers(credits: &Credits) -> BTreeSet<u8> {
    credits.listed.iter().map(|deposit| deposit.id.tx.0[0]).collect()
}

/// Count and sum say the same as the list.
fn is_added_up(credits: &Credits) -> bool {
    let sum = credits.listed.iter().fold(TokenAmount::ZERO, |sum, one| sum.checked_add(one.amount).unwrap());
    let sums: Vec<TokenAmount> = credits.sums.iter().map(|(_, sum)| *sum).collect();
    let is_waiting = credits.listed.iter().all(|deposit| deposit.state == DepositState::Detected);
    is_waiting
        && credits.count == credits.listed.len() as u64
        && (sums == [sum] || (sums.is_empty() && credits.count == 0))
}
