mod answers;
mod bodies;
mod cut;
mod hosts;
mod pki;
mod proxy;
mod stage;
mod tls;

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
};

use standardwebhooks::Webhook;

use super::*;
use crate::domain::{
    AttemptNo, EventId, LiveKey, NotificationState, NotifyUrl, Protocol, StoredKey,
    egress::{Cidr, EgressPolicy},
    notification::EXCERPT_BYTES_MAX,
};

const BODY: &[u8] = b"{\"type\":\"deposit.confirmed\"}";
const KEY: [u8; 32] = [7; 32];

/// A receiver on loopback: each connection's request is read whole, handed to the test, and answered by `answer`.
fn receiver(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (SocketAddr, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(BODY) && stream.read(&mut byte).unwrap() == 1 {
                request.extend(byte);
            }
            if seen.send(request).is_err() {
                return;
            }
            answer(&mut stream);
        }
    });
    (address, requests)
}

/// A receiver that always answers with these bytes and closes.
fn says(bytes: &'static str) -> (SocketAddr, Receiver<Vec<u8>>) {
    receiver(move |stream| stream.write_all(bytes.as_bytes()).unwrap())
}

fn settings() -> NotifySettings {
    NotifySettings {
        egress: EgressPolicy { allow_insecure_loopback: true, ..EgressPolicy::default() },
        deadline: Duration::from_millis(700),
        connect: Duration::from_millis(500),
        ..NotifySettings::default()
    }
}

fn app(url: &str) -> App {
    App {
        news: Default::default(),
        amount_policy: crate::domain::AmountPolicy::AcceptActual,
        grace_s: 0,
        id: "app1".parse().unwrap(),
        protocol: Protocol::StandardWebhooks,
        notify_url: NotifyUrl::checked(url.to_owned()).unwrap(),
        notify_hosts: Vec::new(),
        keys: vec![LiveKey { key: StoredKey::Clear(SigningKey::kept(KEY.to_vec())), until: None }],
        created: Millis(0),
    }
}

fn row(app: &App) -> Notification {
    Notification {
        trade: None,
        tries: 0,
        trigger: Default::default(),
        place: crate::domain::EventPlace(1),
        id: EventId::parse("dep_x_1").unwrap(),
        app: app.id.clone(),
        url: app.notify_url.clone(),
        protocol: app.protocol,
        body: BODY.to_vec(),
        created: Millis(0),
        attempts: AttemptNo(2),
        state: NotificationState::Due(Millis(0)),
        after: None,
        then: None,
    }
}

fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn client(settings: &NotifySettings) -> Client {
    install_tls();
    Client::new(settings, vault()).unwrap()
}

async fn post_with(settings: &NotifySettings, url: &str) -> Attempt {
    let app = app(url);
    client(settings).post(&row(&app), Some(&app)).await
}

async fn post(receiver: SocketAddr) -> Attempt {
    post_with(&settings(), &format!("http://{receiver}/hook?token=geheim")).await
}

#[tokio::test]
async fn a_2xx_is_accepted_and_the_request_verifies() {
    let (address, requests) = says("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe\x1b[m");
    let attempt = post(address).await;
    assert_eq!((attempt.outcome, attempt.status, attempt.number), (Outcome::Accepted, Some(200), AttemptNo(3)));
    assert_eq!((attempt.excerpt.as_str(), attempt.detail.as_str()), ("he\\u{1b}[m", ""));

    let request = String::from_utf8(requests.recv().unwrap()).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.as_bytes(), BODY);
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /hook?token=geheim HTTP/1.1"));
    let headers: HeaderMap = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["webhook-id"], "dep_x_1");
    assert_eq!(headers["user-agent"], concat!("depositd/", env!("CARGO_PKG_VERSION")));
    assert!(!headers.contains_key("accept-encoding") && !headers.contains_key("cookie"), "{head}");
    Webhook::from_bytes(KEY.to_vec()).unwrap().verify(BODY, &headers).unwrap();
}

#[tokio::test]
async fn redirects_are_refusals_and_never_followed() {
    let (target, visited) = says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let location = format!("HTTP/1.1 307 T\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n");
    let (address, _requests) = receiver(move |stream| stream.write_all(location.as_bytes()).unwrap());
    let attempt = post(address).await;
    assert_eq!(attempt.outcome, Outcome::Refused { retry_after_s: None, slow_down: false });
    assert_eq!((attempt.status, attempt.detail.as_str()), (Some(307), "status 307"));
    assert!(visited.try_recv().is_err(), "the target was visited");
}

#[tokio::test]
async fn refusals_carry_their_wish() {
    let (gone, _keep) = says("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(post(gone).await.outcome, Outcome::Gone);
    let (busy, _keep) = says("HTTP/1.1 429 Too Many\r\nretry-after: 77\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(post(busy).await.outcome, Outcome::Refused { retry_after_s: Some(77), slow_down: true });
}

#[tokio::test]
async fn endless_and_dripped_answers_end_with_the_deadline() {
    let (endless, _keep) = receiver(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 500 E\r\n\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let attempt = post(endless).await;
    assert_eq!(attempt.outcome, Outcome::Refused { retry_after_s: None, slow_down: false });
    assert_eq!(attempt.detail, "status 500; body longer than 16 KiB");
    assert_eq!(attempt.excerpt, "x".repeat(EXCERPT_BYTES_MAX));

    for (head, status, detail) in [
        (&b"HTTP/1.1 200 OK\r\nx-a: "[..], None, "no answer within the deadline"),
        (
            &b"HTTP/1.1 500 E\r\ncontent-length: 9999\r\n\r\n"[..],
            Some(500),
            "status 500; body not finished within the deadline",
        ),
        (
            &b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"[..],
            Some(200),
            "status 200; body not finished within the deadline",
        ),
    ] {
        let (dripping, _keep) = receiver(move |stream| {
            let _ = stream.write_all(head);
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let attempt = post(dripping).await;
        assert_eq!((attempt.status, attempt.detail.as_str()), (status, detail));
        assert!((600..3000).contains(&attempt.took_ms), "{}", attempt.took_ms);
        assert_eq!(
            attempt.outcome == Outcome::Accepted,
            status == Some(200),
            "a status protocol decides at the headers"
        );
    }
}

#[tokio::test]
async fn broken_answers_are_no_answers() {
    let (half_closed, _keep) = receiver(|stream| stream.shutdown(Shutdown::Write).unwrap());
    let (garbage, _keep2) = says("\u{1}\u{2}hello\r\n\r\n");
    let (cut, _keep3) = says("HTTP/1.1 200");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (receiver, why) in [
        (half_closed, Unreached::Broken),
        (garbage, Unreached::Broken),
        (cut, Unreached::Broken),
        (closed, Unreached::Connect),
    ] {
        let attempt = post(receiver).await;
        assert_eq!((attempt.outcome, attempt.status), (Outcome::Unreachable(why), None));
        assert!(attempt.detail.starts_with(&format!("{}: ", why.word())), "{}", attempt.detail);
        assert!(!attempt.detail.contains("geheim") && !attempt.detail.contains("127.0.0.1"), "{}", attempt.detail);
    }
}

#[tokio::test]
async fn the_guard_stands_before_every_connection() {
    let (address, requests) = says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let port = address.port();
    let any_port =
        |policy: EgressPolicy| NotifySettings { egress: EgressPolicy { ports: vec![port], ..policy }, ..settings() };
    let closed = any_port(EgressPolicy::default());
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "[::1]", "169.254.169.254", "10.0.0.1"] {
        let attempt = post_with(&closed, &format!("https://{host}:{port}/")).await;
        assert_eq!(attempt.outcome, Outcome::Blocked, "{host}: {}", attempt.detail);
        assert!(attempt.took_ms < 500 && attempt.detail.starts_with("blocked: "), "{}", attempt.detail);
    }
    // Loopback is allowed, but this address of it is denied: the name is resolved, then dropped.
    let denied = blocks_of_loopback(settings());
    let attempt = post_with(&denied, &format!("http://localhost:{port}/")).await;
    assert_eq!(attempt.outcome, Outcome::Blocked, "{}", attempt.detail);
    assert_eq!(attempt.detail, "blocked: the name leads to an address the operator denies");
    assert!(requests.try_recv().is_err(), "somebody connected");

    let allowed = post_with(&settings(), &format!("http://localhost:{port}/")).await;
    assert_eq!(allowed.outcome, Outcome::Accepted, "{}", allowed.detail);
}

fn blocks_of_loopback(settings: NotifySettings) -> NotifySettings {
    let deny: Vec<Cidr> = vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
    NotifySettings { egress: EgressPolicy { deny, ..settings.egress }, ..settings }
}

#[tokio::test]
async fn without_app_key_or_listed_host_nothing_is_sent() {
    let (address, requests) = says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let client = client(&settings());
    let app = app(&format!("http://{address}/"));
    let keyless = App { keys: Vec::new(), ..app.clone() };
    let elsewhere = App { notify_url: NotifyUrl::checked("https://m.example/".to_owned()).unwrap(), ..app.clone() };
    for (app_now, detail) in [
        (None, "blocked: the app does not exist"),
        (Some(&keyless), "blocked: the app has no live signing key"),
        (Some(&elsewhere), "blocked: an IP address in place of a host name must be among the app's notify hosts"),
    ] {
        let attempt = client.post(&row(&app), app_now).await;
        assert_eq!((attempt.outcome, attempt.detail.as_str()), (Outcome::Blocked, detail));
    }
    assert!(requests.try_recv().is_err(), "somebody connected");
}

/// A master key that is nobody's.
pub(in crate::notify) fn vault() -> Arc<Vault> {
    Arc::new(Vault::new(&Vault::draw().unwrap(), []).unwrap())
}
