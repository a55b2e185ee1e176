//! Blocks that leave the chain: what they held is taken back, comes again under the same name, and no further.

use depositd::{
    api::proto::v1::{DepositState, NetworkState},
    devnet::Orphans,
};

use crate::harness::{Plan, SHOP, World, account, counted, wait_until};

const CREDIT: &str = "deposit.confirmed";
const REVERSE: &str = "deposit.reversed";

fn versions(kinds: &[&str]) -> Vec<(u64, String)> {
    (1..).zip(kinds).map(|(version, kind)| (version, (*kind).to_owned())).collect()
}

/// Waits until the merchant was told exactly this of the one payment there is.
async fn told(world: &World, kinds: &[&str]) {
    let expected = versions(kinds);
    wait_until(&format!("{kinds:?}"), async || {
        let told = world.books().versions();
        assert!(expected.starts_with(&told), "told {told:?} where {expected:?} is expected");
        told == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_leaves_before_it_is_confirmed_is_told_once_it_is_back() {
    let (mut world, gateway) = World::open([Plan::new("before")]).await;
    gateway.watch(SHOP, "before", account(1)).await;
    let net = world.net();
    let (payment, _) = net.pay(account(1), 7_000_000);
    let seen = gateway.deposit("detection", |deposit| deposit.state() == DepositState::Detected).await;
    net.mine(1);
    net.ledger.lock().fork(2, 3, Orphans::Drop).unwrap();
    gateway.deposit("the reorg", |deposit| deposit.state() == DepositState::Orphaned).await;
    let head = net.mine(4);
    gateway.read_to("before", head).await;
    assert!(world.merchant.received().is_empty(), "nothing was ever credited");

    net.ledger.lock().mine(vec![payment]);
    let back = gateway.deposit("its return", |deposit| deposit.state() == DepositState::Detected).await;
    assert_eq!(back.deposit_id, seen.deposit_id);
    net.confirm();
    told(&world, &[CREDIT]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credited_taken_back_and_credited_again_are_versions_1_2_and_3_in_that_order() {
    let (mut world, gateway) = World::open([Plan::new("again")]).await;
    gateway.watch(SHOP, "again", account(1)).await;
    let net = world.net();
    let (payment, _) = net.pay(account(1), 7_000_000);
    net.mine(1);
    let seen = gateway.deposit("two confirmations", |deposit| deposit.confirmations == 2).await;
    assert_eq!(seen.state(), DepositState::Detected, "one confirmation is missing");
    assert!(world.merchant.received().is_empty(), "told one block too early");
    net.mine(1);
    told(&world, &[CREDIT]).await;

    // Exactly as deep as the confirmations were.
    net.ledger.lock().fork(3, 4, Orphans::Drop).unwrap();
    told(&world, &[CREDIT, REVERSE]).await;
    let gone = gateway.deposit("the reversal", |deposit| deposit.state() == DepositState::Orphaned).await;
    assert_eq!((gone.deposit_id.as_str(), gone.version), (seen.deposit_id.as_str(), 2));

    net.ledger.lock().mine(vec![payment]);
    net.confirm();
    told(&world, &[CREDIT, REVERSE, CREDIT]).await;
    // And once more, after the threshold was long passed.
    net.mine(5);
    net.ledger.lock().fork(8, 9, Orphans::Include(2)).unwrap();
    told(&world, &[CREDIT, REVERSE, CREDIT, REVERSE, CREDIT]).await;
    let now = gateway.deposit("the last credit", |deposit| deposit.state() == DepositState::Confirmed).await;
    assert_eq!((now.deposit_id.as_str(), now.version), (seen.deposit_id.as_str(), 5));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_goes_from_a_to_b_and_back_to_a_ends_where_it_began() {
    let (mut world, gateway) = World::open([Plan::new("a-b-a")]).await;
    gateway.watch(SHOP, "a-b-a", account(1)).await;
    let net = world.net();
    net.pay(account(1), 7_000_000);
    net.confirm();
    told(&world, &[CREDIT]).await;
    let mut a = net.ledger.lock().clone();

    let b = net.ledger.lock().fork(3, 5, Orphans::Drop).unwrap();
    gateway.read_to("a-b-a", b.height.0).await;
    told(&world, &[CREDIT, REVERSE]).await;

    // The very same blocks, and three more on top.
    a.extend(3);
    let head = a.head().at;
    *net.ledger.lock() = a;
    told(&world, &[CREDIT, REVERSE, CREDIT]).await;
    gateway.read_to("a-b-a", head.height.0).await;
    let cursor = gateway.network("a-b-a").await.cursor.unwrap();
    assert_eq!(cursor.hash, head.hash.to_string());
    assert!(counted("depositd_reorgs_total", &[("network", "a-b-a")]) >= 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_becomes_shorter_is_followed_down() {
    let (mut world, gateway) = World::open([Plan::new("shorter").with("retreat_after_ms = 300")]).await;
    gateway.watch(SHOP, "shorter", account(1)).await;
    let net = world.net();
    net.pay(account(1), 7_000_000);
    net.confirm();
    told(&world, &[CREDIT]).await;

    let fallen = net.ledger.lock().rollback(4).unwrap();
    assert_eq!(fallen.len(), 1);
    told(&world, &[CREDIT, REVERSE]).await;
    let end = net.head();
    wait_until("the retreat", async || gateway.cursor("shorter").await == Some(end)).await;

    net.ledger.lock().mine(fallen);
    net.confirm();
    told(&world, &[CREDIT, REVERSE, CREDIT]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reorg_deeper_than_the_window_halts_its_network_and_no_other() {
    let (mut world, gateway) = World::open([Plan::new("deep").window(8), Plan::new("calm")]).await;
    gateway.watch(SHOP, "deep", account(1)).await;
    gateway.watch(SHOP, "calm", account(2)).await;
    let (deep, calm) = (&world.nets[0], &world.nets[1]);
    let head = deep.mine(4);
    gateway.read_to("deep", head).await;
    deep.ledger.lock().fork(14, 16, Orphans::Drop).unwrap();

    let why = gateway.state("deep", NetworkState::Halted).await;
    assert!(why.contains("deeper than the window"), "{why}");
    deep.pay(account(1), 1_000_000);
    deep.confirm();
    calm.pay(account(2), 2_000_000);
    calm.confirm();
    told(&world, &[CREDIT]).await;
    let standing = world.books().standing();
    assert!(standing.keys().all(|(network, ..)| network == "calm"), "{standing:?}");
    assert_eq!(gateway.cursor("deep").await, Some(head), "a halted network stays where it is");
    assert_eq!(gateway.network("calm").await.state(), NetworkState::Following);
    world.stop().await;
}
