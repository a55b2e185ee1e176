//! Requests of whole rows, as `notify` asks for them, and the tables of what each protocol says and hears.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    delivery::{
        compose, compose_test,
        schedule::{HOUR_MS, MINUTE_MS, SECOND_MS},
        selftest::VECTORS,
        testing::{SERIAL, TRON, app, deposit},
    },
    domain::{
        Decimals, DepositEvent, Event, EventId, EventKind, EventPlace, NotificationState, OrderId, Reason, TokenAmount,
        Trade, UserMark, V1Format, V1Scheme, V2Sign,
    },
};

const NONCE: Nonce = Nonce(*b"5LtilG");

fn key(secret: &str) -> SigningKey {
    SigningKey::kept(secret.as_bytes().to_vec())
}

fn composed(protocol: Protocol, event: &DepositEvent, trade: Option<Trade>) -> Notification {
    let event = Event::Deposit(event.clone());
    compose(&event, EventPlace(1), trade, &app(protocol), Millis(7)).unwrap()
}

fn sent(row: &Notification, at: Millis, secret: &str) -> (&'static str, String) {
    let request = request(row, at, NONCE, &[&key(secret), &key("an older one")]).unwrap();
    (request.content_type, String::from_utf8(request.body).unwrap())
}

fn vectors(schemes: &[&str]) -> Vec<Value> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let of = |vector: &&Value| schemes.contains(&vector["scheme"].as_str().unwrap());
    file["vectors"].as_array().unwrap().iter().filter(of).cloned().collect()
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_else(|| panic!("{name} of {object}"))
}

/// A credit with the texts of a CrossingPay vector; its amount is times 10000 of a token with six decimals.
fn credit(order: &Value, amount: &str, address: &str) -> Option<DepositEvent> {
    let mut event = deposit(address, EventKind::Confirmed, 1);
    event.deposit.amount = TokenAmount::parse_base_units(&format!("{amount}00")).ok()?;
    event.deposit.app = text(order, "appid").parse().unwrap();
    event.deposit.user_mark = UserMark::parse(text(order, "localusermark")).unwrap();
    let expected = event.order.as_mut().unwrap();
    expected.id = OrderId::parse(text(order, "orderid")).unwrap();
    expected.username = order["username"].as_str().map(str::to_owned);
    Some(event)
}

#[test]
fn rows_of_v1_are_the_published_bodies() {
    let mut met = 0;
    for vector in vectors(&["crossingpay_v1_hmac_callback", "crossingpay_v1_sha1_callback"]) {
        let params = &vector["inputs"]["params"];
        let scheme = match text(&vector, "scheme") {
            "crossingpay_v1_hmac_callback" => V1Scheme::HmacSha256Sorted,
            _ => V1Scheme::Sha1KvUpper,
        };
        let event = credit(params, text(params, "amount"), TRON).unwrap();
        let at = Millis(text(params, "t").parse::<u64>().unwrap() * 1000 + 999);
        for wire in vector["wire"].as_array().unwrap() {
            let format = if text(wire, "content_type") == wire::FORM { V1Format::Form } else { V1Format::Json };
            let row = composed(Protocol::CrossingPayV1 { scheme, format }, &event, None);
            let sent = sent(&row, at, vector["secrets"][0].as_str().unwrap());
            assert_eq!(
                sent,
                (if format == V1Format::Form { wire::FORM } else { wire::JSON }, text(wire, "body").into())
            );
            met += 1;
        }
    }
    assert_eq!(met, 2 * (18 * 2 + 1));
}

#[test]
fn rows_of_v2_are_the_published_bodies() {
    let mut unlike = vec![];
    for vector in vectors(&["crossingpay_v2_md5_callback_a", "crossingpay_v2_md5_callback_b"]) {
        let (inputs, order) = (&vector["inputs"], &vector["inputs"]["order"]);
        let sign = if text(&vector, "scheme").ends_with("_a") { V2Sign::A } else { V2Sign::B };
        let event = credit(order, text(inputs, "amount"), text(order, "address")).unwrap();
        let at = Millis(text(inputs, "t").parse::<u64>().unwrap() * 1000);
        let sent =
            sent(&composed(Protocol::CrossingPayV2 { sign }, &event, None), at, vector["secrets"][0].as_str().unwrap());
        if sent != (wire::JSON, text(&vector["wire"][0], "body").into()) {
            unlike.push(text(&vector, "id").to_owned());
        }
    }
    // Its order was registered with a mixed-case address, which is stored, and so signed, in lower case.
    assert_eq!(unlike, ["v2-cb-a-15"]);
}

#[test]
fn rows_of_udun_are_the_published_bodies() {
    for (id, nonce) in [("udun-26", "5LtilG"), ("udun-27", "eHSrfr"), ("udun-28", "Zz9yX1"), ("udun-29", "q0W1e2")] {
        let vector = vectors(&["udun_envelope"]).into_iter().find(|vector| vector["id"] == id).unwrap();
        let inner: Value = serde_json::from_str(text(&vector["inputs"], "body")).unwrap();
        let mut event = deposit(text(&inner, "address"), EventKind::Confirmed, 1);
        event.deposit.amount = TokenAmount::parse_base_units(text(&inner, "amount")).unwrap();
        event.deposit.included_at.height.0 = text(&inner, "blockHigh").parse().unwrap();
        event.order = None;
        let main_coin = text(&inner, "mainCoinType").parse().unwrap();
        let trade = Trade { main_coin, id: text(&inner, "tradeId").parse().unwrap() };
        if id != "udun-26" {
            assert_eq!(trade.id, udun::trade_id(&event.deposit.text()), "{id}: the derived number");
        }
        let row = composed(Protocol::Udun, &event, Some(trade));
        let at = Millis(text(&vector["inputs"], "timestamp").parse().unwrap());
        let nonce = Nonce(nonce.as_bytes().try_into().unwrap());
        let request = request(&row, at, nonce, &[&key(vector["secrets"][0].as_str().unwrap())]).unwrap();
        let wire = &vector["wire"][0];
        assert_eq!(
            (request.content_type, String::from_utf8(request.body).unwrap()),
            (wire::FORM, text(wire, "body").into())
        );
    }
}

#[test]
fn rows_of_usdtcnpay_are_the_published_bodies() {
    let all = vectors(&["usdtcnpay_callback"]);
    assert_eq!(all.len(), 12);
    for vector in all {
        let params = &vector["inputs"]["params"];
        let kind = if text(params, "zt") == usdtcnpay::PAID { EventKind::Confirmed } else { EventKind::Reversed };
        let mut event = deposit(TRON, kind, if kind == EventKind::Confirmed { 1 } else { 2 });
        let expected = TokenAmount::parse_decimal(text(params, "amount"), Decimals::new(6).unwrap()).unwrap();
        event.deposit.amount = expected;
        let order = event.order.as_mut().unwrap();
        (order.expected, order.id) = (expected, OrderId::parse(text(params, "orderNo")).unwrap());
        let row = composed(Protocol::Usdtcnpay, &event, None);
        assert_eq!(row.state, NotificationState::Due(Millis(7)));
        let at = Millis(text(params, "timestamp").parse::<u64>().unwrap() * 1000);
        let sent = sent(&row, at, vector["secrets"][0].as_str().unwrap());
        assert_eq!(sent, (wire::JSON, text(&vector["wire"][0], "body").into()), "{}", vector["id"]);
    }
    let mut event = deposit(TRON, EventKind::Confirmed, 1);
    for (base, amount) in [(1, "0.000001"), (100_500_000, "100.5"), (7_000_000, "7")] {
        event.order.as_mut().unwrap().expected = TokenAmount::of(base);
        let (_, body) = sent(&composed(Protocol::Usdtcnpay, &event, None), Millis(0), "s");
        assert!(body.contains(&format!("\"amount\":\"{amount}\"")), "{body}");
    }
}

#[test]
fn headers_stand_beside_b_c_and_d_only() {
    let event = deposit(TRON, EventKind::Confirmed, 1);
    for protocol in Protocol::ALL {
        let row = composed(protocol, &event, Some(Trade { main_coin: 195, id: 1 }));
        let headers = request(&row, Millis(1), NONCE, &[&key("s")]).unwrap().headers;
        let ours = headers.iter().filter(|(name, _)| name.starts_with("x-depositd-")).count();
        let has = !matches!(protocol, Protocol::StandardWebhooks | Protocol::Usdtcnpay);
        assert_eq!(ours, if has { 10 } else { 0 }, "{protocol:?}");
    }
}

#[test]
fn what_has_no_words_is_never_sent() {
    let trade = Some(Trade { main_coin: 195, id: 1 });
    let all = |event: &DepositEvent, trade| {
        Protocol::ALL[1..].iter().map(move |protocol| composed(*protocol, event, trade)).collect::<Vec<_>>()
    };
    let words = |row: &Notification| request(row, Millis(1), NONCE, &[&key("s")]).is_some();
    let confirmed = deposit(TRON, EventKind::Confirmed, 1);
    assert!(all(&confirmed, trade).iter().all(words));
    for row in all(&confirmed, trade) {
        assert_eq!(request(&row, Millis(1), NONCE, &[]), None, "nothing is sent unsigned");
        for body in ["", "{}", "[]", "null", "{\"type\":\"deposit.confirmed\",\"data\":{}}", "\u{1}"] {
            assert!(!words(&Notification { body: body.as_bytes().to_vec(), ..row.clone() }), "{body:?}");
        }
        let cut = Notification { body: row.body[..row.body.len() - 1].to_vec(), ..row };
        assert!(!words(&cut));
    }
    let reversed = deposit(TRON, EventKind::Reversed, 2);
    assert_eq!(all(&reversed, trade).iter().map(words).collect::<Vec<_>>(), [false, false, false, true]);
    let mut unmatched = deposit(TRON, EventKind::Unmatched, 0);
    unmatched.deposit.reason = Reason::Late;
    assert!(!all(&unmatched, trade).iter().any(words));
    let no_order = DepositEvent { order: None, ..confirmed.clone() };
    assert_eq!(all(&no_order, trade).iter().map(words).collect::<Vec<_>>(), [false, false, true, false]);
    assert!(!words(&composed(Protocol::Udun, &confirmed, None)));
    let mut dust = confirmed;
    dust.deposit.amount = TokenAmount::of(99);
    assert_eq!(all(&dust, trade).iter().map(words).collect::<Vec<_>>(), [false, false, true, true]);
    for protocol in Protocol::ALL {
        let test = compose_test(EventId::test(&[1; 20]), &app(protocol), Millis(9));
        assert_eq!(words(&test), protocol == Protocol::StandardWebhooks);
    }
}

#[test]
fn only_the_protocols_own_word_is_an_acknowledgement() {
    // Body, then whether V1 and V2 take it with HTTP 200.
    let table: [(&[u8], bool, bool); 30] = [
        (b"success", true, true),
        (b"success\n", true, true),
        (b" \t\r\nsuccess\x0c ", true, true),
        (b"\xef\xbb\xbfsuccess", true, true),
        (b"\xef\xbb\xbf \nsuccess\r\n", true, true),
        (b"\"success\"", false, true),
        (b"\xef\xbb\xbf\"success\"\n", false, true),
        (b"\" success\"", false, false),
        (b"'success'", false, false),
        (b"\"success", false, false),
        (b"", false, false),
        (b" ", false, false),
        (b"SUCCESS", false, false),
        (b"Success", false, false),
        (b"unsuccessful", false, false),
        (b"success.", false, false),
        (b"success success", false, false),
        (b"successsuccess", false, false),
        (b"suc cess", false, false),
        (b"success\0", false, false),
        (b"\0success", false, false),
        (b"\x0bsuccess", false, false),
        ("\u{a0}success".as_bytes(), false, false),
        ("success\u{3000}".as_bytes(), false, false),
        ("success\u{feff}".as_bytes(), false, false),
        ("\u{feff}\u{feff}success".as_bytes(), false, false),
        (b" \xef\xbb\xbfsuccess", false, false),
        (b"{\"code\":0,\"msg\":\"success\"}", false, false),
        (b"<html>success</html>", false, false),
        (b"s\0u\0c\0c\0e\0s\0s\0", false, false),
    ];
    let now = Timestamp(0);
    for (body, v1, v2) in table {
        for status in [100, 199, 200, 201, 204, 299, 301, 400, 404, 500] {
            let answer = Answer { status, retry_after: None, body: Some(body) };
            let taken = Protocol::ALL.map(|protocol| outcome(protocol, &answer, now) == Outcome::Accepted);
            let (any, ok) = ((200..=299).contains(&status), status == 200);
            assert_eq!(taken, [any, ok && v1, ok && v2, ok, ok], "{status} {:?}", String::from_utf8_lossy(body));
        }
    }
    let cut = Answer { status: 200, retry_after: None, body: None };
    let taken = Protocol::ALL.map(|protocol| outcome(protocol, &cut, now) == Outcome::Accepted);
    assert_eq!(taken, [true, false, false, true, true], "a body that was not read is no word");
    for protocol in Protocol::ALL {
        for body in [None, Some(&b"success"[..])] {
            assert_eq!(outcome(protocol, &Answer { status: 410, retry_after: None, body }, now), Outcome::Gone);
        }
    }
}

#[test]
fn schedules_are_the_published_ones() {
    let (legacy, standard) = (schedule(Protocol::ALL[1]), schedule(Protocol::StandardWebhooks));
    assert_eq!((legacy.delays_ms.len(), legacy.jitter_permille), (1 + 8, 100));
    let pauses = [15, 30, 60, 120, 300, 900, 3600, 21_600].map(|seconds| seconds * SECOND_MS);
    assert_eq!(legacy.delays_ms[1..], pauses);
    assert_eq!(legacy.delays_ms.iter().sum::<u64>(), 7 * HOUR_MS + 23 * MINUTE_MS + 45 * SECOND_MS);
    assert_eq!((standard.delays_ms.len(), standard.jitter_permille), (10, 200));
    assert_eq!(standard.delays_ms.iter().sum::<u64>(), 75 * HOUR_MS + 35 * MINUTE_MS + 5 * SECOND_MS);
    assert_eq!(schedule(Protocol::ALL[2]), legacy);
    assert_eq!([3, 4].map(|at| schedule(Protocol::ALL[at])), [standard, standard]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// W19: whatever stands in an id or a mark, it stays inside its field; two attempts differ in time, nonce and sign only.
    #[test]
    fn texts_from_outside_stay_in_their_fields(
        order in "[^\\x00-\\x1f\\x7f-\\x9f]{1,50}",
        mark in "[^\\x00-\\x1f\\x7f-\\x9f]{0,50}",
        raw in "\\PC{0,20}[\\r\\n\\x00\"\\\\&=%+|]{1,5}\\PC{0,20}",
        at in 1_600_000_000_u64..4_000_000_000,
    ) {
        let mut event = deposit(TRON, EventKind::Confirmed, 1);
        event.deposit.user_mark = UserMark::parse(&mark).unwrap();
        let expected = event.order.as_mut().unwrap();
        expected.id = OrderId::parse(&order).unwrap();
        // Nothing checks a username twice, so it may bring anything.
        expected.username = Some(raw);
        let v1 = |format| Protocol::CrossingPayV1 { scheme: V1Scheme::Sha1KvUpper, format };
        for protocol in [v1(V1Format::Form), v1(V1Format::Json), Protocol::ALL[2], Protocol::Udun, Protocol::Usdtcnpay] {
            let row = composed(protocol, &event, Some(Trade { main_coin: 195, id: 7 }));
            let keys = [&key("s")];
            let first = request(&row, Millis(at * 1000), NONCE, &keys).unwrap();
            prop_assert_eq!(&first, &request(&row, Millis(at * 1000), NONCE, &keys).unwrap(), "pure");
            prop_assert!(first.body.iter().all(|byte| *byte >= 0x20));
            prop_assert!(first.headers.iter().all(|(_, value)| value.bytes().all(|byte| byte.is_ascii_graphic())));
            let again = request(&row, Millis(at * 1000 + 15_000), Nonce(*b"q0W1e2"), &keys).unwrap();
            prop_assert_eq!(&first.headers, &again.headers);
            let (first, again) = (fields(&first), fields(&again));
            let differ: Vec<&str> = first.iter().zip(&again).filter(|(a, b)| a != b).map(|(a, _)| a.0.as_str()).collect();
            let expected: &[&str] = match protocol {
                Protocol::Udun => &["nonce", "sign", "timestamp"],
                Protocol::Usdtcnpay => &["sign", "timestamp"],
                Protocol::StandardWebhooks | Protocol::CrossingPayV1 { .. } | Protocol::CrossingPayV2 { .. } => {
                    &["sign", "t"]
                }
            };
            let mut sorted = differ.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, expected);
            let said = |name: &str| first.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            match protocol {
                Protocol::Udun => (),
                Protocol::Usdtcnpay => {
                    prop_assert_eq!(said("orderNo"), Some(order.clone()));
                    prop_assert_eq!(said("chargeNo"), Some(SERIAL.to_owned()));
                }
                Protocol::StandardWebhooks | Protocol::CrossingPayV1 { .. } | Protocol::CrossingPayV2 { .. } => {
                    prop_assert_eq!(said("orderid"), Some(order.clone()));
                    prop_assert_eq!(said("localusermark"), Some(mark.clone()));
                }
            }
        }
    }
}

/// The members of a body, form or JSON, in their order as far as it is kept.
fn fields(request: &Request) -> Vec<(String, String)> {
    if request.content_type == wire::FORM {
        return url::form_urlencoded::parse(&request.body).into_owned().collect();
    }
    let all: Value = serde_json::from_slice(&request.body).unwrap();
    all.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}
