//! When a TRON deposit is credited: when its block is solid, and never before.

use depositd::{
    api::proto::v1::DepositState,
    devnet::{TronTrouble, Trouble},
};

use crate::harness::{Plan, SHOP, World, account, counted, day, wait_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_seen_at_once_and_credited_with_its_block_solid() {
    let (mut world, gateway) = World::open([Plan::tron("solid")]).await;
    let watched = [(account(1), gateway.watch(SHOP, "solid", account(1)).await)].into();
    let net = world.net();
    let (_, paid_in) = net.pay(account(1), 7_000_000);
    gateway.deposit("detection", |deposit| deposit.state() == DepositState::Detected).await;
    let head = net.mine(net.plan.depth() - 2);
    gateway.read_to("solid", head).await;
    gateway.deposit("all but one block", |deposit| u64::from(deposit.confirmations) == head - paid_in + 1).await;
    assert!(world.merchant.received().is_empty(), "told one block too early");
    assert_eq!(gateway.deposits().await[0].state(), DepositState::Detected);
    net.mine(1);
    world.balanced(&[watched]).await;
    assert_eq!(world.books().versions(), [(1, "deposit.confirmed".to_owned())]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_of_confirmations_credits_before_the_block_is_solid() {
    let (mut world, gateway) = World::open([Plan::tron("counting").confirmations(3)]).await;
    let watched = day::watch(&gateway, "counting").await;
    let net = world.net();
    let (_, paid_in) = net.pay(account(1), 7_000_000);
    net.confirm();
    world.balanced(&[watched]).await;
    assert!(net.ledger.lock().finalized().at.height.0 < paid_in);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credit_waits_for_the_endpoint_whose_solid_side_is_behind() {
    let endpoints = [("behind-first", ["behind", "ahead"]), ("behind-second", ["ahead", "behind"])];
    let (mut world, gateway) = World::open(endpoints.map(|(slug, names)| Plan::tron(slug).endpoints(&names))).await;
    let mut watched = Vec::new();
    for net in &world.nets {
        watched.push([(account(1), gateway.watch(SHOP, &net.plan.slug, account(1)).await)].into());
        net.trouble(
            "behind",
            Trouble { tron: TronTrouble { solid_lag_blocks: 6, ..TronTrouble::default() }, ..Trouble::default() },
        );
        // Both are seen to move.
        let head = net.mine(1);
        gateway.read_to(&net.plan.slug, head).await;
        net.pay(account(1), 7_000_000);
        net.confirm();
        gateway.read_to(&net.plan.slug, net.head()).await;
    }
    for net in &world.nets {
        let node = &net.node("behind").trouble;
        let asked = node.requests();
        wait_until("some looks at the head", async || node.requests() > asked + 12).await;
    }
    assert!(world.merchant.received().is_empty(), "credited before the other endpoint has it solid");
    for net in &world.nets {
        net.mine(6);
    }
    world.balanced(&watched).await;
    for net in &world.nets {
        let labels = [("network", net.plan.slug.as_str()), ("kind", "disagreement")];
        assert_eq!(counted("depositd_source_doubts_total", &labels), 0, "being behind is no lie");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_on_two_honest_endpoints_is_told_once_and_in_full() {
    let (mut world, gateway) = World::open([Plan::tron("a-day")]).await;
    let watched = day::watch(&gateway, "a-day").await;
    day::play(&world.nets).await;
    world.balanced(&[watched]).await;
    let books = world.books();
    assert_eq!(books.count("deposit.confirmed"), day::PAYMENTS, "each payment is told once");
    assert_eq!(books.count("deposit.reversed"), 0);
    world.stop().await;
}
