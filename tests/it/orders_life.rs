//! The whole life of an order: in time and late, too little and too much, withdrawn, bound, held; and an address that
//! changes hands.

use depositd::{
    api::proto::v1::{
        self, AmountPolicy, DepositReason, DepositState, OrderState, address_service_client::AddressServiceClient,
        deposit_service_client::DepositServiceClient,
    },
    domain::{Address, Family},
};
use tonic::{Code, transport::Channel};

use crate::harness::{
    Plan, SHOP, World, account,
    gateway::{Gateway, code, order},
    wait_until,
};

const WHY: &str = "asked by the payer";

/// The time of the newest block.
fn block_time(world: &World) -> i64 {
    i64::try_from(world.net().ledger.lock().head().timestamp.0).unwrap()
}

fn until(id: &str, network: &str, mark: u8, expires: i64) -> v1::RegisterOrderRequest {
    let expire_time = Some(prost_types::Timestamp { seconds: expires, nanos: 0 });
    v1::RegisterOrderRequest { expire_time, ..order(id, network, account(mark), 50) }
}

fn by(policy: AmountPolicy, id: &str, network: &str, mark: u8) -> v1::RegisterOrderRequest {
    v1::RegisterOrderRequest { amount_policy: policy.into(), ..order(id, network, account(mark), 50) }
}

/// What was told of orders: type and order.
fn news(world: &World) -> Vec<(String, String)> {
    world.books().1
}

fn deposits(gateway: &Gateway) -> DepositServiceClient<Channel> {
    DepositServiceClient::new(gateway.channel.clone())
}

fn addresses(gateway: &Gateway) -> AddressServiceClient<Channel> {
    gateway.addresses()
}

/// Waits until an order stands so.
async fn stands(gateway: &Gateway, id: &str, state: OrderState) -> v1::Order {
    let mut found = None;
    wait_until(&format!("{id} to be {state:?}"), async || {
        found = Some(gateway.order(id).await).filter(|order| order.state() == state);
        found.is_some()
    })
    .await;
    found.unwrap()
}

async fn unmatched(gateway: &Gateway, amount: &str, reason: DepositReason) -> v1::Deposit {
    let is_so = |deposit: &v1::Deposit| deposit.amount == amount && deposit.state() == DepositState::Unmatched;
    let deposit = gateway.deposit(&format!("{amount} to be turned away"), is_so).await;
    assert_eq!(deposit.reason(), reason, "{amount}");
    deposit
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_expires_by_the_time_of_blocks_and_a_late_payment_is_told_and_bound() {
    let (mut world, gateway) = World::open([Plan::new("expiry")]).await;
    gateway.read_to("expiry", world.net().head()).await;
    let now = block_time(&world);
    assert_eq!(code(gateway.register(until("o-0", "expiry", 9, now)).await), Code::InvalidArgument);
    let asked = until("o-1", "expiry", 1, now + 30);
    let first = gateway.register(asked.clone()).await.unwrap();
    assert_eq!(first.expire_time.map(|time| time.seconds), Some(now + 30));
    gateway.register(until("paid", "expiry", 2, now + 30)).await.unwrap();
    let net = world.net();
    // Twelve seconds a block: the second is in time, the third is not.
    net.mine(1);
    net.pay(account(2), 50);
    let (_, _) = net.pay(account(1), 50);
    net.mine(4);
    stands(&gateway, "paid", OrderState::Paid).await;
    let expired = stands(&gateway, "o-1", OrderState::Expired).await;
    assert_eq!((expired.received.as_str(), expired.paid_by.as_str()), ("0", ""));
    let late = unmatched(&gateway, "50", DepositReason::Late).await;
    assert_eq!(late.order_id, "o-1");
    assert_eq!(gateway.register(asked).await.unwrap().state(), OrderState::Expired, "the same again");
    assert_eq!(code(gateway.cancel("o-1").await), Code::FailedPrecondition);
    wait_until("the merchant to hear of it", async || {
        news(&world) == [("order.expired".to_owned(), "o-1".to_owned())]
            && world.books().count("deposit.unmatched") == 1
    })
    .await;

    let bind = |order: &str| v1::BindDepositRequest {
        deposit_id: late.deposit_id.clone(),
        app_id: SHOP.to_owned(),
        order_id: order.to_owned(),
        reason: WHY.to_owned(),
    };
    let mut client = deposits(&gateway);
    let silent = v1::BindDepositRequest { reason: String::new(), ..bind("o-1") };
    assert_eq!(code(client.bind_deposit(silent).await), Code::InvalidArgument);
    assert_eq!(code(client.bind_deposit(bind("nothing")).await), Code::NotFound);
    assert_eq!(code(client.bind_deposit(bind("paid")).await), Code::FailedPrecondition);
    let bound = client.bind_deposit(bind("o-1")).await.unwrap().into_inner().deposit.unwrap();
    assert_eq!((bound.reason(), bound.version, bound.order_id.as_str()), (DepositReason::Manual, 1, "o-1"));
    let paid = gateway.order("o-1").await;
    assert_eq!((paid.state(), paid.received.as_str(), &paid.paid_by), (OrderState::Paid, "50", &late.deposit_id));
    assert_eq!(paid.deposits.len(), 1);
    wait_until("the credit to be told", async || world.books().count("deposit.confirmed") == 2).await;
    let told: Vec<_> = world.books().0.into_values().flatten().filter(|told| told.reason == "manual").collect();
    assert_eq!((told.len(), told[0].kind.as_str(), told[0].order.as_deref()), (1, "deposit.confirmed", Some("o-1")));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_turned_away_leaves_the_order_waiting_for_the_right_amount() {
    let (mut world, gateway) = World::open([Plan::new("amounts")]).await;
    gateway.register(by(AmountPolicy::AtLeast, "least", "amounts", 1)).await.unwrap();
    gateway.register(by(AmountPolicy::StrictExact, "strict", "amounts", 2)).await.unwrap();
    let net = world.net();
    net.pay(account(1), 49);
    net.pay(account(2), 51);
    net.confirm();
    unmatched(&gateway, "49", DepositReason::Under).await;
    unmatched(&gateway, "51", DepositReason::Over).await;
    for id in ["least", "strict"] {
        let order = stands(&gateway, id, OrderState::Mismatched).await;
        assert_eq!((order.received.as_str(), order.deposits.len()), ("0", 1), "{id}");
    }
    net.pay(account(1), 52);
    stands(&gateway, "least", OrderState::Seen).await;
    net.pay(account(2), 50);
    stands(&gateway, "least", OrderState::Confirming).await;
    stands(&gateway, "strict", OrderState::Seen).await;
    net.confirm();
    let least = stands(&gateway, "least", OrderState::Paid).await;
    let strict = stands(&gateway, "strict", OrderState::Paid).await;
    assert_eq!((least.received.as_str(), strict.received.as_str()), ("52", "50"));
    assert_eq!((least.display_received.as_str(), least.deposits.len()), ("0.000052", 2));
    let list = v1::ListDepositsRequest {
        app_id: SHOP.to_owned(),
        order_id: "least".to_owned(),
        page_size: 1,
        ..v1::ListDepositsRequest::default()
    };
    let mut client = deposits(&gateway);
    let page = client.list_deposits(list.clone()).await.unwrap().into_inner();
    let rest = v1::ListDepositsRequest { page_token: page.next_page_token, ..list };
    let rest = client.list_deposits(rest).await.unwrap().into_inner();
    let mut amounts: Vec<_> = page.deposits.iter().chain(&rest.deposits).map(|found| found.amount.as_str()).collect();
    amounts.sort_unstable();
    assert_eq!((amounts, rest.next_page_token.as_str()), (vec!["49", "52"], ""));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_order_is_told_once_and_a_held_payment_waits_until_it_is_released() {
    let (mut world, gateway) = World::open([Plan::new("held")]).await;
    gateway.register(order("gone", "held", account(1), 50)).await.unwrap();
    gateway.cancel("gone").await.unwrap();
    gateway.cancel("gone").await.unwrap();
    wait_until("the withdrawal to be told", async || {
        news(&world) == [("order.cancelled".to_owned(), "gone".to_owned())]
    })
    .await;

    gateway.register(order("o-1", "held", account(2), 50)).await.unwrap();
    let net = world.net();
    net.pay(account(2), 50);
    let seen = gateway.deposit("detection", |deposit| deposit.order_id == "o-1").await;
    let mut client = deposits(&gateway);
    let hold = v1::HoldDepositRequest { deposit_id: seen.deposit_id.clone(), reason: "looks odd".to_owned() };
    let held = client.hold_deposit(hold.clone()).await.unwrap().into_inner().deposit.unwrap();
    let told = held.hold.unwrap();
    assert_eq!(told.reason, "looks odd");
    assert!(told.by.starts_with("uid ") && told.time.is_some(), "{told:?}");
    assert_eq!(code(client.hold_deposit(hold).await), Code::FailedPrecondition);
    let head = net.mine(6);
    gateway.read_to("held", head).await;
    let waiting = stands(&gateway, "o-1", OrderState::Confirming).await;
    assert!(waiting.deposits[0].held && waiting.deposits[0].confirmations >= 6, "{waiting:?}");
    assert_eq!(world.books().count("deposit.confirmed"), 0);
    let release = v1::ReleaseDepositRequest { deposit_id: seen.deposit_id, reason: "looked at".to_owned() };
    let free = client.release_deposit(release.clone()).await.unwrap().into_inner().deposit.unwrap();
    assert_eq!(free.hold, None);
    assert_eq!(code(client.release_deposit(release).await), Code::FailedPrecondition);
    net.mine(1);
    stands(&gateway, "o-1", OrderState::Paid).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_released_address_belongs_to_whoever_registers_it_next() {
    let (mut world, gateway) = World::open([Plan::new("hands").window(8)]).await;
    gateway.create_app("other", &world.merchant.url).await;
    let place: Address = account(1);
    let text = place.display(Family::Evm);
    let release = v1::ReleaseAddressRequest {
        network: "hands".to_owned(),
        address: text.clone(),
        reason: "the customer left".to_owned(),
    };
    let get = v1::GetAddressRequest { network: "hands".to_owned(), address: text.clone() };
    let mut client = addresses(&gateway);
    assert_eq!(code(client.get_address(get.clone()).await), Code::NotFound);
    gateway.register(order("o-1", "hands", place, 50)).await.unwrap();
    let of_other = |id: &str| v1::RegisterOrderRequest { app_id: "other".to_owned(), ..order(id, "hands", place, 50) };
    assert_eq!(code(gateway.register(of_other("x-1")).await), Code::FailedPrecondition);
    assert_eq!(code(client.release_address(release.clone()).await), Code::FailedPrecondition, "an order is open");
    let net = world.net();
    net.pay(place, 50);
    net.confirm();
    stands(&gateway, "o-1", OrderState::Paid).await;
    let owned = client.get_address(get.clone()).await.unwrap().into_inner().address.unwrap();
    assert_eq!((owned.app_id.as_str(), owned.open_order_id.as_str(), owned.last_order_id.as_str()), (SHOP, "", "o-1"));
    assert_eq!(code(client.release_address(release.clone()).await), Code::FailedPrecondition, "it may still change");
    let head = net.mine(12);
    gateway.read_to("hands", head).await;
    let before = client.release_address(release.clone()).await.unwrap().into_inner().address.unwrap();
    assert_eq!(before.app_id, SHOP);
    assert_eq!(code(client.release_address(release).await), Code::NotFound);
    assert_eq!(code(client.get_address(get.clone()).await), Code::NotFound);

    gateway.register(of_other("x-1")).await.unwrap();
    net.pay(place, 50);
    net.confirm();
    let asked = v1::GetOrderRequest { app_id: "other".to_owned(), order_id: "x-1".to_owned() };
    wait_until("the other app's order to be paid", async || {
        let order = gateway.orders().get_order(asked.clone()).await.unwrap().into_inner().order.unwrap();
        order.state() == OrderState::Paid
    })
    .await;
    assert_eq!(client.get_address(get).await.unwrap().into_inner().address.unwrap().app_id, "other");
    assert_eq!(gateway.order("o-1").await.state(), OrderState::Paid, "what was paid stays paid");
    world.stop().await;
}
