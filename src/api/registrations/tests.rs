use std::{num::NonZeroU32, sync::Arc};

use super::{
    record::{Reading, of_app, of_holding, of_order},
    *,
};
use crate::domain::{
    AmountPolicy, App, Confirmations, Decimals, DepositId, Expiry, Family, Height, Holding, LogOrdinal, Millis, News,
    NotifyUrl, Order, OrderLine, OrderState, Policy, Protocol, Since, Threshold, Timestamp, Token, TokenAmount, TxHash,
    UserMark, V1Format, V1Scheme, V2Sign, Watch,
};

const TOKEN: Address = Address([7; 20]);

fn networks() -> Networks {
    let spec = |name: &str, family| {
        let decimals = Decimals::new(6).unwrap();
        let token = Token { contract: TOKEN, symbol: "USDT".into(), decimals, minimum: TokenAmount::ZERO };
        let id: NetworkId = name.parse().unwrap();
        let spec = NetworkSpec {
            main_coin: None,
            id: id.clone(),
            family,
            tokens: BTreeMap::from([(TOKEN, token)]),
            policy: Policy::flat(Threshold::Confirmations(Confirmations(NonZeroU32::MIN))),
            window_blocks: 64,
        };
        (id, spec)
    };
    [spec("evm", Family::Evm), spec("evm-2", Family::Evm), spec("nile", Family::Tron)].into()
}

fn holding(network: &str, watch: Option<Watch>) -> Holding {
    Holding {
        network: network.parse().unwrap(),
        address: Address([0xab; 20]),
        app: "shop".parse().unwrap(),
        user_mark: UserMark::parse("user 7").unwrap(),
        standing: watch,
        open_order: None,
        last_order: None,
        created: Millis(1_763_000_000_123),
    }
}

fn order(networks: &[&str], state: OrderState) -> Order {
    let line = |network: &&str| OrderLine {
        network: network.parse().unwrap(),
        token: TOKEN,
        effective_from: Height(u64::MAX),
        since: Some(Since::Time(Timestamp(0))),
        closed: network.len() > 3,
    };
    Order {
        fail_url: None,
        serial: None,
        app: "shop".parse().unwrap(),
        id: OrderId::parse("größe 1").unwrap(),
        user_mark: UserMark::default(),
        username: Some(String::new()),
        address: Address([0xcd; 20]),
        lines: networks.iter().map(line).collect(),
        expected: TokenAmount::from_bytes(&[0xff; 32]),
        notify_url: NotifyUrl::checked("https://shop.example/paid".to_owned()),
        amount_policy: AmountPolicy::StrictExact,
        own_amount_policy: Some(AmountPolicy::StrictExact),
        expiry: Some(Expiry { at: Timestamp(0), grace_s: u32::MAX }),
        created: Millis(0),
        state,
    }
}

fn paid_by(network: &str) -> DepositId {
    DepositId { network: network.parse().unwrap(), tx: TxHash([9; 32]), token: TOKEN, ordinal: LogOrdinal(3) }
}

fn read(record: &v1::Registration) -> Result<ImportRecord, String> {
    let hosts = BTreeMap::from([("shop".parse().unwrap(), vec!["shop.example".to_owned()])]);
    let url_check: crate::api::UrlCheck = Arc::new(|url, hosts| {
        let fits = hosts.iter().any(|host| url.starts_with(&format!("https://{host}/")));
        let refused = || ("host_not_allowed".to_owned(), "the host is not allowed".to_owned());
        fits.then(|| NotifyUrl::checked(url.to_owned())).flatten().ok_or_else(refused)
    });
    Reading { networks: &networks(), hosts: &hosts, url_check: &url_check }.record(record)
}

#[test]
fn what_goes_out_comes_back() {
    let networks = networks();
    let since = [None, Some(Since::Height(Height(0))), Some(Since::Time(Timestamp(u64::MAX)))];
    let watches = since.map(|since| Some(Watch { effective_from: Height(5), since }));
    for network in ["evm", "nile"] {
        for watch in watches.into_iter().chain([None]) {
            let mut held = holding(network, watch);
            held.open_order = OrderId::parse("o-1").ok();
            let back = Holding { open_order: None, last_order: held.open_order.clone(), ..held.clone() };
            assert_eq!(read(&of_holding(&networks, &held)), Ok(ImportRecord::Address(back)));
        }
    }
    let states = |network| {
        let paid = [OrderState::Paid(paid_by(network)), OrderState::Reversed(paid_by(network))];
        paid.into_iter().chain([OrderState::Open, OrderState::Cancelled, OrderState::Expired])
    };
    for lines in [&["evm"][..], &["evm", "evm-2"], &["nile"]] {
        for state in states(lines[0]) {
            let whole = order(lines, state.clone());
            assert_eq!(read(&of_order(&networks, &whole)), Ok(ImportRecord::Order(whole.clone())));
            let (username, expiry, notify_url, own_amount_policy) = (None, None, None, None);
            let bare = Order { username, expiry, notify_url, own_amount_policy, ..whole.clone() };
            assert_eq!(read(&of_order(&networks, &bare)), Ok(ImportRecord::Order(bare)));
            let fail_url = NotifyUrl::checked("https://shop.example/failed".to_owned());
            let serial = Some("cz-7ac8c6f2-abcd-4c55-b4f1-2b5c7e871036".to_owned());
            let old = Order { fail_url, serial, ..whole };
            assert_eq!(read(&of_order(&networks, &old)), Ok(ImportRecord::Order(old)));
        }
    }
    let app = App {
        news: Default::default(),
        id: "shop".parse().unwrap(),
        protocol: Protocol::StandardWebhooks,
        notify_url: NotifyUrl::checked("https://shop.example/".to_owned()).unwrap(),
        notify_hosts: vec!["a.example".to_owned()],
        keys: Vec::new(),
        created: Millis(3),
        amount_policy: AmountPolicy::AtLeast,
        grace_s: 7,
    };
    assert_eq!(read(&of_app(&app)), Ok(ImportRecord::App(app.clone())));
    let news = News { detected: true, unmatched: false, expired: true, cancelled: false };
    let others = [
        Protocol::CrossingPayV1 { scheme: V1Scheme::Sha1KvUpper, format: V1Format::Json },
        Protocol::CrossingPayV2 { sign: V2Sign::B },
    ];
    for protocol in Protocol::ALL.into_iter().chain(others) {
        let app = App { protocol, news, ..app.clone() };
        assert_eq!(read(&of_app(&app)), Ok(ImportRecord::App(app)));
    }
    // As files of the first version have it.
    let old = r#"{"app":{"app_id":"shop","notify_url":"https://shop.example/","notify_hosts":["a.example"],
        "amount_policy":"at_least","grace_seconds":7,"created_ms":3}}"#;
    let record = serde_json::from_str(old).unwrap();
    assert_eq!(read(&v1::Registration { record: Some(record) }), Ok(ImportRecord::App(app)));
}

#[test]
fn what_a_file_should_not_hold_is_refused_with_its_field() {
    let networks = networks();
    let changed_address = |change: &dyn Fn(&mut v1::AddressRecord)| {
        let mut wire = of_holding(&networks, &holding("evm", None));
        if let Some(v1::registration::Record::Address(record)) = &mut wire.record {
            change(record);
        }
        read(&wire).expect_err("refused")
    };
    let changed_app = |change: &dyn Fn(&mut v1::AppRecord)| {
        let mut record = v1::AppRecord {
            app_id: "shop".to_owned(),
            notify_url: "https://shop.example/".to_owned(),
            amount_policy: "at_least".to_owned(),
            ..v1::AppRecord::default()
        };
        change(&mut record);
        read(&v1::Registration { record: Some(v1::registration::Record::App(record)) }).expect_err("refused")
    };
    let changed_order = |change: &dyn Fn(&mut v1::OrderRecord)| {
        let mut wire = of_order(&networks, &order(&["evm", "evm-2"], OrderState::Paid(paid_by("evm"))));
        if let Some(v1::registration::Record::Order(record)) = &mut wire.record {
            change(record);
        }
        read(&wire).expect_err("refused")
    };
    let table = [
        (changed_app(&|record| record.protocol = "guess".to_owned()), "protocol:"),
        (changed_app(&|record| record.v1_scheme = "md5".to_owned()), "v1_scheme:"),
        (changed_app(&|record| record.v1_format = "json".to_owned()), "standard-webhooks has no such switch"),
        (changed_app(&|record| record.v2_sign = "A".to_owned()), "v2_sign:"),
        (changed_order(&|record| record.fail_url = "https://evil.example/".to_owned()), "fail_url:"),
        (changed_order(&|record| record.ordersn = "cz-1".to_owned()), "ordersn:"),
        (changed_order(&|record| record.ordersn = "cz-7AC8C6F2-abcd-4c55-b4f1-2b5c7e871036".to_owned()), "ordersn:"),
        (changed_address(&|record| record.network = "base".to_owned()), "network base is not configured"),
        (changed_address(&|record| record.network = "nile".to_owned()), "address:"),
        (changed_address(&|record| record.address = TOKEN.text(Family::Evm)), "contract of a token on evm"),
        (changed_address(&|record| record.app_id = "a b".to_owned()), "app_id:"),
        (changed_address(&|record| record.user_mark = "\n".to_owned()), "user_mark:"),
        (changed_address(&|record| record.since_time = Some(1)), "without a standing watch"),
        (changed_order(&|record| record.lines.clear()), "1 to 8 networks"),
        (changed_order(&|record| record.lines = vec![record.lines[0].clone(); 9]), "1 to 8 networks"),
        (changed_order(&|record| record.lines[1] = record.lines[0].clone()), "names a network twice"),
        (changed_order(&|record| record.lines[0].since_height = Some(1)), "to a height and to a time"),
        (changed_order(&|record| record.amount = "0".to_owned()), "amount: must be above zero"),
        (changed_order(&|record| record.amount = "-1".to_owned()), "amount:"),
        (changed_order(&|record| record.notify_url = "https://thief.example/".to_owned()), "notify_url:"),
        (changed_order(&|record| record.amount_policy = String::new()), "amount_policy:"),
        (changed_order(&|record| record.payment = None), "its state"),
        (changed_order(&|record| record.state = "open".to_owned()), "its state"),
        (changed_order(&|record| record.username = Some("x".repeat(65))), "username:"),
        (read(&v1::Registration::default()).expect_err("refused"), "nothing this daemon knows"),
    ];
    for (said, expected) in table {
        assert!(said.contains(expected), "{said:?}, not {expected:?}");
    }
}

#[test]
fn no_command_changes_more_rows_than_fit_into_one_commit() {
    let address = || ImportRecord::Address(holding("evm", None));
    let wide = || ImportRecord::Order(order(&["evm"; 8], OrderState::Open));
    let mut records: Vec<(u32, ImportRecord)> = Vec::new();
    for place in 0..1000 {
        records.push((place, if place % 3 == 0 { wide() } else { address() }));
    }
    let commands = commands(records);
    let rows = |records: &[ImportRecord]| records.iter().map(ImportRecord::rows_max).sum::<usize>();
    assert!(commands.iter().all(|(_, records)| (1..=COMMAND_ROWS_MAX).contains(&rows(records))));
    let places: Vec<u32> = commands.into_iter().flat_map(|(places, _)| places).collect();
    assert_eq!(places, (0..1000).collect::<Vec<_>>());
    assert!(super::commands(Vec::new()).is_empty());
}
