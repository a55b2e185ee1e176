use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;

#[test]
fn urls_are_printed_without_their_secrets() {
    let url: EndpointUrl = "https://user:pw@node.example:8545/v3/s3cret?key=s3cret".parse().unwrap();
    assert_eq!(url.to_string(), "https://node.example:8545");
    assert_eq!(format!("{url:?}"), "https://node.example:8545");
    assert!("ftp://node".parse::<EndpointUrl>().is_err());
}

#[test]
fn paths_are_appended_before_the_query() {
    let url: EndpointUrl = "https://node.example/base/?k=1".parse().unwrap();
    assert_eq!(url.with_path("/wallet/x").as_str(), "https://node.example/base/wallet/x?k=1");
    assert_eq!(url.with_path("").as_str(), "https://node.example/base/?k=1");
}

/// Serves one connection: `head`, then `chunk` so often, then closes.
async fn post_to(head: &'static str, chunk: &'static [u8], times: usize, settings: HttpSettings) -> Doubt {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let serve = async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = socket.read(&mut request).await;
        let _ = socket.write_all(head.as_bytes()).await;
        for _ in 0..times {
            if socket.write_all(chunk).await.is_err() {
                break;
            }
        }
        // Held open for those who only say a part of what they announced, until the client gives up.
        let _ = tokio::time::timeout(Duration::from_secs(2), socket.read(&mut request)).await;
    };
    let client = HttpClient::new(url, settings).unwrap();
    let (answer, ()) = futures::join!(client.post("", b"{}".to_vec(), 1), serve);
    answer.unwrap_err()
}

#[tokio::test]
async fn bodies_without_end_and_bodies_that_stall_are_given_up() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let small = HttpSettings { body_bytes_max: 1000, ..HttpSettings::default() };
    let doubt = post_to(chunked, b"10\r\n0123456789abcdef\r\n", 100_000, small).await;
    assert_eq!(doubt.to_string(), "malformed answer to http: the body is larger than 1000 bytes");
    let hasty = HttpSettings { idle: Duration::from_millis(50), ..HttpSettings::default() };
    let doubt = post_to("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", b"12", 1, hasty).await;
    assert!(doubt.to_string().contains("the rest of the body"), "{doubt}");
    let hasty = HttpSettings { total: Duration::from_millis(50), ..HttpSettings::default() };
    let doubt = post_to("HTTP/1.1 200 OK\r\n", b"x: y\r\n", 1, hasty).await;
    assert_eq!(doubt.kind(), "transport");
}

/// Answers each connection in turn as `answers` says: its bytes, or silence. How many connections came.
async fn serve_in_turn(listener: tokio::net::TcpListener, answers: &[Option<&str>]) -> usize {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut silent = Vec::new();
    for (number, answer) in answers.iter().enumerate() {
        let accepted = tokio::time::timeout(Duration::from_millis(500), listener.accept()).await;
        let Ok(Ok((mut socket, _))) = accepted else { return number };
        let mut request = [0; 4096];
        let _ = socket.read(&mut request).await;
        match answer {
            Some(answer) => {
                let (status, body) = answer.split_once(' ').unwrap_or(("200", answer));
                let head =
                    format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
            }
            None => silent.push(socket),
        }
    }
    answers.len()
}

async fn ask_in_turn(answers: &[Option<&str>], patience: Duration) -> (Result<Answer, Doubt>, usize) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let client = HttpClient::new(url, HttpSettings::default()).unwrap();
    client.patience.answered(patience);
    futures::join!(client.post("", b"{}".to_vec(), 1), serve_in_turn(listener, answers))
}

#[tokio::test]
async fn what_may_pass_is_asked_again_and_what_will_not_is_not() {
    let internal = r#"200 {"id":1,"error":{"code":-32603,"message":"internal error"}}"#;
    let unhurried = Duration::from_secs(60);
    let (answer, asked) = ask_in_turn(&[Some("503 busy"), Some(internal), Some("200 fine")], unhurried).await;
    assert_eq!((answer.unwrap().body, asked), (b"fine".to_vec(), 3));
    let (answer, asked) = ask_in_turn(&[Some("500 a"), Some("500 b"), Some("500 c"), Some("200 d")], unhurried).await;
    assert_eq!((answer.unwrap().body, asked), (b"c".to_vec(), 3), "three times is enough");
    let (answer, asked) = ask_in_turn(&[Some("429 slow down"), Some("200 fine")], unhurried).await;
    assert_eq!((answer.unwrap().status, asked), (429, 1));
}

#[tokio::test]
async fn where_an_answer_is_long_overdue_the_same_is_sent_again() {
    let begun = Instant::now();
    let (answer, asked) = ask_in_turn(&[None, None, Some("200 fine")], Duration::from_millis(1)).await;
    assert_eq!((answer.unwrap().body, asked), (b"fine".to_vec(), 3));
    assert!(begun.elapsed() < Duration::from_secs(10), "the deadline was not waited for");
}

/// A server that takes `lasting` for every answer; the most it was asked for at once, and how often in all.
async fn slow_server(lasting: Duration) -> (EndpointUrl, Arc<[AtomicUsize; 3]>, tokio::task::JoinSet<()>) {
    let counts: Arc<[AtomicUsize; 3]> = Arc::default();
    let seen = Arc::clone(&counts);
    let handler = move || {
        let seen = Arc::clone(&seen);
        async move {
            let [now, most, all] = &*seen;
            all.fetch_add(1, Ordering::SeqCst);
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(lasting).await;
            now.fetch_sub(1, Ordering::SeqCst);
            "fine"
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move { axum::serve(listener, axum::Router::new().fallback(handler)).await.unwrap() });
    (url, counts, serving)
}

#[tokio::test]
async fn all_urls_of_an_endpoint_share_what_may_be_under_way() {
    let (url, counts, _serving) = slow_server(Duration::from_millis(20)).await;
    let settings = HttpSettings { in_flight_max: 3, ..HttpSettings::default() };
    let full = HttpClient::new(url.clone(), settings).unwrap();
    let solid = full.at(url);
    let asked = (0..10).flat_map(|_| [full.post("/a", Vec::new(), 1), solid.post("/b", Vec::new(), 1)]);
    for answer in futures::future::join_all(asked).await {
        assert_eq!(answer.unwrap().body, b"fine");
    }
    assert_eq!(counts[1].load(Ordering::SeqCst), 3);
    assert_eq!(counts[2].load(Ordering::SeqCst), 20);
}

#[tokio::test]
async fn what_is_over_the_days_budget_is_not_sent() {
    let (url, counts, _serving) = slow_server(Duration::ZERO).await;
    // An hour's share of two.
    let settings = HttpSettings { requests_per_day: NonZeroU32::new(48), ..HttpSettings::default() };
    let full = HttpClient::new(url.clone(), settings).unwrap();
    let solid = full.at(url);
    full.post("", Vec::new(), 1).await.unwrap();
    solid.post("", Vec::new(), 1).await.unwrap();
    for client in [&full, &solid] {
        let doubt = client.post("", Vec::new(), 1).await.unwrap_err();
        assert!(doubt.to_string().contains("our own budget of 48 requests a day is used up"), "{doubt}");
        let Doubt::Throttled { retry_after_ms: Some(ms), .. } = doubt else { panic!("{doubt}") };
        // Both come back in twice the 47th part of a day.
        assert!((3_676_000..3_677_000).contains(&ms), "{ms}");
    }
    assert_eq!(counts[2].load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_question_that_is_given_up_while_it_waits_costs_nothing() {
    let (url, counts, _serving) = slow_server(Duration::from_millis(300)).await;
    // An hour's share of two.
    let requests_per_day = NonZeroU32::new(48);
    let settings = HttpSettings { requests_per_day, in_flight_max: 1, ..HttpSettings::default() };
    let client = HttpClient::new(url, settings).unwrap();
    let given_up = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let waiting = futures::future::join_all((0..8).map(|_| client.post("", Vec::new(), 1)));
        assert!(tokio::time::timeout(Duration::from_millis(100), waiting).await.is_err());
    };
    let (first, ()) = futures::join!(client.post("", Vec::new(), 1), given_up);
    first.unwrap();
    client.post("", Vec::new(), 1).await.unwrap();
    assert_eq!(client.post("", Vec::new(), 1).await.unwrap_err().kind(), "throttled");
    assert_eq!(counts[2].load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn sending_again_counts_and_ends_with_the_budget() {
    let settings = || HttpSettings { requests_per_day: NonZeroU32::new(48), ..HttpSettings::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let client = HttpClient::new(url, settings()).unwrap();
    client.patience.answered(Duration::from_secs(60));
    let broken = [Some("500 a"), Some("500 b"), Some("500 c")];
    let (answer, asked) = futures::join!(client.post("", Vec::new(), 1), serve_in_turn(listener, &broken));
    assert_eq!((answer.unwrap().body, asked), (b"b".to_vec(), 2), "the third is over the budget");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let hasty = HttpSettings { total: Duration::from_millis(3500), ..settings() };
    let client = HttpClient::new(url, hasty).unwrap();
    client.patience.answered(Duration::from_millis(1));
    let (answer, asked) = futures::join!(client.post("", Vec::new(), 1), serve_patiently(listener));
    assert_eq!((answer.unwrap_err().kind(), asked), ("transport", 2), "one hedge, then the budget is used up");
}

/// Takes connections for some time and says nothing. How many came.
async fn serve_patiently(listener: tokio::net::TcpListener) -> usize {
    let mut silent = Vec::new();
    let end = tokio::time::Instant::now() + Duration::from_secs(4);
    while let Ok(Ok((socket, _))) = tokio::time::timeout_at(end, listener.accept()).await {
        silent.push(socket);
    }
    silent.len()
}
