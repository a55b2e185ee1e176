//! Every act on an app has one record, and none where nothing changed.

use std::collections::BTreeMap;

use super::*;
use crate::{
    domain::{
        AmountPolicy, AuditRecord, Family, LiveKey, NetworkSpec, NotifyUrl, Policy, Protocol, SealedKey, StoredKey,
        Threshold, V1Format, V1Scheme, V2Sign,
    },
    store::{MemoryEngine, Store},
    writer::{Loading, Refusal},
};

const FIRST: [u8; 32] = [7; 32];
const SECOND: [u8; 32] = [8; 32];

fn key(bytes: [u8; 32]) -> StoredKey {
    StoredKey::Sealed(SealedKey {
        master: [1; 8],
        mark: bytes[..16].try_into().unwrap(),
        nonce: [0; 12],
        sealed: bytes.to_vec(),
    })
}

fn app() -> App {
    App {
        news: Default::default(),
        id: "shop".parse().unwrap(),
        protocol: Protocol::StandardWebhooks,
        notify_url: NotifyUrl::checked("https://shop.example/hook/s3cret".to_owned()).unwrap(),
        notify_hosts: vec!["b.shop.example".to_owned()],
        keys: vec![LiveKey { key: key(FIRST), until: None }],
        amount_policy: AmountPolicy::AtLeast,
        grace_s: 60,
        created: Millis(0),
    }
}

fn core() -> Core {
    let spec = NetworkSpec {
        main_coin: None,
        id: "net".parse().unwrap(),
        family: Family::Evm,
        tokens: BTreeMap::new(),
        policy: Policy::flat(Threshold::Finalized),
        window_blocks: 16,
    };
    Loading::of([spec]).finish(Store::in_memory(&MemoryEngine::new(), |_| ()).unwrap()).unwrap()
}

fn act(why: &str) -> Act {
    Act { by: "uid 0".into(), at: Millis(5), why: why.into() }
}

fn records(core: &mut Core) -> Vec<AuditRecord> {
    core.commit().unwrap();
    core.store().reader().audit(0, 100).unwrap()
}

#[test]
fn each_act_is_told_once_and_never_a_secret() {
    let mut core = core();
    core.create_app(app(), &act("new shop")).unwrap();
    core.create_app(App { created: Millis(9), ..app() }, &act("again")).unwrap();
    let update = AppUpdate {
        news: Default::default(),
        protocol: None,
        notify_url: None,
        notify_hosts: None,
        app: app().id,
        amount_policy: Some(AmountPolicy::StrictExact),
        grace_s: None,
    };
    let updated = core.update_app(&update, &act("no more, no less")).unwrap();
    assert_eq!((updated.amount_policy, updated.grace_s), (AmountPolicy::StrictExact, 60));
    core.update_app(&update, &act("again")).unwrap();
    let rotation = Rotation { app: app().id, key: key(SECOND), overlap_ms: 1_000_000 };
    core.rotate_secret(&rotation, &act("yearly"), Millis(0)).unwrap();
    core.rotate_secret(&rotation, &act("again"), Millis(7)).unwrap();
    core.rotate_secret(&Rotation { overlap_ms: 0, ..rotation }, &act("leaked"), Millis(9)).unwrap();
    let records = records(&mut core);
    let told: Vec<String> = records
        .iter()
        .map(|record| {
            format!(
                "{} {} {}: {} -> {}",
                record.number,
                record.action.word(),
                record.act.why,
                record.before,
                record.after
            )
        })
        .collect();
    let (first, second) = (key(FIRST).fingerprint().unwrap(), key(SECOND).fingerprint().unwrap());
    let at = "told at https://shop.example, orders also at b.shop.example";
    let how = "standard-webhooks, news unmatched expired cancelled";
    let states = [
        format!("{how}, at_least, grace 60 s, keys {first}, {at}"),
        format!("{how}, strict_exact, grace 60 s, keys {first}, {at}"),
        format!("{how}, strict_exact, grace 60 s, keys {second} and {first} until 1970-01-01T00:16:40Z, {at}"),
        format!("{how}, strict_exact, grace 60 s, keys {second} and {first} until 1970-01-01T00:00:00Z, {at}"),
    ];
    assert_eq!(
        told,
        [
            format!("1 app.create new shop:  -> {}", states[0]),
            format!("2 app.update no more, no less: {} -> {}", states[0], states[1]),
            format!("3 app.rotate yearly: {} -> {}", states[1], states[2]),
            format!("4 app.rotate leaked: {} -> {}", states[2], states[3]),
        ]
    );
    assert!(!told.concat().contains("s3cret"));
    assert_eq!(records[0].subject, "app shop");
    assert!(records.iter().zip(records.iter().skip(1)).all(|(last, next)| next.follows(Some(last))));
    assert_eq!(core.store().reader().last_audit().unwrap(), records.last().cloned());
    assert_eq!(core.store().reader().audit(2, 1).unwrap(), records[2..3]);
}

#[test]
fn what_is_refused_is_not_told() {
    let mut core = core();
    core.create_app(app(), &act("")).unwrap();
    for other in [App { grace_s: 61, ..app() }, App { amount_policy: AmountPolicy::AcceptActual, ..app() }] {
        let refused = core.create_app(other, &act("")).unwrap_err();
        assert!(matches!(refused, Fault::Refused(Refusal::AlreadyExists { .. })), "{refused:?}");
    }
    let update = AppUpdate {
        news: Default::default(),
        protocol: None,
        notify_url: None,
        notify_hosts: None,
        app: "nobody".parse().unwrap(),
        amount_policy: None,
        grace_s: Some(1),
    };
    let refused = core.update_app(&update, &act("")).unwrap_err();
    assert!(matches!(refused, Fault::Refused(Refusal::NotFound { .. })), "{refused:?}");
    // A row that cannot be kept takes its record with it.
    let hosts = (0..16).map(|_| "h".repeat(253)).collect();
    let refused = core.create_app(App { id: "large".parse().unwrap(), notify_hosts: hosts, ..app() }, &act(""));
    assert!(matches!(refused, Err(Fault::Refused(Refusal::Invalid(_)))), "{refused:?}");
    core.update_app(&AppUpdate { app: app().id, ..update }, &act("")).unwrap();
    let records = records(&mut core);
    assert_eq!(records.iter().map(|record| record.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(records[1].action, Action::AppUpdate);
}

fn nothing() -> AppUpdate {
    AppUpdate {
        app: app().id,
        protocol: None,
        news: None,
        notify_url: None,
        notify_hosts: None,
        amount_policy: None,
        grace_s: None,
    }
}

#[test]
fn how_an_app_is_told_changes_with_a_record() {
    let mut core = core();
    core.create_app(app(), &act("")).unwrap();
    let news = News { detected: true, unmatched: false, expired: false, cancelled: false };
    core.update_app(&AppUpdate { news: Some(news), ..nothing() }, &act("")).unwrap();
    let moved = AppUpdate {
        news: Some(News { detected: false, ..news }),
        notify_url: NotifyUrl::checked("https://new.example/s3cret".to_owned()),
        notify_hosts: Some(Vec::new()),
        ..nothing()
    };
    let after = core.update_app(&moved, &act("")).unwrap();
    assert_eq!(Some(after.notify_url), moved.notify_url);
    assert_eq!(core.update_app(&nothing(), &act("")).unwrap().notify_hosts, [""; 0], "nothing said, nothing changed");
    let told: Vec<String> = records(&mut core).into_iter().map(|record| record.after).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[1].starts_with("standard-webhooks, news detected, at_least"), "{}", told[1]);
    assert!(told[2].starts_with("standard-webhooks, news none, at_least"), "{}", told[2]);
    assert!(told[2].ends_with("told at https://new.example"), "{}", told[2]);
}

#[test]
fn a_protocol_changes_where_secrets_stay_of_the_same_form() {
    let mut core = core();
    let first = Protocol::CrossingPayV1 { scheme: V1Scheme::Sha1KvUpper, format: V1Format::Json };
    core.create_app(app(), &act("")).unwrap();
    core.create_app(App { id: "old".parse().unwrap(), protocol: first, ..app() }, &act("")).unwrap();
    for (id, protocol) in [("shop", Protocol::Udun), ("shop", first), ("old", Protocol::StandardWebhooks)] {
        let update = AppUpdate { app: id.parse().unwrap(), protocol: Some(protocol), ..nothing() };
        let refused = core.update_app(&update, &act("")).unwrap_err();
        assert!(matches!(refused, Fault::Refused(Refusal::Precondition(_))), "{refused:?}");
    }
    let second = Protocol::CrossingPayV2 { sign: V2Sign::B };
    let update = AppUpdate { app: "old".parse().unwrap(), protocol: Some(second), ..nothing() };
    assert_eq!(core.update_app(&update, &act("")).unwrap().protocol, second);
    let records = records(&mut core);
    assert!(records[2].before.starts_with("crossingpay-v1 (sha1_kv_upper, json), news"), "{}", records[2].before);
    assert!(records[2].after.starts_with("crossingpay-v2 (sign b), news"), "{}", records[2].after);
}

#[test]
fn a_host_that_was_left_stays_open_for_what_is_in_the_outbox() {
    let mut core = core();
    core.create_app(app(), &act("new shop")).unwrap();
    let moved = |url: &str, notify_hosts| AppUpdate {
        news: None,
        protocol: None,
        notify_url: NotifyUrl::checked(url.to_owned()),
        notify_hosts,
        app: app().id,
        amount_policy: None,
        grace_s: None,
    };
    let same = core.update_app(&moved("https://shop.example/other", None), &act("a path")).unwrap();
    assert_eq!(same.notify_hosts, ["b.shop.example"]);
    let left = core.update_app(&moved("https://new.example/paid", None), &act("a host")).unwrap();
    assert_eq!(left.notify_hosts, ["b.shop.example", "shop.example"]);
    let named = core.update_app(&moved("https://new.example/paid", Some(Vec::new())), &act("closed")).unwrap();
    assert_eq!(named.notify_hosts, [""; 0], "what is named is what counts");
}
