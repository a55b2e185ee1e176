//! `depositd reconcile`: the stored deposits against the chain.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use crate::{
    api::proto::v1::{
        BalanceCheck, Difference, ReconcileProgress, ReconcileRequest, ReconcileSummary, Token, TransferSide,
        reconcile_response::News, reconcile_service_client::ReconcileServiceClient,
    },
    domain::{Decimals, TokenAmount},
};

use super::{
    client::ClientArgs,
    exit::{FAILURE, Failure},
    show::{self, Shown},
};

/// How often people are told how far it has come.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Rows of the table of differences; all of them are counted.
const ROWS_MAX: usize = 1000;

/// What to compare.
#[derive(Clone, Debug, Args)]
pub struct ReconcileArgs {
    /// The network
    network: String,
    /// First block
    #[arg(long)]
    from: u64,
    /// Last block: final, or below what a reorg may still reach
    #[arg(long)]
    to: u64,
    /// The endpoint to read, by its configured name; the last one if none is named
    #[arg(long, default_value = "")]
    endpoint: String,
    /// Compare the balances of the addresses paid in the range too
    #[arg(long)]
    balances: bool,
    /// Compare the balance of this address instead; may be repeated
    #[arg(long = "address")]
    addresses: Vec<String>,
    /// Nothing is ever sent from these addresses: a balance below its deposits is a difference
    #[arg(long)]
    nothing_flows_out: bool,
}

pub(super) async fn run(wish: ReconcileArgs, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = ReconcileServiceClient::new(args.open().await?);
    let network = wish.network.clone();
    let request = ReconcileRequest {
        network: wish.network,
        from_height: wish.from,
        to_height: wish.to,
        endpoint: wish.endpoint,
        balances: wish.balances,
        nothing_flows_out: wish.nothing_flows_out,
        addresses: wish.addresses,
    };
    let mut told = client.reconcile(request).await?.into_inner();
    let (mut found, mut progress) = (Found::default(), Progress { last: Instant::now() });
    loop {
        let Some(news) = told.message().await? else {
            return Err(Failure::new(FAILURE, "the comparison ended without a summary"));
        };
        match news.news {
            Some(News::Progress(at)) => progress.tell(at),
            Some(News::Difference(difference)) => found.take(difference_shown(&difference), args.json),
            Some(News::Balance(balance)) => found.take(balance_shown(&balance), args.json),
            Some(News::Summary(summary)) => {
                found.print(args.json);
                return end(&network, &summary, found.misses_deposits, args.json);
            }
            None => {}
        }
    }
}

/// Says what came of it. A difference is a failure of this command.
fn end(network: &str, summary: &ReconcileSummary, misses_deposits: bool, as_json: bool) -> Result<(), Failure> {
    if as_json {
        show::line(&json!({ "summary": summary_json(summary) }).to_string());
    } else {
        show::line(&summary_text(summary));
    }
    match summary.differences {
        0 => Ok(()),
        count => {
            let advice = if misses_deposits {
                format!("; `depositd network rescan {network}` reads missing deposits again")
            } else {
                String::new()
            };
            let what = if count == 1 { "1 difference".to_owned() } else { format!("{count} differences") };
            Err(Failure::new(FAILURE, format!("{what} between chain and store{advice}")))
        }
    }
}

/// Differences, kept for one table.
#[derive(Default)]
struct Found {
    rows: Vec<Vec<String>>,
    left_out: usize,
    misses_deposits: bool,
}

impl Found {
    /// Programs get each at once, one object a line.
    fn take(&mut self, shown: Shown, as_json: bool) {
        self.misses_deposits |= shown.rows.iter().flatten().any(|cell| cell == "missing_in_store");
        if as_json {
            show::line(&shown.json.to_string());
        } else if self.rows.len() < ROWS_MAX {
            self.rows.extend(shown.rows);
        } else {
            self.left_out += 1;
        }
    }

    fn print(&mut self, as_json: bool) {
        if as_json || self.rows.is_empty() {
            return;
        }
        show::line(show::table(DIFFERENCE.to_vec(), std::mem::take(&mut self.rows)).trim_end());
        if self.left_out > 0 {
            show::message(&format!("{} more are not shown here; --json shows them all", self.left_out));
        }
    }
}

/// Tells people on stderr how far it is, now and then.
struct Progress {
    last: Instant,
}

impl Progress {
    fn tell(&mut self, at: ReconcileProgress) {
        if self.last.elapsed() >= TELL_EVERY {
            self.last = Instant::now();
            show::message(&progress_text(at));
        }
    }
}

fn progress_text(at: ReconcileProgress) -> String {
    if at.balances_total > 0 {
        return format!("{} of {} balances", at.balances_done, at.balances_total);
    }
    format!("{} of {} blocks", at.blocks_done, at.blocks_total)
}

const DIFFERENCE: [&str; 6] = ["DIFFERENCE", "WHERE", "TOKEN", "TO", "CHAIN", "STORE"];

/// Base units as people read them; as they are where that cannot be.
fn decimal(base_units: &str, token: Option<&Token>) -> String {
    let decimals = token.and_then(|token| Decimals::new(u8::try_from(token.decimals).ok()?));
    let amount = TokenAmount::parse_base_units(base_units).ok();
    amount.zip(decimals).map_or_else(|| base_units.to_owned(), |(amount, decimals)| amount.decimal(decimals))
}

fn difference_shown(found: &Difference) -> Shown {
    let kind = found.kind().as_str_name();
    let token = found.token.as_ref();
    let amount = |side: Option<&TransferSide>| {
        let place = |side: &TransferSide| side.block.as_ref().map(|block| block.height).unwrap_or_default();
        side.map_or_else(|| "-".to_owned(), |side| format!("{} in {}", decimal(&side.amount, token), place(side)))
    };
    let side = found.chain.as_ref().or(found.store.as_ref());
    let mut stored = amount(found.store.as_ref());
    if !found.store_state.is_empty() {
        stored = format!("{stored}, {}", found.store_state);
    }
    let row = vec![
        show::word(kind, "DIFFERENCE_KIND_"),
        found.tx_hash.clone(),
        token.map(|token| token.symbol.clone()).unwrap_or_default(),
        side.map(|side| side.to.clone()).unwrap_or_default(),
        amount(found.chain.as_ref()),
        stored,
    ];
    let json = json!({ "difference": {
        "kind": kind, "deposit_id": found.deposit_id, "tx_hash": found.tx_hash,
        "token": show::token_json(found.token.as_ref()), "log_ordinal": found.log_ordinal,
        "chain": side_json(found.chain.as_ref()), "store": side_json(found.store.as_ref()),
        "store_state": found.store_state,
    } });
    Shown { json, header: DIFFERENCE.to_vec(), rows: vec![row] }
}

fn side_json(side: Option<&TransferSide>) -> Value {
    side.map_or(Value::Null, |side| {
        let block =
            side.block.as_ref().map_or(Value::Null, |block| json!({ "height": block.height, "hash": block.hash }));
        json!({ "block": block, "from": side.from, "to": side.to, "amount": side.amount })
    })
}

fn balance_shown(found: &BalanceCheck) -> Shown {
    let (kind, token) = (found.kind().as_str_name(), found.token.as_ref());
    let row = vec![
        show::word(kind, "BALANCE_KIND_"),
        "balance".to_owned(),
        token.map(|token| token.symbol.clone()).unwrap_or_default(),
        found.address.clone(),
        decimal(&found.balance, token),
        format!("{}, {} credited", decimal(&found.deposited, token), decimal(&found.credited, token)),
    ];
    let json = json!({ "balance": {
        "address": found.address, "token": show::token_json(found.token.as_ref()), "kind": kind,
        "balance": found.balance, "deposited": found.deposited, "credited": found.credited,
    } });
    Shown { json, header: DIFFERENCE.to_vec(), rows: vec![row] }
}

fn summary_json(summary: &ReconcileSummary) -> Value {
    let sums = summary.sums.iter().map(
        |sums| json!({ "token": show::token_json(sums.token.as_ref()), "chain": sums.chain, "store": sums.store }),
    );
    json!({
        "endpoint": summary.endpoint, "blocks": summary.blocks, "transfers_on_chain": summary.transfers_on_chain,
        "transfers_in_store": summary.transfers_in_store, "not_covered": summary.not_covered,
        "differences": summary.differences, "sums": sums.collect::<Vec<_>>(), "balances": summary.balances,
    })
}

fn summary_text(summary: &ReconcileSummary) -> String {
    let mut text = format!(
        "{} blocks from {}: {} transfers on the chain, {} in the store, {} not covered, {} balances",
        summary.blocks,
        summary.endpoint,
        summary.transfers_on_chain,
        summary.transfers_in_store,
        summary.not_covered,
        summary.balances
    );
    for sums in &summary.sums {
        let token = sums.token.as_ref();
        let symbol = token.map_or("", |token| token.symbol.as_str());
        let (chain, store) = (decimal(&sums.chain, token), decimal(&sums.store, token));
        text.push_str(&format!("\n{symbol}: {chain} on the chain, {store} in the store"));
    }
    text
}

#[cfg(test)]
mod tests;
