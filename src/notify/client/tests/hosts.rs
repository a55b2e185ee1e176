//! Hostile URLs and names, through the whole path: nobody inside is ever connected to.

use std::time::Duration;
use std::{net::Ipv4Addr, sync::Arc};

use super::{
    pki::{self, Ca},
    stage::{Names, Reply, Trap, is, own_addresses},
    *,
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
/// The one address that is open, beside the trap on the same port.
const OPEN: [u8; 4] = [127, 0, 0, 2];

/// Hosts as URLs spell them; every one is somewhere inside, or no host at all.
const SPELLINGS: [&str; 96] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "2130706433",
    "2130706433.",
    "0x7f000001",
    "0X7F000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "0x7F.0x0.0x0.0x1",
    "0x7f.0x000001",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "00000177.0.0.1",
    "127.0.0.0x1",
    "127.000.000.001",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "１２７.0.0.1",
    "127.0.0.1%2e",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "0",
    "0.0.0.0",
    "0x0",
    "00",
    "0.1",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::0001]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:7f00:1::1]",
    "[2001:0:7f00:1::]",
    "[::ffff:0.0.0.0]",
    "[::1%25lo]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fec0::1]",
    "[fd00::2]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "[ff02::1]",
    "[100::1]",
    "[5f00::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "10.0.0.1",
    "10.1",
    "012.0.0.1",
    "0xa000001",
    "167772161",
    "172.16.1",
    "172.31.255.255",
    "192.168.1",
    "0xc0a80101",
    "3232235777",
    "100.64.0.1",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.16689662",
    "169.254.43518",
    "0xa9.0xfe.0xa9.0xfe",
    "169.254.170.2",
    "100.100.100.200",
    "0x64.0x64.0x64.0xc8",
    "192.0.0.192",
    "168.63.129.16",
    "0xa83f8110",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "4294967295",
    "198.18.0.1",
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "ｌｏｃａｌｈｏｓｔ",
    "%6cocalhost",
];

/// Whole URLs around the one open name (`GOOD`) and the trap's port (`PORT`).
const FORMS: [&str; 30] = [
    "http://GOOD:PORT/",
    "ftp://GOOD:PORT/",
    "ws://GOOD:PORT/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:PORT/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "unix:/run/x.sock",
    "https://GOOD@127.0.0.1:PORT/",
    "https://u@GOOD:PORT/",
    "https://u:p@GOOD:PORT/",
    "https://:@127.0.0.1:PORT/",
    "https://127.0.0.1:PORT\\@GOOD:PORT/",
    "https://127.0.0.1:PORT#@GOOD:PORT/",
    "https://GOOD:PORT/#x",
    "https://GOOD:80/",
    "https://GOOD:22/",
    "https://GOOD:0/",
    "https://GOOD:65536/",
    "https://GOOD:-1/",
    "https://GOOD/",
    "https://",
    "https:///",
    "https://./",
    "https://GOOD..:PORT/",
    "//GOOD:PORT/",
    "https://GOOD:PORT/\r\nhost: 127.0.0.1",
    "https://GOOD :PORT/",
    "https://127.0.0.1\t:PORT/",
    "\u{0}https://127.0.0.1:PORT/",
];

/// Addresses a hostile name may answer with.
const ANSWERS: [&str; 64] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "100.100.100.200",
    "127.0.0.1",
    "127.0.0.3",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::2",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::127.0.0.1",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:2::1",
    "2001:3::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2620:4f:8000::1",
    "3ffe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
];

/// The trap, the open receiver beside it, and a policy that knows only the latter.
struct Scene {
    trap: Trap,
    settings: NotifySettings,
}

fn scene() -> Scene {
    install_tls();
    let (trap, ca) = (Trap::set(), Ca::new());
    let config = pki::config(ca.good("good.example"), rustls::ALL_VERSIONS);
    pki::serve(Ipv4Addr::from(OPEN), trap.port, config, OK, true);
    let egress =
        EgressPolicy { ports: vec![trap.port], allow: vec!["127.0.0.2".parse().unwrap()], ..EgressPolicy::default() };
    let settings = NotifySettings { egress, roots: vec![ca.der], ..settings() };
    Scene { trap, settings }
}

impl Scene {
    fn client(&self, names: Arc<Names>) -> Client {
        Client::with_look_up(&self.settings, vault(), names).unwrap()
    }
}

async fn post_to(client: &Client, url: &str) -> Attempt {
    let app = app(url);
    client.post(&row(&app), Some(&app)).await
}

fn open() -> Reply {
    is(&["127.0.0.2"])
}

#[tokio::test]
async fn hostile_urls_connect_to_nobody() {
    let scene = scene();
    let names = Names::new(|name, _| if name == "good.example" { open() } else { is(&["127.0.0.1", "::1"]) });
    let client = scene.client(Arc::clone(&names));
    let port = scene.trap.port.to_string();
    let own = own_addresses();
    let own = own.iter().map(|address| match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    });
    let hosts = SPELLINGS.iter().map(|host| (*host).to_owned()).chain(own);
    let urls: Vec<String> = hosts
        .map(|host| format!("https://{host}:{port}/hook"))
        .chain(FORMS.iter().map(|form| form.replace("GOOD", "good.example").replace("PORT", &port)))
        .collect();
    assert!(urls.len() >= 120, "{}", urls.len());
    for url in &urls {
        let attempt = post_to(&client, url).await;
        assert_eq!(attempt.outcome, Outcome::Blocked, "{url}: {}", attempt.detail);
        assert!(attempt.detail.starts_with("blocked: ") && attempt.peer.is_none(), "{url}: {attempt:?}");
    }
    assert_eq!(names.asked(), 0, "nothing of this is even looked up");
    let attempt = post_to(&client, &format!("https://good.example:{port}/hook")).await;
    assert_eq!((attempt.outcome, attempt.peer), (Outcome::Accepted, Some(OPEN.into())), "{}", attempt.detail);
    assert_eq!(scene.trap.visits(), 0, "somebody inside was connected to");
}

/// Own addresses are refused though the operator opened every network.
#[tokio::test]
async fn this_host_is_refused_by_every_address() {
    let scene = scene();
    let all = vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
    let egress = EgressPolicy { allow: all, ..scene.settings.egress.clone() };
    let settings = NotifySettings { egress, ..scene.settings.clone() };
    for address in own_addresses() {
        let names = Names::new(move |_, _| Reply::Is(vec![address]));
        let client = Client::with_look_up(&settings, vault(), names).unwrap();
        let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        for host in [host.as_str(), "pay.example"] {
            let attempt = post_to(&client, &format!("https://{host}:{}/", scene.trap.port)).await;
            assert_eq!(attempt.outcome, Outcome::Blocked, "{host} {address}: {}", attempt.detail);
            assert!(attempt.detail.ends_with("an address of this host"), "{}", attempt.detail);
        }
    }
    assert_eq!(scene.trap.visits(), 0);
}

#[tokio::test]
async fn names_that_lead_inside_connect_to_nobody() {
    let scene = scene();
    let answers: Vec<Reply> = ANSWERS
        .iter()
        .map(|text| is(&[text]))
        .chain(own_addresses().into_iter().map(|address| Reply::Is(vec![address])))
        .chain([
            is(&["10.0.0.1", "127.0.0.1", "::1"]),
            is(&["::1", "::ffff:127.0.0.1"]),
            Reply::Is(vec![[127, 0, 0, 1].into(); 10_000]),
            Reply::Is((0..10_000_u32).map(|n| IpAddr::V4((0x7f00_0003 + n).into())).collect()),
            Reply::Is([vec![[127, 0, 0, 1].into(); 10_000], vec![OPEN.into()]].concat()),
        ])
        .collect();
    let total = answers.len();
    assert!(total >= 69, "{total}");
    let names = Names::new(move |_, before| answers[before].clone());
    let client = scene.client(Arc::clone(&names));
    for n in 0..total {
        // A name of its own each time, as an alias that ends there.
        let attempt = post_to(&client, &format!("https://m{n}.example:{}/", scene.trap.port)).await;
        assert_eq!(attempt.outcome, Outcome::Blocked, "answer {n}: {}", attempt.detail);
        assert!(attempt.detail.starts_with("blocked: the name leads to "), "{}", attempt.detail);
        assert_eq!(attempt.peer, None, "answer {n}");
    }
    assert_eq!((names.asked(), scene.trap.visits()), (total, 0));
}

#[tokio::test]
async fn denied_addresses_are_dropped_from_mixed_answers() {
    let scene = scene();
    let giant: Vec<IpAddr> = std::iter::repeat_n([127, 0, 0, 2].into(), 10_000).collect();
    let answers = [
        is(&["127.0.0.1", "127.0.0.2"]),
        is(&["127.0.0.2", "127.0.0.1"]),
        is(&["::1", "10.0.0.1", "169.254.169.254", "127.0.0.2", "fe80::1"]),
        is(&["::ffff:127.0.0.1", "::ffff:127.0.0.2"]),
        is(&["127.0.0.2", "127.0.0.2"]),
        Reply::Is(giant),
    ];
    for (n, answer) in answers.into_iter().enumerate() {
        let client = scene.client(Names::new(move |_, _| answer.clone()));
        let attempt = post_to(&client, &format!("https://good.example:{}/", scene.trap.port)).await;
        assert_eq!(attempt.outcome, Outcome::Accepted, "answer {n}: {}", attempt.detail);
        assert_eq!(attempt.peer.map(|peer| peer.to_canonical()), Some(OPEN.into()));
    }
    assert_eq!(scene.trap.visits(), 0);
}

/// The name is public when it is registered and at the first attempt, and leads inside from then on.
#[tokio::test]
async fn a_rebound_name_is_judged_at_each_attempt() {
    let scene = scene();
    let url = format!("https://good.example:{}/", scene.trap.port);
    let names = Names::new(|_, before| if before == 0 { open() } else { is(&["127.0.0.1"]) });
    let client = scene.client(Arc::clone(&names));
    // The receiver closes after each answer, so each attempt connects anew.
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        outcomes.push(post_to(&client, &url).await.outcome);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::Blocked, Outcome::Blocked]);
    assert_eq!(
        (names.asked(), scene.trap.visits()),
        (3, 0),
        "one look-up for each attempt, and what it said was dialled"
    );
}

#[tokio::test]
async fn names_without_an_answer_are_said_to_have_none() {
    let scene = scene();
    for (reply, why) in
        [(Reply::Is(vec![]), Unreached::Dns), (Reply::Fails, Unreached::Dns), (Reply::Never, Unreached::TimedOut)]
    {
        let client = scene.client(Names::new(move |_, _| reply.clone()));
        let attempt = post_to(&client, &format!("https://good.example:{}/", scene.trap.port)).await;
        assert_eq!(attempt.outcome, Outcome::Unreachable(why), "{}", attempt.detail);
        assert!(attempt.peer.is_none() && attempt.took_ms < 1500, "{attempt:?}");
    }
    assert_eq!(scene.trap.visits(), 0);
}

/// The resolver and the connector should make this impossible; it is looked at all the same.
#[test]
fn an_answer_from_elsewhere_is_no_answer() {
    install_tls();
    let client = Client::new(&NotifySettings::default(), vault()).unwrap();
    for (peer, detail) in [
        (Some("127.0.0.1:443"), Some("blocked: the answer came from a loopback address")),
        (Some("[::ffff:10.0.0.1]:443"), Some("blocked: the answer came from a private address")),
        (None, Some("blocked: the answer came from an unknown address")),
        (Some("93.184.215.14:443"), None),
    ] {
        let came = client.stranger(peer.map(|peer| peer.parse().unwrap()));
        assert_eq!(came.map(|came| came.detail).as_deref(), detail, "{peer:?}");
    }
}
