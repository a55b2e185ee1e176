//! No proxy of the environment; one of the configuration, which is trusted as nothing but the proxy.

use std::{
    io::{self, Read, Write},
    net::Ipv4Addr,
    sync::mpsc::{Receiver, channel},
};

use super::{
    pki::{self, Ca},
    stage::{Names, Reply, Trap, is},
    *,
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
/// A public address; nobody in these tests ever connects to it.
const PUBLIC: &str = "93.184.215.14";

/// A CONNECT proxy on 127.0.0.1 that reports what it is asked and connects to `behind`, whatever that was.
fn proxy(behind: Option<SocketAddr>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, asked) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut near, tell) = (stream.unwrap(), tell.clone());
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && matches!(near.read(&mut byte), Ok(1)) {
                    head.extend(byte);
                }
                let _ = tell.send(String::from_utf8(head).unwrap());
                let Some(behind) = behind else {
                    let _ = near.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
                    return;
                };
                let mut far = TcpStream::connect(behind).unwrap();
                near.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
                let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
                let _ = io::copy(&mut far, &mut near);
                let _ = near.shutdown(Shutdown::Write);
            });
        }
    });
    (address, asked)
}

fn through(proxy: &str, ca: &Ca) -> NotifySettings {
    NotifySettings {
        egress: EgressPolicy::default(),
        proxy: Some(proxy.parse().unwrap()),
        roots: vec![ca.der.clone()],
        ..settings()
    }
}

async fn post_through(settings: &NotifySettings, names: Arc<Names>, url: &str) -> Attempt {
    let app = app(url);
    Client::with_look_up(settings, vault(), names).unwrap().post(&row(&app), Some(&app)).await
}

#[tokio::test]
async fn the_proxy_is_asked_to_connect() {
    install_tls();
    let ca = Ca::new();
    let receiver =
        pki::serve(Ipv4Addr::LOCALHOST, 0, pki::config(ca.good("pay.example"), rustls::ALL_VERSIONS), OK, true);
    let (address, asked) = proxy(Some(receiver));
    let by_name = format!("http://proxy.inside:{}", address.port());
    for (proxy, reply) in [
        (format!("http://{address}"), is(&[PUBLIC])),
        (format!("http://{address}"), Reply::Fails),
        (format!("http://{address}"), Reply::Never),
        (by_name.clone(), is(&[PUBLIC])),
    ] {
        let names = Names::new(move |name, _| if name == "proxy.inside" { is(&["127.0.0.1"]) } else { reply.clone() });
        let attempt = post_through(&through(&proxy, &ca), names, "https://pay.example/hook?token=geheim").await;
        assert_eq!(attempt.outcome, Outcome::Accepted, "{proxy}: {}", attempt.detail);
        assert_eq!(attempt.peer, Some(address.ip()), "who answered is the proxy");
        let head = asked.recv().unwrap();
        assert!(head.starts_with("CONNECT pay.example:443 HTTP/1.1\r\n"), "{head}");
        assert!(!head.contains("geheim") && !head.contains("webhook"), "the proxy sees a name and a port: {head}");
    }
}

#[tokio::test]
async fn behind_a_proxy_everything_is_judged_as_always() {
    install_tls();
    let (ca, trap) = (Ca::new(), Trap::set());
    let (address, asked) = proxy(None);
    let settings = through(&format!("http://{address}"), &ca);
    let inside = |_: &str, _: usize| is(&["127.0.0.1"]);
    let mixed = |_: &str, _: usize| is(&[PUBLIC, "10.0.0.1"]);
    for (url, names) in [
        ("https://127.0.0.1/".to_owned(), Names::new(inside)),
        (format!("https://127.0.0.1:{}/", address.port()), Names::new(inside)),
        (format!("https://127.0.0.1:{}/", trap.port), Names::new(inside)),
        ("https://[::ffff:127.0.0.1]/".to_owned(), Names::new(inside)),
        ("https://169.254.169.254/".to_owned(), Names::new(inside)),
        ("https://0x7f.1/".to_owned(), Names::new(inside)),
        ("https://localhost/".to_owned(), Names::new(inside)),
        ("http://pay.example/".to_owned(), Names::new(inside)),
        ("https://pay.example:8443/".to_owned(), Names::new(inside)),
        ("https://pay.example/".to_owned(), Names::new(inside)),
        ("https://pay.example/".to_owned(), Names::new(|_, _| is(&["169.254.169.254"]))),
        ("https://pay.example/".to_owned(), Names::new(mixed)),
        ("https://proxy.inside/".to_owned(), Names::new(inside)),
    ] {
        let attempt = post_through(&settings, names, &url).await;
        assert_eq!(attempt.outcome, Outcome::Blocked, "{url}: {}", attempt.detail);
    }
    assert_eq!(trap.visits(), 0);
    assert!(asked.try_recv().is_err(), "the proxy was asked");

    // The proxy's own name is a receiver's name like any other.
    let by_name = through(&format!("http://proxy.inside:{}", address.port()), &ca);
    let attempt = post_through(&by_name, Names::new(inside), "https://proxy.inside/").await;
    assert_eq!(attempt.outcome, Outcome::Blocked, "{}", attempt.detail);
    assert!(asked.try_recv().is_err(), "the proxy was asked");
}

#[tokio::test]
async fn a_proxy_that_will_not_is_a_failure() {
    install_tls();
    let ca = Ca::new();
    let impostor =
        pki::serve(Ipv4Addr::LOCALHOST, 0, pki::config(Ca::new().good("pay.example"), rustls::ALL_VERSIONS), OK, true);
    let (refusing, _asked) = proxy(None);
    let (crooked, _asked2) = proxy(Some(impostor));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (proxy, why) in [(refusing, Unreached::Connect), (crooked, Unreached::Tls), (closed, Unreached::Connect)] {
        let names = Names::new(|_, _| is(&[PUBLIC]));
        let attempt = post_through(&through(&format!("http://{proxy}"), &ca), names, "https://pay.example/").await;
        assert_eq!(attempt.outcome, Outcome::Unreachable(why), "{}", attempt.detail);
    }
    let names = Names::new(|name, _| if name == "pay.example" { is(&[PUBLIC]) } else { Reply::Fails });
    let attempt = post_through(&through("http://proxy.inside:3128", &ca), names, "https://pay.example/").await;
    assert_eq!(attempt.outcome, Outcome::Unreachable(Unreached::Dns), "{}", attempt.detail);
}

/// The environment is read when a client is made, so this process' own must not change: a child runs each test.
#[test]
fn proxy_variables_are_ignored() {
    for test in ["a_2xx_is_accepted_and_the_request_verifies", "tls::a_verified_receiver_is_reached"] {
        let variables = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("notify::client::tests::{test}")])
            .envs(variables.map(|name| (name, "http://127.0.0.1:1")))
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && text.contains("1 passed"), "{text}");
    }
}
