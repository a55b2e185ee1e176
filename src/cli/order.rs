//! `depositd order …`: expected payments.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::api::proto::v1::{
    AmountPolicy, CancelOrderRequest, GetOrderRequest, ListOrdersRequest, Order, OrderDeposit, OrderLine,
    RegisterOrderRequest, order_line,
    order_service_client::OrderServiceClient,
    register_order_request::{Amount, Since},
};

use super::{
    by_hand::{SinceArgs, TimeArg},
    client::{ClientArgs, PageArgs, Service},
    exit::{FAILURE, Failure},
    progress,
    show::{self, Shown},
};

/// What to do with orders.
#[derive(Clone, Debug, Subcommand)]
pub enum OrderCommand {
    /// Register an order; the same command again is harmless
    Register(Box<RegisterArgs>),
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
    /// USDTCNPAY: told here what went wrong; the notify URL if left out
    #[arg(long, default_value = "", hide_default_value = true)]
    pub fail_url: String,
    /// What becomes of another amount; what the app says if left out
    #[arg(long)]
    pub amount_policy: Option<PolicyArg>,
    /// Until when it waits, by the time of blocks: RFC 3339, or a span from now (+1h), which is another time when repeated
    #[arg(long)]
    pub expires: Option<TimeArg>,
    /// How far back a payment may lie
    #[command(flatten)]
    pub since: SinceArgs,
    /// Wait until all of the past that was asked for is read
    #[arg(long)]
    pub wait: bool,
}

/// What becomes of another amount than the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyArg {
    /// Credited as it arrived
    #[value(alias = "accept_actual")]
    AcceptActual,
    /// Less is turned away
    #[value(alias = "at_least")]
    AtLeast,
    /// Anything else is turned away
    #[value(alias = "strict_exact")]
    StrictExact,
}

impl PolicyArg {
    fn wire(self) -> AmountPolicy {
        match self {
            Self::AcceptActual => AmountPolicy::AcceptActual,
            Self::AtLeast => AmountPolicy::AtLeast,
            Self::StrictExact => AmountPolicy::StrictExact,
        }
    }
}

const HEADER: [&str; 8] = ["APP", "ORDER", "STATE", "AMOUNT", "RECEIVED", "ADDRESS", "NETWORKS", "PAID BY"];
const DEPOSITS: [&str; 6] = ["DEPOSIT", "STATE", "REASON", "AMOUNT", "CONFIRMATIONS", "NETWORK"];

pub(super) async fn run(command: OrderCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = OrderServiceClient::new(args.open().await?);
    let shown = match command {
        OrderCommand::Register(new) => {
            let wait = new.wait;
            let mut order = client.register_order(request(*new)).await?.into_inner().order;
            if let Some(made) = order.as_ref().filter(|_| wait) {
                order = Some(until_read(&mut client, made).await?);
            }
            one(order)?
        }
        OrderCommand::Get { app_id, order_id } => {
            let order = client.get_order(GetOrderRequest { app_id, order_id }).await?.into_inner().order;
            let deposits = order.as_ref().filter(|_| !args.json).map(deposits_of);
            one(order)?.print(args.json);
            deposits.filter(|deposits| !deposits.rows.is_empty()).into_iter().for_each(|deposits| {
                show::line("");
                deposits.print(false);
            });
            return Ok(());
        }
        OrderCommand::List { app_id, page } => {
            let request = ListOrdersRequest { app_id, page_size: page.limit, page_token: page.page_token };
            let answer = client.list_orders(request).await?.into_inner();
            args.hint_next(&answer.next_page_token);
            let orders = answer.orders.iter().map(shown_order).collect();
            Shown::list("orders", orders, HEADER.to_vec(), Some(&answer.next_page_token))
        }
        OrderCommand::Cancel { app_id, order_id } => {
            one(client.cancel_order(CancelOrderRequest { app_id, order_id }).await?.into_inner().order)?
        }
    };
    shown.print(args.json);
    Ok(())
}

/// Waits until all of the past is read that the order asked for; the order as it is then.
async fn until_read(client: &mut OrderServiceClient<Service>, order: &Order) -> Result<Order, Failure> {
    let asked = GetOrderRequest { app_id: order.app_id.clone(), order_id: order.order_id.clone() };
    let mut last = order.clone();
    progress::until_read("back-scan", async || {
        if let Some(now) = client.get_order(asked.clone()).await?.into_inner().order {
            last = now;
        }
        Ok(last.lines.iter().filter_map(|line| line.back_scan).collect())
    })
    .await?;
    Ok(last)
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
        fail_url: new.fail_url,
        amount_policy: new.amount_policy.map_or(AmountPolicy::Unspecified, PolicyArg::wire).into(),
        expire_time: new.expires.map(TimeArg::wire),
        since: new.since.wish(Since::FromBlock, Since::FromTime),
    }
}

fn one(order: Option<Order>) -> Result<Shown, Failure> {
    order.as_ref().map(shown_order).ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no order"))
}

fn shown_order(order: &Order) -> Shown {
    let networks: Vec<String> =
        order.lines.iter().map(|line| format!("{} from {}", line.network, line.effective_from)).collect();
    let (state, policy) = (order.state().as_str_name(), order.amount_policy().as_str_name());
    let symbol = symbol(order);
    let row = vec![
        order.app_id.clone(),
        order.order_id.clone(),
        show::word(state, "ORDER_STATE_"),
        show::amount(&order.display_amount, &order.amount, symbol),
        show::amount(&order.display_received, &order.received, symbol),
        order.address.clone(),
        networks.join(", "),
        order.paid_by.clone(),
    ];
    let json = json!({
        "app_id": order.app_id, "order_id": order.order_id, "user_mark": order.user_mark, "username": order.username,
        "address": order.address, "lines": order.lines.iter().map(line_json).collect::<Vec<_>>(),
        "amount": order.amount, "display_amount": order.display_amount, "notify_url": order.notify_url,
        "fail_url": order.fail_url, "ordersn": order.ordersn,
        "state": state, "paid_by": order.paid_by, "create_time": show::time(order.create_time.as_ref()),
        "amount_policy": policy, "expire_time": show::time(order.expire_time.as_ref()),
        "grace_seconds": order.grace_seconds, "received": order.received, "display_received": order.display_received,
        "deposits": order.deposits.iter().map(|deposit| shown_deposit(deposit, symbol).json).collect::<Vec<_>>(),
    });
    Shown { json, header: HEADER.to_vec(), rows: vec![row] }
}

fn line_json(line: &OrderLine) -> Value {
    let mut json = json!({
        "network": line.network, "token": show::token_json(line.token.as_ref()),
        "effective_from": line.effective_from, "from_block": null, "from_time": null,
        "back_scan": line.back_scan.as_ref().map(progress::scan_json),
    });
    match line.since.as_ref() {
        Some(order_line::Since::FromBlock(height)) => json["from_block"] = json!(height),
        Some(order_line::Since::FromTime(time)) => json["from_time"] = json!(show::time(Some(time))),
        None => {}
    }
    json
}

fn symbol(order: &Order) -> &str {
    order.lines.iter().find_map(|line| line.token.as_ref()).map_or("", |token| token.symbol.as_str())
}

/// The order's deposits as a table of their own.
fn deposits_of(order: &Order) -> Shown {
    let deposits = order.deposits.iter().map(|deposit| shown_deposit(deposit, symbol(order))).collect();
    Shown::list("deposits", deposits, DEPOSITS.to_vec(), None)
}

fn shown_deposit(deposit: &OrderDeposit, symbol: &str) -> Shown {
    let (state, reason) = (deposit.state().as_str_name(), deposit.reason().as_str_name());
    let (required_json, required) = show::required(deposit.required.as_ref(), deposit.state());
    let held = if deposit.held { ", held" } else { "" };
    let row = vec![
        deposit.deposit_id.clone(),
        show::word(state, "DEPOSIT_STATE_"),
        show::word(reason, "DEPOSIT_REASON_"),
        show::amount(&deposit.display_amount, &deposit.amount, symbol),
        format!("{}{required}{held}", deposit.confirmations),
        deposit.network.clone(),
    ];
    let json = json!({
        "deposit_id": deposit.deposit_id, "network": deposit.network, "amount": deposit.amount,
        "display_amount": deposit.display_amount, "state": state, "reason": reason,
        "confirmations": deposit.confirmations, "required": required_json, "held": deposit.held,
    });
    Shown { json, header: DEPOSITS.to_vec(), rows: vec![row] }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;
    use crate::api::proto::v1;

    fn paid_order() -> Order {
        let token = v1::Token { contract: "0xab".into(), symbol: "USDT".into(), decimals: 6 };
        let since = Some(order_line::Since::FromTime(Timestamp { seconds: 951_782_400, nanos: 0 }));
        let line = OrderLine { network: "main".into(), token: Some(token), effective_from: 7, since, back_scan: None };
        let deposit = OrderDeposit {
            deposit_id: "dep_1".into(),
            network: "main".into(),
            display_amount: "10.500000".into(),
            state: v1::DepositState::Confirmed.into(),
            reason: v1::DepositReason::Matched.into(),
            confirmations: 5,
            ..OrderDeposit::default()
        };
        Order {
            app_id: "shop".into(),
            order_id: "A-1".into(),
            address: "0x01".into(),
            lines: vec![line],
            amount: "10500000".into(),
            display_amount: "10.500000".into(),
            received: "10500000".into(),
            display_received: "10.500000".into(),
            state: v1::OrderState::Paid.into(),
            amount_policy: AmountPolicy::AtLeast.into(),
            create_time: Some(Timestamp { seconds: 951_782_400, nanos: 0 }),
            deposits: vec![deposit],
            ordersn: "cz-1".into(),
            ..Order::default()
        }
    }

    #[test]
    fn rules_of_an_order_are_options() {
        use clap::Parser;
        let base = "depositd order register shop 1 --address 0x --network n --token T --amount 1";
        let parse = |more: &str| crate::cli::Cli::try_parse_from(base.split(' ').chain(more.split_whitespace()));
        let asked = |more: &str| {
            let crate::cli::Command::Order(OrderCommand::Register(new)) = parse(more).unwrap().command else {
                panic!("an order is registered");
            };
            request(*new)
        };
        let plain = asked("");
        assert_eq!((plain.amount_policy(), plain.expire_time, plain.since), (AmountPolicy::Unspecified, None, None));
        assert_eq!((plain.fail_url.as_str(), asked("--fail-url https://f/").fail_url.as_str()), ("", "https://f/"));
        let ruled = asked("--amount-policy strict_exact --expires 2000-02-29T00:00:00Z --from-block 7");
        assert_eq!(ruled.amount_policy(), AmountPolicy::StrictExact);
        assert_eq!(ruled.expire_time.map(|time| time.seconds), Some(951_782_400));
        assert_eq!(ruled.since, Some(Since::FromBlock(7)));
        for wrong in ["--amount-policy any", "--expires soon", "--from-block 7 --from-time 2000-02-29T00:00:00Z"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_order_as_table_and_as_json() {
        let shown = shown_order(&paid_order());
        for (key, value) in [
            ("state", "ORDER_STATE_PAID"),
            ("amount", "10500000"),
            ("ordersn", "cz-1"),
            ("fail_url", ""),
            ("amount_policy", "AMOUNT_POLICY_AT_LEAST"),
            ("create_time", "2000-02-29T00:00:00Z"),
        ] {
            assert_eq!(shown.json[key], value, "{key}");
        }
        assert_eq!(shown.json["lines"][0]["effective_from"], 7);
        assert_eq!(shown.json["lines"][0]["from_time"], "2000-02-29T00:00:00Z");
        assert_eq!(shown.json["lines"][0]["from_block"], Value::Null);
        assert_eq!(shown.json["expire_time"], Value::Null);
        assert_eq!(shown.json["deposits"][0]["state"], "DEPOSIT_STATE_CONFIRMED");
        let text = show::table(shown.header, shown.rows);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["APP", "ORDER", "STATE", "AMOUNT", "RECEIVED", "ADDRESS", "NETWORKS", "PAID", "BY"]);
        let row = ["shop", "A-1", "paid", "10.500000", "USDT", "10.500000", "USDT", "0x01", "main", "from", "7"];
        assert_eq!(words[1], row);
        assert!(!text.contains('\u{1b}'), "no colour");
        let two = vec![shown_order(&paid_order()), shown_order(&paid_order())];
        let list = Shown::list("orders", two, HEADER.to_vec(), Some("next"));
        assert_eq!(list.json["orders"].as_array().map(Vec::len), Some(2));
        assert_eq!(list.json["next_page_token"], "next");
        let deposits = deposits_of(&paid_order());
        assert_eq!(deposits.rows[0][..5], ["dep_1", "confirmed", "matched", "10.500000 USDT", "5"]);
    }
}
