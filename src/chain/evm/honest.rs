//! An honest chain for tests, as a node would tell of it.

use ethers_core::{abi::ethereum_types::BloomInput, types::Bloom};
use serde_json::{Value, json};

use super::{decode, wire};
use crate::{chain::scripted::Out, domain::Address};

pub(super) const USDT: Address = Address([0xda; 20]);
pub(super) const OTHER: Address = Address([0xee; 20]);

pub(super) fn hex_of(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

pub(super) fn word(byte: u8) -> String {
    hex_of(&[byte; 32])
}

pub(super) fn block_hash(height: u64) -> [u8; 32] {
    let mut hash = [0xb1; 32];
    hash[24..].copy_from_slice(&height.to_be_bytes());
    hash
}

pub(super) fn account_word(byte: u8) -> String {
    format!("0x{}{}", "00".repeat(12), hex::encode([byte; 20]))
}

/// A transfer log in transaction `tx` (its byte and index) of `amount`.
pub(super) fn log(height: u64, index: u64, tx: u8, token: Address, amount: u64) -> Value {
    json!({
        "address": hex_of(&token.0), "topics": [hex_of(&decode::TRANSFER_TOPIC), account_word(0xaa), account_word(0xbb)],
        "data": format!("0x{amount:064x}"), "blockNumber": format!("0x{height:x}"), "blockHash": hex_of(&block_hash(height)),
        "transactionHash": word(tx), "transactionIndex": format!("0x{tx:x}"), "logIndex": format!("0x{index:x}"),
        "removed": false, "blockTimestamp": "0x1", "extra": [1, {"x": null}],
    })
}

/// An honest chain: the logs of each block, by height from 0; one transaction a block.
#[derive(Clone, Default)]
pub(super) struct Honest {
    pub(super) blocks: Vec<Vec<Value>>,
}

impl Honest {
    pub(super) fn header(&self, height: u64) -> Value {
        let Some(logs) = usize::try_from(height).ok().and_then(|height| self.blocks.get(height)) else {
            return Value::Null;
        };
        let mut bloom = Bloom::default();
        for log in logs {
            bloom.accrue(BloomInput::Raw(&hex::decode(&log["address"].as_str().unwrap()[2..]).unwrap()));
            for topic in log["topics"].as_array().unwrap() {
                bloom.accrue(BloomInput::Raw(&hex::decode(&topic.as_str().unwrap()[2..]).unwrap()));
            }
        }
        json!({
            "number": format!("0x{height:x}"), "hash": hex_of(&block_hash(height)),
            "parentHash": hex_of(&block_hash(height.wrapping_sub(1))), "timestamp": "0x64",
            "logsBloom": hex_of(bloom.as_bytes()), "transactions": [word(1)], "stateRoot": "0x", "type": "0x7e",
        })
    }

    pub(super) fn logs(&self, filter: &Value) -> Value {
        let number = |field: &str| wire::quantity(filter[field].as_str().unwrap()).unwrap();
        let all = self.blocks.iter().flatten();
        let ours = |log: &&Value| filter["address"].as_array().unwrap().contains(&log["address"]);
        let picked: Vec<_> = match filter["blockHash"].as_str() {
            Some(hash) => all.filter(|log| log["blockHash"] == hash).filter(ours).cloned().collect(),
            None => {
                let (from, to) = (number("fromBlock"), number("toBlock"));
                let within =
                    |log: &&Value| (from..=to).contains(&wire::quantity(log["blockNumber"].as_str().unwrap()).unwrap());
                all.filter(within).filter(ours).cloned().collect()
            }
        };
        Value::Array(picked)
    }

    pub(super) fn answer(&self, method: &str, params: &Value) -> Out {
        let top = self.blocks.len() as u64 - 1;
        match method {
            "batch" => Out::Pass,
            "eth_chainId" => Out::Result(json!("0x1")),
            "eth_getBlockByNumber" => Out::Result(match params[0].as_str().unwrap() {
                "latest" => self.header(top),
                "finalized" => self.header(top.saturating_sub(2)),
                number => self.header(wire::quantity(number).unwrap()),
            }),
            "eth_getLogs" => Out::Result(self.logs(&params[0])),
            "eth_getBlockReceipts" => {
                let logs: Vec<_> = self.blocks.iter().flatten().filter(|log| log["blockHash"] == params[0]).collect();
                let height = (0..).find(|height| hex_of(&block_hash(*height)) == params[0]).unwrap();
                Out::Result(json!([receipt(height, "0x1", json!(logs))]))
            }
            "eth_call" => Out::Result(json!(format!("0x{:064x}", 6))),
            _ => Out::Error(-32601, "the method does not exist"),
        }
    }
}

pub(super) fn receipt(height: u64, status: &str, logs: Value) -> Value {
    json!({
        "transactionHash": word(1), "blockHash": hex_of(&block_hash(height)), "blockNumber": format!("0x{height:x}"),
        "status": status, "logs": logs, "logsBloom": "0x00", "effectiveGasPrice": "0x1",
    })
}
