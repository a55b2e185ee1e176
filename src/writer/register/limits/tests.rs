use super::*;
use crate::domain::{Address, AmountPolicy, Millis, News, NotifyUrl, OrderId, TokenAmount, UserMark, V1Format};

fn new(id: &str, mark: &str, username: Option<&str>) -> NewOrder {
    NewOrder {
        app: "shop".parse().unwrap(),
        id: OrderId::parse(id).unwrap(),
        user_mark: UserMark::parse(mark).unwrap(),
        username: username.map(str::to_owned),
        address: Address([7; 20]),
        lines: Vec::new(),
        expected: TokenAmount::of(1),
        notify_url: None,
        fail_url: None,
        serial: None,
        amount_policy: None,
        expires: None,
        since: None,
    }
}

#[test]
fn what_a_callback_cannot_carry_is_refused_by_field() {
    let hmac = Protocol::CrossingPayV1 { scheme: V1Scheme::HmacSha256Sorted, format: V1Format::Form };
    let sha1 = Protocol::CrossingPayV1 { scheme: V1Scheme::Sha1KvUpper, format: V1Format::Json };
    let v2 = |sign| Protocol::CrossingPayV2 { sign };
    let (a, b) = (v2(V2Sign::A), v2(V2Sign::B));
    let (fifty, long) = ("é".repeat(50), "é".repeat(51));
    let table: [(Protocol, NewOrder, &str); 32] = [
        (Protocol::StandardWebhooks, new("a|&orderid", "", None), ""),
        (Protocol::StandardWebhooks, new(&long, &long, Some(&long)), ""),
        (Protocol::Udun, new(&long, "", Some("a|&amount")), ""),
        (Protocol::Usdtcnpay, new(&fifty, "", Some("a&b")), ""),
        (Protocol::Usdtcnpay, new(&long, "u", None), "order_id"),
        (Protocol::Usdtcnpay, new("a&b", "u", None), "order_id"),
        (hmac, new(&fifty, &fifty, None), ""),
        (hmac, new("a|orderid", "amount", Some("sign")), ""),
        (hmac, new(&long, "u", None), "order_id"),
        (hmac, new("o", "", None), "user_mark"),
        (hmac, new("o", &long, None), "user_mark"),
        (hmac, new("o", "u", Some(&long)), "username"),
        (hmac, new("o&t=1", "u", None), "order_id"),
        (hmac, new("o", "u&", None), "user_mark"),
        (hmac, new("o", "u", Some("&")), "username"),
        (sha1, new("o&|1", "t1|&", Some("user 7")), ""),
        (sha1, new("1orderid2", "u", None), "order_id"),
        (sha1, new("amount", "u", None), "order_id"),
        (sha1, new("o", "uid1orderid9", None), "user_mark"),
        (sha1, new("o", "u", Some("designer")), "username"),
        (sha1, new("o", "", None), "user_mark"),
        (sha1, new("Amount", "u", None), ""),
        (a, new("o&", "u", Some("orderid")), ""),
        (a, new("o", "u", None), "username"),
        (a, new("o", "", Some("n")), "user_mark"),
        (a, new("o|", "u", Some("n")), "order_id"),
        (a, new("o", "u|", Some("n")), "user_mark"),
        (a, new("o", "u", Some("|")), "username"),
        (a, new("o", "u", Some(&long)), "username"),
        (b, new("o", "u", None), ""),
        (b, new("o|", "u", None), "order_id"),
        (b, new("o", "u", Some("n|")), "username"),
    ];
    for (place, (protocol, order, field)) in table.into_iter().enumerate() {
        let said = super::order(&order, protocol).err().map(|refusal| refusal.to_string());
        match said {
            None => assert_eq!("", field, "row {place}"),
            Some(text) => assert!(text.contains(&format!("{field}: the app")) && !field.is_empty(), "{place}: {text}"),
        }
    }
}

#[test]
fn only_one_protocol_has_a_fail_url() {
    let fail_url = NotifyUrl::checked("https://shop.example/failed".to_owned());
    let order = NewOrder { fail_url, ..new("o", "u", Some("n")) };
    for protocol in Protocol::ALL {
        let is_refused = super::order(&order, protocol).is_err_and(|refusal| refusal.to_string().contains("fail_url"));
        assert_eq!(is_refused, protocol != Protocol::Usdtcnpay, "{protocol}");
    }
}

#[test]
fn an_app_whose_name_would_move_the_cuts_is_not_told_by_sha1() {
    let sha1 = Protocol::CrossingPayV1 { scheme: V1Scheme::Sha1KvUpper, format: V1Format::Form };
    let hmac = Protocol::CrossingPayV1 { scheme: V1Scheme::HmacSha256Sorted, format: V1Format::Form };
    for (name, protocol, is_taken) in [
        ("my-appid", sha1, false),
        ("designer", sha1, false),
        ("shop", sha1, true),
        ("my-appid", hmac, true),
        ("my-appid", Protocol::CrossingPayV2 { sign: V2Sign::A }, true),
    ] {
        let asked = App {
            id: name.parse().unwrap(),
            protocol,
            news: News::default(),
            notify_url: NotifyUrl::checked("https://m.example/paid".to_owned()).unwrap(),
            notify_hosts: Vec::new(),
            keys: Vec::new(),
            amount_policy: AmountPolicy::default(),
            grace_s: 0,
            created: Millis(0),
        };
        assert_eq!(app(&asked).is_ok(), is_taken, "{name} under {protocol:?}");
    }
}
