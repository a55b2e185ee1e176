//! Every act on an app has one record, and none where nothing changed.

use std::collections::BTreeMap;

use super::*;
use crate::{
    domain::{
        AmountPolicy, AuditRecord, Family, NetworkSpec, NotifyUrl, Policy, Protocol, SigningKey, Threshold,
        app::LiveKey,
    },
    store::{MemoryEngine, Store},
    writer::{Loading, Refusal},
};

const FIRST: [u8; 32] = [7; 32];
const SECOND: [u8; 32] = [8; 32];

fn key(bytes: [u8; 32]) -> SigningKey {
    SigningKey::new(bytes.to_vec()).unwrap()
}

fn app() -> App {
    App {
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
    let update = AppUpdate { app: app().id, amount_policy: Some(AmountPolicy::StrictExact), grace_s: None };
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
    let (first, second) = (key(FIRST).fingerprint(), key(SECOND).fingerprint());
    let at = "told at https://shop.example, orders also at b.shop.example";
    let states = [
        format!("at_least, grace 60 s, keys {first}, {at}"),
        format!("strict_exact, grace 60 s, keys {first}, {at}"),
        format!("strict_exact, grace 60 s, keys {second} and {first} until 1970-01-01T00:16:40Z, {at}"),
        format!("strict_exact, grace 60 s, keys {second} and {first} until 1970-01-01T00:00:00Z, {at}"),
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
    let update = AppUpdate { app: "nobody".parse().unwrap(), amount_policy: None, grace_s: Some(1) };
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
