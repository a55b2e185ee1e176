//! Shapes against captured answers, and agreement with the HTTP answers about the same block.

use serde_json::Value;

use super::*;
use crate::{
    devnet::{
        Filling, Ledger, LedgerSpec, TronResult,
        tron::render::{self, Style},
    },
    domain::{Address, Height, TokenAmount},
};

const TOKEN: Address = Address([0x11; 20]);
const PAYER: Address = Address([0x21; 20]);

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn captured(text: &str) -> Value {
    parse(text)["body"]["result"].take()
}

/// Payments and failures among strangers, with logs of failed transactions.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new(LedgerSpec::tron());
    ledger.set_filling(Some(Filling { txs: 12, transfers: 5 }));
    let mut paid = |result| ledger.transfer(TOKEN, PAYER, PAYER, TokenAmount::of(5)).with_result(result);
    let txs = vec![paid(TronResult::Success), paid(TronResult::OutOfTime), paid(TronResult::Success)];
    ledger.mine(txs);
    ledger.set_filling(None);
    ledger.extend(1);
    ledger
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

/// Same keys, and values of the same form: a quantity, a hash, an address, a bloom, or the very same text.
fn assert_alike(captured: &Value, ours: &Value) {
    assert_eq!(keys(captured), keys(ours));
    for (key, value) in captured.as_object().unwrap() {
        match (key.as_str(), value, &ours[key]) {
            ("logsBloom" | "data", _, ours) => assert!(ours.as_str().is_some_and(|text| text.starts_with("0x"))),
            (_, Value::String(captured), Value::String(ours)) if captured.len() >= 42 => {
                assert_eq!((captured.len(), &ours[..2]), (ours.len(), "0x"), "{key}");
            }
            (_, Value::String(captured), Value::String(ours)) => {
                let is_quantity = captured.len() > 2 && captured.starts_with("0x");
                assert_eq!(is_quantity, ours.len() > 2 && ours.starts_with("0x"), "{key}");
                assert!(is_quantity || captured == ours, "{key}");
            }
            (_, Value::Array(captured), Value::Array(ours)) => {
                assert!(!captured.is_empty() || ours.is_empty(), "{key}");
            }
            (_, captured, ours) => assert_eq!(captured, ours, "{key}"),
        }
    }
}

#[test]
fn answers_are_like_the_captured_ones() {
    let ledger = ledger();
    let header = captured(include_str!("../../../../tests/golden/tron/jsonrpc.eth_getBlockByNumber.json"));
    for height in [0, 1, 2] {
        let ours = parse(&block(ledger.block(Height(height)).unwrap()));
        assert_alike(&header, &ours);
        assert_eq!(ours["stateRoot"], "0x");
        assert_eq!(ours["logsBloom"].as_str().map(str::len), Some(514));
    }
    let list = captured(include_str!("../../../../tests/golden/tron/jsonrpc.eth_getBlockReceipts.json"));
    let one = captured(include_str!("../../../../tests/golden/tron/jsonrpc.eth_getTransactionReceipt.json"));
    let sim = ledger.block(Height(1)).unwrap();
    for ours in parse(&receipts(sim)).as_array().unwrap() {
        let logs = ours["logs"].as_array().unwrap();
        assert_alike(if logs.is_empty() { &list[1] } else { &list[0] }, ours);
        assert_eq!(keys(&one), keys(ours));
        logs.iter().for_each(|log| assert_alike(&list[0]["logs"][0], log));
    }
}

#[test]
fn both_faces_tell_the_same_hashes_statuses_and_logs() {
    let ledger = ledger();
    let sim = ledger.block(Height(1)).unwrap();
    let (header, list) = (parse(&block(sim)), parse(&receipts(sim)));
    let (native, infos) = (parse(&render::block(sim, Style::Hex)), parse(&render::infos(sim, Style::Hex)));
    let with_0x = |value: &Value| Value::from(format!("0x{}", value.as_str().unwrap()));
    assert_eq!(header["hash"], with_0x(&native["blockID"]));
    assert_eq!(header["parentHash"], with_0x(&native["block_header"]["raw_data"]["parentHash"]));
    assert_eq!(header["transactionsRoot"], with_0x(&native["block_header"]["raw_data"]["txTrieRoot"]));

    let (mut log_index, mut failed_with_logs, mut energy) = (0, 0, 0);
    let list = list.as_array().unwrap();
    assert_eq!((list.len(), infos.as_array().unwrap().len()), (15, 15));
    for (place, (receipt, info)) in list.iter().zip(infos.as_array().unwrap()).enumerate() {
        assert_eq!(receipt["transactionHash"], with_0x(&info["id"]));
        assert_eq!(header["transactions"][place], receipt["transactionHash"]);
        assert_eq!(receipt["transactionIndex"], format!("{place:#x}"));
        assert_eq!(receipt["blockHash"], header["hash"]);
        assert_eq!(receipt["status"] == "0x1", info.get("result").is_none());
        energy += info["receipt"].get("energy_usage_total").map_or(0, |energy| energy.as_u64().unwrap());
        assert_eq!(receipt["cumulativeGasUsed"], format!("{energy:#x}"));
        let none = vec![];
        let logs = info.get("log").map_or(&none, |logs| logs.as_array().unwrap());
        assert_eq!(receipt["logs"].as_array().unwrap().len(), logs.len());
        failed_with_logs += usize::from(info.get("result").is_some() && !logs.is_empty());
        for (rpc, log) in receipt["logs"].as_array().unwrap().iter().zip(logs) {
            assert_eq!((&rpc["address"], &rpc["data"]), (&with_0x(&log["address"]), &with_0x(&log["data"])));
            let topics: Vec<Value> = log["topics"].as_array().unwrap().iter().map(with_0x).collect();
            assert_eq!(rpc["topics"], Value::from(topics));
            assert_eq!(rpc["logIndex"], format!("{log_index:#x}"), "counted over the whole block");
            log_index += 1;
        }
    }
    assert_eq!((failed_with_logs, log_index), (1, sim.log_count()));
}

#[test]
fn one_receipt_is_the_one_of_the_list() {
    let ledger = ledger();
    let sim = ledger.block(Height(1)).unwrap();
    for (place, told) in parse(&receipts(sim)).as_array().unwrap().iter().enumerate() {
        assert_eq!(parse(&receipt(sim, place)), *told);
    }
    assert_eq!(receipt(sim, 15), "null");
    assert_eq!(receipts(ledger.head()), "[]");
}
