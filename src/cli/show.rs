//! What a command prints: a table for people, JSON with the names of the proto for programs.
//!
//! No colour is ever written, so nothing depends on the terminal. JSON: enums by their proto name, heights and counts as
//! numbers, amounts as text, instants in RFC 3339; an absent field is `null`.

use std::io::{self, Write};

use comfy_table::{Table, presets::NOTHING};
use prost_types::Timestamp;
use serde_json::{Value, json};

use crate::{
    api::proto::v1,
    domain::{self},
};

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
fn plain(text: &str) -> String {
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

fn table(header: Vec<&'static str>, rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    // One row is one line.
    let cell = |text: String| plain(&text).replace('\n', " ");
    let rows = rows.into_iter().map(|row| row.into_iter().map(cell).collect::<Vec<_>>());
    table.load_preset(NOTHING).set_header(header).add_rows(rows);
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn time(at: Option<&Timestamp>) -> Option<String> {
    at.and_then(|at| u64::try_from(at.seconds).ok()).map(|seconds| domain::Timestamp(seconds).to_string())
}

/// `ORDER_STATE_OPEN` → `open`.
fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase()
}

fn token_json(token: Option<&v1::Token>) -> Value {
    token.map_or(
        Value::Null,
        |token| json!({ "contract": token.contract, "symbol": token.symbol, "decimals": token.decimals }),
    )
}

fn block_json(block: Option<&v1::Block>) -> Value {
    block.map_or(
        Value::Null,
        |block| json!({ "height": block.height, "hash": block.hash, "time": time(block.time.as_ref()) }),
    )
}

/// An amount with its token, for people.
fn amount(shown: &str, base_units: &str, symbol: &str) -> String {
    if shown.is_empty() {
        format!("{base_units} base units")
    } else {
        format!("{shown} {symbol}").trim_end().to_owned()
    }
}

pub(super) const APP: [&str; 4] = ["APP", "NOTIFY URL", "SECRETS", "CREATED"];

pub(super) fn app(app: &v1::App) -> Shown {
    let secrets: Vec<Value> = app
        .secrets
        .iter()
        .map(|secret| json!({ "fingerprint": secret.fingerprint, "expire_time": time(secret.expire_time.as_ref()) }))
        .collect();
    let shown: Vec<&str> = app.secrets.iter().map(|secret| secret.fingerprint.as_str()).collect();
    let created = time(app.create_time.as_ref());
    let row = vec![app.app_id.clone(), app.notify_url.clone(), shown.join(" "), created.clone().unwrap_or_default()];
    let json = json!({
        "app_id": app.app_id, "notify_url": app.notify_url, "notify_hosts": app.notify_hosts, "secrets": secrets,
        "create_time": created,
    });
    Shown { json, header: APP.to_vec(), rows: vec![row] }
}

pub(super) const ORDER: [&str; 7] = ["APP", "ORDER", "STATE", "AMOUNT", "ADDRESS", "NETWORKS", "PAID BY"];

pub(super) fn order(order: &v1::Order) -> Shown {
    let lines: Vec<Value> = order
        .lines
        .iter()
        .map(|line| {
            json!({ "network": line.network, "token": token_json(line.token.as_ref()),
            "effective_from": line.effective_from })
        })
        .collect();
    let networks: Vec<String> =
        order.lines.iter().map(|line| format!("{} from {}", line.network, line.effective_from)).collect();
    let symbol = order.lines.iter().find_map(|line| line.token.as_ref()).map_or("", |token| token.symbol.as_str());
    let state = order.state().as_str_name();
    let row = vec![
        order.app_id.clone(),
        order.order_id.clone(),
        word(state, "ORDER_STATE_"),
        amount(&order.display_amount, &order.amount, symbol),
        order.address.clone(),
        networks.join(", "),
        order.paid_by.clone(),
    ];
    let json = json!({
        "app_id": order.app_id, "order_id": order.order_id, "user_mark": order.user_mark, "username": order.username,
        "address": order.address, "lines": lines, "amount": order.amount, "display_amount": order.display_amount,
        "notify_url": order.notify_url, "state": state, "paid_by": order.paid_by,
        "create_time": time(order.create_time.as_ref()),
    });
    Shown { json, header: ORDER.to_vec(), rows: vec![row] }
}

pub(super) const ADDRESS: [&str; 6] = ["NETWORK", "ADDRESS", "APP", "USER MARK", "STANDING FROM", "OPEN ORDER"];

pub(super) fn address(address: &v1::Address) -> Shown {
    let row = vec![
        address.network.clone(),
        address.address.clone(),
        address.app_id.clone(),
        address.user_mark.clone(),
        address.standing_from.map(|height| height.to_string()).unwrap_or_default(),
        address.open_order_id.clone(),
    ];
    let json = json!({
        "network": address.network, "address": address.address, "app_id": address.app_id,
        "user_mark": address.user_mark, "standing_from": address.standing_from,
        "open_order_id": address.open_order_id, "create_time": time(address.create_time.as_ref()),
    });
    Shown { json, header: ADDRESS.to_vec(), rows: vec![row] }
}

pub(super) const DEPOSIT: [&str; 8] =
    ["DEPOSIT", "STATE", "REASON", "AMOUNT", "CONFIRMATIONS", "NETWORK", "TRANSACTION", "ORDER"];

pub(super) fn deposit(deposit: &v1::Deposit) -> Shown {
    use v1::required_confirmations::Rule;
    let rule = deposit.required.as_ref().and_then(|required| required.rule.as_ref());
    let (required_json, required) = match rule {
        None => (Value::Null, String::new()),
        Some(Rule::Confirmations(count)) => (json!({ "confirmations": count }), format!("/{count}")),
        Some(Rule::Finalized(finalized)) => {
            let waits = deposit.state() == v1::DepositState::Detected;
            (json!({ "finalized": finalized }), if waits { ", waits for final" } else { "" }.to_owned())
        }
    };
    let symbol = deposit.token.as_ref().map_or("", |token| token.symbol.as_str());
    let (state, reason) = (deposit.state().as_str_name(), deposit.reason().as_str_name());
    let row = vec![
        deposit.deposit_id.clone(),
        word(state, "DEPOSIT_STATE_"),
        word(reason, "DEPOSIT_REASON_"),
        amount(&deposit.display_amount, &deposit.amount, symbol),
        format!("{}{required}", deposit.confirmations),
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
        "user_mark": deposit.user_mark, "order_id": deposit.order_id,
    });
    Shown { json, header: DEPOSIT.to_vec(), rows: vec![row] }
}

pub(super) const NETWORK: [&str; 9] =
    ["NETWORK", "STATE", "HEAD", "FINAL", "READ TO", "LAG", "STALLED", "TOKENS", "WHY"];

pub(super) fn network(network: &v1::Network) -> Shown {
    let tokens: Vec<Value> = network.tokens.iter().map(|token| token_json(Some(token))).collect();
    let symbols: Vec<&str> = network.tokens.iter().map(|token| token.symbol.as_str()).collect();
    let height = |block: Option<&v1::Block>| block.map(|block| block.height.to_string()).unwrap_or_default();
    let stalls = [(network.head_stalled, "head"), (network.finality_stalled, "finality")];
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
    });
    Shown { json, header: NETWORK.to_vec(), rows: vec![row] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_as_table_and_as_json() {
        let token = v1::Token { contract: "0xab".into(), symbol: "USDT".into(), decimals: 6 };
        let line = v1::OrderLine { network: "main".into(), token: Some(token), effective_from: 7 };
        let order_ = v1::Order {
            app_id: "shop".into(),
            order_id: "A-1".into(),
            address: "0x01".into(),
            lines: vec![line],
            amount: "10500000".into(),
            display_amount: "10.500000".into(),
            state: v1::OrderState::Open.into(),
            create_time: Some(Timestamp { seconds: 951_782_400, nanos: 0 }),
            ..v1::Order::default()
        };
        let shown = order(&order_);
        assert_eq!(shown.json["state"], "ORDER_STATE_OPEN");
        assert_eq!(shown.json["amount"], "10500000");
        assert_eq!(shown.json["lines"][0]["effective_from"], 7);
        assert_eq!(shown.json["create_time"], "2000-02-29T00:00:00Z");
        let text = table(shown.header, shown.rows);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["APP", "ORDER", "STATE", "AMOUNT", "ADDRESS", "NETWORKS", "PAID", "BY"]);
        assert_eq!(words[1], ["shop", "A-1", "open", "10.500000", "USDT", "0x01", "main", "from", "7"]);
        assert!(!text.contains('\u{1b}'), "no colour");
        let list = Shown::list("orders", vec![order(&order_), order(&order_)], ORDER.to_vec(), Some("next"));
        assert_eq!(list.json["orders"].as_array().map(Vec::len), Some(2));
        assert_eq!(list.json["next_page_token"], "next");
    }

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
