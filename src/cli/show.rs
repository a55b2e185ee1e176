//! What a command prints: a table for people, JSON with the names of the proto for programs.
//!
//! No colour is ever written, so nothing depends on the terminal. JSON: enums by their proto name, heights and counts as
//! numbers, amounts as text, instants in RFC 3339; an absent field is `null`.

use std::io::{self, Write};

use comfy_table::{Table, presets::NOTHING};
use prost_types::Timestamp;
use serde_json::{Value, json};

use crate::{api::proto::v1, domain};

/// Writes a line to stdout. A closed pipe is the reader's decision, not an error.
pub(super) fn line(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes lines to stderr.
pub(super) fn message(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", plain(text));
}

/// Text that came from elsewhere, as it may meet a terminal: control characters, and those that turn the direction of
/// what stands beside them, are written out.
pub(super) fn plain(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let show = |c: char| {
        let hidden = (c.is_control() && !matches!(c, '\n' | '\t')) || turns(c);
        if hidden { c.escape_unicode().to_string() } else { c.to_string() }
    };
    text.chars().map(show).collect()
}

/// Rows and the form they can take.
pub(super) struct Shown {
    pub(super) json: Value,
    pub(super) header: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Shown {
    pub(super) fn print(self, as_json: bool) {
        if as_json {
            return line(&self.json.to_string());
        }
        if self.rows.is_empty() {
            return message("none");
        }
        line(table(self.header, self.rows).trim_end());
    }

    /// Several things of one kind under the proto's name of the list.
    pub(super) fn list(
        name: &str,
        items: Vec<Shown>,
        header: Vec<&'static str>,
        next_page_token: Option<&str>,
    ) -> Self {
        let mut rows = vec![];
        let mut values = vec![];
        for item in items {
            values.push(item.json);
            rows.extend(item.rows);
        }
        let mut json = json!({ name: values });
        if let Some(token) = next_page_token {
            json["next_page_token"] = json!(token);
        }
        Self { json, header, rows }
    }
}

pub(super) fn table(header: Vec<&'static str>, rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    // One row is one line.
    let cell = |text: String| plain(&text).replace('\n', " ");
    let rows = rows.into_iter().map(|row| row.into_iter().map(cell).collect::<Vec<_>>());
    table.load_preset(NOTHING).set_header(header).add_rows(rows);
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// RFC 3339, to the second.
pub(super) fn time(at: Option<&Timestamp>) -> Option<String> {
    at.and_then(|at| u64::try_from(at.seconds).ok()).map(|seconds| domain::Timestamp(seconds).to_string())
}

/// `ORDER_STATE_OPEN` → `open`.
pub(super) fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase()
}

pub(super) fn token_json(token: Option<&v1::Token>) -> Value {
    token.map_or(
        Value::Null,
        |token| json!({ "contract": token.contract, "symbol": token.symbol, "decimals": token.decimals }),
    )
}

pub(super) fn block_json(block: Option<&v1::Block>) -> Value {
    block.map_or(
        Value::Null,
        |block| json!({ "height": block.height, "hash": block.hash, "time": time(block.time.as_ref()) }),
    )
}

/// An amount with its token, for people.
pub(super) fn amount(shown: &str, base_units: &str, symbol: &str) -> String {
    if shown.is_empty() {
        format!("{base_units} base units")
    } else {
        format!("{shown} {symbol}").trim_end().to_owned()
    }
}

pub(super) const DEPOSIT: [&str; 8] =
    ["DEPOSIT", "STATE", "REASON", "AMOUNT", "CONFIRMATIONS", "NETWORK", "TRANSACTION", "ORDER"];

/// What a deposit needs, as JSON, and as it stands behind its confirmations.
pub(super) fn required(required: Option<&v1::RequiredConfirmations>, state: v1::DepositState) -> (Value, String) {
    use v1::required_confirmations::Rule;
    match required.and_then(|required| required.rule.as_ref()) {
        None => (Value::Null, String::new()),
        Some(Rule::Confirmations(count)) => (json!({ "confirmations": count }), format!("/{count}")),
        Some(Rule::Finalized(finalized)) => {
            let waits = state == v1::DepositState::Detected;
            (json!({ "finalized": finalized }), if waits { ", waits for final" } else { "" }.to_owned())
        }
    }
}

pub(super) fn deposit(deposit: &v1::Deposit) -> Shown {
    let (required_json, required) = required(deposit.required.as_ref(), deposit.state());
    let held = if deposit.hold.is_some() { ", held" } else { "" };
    let symbol = deposit.token.as_ref().map_or("", |token| token.symbol.as_str());
    let (state, reason) = (deposit.state().as_str_name(), deposit.reason().as_str_name());
    let row = vec![
        deposit.deposit_id.clone(),
        word(state, "DEPOSIT_STATE_"),
        word(reason, "DEPOSIT_REASON_"),
        amount(&deposit.display_amount, &deposit.amount, symbol),
        format!("{}{required}{held}", deposit.confirmations),
        deposit.network.clone(),
        deposit.tx_hash.clone(),
        deposit.order_id.clone(),
    ];
    let json = json!({
        "deposit_id": deposit.deposit_id, "network": deposit.network, "token": token_json(deposit.token.as_ref()),
        "tx_hash": deposit.tx_hash, "log_ordinal": deposit.log_ordinal, "block": block_json(deposit.block.as_ref()),
        "from": deposit.from, "address": deposit.address, "amount": deposit.amount,
        "display_amount": deposit.display_amount, "state": state, "reason": reason, "version": deposit.version,
        "confirmations": deposit.confirmations, "required": required_json, "app_id": deposit.app_id,
        "user_mark": deposit.user_mark, "order_id": deposit.order_id, "hold": deposit.hold.as_ref().map(|hold| {
            json!({ "by": hold.by, "time": time(hold.time.as_ref()), "reason": hold.reason })
        }),
    });
    Shown { json, header: DEPOSIT.to_vec(), rows: vec![row] }
}

pub(super) const NETWORK: [&str; 9] =
    ["NETWORK", "STATE", "HEAD", "FINAL", "READ TO", "LAG", "STALLED", "TOKENS", "WHY"];

pub(super) fn network(network: &v1::Network) -> Shown {
    let tokens: Vec<Value> = network.tokens.iter().map(|token| token_json(Some(token))).collect();
    let symbols: Vec<&str> = network.tokens.iter().map(|token| token.symbol.as_str()).collect();
    let height = |block: Option<&v1::Block>| block.map(|block| block.height.to_string()).unwrap_or_default();
    let held = (network.credits_held > 0, "credits");
    let stalls = [(network.head_stalled, "head"), (network.finality_stalled, "finality"), held];
    let stalled: Vec<&str> = stalls.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word).collect();
    let (state, family) = (network.state().as_str_name(), network.family().as_str_name());
    let row = vec![
        network.network.clone(),
        word(state, "NETWORK_STATE_"),
        height(network.head.as_ref()),
        height(network.head_final.as_ref()),
        height(network.cursor.as_ref()),
        network.lag_blocks.to_string(),
        stalled.join(" "),
        symbols.join(" "),
        network.why.clone(),
    ];
    let json = json!({
        "network": network.network, "family": family, "tokens": tokens, "head": block_json(network.head.as_ref()),
        "cursor": block_json(network.cursor.as_ref()), "final_height": network.final_height,
        "lag_blocks": network.lag_blocks, "state": state, "why": network.why,
        "progress_time": time(network.progress_time.as_ref()), "head_final": block_json(network.head_final.as_ref()),
        "head_stalled": network.head_stalled, "finality_stalled": network.finality_stalled,
        "credits_held": network.credits_held,
    });
    Shown { json, header: NETWORK.to_vec(), rows: vec![row] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_says_what_stands_still() {
        let block = |height| Some(v1::Block { height, hash: "00".into(), time: None });
        let mut main =
            v1::Network { network: "main".into(), head: block(9), head_final: block(4), ..Default::default() };
        let stalled = |main: &v1::Network| network(main).rows[0][6].clone();
        assert_eq!((stalled(&main), network(&main).rows[0][3].as_str()), (String::new(), "4"));
        main.finality_stalled = true;
        assert_eq!(stalled(&main), "finality");
        main.head_stalled = true;
        assert_eq!(stalled(&main), "head finality");
        assert_eq!(network(&main).json["head_final"]["height"], 4);
        assert_eq!(network(&main).json["finality_stalled"], true);
        (main.credits_held, main.head_stalled) = (2, false);
        assert_eq!((stalled(&main).as_str(), &network(&main).json["credits_held"]), ("finality credits", &2.into()));
    }

    #[test]
    fn nothing_from_elsewhere_moves_a_terminal() {
        let why = "\u{1b}]0;pwned\u{7}\u{9b}2J\rok\nline".to_owned();
        let shown = network(&v1::Network { network: "main".into(), why, ..v1::Network::default() });
        let text = table(shown.header, shown.rows);
        assert!(text.contains("\\u{1b}]0;pwned") && text.ends_with("ok line"), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert_eq!(text.lines().count(), 2);
        assert_eq!(plain("A-\u{202e}1\n"), "A-\\u{202e}1\n");
    }
}
