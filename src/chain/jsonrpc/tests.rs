use super::*;

fn reply(status: u16, body: &str) -> Reply {
    let answer = Answer { status, retry_after_ms: Some(2000), body: body.as_bytes().to_vec() };
    Reply { method: "eth_getLogs", id: 7, answer }
}

fn kind(status: u16, body: &str) -> &'static str {
    reply(status, body).read::<Vec<u8>>().map_or_else(|doubt| doubt.kind(), |_| "ok")
}

#[test]
fn only_one_result_under_our_id_is_an_answer() {
    let error = r#""error":{"code":-32000,"message":"no \"such\" thing"}"#;
    for (expected, body) in [
        ("ok", r#"{"jsonrpc":"2.0","id":7,"result":[]}"#.to_owned()),
        ("ok", r#"{"id":7,"result":[1],"error":null,"usage":{"x":[1]}}"#.to_owned()),
        ("malformed", r#"{"id":7,"result":null}"#.to_owned()),
        ("malformed", r#"{"id":7}"#.to_owned()),
        ("malformed", r#"{"id":8,"result":[]}"#.to_owned()),
        ("malformed", r#"{"id":"7","result":[]}"#.to_owned()),
        ("malformed", r#"{"result":[]}"#.to_owned()),
        ("malformed", format!(r#"{{"id":7,"result":[],{error}}}"#)),
        ("refused", format!(r#"{{"id":7,"result":null,{error}}}"#)),
        ("refused", format!(r#"{{"id":7,{error}}}"#)),
        ("refused", format!(r#"{{"id":null,{error}}}"#)),
        ("malformed", r#"[{"id":7,"result":[]}]"#.to_owned()),
        ("malformed", r#"{"id":7,"result":["#.to_owned()),
        ("malformed", "<html>busy</html>".to_owned()),
        ("malformed", String::new()),
        ("malformed", "[".repeat(100_000)),
    ] {
        assert_eq!(kind(200, &body), expected, "{}", &body[..body.len().min(80)]);
    }
}

#[test]
fn a_null_beside_an_error_is_the_error_even_where_null_is_allowed() {
    let reply = reply(200, r#"{"id":7,"result":null,"error":{"code":-32000,"message":"x"}}"#);
    assert_eq!(reply.read::<Option<Vec<u8>>>().unwrap_err().kind(), "refused");
}

#[test]
fn providers_words_are_understood() {
    let body = |code: i64, text: &str| format!(r#"{{"id":7,"error":{{"code":{code},"message":"{text}"}}}}"#);
    for (expected, status, code, text) in [
        ("too_many_results", 200, -32005, "query returned more than 10000 results. Try with this block range"),
        ("too_many_results", 400, -32602, "Log response size exceeded. You can make eth_getLogs requests with up to"),
        ("too_many_results", 200, -32614, "eth_getLogs is limited to a 10,000 range"),
        ("too_many_results", 200, -32600, "block range is too wide"),
        ("too_many_results", 200, -32005, "limit exceeded"),
        ("too_many_results", 200, -32701, "exceed maximum block range: 50000"),
        ("throttled", 200, -32005, "daily request count exceeded, request rate limited"),
        ("throttled", 200, 429, "Your app has exceeded its compute units per second capacity"),
        ("throttled", 200, -32000, "Too Many Requests"),
        ("refused", 200, -32601, "the method does not exist"),
        ("refused", 500, -32000, "unknown block"),
    ] {
        assert_eq!(kind(status, &body(code, text)), expected, "{text}");
    }
    assert_eq!(kind(429, "slow down"), "throttled");
    assert_eq!(kind(403, ""), "throttled");
    assert_eq!(kind(502, "<html>"), "throttled");
    assert_eq!(kind(404, ""), "refused");
    assert_eq!(kind(302, ""), "refused");
    let doubt = reply(503, "").read::<Vec<u8>>().unwrap_err();
    assert!(matches!(doubt, Doubt::Throttled { retry_after_ms: Some(2000), .. }));
}

#[test]
fn batches_may_be_shuffled_but_not_short() {
    let read = |body: &str| {
        let answer = Answer { status: 200, retry_after_ms: None, body: body.as_bytes().to_vec() };
        read_batch::<u8>("m", 5, 2, &answer).map_err(|doubt| doubt.kind())
    };
    assert_eq!(read(r#"[{"id":5,"result":1},{"id":6,"result":2}]"#), Ok(vec![1, 2]));
    assert_eq!(read(r#"[{"id":6,"result":2},{"id":5,"result":1}]"#), Ok(vec![1, 2]));
    for body in [
        r#"[{"id":5,"result":1}]"#,
        r#"[{"id":5,"result":1},{"id":5,"result":1}]"#,
        r#"[{"id":5,"result":1},{"id":6,"result":2},{"id":7,"result":2}]"#,
        r#"[{"id":5,"result":1},{"id":6,"result":null}]"#,
        r#"[{"id":5,"result":1},{"result":2}]"#,
        "[]",
    ] {
        assert_eq!(read(body), Err("malformed"), "{body}");
    }
}
