//! Tests of the store from the inside; what a damaged disk may do to it is in `damage`.

mod arbitrary;
mod codecs;
mod damage;
mod disk;
mod feed;
mod killed;
mod reads;
mod schema_2;
mod staging;
mod upgrade;

use std::collections::BTreeMap;

use super::{keys::everything, *};
use crate::{
    domain::{
        AttemptNo, BlockHash, BlockRef, DepositState, EventVersion, Family, Height, LiveKey, LogOrdinal, Millis,
        NotificationState, NotifyUrl, Protocol, Reason, SigningKey, StoredKey, Timestamp, TokenAmount, TxHash,
        UserMark,
    },
    tracker::Change,
};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn network() -> NetworkId {
    "tron-nile".parse().unwrap()
}

fn app_id(name: &str) -> AppId {
    name.parse().unwrap()
}

fn app(name: &str) -> App {
    App {
        news: Default::default(),
        amount_policy: crate::domain::AmountPolicy::AcceptActual,
        grace_s: 0,
        id: app_id(name),
        protocol: Protocol::StandardWebhooks,
        notify_url: url("https://merchant.example/hook"),
        notify_hosts: vec!["merchant.example".to_owned()],
        keys: vec![LiveKey { key: StoredKey::Clear(SigningKey::kept(vec![7; 32])), until: None }],
        created: Millis(1),
    }
}

fn url(text: &str) -> NotifyUrl {
    NotifyUrl::checked(text.to_owned()).unwrap()
}

fn address(number: u64) -> Address {
    let mut bytes = [0x11; 20];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    Address(bytes)
}

fn holding(owner: &str, number: u64) -> Holding {
    Holding {
        last_order: None,
        network: network(),
        address: address(number),
        app: app_id(owner),
        user_mark: UserMark::parse("user 7").unwrap(),
        standing: None,
        open_order: None,
        created: Millis(2),
    }
}

fn block(height: u64) -> BlockRef {
    BlockRef { height: Height(height), hash: BlockHash([u8::try_from(height % 251).unwrap(); 32]) }
}

fn deposit(owner: &str, number: u64, time: u64) -> Deposit {
    let mut tx = [0x22; 32];
    tx[24..].copy_from_slice(&number.to_be_bytes());
    Deposit {
        by_hand: false,
        hold: None,
        id: DepositId { network: network(), tx: TxHash(tx), token: address(0), ordinal: LogOrdinal(0) },
        family: Family::Tron,
        from: address(1),
        to: address(2),
        amount: TokenAmount::of(number),
        included_at: block(time),
        block_time: Timestamp(time),
        state: DepositState::Detected,
        version: EventVersion(0),
        unmatched_told: false,
        first_seen: Height(time),
        app: app_id(owner),
        user_mark: UserMark::default(),
        order: None,
        reason: Reason::Pending,
    }
}

fn event(number: u64) -> EventId {
    EventId::money(&deposit("shop", number, 1).text(), EventVersion(1))
}

fn notification(number: u64, state: NotificationState) -> Notification {
    Notification {
        trade: None,
        tries: 0,
        trigger: Default::default(),
        place: EventPlace(number),
        id: event(number),
        app: app_id("shop"),
        url: url("https://merchant.example/hook"),
        protocol: Protocol::StandardWebhooks,
        body: br#"{"type":"deposit.confirmed"}"#.to_vec(),
        created: Millis(3),
        attempts: AttemptNo(0),
        state,
        after: None,
        then: None,
    }
}

fn changeset(changes: impl IntoIterator<Item = Change>) -> Changeset {
    Changeset { changes: changes.into_iter().collect(), events: Vec::new() }
}

fn commit(store: &mut Store, changes: impl IntoIterator<Item = Change>) -> u64 {
    store.stage(&changeset(changes)).unwrap();
    store.commit().unwrap().sequence
}

/// Everything committed, byte for byte.
fn rows_of(store: &Store) -> Rows {
    let mut rows = Rows::new();
    let all = store.shared.engine.scan(everything(), &mut |key, value| {
        rows.insert(key.to_vec(), value.to_vec());
        std::ops::ControlFlow::Continue(())
    });
    all.unwrap();
    rows
}

fn in_memory() -> (MemoryEngine, Store) {
    let engine = MemoryEngine::new();
    let store = Store::in_memory(&engine, |_| ()).unwrap();
    (engine, store)
}
