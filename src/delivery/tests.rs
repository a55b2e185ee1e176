use serde_json::Value;

use super::{
    protocol::{self, Answer},
    schedule::{HOUR_MS, MINUTE_MS, SECOND_MS},
    *,
};
use crate::domain::{
    Address, BlockHash, BlockRef, Decimals, Deposit, DepositId, DepositState, EventKind, Family, Height, LogOrdinal,
    NotifyUrl, Order, OrderEvent, OrderEventKind, OrderId, OrderState, Outcome, Protocol, Reason, Timestamp, Token,
    TokenAmount, TxHash, UserMark,
    notification::{BODY_BYTES_MAX, Unreached},
};

const VECTORS: &str = include_str!("../../tests/golden/vectors.json");

/// Bodies of the vectors `sw-03` to `sw-13`, by id.
fn body(id: &str) -> String {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let all = file["vectors"].as_array().unwrap();
    let vector = all.iter().find(|vector| vector["id"] == id).unwrap();
    vector["inputs"]["body"].as_str().unwrap().to_owned()
}

/// Unix seconds of `2025-11-20T08:24:12Z` and its kind: all vectors are of that day.
fn seconds(text: &str) -> u64 {
    let day = 20_412 * 86_400;
    let time: Vec<u64> = text[11..19].split(':').map(|part| part.parse().unwrap()).collect();
    day + time[0] * 3600 + time[1] * 60 + time[2]
}

fn reason(word: &str) -> Reason {
    use Reason::{BelowMinimum, Duplicate, Matched, NoOpenOrder, Over, Pending, Reversed, SelfTransfer, Under};
    let all = [Pending, Matched, Under, Over, Duplicate, NoOpenOrder, BelowMinimum, SelfTransfer, Reversed];
    *all.iter().find(|reason| reason.word() == word).unwrap()
}

fn order(data: &Value, address: Address) -> Option<Order> {
    let order = data["order"].as_object()?;
    Some(Order {
        fail_url: None,
        serial: order["ordersn"].as_str().map(str::to_owned),
        amount_policy: crate::domain::AmountPolicy::AcceptActual,
        expiry: None,
        own_amount_policy: None,
        app: "app1".parse().unwrap(),
        id: OrderId::parse(order["order_id"].as_str().unwrap()).unwrap(),
        user_mark: UserMark::default(),
        username: order["username"].as_str().map(str::to_owned),
        address,
        lines: Vec::new(),
        expected: TokenAmount::parse_base_units(order["expected_amount"].as_str().unwrap()).unwrap(),
        notify_url: None,
        created: Millis(0),
        state: OrderState::Open,
    })
}

/// The event a body tells of, read back from it.
fn event(body: &str) -> DepositEvent {
    let all: Value = serde_json::from_str(body).unwrap();
    let data = &all["data"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let family = if text(&data["network"]).starts_with("tron") { Family::Tron } else { Family::Evm };
    let address = |value: &Value| Address::parse(family, value.as_str().unwrap()).unwrap();
    let number = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let kinds = [EventKind::Detected, EventKind::Confirmed, EventKind::Reversed, EventKind::Unmatched];
    let kind = *kinds.iter().find(|kind| kind.word() == all["type"]).unwrap();
    let token = Token {
        contract: address(&data["token"]["contract"]),
        symbol: text(&data["token"]["symbol"]),
        decimals: Decimals::new(u8::try_from(number(&data["token"]["decimals"])).unwrap()).unwrap(),
        minimum: TokenAmount::ZERO,
    };
    let deposit = Deposit {
        by_hand: false,
        hold: None,
        id: DepositId {
            network: text(&data["network"]).parse().unwrap(),
            tx: TxHash::parse(&text(&data["tx_hash"])).unwrap(),
            token: token.contract,
            ordinal: LogOrdinal(number(&data["log_ordinal"])),
        },
        family,
        from: address(&data["from"]),
        to: address(&data["address"]),
        amount: TokenAmount::parse_base_units(&text(&data["amount"])).unwrap(),
        included_at: BlockRef {
            height: Height(data["block"]["height"].as_u64().unwrap()),
            hash: BlockHash::parse(&text(&data["block"]["hash"])).unwrap(),
        },
        block_time: Timestamp(0),
        state: DepositState::Confirmed,
        version: EventVersion(number(&data["version"])),
        unmatched_told: false,
        first_seen: Height(0),
        app: text(&data["app_id"]).parse().unwrap(),
        user_mark: UserMark::parse(&text(&data["user_mark"])).unwrap(),
        order: None,
        // The reason of a reversal, or of the first sight, does not come from the deposit.
        reason: match kind {
            EventKind::Reversed | EventKind::Detected => Reason::Matched,
            EventKind::Confirmed | EventKind::Unmatched => reason(&text(&data["reason"])),
        },
    };
    DepositEvent {
        id: EventId::parse(&text(&data["event_id"])).unwrap(),
        kind,
        version: deposit.version,
        timestamp: Timestamp(seconds(&text(&all["timestamp"]))),
        family,
        order: order(data, deposit.to),
        token,
        deposit,
        confirmations: number(&data["confirmations"]),
        reverses: data["reverses"].as_str().map(|id| EventId::parse(id).unwrap()),
    }
}

#[test]
fn bodies_are_the_published_bytes() {
    for id in ["sw-03", "sw-04", "sw-05", "sw-06", "sw-07", "sw-08", "sw-09", "sw-10", "sw-11", "sw-12", "sw-13"] {
        let published = body(id);
        let rendered = String::from_utf8(payload::render(&Event::Deposit(event(&published)))).unwrap();
        assert_eq!(rendered, published, "{id}");
    }
}

#[test]
fn a_test_is_the_published_bytes_and_no_event() {
    let id = EventId::parse("test_0001").unwrap();
    let at = Millis(seconds("2025-11-20T09:23:15Z") * 1000 + 7);
    let row = compose_test(id, &app(), at);
    assert_eq!(String::from_utf8(row.body.clone()).unwrap(), body("sw-16"));
    assert_eq!((row.place, row.trigger, row.state), (EventPlace(0), Trigger::Test, NotificationState::Due(at)));
    assert_eq!((row.url, row.after, row.then), (app().notify_url, None, None));
}

#[test]
fn the_end_of_an_order_is_the_published_bytes() {
    for (id, kind) in [("sw-14", OrderEventKind::Expired), ("sw-15", OrderEventKind::Cancelled)] {
        let published = body(id);
        let all: Value = serde_json::from_str(&published).unwrap();
        let data = &all["data"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let address = |value: &Value| Address::parse(Family::Tron, value.as_str().unwrap()).unwrap();
        let mut order = order(data, address(&data["address"])).unwrap();
        order.user_mark = UserMark::parse(&text(&data["user_mark"])).unwrap();
        let event = OrderEvent {
            id: EventId::order(&order.app, &order.id, kind),
            kind,
            timestamp: Timestamp(seconds(&text(&all["timestamp"]))),
            network: text(&data["network"]).parse().unwrap(),
            family: Family::Tron,
            token: Token {
                contract: address(&data["token"]["contract"]),
                symbol: "USDT".to_owned(),
                decimals: Decimals::new(6).unwrap(),
                minimum: TokenAmount::ZERO,
            },
            block: BlockRef {
                height: Height(data["block"]["height"].as_u64().unwrap()),
                hash: BlockHash::parse(&text(&data["block"]["hash"])).unwrap(),
            },
            order,
        };
        let rendered = String::from_utf8(payload::render(&Event::Order(event))).unwrap();
        assert_eq!(rendered, published, "{id}");
    }
}

#[test]
fn control_characters_are_escaped_and_the_longest_body_fits_its_row() {
    let mut event = event(&body("sw-12"));
    event.token.symbol = "A\"\u{1}\u{7f}/é".to_owned();
    let text = String::from_utf8(payload::render(&Event::Deposit(event.clone()))).unwrap();
    assert!(text.contains(r#""symbol":"A\"\u0001"#), "{text}");
    assert!(text.contains("\u{7f}/é\""), "raw: {text}");

    let wide = "😀".repeat(64);
    event.deposit.user_mark = UserMark::parse(&wide).unwrap();
    event.deposit.app = "a".repeat(64).parse().unwrap();
    event.deposit.id.network = "n".repeat(32).parse().unwrap();
    event.reverses = Some(EventId::parse(&"e".repeat(64)).unwrap());
    event.token.decimals = Decimals::new(77).unwrap();
    event.order = Some(Order {
        id: OrderId::parse(&wide).unwrap(),
        username: Some(wide),
        expected: event.deposit.amount,
        ..order(&serde_json::from_str::<Value>(&body("sw-03")).unwrap()["data"], event.deposit.to).unwrap()
    });
    let longest = payload::render(&Event::Deposit(event.clone())).len();
    assert!((2000..=BODY_BYTES_MAX).contains(&longest), "{longest}");
}

fn app() -> App {
    App {
        news: Default::default(),
        amount_policy: crate::domain::AmountPolicy::AcceptActual,
        grace_s: 0,
        id: "app1".parse().unwrap(),
        protocol: Protocol::StandardWebhooks,
        notify_url: url("https://m.example/app"),
        notify_hosts: vec!["m.example".to_owned()],
        keys: Vec::new(),
        created: Millis(0),
    }
}

fn url(text: &str) -> NotifyUrl {
    NotifyUrl::checked(text.to_owned()).unwrap()
}

#[test]
fn rows_are_due_at_once_and_know_the_version_before() {
    let mut third = event(&body("sw-09"));
    let row = compose(&Event::Deposit(third.clone()), EventPlace(1), None, &app(), Millis(7)).unwrap();
    assert_eq!(row.state, NotificationState::Due(Millis(7)));
    assert_eq!(row.body, body("sw-09").into_bytes());
    assert_eq!(row.after, EventId::parse("dep_4twhabzbdcvi5pcinf5u7mvgz7mpjdh6_2"));
    assert_eq!(row.url, url("https://m.example/app"));
    assert_eq!(row.attempts, AttemptNo(0));

    third.order =
        event(&body("sw-11")).order.map(|order| Order { notify_url: Some(url("https://m.example/o")), ..order });
    assert_eq!(
        compose(&Event::Deposit(third.clone()), EventPlace(1), None, &app(), Millis(7)).unwrap().url,
        url("https://m.example/o")
    );
    for first in ["sw-03", "sw-10"] {
        assert_eq!(
            compose(&Event::Deposit(event(&body(first))), EventPlace(1), None, &app(), Millis(7)).unwrap().after,
            None,
            "{first}"
        );
    }
}

fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt {
        peer: None,
        trigger: Default::default(),
        event: EventId::parse("dep_37gw6pfa2nz4fnpwvxe6jei7mbxturbf_1").unwrap(),
        number: AttemptNo(number),
        started: Millis(0),
        took_ms: 0,
        status: None,
        outcome,
        detail: String::new(),
        excerpt: String::new(),
    }
}

fn refused(retry_after_s: Option<u64>, slow_down: bool) -> Outcome {
    Outcome::Refused { retry_after_s, slow_down }
}

fn pause(attempt: &Attempt) -> Option<u64> {
    let row = compose(&Event::Deposit(event(&body("sw-03"))), EventPlace(1), None, &app(), Millis(7)).unwrap();
    let row = Notification { tries: attempt.number.0 - 1, ..row };
    match decide(&row, attempt, Millis(1_000_000)) {
        Verdict::RetryAt(at) => Some(at.since(Millis(1_000_000))),
        Verdict::DeadLetter => None,
        Verdict::Delivered | Verdict::Park => panic!("not delivered"),
    }
}

#[test]
fn the_schedule_is_jittered_both_ways_and_ends_after_ten() {
    let scheduled =
        [5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS, 14 * HOUR_MS];
    let scheduled = scheduled.into_iter().chain([20 * HOUR_MS, 24 * HOUR_MS]);
    let (mut shorter, mut longer) = (0, 0);
    for (number, delay) in (1..).zip(scheduled) {
        for event in 0..200 {
            let attempt = Attempt {
                event: EventId::parse(&format!("dep_{event}_1")).unwrap(),
                ..attempt(number, refused(None, false))
            };
            let pause = pause(&attempt).unwrap();
            assert!((delay * 8 / 10..=delay * 12 / 10).contains(&pause), "attempt {number}: {pause}");
            shorter += u32::from(pause < delay * 85 / 100);
            longer += u32::from(pause > delay * 115 / 100);
        }
    }
    assert!(shorter > 200 && longer > 200, "spread over the whole span: {shorter}, {longer}");
    assert_eq!(pause(&attempt(10, refused(None, false))), None);
    assert_eq!(pause(&attempt(10, refused(Some(5), true))), None);
    assert_eq!(pause(&attempt(u32::MAX, Outcome::Unreachable(Unreached::Connect))), None);
    let first = attempt(1, Outcome::Unreachable(Unreached::Connect));
    assert_eq!(pause(&first), pause(&first), "the same row is due at the same time");
    assert_eq!(pause(&first), Some(5250), "pinned: another derivation would move rows on an upgrade");
}

#[test]
fn wishes_only_lengthen_and_only_so_far() {
    let timed_out = attempt(1, Outcome::Unreachable(Unreached::TimedOut));
    for (attempt, least, most) in [
        (attempt(1, refused(Some(1), true)), 5 * SECOND_MS, 6 * SECOND_MS),
        (attempt(1, refused(Some(30), true)), 30 * SECOND_MS, 36 * SECOND_MS),
        (attempt(1, refused(Some(3600), true)), MINUTE_MS, 72 * SECOND_MS),
        (attempt(1, refused(Some(u64::MAX), true)), MINUTE_MS, 72 * SECOND_MS),
        (attempt(2, refused(Some(u64::MAX), true)), 10 * MINUTE_MS, 12 * MINUTE_MS),
        (attempt(2, refused(Some(450), true)), 450 * SECOND_MS, 540 * SECOND_MS),
        (attempt(9, refused(Some(u64::MAX), true)), 48 * HOUR_MS, 58 * HOUR_MS),
        (attempt(1, refused(None, true)), MINUTE_MS, 72 * SECOND_MS),
        (attempt(2, refused(None, true)), 5 * MINUTE_MS, 6 * MINUTE_MS),
        (timed_out, MINUTE_MS, 72 * SECOND_MS),
        (attempt(1, Outcome::Unreachable(Unreached::Connect)), 4 * SECOND_MS, 6 * SECOND_MS),
        (attempt(1, Outcome::Blocked), 4 * SECOND_MS, 6 * SECOND_MS),
    ] {
        let pause = pause(&attempt).unwrap();
        assert!((least..=most).contains(&pause), "{attempt:?}: {pause}");
    }
}

#[test]
fn answers_mean_what_the_table_says() {
    let now = Timestamp(784_111_777);
    let date = Some("Sun, 06 Nov 1994 08:50:37 GMT");
    for (status, retry_after, outcome) in [
        (200, None, Outcome::Accepted),
        (204, Some("9"), Outcome::Accepted),
        (299, None, Outcome::Accepted),
        (199, None, refused(None, false)),
        (300, None, refused(None, false)),
        (302, None, refused(None, false)),
        (400, Some("9"), refused(None, false)),
        (404, None, refused(None, false)),
        (410, Some("9"), Outcome::Gone),
        (429, Some("9"), refused(Some(9), true)),
        (429, Some("-9"), refused(None, true)),
        (429, None, refused(None, true)),
        (500, Some("9"), refused(None, false)),
        (502, Some("9"), refused(None, true)),
        (503, date, refused(Some(60), true)),
        (503, Some("soon"), refused(None, true)),
        (504, None, refused(None, true)),
    ] {
        for body in [None, Some(&b"success"[..])] {
            let answer = Answer { status, retry_after, body };
            assert_eq!(
                protocol::outcome(Protocol::StandardWebhooks, &answer, now),
                outcome,
                "{status} {retry_after:?}"
            );
        }
    }
}

#[test]
fn settling_moves_a_row_along() {
    let row = compose(&Event::Deposit(event(&body("sw-03"))), EventPlace(1), None, &app(), Millis(7)).unwrap();
    let ended = Millis(1000);
    let delivered = settle(&row, &attempt(1, Outcome::Accepted), ended);
    assert_eq!((delivered.state, delivered.attempts), (NotificationState::Delivered(ended), AttemptNo(1)));
    assert_eq!((&delivered.id, &delivered.body), (&row.id, &row.body));
    let again = settle(&row, &attempt(3, refused(None, false)), ended);
    assert!(again.due().is_some_and(|due| due > ended) && again.attempts == AttemptNo(3));
    let last = Notification { tries: 9, ..row.clone() };
    assert_eq!(settle(&last, &attempt(10, Outcome::Blocked), ended).state, NotificationState::DeadLetter(ended));
    let gone = settle(&last, &attempt(10, Outcome::Gone), ended);
    assert_eq!((gone.state, gone.tries), (last.state, 9), "held, not spent");
    let drawn = protocol::Nonce::of([1, 2, 3, 4, 5, 250]);
    assert_eq!(protocol::request(&row, ended, drawn, &[]), None, "nothing is sent unsigned");
    let sent_again = settle(&delivered, &attempt(2, Outcome::Gone), Millis(2000));
    assert_eq!(sent_again.state, NotificationState::Delivered(ended), "told is told");
}

mod tron;
