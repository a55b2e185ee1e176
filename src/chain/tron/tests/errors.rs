//! Answers that are no answers, beyond the captured ones.

use super::super::errors::doubt_of;
use crate::chain::{Doubt, http::Answer};

fn said(method: &'static str, status: u16, body: &str) -> Option<Doubt> {
    doubt_of(method, &Answer { status, retry_after_ms: None, body: body.as_bytes().to_vec() })
}

#[test]
fn statuses_speak_for_themselves() {
    // Status, body, the doubt and a part of its text.
    let table = [
        (403, "", "throttled", "403"),
        (429, "<html>slow</html>", "throttled", "429"),
        (503, "{}", "throttled", "503"),
        (500, "[]", "throttled", "500"),
        (404, "", "refused", "8091"),
        (404, "<html>", "refused", "8091"),
        (404, "{\"Error\":\"this API is unavailable due to config\"}", "refused", "switched off"),
        (413, "Payload Too Large", "refused", "Payload Too Large"),
        (405, "", "refused", "405"),
        (301, "", "refused", "301"),
    ];
    for (status, body, kind, what) in table {
        let doubt = said("/walletsolidity/getblock", status, body).expect("an error");
        assert_eq!(doubt.kind(), kind, "{status}: {doubt}");
        assert!(doubt.to_string().contains(what), "{status}: {doubt}");
        assert!(kind == "throttled" || doubt.to_string().contains("/walletsolidity/getblock"), "{doubt}");
    }
    let doubt = said("/wallet/getblock", 404, "").unwrap().to_string();
    assert!(doubt.contains("8090") && !doubt.contains("8091"), "{doubt}");
}

#[test]
fn texts_with_a_good_status() {
    let table = [
        ("", "malformed", "an empty body"),
        (" \n", "malformed", "an empty body"),
        ("<!DOCTYPE html><html>", "malformed", "HTML instead of JSON"),
        ("upstream connect error", "malformed", "not JSON: upstream connect error"),
        ("null", "malformed", "not JSON: null"),
        ("this API is closed because this node is a lite fullnode", "refused", "keeps no history"),
        ("{\"Error\":\"class java.lang.NullPointerException : null\"}", "refused", "NullPointerException"),
        (" {\"x\":1,\"Error\":\"Daily Usage\"} ", "throttled", "Daily Usage"),
        ("{\"Error\":{\"code\":7}}", "refused", "code"),
        ("{\"Error\":null}", "", ""),
        ("{}", "", ""),
        ("[]", "", ""),
        ("{\"blockID\":\"Error\"}", "", ""),
        ("{\"Err", "", ""),
    ];
    for (body, kind, what) in table {
        let doubt = said("/wallet/getblock", 200, body);
        assert_eq!(doubt.as_ref().map_or("", Doubt::kind), kind, "{body}");
        assert!(doubt.is_none_or(|doubt| doubt.to_string().contains(what)), "{body}");
    }
}

#[test]
fn a_pause_is_believed_within_reason() {
    let pause = |text: &str| match said("/wallet/getblock", 200, &format!("{{\"Error\":\"allowed_rps(3) {text}\"}}")) {
        Some(Doubt::Throttled { retry_after_ms, .. }) => retry_after_ms,
        other => panic!("{other:?}"),
    };
    assert_eq!(pause("is suspended for 5 s"), Some(5000));
    assert_eq!(pause("Suspended for 30s"), Some(30_000));
    assert_eq!(pause("suspended for 999999 s"), Some(3_600_000));
    assert_eq!(pause("suspended for 99999999999999999999999 s"), None);
    assert_eq!(pause("suspended for ever"), None);
    assert_eq!(pause(""), None);
    let body = b"{\"Error\":\"lack of computing resources\"}".to_vec();
    let asked = doubt_of("/wallet/getblock", &Answer { status: 429, retry_after_ms: Some(7000), body });
    assert!(matches!(asked, Some(Doubt::Throttled { retry_after_ms: Some(7000), .. })));
}

#[test]
fn node_texts_are_cut_and_cleaned() {
    let long = format!("{{\"Error\":\"\\u0007\\n{}\"}}", "x".repeat(5000));
    let text = said("/wallet/getblock", 200, &long).unwrap().to_string();
    assert!(text.len() < 300 && !text.contains(char::is_control), "{text}");
    let text = said("/wallet/getblock", 200, &"y".repeat(100_000)).unwrap().to_string();
    assert!(text.len() < 300, "{text}");
    assert!(said("/wallet/getblock", 200, &format!("{{\"Error\":\"{}\"}}", "x".repeat(50_000))).is_none());
}
