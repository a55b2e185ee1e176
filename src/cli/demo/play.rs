//! The story, step by step. Every step is checked; what is told is what was seen.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tonic::transport::Channel;

use super::stage::{CONFIRMATIONS, NETWORK, Stage, TOKEN};
use crate::{
    api::proto::v1::{
        self, app_service_client::AppServiceClient, deposit_service_client::DepositServiceClient,
        order_service_client::OrderServiceClient, register_order_request::Amount,
    },
    cli::show::line,
    devnet::{Orphans, Sameness, Signature, Tx},
    domain::{Address, Family, TokenAmount},
};

const APP: &str = "shop";
const ORDER: &str = "order-2026-0001";
const AMOUNT: u64 = 25_000_000;
/// Where the payment is expected, and who pays.
const PAYEE: Address = Address([0x33; 20]);
const PAYER: Address = Address([0x44; 20]);
/// Longest wait for any one step.
const STEP: Duration = Duration::from_secs(10);
/// How often the daemon is asked while waiting.
const LOOK: Duration = Duration::from_millis(40);

pub(super) async fn play(stage: &Stage) -> anyhow::Result<()> {
    let channel = &stage.channel;
    line(&format!("1. Two simulated nodes answer at {}.", stage.node_urls().join(" and ")));
    line("   depositd runs on an empty store and reads from both; a merchant listens.");

    register(stage).await?;
    let (payment, paid_in) = pay(stage);
    line(&format!("3. Somebody pays 25 USDT; block {paid_in} holds the transfer."));
    let seen = wait_for(channel, "the payment to be seen", |deposit| is(deposit, v1::DepositState::Detected)).await?;
    line(&format!(
        "   depositd has seen it: {}, {} of {CONFIRMATIONS} confirmations.",
        seen.deposit_id, seen.confirmations
    ));

    stage.ledger.lock().fork(1, 2, Orphans::Drop)?;
    line(&format!("4. A reorg: block {paid_in} is replaced, the payment is in no block any more."));
    wait_for(channel, "the reorg", |deposit| is(deposit, v1::DepositState::Orphaned)).await?;
    line("   depositd took it back: the deposit is orphaned, the order waits, the merchant was told nothing.");
    ensure!(stage.merchant.received().is_empty(), "the merchant was told about a payment that is not there");

    let back_in = stage.ledger.lock().mine(vec![payment]).height;
    let back = wait_for(channel, "the payment to come back", |deposit| is(deposit, v1::DepositState::Detected)).await?;
    ensure!(back.deposit_id == seen.deposit_id, "the same transfer came back under another name");
    line(&format!("5. The same transaction comes back in block {back_in}: the same deposit id."));

    confirm(stage).await?;
    told(stage, &seen.deposit_id).await?;
    let order = get_order(channel).await?;
    ensure!(order.state() == v1::OrderState::Paid && order.paid_by == seen.deposit_id, "the order is not paid");
    line("");
    line(&format!("Summary: order {ORDER} is paid by {}", order.paid_by));
    line("         1 order, 1 payment, 1 reorg survived, 1 notification, 0 told too early, 0 told twice.");
    Ok(())
}

async fn register(stage: &Stage) -> anyhow::Result<()> {
    let app = v1::CreateAppRequest {
        app_id: APP.to_owned(),
        notify_url: stage.merchant.url.clone(),
        notify_hosts: Vec::new(),
        secret: stage.secret.clone(),
    };
    AppServiceClient::new(stage.channel.clone()).create_app(app).await.context("creating the app")?;
    let request = v1::RegisterOrderRequest {
        app_id: APP.to_owned(),
        order_id: ORDER.to_owned(),
        user_mark: "user-7".to_owned(),
        username: String::new(),
        address: PAYEE.display(Family::Evm),
        networks: vec![NETWORK.to_owned()],
        token: "USDT".to_owned(),
        amount: Some(Amount::AmountDecimal("25".to_owned())),
        notify_url: String::new(),
    };
    let mut orders = OrderServiceClient::new(stage.channel.clone());
    let begun = Instant::now();
    let order = loop {
        match orders.register_order(request.clone()).await {
            Ok(answer) => break answer.into_inner().order.context("an answer without an order")?,
            // The network is read for the first time: a client tries again, and so do we.
            Err(status) if status.code() == tonic::Code::Unavailable && begun.elapsed() < STEP => {
                tokio::time::sleep(LOOK).await;
            }
            Err(status) => return Err(status).context("registering the order"),
        }
    };
    let from = order.lines.first().map_or(0, |covered| covered.effective_from);
    line(&format!("2. The gateway registers {ORDER} over gRPC: 25 USDT to {}.", order.address));
    line(&format!("   The answer is on disk: covered from block {from} on."));
    Ok(())
}

/// The payment, and the height it is mined in.
fn pay(stage: &Stage) -> (Tx, u64) {
    let mut ledger = stage.ledger.lock();
    let payment = ledger.transfer(TOKEN, PAYER, PAYEE, TokenAmount::of(AMOUNT));
    let height = ledger.mine(vec![payment.clone()]).height.0;
    (payment, height)
}

async fn confirm(stage: &Stage) -> anyhow::Result<()> {
    let bar = ProgressBar::with_draw_target(Some(u64::from(CONFIRMATIONS)), ProgressDrawTarget::stdout());
    if !io::stdout().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_style(ProgressStyle::with_template("   [{bar:20}] {pos} of {len} confirmations")?);
    for confirmations in 1..=CONFIRMATIONS {
        if confirmations > 1 {
            stage.ledger.lock().extend(1);
        }
        wait_for(&stage.channel, "a confirmation", |deposit| deposit.confirmations >= confirmations).await?;
        bar.set_position(u64::from(confirmations));
        if bar.is_hidden() {
            line(&format!("   {confirmations} of {CONFIRMATIONS} confirmations"));
        }
    }
    bar.finish();
    if !bar.is_hidden() {
        line("");
    }
    let credited =
        |deposit: &v1::Deposit| is(deposit, v1::DepositState::Confirmed) || is(deposit, v1::DepositState::Finalized);
    wait_for(&stage.channel, "the credit", credited).await?;
    line("6. Confirmed: both nodes showed the receipt once more, and the credit is on disk.");
    Ok(())
}

async fn told(stage: &Stage, deposit: &str) -> anyhow::Result<()> {
    let wait_ms = u64::try_from(STEP.as_millis()).unwrap_or(u64::MAX);
    let received = stage.merchant.wait_for(1, wait_ms).await.context("the merchant was not told")?;
    let told = received.first().context("the merchant was not told")?;
    ensure!(told.signature == Signature::Verified, "the merchant could not verify the signature");
    ensure!(told.sameness == Sameness::First, "the merchant was told twice");
    let body: serde_json::Value = serde_json::from_slice(&told.body).context("the notification is not JSON")?;
    ensure!(
        body["type"] == "deposit.confirmed" && body["data"]["deposit_id"] == deposit,
        "the merchant was told {body}"
    );
    let field = |name: &str| body["data"][name].as_str().unwrap_or_default().to_owned();
    line("7. The merchant receives the notification; its signature verifies:");
    line(&format!("   deposit.confirmed {} {} USDT, order {ORDER}", field("event_id"), field("amount_decimal")));
    Ok(())
}

fn is(deposit: &v1::Deposit, state: v1::DepositState) -> bool {
    deposit.state() == state
}

async fn get_order(channel: &Channel) -> anyhow::Result<v1::Order> {
    let request = v1::GetOrderRequest { app_id: APP.to_owned(), order_id: ORDER.to_owned() };
    let answer = OrderServiceClient::new(channel.clone()).get_order(request).await?;
    answer.into_inner().order.context("an answer without an order")
}

/// Asks for the shop's deposit until `arrived`.
async fn wait_for(
    channel: &Channel,
    what: &str,
    arrived: impl Fn(&v1::Deposit) -> bool,
) -> anyhow::Result<v1::Deposit> {
    let mut client = DepositServiceClient::new(channel.clone());
    let begun = Instant::now();
    loop {
        let request = v1::ListDepositsRequest { app_id: APP.to_owned(), ..v1::ListDepositsRequest::default() };
        let deposits = client.list_deposits(request).await?.into_inner().deposits;
        if let Some(deposit) = deposits.into_iter().find(|deposit| arrived(deposit)) {
            return Ok(deposit);
        }
        ensure!(begun.elapsed() < STEP, "waited {} s for {what}", STEP.as_secs());
        tokio::time::sleep(LOOK).await;
    }
}
