//! A gateway: what it asks over gRPC, in its own words.

use depositd::{
    api::proto::v1::{
        self, address_service_client::AddressServiceClient, app_service_client::AppServiceClient,
        deposit_service_client::DepositServiceClient, network_service_client::NetworkServiceClient,
        order_service_client::OrderServiceClient, register_order_request::Amount,
    },
    domain::{Address, Family},
};
use tonic::{Code, Status, transport::Channel};

use super::{KEY, SHOP, secret_text, wait_until};

/// A connection.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub channel: Channel,
}

/// An order of [`SHOP`] for `units` of USDT to `address`.
pub fn order(id: &str, network: &str, address: Address, units: u64) -> v1::RegisterOrderRequest {
    v1::RegisterOrderRequest {
        app_id: SHOP.to_owned(),
        order_id: id.to_owned(),
        user_mark: "user-1".to_owned(),
        address: address.display(Family::Evm),
        networks: vec![network.to_owned()],
        token: "USDT".to_owned(),
        amount: Some(Amount::AmountBaseUnits(units.to_string())),
        ..v1::RegisterOrderRequest::default()
    }
}

impl Gateway {
    pub fn over(channel: Channel) -> Self {
        Self { channel }
    }

    pub fn orders(&self) -> OrderServiceClient<Channel> {
        OrderServiceClient::new(self.channel.clone())
    }

    pub fn apps(&self) -> AppServiceClient<Channel> {
        AppServiceClient::new(self.channel.clone())
    }

    pub fn addresses(&self) -> AddressServiceClient<Channel> {
        AddressServiceClient::new(self.channel.clone())
    }

    pub async fn create_app(&self, id: &str, url: &str) {
        let request = v1::CreateAppRequest {
            app_id: id.to_owned(),
            notify_url: url.to_owned(),
            notify_hosts: Vec::new(),
            secret: secret_text(&KEY),
            ..v1::CreateAppRequest::default()
        };
        self.apps().create_app(request).await.expect("the app is created");
    }

    pub async fn register(&self, request: v1::RegisterOrderRequest) -> Result<v1::Order, Status> {
        let answer = self.orders().register_order(request).await?;
        Ok(answer.into_inner().order.expect("an answer holds an order"))
    }

    pub async fn order(&self, id: &str) -> v1::Order {
        let request = v1::GetOrderRequest { app_id: SHOP.to_owned(), order_id: id.to_owned() };
        self.orders().get_order(request).await.expect("the order").into_inner().order.expect("an order")
    }

    pub async fn cancel(&self, id: &str) -> Result<v1::Order, Status> {
        let request = v1::CancelOrderRequest { app_id: SHOP.to_owned(), order_id: id.to_owned() };
        let answer = self.orders().cancel_order(request).await?;
        Ok(answer.into_inner().order.expect("an answer holds an order"))
    }

    /// How a network writes its addresses.
    pub async fn family(&self, network: &str) -> Family {
        match self.network(network).await.family() {
            v1::NetworkFamily::Tron => Family::Tron,
            v1::NetworkFamily::Evm | v1::NetworkFamily::Unspecified => Family::Evm,
        }
    }

    /// Watches an address of `app` for good; the first height covered.
    pub async fn watch(&self, app: &str, network: &str, address: Address) -> u64 {
        let request = v1::WatchAddressRequest {
            app_id: app.to_owned(),
            user_mark: "user-1".to_owned(),
            address: address.display(self.family(network).await),
            networks: vec![network.to_owned()],
            since: None,
        };
        let answer = self.addresses().watch_address(request).await.expect("the watch").into_inner();
        answer.addresses[0].standing_from.expect("a standing watch begins somewhere")
    }

    pub async fn unwatch(&self, network: &str, address: Address) -> v1::Address {
        let request = v1::UnwatchAddressRequest {
            app_id: SHOP.to_owned(),
            network: network.to_owned(),
            address: address.display(Family::Evm),
        };
        let answer = self.addresses().unwatch_address(request).await.expect("the watch ends");
        answer.into_inner().address.expect("an answer holds the address")
    }

    /// All deposits of [`SHOP`], every page of them.
    pub async fn deposits(&self) -> Vec<v1::Deposit> {
        let mut client = DepositServiceClient::new(self.channel.clone());
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request =
                v1::ListDepositsRequest { app_id: SHOP.to_owned(), page_token, ..v1::ListDepositsRequest::default() };
            let page = client.list_deposits(request).await.expect("deposits").into_inner();
            all.extend(page.deposits);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    /// Waits until some deposit of [`SHOP`] is as described.
    pub async fn deposit(&self, what: &str, is_so: impl Fn(&v1::Deposit) -> bool) -> v1::Deposit {
        let mut found = None;
        wait_until(what, async || {
            found = self.deposits().await.into_iter().find(|deposit| is_so(deposit));
            found.is_some()
        })
        .await;
        found.expect("found")
    }

    pub async fn network(&self, slug: &str) -> v1::Network {
        let mut client = NetworkServiceClient::new(self.channel.clone());
        let answer = client.list_networks(v1::ListNetworksRequest {}).await.expect("networks").into_inner();
        answer.networks.into_iter().find(|network| network.network == slug).expect("a configured network")
    }

    /// The last height whose effects are on disk.
    pub async fn cursor(&self, slug: &str) -> Option<u64> {
        self.network(slug).await.cursor.map(|block| block.height)
    }

    /// Waits until the network has a cursor.
    pub async fn begun(&self, slug: &str) {
        wait_until("the network to begin", async || self.cursor(slug).await.is_some()).await;
    }

    /// Waits until the network is read up to `height`.
    pub async fn read_to(&self, slug: &str, height: u64) {
        let what = format!("{slug} to be read to {height}");
        wait_until(&what, async || self.cursor(slug).await.is_some_and(|cursor| cursor >= height)).await;
    }

    /// Waits until the network's follower is in `state`, and says why it is.
    pub async fn state(&self, slug: &str, state: v1::NetworkState) -> String {
        let mut why = String::new();
        wait_until(&format!("{slug} to be {state:?}"), async || {
            let network = self.network(slug).await;
            why.clone_from(&network.why);
            network.state() == state
        })
        .await;
        why
    }
}

/// The code of a refused call.
pub fn code<T: std::fmt::Debug>(answer: Result<T, Status>) -> Code {
    answer.expect_err("the call is refused").code()
}
