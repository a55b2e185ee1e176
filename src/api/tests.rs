//! The API over real sockets and a real store, with a writer that does only what these tests need.

mod explain;

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, service::interceptor::InterceptedService, transport::Channel};
use tonic_types::StatusExt;

use super::{
    proto::v1::{
        self, app_service_client::AppServiceClient, network_service_client::NetworkServiceClient,
        order_service_client::OrderServiceClient, register_order_request::Amount,
    },
    *,
};
use crate::{
    domain::{
        Address, App, Attempt, AttemptNo, Confirmations, Decimals, EventId, Family, Height, Millis, NetworkId,
        NetworkSpec, Notification, NotifyUrl, Order, OrderLine, OrderState, Outcome, Policy, Protocol, Scope,
        Threshold, Token, TokenAmount, Trigger, notification::Unreached,
    },
    store::{Store, StoreOptions},
    tracker::changeset::{Change, Changeset},
    writer::handle::{Command, Refusal, Reply},
};

type Client = InterceptedService<Channel, Bearer>;

/// A served API; everything ends when this is dropped.
struct World {
    socket: String,
    tcp: String,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    dir: TempDir,
}

impl World {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options =
            StoreOptions { dir: dir.path().join("store"), witness: dir.path().join("witness"), cache_bytes: 1 << 24 };
        let store = Store::open(&options, |_| {}).unwrap();
        let (writer, commands) = WriterHandle::new();
        let deps = ApiDeps {
            reader: store.reader(),
            writer,
            networks: SpecBoard::of(networks().into_values()),
            board: StatusBoard::default(),
            url_check: Arc::new(|url, _| {
                let refused = || ("host_not_allowed".to_owned(), "the host is not allowed".to_owned());
                url.starts_with("https://").then(|| NotifyUrl::checked(url.into())).flatten().ok_or_else(refused)
            }),
            desk: Arc::new(explain::FakeDesk),
            postman: Arc::new(crate::api::tests::NoPost),
            vault: crate::api::tests::vault(),
            lanes: Default::default(),
            tokens: vec![
                grant("shop-token", &[Scope::Orders, Scope::Read], Some("shop")),
                grant("reader-token", &[Scope::Read], None),
            ],
            recheck: Arc::new(recheck::NobodyToAsk),
        };
        let path = dir.path().join("api.sock");
        let listeners = Listeners::bind(&path, Some("127.0.0.1:0".parse().unwrap())).await.unwrap();
        let tcp = format!("http://{}", listeners.tcp_addr().unwrap());
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(write(store, commands));
        let stopped = stop.clone();
        tasks.spawn(async move { serve(deps, listeners, stopped).await.unwrap() });
        Self { socket: format!("unix:{}", path.display()), tcp, stop, tasks, dir }
    }

    async fn local(&self) -> Client {
        InterceptedService::new(connect(&self.socket).await.unwrap(), Bearer::new(None).unwrap())
    }

    async fn remote(&self, token: Option<&str>) -> Client {
        InterceptedService::new(connect(&self.tcp).await.unwrap(), Bearer::new(token).unwrap())
    }

    async fn with_shop() -> (Self, Client) {
        let world = Self::start().await;
        let client = world.local().await;
        AppServiceClient::new(client.clone()).create_app(app("shop")).await.unwrap();
        (world, client)
    }
}

fn networks() -> BTreeMap<NetworkId, NetworkSpec> {
    let contract = Address([7; 20]);
    let token =
        Token { contract, symbol: "USDT".into(), decimals: Decimals::new(6).unwrap(), minimum: TokenAmount::ZERO };
    let id: NetworkId = "ethereum-mainnet".parse().unwrap();
    let spec = NetworkSpec {
        main_coin: None,
        id: id.clone(),
        family: Family::Evm,
        tokens: BTreeMap::from([(contract, token)]),
        policy: Policy::flat(Threshold::Confirmations(Confirmations(NonZeroU32::MIN))),
        window_blocks: 64,
    };
    BTreeMap::from([(id, spec)])
}

fn grant(token: &str, scopes: &[Scope], app: Option<&str>) -> TokenGrant {
    TokenGrant {
        name: token.to_owned(),
        sha256: Sha256::digest(token).into(),
        scopes: scopes.iter().copied().collect(),
        app: app.map(|app| app.parse().unwrap()),
    }
}

fn app(id: &str) -> v1::CreateAppRequest {
    v1::CreateAppRequest { app_id: id.into(), notify_url: "https://pay.example/in".into(), ..Default::default() }
}

fn order(id: &str, amount: &str) -> v1::RegisterOrderRequest {
    v1::RegisterOrderRequest {
        app_id: "shop".into(),
        order_id: id.into(),
        address: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed".into(),
        networks: vec!["ethereum-mainnet".into()],
        token: "USDT".into(),
        amount: Some(Amount::AmountDecimal(amount.into())),
        ..Default::default()
    }
}

/// Creates apps and orders; knows no other command.
#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is sent")]
async fn write(mut store: Store, mut commands: mpsc::Receiver<Command>) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::CreateApp { app, reply, .. } => {
                let there = store.reader().app(&app.id).unwrap();
                let other = there.as_ref().is_some_and(|there| there.keys != app.keys);
                if other {
                    let _ = reply.send(Err(Refusal::AlreadyExists { what: "app", name: app.id.to_string() }));
                    continue;
                }
                commit(&mut store, Change::App(app.clone()), app, reply);
            }
            Command::RegisterOrder { order: new, reply } => {
                let lines = new.lines.iter().map(|(network, token)| OrderLine {
                    closed: false,
                    since: None,
                    network: network.clone(),
                    token: *token,
                    effective_from: Height(11),
                });
                let order = Order {
                    fail_url: new.fail_url,
                    serial: new.serial,
                    amount_policy: crate::domain::AmountPolicy::AcceptActual,
                    expiry: None,
                    own_amount_policy: None,
                    app: new.app,
                    id: new.id,
                    user_mark: new.user_mark,
                    username: new.username,
                    address: new.address,
                    lines: lines.collect(),
                    expected: new.expected,
                    notify_url: new.notify_url,
                    created: Millis(1_700_000_000_123),
                    state: OrderState::Open,
                };
                let answer = match store.reader().order(&order.app, &order.id).unwrap() {
                    None => {
                        commit(&mut store, Change::Order(order.clone()), order, reply);
                        continue;
                    }
                    Some(there) if there.asks_the_same(&order) => Ok(there),
                    Some(there) => Err(Refusal::AlreadyExists { what: "order", name: there.id.to_string() }),
                };
                let _ = reply.send(answer);
            }
            Command::Explain { tx, view, reply, .. } => {
                let _ = reply.send(Ok(explain::explanation(tx, *view)));
            }
            other => panic!("not expected here: {other:?}"),
        }
    }
}

fn commit<T>(store: &mut Store, change: Change, answer: T, reply: Reply<T>) {
    store.stage(&Changeset { changes: vec![change], events: Vec::new() }).unwrap();
    store.commit().unwrap();
    let _ = reply.send(Ok(answer));
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().expect("every error has an ErrorInfo");
    assert_eq!(info.domain, "depositd");
    info.reason
}

#[tokio::test]
async fn a_repeated_order_is_answered_alike_and_another_one_is_refused() {
    let (_world, client) = World::with_shop().await;
    let mut orders = OrderServiceClient::new(client);
    let first = orders.register_order(order("o-1", "10.5")).await.unwrap().into_inner();
    let told = first.order.clone().unwrap();
    assert_eq!((told.amount.as_str(), told.display_amount.as_str()), ("10500000", "10.500000"));
    assert_eq!((told.state(), told.lines[0].effective_from), (v1::OrderState::Open, 11));
    assert_eq!(orders.register_order(order("o-1", "10.50")).await.unwrap().into_inner(), first);
    let refused = orders.register_order(order("o-1", "11")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "ORDER_EXISTS"));
    let asked = v1::GetOrderRequest { app_id: "shop".into(), order_id: "o-1".into() };
    assert_eq!(orders.get_order(asked).await.unwrap().into_inner().order, first.order);
}

#[tokio::test]
async fn bad_fields_are_named_and_nothing_is_stored() {
    let (_world, client) = World::with_shop().await;
    let mut orders = OrderServiceClient::new(client);
    let bad = v1::RegisterOrderRequest { address: "0x1".into(), notify_url: "http://a/".into(), ..order("o-1", "0") };
    let batch = v1::BatchRegisterOrdersRequest { orders: vec![order("o-0", "1"), bad] };
    let refused = orders.batch_register_orders(batch).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_FIELDS"));
    let fields: Vec<_> = refused.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = fields.iter().map(|bad| bad.field.as_str()).collect();
    assert_eq!(fields, ["orders[1].address", "orders[1].amount_decimal", "orders[1].notify_url"]);
    let asked = v1::ListOrdersRequest { app_id: "shop".into(), ..Default::default() };
    assert!(orders.list_orders(asked).await.unwrap().into_inner().orders.is_empty());
}

#[tokio::test]
async fn pages_hold_every_order_once() {
    let (_world, client) = World::with_shop().await;
    let mut orders = OrderServiceClient::new(client);
    let batch = v1::BatchRegisterOrdersRequest { orders: (0..25).map(|n| order(&format!("o-{n:02}"), "1")).collect() };
    let results = orders.batch_register_orders(batch).await.unwrap().into_inner().results;
    assert_eq!(results.len(), 25);
    let mut seen = Vec::new();
    let mut asked = v1::ListOrdersRequest { app_id: "shop".into(), page_size: 10, ..Default::default() };
    loop {
        let page = orders.list_orders(asked.clone()).await.unwrap().into_inner();
        seen.extend(page.orders.into_iter().map(|order| order.order_id));
        if page.next_page_token.is_empty() {
            break;
        }
        asked.page_token = page.next_page_token;
    }
    assert_eq!(seen, (0..25).map(|n| format!("o-{n:02}")).collect::<Vec<_>>());
    asked.page_token = "AAAA".into();
    let refused = orders.list_orders(asked).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "PAGE_TOKEN_EXPIRED"));
}

#[tokio::test]
async fn over_tcp_a_token_opens_its_scopes_and_its_app_only() {
    let (world, _client) = World::with_shop().await;
    let networks = v1::ListNetworksRequest {};
    for (token, expected) in [(None, "TOKEN_MISSING"), (Some("guess"), "TOKEN_UNKNOWN")] {
        let refused = NetworkServiceClient::new(world.remote(token).await).list_networks(networks).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unauthenticated, expected));
    }
    let reader = world.remote(Some("reader-token")).await;
    assert_eq!(
        NetworkServiceClient::new(reader.clone()).list_networks(networks).await.unwrap().into_inner().networks.len(),
        1
    );
    let refused = OrderServiceClient::new(reader).register_order(order("o-1", "1")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "SCOPE_MISSING"));
    let mut shop = OrderServiceClient::new(world.remote(Some("shop-token")).await);
    shop.register_order(order("o-1", "1")).await.unwrap();
    let foreign = v1::RegisterOrderRequest { app_id: "other".into(), ..order("o-2", "1") };
    let refused = shop.register_order(foreign).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "APP_NOT_FOUND"));
}

#[tokio::test]
async fn a_drawn_secret_is_shown_once() {
    let world = World::start().await;
    let mut apps = AppServiceClient::new(world.local().await);
    let created = apps.create_app(app("shop")).await.unwrap().into_inner();
    assert!(created.secret.starts_with("whsec_") && created.secret.len() == 50, "{}", created.secret.len());
    let again = apps.create_app(app("shop")).await.unwrap().into_inner();
    assert_eq!((again.secret.as_str(), &again.app), ("", &created.app));
    let other = v1::CreateAppRequest { notify_hosts: vec!["b.example".into()], ..app("shop") };
    let refused = apps.create_app(other).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "APP_EXISTS"));
}

#[tokio::test]
async fn errors_of_the_transport_have_an_error_info_too() {
    let (_world, client) = World::with_shop().await;
    let mut raw = tonic::client::Grpc::new(client.clone());
    raw.ready().await.unwrap();
    let path = "/depositd.v1.OrderService/Steal".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<v1::GetOrderRequest, v1::GetOrderResponse>::default();
    let refused = raw.unary(tonic::Request::new(v1::GetOrderRequest::default()), path, codec).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unimplemented, "UNIMPLEMENTED"));
    let mut orders = OrderServiceClient::new(client);
    let huge = v1::RegisterOrderRequest { username: "x".repeat(2 << 20), ..order("o-1", "1") };
    let refused = orders.register_order(huge).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
}

#[tokio::test]
async fn a_stop_ends_the_server_and_removes_the_socket() {
    let mut world = World::start().await;
    let socket = world.dir.path().join("api.sock");
    assert!(socket.exists());
    world.stop.cancel();
    let ended =
        tokio::time::timeout(Duration::from_secs(5), async { while world.tasks.join_next().await.is_some() {} });
    ended.await.expect("the server and the writer end");
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_stop_lets_go_of_the_writer_although_a_stream_stays_open() {
    let mut world = World::start().await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(connect(&world.tcp).await.unwrap());
    let asked = tonic_health::pb::HealthCheckRequest::default();
    let mut told = health.watch(asked).await.unwrap().into_inner();
    assert_eq!(told.message().await.unwrap().unwrap().status, 1);
    world.stop.cancel();
    let before = std::time::Instant::now();
    // The server, and the writer, which ends when nobody can send to it any more.
    while let Some(ended) = tokio::time::timeout(Duration::from_secs(15), world.tasks.join_next()).await.unwrap() {
        ended.unwrap();
    }
    assert!(before.elapsed() < Duration::from_secs(12), "{:?}", before.elapsed());
}

#[tokio::test]
async fn sockets_in_the_way_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("api.sock");
    let public = Listeners::bind(&path, Some("0.0.0.0:0".parse().unwrap())).await;
    assert!(matches!(public, Err(ApiError::NotLoopback(_))));
    let first = Listeners::bind(&path, None).await.unwrap();
    assert!(matches!(Listeners::bind(&path, None).await, Err(ApiError::InUse(_))));
    drop(first);
    assert!(path.exists(), "a killed daemon leaves its socket behind");
    drop(Listeners::bind(&path, None).await.unwrap());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(Listeners::bind(&path, None).await, Err(ApiError::NotASocket(_))));
    assert!(matches!(connect("ftp://x").await, Err(ConnectError::Target(_))));
}

mod by_hand;

/// Nobody posts.
pub(super) struct NoPost;

impl Postman for NoPost {
    fn test<'a>(&'a self, event: EventId, app: &'a App) -> BoxFuture<'a, Option<(Notification, Attempt, Millis)>> {
        if app.protocol != Protocol::StandardWebhooks {
            return Box::pin(async { None });
        }
        let attempt = Attempt {
            event: event.clone(),
            number: AttemptNo(1),
            trigger: Trigger::Test,
            peer: None,
            started: Millis(1_700_000_000_000),
            took_ms: 7,
            status: None,
            outcome: Outcome::Unreachable(Unreached::Connect),
            detail: "connect: refused".to_owned(),
            excerpt: String::new(),
        };
        let row = crate::delivery::compose_test(event, app, Millis(1_700_000_000_000));
        Box::pin(async move { Some((row, attempt, Millis(1_700_000_000_007))) })
    }
}

/// A master key that is nobody's.
pub(super) fn vault() -> Arc<Vault> {
    Arc::new(Vault::new(&Vault::draw().unwrap(), []).unwrap())
}
