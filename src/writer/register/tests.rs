//! The rules of registrations, one row each.

use std::cmp::Ordering;

use super::*;
use crate::domain::{
    AmountPolicy, BlockHash, DepositId, Height, LogOrdinal, NotifyUrl, OrderId, Protocol, SigningKey, Since, StoredKey,
    TokenAmount, TxHash, UserMark,
};

const TOKEN: Address = Address([0xee; 20]);
const PAYEE: Address = Address([0xaa; 20]);

fn app() -> App {
    App {
        news: Default::default(),
        id: "shop".parse().unwrap(),
        protocol: Protocol::StandardWebhooks,
        notify_url: NotifyUrl::checked("https://shop.example/hook".to_owned()).unwrap(),
        notify_hosts: Vec::new(),
        keys: vec![LiveKey { key: StoredKey::Clear(SigningKey::kept(vec![7; 32])), until: None }],
        amount_policy: AmountPolicy::AtLeast,
        grace_s: 60,
        created: Millis(0),
    }
}

fn new() -> NewOrder {
    NewOrder {
        fail_url: None,
        serial: None,
        app: app().id,
        id: OrderId::parse("o-1").unwrap(),
        user_mark: UserMark::parse("u-7").unwrap(),
        username: None,
        address: PAYEE,
        lines: Vec::new(),
        expected: TokenAmount::of(50),
        notify_url: None,
        amount_policy: None,
        expires: None,
        since: None,
    }
}

fn tip(height: u64) -> BlockRef {
    BlockRef { height: Height(height), hash: BlockHash([7; 32]) }
}

/// Lines on two networks; their newest blocks are of the times 100 and 200.
fn lines<'a>(networks: &'a [NetworkId; 2], holdings: [Option<Holding>; 2]) -> Vec<Line<'a>> {
    let times = [Timestamp(100), Timestamp(200)];
    let lines = networks.iter().zip(holdings).zip(times);
    let line = |((network, holding), tip_time)| Line { network, token: TOKEN, tip: tip(10), tip_time, holding };
    lines.map(line).collect()
}

fn networks() -> [NetworkId; 2] {
    ["one".parse().unwrap(), "two".parse().unwrap()]
}

fn registered(new: &NewOrder, known: Option<Order>) -> Result<Plan<Order>, Refusal> {
    order(new, &app(), known, lines(&networks(), [None, None]), Millis(1))
}

#[test]
fn an_order_expires_later_than_the_newest_block_of_every_network() {
    for (at, refused) in [(99, Some("one")), (100, Some("one")), (101, Some("two")), (200, Some("two")), (201, None)] {
        let plan = registered(&NewOrder { expires: Some(Timestamp(at)), ..new() }, None);
        let named = plan.err().map(|refusal| {
            let Refusal::ExpiryPassed { network, newest } = refusal else { panic!("{refusal:?}") };
            (network.to_string(), newest.0)
        });
        let newest = |network: &str| if network == "one" { 100 } else { 200 };
        assert_eq!(named, refused.map(|network| (network.to_owned(), newest(network))), "{at}");
    }
}

#[test]
fn the_same_again_is_answered_before_its_expiry_is_looked_at() {
    let asked = NewOrder { expires: Some(Timestamp(201)), ..new() };
    let first = registered(&asked, None).unwrap().answer;
    assert_eq!(first.expiry, Some(Expiry { at: Timestamp(201), grace_s: 60 }), "the grace is the app's");
    let names = networks();
    let mut late = lines(&names, [None, None]);
    late.iter_mut().for_each(|line| (line.tip_time, line.tip) = (Timestamp(900), tip(90)));
    let again = order(&asked, &app(), Some(first.clone()), late, Millis(9)).unwrap();
    assert_eq!((again.answer, again.changes), (first, Changeset::default()));
}

#[test]
fn other_content_under_the_same_id_is_refused() {
    type Edit = fn(&mut NewOrder);
    let first = registered(&new(), None).unwrap().answer;
    assert_eq!(first.amount_policy, AmountPolicy::AtLeast, "the app's");
    let edits: [(&str, Edit); 6] = [
        ("policy", |new| new.amount_policy = Some(AmountPolicy::StrictExact)),
        ("the app's policy, said", |new| new.amount_policy = Some(AmountPolicy::AtLeast)),
        ("expiry", |new| new.expires = Some(Timestamp(5000))),
        ("since", |new| new.since = Some(Since::Height(Height(3)))),
        ("amount", |new| new.expected = TokenAmount::of(51)),
        ("mark", |new| new.user_mark = UserMark::default()),
    ];
    for (what, edit) in edits {
        let mut other = new();
        edit(&mut other);
        let plan = registered(&other, Some(first.clone()));
        assert!(matches!(plan, Err(Refusal::AlreadyExists { what: "order", .. })), "{what}: {plan:?}");
    }
    // The app's own rules may change meanwhile: what was asked for is the same.
    let stricter = App { amount_policy: AmountPolicy::StrictExact, grace_s: 0, ..app() };
    let again = order(&new(), &stricter, Some(first.clone()), lines(&networks(), [None, None]), Millis(9)).unwrap();
    assert_eq!(again.answer, first);
}

#[test]
fn what_is_asked_for_is_what_is_kept() {
    let asked =
        NewOrder { amount_policy: Some(AmountPolicy::StrictExact), since: Some(Since::Time(Timestamp(9))), ..new() };
    let plan = registered(&asked, None).unwrap();
    let kept = &plan.answer;
    assert_eq!((kept.amount_policy, kept.own_amount_policy), (AmountPolicy::StrictExact, asked.amount_policy));
    assert!(kept.lines.iter().all(|line| line.since == asked.since && line.effective_from == Height(11)));
    assert!(kept.amount_policy.takes(Ordering::Equal) && kept.expiry.is_none());
    assert_eq!(plan.changes.changes.len(), 3, "two addresses and the order");
}

#[test]
fn an_address_has_one_owner_and_one_open_order() {
    let names = networks();
    let own = Holding {
        network: names[1].clone(),
        address: PAYEE,
        app: app().id,
        user_mark: UserMark::parse("u-7").unwrap(),
        standing: None,
        open_order: None,
        last_order: Some(OrderId::parse("o-0").unwrap()),
        created: Millis(0),
    };
    let busy = Holding { open_order: Some(OrderId::parse("o-9").unwrap()), ..own.clone() };
    let foreign = Holding { app: "bank".parse().unwrap(), ..own.clone() };
    let marked = Holding { user_mark: UserMark::default(), ..own.clone() };
    for (holding, expected) in [
        (own, None),
        (busy, Some(Refusal::AddressBusy { network: names[1].clone() })),
        (foreign, Some(Refusal::AddressTaken { network: names[1].clone() })),
        (marked, Some(Refusal::AddressTaken { network: names[1].clone() })),
    ] {
        let plan = order(&new(), &app(), None, lines(&names, [None, Some(holding)]), Millis(1));
        assert_eq!(plan.err(), expected);
    }
}

#[test]
fn only_what_waits_unseen_is_withdrawn() {
    let paid_by =
        DepositId { network: networks()[0].clone(), tx: TxHash([1; 32]), token: TOKEN, ordinal: LogOrdinal(0) };
    let base = registered(&new(), None).unwrap().answer;
    for (state, seen, is_done) in [
        (OrderState::Open, false, true),
        (OrderState::Open, true, false),
        (OrderState::Cancelled, true, true),
        (OrderState::Paid(paid_by.clone()), false, false),
        (OrderState::Reversed(paid_by), false, false),
        (OrderState::Expired, false, false),
    ] {
        let plan = cancel(Order { state: state.clone(), ..base.clone() }, Vec::new(), seen);
        assert_eq!(plan.is_ok(), is_done, "{state:?} {seen}");
        assert!(plan.is_err() || plan.is_ok_and(|plan| plan.answer.state == OrderState::Cancelled));
    }
}

#[test]
fn a_serial_is_kept_where_the_protocol_names_it_and_drawn_once() {
    let draw = |serial: &str| NewOrder { serial: Some(serial.to_owned()), username: Some("n".to_owned()), ..new() };
    for protocol in Protocol::ALL {
        let app = App { protocol, ..app() };
        let names = networks();
        let of =
            |new: &NewOrder, known| order(new, &app, known, lines(&names, [None, None]), Millis(1)).unwrap().answer;
        let first = of(&draw("cz-1"), None);
        let is_named = !matches!(protocol, Protocol::StandardWebhooks | Protocol::Udun);
        assert_eq!(first.serial.as_deref(), is_named.then_some("cz-1"), "{protocol}");
        assert_eq!(of(&draw("cz-2"), Some(first.clone())), first, "the same again is answered with the first");
    }
}

#[test]
fn a_fail_url_is_part_of_what_is_asked_for() {
    let app = App { protocol: Protocol::Usdtcnpay, ..app() };
    let names = networks();
    let of = |url: &str, known| {
        let fail_url = NotifyUrl::checked(url.to_owned());
        order(&NewOrder { fail_url, ..new() }, &app, known, lines(&names, [None, None]), Millis(1))
    };
    let first = of("https://shop.example/failed", None).unwrap().answer;
    assert_eq!(first.fail_url, NotifyUrl::checked("https://shop.example/failed".to_owned()));
    assert_eq!(of("https://shop.example/failed", Some(first.clone())).unwrap().answer, first);
    let other = of("https://shop.example/other", Some(first));
    assert!(matches!(other, Err(Refusal::AlreadyExists { what: "order", .. })), "{other:?}");
}

#[test]
fn what_is_told_by_order_only_has_no_standing_watches() {
    for protocol in Protocol::ALL {
        let allowed = may_watch(&App { protocol, ..app() });
        match protocol {
            Protocol::StandardWebhooks | Protocol::Udun => assert_eq!(allowed, Ok(())),
            Protocol::CrossingPayV1 { .. } | Protocol::CrossingPayV2 { .. } | Protocol::Usdtcnpay => {
                assert!(
                    matches!(&allowed, Err(Refusal::Precondition(text)) if text.contains("order only")),
                    "{allowed:?}"
                );
            }
        }
    }
}
