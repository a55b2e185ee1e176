//! What the core does with commands that cannot be kept, and with more due deposits than are handed out at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

use super::*;
use crate::{
    domain::{
        Act, Address, App, Block, BlockBatch, BlockHash, BlockRef, Confirmations, Decimals, DepositId, Family, Header,
        Height, LiveKey, LogOrdinal, NetworkId, NetworkSpec, NotifyUrl, Policy, Protocol, SigningKey, StoredKey,
        Threshold, Timestamp, Token, TokenAmount, Transfer, TxHash, UserMark,
    },
    store::{MemoryEngine, Store},
};

const TOKEN: Address = Address([0xee; 20]);
const PAYEE: Address = Address([0xaa; 20]);

fn network() -> NetworkId {
    "net".parse().unwrap()
}

fn app() -> App {
    App {
        news: Default::default(),
        amount_policy: crate::domain::AmountPolicy::AcceptActual,
        grace_s: 0,
        id: "shop".parse().unwrap(),
        protocol: Protocol::StandardWebhooks,
        notify_url: NotifyUrl::checked("https://shop.example/hook".to_owned()).unwrap(),
        notify_hosts: Vec::new(),
        keys: vec![LiveKey { key: StoredKey::Clear(SigningKey::kept(vec![7; 32])), until: None }],
        created: Millis(0),
    }
}

fn act() -> Act {
    Act { by: "uid 0".to_owned(), at: Millis(0), why: String::new() }
}

fn spec() -> NetworkSpec {
    let token = Token {
        contract: TOKEN,
        symbol: "USDT".to_owned(),
        decimals: Decimals::new(6).unwrap(),
        minimum: TokenAmount::of(1),
    };
    NetworkSpec {
        main_coin: None,
        id: network(),
        family: Family::Evm,
        tokens: BTreeMap::from([(TOKEN, token)]),
        policy: Policy::flat(Threshold::Confirmations(Confirmations(NonZeroU32::MIN))),
        window_blocks: 16,
    }
}

fn core() -> Core {
    Loading::of([spec()]).finish(Store::in_memory(&MemoryEngine::new(), |_| ()).unwrap()).unwrap()
}

fn at(height: u8) -> BlockRef {
    BlockRef { height: Height(u64::from(height)), hash: BlockHash([height; 32]) }
}

fn block(height: u8, transfers: Vec<Transfer>) -> Block {
    let parent = BlockHash([height - 1; 32]);
    Block { header: Header { at: at(height), parent, time: Timestamp(1) }, transfers }
}

fn transfer(number: u8) -> Transfer {
    let (tx, amount) = (TxHash([number; 32]), TokenAmount::of(5));
    Transfer { tx, token: TOKEN, ordinal: LogOrdinal(0), from: Address([1; 20]), to: PAYEE, amount }
}

#[test]
fn a_command_too_large_to_be_kept_is_refused_and_stops_nobody() {
    let mut core = core();
    let hosts = (0..16).map(|_| "h".repeat(253)).collect();
    let refused = core.create_app(App { notify_hosts: hosts, ..app() }, &act());
    assert!(matches!(refused, Err(Fault::Refused(Refusal::Invalid(_)))), "{refused:?}");
    core.create_app(app(), &act()).unwrap();
    core.commit().unwrap();
    assert!(core.store().app(&app().id).unwrap().is_some());
}

#[test]
fn deposits_that_are_never_proved_do_not_keep_those_behind_them_from_their_turn() {
    let mut core = core();
    core.create_app(app(), &act()).unwrap();
    core.adopt(&network(), &[block(1, Vec::new()).header], Millis(0)).unwrap();
    let (app, user_mark) = (app().id, UserMark::default());
    core.watch_address(&NewWatch { since: None, app, user_mark, address: PAYEE, networks: vec![network()] }, Millis(0))
        .unwrap();
    let mut handed: BTreeSet<DepositId> = BTreeSet::new();
    for (height, transfers) in [(2, (0..150).map(transfer).collect()), (3, Vec::new()), (4, Vec::new())] {
        let batch = BlockBatch::link(at(height - 1), vec![block(height, transfers)]).unwrap();
        let applied = core.apply(&network(), &batch, None, Millis(0)).unwrap();
        core.commit().unwrap();
        handed.extend(applied.due.into_iter().map(|due| due.deposit.id));
    }
    assert_eq!(handed.len(), 150, "nothing was proved, and everything had its turn");
}

#[test]
fn the_same_rotation_again_may_end_the_old_key_sooner_and_never_later() {
    let mut core = core();
    core.create_app(app(), &act()).unwrap();
    let rotate = |core: &mut Core, overlap_ms, now| {
        let key = StoredKey::Clear(SigningKey::kept(vec![8; 32]));
        let rotated = core.rotate_secret(&Rotation { app: app().id, key, overlap_ms }, &act(), Millis(now)).unwrap();
        rotated.live_keys(Millis(now)).count()
    };
    assert_eq!(rotate(&mut core, 1000, 0), 2);
    assert_eq!(rotate(&mut core, 90_000, 500), 2);
    assert_eq!(core.store().app(&app().id).unwrap().unwrap().keys[1].until, Some(Millis(1000)), "never later");
    assert_eq!(rotate(&mut core, 0, 600), 1, "after a leak it ends at once");
}

mod by_hand;
mod expiry;
mod past;
