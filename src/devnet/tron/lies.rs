//! Honest answers made false, each in one way. What is not to be false is not touched, not even re-serialised.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    devnet::{
        control::account,
        trouble::{BlockLie, InfoLie, TronTrouble},
        tx::TRANSFER_TOPIC,
    },
    domain::{Family, TokenAmount},
};

/// What amounts are larger by, and what failed transactions seem to pay: one unit of a token with six decimals.
const EXTRA: u64 = 1_000_000;
/// What the time of another block differs by, in milliseconds.
const OTHER_TIME_MS: i64 = 3_000;

/// A block, header or transaction as a node in this trouble tells it, under `false_id` if there is one.
pub(super) fn block(honest: String, trouble: &TronTrouble, false_id: Option<String>) -> String {
    let TronTrouble { blocks, shuffled_keys, negative_numbers, .. } = trouble;
    if *blocks == BlockLie::Nothing && !shuffled_keys && !negative_numbers && false_id.is_none() {
        return honest;
    }
    let mut told = read(&honest);
    if let Some(id) = false_id {
        told["blockID"] = json!(id);
    }
    match blocks {
        BlockLie::Nothing => (),
        BlockLie::Stripped => drop(told.as_object_mut().and_then(|block| block.remove("transactions"))),
        BlockLie::Tampered => {
            if let Some(header) = told.pointer_mut("/block_header/raw_data") {
                header["version"] = json!(header["version"].as_i64().unwrap_or(0) + 1);
            }
        }
        BlockLie::TamperedTx => {
            if let Some(Value::String(raw)) = told.pointer_mut("/transactions/0/raw_data_hex") {
                raw.push_str("00");
            }
        }
    }
    if *negative_numbers {
        make_negative(&mut told);
        told.get_mut("transactions").and_then(Value::as_array_mut).into_iter().flatten().for_each(make_negative);
    }
    written(&told, *shuffled_keys)
}

/// A list of infos, or a single one, as a node in this trouble tells it.
pub(super) fn infos(honest: String, trouble: &TronTrouble, lie: InfoLie, inflated: bool) -> String {
    let TronTrouble { failed_as_success, failed_pays, shuffled_keys, .. } = trouble;
    if lie == InfoLie::Nothing && !inflated && !failed_as_success && failed_pays.is_none() && !shuffled_keys {
        return honest;
    }
    let mut told = read(&honest);
    if let Value::Array(list) = &mut told {
        tell_falsely(list, lie);
        list.iter_mut().for_each(|info| alter(info, trouble, inflated));
    } else {
        alter(&mut told, trouble, inflated);
    }
    written(&told, *shuffled_keys)
}

fn tell_falsely(list: &mut Vec<Value>, lie: InfoLie) {
    match lie {
        InfoLie::Nothing => (),
        InfoLie::Partial => drop(list.pop()),
        InfoLie::Missing => list.clear(),
        InfoLie::OtherBranch => {
            for info in list {
                let id = info["id"].as_str().unwrap_or_default();
                info["id"] = json!(hex::encode(Sha256::digest(id)));
                shift(info, "blockTimeStamp", OTHER_TIME_MS);
            }
        }
        InfoLie::Reversed => list.reverse(),
        InfoLie::Doubled => {
            if let Some(first) = list.first().cloned() {
                list.insert(0, first);
            }
        }
        InfoLie::WrongNumber => list.iter_mut().take(1).for_each(|info| shift(info, "blockNumber", 1)),
        InfoLie::WrongTime => list.iter_mut().take(1).for_each(|info| shift(info, "blockTimeStamp", OTHER_TIME_MS)),
    }
}

fn shift(info: &mut Value, key: &str, by: i64) {
    info[key] = json!(info[key].as_i64().unwrap_or(0) + by);
}

fn alter(info: &mut Value, trouble: &TronTrouble, inflated: bool) {
    if inflated {
        info.get_mut("log").and_then(Value::as_array_mut).into_iter().flatten().for_each(inflate);
    }
    let failed = info["result"] == "FAILED";
    if failed && let Some(to) = &trouble.failed_pays {
        pay(info, to);
    }
    if failed && trouble.failed_as_success {
        info["receipt"]["result"] = json!("SUCCESS");
        if let Some(info) = info.as_object_mut() {
            info.remove("result");
            info.remove("resMessage");
        }
    }
}

fn inflate(log: &mut Value) {
    let mut word = [0; 32];
    let readable = log["data"].as_str().is_some_and(|data| hex::decode_to_slice(data, &mut word).is_ok());
    let more = TokenAmount::from_bytes(&word).checked_add(TokenAmount::of(EXTRA));
    if let (true, Some(more)) = (readable, more) {
        log["data"] = json!(hex::encode(more.to_bytes()));
    }
}

/// Adds a transfer by the called contract to the account that `to` names.
fn pay(info: &mut Value, to: &str) {
    let contract = info["contract_address"].as_str().and_then(|text| account(Family::Tron, text));
    let (Some(contract), Some(to)) = (contract, account(Family::Tron, to)) else { return };
    let word = format!("{:0>64}", hex::encode(to.0));
    info["log"] = json!([{
        "address": hex::encode(contract.0),
        "topics": [hex::encode(TRANSFER_TOPIC), word, word],
        "data": hex::encode(TokenAmount::of(EXTRA).to_bytes()),
    }]);
}

fn make_negative(tx: &mut Value) {
    if let Some(Value::Object(raw)) = tx.get_mut("raw_data") {
        raw.insert("fee_limit".to_owned(), json!(-1));
        raw.insert("timestamp".to_owned(), json!(-5));
        raw.insert("expiration".to_owned(), json!(i64::MIN));
    }
}

fn read(honest: &str) -> Value {
    serde_json::from_str(honest).expect("the node's own JSON is valid")
}

fn written(told: &Value, shuffled: bool) -> String {
    let mut text = String::new();
    if shuffled {
        backwards(told, &mut text)
    } else {
        text = told.to_string()
    }
    text
}

/// The same value with the keys of every object in reverse order.
fn backwards(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            text.push('{');
            write_members(members, text);
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                backwards(item, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

fn write_members(members: &Map<String, Value>, text: &mut String) {
    for (place, (key, member)) in members.iter().rev().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&Value::from(key.as_str()).to_string());
        text.push(':');
        backwards(member, text);
    }
}
