use proptest::prelude::*;
use url::form_urlencoded;

use super::*;
use crate::{
    delivery::{payload, testing},
    domain::{Event, EventKind},
};

proptest! {
    /// Against the decoder of the `url` crate, which follows the WHATWG standard.
    #[test]
    fn forms_come_back_as_they_were(pairs in proptest::collection::vec((".*", ".*"), 1..6)) {
        let borrowed: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = form(&borrowed);
        let decoded: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
        prop_assert_eq!(&decoded, &pairs);
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"*._-+%=&".contains(byte);
        prop_assert!(body.iter().all(is_plain));
        let whatwg: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(&borrowed).finish();
        prop_assert_eq!(String::from_utf8(body).unwrap(), whatwg);
    }

    #[test]
    fn objects_come_back_as_they_were(values in proptest::collection::vec(".*", 1..6)) {
        let names = ["a", "b", "c", "d", "e"];
        let pairs: Vec<(&str, &str)> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
        let body = json(&pairs);
        prop_assert!(body.iter().all(|byte| *byte >= 0x20), "no control character is raw");
        let decoded: serde_json::Value = serde_json::from_slice(&body).unwrap();
        for (name, value) in pairs {
            prop_assert_eq!(decoded[name].as_str(), Some(value));
        }
    }
}

#[test]
fn headers_hold_visible_ascii_only() {
    let event = testing::deposit(testing::TRON, EventKind::Confirmed, 1);
    let fact = Fact::parse(&payload::render(&Event::Deposit(event))).unwrap();
    let all = headers(&fact);
    let value = |name: &str| all.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    for (name, expected) in [
        ("x-depositd-event-id", "dep_37gw6pfa2nz4fnpwvxe6jei7mbxturbf_1"),
        ("x-depositd-version", "1"),
        ("x-depositd-network", "tron-mainnet"),
        ("x-depositd-token", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        ("x-depositd-tx", "9f6d367313e4194e68cee9f1c7ff0b7bdfdab5ad1fbe4746a3760b36e4cd20c3"),
        ("x-depositd-block-height", "60241722"),
        ("x-depositd-confirmations", "20"),
        ("x-depositd-amount", "100000000"),
        ("x-depositd-decimals", "6"),
        ("x-depositd-ordersn", testing::SERIAL),
    ] {
        assert_eq!(value(name), Some(expected), "{name}");
    }
    assert_eq!(all.len(), 10);
    for hostile in ["a\r\nset-cookie: b", "é", "", "a b", "\u{7f}"] {
        let mut fact = fact.clone();
        fact.order.as_mut().unwrap().ordersn = Some(hostile.to_owned());
        let all = headers(&fact);
        assert!(all.len() == 9 && all.iter().all(|(name, _)| *name != "x-depositd-ordersn"), "{hostile:?}");
    }
}
