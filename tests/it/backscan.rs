//! Payments made before anybody asked for them: found by block and by time, on both families, once, and beside live
//! following.

use depositd::{
    api::proto::v1::{
        self, BackScan, DepositState, OrderState, RescanNetworkRequest, network_service_client::NetworkServiceClient,
        register_order_request, watch_address_request,
    },
    devnet::Orphans,
    domain::{Address, Height},
};
use tonic::{Code, Status};

use crate::harness::{
    Net, Plan, SHOP, World, account,
    gateway::{Gateway, code, order},
    wait_until,
};

const UNITS: u64 = 7_000_000;

/// An order that looks back.
fn since_block(net: &Net, id: &str, address: Address, from: u64) -> v1::RegisterOrderRequest {
    let since = Some(register_order_request::Since::FromBlock(from));
    let address_text = address.display(net.plan.family());
    v1::RegisterOrderRequest { since, address: address_text, ..order(id, &net.plan.slug, address, UNITS) }
}

/// The same by the time of a block.
fn since_time(net: &Net, id: &str, address: Address, height: u64) -> v1::RegisterOrderRequest {
    let time = net.ledger.lock().block(Height(height)).expect("a block").timestamp;
    let seconds = i64::try_from(time.0).expect("a time");
    let since = register_order_request::Since::FromTime(prost_types::Timestamp { seconds, nanos: 0 });
    v1::RegisterOrderRequest { since: Some(since), ..since_block(net, id, address, 0) }
}

impl Gateway {
    /// Watches an address for good, also in the past; how far that is read.
    async fn watch_since(&self, net: &Net, address: Address, from: u64) -> BackScan {
        let request = v1::WatchAddressRequest {
            app_id: SHOP.to_owned(),
            user_mark: "user-1".to_owned(),
            address: address.display(net.plan.family()),
            networks: vec![net.plan.slug.clone()],
            since: Some(watch_address_request::Since::FromBlock(from)),
        };
        let answer = self.addresses().watch_address(request).await.expect("the watch").into_inner();
        answer.addresses[0].back_scan.expect("it looks back")
    }

    /// How far an address's past is read.
    async fn past_of(&self, net: &Net, address: Address) -> BackScan {
        let address = address.display(net.plan.family());
        let request = v1::GetAddressRequest { network: net.plan.slug.clone(), address };
        let answer = self.addresses().get_address(request).await.expect("the address").into_inner();
        answer.address.and_then(|address| address.back_scan).expect("it looks back")
    }

    async fn rescan(&self, slug: &str, from_height: u64, to_height: u64) -> Result<BackScan, Status> {
        let mut client = NetworkServiceClient::new(self.channel.clone());
        let (network, reason) = (slug.to_owned(), "a row is missing".to_owned());
        let request = RescanNetworkRequest { network, from_height, to_height, reason };
        Ok(client.rescan_network(request).await?.into_inner().rescan.expect("a rescan"))
    }

    async fn rescanned(&self, slug: &str) {
        wait_until("the rescan to end", async || self.network(slug).await.rescan.is_none()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_made_before_its_order_is_found_by_block_and_by_time_on_both_families() {
    let (mut world, gateway) = World::open([Plan::new("past-evm"), Plan::tron("past-tron")]).await;
    for net in &world.nets {
        let slug = net.plan.slug.as_str();
        let (_, first) = net.pay(account(1), UNITS);
        net.mine(2);
        let (_, second) = net.pay(account(2), UNITS);
        // The second one is too old by one block for an order of its own.
        let head = net.mine(120);
        gateway.read_to(slug, head).await;
        for (name, request) in [
            ("block", since_block(net, &format!("{slug}-block"), account(1), first)),
            ("time", since_time(net, &format!("{slug}-time"), account(2), second)),
        ] {
            let made = gateway.register(request).await.unwrap();
            let scan = made.lines[0].back_scan.expect("it looks back");
            assert_eq!((scan.to_height, made.lines[0].effective_from), (head, head + 1), "{name}");
        }
        for id in [format!("{slug}-block"), format!("{slug}-time")] {
            wait_until(&format!("{id} to be paid"), async || gateway.order(&id).await.state() == OrderState::Paid)
                .await;
            wait_until("the scan to end", async || gateway.order(&id).await.lines[0].back_scan.unwrap().done).await;
        }
        // One block younger than the payment finds nothing.
        net.pay(account(3), UNITS);
        let late = net.mine(1);
        gateway.read_to(slug, late).await;
        let id = format!("{slug}-late");
        gateway.register(since_time(net, &id, account(3), late)).await.unwrap();
        wait_until("the scan to end", async || gateway.order(&id).await.lines[0].back_scan.unwrap().done).await;
        assert_eq!(gateway.order(&id).await.state(), OrderState::Open);
    }
    wait_until("the merchant to be told", async || world.books().standing().len() == 4).await;
    assert_eq!(world.books().count("deposit.unmatched"), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_goes_on_after_a_restart_and_live_payments_do_not_wait_for_it() {
    let mut world = World::of([Plan::new("long")]).await;
    let (_, first) = world.net().pay(account(1), 1_000_001);
    world.net().mine(9_000);
    world.net().pay(account(1), 1_000_002);
    world.net().mine(200);
    let gateway = world.start().await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.begun("long").await;
    gateway.watch_since(world.net(), account(1), first).await;
    wait_until("the first of them", async || gateway.past_of(world.net(), account(1)).await.found == Some(1)).await;

    world.stop().await;
    let gateway = world.start().await;
    let again = gateway.past_of(world.net(), account(1)).await;
    assert!(!again.done && again.next_height > Some(first), "it goes on where it was: {again:?}");
    world.net().pay(account(1), 1_000_003);
    world.net().confirm();
    gateway
        .deposit("the live one", |deposit| deposit.amount == "1000003" && deposit.state() == DepositState::Confirmed)
        .await;
    let meanwhile = gateway.past_of(world.net(), account(1)).await;
    assert!(!meanwhile.done, "the live one waited for the scan: {meanwhile:?}");
    wait_until("the scan to end", async || gateway.past_of(world.net(), account(1)).await.done).await;
    world.net().mine(1);
    wait_until("all three", async || world.books().standing().len() == 3).await;
    assert_eq!(world.books().count("deposit.confirmed"), 3, "each once");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reorg_while_the_past_is_read_loses_nothing_and_counts_nothing_twice() {
    let (mut world, gateway) = World::open([Plan::new("moving")]).await;
    let net = world.net();
    let (_, first) = net.pay(account(1), 1_000_001);
    net.mine(3);
    net.pay(account(1), 1_000_002);
    let head = net.mine(2);
    gateway.read_to("moving", head).await;
    let begun = gateway.watch_since(net, account(1), first).await;
    assert_eq!((begun.from_height, begun.to_height), (Some(first), head));
    // Both payments lie in blocks that leave, and come again above the seam.
    let head = net.ledger.lock().fork(7, 12, Orphans::Include(10)).unwrap().height.0;
    gateway.read_to("moving", head).await;
    net.confirm();
    wait_until("the scan to end", async || gateway.past_of(net, account(1)).await.done).await;
    wait_until("both payments", async || world.books().standing().len() == 2).await;
    let told = world.books();
    let alternate =
        told.0.values().all(|events| events.iter().zip(1..).all(|(event, version)| event.version == version));
    assert!(alternate, "{told:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rescan_changes_nothing_where_nothing_is_missing_and_there_is_one_at_a_time() {
    let mut world = World::of([Plan::new("again")]).await;
    world.net().mine(4_000);
    let gateway = world.start().await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.begun("again").await;
    // Before it is watched: no business of anybody's, also for a rescan.
    world.net().pay(account(1), 900_000);
    let head = world.net().mine(1);
    gateway.read_to("again", head).await;
    gateway.watch(SHOP, "again", account(1)).await;
    gateway.register(order("o-1", "again", account(2), UNITS)).await.unwrap();
    for payee in [1, 2, 2] {
        world.net().pay(account(payee), UNITS);
    }
    let head = world.net().mine(4);
    gateway.read_to("again", head).await;
    wait_until("three events", async || world.books().0.len() == 3).await;
    let before = (gateway.deposits().await.len(), world.books().0);

    for _ in 0..2 {
        let begun = gateway.rescan("again", 1, head).await.unwrap();
        assert_eq!((begun.from_height, begun.to_height, begun.done), (Some(1), head, false));
        let second = gateway.rescan("again", 5, 9).await.unwrap_err();
        assert_eq!(second.code(), Code::FailedPrecondition);
        assert!(second.message().contains(&format!("up to {head}")), "it names the other: {}", second.message());
        gateway.rescanned("again").await;
    }
    assert_eq!((gateway.deposits().await.len(), world.books().0), before);
    for (from, to) in [(9, 5), (1, head + 1)] {
        assert_eq!(code(gateway.rescan("again", from, to).await), Code::FailedPrecondition, "{from} to {to}");
    }
    assert_eq!(code(gateway.rescan("nowhere", 1, 2).await), Code::InvalidArgument);
    world.stop().await;
}
