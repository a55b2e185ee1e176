//! The pull feed: everything that is pushed, to the byte, in the order of commits, from any place on.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use clap::Parser;
use depositd::{
    api::{
        Bearer, connect,
        proto::v1::{
            self, DeliveryState, ListEventsRequest, StreamEventsRequest, event_service_client::EventServiceClient,
        },
    },
    cli::{Cli, dispatch},
    devnet::{Merchant, Orphans},
    domain::TokenAmount,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tonic::{Code, Streaming, transport::Channel};

use crate::harness::{
    KEY, PAYER, Plan, SHOP, TOKEN, World, account, free_port,
    gateway::{Gateway, code},
    wait_until,
};

fn events(gateway: &Gateway) -> EventServiceClient<Channel> {
    EventServiceClient::new(gateway.channel.clone())
}

/// Everything behind `after`, page by page.
async fn listed(gateway: &Gateway, app: &str, mut after: u64, page_size: i32) -> Vec<v1::Event> {
    let mut all = Vec::new();
    loop {
        let request = ListEventsRequest { app_id: app.to_owned(), after_position: after, page_size };
        let page = events(gateway).list_events(request).await.expect("a page").into_inner();
        assert!(page.events.len() <= usize::try_from(page_size).unwrap());
        let Some(last) = page.events.last() else { return all };
        after = last.position;
        assert!(after <= page.newest_position);
        all.extend(page.events);
    }
}

async fn stream(gateway: &Gateway, app: &str, after: u64) -> Streaming<v1::StreamEventsResponse> {
    let request = StreamEventsRequest { app_id: app.to_owned(), after_position: after };
    events(gateway).stream_events(request).await.expect("a stream").into_inner()
}

/// The next `count` events of a stream.
async fn take(told: &mut Streaming<v1::StreamEventsResponse>, count: usize) -> Vec<v1::Event> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(30), told.message()).await.expect("an event in time");
        taken.push(next.unwrap().expect("the stream goes on").event.expect("an answer holds an event"));
    }
    taken
}

fn places(events: &[v1::Event]) -> Vec<u64> {
    events.iter().map(|event| event.position).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pulled_is_what_was_pushed_from_any_place_on() {
    let (mut world, gateway) = World::open([Plan::new("feed")]).await;
    gateway.watch(SHOP, "feed", account(1)).await;
    gateway.watch(SHOP, "feed", account(2)).await;
    let mut live = stream(&gateway, SHOP, 0).await;
    let net = world.net();
    let (payment, _) = net.pay(account(1), 7_000_000);
    net.pay(account(2), 9_000_000);
    net.confirm();
    wait_until("both credits", async || world.books().count("deposit.confirmed") == 2).await;
    net.ledger.lock().fork(4, 5, Orphans::Drop).unwrap();
    wait_until("both reversals", async || world.books().count("deposit.reversed") == 2).await;
    net.ledger.lock().mine(vec![payment]);
    net.confirm();
    wait_until("its return", async || world.books().count("deposit.confirmed") == 3).await;

    let all = listed(&gateway, "", 0, 2).await;
    assert_eq!(places(&all), [1, 2, 3, 4, 5], "no gap, nothing twice");
    let pushed: BTreeMap<String, Vec<u8>> =
        world.merchant.received().iter().map(|told| (told.id.clone().unwrap(), told.body.to_vec())).collect();
    let pulled: BTreeMap<String, Vec<u8>> =
        all.iter().map(|event| (event.event_id.clone(), event.body.clone())).collect();
    assert_eq!(pulled, pushed, "the same ids with the same bytes");
    for event in &all {
        let body: Value = serde_json::from_slice(&event.body).unwrap();
        assert_eq!(body["type"], event.r#type.as_str());
        assert_eq!((event.app_id.as_str(), event.create_time.is_some()), (SHOP, true));
    }
    wait_until("every row to be settled", async || {
        let all = listed(&gateway, SHOP, 0, 100).await;
        all.iter().all(|event| event.delivery_state() == DeliveryState::Delivered && event.attempts == 1)
    })
    .await;

    let same = |events: &[v1::Event]| -> Vec<_> {
        events.iter().map(|event| (event.position, event.event_id.clone(), event.body.clone())).collect()
    };
    assert_eq!(same(&take(&mut live, 5).await), same(&all), "the stream that was there all the time");
    for after in 0..5_u64 {
        let mut resumed = stream(&gateway, "", after).await;
        let skipped = usize::try_from(after).unwrap();
        assert_eq!(same(&take(&mut resumed, 5 - skipped).await), same(&all[skipped..]), "behind {after}");
    }
    let net = world.net();
    net.pay(account(2), 1_000_000);
    net.confirm();
    assert_eq!(places(&take(&mut live, 1).await), [6]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_politely_with_the_daemon_and_goes_on_where_it_was() {
    let (mut world, gateway) = World::open([Plan::new("goes-down")]).await;
    gateway.watch(SHOP, "goes-down", account(1)).await;
    world.net().pay(account(1), 1_000_000);
    world.net().confirm();
    let mut told = stream(&gateway, SHOP, 0).await;
    let last = take(&mut told, 1).await[0].position;
    let begun = std::time::Instant::now();
    world.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "an open stream does not hold up the stop");
    assert_eq!(told.message().await.unwrap_err().code(), Code::Unavailable);

    world.net().pay(account(1), 2_000_000);
    world.net().confirm();
    let gateway = world.start().await;
    let mut told = stream(&gateway, SHOP, last).await;
    assert_eq!(places(&take(&mut told, 1).await), [last + 1]);
    for after in [last + 2, u64::MAX] {
        let ahead = StreamEventsRequest { app_id: String::new(), after_position: after };
        let refused = events(&gateway).stream_events(ahead).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().contains("another store"), "{refused}");
        let ahead = ListEventsRequest { app_id: String::new(), after_position: after, page_size: 1 };
        assert_eq!(code(events(&gateway).list_events(ahead).await), Code::FailedPrecondition);
    }
    drop(told);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_misses_nothing_and_holds_nobody_up() {
    let (mut world, gateway) = World::open([Plan::new("slow-reader")]).await;
    gateway.watch(SHOP, "slow-reader", account(1)).await;
    let mut slow = stream(&gateway, SHOP, 0).await;
    {
        let mut ledger = world.net().ledger.lock();
        for _ in 0..4 {
            let paid = |n: u64| (n, account(1));
            let wishes: Vec<_> = (0..150).map(|n| paid(1_000_000 + n)).collect();
            let txs = wishes.into_iter().map(|(amount, to)| ledger.transfer(TOKEN, PAYER, to, TokenAmount::of(amount)));
            let txs = txs.collect();
            ledger.mine(txs);
        }
    }
    world.net().confirm();
    let mut quick = stream(&gateway, "", 0).await;
    let all: Vec<u64> = (1..=600).collect();
    assert_eq!(places(&take(&mut quick, 600).await), all);
    assert_eq!(places(&take(&mut slow, 600).await), all, "more than a page waited for it");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_bound_to_an_app_pulls_only_its_events() {
    let mut world = World::of([Plan::new("bound-feed")]).await;
    let tcp = free_port();
    world.api = format!("tcp = \"{tcp}\"\n");
    for (name, app) in [("own", format!("app = \"{SHOP}\"\n")), ("all", String::new())] {
        let hash = hex::encode(Sha256::digest(format!("{name}-token")));
        world
            .api
            .push_str(&format!("[[api.tokens]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nscopes = [\"read\"]\n{app}"));
    }
    let gateway = world.start().await;
    let other = Merchant::start(0, vec![KEY.to_vec()]).await.unwrap();
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.create_app("other", &other.url).await;
    gateway.begun("bound-feed").await;
    gateway.watch(SHOP, "bound-feed", account(1)).await;
    gateway.watch("other", "bound-feed", account(2)).await;
    for mark in [2, 1, 2] {
        world.net().pay(account(mark), 1_000_000);
    }
    world.net().confirm();
    wait_until("three events", async || listed(&gateway, "", 0, 10).await.len() == 3).await;

    let channel = connect(&format!("http://{tcp}")).await.unwrap();
    let caller = |token: &str| EventServiceClient::with_interceptor(channel.clone(), Bearer::new(Some(token)).unwrap());
    let ask = |app: &str| ListEventsRequest { app_id: app.to_owned(), after_position: 0, page_size: 10 };
    for (token, app, expected) in
        [("own-token", "", 1), ("own-token", SHOP, 1), ("all-token", "", 3), ("all-token", "other", 2)]
    {
        let page = caller(token).list_events(ask(app)).await.unwrap().into_inner();
        assert_eq!(page.events.len(), expected, "{token} {app}");
        let follow = StreamEventsRequest { app_id: app.to_owned(), after_position: 0 };
        let mut told = caller(token).stream_events(follow).await.unwrap().into_inner();
        assert_eq!(places(&take(&mut told, expected).await), places(&page.events), "{token} {app}");
    }
    for app in ["other", "nobody"] {
        assert_eq!(code(caller("own-token").list_events(ask(app)).await), Code::NotFound);
    }
    assert_eq!(code(caller("all-token").list_events(ask("nobody")).await), Code::NotFound);
    let refused = v1::reconcile_service_client::ReconcileServiceClient::with_interceptor(
        channel.clone(),
        Bearer::new(Some("all-token")).unwrap(),
    )
    .reconcile(v1::ReconcileRequest { network: "bound-feed".to_owned(), ..Default::default() })
    .await;
    assert_eq!(code(refused), Code::PermissionDenied);
    world.stop().await;
}

/// `depositd event follow` as a process of its own; what it shows goes into a file. Dropped, it is killed.
struct Follow(Child);

impl Follow {
    fn spawn(world: &World, out: &Path) -> Self {
        let server = format!("unix:{}", world.socket().display());
        let out = fs::File::create(out).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_depositd"));
        command.args(["event", "follow", "--json", "--after", "1", "--app", SHOP, "--server", &server]);
        Self(command.stdin(Stdio::null()).stdout(out).stderr(Stdio::null()).spawn().expect("the binary starts"))
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_follows_over_a_restart_and_shows_each_event_once() {
    let (mut world, gateway) = World::open([Plan::new("followed")]).await;
    gateway.watch(SHOP, "followed", account(1)).await;
    let out = world.dir.path().join("events");
    let shown = || -> Vec<Value> {
        let text = fs::read_to_string(&out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    for _ in 0..2 {
        world.net().pay(account(1), 1_000_000);
    }
    world.net().confirm();
    wait_until("two events", async || listed(&gateway, "", 0, 10).await.len() == 2).await;
    let follow = Follow::spawn(&world, &out);
    wait_until("the second event", async || shown().len() == 1).await;
    world.stop().await;
    let gateway = world.start().await;
    world.net().pay(account(1), 2_000_000);
    world.net().confirm();
    wait_until("the third event", async || shown().len() == 2).await;
    drop(follow);

    let (shown, listed) = (shown(), listed(&gateway, SHOP, 1, 10).await);
    assert_eq!(listed.len(), 2);
    for (shown, listed) in shown.iter().zip(&listed) {
        assert_eq!(
            (shown["position"].as_u64(), shown["type"].as_str()),
            (Some(listed.position), Some("deposit.confirmed"))
        );
        assert_eq!(shown["body"].as_str().unwrap().as_bytes(), listed.body);
    }
    let server = format!("unix:{}", world.socket().display());
    for (after, exit) in [("0", 0), ("3", 0), ("4", 4)] {
        let words = ["depositd", "event", "list", "--after", after, "--server", &server];
        assert_eq!(Box::pin(dispatch(Cli::parse_from(words))).await, ExitCode::from(exit), "behind {after}");
    }
    world.stop().await;
}
