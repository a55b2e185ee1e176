//! An honest chain for tests, as a node would tell of it over both of its interfaces.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{BlockIds, TronMode, TronSettings, TronSource, header::computed_id, wire::RawHeader};
use crate::{
    chain::{
        SourceError,
        http::HttpSettings,
        scripted::{Node, Out},
        transfer_log::TRANSFER_TOPIC,
    },
    domain::{Address, BlockHash, BlockRef, Height, TxHash},
};

pub(super) const USDT: Address = Address([0xda; 20]);

/// One transaction of a block: what became of it, and the amounts of its transfers to [`payee`].
#[derive(Clone)]
pub(super) struct Tx {
    pub(super) outcome: &'static str,
    pub(super) amounts: Vec<u64>,
}

pub(super) fn paid(amounts: &[u64]) -> Tx {
    Tx { outcome: "SUCCESS", amounts: amounts.to_vec() }
}

pub(super) fn payer() -> Address {
    Address([0xaa; 20])
}

pub(super) fn payee() -> Address {
    Address([0xbb; 20])
}

/// Both faces at one node, as hosted ones have it.
pub(super) fn settings(node: &Node) -> TronSettings {
    TronSettings {
        network: "tron-test".parse().unwrap(),
        name: "a".to_owned(),
        full_url: node.url.clone(),
        solid_url: node.url.clone(),
        jsonrpc_url: None,
        http: HttpSettings::default(),
        tokens: vec![USDT],
        mode: TronMode::HeadAndSolid,
        block_ids: BlockIds::Strict,
    }
}

pub(super) fn source(node: &Node) -> TronSource {
    TronSource::new(settings(node)).unwrap()
}

pub(super) fn kind<T>(result: Result<T, SourceError>) -> &'static str {
    result.map_or_else(|error| error.doubt.kind(), |_| "ok")
}

/// The transaction at a place of a block.
fn signed(height: u64, place: usize) -> Vec<u8> {
    format!("signed {height}/{place}").into_bytes()
}

pub(super) fn tx_hash(height: u64, place: usize) -> TxHash {
    TxHash(Sha256::digest(signed(height, place)).into())
}

/// A chain from block 0 on, of which the blocks up to `solid` are solidified.
#[derive(Clone)]
pub(super) struct Honest {
    pub(super) blocks: Arc<Vec<(Value, Vec<Tx>)>>,
    pub(super) solid: u64,
}

impl Honest {
    /// A chain whose block `n` holds the transactions of `blocks[n]`; block 0 is empty. Another `branch` has other ids.
    pub(super) fn new(blocks: &[Vec<Tx>], branch: u8) -> Self {
        let mut made: Vec<(Value, Vec<Tx>)> = Vec::new();
        for (height, txs) in (0_u64..).zip(blocks) {
            let parent = made.last().map_or_else(|| "00".repeat(32), |(block, _)| text(&block["blockID"]));
            made.push((block(height, &parent, txs, branch), txs.clone()));
        }
        let solid = (made.len() as u64).saturating_sub(3);
        Self { blocks: Arc::new(made), solid }
    }

    /// The same with this number of blocks, each after the first with one transfer of its height.
    pub(super) fn of_len(len: u64) -> Self {
        let blocks: Vec<_> = (0..len).map(|height| if height == 0 { vec![] } else { vec![paid(&[height])] }).collect();
        Self::new(&blocks, 0)
    }

    pub(super) fn best(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    pub(super) fn at(&self, height: u64) -> BlockRef {
        let (block, _) = self.found(height).unwrap();
        BlockRef { height: Height(height), hash: BlockHash::parse(&text(&block["blockID"])).unwrap() }
    }

    fn found(&self, height: u64) -> Option<&(Value, Vec<Tx>)> {
        self.blocks.get(usize::try_from(height).ok()?)
    }

    /// What the node says, up to its solidified block on that face.
    pub(super) fn answer(&self, method: &str, asked: &Value) -> Out {
        let Some((face, call)) = method.split_once('/') else { return self.answer_rpc(method, asked) };
        let top = if face == "walletsolidity" { self.solid } else { self.best() };
        let visible = |height: u64| self.found(height).filter(|_| height <= top);
        Out::Result(match call {
            "getblock" => {
                let height = asked["id_or_num"].as_str().map_or(top, |height| height.parse().unwrap());
                let block = visible(height).map(|(block, _)| block.clone());
                let without = |mut block: Value| {
                    block.as_object_mut().unwrap().remove("transactions");
                    block
                };
                let is_whole = asked["detail"] == true;
                block.map_or_else(|| json!({}), |block| if is_whole { block } else { without(block) })
            }
            "getblockbylimitnext" => {
                let heights = asked["startNum"].as_u64().unwrap()..asked["endNum"].as_u64().unwrap();
                assert!(heights.clone().count() <= 20, "what a body may hold");
                let found: Vec<_> = heights.filter_map(visible).map(|(block, _)| block.clone()).collect();
                if found.is_empty() { json!({}) } else { json!({"block": found}) }
            }
            "gettransactioninfobyblocknum" => {
                let height = asked["num"].as_u64().unwrap();
                visible(height).map_or_else(|| json!([]), |(_, txs)| infos(height, txs).into())
            }
            "gettransactioninfobyid" => {
                let all = (0..=top).flat_map(|height| infos(height, &self.found(height).unwrap().1));
                all.into_iter().find(|info| info["id"] == asked["value"]).unwrap_or_else(|| json!({}))
            }
            "triggerconstantcontract" => {
                assert_eq!(asked["contract_address"], format!("41{}", hex::encode(USDT.0)));
                assert_eq!(asked["owner_address"].as_str().unwrap().len(), 42);
                json!({"result": {"result": true}, "constant_result": [format!("{:064x}", 6)], "transaction": {"ret": [{}]}})
            }
            other => panic!("no adapter asks for {other}"),
        })
    }

    fn answer_rpc(&self, method: &str, params: &Value) -> Out {
        let prefixed = |text: &Value| json!(format!("0x{}", text.as_str().unwrap()));
        Out::Result(match method {
            "eth_chainId" => json!(format!("0x{}", &hex::encode(self.at(0).hash.0)[56..])),
            "eth_getBlockByNumber" => {
                let height = u64::from_str_radix(&params[0].as_str().unwrap()[2..], 16).unwrap();
                let Some((block, txs)) = self.found(height) else { return Out::Result(Value::Null) };
                let raw = &block["block_header"]["raw_data"];
                let hashes: Vec<_> = (0..txs.len()).map(|place| tx_hash(height, place).to_string()).collect();
                json!({
                    "number": params[0], "hash": prefixed(&block["blockID"]), "parentHash": prefixed(&raw["parentHash"]),
                    "timestamp": format!("0x{:x}", time_ms(height) / 1000), "stateRoot": "0x",
                    "transactionsRoot": prefixed(&raw["txTrieRoot"]), "transactions": hashes,
                })
            }
            "eth_getBlockReceipts" if params[0] == "0x0" => Value::Null,
            "eth_getBlockReceipts" => {
                let mut blocks = (0_u64..).zip(self.blocks.iter());
                let found = blocks.find(|(_, (block, _))| prefixed(&block["blockID"]) == params[0]);
                found.map_or(Value::Null, |(height, (_, txs))| receipts(height, &params[0], txs).into())
            }
            _ => return Out::Error(-32601, "the method does not exist"),
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn time_ms(height: u64) -> u64 {
    1_777_445_121_000 + height * 3000
}

fn block(height: u64, parent: &str, txs: &[Tx], branch: u8) -> Value {
    let ids: String = (0..txs.len()).map(|place| hex::encode(tx_hash(height, place).0)).collect();
    let root = if txs.is_empty() { "00".repeat(32) } else { hex::encode(Sha256::digest(ids.as_bytes())) };
    let mut raw = json!({
        "txTrieRoot": root, "witness_address": format!("41{}", hex::encode([branch; 20])), "parentHash": parent,
        "version": 34, "timestamp": time_ms(height),
    });
    if height > 0 {
        raw["number"] = json!(height);
    }
    let header = raw.to_string();
    let header: RawHeader<'_> = serde_json::from_str(&header).unwrap();
    let id = hex::encode(computed_id(&header).unwrap());
    let mut block = json!({"blockID": id, "block_header": {"raw_data": raw, "witness_signature": "5b3c00"}});
    if !txs.is_empty() {
        let transaction = |(place, tx): (usize, &Tx)| {
            json!({
                "ret": [{"contractRet": tx.outcome}], "signature": ["00"], "txID": hex::encode(tx_hash(height, place).0),
                "raw_data": {"contract": [{"type": "TriggerSmartContract"}], "fee_limit": -7},
                "raw_data_hex": hex::encode(signed(height, place)),
            })
        };
        block["transactions"] = txs.iter().enumerate().map(transaction).collect();
    }
    block
}

fn word(account: Address) -> String {
    format!("{}{}", "00".repeat(12), hex::encode(account.0))
}

/// The logs of a transaction, with `0x` or without.
fn logs(tx: &Tx, prefix: &str) -> Vec<Value> {
    let topics: Vec<_> = [hex::encode(TRANSFER_TOPIC), word(payer()), word(payee())].into();
    let topics: Vec<_> = topics.iter().map(|topic| format!("{prefix}{topic}")).collect();
    let log = |amount: &u64| {
        json!({
            "address": format!("{prefix}{}", hex::encode(USDT.0)), "topics": topics,
            "data": format!("{prefix}{amount:064x}"),
        })
    };
    tx.amounts.iter().map(log).collect()
}

fn infos(height: u64, txs: &[Tx]) -> Vec<Value> {
    let info = |(place, tx): (usize, &Tx)| {
        let mut info = json!({
            "id": hex::encode(tx_hash(height, place).0), "blockNumber": height, "blockTimeStamp": time_ms(height),
            "receipt": {"result": tx.outcome}, "log": logs(tx, ""),
        });
        if tx.outcome != "SUCCESS" {
            info["result"] = json!("FAILED");
        }
        info
    };
    txs.iter().enumerate().map(info).collect()
}

fn receipts(height: u64, block: &Value, txs: &[Tx]) -> Vec<Value> {
    let receipt = |(place, tx): (usize, &Tx)| {
        let (hash, number) = (tx_hash(height, place).to_string(), format!("0x{height:x}"));
        let log = |mut log: Value| {
            log["blockHash"] = block.clone();
            log["transactionHash"] = json!(hash);
            log
        };
        json!({
            "blockHash": block, "blockNumber": number, "transactionHash": hash, "transactionIndex": format!("0x{place:x}"),
            "status": if tx.outcome == "SUCCESS" { "0x1" } else { "0x0" },
            "logs": logs(tx, "0x").into_iter().map(log).collect::<Vec<_>>(),
        })
    };
    txs.iter().enumerate().map(receipt).collect()
}
