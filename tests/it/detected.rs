//! An app that asked for it is told of a deposit when it is seen, once, before its credit; another one is not.

use depositd::api::proto::v1::{self, DepositState};

use crate::harness::{
    Plan, SHOP, World, account,
    gateway::{Gateway, order},
    wait_until,
};

async fn tell_of_seen(gateway: &Gateway, is_on: bool) -> v1::App {
    let request = v1::UpdateAppRequest {
        app_id: SHOP.to_owned(),
        news: Some(v1::News { detected: Some(is_on), ..v1::News::default() }),
        reason: "the shop shows payments on their way".to_owned(),
        ..v1::UpdateAppRequest::default()
    };
    gateway.apps().update_app(request).await.unwrap().into_inner().app.unwrap()
}

fn told(world: &World) -> Vec<(u64, String)> {
    world.books().versions()
}

fn event(version: u64, kind: &str) -> (u64, String) {
    (version, kind.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_is_told_as_detected_once_and_before_its_credit() {
    let (world, gateway) = World::open([Plan::new("seen").confirmations(4)]).await;
    gateway.read_to("seen", world.net().head()).await;
    let app = tell_of_seen(&gateway, true).await;
    assert_eq!(app.news.map(|news| (news.detected(), news.unmatched())), Some((true, true)));
    gateway.register(order("o-1", "seen", account(1), 50)).await.unwrap();
    world.net().pay(account(1), 50);
    wait_until("the payment to be told as seen", async || told(&world) == [event(0, "deposit.detected")]).await;
    assert_eq!(gateway.deposits().await[0].state(), DepositState::Detected, "no money yet");
    assert_eq!(gateway.order("o-1").await.received, "0");
    world.net().mine(5);
    wait_until("the payment to be credited", async || {
        told(&world) == [event(0, "deposit.detected"), event(1, "deposit.confirmed")]
    })
    .await;
    let books = world.books();
    let seen = &books.0.values().next().unwrap()[0];
    assert_eq!((seen.order.as_deref(), seen.reason.as_str()), (Some("o-1"), "pending"));
    assert_eq!(seen.money.1, "50");
    assert!(seen.event.ends_with("_detected"), "{}", seen.event);

    tell_of_seen(&gateway, false).await;
    gateway.register(order("o-2", "seen", account(2), 60)).await.unwrap();
    world.net().pay(account(2), 60);
    world.net().mine(5);
    wait_until("the second payment to be credited", async || world.books().count("deposit.confirmed") == 2).await;
    assert_eq!(world.books().count("deposit.detected"), 1, "it was switched off");
}
