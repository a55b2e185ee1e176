//! Shapes against captured answers, and the answers against each other.

use serde_json::{Value, json};

use super::*;
use crate::{
    devnet::{
        Filling, InternalCall, Ledger, LedgerSpec,
        tron::{block::block_id, sha256},
    },
    domain::{Address, Family, TokenAmount},
};

/// Sent by an account that burns TRX for what it uses.
const BURNS: Address = Address([0x21; 20]);
/// Sent by one that has staked.
const STAKED: Address = Address([0x22; 20]);
const SHOP: Address = Address([0x33; 20]);
const TOKEN: Address = Address([0x11; 20]);

fn sample(text: &str) -> Value {
    serde_json::from_str::<Value>(text).unwrap()["body"].take()
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn is_hex(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Same keys, same types, same forms of hex; other texts are the same texts. What the source cut is only hex.
fn assert_alike(captured: &Value, ours: &Value, at: &str) {
    match (captured, ours) {
        (Value::Object(captured), Value::Object(ours)) => {
            let keys = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(captured), keys(ours), "{at}");
            captured.iter().for_each(|(key, value)| assert_alike(value, &ours[key], &format!("{at}.{key}")));
        }
        (Value::Array(captured), Value::Array(ours)) => {
            assert_eq!(captured.is_empty(), ours.is_empty(), "{at}");
            ours.iter().for_each(|one| assert_alike(&captured[0], one, at));
        }
        (Value::String(captured), Value::String(ours)) if captured.contains("...") => {
            assert!(is_hex(ours) && !ours.is_empty(), "{at}: {ours}");
        }
        (Value::String(captured), Value::String(ours)) if is_hex(captured) && !captured.is_empty() => {
            let form = |text: &str| (is_hex(text), text.len() == 42 && text.starts_with("41"));
            assert_eq!(form(captured), form(ours), "{at}: {ours}");
            let is_free = ["data", "raw_data_hex", "resMessage"].iter().any(|key| at.ends_with(key));
            assert!(is_free || captured.len() == ours.len(), "{at}: {ours}");
        }
        (Value::String(captured), Value::String(ours)) => assert_eq!(captured, ours, "{at}"),
        (Value::Number(captured), Value::Number(ours)) => assert_eq!(captured.is_f64(), ours.is_f64(), "{at}"),
        (captured, ours) => assert_eq!(captured, ours, "{at}"),
    }
}

fn transfer(ledger: &mut Ledger, from: Address) -> Tx {
    ledger.transfer(TOKEN, from, SHOP, TokenAmount::of(5))
}

/// A block of one transaction, made by `make`.
fn block_of(make: impl FnOnce(&mut Ledger) -> Tx) -> Ledger {
    let mut ledger = Ledger::new(LedgerSpec::tron());
    let tx = make(&mut ledger);
    ledger.mine(vec![tx]);
    ledger
}

fn info_of(make: impl FnOnce(&mut Ledger) -> Tx) -> Value {
    parse(&info(block_of(make).head(), 0, Style::Hex))
}

#[test]
fn headers_are_like_the_captured_ones() {
    let ledger = block_of(|ledger| transfer(ledger, BURNS));
    let ours = parse(&header(ledger.head(), Style::Hex));
    assert_alike(&sample(include_str!("../../../../tests/golden/tron/http.getblock.json")), &ours, "getblock");
    assert_eq!(ours["blockID"], ledger.head().at.hash.text(Family::Tron));
    let raw = &ours["block_header"]["raw_data"];
    assert_eq!((raw["number"].as_u64(), raw["version"].as_u64()), (Some(1), Some(34)));
    assert_eq!(raw["timestamp"].as_u64(), Some(ledger.head().timestamp.0 * 1000));
}

#[test]
fn infos_are_like_the_captured_ones() {
    let list = sample(include_str!("../../../../tests/golden/tron/http.gettransactioninfobyblocknum.json"));
    assert_alike(&list[0], &info_of(|ledger| ledger.send_trx(BURNS, SHOP, 5)), "TRX");

    let inner = InternalCall { caller: TOKEN, to: SHOP, value: 0, rejected: false };
    let call = info_of(|ledger| transfer(ledger, BURNS).with_internal(inner));
    assert_alike(
        &sample(include_str!("../../../../tests/golden/tron/http.gettransactioninfobyid.json")),
        &call,
        "call",
    );
    let failed =
        info_of(|ledger| ledger.failed_transfer(TOKEN, BURNS, SHOP, TokenAmount::of(5), TronResult::OutOfTime));
    assert_alike(&sample(include_str!("../../../../tests/golden/tron/http.failed-out-of-time.json")), &failed, "time");

    let mut captured = sample(include_str!("../../../../tests/golden/tron/http.failed-out-of-energy.json"));
    for key in ["energy_usage", "energy_penalty_total"] {
        captured["receipt"].as_object_mut().unwrap().remove(key).unwrap();
    }
    let failed =
        info_of(|ledger| ledger.failed_transfer(TOKEN, BURNS, SHOP, TokenAmount::of(5), TronResult::OutOfEnergy));
    assert_alike(&captured, &failed, "energy");

    let usdt = sample(include_str!("../../../../tests/golden/tron/http.usdt-transfer.json"));
    let ours = info_of(|ledger| transfer(ledger, STAKED));
    assert_alike(&usdt["receipt"], &ours["receipt"], "receipt");
    assert_alike(&usdt["log"], &ours["log"], "log");
    assert_eq!(usdt["log"][0]["topics"][0], ours["log"][0]["topics"][0]);
    assert_eq!(ours.get("fee"), None, "nothing was burnt");
}

#[test]
fn transactions_are_like_the_captured_one() {
    let captured = sample(include_str!("../../../../tests/golden/tron/http.gettransactionbyid.json"));
    let ledger = block_of(|ledger| transfer(ledger, BURNS));
    assert_alike(&captured, &parse(&transaction(ledger.head(), 0, Style::Hex)), "transaction");
    assert_eq!(transaction(ledger.head(), 1, Style::Hex), "{}");
    assert_eq!(info(ledger.head(), 1, Style::Hex), "{}");
}

#[test]
fn defaults_are_left_out() {
    let ledger = Ledger::new(LedgerSpec::tron());
    let genesis = parse(&block(ledger.head(), Style::Hex));
    let raw = genesis["block_header"]["raw_data"].as_object().unwrap();
    assert_eq!(raw.keys().collect::<Vec<_>>(), ["parentHash", "txTrieRoot", "witness_address"]);
    assert_eq!(raw["txTrieRoot"], "0".repeat(64));
    assert_eq!(genesis.get("transactions"), None);
    assert_eq!(infos(ledger.head(), Style::Hex), "[]");

    let bare = Log { address: TOKEN, topics: vec![], data: vec![] };
    let info = info_of(|ledger| ledger.tx(BURNS, TOKEN, vec![bare]));
    assert_eq!(info["log"], json!([{"address": "11".repeat(20)}]));
    assert_eq!((info.get("result"), info.get("resMessage")), (None, None));
    let plain = info_of(|ledger| ledger.send_asset("1000001", STAKED, SHOP, 5));
    assert_eq!((plain["receipt"].get("result"), plain.get("log")), (None, None));
    assert_eq!(plain.get("contract_address"), None);
    let empty = block_of(|ledger| transfer(ledger, STAKED).with_call_data(vec![]).with_times(0, 0).with_fee_limit(0));
    let raw = parse(&transaction(empty.head(), 0, Style::Hex))["raw_data"].take();
    assert_eq!(raw.as_object().unwrap().keys().collect::<Vec<_>>(), ["contract", "ref_block_bytes", "ref_block_hash"]);
    assert_eq!(raw["contract"][0]["parameter"]["value"].get("data"), None);
}

#[test]
fn failures_say_so_and_may_show_logs() {
    for (result, name) in [
        (TronResult::Revert, "REVERT"),
        (TronResult::OutOfEnergy, "OUT_OF_ENERGY"),
        (TronResult::OutOfTime, "OUT_OF_TIME"),
        (TronResult::JvmStackOverflow, "JVM_STACK_OVER_FLOW"),
    ] {
        let ledger = block_of(|ledger| transfer(ledger, BURNS).with_result(result));
        let info = parse(&info(ledger.head(), 0, Style::Hex));
        assert_eq!((info["receipt"]["result"].as_str(), info["result"].as_str()), (Some(name), Some("FAILED")));
        assert_eq!(info["log"].as_array().map(Vec::len), Some(1));
        assert!(!info["resMessage"].as_str().unwrap().is_empty());
        assert_eq!(parse(&transaction(ledger.head(), 0, Style::Hex))["ret"][0]["contractRet"], name);
    }
    let inner = InternalCall { caller: TOKEN, to: SHOP, value: 7, rejected: true };
    let info = info_of(|ledger| transfer(ledger, BURNS).with_internal(inner));
    let call = &info["internal_transactions"][0];
    assert_eq!((&call["rejected"], &call["callValueInfo"]), (&json!(true), &json!([{"callValue": 7}])));
}

#[test]
fn visible_answers_have_base58_addresses_everywhere() {
    let inner = InternalCall { caller: TOKEN, to: SHOP, value: 0, rejected: false };
    let ledger = block_of(|ledger| transfer(ledger, BURNS).with_internal(inner).with_result(TronResult::Revert));
    let text = |address: Address| Value::from(address.text(Family::Tron));
    let info = parse(&info(ledger.head(), 0, Style::Base58));
    assert_eq!((&info["contract_address"], &info["log"][0]["address"]), (&text(TOKEN), &text(TOKEN)));
    assert_eq!(info["internal_transactions"][0]["transferTo_address"], text(SHOP));
    assert_eq!(info["resMessage"], "REVERT opcode executed");
    let whole = parse(&block(ledger.head(), Style::Base58));
    let value = &whole["transactions"][0]["raw_data"]["contract"][0]["parameter"]["value"];
    assert_eq!((&value["owner_address"], &value["contract_address"]), (&text(BURNS), &text(TOKEN)));
    assert!(whole["block_header"]["raw_data"]["witness_address"].as_str().unwrap().starts_with('T'));

    let ledger = block_of(|ledger| ledger.send_asset("a\"b", BURNS, SHOP, 5));
    let value = |style| {
        let mut tx = parse(&transaction(ledger.head(), 0, style));
        tx["raw_data"]["contract"][0]["parameter"]["value"].take()
    };
    assert_eq!(value(Style::Base58)["asset_name"], "a\"b");
    assert_eq!(value(Style::Hex)["asset_name"], hex::encode("a\"b"));
}

#[test]
fn what_users_wrote_is_repeated_however_absurd() {
    let ledger = block_of(|ledger| transfer(ledger, BURNS).with_fee_limit(-1).with_times(-2, i64::MAX));
    let tx = parse(&transaction(ledger.head(), 0, Style::Hex));
    let raw = &tx["raw_data"];
    assert_eq!((&raw["fee_limit"], &raw["timestamp"], &raw["expiration"]), (&json!(-1), &json!(-2), &json!(i64::MAX)));
    assert_eq!(tx["txID"], hex::encode(sha256(&hex::decode(tx["raw_data_hex"].as_str().unwrap()).unwrap())));
}

#[test]
fn every_block_proves_itself_and_its_infos_follow_its_transactions() {
    let mut ledger = Ledger::new(LedgerSpec::tron().with_producers(2));
    ledger.set_filling(Some(Filling { txs: 25, transfers: 10 }));
    for round in 0..8 {
        let paid = transfer(&mut ledger, BURNS);
        ledger.mine(vec![paid]);
        ledger.fork(u64::from(round % 2 == 0), 1, crate::devnet::Orphans::Include(0)).unwrap();
        ledger.set_filling((round < 5).then_some(Filling { txs: 25, transfers: 10 }));
    }
    ledger.extend(2);
    let mut parent = None;
    for sim in ledger.range(crate::domain::Height(0), ledger.head().at.height) {
        let whole = parse(&block(sim, Style::Hex));
        let told = &whole["block_header"]["raw_data"];
        assert_eq!(whole["blockID"], block_id(sim.at.height, &sim.tron().header.encode()).text(Family::Tron));
        assert!(parent.is_none_or(|below| told["parentHash"] == below), "linked");
        parent = Some(whole["blockID"].clone());

        let none = vec![];
        let txs = whole.get("transactions").map_or(&none, |txs| txs.as_array().unwrap());
        let infos = parse(&infos(sim, Style::Hex));
        assert_eq!(told["txTrieRoot"] == "0".repeat(64), txs.is_empty());
        assert_eq!(infos.as_array().unwrap().len(), txs.len());
        for (place, (tx, told_info)) in txs.iter().zip(infos.as_array().unwrap()).enumerate() {
            let raw = hex::decode(tx["raw_data_hex"].as_str().unwrap()).unwrap();
            assert_eq!(tx["txID"], hex::encode(sha256(&raw)));
            assert_eq!(told_info["id"], tx["txID"]);
            assert_eq!(
                (&told_info["blockNumber"], &told_info["blockTimeStamp"]),
                (&told["number"], &told["timestamp"])
            );
            let is_call = tx["raw_data"]["contract"][0]["type"] == "TriggerSmartContract";
            assert_eq!(told_info["receipt"].get("result"), is_call.then_some(&tx["ret"][0]["contractRet"]));
            assert_eq!(*tx, parse(&transaction(sim, place, Style::Hex)));
            assert_eq!(*told_info, parse(&info(sim, place, Style::Hex)));
        }
    }
}
