//! `depositd deposit explain`: why a transaction is money, or is not.

use serde_json::{Value, json};

use crate::api::proto::v1::{self, ExplainTransactionRequest, explain_service_client::ExplainServiceClient};

use super::{client::ClientArgs, exit::Failure, show};

/// Asks and prints.
pub(super) async fn run(network: String, tx_hash: String, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = ExplainServiceClient::new(args.open().await?);
    let answer = client.explain_transaction(ExplainTransactionRequest { network, tx_hash }).await?.into_inner();
    if args.json {
        show::line(&json_of(&answer).to_string());
    } else {
        text_of(&answer).iter().for_each(|text| show::line(&show::plain(text)));
    }
    Ok(())
}

/// The lines for people: the whole, then each transfer with a line per check.
fn text_of(answer: &v1::ExplainTransactionResponse) -> Vec<String> {
    let mut lines = vec![format!("transaction {} on {}", answer.tx_hash, answer.network)];
    if let Some(block) = &answer.block {
        let at = show::time(block.time.as_ref()).map(|time| format!(" of {time}")).unwrap_or_default();
        lines.push(format!("block {} ({}){at}: {}", block.height, block.hash, standing(answer.block_standing())));
    }
    if !answer.endpoint.is_empty() {
        lines.push(format!("as endpoint {} tells it", answer.endpoint));
    }
    lines.extend(answer.remarks.iter().map(|remark| format!("note: {}", remark.text)));
    for (number, one) in (1..).zip(&answer.transfers) {
        lines.push(String::new());
        lines.push(format!("{number}. {}", headline(one)));
        lines.extend(
            one.checks.iter().map(|check| format!("   {:<5}  {:<13}  {}", mark(check), check.name, check.text)),
        );
        let verdict = show::word(one.verdict().as_str_name(), "VERDICT_");
        // Some sentences begin with the verdict themselves.
        let said = one.text.strip_prefix(&format!("{verdict}: ")).unwrap_or(&one.text);
        lines.push(format!("   {verdict} ({}): {said}", one.reason));
        if !one.missing.is_empty() {
            lines.push(format!("   still missing: {}", one.missing));
        }
    }
    lines
}

fn mark(check: &v1::Check) -> &'static str {
    match check.outcome() {
        v1::CheckOutcome::Passed => "ok",
        v1::CheckOutcome::Failed => "no",
        v1::CheckOutcome::Waiting => "waits",
        v1::CheckOutcome::Unspecified => "?",
    }
}

fn standing(standing: v1::BlockStanding) -> &'static str {
    match standing {
        v1::BlockStanding::Ours => "on the chain we follow",
        v1::BlockStanding::Deep => "below the headers that are kept",
        v1::BlockStanding::Another => "not on the chain we follow",
        v1::BlockStanding::NotRead => "not read yet",
        v1::BlockStanding::BelowFirst => "below the first block that was read",
        v1::BlockStanding::NoneRead => "the network has not been read yet",
        v1::BlockStanding::Nowhere | v1::BlockStanding::Unspecified => "nowhere",
    }
}

/// What a transfer is, on one line.
fn headline(one: &v1::ExplainedTransfer) -> String {
    let (contract, symbol) =
        one.token.as_ref().map_or(("", ""), |token| (token.contract.as_str(), token.symbol.as_str()));
    let label = if symbol.is_empty() { format!("token {contract}") } else { symbol.to_owned() };
    let id = one.deposit.as_ref().map(|deposit| format!(", {}", deposit.deposit_id)).unwrap_or_default();
    if one.to.is_empty() {
        return format!("log {} of {label}{id}", one.log_ordinal);
    }
    let amount =
        if one.display_amount.is_empty() { format!("{} units of", one.amount) } else { one.display_amount.clone() };
    format!("{amount} {label} from {} to {}{id}", one.from, one.to)
}

fn json_of(answer: &v1::ExplainTransactionResponse) -> Value {
    let remarks: Vec<Value> =
        answer.remarks.iter().map(|remark| json!({ "reason": remark.reason, "text": remark.text })).collect();
    let transfers: Vec<Value> = answer.transfers.iter().map(transfer_json).collect();
    json!({
        "network": answer.network, "tx_hash": answer.tx_hash, "endpoint": answer.endpoint,
        "block": show::block_json(answer.block.as_ref()), "block_standing": answer.block_standing().as_str_name(),
        "remarks": remarks, "transfers": transfers,
    })
}

fn transfer_json(one: &v1::ExplainedTransfer) -> Value {
    let check =
        |check: &v1::Check| json!({ "name": check.name, "outcome": check.outcome().as_str_name(), "text": check.text });
    let checks: Vec<Value> = one.checks.iter().map(check).collect();
    json!({
        "token": show::token_json(one.token.as_ref()), "log_ordinal": one.log_ordinal, "from": one.from, "to": one.to,
        "amount": one.amount, "display_amount": one.display_amount,
        "deposit": one.deposit.as_ref().map(|deposit| show::deposit(deposit).json), "checks": checks,
        "verdict": one.verdict().as_str_name(), "reason": one.reason, "text": one.text, "missing": one.missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_per_check_says_ok_no_or_waits() {
        let check = |name: &str, outcome: v1::CheckOutcome, text: &str| v1::Check {
            name: name.to_owned(),
            outcome: outcome.into(),
            text: text.to_owned(),
        };
        let one = v1::ExplainedTransfer {
            token: Some(v1::Token { contract: "0xee".into(), symbol: "USDT".into(), decimals: 6 }),
            from: "0x01".into(),
            to: "0x02".into(),
            amount: "5000000".into(),
            display_amount: "5.000000".into(),
            checks: vec![
                check("token", v1::CheckOutcome::Passed, "USDT is listed"),
                check("confirmations", v1::CheckOutcome::Waiting, "needs 20, has 12"),
                check("match", v1::CheckOutcome::Failed, "nobody \u{1b}[2J"),
            ],
            verdict: v1::Verdict::Waiting.into(),
            reason: "confirmations".into(),
            text: "needs 20, has 12".into(),
            missing: "8 more confirmations".into(),
            ..v1::ExplainedTransfer::default()
        };
        let malformed = v1::ExplainedTransfer { to: String::new(), log_ordinal: 3, ..one.clone() };
        let answer = v1::ExplainTransactionResponse {
            network: "main".into(),
            tx_hash: "0xaa".into(),
            block: Some(v1::Block { height: 7, hash: "0xbb".into(), time: None }),
            block_standing: v1::BlockStanding::Ours.into(),
            remarks: vec![v1::Remark { reason: "r".into(), text: "something".into() }],
            transfers: vec![one, malformed],
            ..v1::ExplainTransactionResponse::default()
        };
        let lines = text_of(&answer);
        let expected = [
            "transaction 0xaa on main",
            "block 7 (0xbb): on the chain we follow",
            "note: something",
            "",
            "1. 5.000000 USDT from 0x01 to 0x02",
            "   ok     token          USDT is listed",
            "   waits  confirmations  needs 20, has 12",
            "   no     match          nobody \u{1b}[2J",
            "   waiting (confirmations): needs 20, has 12",
            "   still missing: 8 more confirmations",
            "",
            "2. log 3 of USDT",
        ];
        assert_eq!(lines[..expected.len()], expected);
        assert!(!show::plain(&lines[7]).contains('\u{1b}'), "what meets the terminal is made plain");
        let json = json_of(&answer);
        assert_eq!(json["transfers"][0]["checks"][1]["outcome"], "CHECK_OUTCOME_WAITING");
        assert_eq!(json["transfers"][0]["verdict"], "VERDICT_WAITING");
        assert_eq!(json["transfers"][0]["deposit"], Value::Null);
        assert_eq!(json["block_standing"], "BLOCK_STANDING_OURS");
    }
}
