//! The receiver over real HTTP, judged against the published library.

use std::time::Instant;

use standardwebhooks::Webhook;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn client() -> reqwest::Client {
    // Nothing here speaks TLS, but the client wants a provider; another test may have installed it.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let none = reqwest::redirect::Policy::none();
    reqwest::Client::builder().no_proxy().redirect(none).build().unwrap()
}

async fn post(merchant: &Merchant, id: &str, body: &'static str, key: &[u8], age_s: i64) -> reqwest::Response {
    let at = i64::try_from(clock::now().seconds().0).unwrap() - age_s;
    let signature = Webhook::from_bytes(key.to_vec()).unwrap().sign(id, at, body.as_bytes()).unwrap();
    let request = client().post(format!("{}/hook?x=1", merchant.url)).body(body);
    let request = request.header("webhook-id", id).header("webhook-timestamp", at);
    request.header("webhook-signature", format!("v1,AAAA {signature}")).send().await.unwrap()
}

#[tokio::test]
async fn signatures_of_the_published_library_are_judged() {
    let merchant = Merchant::start(0, vec![vec![1; 24], KEY.to_vec()]).await.unwrap();
    post(&merchant, "a_1", "{}", &KEY, 0).await;
    post(&merchant, "a_2", "{}", &[8; 32], 0).await;
    post(&merchant, "a_3", "{}", &KEY, 400).await;
    client().post(&merchant.url).body("unsigned").send().await.unwrap();
    let judged: Vec<Signature> = merchant.received().iter().map(|received| received.signature).collect();
    use Signature::{BadSignature, Verified};
    assert_eq!(judged, [Verified, BadSignature, BadSignature, BadSignature]);
    let first = &merchant.received()[0];
    assert_eq!((first.path.as_str(), first.body.as_ref()), ("/hook?x=1", b"{}".as_slice()));
    merchant.stop().await;
}

#[tokio::test]
async fn the_same_id_with_other_bytes_is_noticed() {
    let merchant = Merchant::start(0, vec![KEY.to_vec()]).await.unwrap();
    for (id, body) in [("a", "1"), ("a", "1"), ("a", "2"), ("b", "1")] {
        post(&merchant, id, body, &KEY, 0).await;
    }
    let seen: Vec<Sameness> = merchant.received().iter().map(|received| received.sameness).collect();
    assert_eq!(seen, [Sameness::First, Sameness::Repeat, Sameness::OtherBody, Sameness::First]);
    assert!(merchant.wait_for(4, 1_000).await.is_some());
    assert!(merchant.wait_for(5, 10).await.is_none());
}

#[tokio::test]
async fn answers_follow_the_script_and_then_the_default() {
    let merchant = Merchant::start(0, vec![]).await.unwrap();
    merchant.script([
        Answer::Status(500),
        Answer::RetryAfter(429, 7),
        Answer::Redirect("http://127.0.0.1:1/".into()),
        Answer::Text(200, "SUCCESS".into()),
        Answer::Late(202, 60),
    ]);
    merchant.otherwise(Answer::Status(204));
    assert_eq!(post(&merchant, "1", "", &KEY, 0).await.status(), 500);
    let busy = post(&merchant, "1", "", &KEY, 0).await;
    assert_eq!((busy.status().as_u16(), &busy.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    let away = post(&merchant, "1", "", &KEY, 0).await;
    assert_eq!((away.status().as_u16(), &away.headers()["location"]), (307, &"http://127.0.0.1:1/".parse().unwrap()));
    assert_eq!(post(&merchant, "1", "", &KEY, 0).await.text().await.unwrap(), "SUCCESS");
    let asked = Instant::now();
    assert_eq!(post(&merchant, "1", "", &KEY, 0).await.status(), 202);
    assert!(asked.elapsed() >= Duration::from_millis(60));
    assert_eq!(post(&merchant, "1", "", &KEY, 0).await.status(), 204);
}

#[tokio::test]
async fn a_stop_ends_what_never_would() {
    let merchant = Merchant::start(0, vec![]).await.unwrap();
    merchant.script([Answer::Endless, Answer::Drip(5)]);
    let mut endless = post(&merchant, "1", "", &KEY, 0).await;
    let mut bytes = 0;
    while bytes < 5 * CHUNK_BYTES {
        bytes += endless.chunk().await.unwrap().unwrap().len();
    }
    drop(endless);
    let mut drip = post(&merchant, "1", "", &KEY, 0).await;
    assert_eq!(drip.chunk().await.unwrap().unwrap().as_ref(), b"x");
    merchant.otherwise(Answer::Hang);
    let url = merchant.url.clone();
    let stopped = async {
        merchant.wait_for(3, 5_000).await.unwrap();
        let asked = Instant::now();
        merchant.stop().await;
        asked.elapsed()
    };
    let (hung, took) = tokio::join!(client().post(&url).send(), stopped);
    assert!(hung.is_err() || hung.is_ok_and(|answer| answer.status() == 503));
    assert!(took < Duration::from_millis(1_900), "waited {took:?}");
    while let Ok(Some(_)) = drip.chunk().await {}
    assert!(client().post(&url).send().await.is_err(), "the port is closed");
}
