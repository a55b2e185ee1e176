//! How a merchant is told: who is slow delays himself, who refuses is asked again, and versions keep their order.

use depositd::devnet::{Answer, Merchant, Orphans, Sameness};

use crate::harness::{KEY, NOTIFY_DEADLINE_MS, Plan, SHOP, World, account, books::Books, gateway::Gateway, wait_until};

/// Two merchants on one network, the second one's app being `other`.
async fn two_merchants(slug: &str) -> (World, Gateway, Merchant) {
    let (world, gateway) = World::open([Plan::new(slug)]).await;
    let other = Merchant::start(0, vec![KEY.to_vec()]).await.unwrap();
    gateway.create_app("other", &other.url).await;
    (world, gateway, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_never_answers_delays_only_himself() {
    let (mut world, gateway, other) = two_merchants("slow").await;
    gateway.watch(SHOP, "slow", account(1)).await;
    gateway.watch("other", "slow", account(2)).await;
    other.otherwise(Answer::Hang);
    for _ in 0..20 {
        world.net().pay(account(2), 1_000_000);
        world.net().pay(account(1), 1_000_000);
    }
    world.net().confirm();
    wait_until("the quick one to be told of everything", async || world.books().standing().len() == 20).await;
    let (quick, slow) = (world.merchant.received(), other.received());
    assert!(slow.len() <= 8, "{} attempts where nobody answers", slow.len());
    // Nothing had to end for the others to begin.
    let waited = quick[19].at.since(slow[0].at);
    assert!(waited < NOTIFY_DEADLINE_MS, "the quick one waited {waited} ms");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_notification_comes_again_with_the_same_id_and_bytes() {
    let (mut world, gateway) = World::open([Plan::new("refused")]).await;
    gateway.watch(SHOP, "refused", account(1)).await;
    world.merchant.script([Answer::Status(500)]);
    world.net().pay(account(1), 3_000_000);
    world.net().confirm();
    let received = world.merchant.wait_for(2, 30_000).await.expect("a second attempt");
    assert_eq!(received[1].sameness, Sameness::Repeat);
    assert_eq!((&received[0].id, &received[0].body), (&received[1].id, &received[1].body));
    assert!(received[1].at.since(received[0].at) >= 4_000, "the schedule's pause is kept");
    assert_eq!(world.books().versions(), [(1, "deposit.confirmed".to_owned())]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_not_followed_and_is_no_acknowledgement() {
    let (mut world, gateway, elsewhere) = two_merchants("redirect").await;
    gateway.watch(SHOP, "redirect", account(1)).await;
    world.merchant.script([Answer::Redirect(elsewhere.url.clone())]);
    world.net().pay(account(1), 3_000_000);
    world.net().confirm();
    let received = world.merchant.wait_for(2, 30_000).await.expect("a second attempt");
    assert_eq!(received[1].sameness, Sameness::Repeat);
    assert!(elsewhere.received().is_empty(), "the redirect was followed");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_waits_until_the_one_before_it_is_acknowledged() {
    let (mut world, gateway) = World::open([Plan::new("order-of-versions")]).await;
    gateway.watch(SHOP, "order-of-versions", account(1)).await;
    world.merchant.script([Answer::Status(500)]);
    let net = world.net();
    net.pay(account(1), 3_000_000);
    net.confirm();
    world.merchant.wait_for(1, 30_000).await.expect("the first attempt");
    net.ledger.lock().fork(3, 4, Orphans::Drop).unwrap();
    gateway.deposit("the reversal", |deposit| deposit.version == 2).await;
    // The reversal is on disk and its receiver is well by now, but the credit has not been acknowledged yet.
    let received = world.merchant.wait_for(3, 30_000).await.expect("both versions");
    assert_eq!(received[1].sameness, Sameness::Repeat, "version 1 comes again first");
    let expected = [(1, "deposit.confirmed".to_owned()), (2, "deposit.reversed".to_owned())];
    assert_eq!(Books::of(&received).versions(), expected);
    assert!(received[2].at >= received[1].at);
    world.stop().await;
}
