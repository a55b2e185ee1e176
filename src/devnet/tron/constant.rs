//! `triggerconstantcontract`: what a token answers about itself, in the shape java-tron gives it.

use serde_json::{Value, json};

use crate::{
    devnet::{
        block::SimBlock,
        bloom::keccak256,
        control::account,
        ledger::{LedgerHandle, SimToken},
        tx::Tx,
    },
    domain::{Address, Family},
};

use super::{
    args::{Args, NodeError},
    contract::{Contract, Stamp},
    render::Style,
};

/// Energy each call is said to use.
const ENERGY: u64 = 935;

/// Runs the call; a contract that is not there and one that reverts answer in two different ways.
pub(super) fn call(ledger: &LedgerHandle, head: &SimBlock, args: &Args, style: Style) -> Result<String, NodeError> {
    let (Some(owner), Some(contract)) = (named(args, "owner_address")?, named(args, "contract_address")?) else {
        return Ok(refused("owner_address isn't set."));
    };
    let token = ledger.lock().spec().tokens.iter().find(|token| token.contract == contract).cloned();
    let Some(token) = token else { return Ok(refused("Smart contract is not exist.")) };
    let input = input(args)?;
    let answer = answer(ledger, &token, &input);
    let time_ms = i64::try_from(head.timestamp.0.saturating_mul(1_000)).unwrap_or(i64::MAX);
    let stamp = Stamp::new(head.at.hash.0, time_ms);
    let called = Contract::Call { data: input.clone(), value: 0 };
    let tx = Tx::on_tron(owner, contract, Vec::new(), called, stamp).with_fee_limit(0);
    Ok(told(&tx, &input, answer.as_deref(), style))
}

/// The zero address is nobody's, and what most clients name as the owner of a call that changes nothing.
fn named(args: &Args, name: &str) -> Result<Option<Address>, NodeError> {
    let text = args.text(name)?;
    let zero = Address::default();
    let is_zero = text == zero.text(Family::Tron) || text.strip_prefix("41").is_some_and(|rest| rest == "0".repeat(40));
    Ok(if is_zero { Some(zero) } else { account(Family::Tron, text) })
}

/// `data` as it stands, or the selector's hash before `parameter`.
fn input(args: &Args) -> Result<Vec<u8>, NodeError> {
    let bytes = |name| hex::decode(args.text(name)?).map_err(|_| NodeError(format!("{name} is not hex")));
    let selector = args.text("function_selector")?;
    if selector.is_empty() {
        return bytes("data");
    }
    Ok([&keccak256(&[selector.as_bytes()])[..4], &bytes("parameter")?].concat())
}

/// The words the token returns, in hex; `None` if it reverts.
fn answer(ledger: &LedgerHandle, token: &SimToken, input: &[u8]) -> Option<String> {
    let asks = |signature: &str| input == &keccak256(&[signature.as_bytes()])[..4];
    if asks("decimals()") {
        return Some(format!("{:064x}", token.decimals.get()));
    }
    if asks("symbol()") || asks("name()") {
        let text = hex::encode(&token.symbol);
        let padded = text.len().div_ceil(64) * 64;
        return Some(format!("{:064x}{:064x}{text:0<padded$}", 32, token.symbol.len()));
    }
    let owner = input.strip_prefix(&keccak256(&[b"balanceOf(address)"])[..4]).filter(|word| word.len() == 32);
    let owner = owner.and_then(|word| word.last_chunk().copied()).map(Address);
    owner.map(|owner| hex::encode(ledger.lock().balance(token.contract, owner).to_bytes()))
}

fn told(tx: &Tx, input: &[u8], answer: Option<&str>, style: Style) -> String {
    let shown = |address: Address| match style {
        Style::Hex => format!("41{}", hex::encode(address.0)),
        Style::Base58 => address.text(Family::Tron),
    };
    let stamp = &tx.tron().stamp;
    let (result, ret) = match answer {
        Some(_) => (json!({ "result": true }), json!([{}])),
        None => {
            (json!({ "result": true, "message": hex::encode("REVERT opcode executed") }), json!([{ "ret": "FAILED" }]))
        }
    };
    json!({
        "result": result,
        "energy_used": ENERGY,
        "constant_result": [answer.unwrap_or_default()],
        "transaction": {
            "ret": ret,
            "visible": style == Style::Base58,
            "txID": tx.hash.text(Family::Tron),
            "raw_data": {
                "contract": [{
                    "parameter": {
                        "value": {
                            "data": hex::encode(input),
                            "owner_address": shown(tx.from),
                            "contract_address": shown(tx.to),
                        },
                        "type_url": "type.googleapis.com/protocol.TriggerSmartContract",
                    },
                    "type": "TriggerSmartContract",
                }],
                "ref_block_bytes": hex::encode(stamp.ref_block_bytes),
                "ref_block_hash": hex::encode(stamp.ref_block_hash),
                "expiration": stamp.expiration,
                "timestamp": stamp.timestamp,
            },
            "raw_data_hex": hex::encode(tx.raw_data()),
        },
    })
    .to_string()
}

/// The call was not even tried; the reason is hex, as it is in protobuf bytes.
fn refused(reason: &str) -> String {
    let message = hex::encode(format!("Contract validate error : {reason}"));
    Value::from_iter([("result", json!({ "code": "CONTRACT_VALIDATE_ERROR", "message": message }))]).to_string()
}
