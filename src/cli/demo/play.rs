//! The story, step by step. Every step is checked; what is told is what was seen.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tonic::transport::Channel;

use super::{
    chain::{CONFIRMATIONS, Chain},
    stage::Stage,
};
use crate::{
    api::proto::v1::{
        self, app_service_client::AppServiceClient, deposit_service_client::DepositServiceClient,
        order_service_client::OrderServiceClient, register_order_request::Amount,
    },
    cli::show::line,
    devnet::{Orphans, Received, Sameness, Signature, Tx},
    domain::{Address, Family, TokenAmount},
};

const APP: &str = "shop";
/// Where the payments are expected.
const PAYEE: Address = Address([0x33; 20]);
/// Base units of one USDT.
const USDT: u64 = 1_000_000;
/// Longest wait for any one step.
const STEP: Duration = Duration::from_secs(10);
/// How often the daemon is asked while waiting.
const LOOK: Duration = Duration::from_millis(40);

/// One order and what becomes of its payment.
struct Tale<'a> {
    chain: &'a Chain,
    order: &'static str,
    usdt: u64,
    payment: Tx,
    deposit_id: String,
}

/// The order expected on a network, and how much of USDT.
fn order_on(family: Family) -> (&'static str, u64) {
    match family {
        Family::Evm => ("order-2026-0001", 25),
        Family::Tron => ("order-2026-0002", 40),
    }
}

impl Tale<'_> {
    /// Blocks from the payment's own to the one that makes it credited, both included.
    fn needed(&self) -> u32 {
        match self.chain.family {
            Family::Evm => CONFIRMATIONS,
            Family::Tron => u32::try_from(self.chain.ledger.lock().spec().finality_lag + 1).unwrap_or(u32::MAX),
        }
    }
}

pub(super) async fn play(stage: &Stage) -> anyhow::Result<()> {
    for (number, chain) in ["1. ", "   "].iter().zip(&stage.chains) {
        line(&format!("{number}{}: two simulated nodes answer at {}.", chain.name(), chain.node_urls()));
    }
    line("   depositd runs on an empty store and reads from all four; a merchant listens.");
    create_app(stage).await?;
    for (number, chain) in ["2. ", "   "].iter().zip(&stage.chains) {
        line(&format!("{number}{}", register(stage, chain).await?));
    }
    line("   Both answers are on disk.");
    let [mut ethereum, mut tron] =
        [pay(stage, &stage.chains[0], "3. ").await?, pay(stage, &stage.chains[1], "   ").await?];
    reorg(stage, &mut [&mut ethereum, &mut tron]).await?;
    let tales = [ethereum, tron];
    confirm(stage, &tales).await?;
    told(stage, &tales).await?;
    line("");
    for (head, tale) in ["Summary: ", "         "].iter().zip(&tales) {
        let order = get_order(&stage.channel, tale.order).await?;
        ensure!(
            order.state() == v1::OrderState::Paid && order.paid_by == tale.deposit_id,
            "{} is not paid",
            tale.order
        );
        line(&format!("{head}{} on {} is paid by {}", tale.order, tale.chain.name(), order.paid_by));
    }
    line("         2 orders, 2 payments, 2 reorgs survived, 2 notifications, 0 told too early, 0 told twice.");
    Ok(())
}

async fn create_app(stage: &Stage) -> anyhow::Result<()> {
    let app = v1::CreateAppRequest {
        app_id: APP.to_owned(),
        notify_url: stage.merchant.url.clone(),
        notify_hosts: Vec::new(),
        secret: stage.secret.clone(),
        ..v1::CreateAppRequest::default()
    };
    AppServiceClient::new(stage.channel.clone()).create_app(app).await.context("creating the app")?;
    Ok(())
}

async fn register(stage: &Stage, chain: &Chain) -> anyhow::Result<String> {
    let (order, usdt) = order_on(chain.family);
    let request = v1::RegisterOrderRequest {
        app_id: APP.to_owned(),
        order_id: order.to_owned(),
        user_mark: "user-7".to_owned(),
        address: PAYEE.display(chain.family),
        networks: vec![chain.slug().to_owned()],
        token: "USDT".to_owned(),
        amount: Some(Amount::AmountDecimal(usdt.to_string())),
        ..v1::RegisterOrderRequest::default()
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
    Ok(format!(
        "The gateway registers {} over gRPC: {usdt} USDT on {} to {}, covered from block {from} on.",
        order.order_id,
        chain.name(),
        order.address
    ))
}

/// Somebody pays, and the daemon sees it.
async fn pay<'a>(stage: &Stage, chain: &'a Chain, number: &str) -> anyhow::Result<Tale<'a>> {
    let (order, usdt) = order_on(chain.family);
    let (payment, paid_in) = chain.pay(PAYEE, TokenAmount::of(usdt * USDT));
    line(&format!("{number}Somebody pays {usdt} USDT on {}; block {paid_in} holds the transfer.", chain.name()));
    let seen = wait_for(&stage.channel, order, "the payment to be seen", |deposit| {
        is(deposit, v1::DepositState::Detected) && deposit.confirmations > 0
    })
    .await?;
    let tale = Tale { chain, order, usdt, payment, deposit_id: seen.deposit_id.clone() };
    let wants = match chain.family {
        Family::Evm => format!("{} of {CONFIRMATIONS} confirmations", seen.confirmations),
        Family::Tron => format!("to be credited once it is solidified, {} blocks from now", tale.needed() - 1),
    };
    line(&format!("   depositd has seen it: {}, {wants}.", seen.deposit_id));
    Ok(tale)
}

/// Both payments leave their chains, and come back in other blocks.
async fn reorg(stage: &Stage, tales: &mut [&mut Tale<'_>; 2]) -> anyhow::Result<()> {
    for tale in tales.iter() {
        tale.chain.ledger.lock().fork(1, 2, Orphans::Drop)?;
    }
    line("4. A reorg on each: the blocks of both payments are replaced, they are in no block any more.");
    for tale in tales.iter() {
        let what = format!("the reorg on {}", tale.chain.name());
        wait_for(&stage.channel, tale.order, &what, |deposit| is(deposit, v1::DepositState::Orphaned)).await?;
    }
    line("   depositd took them back: the deposits are orphaned, the orders wait, the merchant was told nothing.");
    ensure!(stage.merchant.received().is_empty(), "the merchant was told about a payment that is not there");
    let mut back_in = Vec::new();
    for tale in tales.iter() {
        back_in.push(tale.chain.ledger.lock().mine(vec![tale.payment.clone()]).height);
    }
    for tale in tales.iter() {
        let back = wait_for(&stage.channel, tale.order, "the payment to come back", |deposit| {
            is(deposit, v1::DepositState::Detected)
        })
        .await?;
        ensure!(back.deposit_id == tale.deposit_id, "the same transfer came back under another name");
    }
    line(&format!(
        "5. The same transactions come back, in block {} and in block {}: the same deposit ids.",
        back_in[0], back_in[1]
    ));
    Ok(())
}

/// Blocks on top, side by side, until both are credited.
async fn confirm(stage: &Stage, tales: &[Tale<'_>; 2]) -> anyhow::Result<()> {
    let draws = io::stdout().is_terminal();
    let target = if draws { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::hidden() };
    let bars = MultiProgress::with_draw_target(target);
    let style = ProgressStyle::with_template("   {msg:8} [{bar:20}] {pos} of {len} blocks")?;
    let tracks: Vec<(&Tale<'_>, ProgressBar)> = tales
        .iter()
        .map(|tale| {
            let bar = ProgressBar::new(u64::from(tale.needed())).with_style(style.clone());
            (tale, bars.add(bar).with_message(tale.chain.name()))
        })
        .collect();
    let most = tales.iter().map(Tale::needed).max().unwrap_or(0);
    for depth in 1..=most {
        for (tale, bar) in tracks.iter().filter(|(tale, _)| depth <= tale.needed()) {
            if depth > 1 {
                tale.chain.ledger.lock().extend(1);
            }
            let what = format!("block {depth} on {}", tale.chain.name());
            wait_for(&stage.channel, tale.order, &what, |deposit| deposit.confirmations >= depth).await?;
            bar.set_position(u64::from(depth));
            if !draws && (depth == tale.needed() || depth % 6 == 1) {
                line(&format!("   {}: {depth} of {} blocks", tale.chain.name(), tale.needed()));
            }
        }
    }
    tracks.iter().for_each(|(_, bar)| bar.finish());
    for tale in tales {
        let credited = |deposit: &v1::Deposit| {
            is(deposit, v1::DepositState::Confirmed) || is(deposit, v1::DepositState::Finalized)
        };
        wait_for(&stage.channel, tale.order, "the credit", credited).await?;
    }
    line(
        "6. Confirmed: on Ethereum both nodes showed the receipt once more, on TRON the solid side of both; the credits",
    );
    line("   are on disk.");
    Ok(())
}

async fn told(stage: &Stage, tales: &[Tale<'_>; 2]) -> anyhow::Result<()> {
    let wait_ms = u64::try_from(STEP.as_millis()).unwrap_or(u64::MAX);
    let received = stage.merchant.wait_for(tales.len(), wait_ms).await.context("the merchant was not told")?;
    ensure!(received.len() == tales.len(), "the merchant was told {} times", received.len());
    line("7. The merchant receives two notifications; their signatures verify:");
    for tale in tales {
        let bodies = received.iter().filter(|told| body(told)["data"]["deposit_id"] == tale.deposit_id.as_str());
        let [told] = bodies.collect::<Vec<_>>()[..] else { anyhow::bail!("{} was not told once", tale.order) };
        ensure!(told.signature == Signature::Verified, "the merchant could not verify the signature");
        ensure!(told.sameness == Sameness::First, "the merchant was told twice");
        let body = body(told);
        ensure!(body["type"] == "deposit.confirmed", "the merchant was told {body}");
        let field = |name: &str| body["data"][name].as_str().unwrap_or_default().to_owned();
        let (event, amount) = (field("event_id"), field("amount_decimal"));
        ensure!(amount == format!("{}.000000", tale.usdt), "the merchant was told {amount} USDT");
        line(&format!("   deposit.confirmed {event} {amount} USDT on {}, order {}", field("network"), tale.order));
    }
    Ok(())
}

/// What the merchant was told; null if it is no JSON.
fn body(told: &Received) -> serde_json::Value {
    serde_json::from_slice(&told.body).unwrap_or_default()
}

fn is(deposit: &v1::Deposit, state: v1::DepositState) -> bool {
    deposit.state() == state
}

async fn get_order(channel: &Channel, order: &str) -> anyhow::Result<v1::Order> {
    let request = v1::GetOrderRequest { app_id: APP.to_owned(), order_id: order.to_owned() };
    let answer = OrderServiceClient::new(channel.clone()).get_order(request).await?;
    answer.into_inner().order.context("an answer without an order")
}

/// Asks for the order's deposit until `arrived`.
async fn wait_for(
    channel: &Channel,
    order: &str,
    what: &str,
    arrived: impl Fn(&v1::Deposit) -> bool,
) -> anyhow::Result<v1::Deposit> {
    let mut client = DepositServiceClient::new(channel.clone());
    let begun = Instant::now();
    loop {
        let request = v1::ListDepositsRequest {
            app_id: APP.to_owned(),
            order_id: order.to_owned(),
            ..v1::ListDepositsRequest::default()
        };
        let deposits = client.list_deposits(request).await?.into_inner().deposits;
        if let Some(deposit) = deposits.into_iter().find(|deposit| arrived(deposit)) {
            return Ok(deposit);
        }
        ensure!(begun.elapsed() < STEP, "waited {} s for {what}", STEP.as_secs());
        tokio::time::sleep(LOOK).await;
    }
}
