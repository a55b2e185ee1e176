//! What a gateway asks over gRPC, and what comes of it.

use depositd::{
    api::{
        Bearer, connect,
        proto::v1::{
            self, BatchRegisterOrdersRequest, DepositReason, DepositState, ListOrdersRequest, OrderState,
            batch_register_orders_result::Result as ItemResult, order_service_client::OrderServiceClient,
        },
    },
    devnet::{Merchant, Signature},
    domain::TokenAmount,
};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use tonic::Code;

use crate::harness::{
    KEY, PAYER, Plan, SHOP, TOKEN, World, account,
    books::Books,
    free_port,
    gateway::{Gateway, code, order},
    secret_text, wait_until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_order_again_is_the_same_order_and_another_one_under_its_id_is_refused() {
    let (mut world, gateway) = World::open([Plan::new("same")]).await;
    let first = gateway.register(order("o-1", "same", account(1), 25)).await.unwrap();
    world.net().mine(3);
    let again = gateway.register(order("o-1", "same", account(1), 25)).await.unwrap();
    assert_eq!(first, again, "also what it covers stays the same");
    for other in [order("o-1", "same", account(1), 26), order("o-1", "same", account(2), 25)] {
        assert_eq!(code(gateway.register(other).await), Code::AlreadyExists);
    }
    assert_eq!(code(gateway.register(order("o-2", "same", account(1), 25)).await), Code::FailedPrecondition);
    assert_eq!(gateway.order("o-1").await, first);
    // For ever: also when it is withdrawn.
    assert_eq!(gateway.cancel("o-1").await.unwrap().state(), OrderState::Cancelled);
    assert_eq!(code(gateway.register(order("o-1", "same", account(3), 25)).await), Code::AlreadyExists);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_registrations_of_one_id_exactly_one_creates() {
    let (mut world, gateway) = World::open([Plan::new("race")]).await;
    let mut calls = JoinSet::new();
    for number in 0..64_u8 {
        let gateway = gateway.clone();
        // Four contents, sixteen times each.
        let request = order("contested", "race", account(number % 4), 100 + u64::from(number % 4));
        calls.spawn(async move { (number % 4, gateway.register(request).await) });
    }
    let answers = calls.join_all().await;
    let created: Vec<_> =
        answers.iter().filter_map(|(content, answer)| Some((content, answer.as_ref().ok()?))).collect();
    assert_eq!(created.len(), 16, "all sixteen of one content are answered with the order");
    assert!(created.iter().all(|(content, order)| *content == created[0].0 && *order == created[0].1));
    let refused = answers.iter().filter_map(|(_, answer)| answer.as_ref().err());
    assert!(refused.into_iter().all(|status| status.code() == Code::AlreadyExists));
    assert_eq!(gateway.order("contested").await, *created[0].1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_paid_by_what_arrives_and_cannot_be_withdrawn_then() {
    let (mut world, gateway) = World::open([Plan::new("paid")]).await;
    for (id, mark) in [("exact", 1), ("under", 2), ("over", 3), ("withdrawn", 4)] {
        gateway.register(order(id, "paid", account(mark), 50_000_000)).await.unwrap();
    }
    assert_eq!(gateway.cancel("withdrawn").await.unwrap().state(), OrderState::Cancelled);
    assert_eq!(gateway.cancel("withdrawn").await.unwrap().state(), OrderState::Cancelled, "again is the same");
    let net = world.net();
    net.pay(account(1), 50_000_000);
    gateway.deposit("detection", |deposit| deposit.order_id == "exact").await;
    assert_eq!(code(gateway.cancel("exact").await), Code::FailedPrecondition, "its payment is seen");
    net.pay(account(2), 49_999_999);
    net.pay(account(3), 50_000_001);
    net.pay(account(4), 50_000_000);
    net.pay(account(1), 1);
    net.confirm();
    for (reason, id, state) in [
        (DepositReason::Matched, "exact", OrderState::Paid),
        (DepositReason::Under, "under", OrderState::Paid),
        (DepositReason::Over, "over", OrderState::Paid),
    ] {
        let deposit = gateway.deposit(id, |deposit| deposit.order_id == id && deposit.version == 1).await;
        assert_eq!((deposit.state(), deposit.reason()), (DepositState::Confirmed, reason), "{id}");
        let order = gateway.order(id).await;
        assert_eq!((order.state(), order.paid_by), (state, deposit.deposit_id), "{id}");
    }
    let nobodys = gateway
        .deposit("the late one", |deposit| deposit.state() == DepositState::Unmatched && deposit.amount == "50000000")
        .await;
    assert_eq!(nobodys.reason(), DepositReason::NoOpenOrder);
    wait_until("everything to be told", async || world.books().count("deposit.confirmed") == 3).await;
    let orders: Vec<_> =
        world.books().0.into_values().flatten().filter(|told| told.kind == "deposit.confirmed").collect();
    assert!(orders.iter().all(|told| told.version == 1 && told.order.is_some()));
    let ended = world.books().1;
    assert_eq!(ended, [("order.cancelled".to_owned(), "withdrawn".to_owned())], "told once");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_has_a_result_for_each_and_lists_have_pages() {
    let (mut world, gateway) = World::open([Plan::new("batch")]).await;
    gateway.register(order("o-050", "batch", account(250), 7)).await.unwrap();
    let orders: Vec<_> = (0..120_u8).map(|n| order(&format!("o-{n:03}"), "batch", account(n), 9)).collect();
    let answer = gateway.orders().batch_register_orders(BatchRegisterOrdersRequest { orders: orders.clone() }).await;
    let results = answer.unwrap().into_inner().results;
    assert_eq!(results.len(), 120);
    for (n, result) in results.into_iter().enumerate() {
        match result.result.unwrap() {
            ItemResult::Order(order) => assert_eq!(order.order_id, format!("o-{n:03}")),
            ItemResult::Error(error) => assert_eq!((n, error.reason.as_str()), (50, "ORDER_EXISTS")),
        }
    }
    // One malformed order refuses the whole call.
    let mut bad = vec![order("new-1", "batch", account(200), 1), order("new-2", "batch", account(201), 1)];
    bad[1].networks = vec!["nowhere".to_owned()];
    let refused = gateway.orders().batch_register_orders(BatchRegisterOrdersRequest { orders: bad }).await;
    assert_eq!(code(refused), Code::InvalidArgument);

    let (mut seen, mut page_token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = ListOrdersRequest { app_id: SHOP.to_owned(), page_size: 50, page_token };
        let page = gateway.orders().list_orders(request).await.unwrap().into_inner();
        assert!(page.orders.len() <= 50);
        pages += 1;
        seen.extend(page.orders.into_iter().map(|order| order.order_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, (0..120).map(|n| format!("o-{n:03}")).collect::<Vec<_>>(), "each once, in order");
    assert_eq!(pages, 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_bound_to_an_app_sees_only_that_app() {
    let mut world = World::of([Plan::new("bound")]).await;
    let tcp = free_port();
    let hash = hex::encode(Sha256::digest("gateway-token"));
    world.api = format!(
        "tcp = \"{tcp}\"\n[[api.tokens]]\nname = \"gateway\"\nsha256 = \"{hash}\"\n\
         scopes = [\"orders\", \"read\"]\napp = \"{SHOP}\"\n"
    );
    let gateway = world.start().await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.create_app("other", &world.merchant.url).await;
    gateway.begun("bound").await;
    let of_other = |id: &str, mark| v1::RegisterOrderRequest {
        app_id: "other".to_owned(),
        ..order(id, "bound", account(mark), 5)
    };
    gateway.register(of_other("secret", 9)).await.unwrap();

    let channel = connect(&format!("http://{tcp}")).await.unwrap();
    let caller =
        |token: Option<&str>| OrderServiceClient::with_interceptor(channel.clone(), Bearer::new(token).unwrap());
    let mut own = caller(Some("gateway-token"));
    own.register_order(order("mine", "bound", account(1), 5)).await.unwrap();
    assert_eq!(code(own.register_order(of_other("stolen", 2)).await), Code::NotFound);
    let ask = |app: &str, id: &str| v1::GetOrderRequest { app_id: app.to_owned(), order_id: id.to_owned() };
    assert_eq!(code(own.get_order(ask("other", "secret")).await), Code::NotFound);
    assert!(own.get_order(ask(SHOP, "mine")).await.is_ok());
    for token in [None, Some("guess")] {
        assert_eq!(code(caller(token).get_order(ask(SHOP, "mine")).await), Code::Unauthenticated);
    }
    let mut apps = v1::app_service_client::AppServiceClient::with_interceptor(
        channel.clone(),
        Bearer::new(Some("gateway-token")).unwrap(),
    );
    let rotate = v1::RotateSecretRequest { app_id: SHOP.to_owned(), ..Default::default() };
    assert_eq!(code(apps.rotate_secret(rotate).await), Code::PermissionDenied);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_told_at_its_own_url_and_private_places_are_refused() {
    let (mut world, gateway) = World::open([Plan::new("own-url")]).await;
    let own = Merchant::start(0, vec![KEY.to_vec()]).await.unwrap();
    let to =
        |url: &str| v1::RegisterOrderRequest { notify_url: url.to_owned(), ..order("o-1", "own-url", account(1), 5) };
    for place in [
        "http://10.0.0.7/hook",
        "https://192.168.1.1/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/hook",
        "https://167772167/hook",
        "https://merchant.example/hook",
        "ftp://127.0.0.1/hook",
    ] {
        assert_eq!(code(gateway.register(to(place)).await), Code::InvalidArgument, "{place}");
    }
    gateway.register(to(&format!("{}/hook", own.url))).await.unwrap();
    world.net().pay(account(1), 5);
    world.net().confirm();
    let received = own.wait_for(1, 30_000).await.expect("told at its own URL");
    assert_eq!((received[0].path.as_str(), received[0].signature), ("/hook", Signature::Verified));
    assert!(world.merchant.received().is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standing_watch_takes_every_transfer_until_it_ends() {
    let (mut world, gateway) = World::open([Plan::new("standing")]).await;
    let from = gateway.watch(SHOP, "standing", account(1)).await;
    assert_eq!(gateway.watch(SHOP, "standing", account(1)).await, from, "again is the same");
    let net = world.net();
    // Two transfers of one transaction, and one more.
    {
        let mut ledger = net.ledger.lock();
        let log = |units| depositd::devnet::Log::transfer(TOKEN, PAYER, account(1), TokenAmount::of(units));
        let both = ledger.tx(PAYER, TOKEN, vec![log(10), log(20)]);
        ledger.mine(vec![both]);
    }
    net.pay(account(1), 30);
    net.confirm();
    wait_until("three credits", async || world.books().standing().len() == 3).await;

    gateway.read_to("standing", net.head()).await;
    assert_eq!(gateway.unwatch("standing", account(1)).await.standing_from, None);
    net.pay(account(1), 40);
    net.confirm();
    let late = gateway
        .deposit("the one nobody expects", |deposit| {
            deposit.amount == "40" && deposit.state() == DepositState::Unmatched
        })
        .await;
    assert_eq!((late.reason(), late.version), (DepositReason::NoOpenOrder, 0));
    assert_eq!(world.books().count("deposit.confirmed"), 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn during_a_rotation_both_secrets_sign_and_afterwards_only_the_new_one() {
    let (mut world, gateway) = World::open([Plan::new("rotation")]).await;
    gateway.watch(SHOP, "rotation", account(1)).await;
    let rotate = async |key: [u8; 32], overlap: u32| {
        let request = v1::RotateSecretRequest {
            app_id: SHOP.to_owned(),
            secret: secret_text(&key),
            overlap_seconds: Some(overlap),
            reason: String::new(),
        };
        let app = gateway.apps().rotate_secret(request).await.unwrap().into_inner().app.unwrap();
        assert!(!format!("{app:?}").contains("whsec_"), "a secret is never shown again");
    };
    let signatures = |received: &depositd::devnet::Received| {
        received.headers["webhook-signature"].to_str().unwrap().split(' ').count()
    };
    // The merchant still knows the old key only.
    rotate([8; 32], 3600).await;
    world.net().pay(account(1), 1);
    world.net().confirm();
    let received = world.merchant.wait_for(1, 30_000).await.expect("told");
    assert_eq!((received[0].signature, signatures(&received[0])), (Signature::Verified, 2));

    // And one that knows the newest key only, with no overlap left for the others.
    world.merchant.set_keys(vec![vec![9; 32]]);
    rotate([9; 32], 0).await;
    world.net().pay(account(1), 2);
    world.net().confirm();
    let received = world.merchant.wait_for(2, 30_000).await.expect("told");
    assert_eq!((received[1].signature, signatures(&received[1])), (Signature::Verified, 1));
    assert_eq!(Books::of(&received).count("deposit.confirmed"), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_not_found() {
    let (mut world, gateway): (World, Gateway) = World::open([Plan::new("nothing")]).await;
    let request = v1::GetOrderRequest { app_id: SHOP.to_owned(), order_id: "never".to_owned() };
    assert_eq!(code(gateway.orders().get_order(request).await), Code::NotFound);
    assert_eq!(code(gateway.cancel("never").await), Code::NotFound);
    let nobody = v1::RegisterOrderRequest { app_id: "nobody".to_owned(), ..order("o", "nothing", account(1), 1) };
    assert_eq!(code(gateway.register(nobody).await), Code::NotFound);
    world.stop().await;
}
