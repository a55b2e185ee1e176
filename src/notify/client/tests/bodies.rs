//! Which status and body acknowledge under which protocol. A protocol's rule is added as a [`Rule`]; every body is then
//! judged under it.

use super::*;

/// When a protocol is satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Any 2xx, the body does not count.
    Status,
    /// 200 and the bare word `success`.
    Word,
    /// 200 and the word, also as a JSON text.
    QuotedWord,
    /// 200, the body does not count.
    Ok,
}

/// The rule of each protocol: what `protocol::outcome` must follow.
fn rule(protocol: Protocol) -> Rule {
    match protocol {
        Protocol::StandardWebhooks => Rule::Status,
        Protocol::CrossingPayV1 { .. } => Rule::Word,
        Protocol::CrossingPayV2 { .. } => Rule::QuotedWord,
        Protocol::Udun | Protocol::Usdtcnpay => Rule::Ok,
    }
}

/// Whether status and body acknowledge.
fn judged(protocol: Protocol, status: u16, body: Option<&[u8]>) -> bool {
    let answer = Answer { status, retry_after: None, body };
    protocol::outcome(protocol, &answer, crate::domain::Timestamp(1_700_000_000)) == Outcome::Accepted
}

/// What a body is to the rules that read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Word,
    Quoted,
    Other,
}

/// Bodies that are text.
const TEXTS: &[(&str, Says)] = &[
    ("success", Says::Word),
    (" success", Says::Word),
    ("success\n", Says::Word),
    ("success\r\n", Says::Word),
    ("\r\n\t success \t\r\n", Says::Word),
    ("\u{feff}success", Says::Word),
    ("\u{feff} success\n", Says::Word),
    ("\"success\"", Says::Quoted),
    (" \"success\"\n", Says::Quoted),
    ("\u{feff}\"success\"", Says::Quoted),
    ("SUCCESS", Says::Other),
    ("SUCCESS\n", Says::Other),
    ("Success", Says::Other),
    ("sUccess", Says::Other),
    ("\"SUCCESS\"", Says::Other),
    ("'success'", Says::Other),
    ("`success`", Says::Other),
    ("\"success", Says::Other),
    ("success\"", Says::Other),
    ("\"\"success\"\"", Says::Other),
    ("\\\"success\\\"", Says::Other),
    ("unsuccessful", Says::Other),
    ("unsuccess", Says::Other),
    ("not success", Says::Other),
    ("success!", Says::Other),
    ("success.", Says::Other),
    ("success;", Says::Other),
    ("success success", Says::Other),
    ("success\nfail", Says::Other),
    ("fail\nsuccess", Says::Other),
    ("successfully queued", Says::Other),
    ("succes", Says::Other),
    ("ssuccess", Says::Other),
    ("s u c c e s s", Says::Other),
    ("suc\ncess", Says::Other),
    ("suc\0cess", Says::Other),
    ("success\0", Says::Other),
    ("\0success", Says::Other),
    ("success\u{a0}", Says::Other),
    ("\u{3000}success", Says::Other),
    ("success\u{200b}", Says::Other),
    ("\u{200b}success", Says::Other),
    ("success\u{feff}", Says::Other),
    ("\u{feff}\u{feff}success", Says::Other),
    (" \u{feff}success", Says::Other),
    ("succe\u{455}s", Says::Other),
    ("ｓｕｃｃｅｓｓ", Says::Other),
    ("\u{202e}sseccus", Says::Other),
    ("", Says::Other),
    (" ", Says::Other),
    ("\r\n", Says::Other),
    ("\u{feff}", Says::Other),
    ("ok", Says::Other),
    ("OK", Says::Other),
    ("true", Says::Other),
    ("1", Says::Other),
    ("0", Says::Other),
    ("null", Says::Other),
    ("200", Says::Other),
    ("fail", Says::Other),
    ("{\"code\":0}", Says::Other),
    ("{\"code\":200,\"message\":\"success\"}", Says::Other),
    ("{\"success\":true}", Says::Other),
    ("[\"success\"]", Says::Other),
    ("success=1", Says::Other),
    ("<html><body>success</body></html>", Says::Other),
    ("<!-- success -->", Says::Other),
    ("%73uccess", Says::Other),
    ("&#115;uccess", Says::Other),
    ("\\u0073uccess", Says::Other),
    ("\"\\u0073uccess\"", Says::Other),
    ("c3VjY2Vzcw==", Says::Other),
    ("73756363657373", Says::Other),
];

fn bodies() -> Vec<(Vec<u8>, Says)> {
    use Says::{Other, Word};
    let mut bodies: Vec<(Vec<u8>, Says)> = TEXTS.iter().map(|(text, says)| (text.as_bytes().to_vec(), *says)).collect();
    let utf16: Vec<u8> = "success".encode_utf16().flat_map(u16::to_le_bytes).collect();
    bodies.extend([
        ([&b"\xff\xfe"[..], &utf16].concat(), Other),
        (utf16, Other),
        (b"success\xff".to_vec(), Other),
        (b"\x80success".to_vec(), Other),
        (b"\xf3uccess".to_vec(), Other),
        // gzip's head, then what would be the word: nothing is unpacked.
        ([&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], b"success"].concat(), Other),
        ([&[b' '; ANSWER_BYTES_MAX - 7][..], b"success"].concat(), Word),
        ([b"success", &[b'x'; 4096][..]].concat(), Other),
        ([b"success", &[0; 4096][..]].concat(), Other),
    ]);
    bodies
}

#[test]
fn only_the_protocols_own_word_acknowledges() {
    let bodies = bodies();
    assert!(bodies.len() >= 80, "{}", bodies.len());
    let mut judgements = 0;
    for protocol in Protocol::ALL {
        let rule = rule(protocol);
        for (body, says) in &bodies {
            for status in [200, 201, 204, 299, 199, 300, 302, 400, 404, 410, 500, 503] {
                let expected = match rule {
                    Rule::Status => (200..=299).contains(&status),
                    Rule::Word => status == 200 && *says == Says::Word,
                    Rule::QuotedWord => status == 200 && *says != Says::Other,
                    Rule::Ok => status == 200,
                };
                let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).escape_debug().to_string();
                assert_eq!(judged(protocol, status, Some(body)), expected, "{}: {status} {shown}", protocol.word());
                judgements += 1;
            }
        }
    }
    assert_eq!(judgements, 5 * 12 * bodies.len());
}

#[test]
fn a_body_that_was_not_read_whole_says_nothing() {
    for protocol in Protocol::ALL {
        let by_status = matches!(rule(protocol), Rule::Status | Rule::Ok);
        assert_eq!(judged(protocol, 200, None), by_status, "{}", protocol.word());
    }
}

/// What reaches `protocol::outcome` as the body is what came over the wire, whole or not at all.
#[tokio::test]
async fn the_body_is_read_as_it_comes() {
    let blanks = |n: usize| [&vec![b' '; n][..], b"success"].concat();
    let with_length = |head: &str, body: &[u8]| {
        [format!("HTTP/1.1 200 OK\r\n{head}content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
    };
    for (answer, read, cut) in [
        (with_length("", b"success"), 7, None),
        (with_length("content-encoding: gzip\r\n", b"success"), 7, None),
        (with_length("", &blanks(ANSWER_BYTES_MAX - 7)), ANSWER_BYTES_MAX, None),
        (with_length("", &blanks(ANSWER_BYTES_MAX - 6)), ANSWER_BYTES_MAX, Some(Cut::TooLong)),
        (with_length("", &blanks(ANSWER_BYTES_MAX)), ANSWER_BYTES_MAX, Some(Cut::TooLong)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nsuccess".to_vec(), 7, Some(Cut::BrokenOff)),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\nsuccess\r\n".to_vec(), 7, Some(Cut::BrokenOff)),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\nsuccess\r\n0\r\n\r\n".to_vec(), 7, None),
        (b"HTTP/1.1 200 OK\r\n\r\nsuccess".to_vec(), 7, None),
    ] {
        let address = stage::receiver(stage::Act::Says(answer));
        let client = client(&settings());
        let request = client.ways.http.post(format!("http://{address}/")).body(BODY);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
        let (body, why) = read_body(request.send().await.unwrap(), deadline).await;
        assert_eq!((body.len(), why), (read, cut));
    }
}
