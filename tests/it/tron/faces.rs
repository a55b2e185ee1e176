//! What a TRON network is read from: one port or two, the solid side only, receipts over JSON-RPC; with a key, within a
//! budget.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::harness::{Plan, SHOP, World, account, counted, day, net::Node};

/// Plays a day on `plan`, and says of each endpoint which calls it was asked for, and how often.
async fn a_day_on(plan: Plan) -> Vec<std::collections::BTreeMap<String, u64>> {
    let slug = plan.slug.clone();
    let (mut world, gateway) = World::open([plan]).await;
    let watched = day::watch(&gateway, &slug).await;
    day::play(&world.nets).await;
    // And a piece that is read by ranges.
    for number in 0..4 {
        day::block(world.net(), number);
    }
    world.net().mine(70);
    world.balanced(&[watched]).await;
    assert_eq!(world.books().count("deposit.reversed"), 0);
    for doubt in ["malformed", "refused", "incomplete", "transport", "other_chain"] {
        let labels = [("network", slug.as_str()), ("kind", doubt)];
        assert_eq!(counted("depositd_source_doubts_total", &labels), 0, "{slug}: {doubt}");
    }
    let calls = world.net().nodes.iter().map(|node: &Node| node.trouble.all_calls()).collect();
    world.stop().await;
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_ones_own_serves_the_two_faces_on_two_ports() {
    for calls in a_day_on(Plan::tron("two-ports").two_ports()).await {
        for call in ["wallet/getblock", "walletsolidity/getblock", "walletsolidity/getblockbylimitnext"] {
            assert!(calls.contains_key(call), "no {call}: {calls:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_solid_mode_nothing_is_asked_of_the_full_node() {
    for plan in [Plan::tron("solid-mode"), Plan::tron("solid-ports").two_ports()] {
        for calls in a_day_on(plan.with("mode = \"solid\"")).await {
            let of_full: Vec<_> = calls.keys().filter(|call| call.starts_with("wallet/")).collect();
            assert!(of_full.is_empty(), "{of_full:?}");
            assert!(calls.contains_key("walletsolidity/getblockbylimitnext"), "{calls:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_read_with_their_receipts_where_the_node_knows_how() {
    for calls in a_day_on(Plan::tron("receipts").receipts(true)).await {
        assert!(calls["eth_getBlockReceipts"] > 20, "{calls:?}");
        assert!(!calls.contains_key("wallet/gettransactioninfobyblocknum"), "{calls:?}");
        assert!(!calls.contains_key("eth_getLogs"), "{calls:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_know_receipts_is_asked_for_them_once() {
    for calls in a_day_on(Plan::tron("no-receipts").receipts(false)).await {
        assert_eq!(calls["eth_getBlockReceipts"], 1, "{calls:?}");
        assert!(calls["wallet/gettransactioninfobyblocknum"] > 20, "{calls:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_whose_budget_is_used_up_rests_and_the_other_one_carries_on() {
    // The share of an hour is ten requests.
    let plan = Plan::tron("budget").with_of("first", "requests_per_day = 240");
    let (mut world, gateway) = World::open([plan]).await;
    let watched = day::watch(&gateway, "budget").await;
    day::play(&world.nets).await;
    world.balanced(&[watched]).await;
    let labels = |source| [("network", "budget"), ("source", source), ("kind", "throttled")];
    assert!(counted("depositd_source_doubts_total", &labels("first")) > 0);
    assert_eq!(counted("depositd_source_doubts_total", &labels("second")), 0);
    let asked = world.net().node("first").trouble.requests();
    assert!((1..=10).contains(&asked), "{asked} requests of ten");
    world.stop().await;
}

/// A door before a node that writes down what is sent through it.
struct Recorder {
    url: String,
    sent: Arc<Mutex<Vec<u8>>>,
    _connections: JoinSet<()>,
}

impl Recorder {
    async fn before(node: &Node) -> Self {
        let node = node.url.trim_start_matches("http://").to_owned();
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", door.local_addr().unwrap());
        let sent = Arc::new(Mutex::new(Vec::new()));
        let written = sent.clone();
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = door.accept().await {
                let node = TcpStream::connect(&node).await.expect("the node is there");
                open.spawn(pass(client, node, written.clone()));
            }
        });
        Self { url, sent, _connections: connections }
    }

    fn sent(&self) -> String {
        String::from_utf8_lossy(&self.sent.lock().unwrap()).to_lowercase()
    }
}

async fn pass(client: TcpStream, node: TcpStream, written: Arc<Mutex<Vec<u8>>>) {
    let ((mut from, mut to_client), (mut from_node, mut to)) = (client.into_split(), node.into_split());
    let asks = async {
        let mut piece = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            written.lock().unwrap().extend_from_slice(&piece[..length]);
            if to.write_all(&piece[..length]).await.is_err() {
                break;
            }
        }
    };
    // Either side may hang up at any time.
    let answers = tokio::io::copy(&mut from_node, &mut to_client);
    tokio::select! {
        () = asks => (),
        _ = answers => (),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_key_goes_along_with_every_request_and_is_said_nowhere() {
    let mut world = World::of([Plan::tron("keyed").endpoints(&["plain"])]).await;
    let recorder = Recorder::before(&world.net().nodes[0]).await;
    let key = world.dir.path().join("provider.key");
    fs::write(&key, "S3CRET-KEY").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    // Behind everything else, so that it is one more endpoint.
    world.api = format!(
        "[[networks.keyed.endpoints]]\nname = \"keyed\"\nurl = \"{}\"\napi_key_file = \"{}\"\n",
        recorder.url,
        key.display()
    );
    let gateway = world.start().await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.begun("keyed").await;
    let watched = [(account(1), gateway.watch(SHOP, "keyed", account(1)).await)].into();
    world.net().pay(account(1), 1_000_000);
    world.net().confirm();
    world.balanced(&[watched]).await;
    let network = gateway.network("keyed").await;
    assert!(!format!("{network:?}").contains("S3CRET"));
    world.stop().await;
    let sent = recorder.sent();
    let requests = sent.matches(" http/1.1\r\n").count();
    let keys = sent.matches("\r\ntron-pro-api-key: s3cret-key\r\n").count();
    assert!(requests > 10, "{sent}");
    assert_eq!(requests, keys, "{sent}");
    for face in ["post /wallet/", "post /walletsolidity/"] {
        assert!(sent.contains(face), "no {face}: {sent}");
    }
}
