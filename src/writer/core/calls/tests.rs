//! What a receiver that knows no versions hears last is so.

use crate::{
    domain::{
        Act, Address, AmountPolicy, App, Attempt, BlockHash, BlockRef, Confirmations, Decimals, Deposit, DepositEvent,
        DepositId, DepositState, Event, EventId, EventKind, EventVersion, Family, Height, LiveKey, LogOrdinal, Millis,
        NetworkSpec, News, Notification, NotificationState, NotifyUrl, Order, OrderEvent, OrderEventKind, OrderState,
        Outcome, Policy, Protocol, Reason, SigningKey, Silence, StoredKey, Threshold, Timestamp, Token, TokenAmount,
        TxHash, UserMark, V1Format, V1Scheme,
    },
    store::{MemoryEngine, Store},
    tracker::{Change, Changeset},
    writer::{Fault, Loading, Refusal, Settlement, core::Core, handle::Recover},
};

const V1: Protocol = Protocol::CrossingPayV1 { scheme: V1Scheme::HmacSha256Sorted, format: V1Format::Form };

fn url(text: &str) -> NotifyUrl {
    NotifyUrl::checked(text.to_owned()).unwrap()
}

fn token() -> Token {
    Token {
        contract: Address([0xee; 20]),
        symbol: "USDT".to_owned(),
        decimals: Decimals::new(6).unwrap(),
        minimum: TokenAmount::of(1),
    }
}

fn core(protocol: Protocol) -> Core {
    let spec = NetworkSpec {
        main_coin: Some(195),
        id: "net".parse().unwrap(),
        family: Family::Evm,
        tokens: [(token().contract, token())].into(),
        policy: Policy::flat(Threshold::Confirmations(Confirmations::new(1).unwrap())),
        window_blocks: 16,
    };
    let mut loading = Loading::of([spec]);
    let store = Store::in_memory(&MemoryEngine::new(), |row| loading.row(row)).unwrap();
    let mut core = loading.finish(store).unwrap();
    let app = App {
        news: News::default(),
        amount_policy: AmountPolicy::AcceptActual,
        grace_s: 0,
        id: "shop".parse().unwrap(),
        protocol,
        notify_url: url("https://shop.example/paid"),
        notify_hosts: Vec::new(),
        keys: vec![LiveKey { key: StoredKey::Clear(SigningKey::kept(vec![7; 32])), until: None }],
        created: Millis(0),
    };
    core.create_app(app, &act(0)).unwrap();
    core.commit().unwrap();
    core
}

fn act(at: u64) -> Act {
    Act { by: "uid 0".to_owned(), at: Millis(at), why: "asked".to_owned() }
}

fn deposit(number: u8, version: u32) -> Deposit {
    Deposit {
        by_hand: false,
        hold: None,
        id: DepositId {
            network: "net".parse().unwrap(),
            tx: TxHash([number; 32]),
            token: token().contract,
            ordinal: LogOrdinal(0),
        },
        family: Family::Evm,
        from: Address([1; 20]),
        to: Address([2; 20]),
        amount: TokenAmount::of(5_000_000),
        included_at: BlockRef { height: Height(u64::from(version) + 1), hash: BlockHash([9; 32]) },
        block_time: Timestamp(0),
        state: DepositState::Confirmed,
        version: EventVersion(version),
        unmatched_told: false,
        first_seen: Height(0),
        app: "shop".parse().unwrap(),
        user_mark: UserMark::default(),
        order: Some(crate::domain::OrderId::parse("o-1").unwrap()),
        reason: Reason::Matched,
    }
}

fn order(state: OrderState) -> Order {
    Order {
        app: "shop".parse().unwrap(),
        id: crate::domain::OrderId::parse("o-1").unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: Address([2; 20]),
        lines: Vec::new(),
        expected: TokenAmount::of(5_000_000),
        notify_url: None,
        fail_url: Some(url("https://fail.example/undone")),
        serial: Some("cz-0d4ba9ae-17e1-4f8c-9a53-6a6a3f0d9a11".to_owned()),
        amount_policy: AmountPolicy::StrictExact,
        own_amount_policy: None,
        expiry: None,
        created: Millis(0),
        state,
    }
}

/// A deposit's event and what its plan changes: version 0 was turned away under a strict order, odd ones credit, even
/// ones take back.
fn told(core: &mut Core, number: u8, version: u32) -> EventId {
    let deposit = deposit(number, version);
    let (kind, id, state, reason) = match version {
        0 => (EventKind::Unmatched, EventId::unmatched(&deposit.text()), OrderState::Open, Reason::Under),
        _ if version % 2 == 1 => {
            let id = EventId::money(&deposit.text(), deposit.version);
            (EventKind::Confirmed, id, OrderState::Paid(deposit.id.clone()), Reason::Matched)
        }
        _ => {
            (EventKind::Reversed, EventId::money(&deposit.text(), deposit.version), OrderState::Open, Reason::Reversed)
        }
    };
    let (deposit, order) = (Deposit { reason, ..deposit }, order(state));
    let event = Event::Deposit(DepositEvent {
        id: id.clone(),
        kind,
        version: deposit.version,
        timestamp: Timestamp(1),
        family: Family::Evm,
        token: token(),
        confirmations: 1,
        order: Some(order.clone()),
        reverses: None,
        deposit: deposit.clone(),
    });
    stage(core, event, vec![Change::Order(order), Change::Deposit(deposit)]);
    id
}

fn expired(core: &mut Core) -> EventId {
    let order = order(OrderState::Expired);
    let id = EventId::order(&order.app, &order.id, OrderEventKind::Expired);
    let event = Event::Order(OrderEvent {
        id: id.clone(),
        kind: OrderEventKind::Expired,
        timestamp: Timestamp(1),
        network: "net".parse().unwrap(),
        family: Family::Evm,
        token: token(),
        block: BlockRef { height: Height(1), hash: BlockHash([9; 32]) },
        order: order.clone(),
    });
    stage(core, event, vec![Change::Order(order)]);
    id
}

fn stage(core: &mut Core, event: Event, changes: Vec<Change>) {
    let mut changes = Changeset { changes, events: vec![event] };
    core.compose(&mut changes, Millis(1)).unwrap();
    core.stage(&changes).unwrap();
}

fn row(core: &Core, id: &EventId) -> Notification {
    core.store().notification(id).unwrap().unwrap_or_else(|| panic!("{id} is not there"))
}

fn states(core: &Core, ids: &[&EventId]) -> Vec<&'static str> {
    ids.iter().map(|id| row(core, id).state.word()).collect()
}

fn force(core: &mut Core, id: &EventId, state: NotificationState) {
    let row = Notification { state, ..row(core, id) };
    core.stage_one(Change::Notification(row)).unwrap();
    core.commit().unwrap();
}

fn post(core: &mut Core, id: &EventId, outcome: Outcome, at: u64) {
    let row = row(core, id);
    let attempt = Attempt {
        event: id.clone(),
        number: row.attempts.next(),
        trigger: row.trigger,
        peer: None,
        started: Millis(at),
        took_ms: 1,
        status: None,
        outcome,
        detail: String::new(),
        excerpt: String::new(),
    };
    core.settle(&Settlement { event: id.clone(), attempt, ended: Millis(at + 1) }).unwrap();
    core.commit().unwrap();
}

fn everything() -> Recover {
    let app = "shop".parse().unwrap();
    Recover { app, endpoint: None, since: Millis(0), until: None, delivered_too: true, after: None }
}

fn why_not(core: &mut Core, id: &EventId) -> String {
    match core.resend(id, &act(9)) {
        Err(Fault::Refused(Refusal::Precondition(why))) => why,
        other => panic!("{id} goes out: {other:?}"),
    }
}

#[test]
fn a_credit_that_was_taken_back_is_not_sent_again_where_the_receiver_could_not_tell() {
    let (done, dead) = (NotificationState::Delivered(Millis(2)), NotificationState::DeadLetter(Millis(2)));
    for (protocol, before) in [(V1, done), (Protocol::Usdtcnpay, done), (Protocol::Usdtcnpay, dead)] {
        let mut core = core(protocol);
        let one = told(&mut core, 1, 1);
        core.commit().unwrap();
        post(&mut core, &one, Outcome::Accepted, 1);
        let two = told(&mut core, 1, 2);
        core.commit().unwrap();
        if protocol == Protocol::Usdtcnpay {
            force(&mut core, &two, done);
        }
        force(&mut core, &one, before);
        assert!(why_not(&mut core, &one).contains("not so any more"));
        core.recover(&everything(), &act(9)).unwrap();
        let newest = if protocol == V1 { "untold" } else { "resend" };
        assert_eq!((row(&core, &one).state, row(&core, &two).state.word()), (before, newest), "{protocol}");
    }
    let mut core = core(Protocol::StandardWebhooks);
    let one = told(&mut core, 1, 1);
    told(&mut core, 1, 2);
    force(&mut core, &one, NotificationState::Delivered(Millis(2)));
    core.resend(&one, &act(9)).unwrap();
    assert_eq!(row(&core, &one).due(), Some(Millis(9)), "versions tell");
}

#[test]
fn what_waits_to_be_said_once_more_is_not_said_after_a_newer_version() {
    for (protocol, after) in
        [(V1, "delivered"), (Protocol::Usdtcnpay, "delivered"), (Protocol::StandardWebhooks, "resend")]
    {
        let mut core = core(protocol);
        let one = told(&mut core, 1, 1);
        core.commit().unwrap();
        post(&mut core, &one, Outcome::Accepted, 1);
        core.resend(&one, &act(5)).unwrap();
        told(&mut core, 1, 2);
        assert_eq!(states(&core, &[&one]), [after], "{protocol}");
    }
}

#[test]
fn the_end_of_an_order_is_not_told_after_its_payment() {
    for is_one_group in [false, true] {
        let mut core = core(Protocol::Usdtcnpay);
        let (end, turned_away) = (expired(&mut core), told(&mut core, 1, 0));
        assert_eq!(states(&core, &[&end, &turned_away]), ["due", "due"]);
        if !is_one_group {
            core.commit().unwrap();
            force(&mut core, &end, NotificationState::DeadLetter(Millis(2)));
        }
        let paid = told(&mut core, 2, 1);
        core.commit().unwrap();
        assert_eq!(states(&core, &[&end, &turned_away, &paid]), ["silent", "silent", "due"]);
        force(&mut core, &end, NotificationState::Delivered(Millis(2)));
        assert!(why_not(&mut core, &end).contains("not so any more"));
        core.recover(&everything(), &act(9)).unwrap();
        assert_eq!(states(&core, &[&end]), ["delivered"]);
    }
}

#[test]
fn a_payment_that_was_taken_back_is_not_told_of_after_the_one_that_came_instead() {
    let mut core = core(Protocol::Usdtcnpay);
    let [one, back] = [1, 2].map(|version| told(&mut core, 1, version));
    core.commit().unwrap();
    assert_eq!(states(&core, &[&one, &back]), ["due", "waiting"]);
    let instead = told(&mut core, 2, 1);
    core.commit().unwrap();
    assert_eq!(states(&core, &[&one, &back, &instead]), ["due", "silent", "due"]);
    post(&mut core, &instead, Outcome::Accepted, 5);
    let back = told(&mut core, 2, 2);
    core.commit().unwrap();
    assert_eq!(states(&core, &[&one, &instead, &back]), ["silent", "delivered", "due"], "nothing says paid any more");
}

#[test]
fn a_strict_order_that_is_paid_is_not_called_off_by_another_transfer() {
    let mut core = core(Protocol::Usdtcnpay);
    let paid = told(&mut core, 1, 1);
    let other = deposit(2, 0);
    let event = Event::Deposit(DepositEvent {
        id: EventId::unmatched(&other.text()),
        kind: EventKind::Unmatched,
        version: EventVersion(0),
        timestamp: Timestamp(1),
        family: Family::Evm,
        token: token(),
        confirmations: 1,
        order: Some(order(OrderState::Paid(deposit(1, 1).id))),
        reverses: None,
        deposit: Deposit { reason: Reason::Over, ..other },
    });
    let id = event.id().clone();
    stage(&mut core, event, Vec::new());
    assert_eq!(row(&core, &id).state, NotificationState::Silent(Silence::NoWords));
    assert_eq!(states(&core, &[&paid]), ["due"], "and what is not told ends nothing");
}

#[test]
fn words_about_other_orders_stay() {
    let mut core = core(Protocol::Usdtcnpay);
    let end = expired(&mut core);
    let ours = row(&core, &end);
    let body = String::from_utf8(ours.body.clone()).unwrap().replace("o-1", "o-2");
    core.stage_one(Change::Notification(Notification { body: body.into_bytes(), ..ours })).unwrap();
    told(&mut core, 2, 1);
    assert_eq!(states(&core, &[&end]), ["due"]);
}

#[test]
fn an_endpoint_of_a_store_that_knew_none_can_be_parked_and_gets_its_row() {
    let mut core = core(Protocol::StandardWebhooks);
    let one = told(&mut core, 1, 1);
    // As schema 2 left it: a due row and no endpoint.
    let unnamed = Notification { url: url("https://older.example/hook"), ..row(&core, &one) };
    let lane = unnamed.endpoint();
    core.stage_one(Change::Notification(unnamed)).unwrap();
    core.commit().unwrap();
    assert_eq!(core.store().endpoint(lane).unwrap(), None);
    let parked = core.park_endpoint(lane, &act(5)).unwrap();
    assert!(parked.parked.is_some() && parked.id == lane);
    core.commit().unwrap();
    assert_eq!(core.store().endpoint(lane).unwrap(), Some(parked));
    assert!(core.park_endpoint(crate::domain::EndpointId([9; 8]), &act(5)).is_err());

    let unnamed = Notification { url: url("https://oldest.example/hook"), ..row(&core, &one) };
    let lane = unnamed.endpoint();
    core.stage_one(Change::Notification(unnamed)).unwrap();
    core.commit().unwrap();
    post(&mut core, &one, Outcome::Accepted, 6);
    assert!(core.store().endpoint(lane).unwrap().is_some(), "an attempt introduces it too");
}

#[test]
fn the_end_of_an_order_that_waits_to_be_told_once_more_is_not_told_after_its_payment() {
    let mut core = core(Protocol::Usdtcnpay);
    let end = expired(&mut core);
    core.commit().unwrap();
    post(&mut core, &end, Outcome::Accepted, 2);
    core.resend(&end, &act(5)).unwrap();
    assert_eq!(states(&core, &[&end]), ["resend"]);
    told(&mut core, 2, 1);
    assert_eq!(states(&core, &[&end]), ["delivered"]);
}
