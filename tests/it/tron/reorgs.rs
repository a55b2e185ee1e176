//! Blocks of TRON that leave the chain before they are solid: no fork ever credits, and none is followed that is not
//! higher.

use depositd::{
    api::proto::v1::{DepositState, NetworkState},
    devnet::{Log, Orphans},
    domain::TokenAmount,
};

use crate::harness::{PAYER, Plan, SHOP, TOKEN, World, account, counted, wait_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_comes_back_in_another_block_is_the_same_deposit_and_credited_once() {
    let depths = [("fork-1", 1), ("fork-2", 2), ("fork-17", 17)];
    let (mut world, gateway) = World::open(depths.map(|(slug, _)| Plan::tron(slug))).await;
    let mut watched = Vec::new();
    let mut seen = Vec::new();
    for (net, (slug, depth)) in world.nets.iter().zip(depths) {
        watched.push([(account(1), gateway.watch(SHOP, slug, account(1)).await)].into());
        net.pay(account(1), 7_000_000);
        let head = net.mine(depth - 1);
        gateway.read_to(slug, head).await;
        seen.push(gateway.deposit("detection", |deposit| deposit.network == slug).await);
    }
    for ((net, (slug, depth)), before) in world.nets.iter().zip(depths).zip(&seen) {
        assert_eq!(before.state(), DepositState::Detected);
        // In the last block of the new branch.
        let head = net.ledger.lock().fork(depth, depth + 1, Orphans::Include(depth)).unwrap();
        let after = gateway
            .deposit("the other block", |deposit| {
                let at = deposit.block.as_ref().map(|block| block.height);
                deposit.network == slug && at == Some(head.height.0)
            })
            .await;
        assert_eq!(after.deposit_id, before.deposit_id, "{slug}: the place is no part of the name");
        assert_ne!(after.block, before.block);
        assert_eq!(after.state(), DepositState::Detected, "{slug}");
        assert!(counted("depositd_reorgs_total", &[("network", slug)]) > 0);
    }
    assert!(world.merchant.received().is_empty(), "a fork credited");
    world.nets.iter().for_each(|net| net.confirm());
    world.balanced(&watched).await;
    let books = world.books();
    assert_eq!((books.count("deposit.confirmed"), books.count("deposit.reversed")), (3, 0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_is_dropped_is_never_told() {
    let (mut world, gateway) = World::open([Plan::tron("dropped")]).await;
    let watched = [(account(1), gateway.watch(SHOP, "dropped", account(1)).await)].into();
    let net = world.net();
    net.pay(account(1), 7_000_000);
    net.mine(16);
    gateway.deposit("detection", |deposit| deposit.confirmations == 17).await;
    net.ledger.lock().fork(17, 18, Orphans::Drop).unwrap();
    gateway.deposit("the reorg", |deposit| deposit.state() == DepositState::Orphaned).await;
    net.confirm();
    // What comes after it is told, and only that.
    net.pay(account(1), 1_000_000);
    net.confirm();
    world.balanced(&[watched]).await;
    assert_eq!(world.books().versions(), [(1, "deposit.confirmed".to_owned())]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_comes_back_with_other_logs_is_credited_as_it_is_then() {
    let (mut world, gateway) = World::open([Plan::tron("other-payee"), Plan::tron("other-amount")]).await;
    let mut watched = Vec::new();
    let others = [(account(2), 7_000_000), (account(1), 6_000_000)];
    for (net, (payee, amount)) in world.nets.iter().zip(others) {
        let slug = &net.plan.slug;
        let mut own = crate::harness::books::Watched::new();
        for mark in [1, 2] {
            own.insert(account(mark), gateway.watch(SHOP, slug, account(mark)).await);
        }
        watched.push(own);
        let (payment, _) = net.pay(account(1), 7_000_000);
        net.mine(1);
        let before = gateway.deposit("detection", |deposit| deposit.network == *slug).await;
        let mut again = payment.clone();
        again.logs = vec![Log::transfer(TOKEN, PAYER, payee, TokenAmount::of(amount))];
        net.ledger.lock().fork_with(2, vec![vec![], vec![again], vec![]]).unwrap();
        let after = gateway
            .deposit("its other content", |deposit| {
                deposit.network == *slug
                    && deposit.block != before.block
                    && deposit.amount == amount.to_string()
                    && deposit.address == payee.text(net.plan.family())
            })
            .await;
        assert_eq!(after.tx_hash, before.tx_hash);
    }
    assert!(world.merchant.received().is_empty(), "a fork credited");
    world.nets.iter().for_each(|net| net.confirm());
    world.balanced(&watched).await;
    assert_eq!(world.books().count("deposit.confirmed"), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_block_at_the_height_of_ours_is_not_followed_and_a_higher_one_is() {
    let (mut world, gateway) = World::open([Plan::tron("tie").endpoints(&["only"])]).await;
    gateway.watch(SHOP, "tie", account(1)).await;
    let net = world.net();
    let (_, height) = net.pay(account(1), 7_000_000);
    gateway.read_to("tie", height).await;
    let ours = gateway.network("tie").await.cursor;
    net.ledger.lock().fork(1, 1, Orphans::Drop).unwrap();
    let why = gateway.state("tie", NetworkState::Waiting).await;
    assert!(why.contains("not above our tip"), "{why}");
    let asked = net.nodes[0].trouble.requests();
    wait_until("further looks", async || net.nodes[0].trouble.requests() > asked + 6).await;
    assert_eq!(gateway.network("tie").await.cursor, ours, "a branch as high as ours was followed");

    let head = net.mine(1);
    gateway.read_to("tie", head).await;
    gateway.deposit("the reorg", |deposit| deposit.state() == DepositState::Orphaned).await;
    net.confirm();
    gateway.read_to("tie", net.head()).await;
    assert!(world.merchant.received().is_empty(), "a block that lost credited");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_branches_of_one_height_none_is_left_before_both_endpoints_go_over() {
    let (mut world, gateway) = World::open([Plan::tron("two-ties").split()]).await;
    let watched = [(account(1), gateway.watch(SHOP, "two-ties", account(1)).await)].into();
    let net = world.net();
    let before = net.head();
    // The second endpoint is the first one there.
    let ours = {
        let mut second = net.ledgers[1].lock();
        let payment = second.transfer(TOKEN, PAYER, account(1), TokenAmount::of(7_000_000));
        second.mine(vec![payment])
    };
    gateway.read_to("two-ties", before + 1).await;
    // The first one, which is asked first, has another block there; then a higher one.
    net.ledger.lock().diverge(7);
    net.mine(1);
    let why = gateway.state("two-ties", NetworkState::Waiting).await;
    assert!(why.contains("not above our tip"), "{why}");
    net.mine(1);
    let waits = async || gateway.network("two-ties").await.why;
    wait_until("the higher branch to be looked at", async || !waits().await.contains("not above our tip")).await;
    let cursor = gateway.network("two-ties").await.cursor.unwrap();
    assert_eq!(cursor.height, ours.height.0, "an endpoint that keeps up still has our block");

    // Both are over there.
    let right = net.ledger.lock().clone();
    *net.ledgers[1].lock() = right;
    gateway.read_to("two-ties", before + 2).await;
    gateway.deposit("the reorg", |deposit| deposit.state() == DepositState::Orphaned).await;
    assert!(world.merchant.received().is_empty(), "a block that lost credited");
    net.ledgers.iter().for_each(|ledger| {
        let mut ledger = ledger.lock();
        let payment = ledger.transfer(TOKEN, PAYER, account(1), TokenAmount::of(1_000_000));
        ledger.mine(vec![payment]);
        ledger.extend(18);
    });
    world.balanced(&[watched]).await;
    world.stop().await;
}
