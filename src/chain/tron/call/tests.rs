use std::num::NonZeroU32;

use serde_json::Value;

use super::super::{TronSettings, TronSource, honest::*};
use super::*;
use crate::chain::{
    ChainSource,
    http::HttpSettings,
    scripted::{Out, node},
};

/// The doubt about the head where every call is answered so.
async fn doubt_of_head(status: u16, body: &'static str) -> Doubt {
    let node = node(move |_, _| Out::Http(status, Vec::new(), body.as_bytes().to_vec())).await;
    source(&node).head().await.unwrap_err().doubt
}

#[tokio::test]
async fn a_node_that_asks_for_a_rest_gets_as_long_as_it_says() {
    for (status, body, rest) in [
        (
            200,
            r#"{"Error":"request rate exceeded the allowed_rps(10), and the query server is suspended for 5 s"}"#,
            Some(5000),
        ),
        (429, "", None),
        (
            403,
            "Exceed the user daily usage (100000), the maximum query frequency is 1 time per second",
            Some(3_600_000),
        ),
        (200, r#"{"Error":"class java.lang.IllegalAccessException : lack of computing resources"}"#, None),
        (503, "", None),
    ] {
        let doubt = doubt_of_head(status, body).await;
        let Doubt::Throttled { retry_after_ms, .. } = doubt else { panic!("{body}: {doubt}") };
        assert_eq!(retry_after_ms, rest, "{body}");
    }
}

#[tokio::test]
async fn other_ways_to_say_no_are_no_blocks_either() {
    for (status, body, expected) in [
        (200, "{}", "malformed"),
        (200, "", "malformed"),
        (200, "this API is closed because this node is a lite fullnode", "refused"),
        (200, "<html>busy</html>", "malformed"),
        (200, r#"{"Error":"class org.tron.core.exception.ItemNotFoundException : x"}"#, "refused"),
        (404, r#"{"Error":"this API is unavailable due to config"}"#, "refused"),
    ] {
        assert_eq!(doubt_of_head(status, body).await.kind(), expected, "{body}");
    }
}

#[tokio::test]
async fn a_solid_face_that_is_not_there_is_looked_for_on_the_other_port() {
    let chain = Honest::of_len(9);
    let node = node(move |method, asked| match method.starts_with("walletsolidity/") {
        true => Out::Http(404, Vec::new(), b"<html>not found</html>".to_vec()),
        false => chain.answer(method, asked),
    })
    .await;
    let text = source(&node).identify().await.unwrap_err().to_string();
    assert!(text.contains("/walletsolidity/getblock") && text.contains("8091"), "{text}");
}

#[tokio::test]
async fn both_faces_spend_one_budget_which_says_when_there_is_more() {
    let chain = Honest::of_len(9);
    let node = node(move |method, asked| chain.answer(method, asked)).await;
    // An hour's share of three: one look at the head, half of another.
    let http = HttpSettings { requests_per_day: NonZeroU32::new(72), ..HttpSettings::default() };
    let source = TronSource::new(TronSettings { http, ..settings(&node) }).unwrap();
    source.head().await.unwrap();
    let doubt = source.head().await.unwrap_err().doubt;
    assert!(matches!(doubt, Doubt::Throttled { retry_after_ms: Some(1..), .. }), "{doubt}");
    assert!(doubt.to_string().contains("our own budget of 72 requests a day is used up"), "{doubt}");
    assert_eq!(node.calls.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_under_way_at_once_is_limited_over_both_faces() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };
    let chain = Honest::of_len(40);
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let seen = Arc::clone(&counts);
    let node = node(move |method: &str, asked: &Value| {
        let [now, most] = &*seen;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(2));
        now.fetch_sub(1, Ordering::SeqCst);
        chain.answer(method, asked)
    })
    .await;
    let http = HttpSettings { in_flight_max: 1, ..HttpSettings::default() };
    let source = TronSource::new(TronSettings { http, ..settings(&node) }).unwrap();
    let (near, far) = (source.blocks(Height(1), Height(9), true), source.blocks(Height(1), Height(9), false));
    let (near, far) = futures::join!(near, far);
    assert_eq!(near.unwrap(), far.unwrap());
    assert_eq!(counts[1].load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn nothing_that_is_printed_shows_the_key() {
    let node = node(|_, _| Out::Http(500, Vec::new(), Vec::new())).await;
    let headers = vec![("TRON-PRO-API-KEY".to_owned(), "k3y-s3cret".to_owned())];
    let settings = TronSettings { http: HttpSettings { headers, ..HttpSettings::default() }, ..settings(&node) };
    let source = TronSource::new(settings.clone()).unwrap();
    let error = source.head().await.unwrap_err();
    for text in [format!("{settings:?}"), format!("{source:?}"), format!("{error:?}"), error.to_string()] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn questions_are_what_java_tron_reads() {
    let token = Address([0xa6; 20]);
    for (question, body) in [
        (Question::header(None), r#"{"detail":false}"#.to_owned()),
        (Question::header(Some(Height(7))), r#"{"id_or_num":"7","detail":false}"#.to_owned()),
        (Question::block(Height(7)), r#"{"id_or_num":"7","detail":true}"#.to_owned()),
        (Question::range(Height(7), Height(9)), r#"{"startNum":7,"endNum":10}"#.to_owned()),
        (Question::infos(Height(7)), r#"{"num":7}"#.to_owned()),
        (Question::info(TxHash([0xab; 32])), format!(r#"{{"value":"{}"}}"#, "ab".repeat(32))),
        (
            Question::decimals(token),
            format!(
                r#"{{"owner_address":"41{}","contract_address":"41{}","function_selector":"decimals()"}}"#,
                "00".repeat(20),
                "a6".repeat(20)
            ),
        ),
    ] {
        assert_eq!(question.body, body);
    }
}
