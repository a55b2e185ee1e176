//! A network whose endpoints hang delays no other.

use depositd::{
    api::proto::v1::NetworkState,
    devnet::{Orphans, Trouble},
};

use crate::harness::{Plan, SHOP, World, account, books::Watched, day};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_hangs_delays_no_other() {
    one_hangs(Plan::new("stuck"), Plan::new("well")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tron_network_that_hangs_delays_no_ethereum_one() {
    one_hangs(Plan::tron("stuck-tron"), Plan::new("well-evm")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ethereum_network_that_hangs_delays_no_tron_one() {
    one_hangs(Plan::new("stuck-evm"), Plan::tron("well-tron")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tron_network_that_halted_stays_so_and_an_ethereum_one_goes_on() {
    let (mut world, gateway) = World::open([Plan::tron("halts").window(8), Plan::new("goes-on")]).await;
    gateway.watch(SHOP, "halts", account(1)).await;
    let (halts, goes_on) = (&world.nets[0], &world.nets[1]);
    let head = halts.mine(4);
    gateway.read_to("halts", head).await;
    {
        // What no honest network does: blocks that were solid are others now.
        let mut ledger = halts.ledger.lock();
        ledger.allow_deep_reorgs();
        ledger.fork(19, 21, Orphans::Drop).unwrap();
    }
    gateway.state("halts", NetworkState::Halted).await;
    halts.pay(account(1), 1_000_000);
    halts.confirm();
    let watched = day::watch(&gateway, "goes-on").await;
    day::play(std::slice::from_ref(goes_on)).await;
    world.balanced(&[Watched::new(), watched]).await;
    assert_eq!(gateway.cursor("halts").await, Some(head), "a halted network stays where it is");
    world.stop().await;
}

/// Two networks of a daemon, of which the first one's endpoints hang for a day.
async fn one_hangs(stuck: Plan, well: Plan) {
    let slugs = [stuck.slug.clone(), well.slug.clone()];
    let [stuck_slug, well_slug] = slugs.each_ref().map(String::as_str);
    let (mut world, gateway) = World::open([stuck, well]).await;
    let stuck_watched = [(account(9), gateway.watch(SHOP, stuck_slug, account(9)).await)].into();
    let well_watched = day::watch(&gateway, well_slug).await;
    let (stuck, well) = (&world.nets[0], std::slice::from_ref(&world.nets[1]));
    for endpoint in ["first", "second"] {
        stuck.trouble(endpoint, Trouble { stall: true, ..Trouble::default() });
    }
    let before = gateway.cursor(stuck_slug).await;
    stuck.pay(account(9), 9_000_000);
    stuck.confirm();

    day::play(well).await;
    crate::harness::wait_until("the day of the other network", async || {
        world.books().standing().len() == day::PAYMENTS
    })
    .await;
    gateway.state(stuck_slug, NetworkState::Waiting).await;
    assert_eq!(gateway.cursor(stuck_slug).await, before, "nothing can be known of the network that hangs");

    stuck.heal();
    world.balanced(&[stuck_watched, well_watched]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_that_hang_are_no_reason_not_to_start() {
    let mut world = World::of([Plan::new("asleep"), Plan::new("awake")]).await;
    for endpoint in ["first", "second"] {
        world.nets[0].trouble(endpoint, Trouble { stall: true, ..Trouble::default() });
    }
    let gateway = world.start().await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.begun("awake").await;
    assert_eq!(gateway.cursor("asleep").await, None);
    gateway.watch(SHOP, "awake", account(1)).await;
    world.nets[1].pay(account(1), 1_000_000);
    world.nets[1].confirm();
    crate::harness::wait_until("the credit", async || world.books().standing().len() == 1).await;

    world.nets[0].heal();
    gateway.begun("asleep").await;
    world.stop().await;
}
