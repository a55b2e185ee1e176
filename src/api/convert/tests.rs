//! The table of bad input: each refused by field and reason.

use std::{num::NonZeroU32, sync::Arc};

use super::*;
use crate::domain::{Confirmations, Policy, Threshold};

const ALICE: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const USDT: &str = "0xdac17f958d2ee523a2206206994597c13d831ec7";
const USDT_ON_TRON: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
const USDT_ON_NILE: &str = "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf";
const TESSA: &str = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8";

fn spec(name: &str, family: Family, tokens: &[(&str, &str, u8)]) -> NetworkSpec {
    let token = |&(contract, symbol, decimals): &(&str, &str, u8)| {
        let contract = Address::parse(family, contract).unwrap();
        let decimals = Decimals::new(decimals).unwrap();
        (contract, Token { contract, symbol: symbol.into(), decimals, minimum: TokenAmount::ZERO })
    };
    NetworkSpec {
        main_coin: None,
        id: name.parse().unwrap(),
        family,
        tokens: tokens.iter().map(token).collect(),
        policy: Policy::flat(Threshold::Confirmations(Confirmations(NonZeroU32::MIN))),
        window_blocks: 64,
    }
}

fn networks() -> Networks {
    let twice = ("0x00000000000000000000000000000000000000aa", "TWICE", 6);
    let again = ("0x00000000000000000000000000000000000000ab", "TWICE", 6);
    [
        spec("ethereum-mainnet", Family::Evm, &[(USDT, "USDT", 6), twice, again]),
        spec("bsc-mainnet", Family::Evm, &[("0x55d398326f99059ff775485246999027b3197955", "USDT", 18)]),
        spec("polygon-mainnet", Family::Evm, &[("0xc2132d05d31c914a87c6611c10748aeb04b58e8f", "USDT", 6)]),
        spec("tron-mainnet", Family::Tron, &[(USDT_ON_TRON, "USDT", 6)]),
        spec("tron-nile", Family::Tron, &[(USDT_ON_NILE, "USDT", 6)]),
    ]
    .into_iter()
    .map(|spec| (spec.id.clone(), spec))
    .collect()
}

fn good() -> v1::RegisterOrderRequest {
    v1::RegisterOrderRequest {
        app_id: "shop".into(),
        order_id: "o-1".into(),
        user_mark: "user 7".into(),
        username: String::new(),
        address: ALICE.into(),
        networks: vec!["ethereum-mainnet".into()],
        token: "USDT".into(),
        amount: Some(Amount::AmountDecimal("10.5".into())),
        notify_url: String::new(),
        fail_url: String::new(),
        amount_policy: 0,
        expire_time: None,
        since: None,
    }
}

type Change = fn(&mut v1::RegisterOrderRequest);

fn base(request: &mut v1::RegisterOrderRequest, text: &str) {
    request.amount = Some(Amount::AmountBaseUnits(text.into()));
}

fn decimal(request: &mut v1::RegisterOrderRequest, text: &str) {
    request.amount = Some(Amount::AmountDecimal(text.into()));
}

#[test]
fn bad_input_is_refused_by_field_and_reason() {
    let table: [(Change, &str, &str); 38] = [
        (|r| r.amount_policy = 9, "amount_policy", "AMOUNT_POLICY_UNKNOWN"),
        (|r| r.expire_time = Some(prost_types::Timestamp { seconds: 5, nanos: 5 }), "expire_time", "TIME_FORM"),
        (
            |r| {
                r.since =
                    Some(v1::register_order_request::Since::FromTime(prost_types::Timestamp { seconds: -1, nanos: 0 }))
            },
            "from_time",
            "TIME_FORM",
        ),
        (|r| r.app_id = String::new(), "app_id", "APP_ID_FORM"),
        (|r| r.app_id = "a b".into(), "app_id", "APP_ID_FORM"),
        (|r| r.order_id = String::new(), "order_id", "EMPTY"),
        (|r| r.order_id = "x".repeat(65), "order_id", "TOO_LONG"),
        (|r| r.order_id = "a\nb".into(), "order_id", "CONTROL_CHARACTER"),
        (|r| r.user_mark = "x".repeat(65), "user_mark", "TOO_LONG"),
        (|r| r.username = "\u{7f}".into(), "username", "CONTROL_CHARACTER"),
        (|r| r.address = ALICE.replacen('A', "a", 1), "address", "ADDRESS_CHECKSUM"),
        (|r| r.address = ALICE[..41].into(), "address", "ADDRESS_FORM"),
        (|r| r.address = format!("{ALICE}00"), "address", "ADDRESS_FORM"),
        (|r| r.address = "x".repeat(100_000), "address", "ADDRESS_FORM"),
        (|r| r.address = String::new(), "address", "ADDRESS_FORM"),
        (|r| r.address = format!("0x{}", "0".repeat(40)), "address", "ADDRESS_ZERO"),
        (|r| r.address = USDT.into(), "address", "ADDRESS_IS_TOKEN"),
        (|r| r.address = USDT_ON_TRON.into(), "address", "ADDRESS_FORM"),
        (|r| r.networks = vec!["dogecoin".into()], "networks[0]", "UNKNOWN_NETWORK"),
        (|r| r.networks.push("Ethereum Mainnet".into()), "networks[1]", "UNKNOWN_NETWORK"),
        (|r| r.networks.push("ethereum-mainnet".into()), "networks[1]", "NETWORK_TWICE"),
        (|r| r.networks.clear(), "networks", "NETWORKS_COUNT"),
        (|r| r.networks = vec!["ethereum-mainnet".into(); 9], "networks", "NETWORKS_COUNT"),
        (|r| r.networks.push("tron-mainnet".into()), "networks[1]", "NETWORKS_MIXED"),
        (|r| r.token = "DOGE".into(), "token", "UNKNOWN_TOKEN"),
        (|r| r.token = String::new(), "token", "UNKNOWN_TOKEN"),
        (|r| r.token = "usdt".into(), "token", "UNKNOWN_TOKEN"),
        (|r| r.token = "TWICE".into(), "token", "TOKEN_AMBIGUOUS"),
        (|r| r.networks.push("bsc-mainnet".into()), "token", "TOKEN_DECIMALS_DIFFER"),
        (|r| r.amount = None, "amount", "AMOUNT_MISSING"),
        (|r| base(r, "0"), "amount_base_units", "AMOUNT_ZERO"),
        (|r| base(r, "-1"), "amount_base_units", "AMOUNT_FORM"),
        (|r| base(r, &"9".repeat(78)), "amount_base_units", "AMOUNT_TOO_LARGE"),
        (|r| base(r, &"9".repeat(100_000)), "amount_base_units", "AMOUNT_TOO_LARGE"),
        (|r| base(r, "1.5"), "amount_base_units", "AMOUNT_FORM"),
        (|r| decimal(r, "0.0000001"), "amount_decimal", "AMOUNT_TOO_PRECISE"),
        (|r| decimal(r, "0.000000"), "amount_decimal", "AMOUNT_ZERO"),
        (|r| decimal(r, "-1"), "amount_decimal", "AMOUNT_FORM"),
    ];
    let networks = networks();
    for (place, (change, field, reason)) in table.into_iter().enumerate() {
        let mut request = good();
        change(&mut request);
        let mut form = Form::default();
        assert_eq!(form.order(&networks, &request), None, "row {place}");
        let problem = form.finish().unwrap_err();
        assert_eq!(problem.refused(), [(field, reason)], "row {place}");
    }
}

#[test]
fn a_good_order_is_taken_as_it_is() {
    let mut request = good();
    request.networks.push("polygon-mainnet".into());
    let mut form = Form::default();
    let order = form.order(&networks(), &request).unwrap();
    form.finish().unwrap();
    assert_eq!(order.expected, TokenAmount::of(10_500_000));
    assert_eq!(order.username, None);
    assert_eq!(order.lines.len(), 2);
    assert_ne!(order.lines[0].1, order.lines[1].1, "each network has its own contract");
}

fn on(networks: &[&str], address: &str) -> v1::RegisterOrderRequest {
    let networks = networks.iter().map(ToString::to_string).collect();
    v1::RegisterOrderRequest { networks, address: address.into(), ..good() }
}

#[test]
fn an_order_on_two_tron_networks_takes_either_form_of_the_address() {
    let tessa = Address::parse(Family::Tron, TESSA).unwrap();
    let hex = format!("41{}", hex::encode(tessa.0));
    for address in [TESSA, &hex, &hex.to_uppercase()] {
        let request = on(&["tron-mainnet", "tron-nile"], address);
        let mut form = Form::default();
        let order = form.order(&networks(), &request).unwrap();
        form.finish().unwrap();
        assert_eq!(order.address, tessa, "{address}");
        let contracts: Vec<_> = order.lines.iter().map(|(_, contract)| contract.text(Family::Tron)).collect();
        assert_eq!(contracts, [USDT_ON_TRON, USDT_ON_NILE]);
    }
    let by_contract = v1::RegisterOrderRequest { token: USDT_ON_TRON.into(), ..on(&["tron-mainnet"], TESSA) };
    assert!(Form::default().order(&networks(), &by_contract).is_some());
}

/// The one field refused of an order on `named` at `address`: its path, the reason, the text.
fn refused(named: &[&str], address: &str) -> (String, String, String) {
    let mut form = Form::default();
    assert_eq!(form.order(&networks(), &on(named, address)), None, "{named:?} {address}");
    let [bad] = &form.violations[..] else { panic!("{named:?} {address}: {:?}", form.violations) };
    (bad.field.clone(), bad.reason.clone(), bad.text.clone())
}

#[test]
fn an_address_that_cannot_be_paid_is_refused_with_its_network_and_what_to_write() {
    let tron = |looks: &str| {
        let form = "expected T and 33 more base58 characters, or 41 and 40 hex digits";
        format!("tron-mainnet: not a TRON address: {looks}{form}")
    };
    let evm = "ethereum-mainnet: not an EVM address: this looks like a TRON address; expected 0x and 40 hex digits";
    let checksum = "tron-mainnet: the address checksum does not hold: a character is wrong";
    let zero = "tron-mainnet: the zero address cannot receive payments";
    let token = "is the contract of a token on tron-mainnet, not an account";
    let hex = |text| hex::encode(Address::parse(Family::Tron, text).unwrap().0);
    let (on_tron, on_both) = (["tron-mainnet"], ["tron-nile", "tron-mainnet"]);
    let lower_case = tron("its case was changed: case counts; ");
    for (named, address, reason, text) in [
        (&on_tron[..], ALICE.to_owned(), "ADDRESS_FORM", tron("this looks like an EVM address; ")),
        (&on_tron, TESSA.to_lowercase(), "ADDRESS_FORM", lower_case),
        (&on_tron, TESSA.replacen('R', "r", 1), "ADDRESS_CHECKSUM", checksum.to_owned()),
        (&on_tron, "x".repeat(65), "ADDRESS_FORM", "tron-mainnet: is too long for an address".to_owned()),
        (&["ethereum-mainnet", "polygon-mainnet"], TESSA.to_owned(), "ADDRESS_FORM", evm.to_owned()),
        (&["ethereum-mainnet"], format!("41{}", hex(TESSA)), "ADDRESS_FORM", evm.to_owned()),
        (&on_tron, format!("41{}", "0".repeat(40)), "ADDRESS_ZERO", zero.to_owned()),
        (&on_both, USDT_ON_TRON.to_owned(), "ADDRESS_IS_TOKEN", token.to_owned()),
        (&on_tron, format!("41{}", hex(USDT_ON_TRON)), "ADDRESS_IS_TOKEN", token.to_owned()),
    ] {
        assert_eq!(refused(named, &address), ("address".into(), reason.into(), text), "{named:?} {address}");
    }
}

#[test]
fn of_networks_of_two_families_the_one_that_does_not_fit_the_address_is_named() {
    let (tron, nile, ethereum) = ("tron-mainnet", "tron-nile", "ethereum-mainnet");
    let no_tron = "tron-mainnet is a TRON network and ethereum-mainnet an EVM one";
    let no_evm = "ethereum-mainnet is an EVM network and tron-mainnet a TRON one";
    for (named, address, field, misfit) in [
        (&[tron, ethereum][..], ALICE, "networks[0]", no_tron),
        (&[ethereum, tron], ALICE, "networks[1]", no_tron),
        (&[tron, nile, ethereum], TESSA, "networks[2]", no_evm),
        // An address that tells nothing: the first network is what was meant.
        (&[tron, ethereum], "nonsense", "networks[1]", no_evm),
    ] {
        let text = format!("{misfit}: no address is on both, register one order for each");
        assert_eq!(refused(named, address), (field.into(), "NETWORKS_MIXED".into(), text), "{named:?} {address}");
    }
}

#[test]
fn watches_and_places_judge_addresses_as_orders_do() {
    for (names, address, field, reason) in [
        (vec!["tron-mainnet"], ALICE, "address", "ADDRESS_FORM"),
        (vec!["tron-mainnet"], USDT_ON_TRON, "address", "ADDRESS_IS_TOKEN"),
        (vec!["ethereum-mainnet"], USDT, "address", "ADDRESS_IS_TOKEN"),
        (vec!["ethereum-mainnet", "tron-nile"], ALICE, "networks[1]", "NETWORKS_MIXED"),
    ] {
        let request = v1::WatchAddressRequest {
            app_id: "shop".into(),
            user_mark: String::new(),
            address: address.into(),
            networks: names.iter().map(ToString::to_string).collect(),
            since: None,
        };
        let mut form = Form::default();
        assert_eq!(form.watch(&networks(), &request), None);
        assert_eq!(form.finish().unwrap_err().refused(), [(field, reason)], "{names:?} {address}");
    }
    let mut form = Form::default();
    assert_eq!(form.place(&networks(), "tron-nile", ALICE), None);
    assert_eq!(form.finish().unwrap_err().refused(), [("address", "ADDRESS_FORM")]);
    let place = Form::default().place(&networks(), "tron-nile", TESSA).unwrap();
    assert_eq!(place.1.text(Family::Tron), TESSA);
}

#[test]
fn all_refused_fields_are_told_at_once_with_their_place_in_the_batch() {
    let request = v1::RegisterOrderRequest { order_id: String::new(), address: "0x1".into(), amount: None, ..good() };
    let mut form = Form::default();
    form.at("orders[3].".into());
    assert_eq!(form.order(&networks(), &request), None);
    let problem = form.finish().unwrap_err();
    let expected = [
        ("orders[3].order_id", "EMPTY"),
        ("orders[3].address", "ADDRESS_FORM"),
        ("orders[3].amount", "AMOUNT_MISSING"),
    ];
    assert_eq!(problem.refused(), expected);
}

#[test]
fn refused_urls_carry_the_policys_own_reason() {
    let check: UrlCheck = Arc::new(|_, _| Err(("private_address".into(), "is a private address".into())));
    let mut form = Form::default();
    assert_eq!(form.notify_url(&check, "https://10.0.0.1/", &[]), None);
    assert_eq!(form.finish().unwrap_err().refused(), [("notify_url", "PRIVATE_ADDRESS")]);
    assert_eq!(allowed_hosts("https://Pay.Example/x", &["b.example".into()]), ["pay.example", "b.example"]);
}

#[test]
fn secrets_and_hosts_and_overlaps_have_limits() {
    let mut form = Form::default();
    let json = Protocol::StandardWebhooks;
    let key = form.secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", json).unwrap();
    assert_eq!(secret_text(&key, json).as_str(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    assert_eq!(form.secret("", json), None);
    assert_eq!(form.refused(), 0);
    for text in
        ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_AAAA", "whsec_%%%", &format!("whsec_{}", "A".repeat(400))]
    {
        let before = form.refused();
        assert_eq!(form.secret(text, json), None);
        assert_eq!(form.refused(), before + 1, "{text}");
    }
    let mut form = Form::default();
    let longest = "k".repeat(128);
    for protocol in Protocol::ALL.into_iter().filter(|protocol| protocol.has_text_secret()) {
        for text in ["k", "5c2a7b", " blanks count ", "schlüssel", "whsec_AAAA", longest.as_str()] {
            let key = form.secret(text, protocol).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(key.expose(), text.as_bytes(), "a merchant's text is the key, byte for byte");
            assert_eq!(secret_text(&key, protocol).as_str(), text);
        }
        assert_eq!((form.secret("", protocol), form.refused()), (None, 0), "one is to be drawn");
        for text in ["a\nb", "\t", "a\u{7f}", "\u{85}", &"k".repeat(129), &"ü".repeat(65)] {
            let mut refusing = Form::default();
            assert_eq!(refusing.secret(text, protocol), None);
            assert_eq!(refusing.finish().unwrap_err().refused(), [("secret", "SECRET_FORM")], "{text:?}");
        }
    }
    assert_eq!(form.notify_hosts(&["B.example".into(), "a.example".into()]), ["a.example", "b.example"]);
    assert_eq!(form.overlap_ms(None), 86_400_000);
    assert_eq!(form.overlap_ms(Some(604_800)), 604_800_000);
    assert_eq!(form.refused(), 0);
    form.notify_hosts(&["a/b".into()]);
    form.overlap_ms(Some(604_801));
    let problem = form.finish().unwrap_err();
    assert_eq!(problem.refused(), [("notify_hosts[0]", "HOST_FORM"), ("overlap_seconds", "OVERLAP_TOO_LONG")]);
}
