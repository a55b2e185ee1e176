//! Records in every order, again, and against what is there.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{super::Loading, *};
use crate::{
    domain::{
        Act, Address, AmountPolicy, DepositId, Expiry, Height, LiveKey, LogOrdinal, Millis, NotifyUrl, OrderLine,
        Protocol, SigningKey, Since, StoredKey, Timestamp, TokenAmount, TxHash, UserMark, Watch,
    },
    store::{MemoryEngine, Store},
};
use ImportVerdict::{AppMissing, Conflict, Unchanged, Written};

const TOKEN: Address = Address([0xee; 20]);

fn network(number: u8) -> NetworkId {
    format!("net-{number}").parse().unwrap()
}

fn app(id: &str) -> App {
    App {
        news: Default::default(),
        id: id.parse().unwrap(),
        protocol: Protocol::StandardWebhooks,
        notify_url: NotifyUrl::checked("https://shop.example/hook".to_owned()).unwrap(),
        notify_hosts: Vec::new(),
        keys: vec![LiveKey { key: StoredKey::Clear(SigningKey::kept(vec![7; 32])), until: None }],
        created: Millis(0),
        amount_policy: AmountPolicy::AtLeast,
        grace_s: 60,
    }
}

fn id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

fn holding(network: NetworkId, number: u8, standing: Option<u64>, last: Option<&str>) -> Holding {
    Holding {
        network,
        address: Address([number; 20]),
        app: "shop".parse().unwrap(),
        user_mark: UserMark::parse("user").unwrap(),
        standing: standing.map(|from| Watch { effective_from: Height(from), since: Some(Since::Height(Height(1))) }),
        open_order: None,
        last_order: last.map(id),
        created: Millis(5),
    }
}

fn order(name: &str, number: u8, networks: &[u8], state: OrderState) -> Order {
    let line = |on: &u8| OrderLine {
        network: network(*on),
        token: TOKEN,
        effective_from: Height(70 + u64::from(*on)),
        since: None,
        closed: *on == 2,
    };
    Order {
        fail_url: None,
        serial: None,
        app: "shop".parse().unwrap(),
        id: id(name),
        user_mark: UserMark::parse("user").unwrap(),
        username: None,
        address: Address([number; 20]),
        lines: networks.iter().map(line).collect(),
        expected: TokenAmount::of(50),
        notify_url: None,
        amount_policy: AmountPolicy::AtLeast,
        own_amount_policy: None,
        expiry: Some(Expiry { at: Timestamp(9), grace_s: 60 }),
        created: Millis(6),
        state,
    }
}

fn paid_by(number: u8) -> DepositId {
    DepositId { network: network(1), tx: TxHash([number; 32]), token: TOKEN, ordinal: LogOrdinal(0) }
}

/// What a day leaves behind, as an export has it.
fn records() -> Vec<ImportRecord> {
    let keyless = App { keys: Vec::new(), created: Millis(99), ..app("shop") };
    vec![
        ImportRecord::App(keyless),
        ImportRecord::Address(holding(network(1), 1, Some(70), Some("o-open"))),
        ImportRecord::Address(holding(network(2), 1, None, Some("o-open"))),
        ImportRecord::Address(holding(network(1), 2, None, Some("o-paid"))),
        ImportRecord::Address(holding(network(1), 3, Some(71), None)),
        ImportRecord::Order(order("o-older", 2, &[1], OrderState::Paid(paid_by(8)))),
        ImportRecord::Order(order("o-open", 1, &[1, 2], OrderState::Open)),
        ImportRecord::Order(order("o-paid", 2, &[1], OrderState::Paid(paid_by(9)))),
        ImportRecord::Order(order("o-gone", 1, &[1], OrderState::Cancelled)),
        // Its address has another owner by now.
        ImportRecord::Order(Order { user_mark: UserMark::default(), ..order("o-past", 3, &[1], OrderState::Expired) }),
    ]
}

fn core() -> Core {
    let mut core = Loading::of([]).finish(Store::in_memory(&MemoryEngine::new(), |_| ()).unwrap()).unwrap();
    let act = Act { by: "uid 0".to_owned(), at: Millis(0), why: String::new() };
    core.create_app(app("shop"), &act).unwrap();
    core.commit().unwrap();
    core
}

fn import(core: &mut Core, records: &[ImportRecord]) -> Vec<ImportVerdict> {
    let verdicts = core.import(records, false).unwrap();
    core.commit().unwrap();
    verdicts
}

/// Everything registered that can be seen.
fn registered(core: &Core) -> (Vec<Holding>, Vec<Order>) {
    let reader = core.store().reader();
    let shop: AppId = "shop".parse().unwrap();
    (reader.holdings(None, 99).unwrap(), reader.orders(&shop, None, 99).unwrap())
}

#[test]
fn what_was_exported_comes_back_with_its_heights() {
    let mut core = core();
    let verdicts = import(&mut core, &records());
    assert_eq!(verdicts[0], Unchanged, "an app is compared, not written");
    assert!(verdicts[1..].iter().all(|verdict| *verdict == Written), "{verdicts:?}");
    let (holdings, orders) = registered(&core);
    let expecting = |holding: Holding| Holding { open_order: Some(id("o-open")), last_order: None, ..holding };
    let expected = [
        expecting(holding(network(1), 1, Some(70), None)),
        holding(network(1), 2, None, Some("o-paid")),
        holding(network(1), 3, Some(71), None),
        expecting(holding(network(2), 1, None, None)),
    ];
    assert_eq!(holdings, expected);
    let back: BTreeMap<_, _> = orders.into_iter().map(|order| (order.id.clone(), order)).collect();
    for record in records() {
        if let ImportRecord::Order(order) = record {
            assert_eq!(back[&order.id], order);
        }
    }
    assert!(import(&mut core, &records()).iter().all(|verdict| *verdict == Unchanged), "again is harmless");
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let mut core = core();
    let before = core.store().reader().sequence();
    let said = core.import(&records(), true).unwrap();
    assert_eq!(core.staged_rows(), 0);
    assert_eq!(core.commit().unwrap().sequence, before);
    assert_eq!(said, import(&mut core, &records()));
}

#[test]
fn what_is_there_stays_and_the_difference_is_told() {
    let mut core = core();
    import(&mut core, &records());
    let before = registered(&core);
    let other_owner = Holding { user_mark: UserMark::default(), ..holding(network(1), 1, Some(70), None) };
    let later = order("o-paid", 2, &[1], OrderState::Open);
    let mut from_later = later.clone();
    from_later.lines[0].effective_from = Height(500);
    let app_elsewhere = App { notify_url: NotifyUrl::checked("https://x.example/".to_owned()).unwrap(), ..app("shop") };
    let table = [
        (ImportRecord::Address(other_owner), "another user mark"),
        (ImportRecord::Address(holding(network(1), 3, Some(72), None)), "watched from height 71"),
        (ImportRecord::Order(Order { expected: TokenAmount::of(51), ..later.clone() }), "other content"),
        (ImportRecord::Order(Order { expiry: None, ..later.clone() }), "other content"),
        (ImportRecord::Order(from_later), "from heights [71] on, not [500]"),
        (ImportRecord::Order(order("o-new", 1, &[1, 3], OrderState::Open)), "expects order \"o-open\" on net-1"),
        (
            ImportRecord::Order(Order { user_mark: UserMark::default(), ..order("o-new", 2, &[1], OrderState::Open) }),
            "belongs to another app or another user mark on net-1",
        ),
        (ImportRecord::App(app_elsewhere), "another URL"),
    ];
    for (record, said) in table {
        let verdicts = import(&mut core, std::slice::from_ref(&record));
        assert!(matches!(&verdicts[..], [Conflict(what)] if what.contains(said)), "{verdicts:?}, not {said}");
    }
    let foreign = ImportRecord::Address(Holding { app: "bank".parse().unwrap(), ..holding(network(1), 9, None, None) });
    assert_eq!(import(&mut core, &[foreign, ImportRecord::App(app("bank"))]), [AppMissing, AppMissing]);
    assert_eq!(registered(&core), before);
}

#[test]
fn what_became_of_a_registration_since_is_not_taken_back() {
    let mut core = core();
    import(&mut core, &records());
    let shop: AppId = "shop".parse().unwrap();
    let cancelled = core.cancel_order(&shop, &id("o-open"), Millis(7)).unwrap();
    core.commit().unwrap();
    assert!(import(&mut core, &records()).iter().all(|verdict| *verdict == Unchanged));
    assert_eq!(core.store().order(&shop, &id("o-open")).unwrap(), Some(cancelled));
    let free = core.store().holding(&network(1), Address([1; 20])).unwrap().unwrap();
    assert_eq!((free.open_order, free.last_order), (None, Some(id("o-open"))));
}

#[test]
fn an_import_is_one_record_of_the_audit_log() {
    let mut core = core();
    let act = Act { by: "uid 0".to_owned(), at: Millis(8), why: "the disk broke".to_owned() };
    let run = ImportRun { sha256: [0xab; 32], records: 10, written: 9, troubles: 1, act };
    // The apps of this store are in the log already.
    let before = core.last_act.as_ref().map_or(0, |last| last.number);
    core.finish_import(&run).unwrap();
    core.commit().unwrap();
    let record = core.last_act.clone().unwrap();
    assert_eq!((record.number, record.action), (before + 1, Action::Import));
    assert!(record.subject.contains(&"ab".repeat(32)), "{}", record.subject);
    assert_eq!(record.after, "10 records, 9 written, 1 not taken");
    assert_eq!(core.store().reader().counts()["audit"], before + 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Calls are under way at the same time, and an interrupted import begins again.
    #[test]
    fn any_order_and_any_repetition_end_the_same(
        places in Just((0..records().len()).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(0..records().len(), 0..20),
    ) {
        let mut straight = core();
        import(&mut straight, &records());
        let (all, mut shuffled) = (records(), core());
        for place in places.iter().take(5).chain(&again).chain(&places) {
            let verdicts = import(&mut shuffled, std::slice::from_ref(&all[*place]));
            prop_assert!(matches!(verdicts[..], [Written | Unchanged]), "{:?}: {:?}", all[*place], verdicts);
        }
        prop_assert_eq!(registered(&shuffled), registered(&straight));
    }
}
