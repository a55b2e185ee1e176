//! A network whose endpoints hang delays no other.

use depositd::{api::proto::v1::NetworkState, devnet::Trouble};

use crate::harness::{Plan, SHOP, World, account, day};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_hangs_delays_no_other() {
    let (mut world, gateway) = World::open([Plan::new("stuck"), Plan::new("well")]).await;
    let stuck_watched = [(account(9), gateway.watch(SHOP, "stuck", account(9)).await)].into();
    let well_watched = day::watch(&gateway, "well").await;
    let (stuck, well) = (&world.nets[0], std::slice::from_ref(&world.nets[1]));
    for endpoint in ["first", "second"] {
        stuck.trouble(endpoint, Trouble { stall: true, ..Trouble::default() });
    }
    let before = gateway.cursor("stuck").await;
    stuck.pay(account(9), 9_000_000);
    stuck.confirm();

    day::play(well).await;
    crate::harness::wait_until("the day of the other network", async || {
        world.books().standing().len() == day::PAYMENTS
    })
    .await;
    gateway.state("stuck", NetworkState::Waiting).await;
    assert_eq!(gateway.cursor("stuck").await, before, "nothing can be known of the network that hangs");

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
