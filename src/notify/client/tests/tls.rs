//! Broken TLS is a failure; what is right is taken. No setting says otherwise.

use std::net::Ipv4Addr;

use rustls::version::{TLS12, TLS13};

use super::{
    pki::{self, Ca},
    stage::{Act, Names, is, receiver},
    *,
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const NAME: &str = "pay.shop.example";

/// Loopback is open by `allow`, as an inside network is: https and the port are required as everywhere.
fn settings_for(port: u16, roots: &[&Ca]) -> NotifySettings {
    let egress =
        EgressPolicy { ports: vec![port], allow: vec!["127.0.0.0/8".parse().unwrap()], ..EgressPolicy::default() };
    NotifySettings { egress, roots: roots.iter().map(|ca| ca.der.clone()).collect(), ..settings() }
}

async fn post_tls(to: SocketAddr, host: &str, roots: &[&Ca]) -> Attempt {
    install_tls();
    let names = Names::new(|_, _| is(&["127.0.0.1"]));
    let client = Client::with_look_up(&settings_for(to.port(), roots), vault(), names).unwrap();
    let app = app(&format!("https://{host}:{}/hook?token=geheim", to.port()));
    client.post(&row(&app), Some(&app)).await
}

fn serve(config: Arc<rustls::ServerConfig>) -> SocketAddr {
    pki::serve(Ipv4Addr::LOCALHOST, 0, config, OK, true)
}

#[tokio::test]
async fn a_verified_receiver_is_reached() {
    install_tls();
    let (ca, other) = (Ca::new(), Ca::new());
    let both = [&TLS12, &TLS13];
    for (name, to, host, roots) in [
        ("its own CA", serve(pki::config(ca.good(NAME), &both)), NAME, vec![&ca]),
        ("one CA of two", serve(pki::config(ca.good(NAME), &both)), NAME, vec![&other, &ca]),
        ("TLS 1.2 only", serve(pki::config(ca.good(NAME), &[&TLS12])), NAME, vec![&ca]),
        ("TLS 1.3 only", serve(pki::config(ca.good(NAME), &[&TLS13])), NAME, vec![&ca]),
        ("a wildcard", serve(pki::config(ca.good("*.shop.example"), &both)), NAME, vec![&ca]),
        ("an address", serve(pki::config(ca.good("127.0.0.1"), &both)), "127.0.0.1", vec![&ca]),
    ] {
        let attempt = post_tls(to, host, &roots).await;
        assert_eq!(attempt.outcome, Outcome::Accepted, "{name}: {}", attempt.detail);
        assert_eq!((attempt.status, attempt.peer), (Some(200), Some(to.ip())), "{name}");
    }
}

#[tokio::test]
async fn an_unverified_receiver_is_never_told() {
    install_tls();
    let (ca, other) = (Ca::new(), Ca::new());
    let both = [&TLS12, &TLS13];
    let with = |shown: pki::Shown| serve(pki::config(shown, &both));
    let variants = [
        ("a CA nobody knows", with(other.good(NAME)), NAME),
        ("self-signed", with(pki::self_signed(NAME)), NAME),
        ("expired", with(ca.issue(&[NAME], pki::expired)), NAME),
        ("not yet valid", with(ca.issue(&[NAME], pki::not_yet)), NAME),
        ("for clients", with(ca.issue(&[NAME], pki::for_clients)), NAME),
        ("signed by a leaf", with(ca.issue_by_leaf(NAME)), NAME),
        ("another name", with(ca.good("evil.example")), NAME),
        ("a name below", with(ca.good("a.pay.shop.example")), NAME),
        ("a wildcard below", with(ca.good("*.pay.shop.example")), NAME),
        ("a wildcard above", with(ca.good("*.example")), NAME),
        ("no name", with(ca.issue(&[], |_| ())), NAME),
        ("its address in place of its name", with(ca.good("127.0.0.1")), NAME),
        ("a name in place of its address", with(ca.good(NAME)), "127.0.0.1"),
        ("another address", with(ca.good("127.0.0.2")), "127.0.0.1"),
        ("wants our certificate", serve(pki::wants_clients(ca.good(NAME), &ca)), NAME),
    ];
    assert_eq!(variants.len(), 15);
    for (name, to, host) in variants {
        let attempt = post_tls(to, host, &[&ca]).await;
        assert_eq!(attempt.outcome, Outcome::Unreachable(Unreached::Tls), "{name}: {}", attempt.detail);
        assert_eq!((attempt.status, attempt.peer), (None, Some(to.ip())), "{name}");
        assert!(
            attempt.detail.starts_with("tls: ") && !attempt.detail.contains("geheim"),
            "{name}: {}",
            attempt.detail
        );
    }
    let unknown = post_tls(with(ca.good(NAME)), NAME, &[]).await;
    assert_eq!(unknown.outcome, Outcome::Unreachable(Unreached::Tls), "without ca_file: {}", unknown.detail);
}

/// A ServerHello of this version: random bytes, no session, AES-128-SHA, no compression.
fn server_hello(minor: u8) -> Vec<u8> {
    let hello = [&[3, minor][..], &[7; 32], &[0], &[0, 0x2f], &[0]].concat();
    let length = u8::try_from(hello.len()).unwrap();
    let record = [&[2, 0, 0, length][..], &hello].concat();
    [&[0x16, 3, minor, 0, length + 4][..], &record].concat()
}

#[tokio::test]
async fn what_is_no_tls_is_no_receiver() {
    install_tls();
    let ca = Ca::new();
    let alert = |level, what| vec![0x15, 3, 3, 0, 2, level, what];
    let variants = [
        ("plain http", Act::Greets(OK), Unreached::Tls),
        ("SSH", Act::Greets(b"SSH-2.0-OpenSSH_9.2p1\r\n"), Unreached::Tls),
        ("SMTP", Act::Greets(b"220 mail.example ESMTP\r\n"), Unreached::Tls),
        ("NUL bytes", Act::Greets(&[0; 64]), Unreached::Tls),
        ("closed at once", Act::Greets(b""), Unreached::Tls),
        ("reset", Act::Resets(Vec::new()), Unreached::Tls),
        ("alert: handshake failure", Act::Resets(alert(2, 40)), Unreached::Tls),
        ("alert: protocol version", Act::Resets(alert(2, 70)), Unreached::Tls),
        ("alert: unrecognised name", Act::Resets(alert(2, 112)), Unreached::Tls),
        ("alert: close notify", Act::Resets(alert(1, 0)), Unreached::Tls),
        ("SSL 3.0 only", Act::Resets(server_hello(0)), Unreached::Tls),
        ("TLS 1.0 only", Act::Resets(server_hello(1)), Unreached::Tls),
        ("TLS 1.1 only", Act::Resets(server_hello(2)), Unreached::Tls),
        ("TLS 1.2 with a cipher we never offered", Act::Resets(server_hello(3)), Unreached::Tls),
        ("half a record", Act::Resets(vec![0x16, 3, 3, 0x40, 0]), Unreached::Tls),
        ("huge record", Act::Resets(vec![0x16, 3, 3, 0xff, 0xff]), Unreached::Tls),
        ("hangs", Act::Hangs, Unreached::TimedOut),
    ];
    assert_eq!(variants.len(), 17);
    let mut wrong = Vec::new();
    for (name, act, why) in variants {
        let to = receiver(act);
        let attempt = post_tls(to, NAME, &[&ca]).await;
        if attempt.outcome != Outcome::Unreachable(why) || attempt.took_ms > 2000 || attempt.peer != Some(to.ip()) {
            wrong.push(format!("{name}: {attempt:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Without TLS's own end a body that ends with the connection may be anybody's cut.
#[tokio::test]
async fn a_body_cut_without_a_farewell_is_not_whole() {
    install_tls();
    let ca = Ca::new();
    for (ends, cut) in [(true, ""), (false, "status 200; body broken off")] {
        let config = pki::config(ca.good(NAME), &[&TLS13]);
        let to = pki::serve(Ipv4Addr::LOCALHOST, 0, config, b"HTTP/1.1 200 OK\r\n\r\nsuccess", ends);
        let attempt = post_tls(to, NAME, &[&ca]).await;
        assert_eq!((attempt.detail.as_str(), attempt.excerpt.as_str()), (cut, "success"), "ends: {ends}");
    }
}

#[test]
fn an_extra_root_that_is_none_stops_the_start() {
    install_tls();
    let settings = NotifySettings { roots: vec![b"no certificate".to_vec()], ..settings() };
    assert!(matches!(Client::new(&settings, vault()), Err(NotifyError::Client(_))));
}
