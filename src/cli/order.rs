//! `depositd order …`: expected payments.

use clap::{ArgGroup, Args, Subcommand};

use crate::api::proto::v1::{
    CancelOrderRequest, GetOrderRequest, ListOrdersRequest, Order, RegisterOrderRequest,
    order_service_client::OrderServiceClient, register_order_request::Amount,
};

use super::{
    client::{ClientArgs, PageArgs},
    exit::{FAILURE, Failure},
    show::{self, Shown},
};

/// What to do with orders.
#[derive(Clone, Debug, Subcommand)]
pub enum OrderCommand {
    /// Register an order; the same command again is harmless
    Register(RegisterArgs),
    /// Show one order
    Get {
        /// The app
        app_id: String,
        /// The merchant's id
        order_id: String,
    },
    /// List an app's orders
    List {
        /// The app
        app_id: String,
        /// Which page
        #[command(flatten)]
        page: PageArgs,
    },
    /// Withdraw an order whose payment has not been seen
    Cancel {
        /// The app
        app_id: String,
        /// The merchant's id
        order_id: String,
    },
}

/// A new order.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("how_much").required(true).args(["amount", "base_units"])))]
pub struct RegisterArgs {
    /// The app
    pub app_id: String,
    /// The merchant's id
    pub order_id: String,
    /// Where the payment is expected
    #[arg(long)]
    pub address: String,
    /// A network it may be paid on; may be repeated
    #[arg(long = "network", required = true)]
    pub networks: Vec<String>,
    /// The token, by symbol or contract
    #[arg(long)]
    pub token: String,
    /// How much, as decimal text: 10.5
    #[arg(long)]
    pub amount: Option<String>,
    /// How much, in base units
    #[arg(long)]
    pub base_units: Option<String>,
    /// The gateway's own mark for the address's owner
    #[arg(long, default_value = "")]
    pub user_mark: String,
    /// The payer's name
    #[arg(long, default_value = "")]
    pub username: String,
    /// Told here instead of the app's URL
    #[arg(long, default_value = "")]
    pub notify_url: String,
}

pub(super) async fn run(command: OrderCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = OrderServiceClient::new(args.open().await?);
    let shown = match command {
        OrderCommand::Register(new) => one(client.register_order(request(new)).await?.into_inner().order)?,
        OrderCommand::Get { app_id, order_id } => {
            one(client.get_order(GetOrderRequest { app_id, order_id }).await?.into_inner().order)?
        }
        OrderCommand::List { app_id, page } => {
            let request = ListOrdersRequest { app_id, page_size: page.limit, page_token: page.page_token };
            let answer = client.list_orders(request).await?.into_inner();
            args.hint_next(&answer.next_page_token);
            let orders = answer.orders.iter().map(show::order).collect();
            Shown::list("orders", orders, show::ORDER.to_vec(), Some(&answer.next_page_token))
        }
        OrderCommand::Cancel { app_id, order_id } => {
            one(client.cancel_order(CancelOrderRequest { app_id, order_id }).await?.into_inner().order)?
        }
    };
    shown.print(args.json);
    Ok(())
}

fn request(new: RegisterArgs) -> RegisterOrderRequest {
    let amount = new.amount.map(Amount::AmountDecimal).or(new.base_units.map(Amount::AmountBaseUnits));
    RegisterOrderRequest {
        app_id: new.app_id,
        order_id: new.order_id,
        user_mark: new.user_mark,
        username: new.username,
        address: new.address,
        networks: new.networks,
        token: new.token,
        amount,
        notify_url: new.notify_url,
    }
}

fn one(order: Option<Order>) -> Result<Shown, Failure> {
    order.as_ref().map(show::order).ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no order"))
}
