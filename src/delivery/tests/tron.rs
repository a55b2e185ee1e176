//! Bodies of TRON deposits, to the byte: base58 addresses, hashes without `0x`.

use expect_test::{Expect, expect};

use super::*;

/// A transfer of USDT on TRON's main network, told as `kind`.
fn on_tron(kind: EventKind, reason: Reason) -> DepositEvent {
    let tron = |text| Address::parse(Family::Tron, text).unwrap();
    let token = Token {
        contract: tron("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        symbol: "USDT".to_owned(),
        decimals: Decimals::new(6).unwrap(),
        minimum: TokenAmount::ZERO,
    };
    let id = DepositId {
        network: "tron-mainnet".parse().unwrap(),
        tx: TxHash::parse("9f6d367313e4194e68cee9f1c7ff0b7bdfdab5ad1fbe4746a3760b36e4cd20c3").unwrap(),
        token: token.contract,
        ordinal: LogOrdinal(0),
    };
    let (version, text) = (EventVersion(if kind == EventKind::Reversed { 2 } else { 1 }), id.text(Family::Tron));
    let deposit = Deposit {
        by_hand: false,
        hold: None,
        id,
        family: Family::Tron,
        from: tron("TNDzfERDpxLDS2w1q6yaFC7pzqaSQ3Bg3r"),
        to: tron("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"),
        amount: TokenAmount::of(100_000_000),
        included_at: BlockRef {
            height: Height(66_987_565),
            hash: BlockHash::parse("0000000003fe262d52bf48b4f8a83a9cdb1c2e0ccc9c3c0b8a5c8a4e5d0f0e0e").unwrap(),
        },
        block_time: Timestamp(1_777_445_121),
        state: DepositState::Confirmed,
        version,
        unmatched_told: false,
        first_seen: Height(66_987_565),
        app: "shop".parse().unwrap(),
        user_mark: UserMark::parse("u-7").unwrap(),
        order: None,
        reason,
    };
    let (event_id, version) = match kind {
        EventKind::Detected => (EventId::detected(&text), EventVersion(0)),
        EventKind::Unmatched => (EventId::unmatched(&text), EventVersion(0)),
        EventKind::Confirmed | EventKind::Reversed => (EventId::money(&text, version), version),
    };
    DepositEvent {
        id: event_id,
        kind,
        version,
        timestamp: Timestamp(1_777_445_175),
        family: Family::Tron,
        token,
        deposit,
        confirmations: 19,
        order: None,
        reverses: (kind == EventKind::Reversed).then(|| EventId::money(&text, EventVersion(1))),
    }
}

fn check(event: &DepositEvent, body: Expect) {
    let rendered = String::from_utf8(payload::render(&Event::Deposit(event.clone()))).unwrap();
    assert!(!rendered.contains("0x"), "{rendered}");
    // One key a line, for reading; the bytes are the same.
    body.assert_eq(&rendered.replace(",\"", ",\n\""));
}

#[test]
fn a_credit_of_an_order() {
    let mut event = on_tron(EventKind::Confirmed, Reason::Matched);
    event.order = Some(Order {
        fail_url: None,
        serial: None,
        amount_policy: crate::domain::AmountPolicy::AcceptActual,
        expiry: None,
        own_amount_policy: None,
        app: "shop".parse().unwrap(),
        id: OrderId::parse("o-1001").unwrap(),
        user_mark: UserMark::default(),
        username: Some("Tessa".to_owned()),
        address: event.deposit.to,
        lines: Vec::new(),
        expected: event.deposit.amount,
        notify_url: None,
        created: Millis(0),
        state: OrderState::Open,
    });
    check(
        &event,
        expect![[r#"
        {"type":"deposit.confirmed",
        "timestamp":"2026-04-29T06:46:15Z",
        "data":{"event_id":"dep_37gw6pfa2nz4fnpwvxe6jei7mbxturbf_1",
        "version":1,
        "deposit_id":"dep_37gw6pfa2nz4fnpwvxe6jei7mbxturbf",
        "network":"tron-mainnet",
        "token":{"contract":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        "symbol":"USDT",
        "decimals":6},
        "tx_hash":"9f6d367313e4194e68cee9f1c7ff0b7bdfdab5ad1fbe4746a3760b36e4cd20c3",
        "log_ordinal":0,
        "block":{"height":66987565,
        "hash":"0000000003fe262d52bf48b4f8a83a9cdb1c2e0ccc9c3c0b8a5c8a4e5d0f0e0e"},
        "confirmations":19,
        "from":"TNDzfERDpxLDS2w1q6yaFC7pzqaSQ3Bg3r",
        "address":"TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
        "amount":"100000000",
        "amount_decimal":"100.000000",
        "app_id":"shop",
        "user_mark":"u-7",
        "reason":"matched",
        "order":{"order_id":"o-1001",
        "username":"Tessa",
        "ordersn":null,
        "expected_amount":"100000000",
        "expected_amount_decimal":"100.000000"}}}"#]],
    );
}

#[test]
fn the_same_taken_back() {
    let event = DepositEvent { confirmations: 0, ..on_tron(EventKind::Reversed, Reason::Matched) };
    check(
        &event,
        expect![[r#"
        {"type":"deposit.reversed",
        "timestamp":"2026-04-29T06:46:15Z",
        "data":{"event_id":"dep_37gw6pfa2nz4fnpwvxe6jei7mbxturbf_2",
        "version":2,
        "deposit_id":"dep_37gw6pfa2nz4fnpwvxe6jei7mbxturbf",
        "network":"tron-mainnet",
        "token":{"contract":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        "symbol":"USDT",
        "decimals":6},
        "tx_hash":"9f6d367313e4194e68cee9f1c7ff0b7bdfdab5ad1fbe4746a3760b36e4cd20c3",
        "log_ordinal":0,
        "block":{"height":66987565,
        "hash":"0000000003fe262d52bf48b4f8a83a9cdb1c2e0ccc9c3c0b8a5c8a4e5d0f0e0e"},
        "confirmations":0,
        "from":"TNDzfERDpxLDS2w1q6yaFC7pzqaSQ3Bg3r",
        "address":"TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
        "amount":"100000000",
        "amount_decimal":"100.000000",
        "app_id":"shop",
        "user_mark":"u-7",
        "reason":"reversed",
        "reverses":"dep_37gw6pfa2nz4fnpwvxe6jei7mbxturbf_1",
        "order":null}}"#]],
    );
}

#[test]
fn the_largest_amount_from_nobody_that_nobody_expected() {
    let mut event = on_tron(EventKind::Unmatched, Reason::NoOpenOrder);
    event.deposit.from = Address([0; 20]);
    event.deposit.amount = TokenAmount::from_bytes(&[0xff; 32]);
    event.deposit.id.ordinal = LogOrdinal(3);
    event.id = EventId::unmatched(&event.deposit.text());
    check(
        &event,
        expect![[r#"
        {"type":"deposit.unmatched",
        "timestamp":"2026-04-29T06:46:15Z",
        "data":{"event_id":"dep_rw7r2gn4ew3fzbrbslk2l3y6qw7emnc2_unmatched",
        "version":0,
        "deposit_id":"dep_rw7r2gn4ew3fzbrbslk2l3y6qw7emnc2",
        "network":"tron-mainnet",
        "token":{"contract":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        "symbol":"USDT",
        "decimals":6},
        "tx_hash":"9f6d367313e4194e68cee9f1c7ff0b7bdfdab5ad1fbe4746a3760b36e4cd20c3",
        "log_ordinal":3,
        "block":{"height":66987565,
        "hash":"0000000003fe262d52bf48b4f8a83a9cdb1c2e0ccc9c3c0b8a5c8a4e5d0f0e0e"},
        "confirmations":19,
        "from":"T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb",
        "address":"TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
        "amount":"115792089237316195423570985008687907853269984665640564039457584007913129639935",
        "amount_decimal":"115792089237316195423570985008687907853269984665640564039457584007913129.639935",
        "app_id":"shop",
        "user_mark":"u-7",
        "reason":"no_open_order",
        "order":null}}"#]],
    );
}
