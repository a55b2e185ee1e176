use super::*;

const HMAC_FORM: Protocol = Protocol::CrossingPayV1 { scheme: V1Scheme::HmacSha256Sorted, format: V1Format::Form };
const SHA1_FORM: Protocol = Protocol::CrossingPayV1 { scheme: V1Scheme::Sha1KvUpper, format: V1Format::Form };
const SHA1_JSON: Protocol = Protocol::CrossingPayV1 { scheme: V1Scheme::Sha1KvUpper, format: V1Format::Json };
const A: Protocol = Protocol::CrossingPayV2 { sign: V2Sign::A };
const B: Protocol = Protocol::CrossingPayV2 { sign: V2Sign::B };

fn options(v1_scheme: i32, v1_format: i32, v2_sign: i32) -> v1::ProtocolOptions {
    v1::ProtocolOptions { v1_scheme, v1_format, v2_sign }
}

#[test]
fn a_protocol_and_its_switches_are_said_or_stay() {
    let table = [
        (0, options(0, 0, 0), None, Protocol::StandardWebhooks),
        (0, options(0, 0, 0), Some(Protocol::Udun), Protocol::Udun),
        (1, options(0, 0, 0), Some(Protocol::Udun), Protocol::StandardWebhooks),
        (2, options(0, 0, 0), None, HMAC_FORM),
        (2, options(2, 2, 0), None, SHA1_JSON),
        (0, options(0, 2, 0), Some(SHA1_FORM), SHA1_JSON),
        (2, options(0, 1, 0), Some(SHA1_JSON), SHA1_FORM),
        (2, options(1, 0, 0), Some(SHA1_FORM), HMAC_FORM),
        (2, options(0, 0, 0), Some(B), HMAC_FORM),
        (3, options(0, 0, 0), None, A),
        (3, options(0, 0, 0), Some(B), B),
        (3, options(0, 0, 2), Some(SHA1_JSON), B),
        (0, options(0, 0, 1), Some(B), A),
        (4, options(0, 0, 0), None, Protocol::Udun),
        (5, options(0, 0, 0), Some(A), Protocol::Usdtcnpay),
    ];
    for (place, (number, options, known, expected)) in table.into_iter().enumerate() {
        let mut form = Form::default();
        assert_eq!(form.protocol(number, Some(&options), known), Some(expected), "row {place}");
        form.finish().unwrap();
    }
}

#[test]
fn what_a_protocol_is_answered_as_asks_for_the_same() {
    for protocol in Protocol::ALL.into_iter().chain([SHA1_FORM, SHA1_JSON, B]) {
        let (named, options) = protocol_answer(protocol);
        assert_eq!(Form::default().protocol(named.into(), Some(&options), None), Some(protocol));
    }
}

#[test]
fn switches_of_another_protocol_are_refused() {
    type Case<'a> = (i32, v1::ProtocolOptions, Option<Protocol>, &'a [(&'a str, &'a str)]);
    let table: [Case<'_>; 8] = [
        (9, options(0, 0, 0), None, &[("protocol", "PROTOCOL_UNKNOWN")]),
        (0, options(1, 0, 0), None, &[("protocol_options.v1_scheme", "OPTION_OF_ANOTHER_PROTOCOL")]),
        (4, options(0, 0, 1), None, &[("protocol_options.v2_sign", "OPTION_OF_ANOTHER_PROTOCOL")]),
        (5, options(0, 1, 0), None, &[("protocol_options.v1_format", "OPTION_OF_ANOTHER_PROTOCOL")]),
        (2, options(0, 0, 2), None, &[("protocol_options.v2_sign", "OPTION_OF_ANOTHER_PROTOCOL")]),
        (3, options(0, 2, 1), Some(SHA1_FORM), &[("protocol_options.v1_format", "OPTION_OF_ANOTHER_PROTOCOL")]),
        (0, options(0, 2, 1), Some(B), &[("protocol_options.v1_format", "OPTION_OF_ANOTHER_PROTOCOL")]),
        (
            2,
            options(7, 8, 9),
            None,
            &[
                ("protocol_options.v1_scheme", "OPTION_UNKNOWN"),
                ("protocol_options.v1_format", "OPTION_UNKNOWN"),
                ("protocol_options.v2_sign", "OPTION_UNKNOWN"),
            ],
        ),
    ];
    for (place, (number, options, known, refused)) in table.into_iter().enumerate() {
        let mut form = Form::default();
        assert_eq!(form.protocol(number, Some(&options), known), None, "row {place}");
        assert_eq!(form.finish().unwrap_err().refused(), refused, "row {place}");
    }
}

#[test]
fn news_that_are_not_said_stay() {
    let known = News { detected: true, unmatched: false, expired: true, cancelled: false };
    assert_eq!(news(None, known), known);
    let asked = v1::News { detected: Some(false), cancelled: Some(true), ..v1::News::default() };
    assert_eq!(news(Some(&asked), known), News { detected: false, unmatched: false, expired: true, cancelled: true });
    assert_eq!(news(Some(&news_answer(known)), News::default()), known);
    assert_eq!(news(Some(&v1::News::default()), News::default()), News::default());
}
