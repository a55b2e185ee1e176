//! The solid block stands still while the head moves on: deposits are seen, none is credited, and it shows.

use std::time::{Duration, Instant};

use depositd::{
    api::proto::v1::{DepositState, NetworkState},
    devnet::Tx,
    domain::clock,
};

use crate::harness::{Net, Plan, SHOP, World, account, gateway::Gateway, wait_until};

/// From one block to the next.
const PACE: Duration = Duration::from_millis(150);
/// Blocks that stay unsolid in health.
const LAG: u64 = 2;

/// A network of our own time that is quickly solid, and quickly called stalled.
fn plan(slug: &str) -> Plan {
    let mut plan = Plan::tron(slug).now().window(24).with("head_stall_after_s = 6").with("finality_stall_after_s = 5");
    (plan.spec.finality_lag, plan.spec.block_time_s) = (LAG, 1);
    plan
}

/// A block of now.
fn mine_now(net: &Net, txs: Vec<Tx>) {
    net.ledger.lock().mine_at(clock::now().seconds(), txs);
}

/// Mines until `holds`.
async fn mine_until(net: &Net, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(40), "waited 40 s for {what}");
        mine_now(net, vec![]);
        tokio::time::sleep(PACE).await;
    }
}

async fn conditions(gateway: &Gateway, slug: &str) -> (bool, bool) {
    let network = gateway.network(slug).await;
    (network.head_stalled, network.finality_stalled)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credits_wait_while_solid_stands_still_longer_than_the_window_and_come_when_it_goes_on() {
    let (mut world, gateway) = World::open([plan("stalled")]).await;
    let watched = [(account(1), gateway.watch(SHOP, "stalled", account(1)).await)].into();
    let net = world.net();
    mine_until(net, "health", async || conditions(&gateway, "stalled").await == (false, false)).await;

    net.ledger.lock().stall_finality(true);
    let (_, first) = net.pay(account(1), 1_000_000);
    mine_until(net, "the stall to show", async || {
        let (head_stalled, finality_stalled) = conditions(&gateway, "stalled").await;
        assert!(!head_stalled, "the head moves on");
        finality_stalled
    })
    .await;
    // Far beyond the window, and still seen.
    (0..30).for_each(|_| mine_now(net, vec![]));
    let last = net.pay(account(1), 2_000_000).1;
    assert!(last > first + 24);
    gateway.deposit("detection", |deposit| deposit.amount == "2000000").await;
    gateway.read_to("stalled", last).await;
    let network = gateway.network("stalled").await;
    assert_eq!(network.state(), NetworkState::Following, "{}", network.why);
    assert_eq!((network.head_stalled, network.finality_stalled), (false, true));
    assert!(gateway.deposits().await.iter().all(|deposit| deposit.state() == DepositState::Detected));
    assert!(world.merchant.received().is_empty(), "credited without being solid");

    net.ledger.lock().stall_finality(false);
    mine_until(net, "both credits", async || world.books().standing().len() == 2).await;
    world.balanced(&[watched]).await;
    mine_until(net, "health again", async || conditions(&gateway, "stalled").await == (false, false)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_stands_still_is_another_condition() {
    let (mut world, gateway) = World::open([plan("stands")]).await;
    let net = world.net();
    mine_until(net, "health", async || conditions(&gateway, "stands").await == (false, false)).await;
    wait_until("the head to be old", async || conditions(&gateway, "stands").await == (true, true)).await;
    mine_until(net, "health again", async || conditions(&gateway, "stands").await == (false, false)).await;
    world.stop().await;
}
