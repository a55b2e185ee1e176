//! Blocks as java-tron tells of them: the block, its infos, and the same over JSON-RPC.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::{
    BlockIds,
    header::computed_id,
    receipts::{self, RpcBlock, RpcReceipt},
    whole::{self, Whole},
    wire::RawHeader,
};
use crate::{
    chain::{Doubt, transfer_log::TRANSFER_TOPIC},
    domain::{Address, Height},
};

/// USDT on mainnet.
pub(super) const USDT: Address = Address([
    0xa6, 0x14, 0xf8, 0x03, 0xb6, 0xfd, 0x78, 0x09, 0x86, 0xa4, 0x2c, 0x78, 0xec, 0x9c, 0x7f, 0x77, 0xe6, 0xde, 0xd1,
    0x3c,
]);
/// A second listed token.
pub(super) const USDC: Address = Address([0xb7; 20]);
/// A contract that is on no list.
pub(super) const FAKE: Address = Address([0xfa; 20]);
/// Both listed tokens, sorted.
pub(super) const TOKENS: [Address; 2] = [USDT, USDC];

pub(super) const HEIGHT: Height = Height(66_987_565);
const TIME_MS: u64 = 1_777_445_121_000;

/// A transaction with what the node says it did.
#[derive(Clone)]
pub(super) struct Tx {
    pub(super) kind: &'static str,
    /// `ret[0].contractRet`, `receipt.result` and top-level `result`.
    pub(super) words: [Option<&'static str>; 3],
    pub(super) logs: Vec<Value>,
    /// What was signed; set when the block is made.
    pub(super) signed: Vec<u8>,
}

impl Tx {
    /// A call that succeeded.
    pub(super) fn call(logs: Vec<Value>) -> Self {
        Self { kind: "TriggerSmartContract", words: [Some("SUCCESS"), Some("SUCCESS"), None], logs, signed: vec![] }
    }

    /// A call that failed with this word.
    pub(super) fn failed(word: &'static str, logs: Vec<Value>) -> Self {
        Self { words: [Some(word), Some(word), Some("FAILED")], ..Self::call(logs) }
    }

    /// A transaction that calls no contract.
    pub(super) fn plain(kind: &'static str) -> Self {
        Self { kind, words: [Some("SUCCESS"), None, None], ..Self::call(vec![]) }
    }

    pub(super) fn id(&self) -> String {
        hex::encode(Sha256::digest(&self.signed))
    }

    fn block_part(&self) -> Value {
        let mut ret = json!({});
        if let Some(word) = self.words[0] {
            ret["contractRet"] = json!(word);
        }
        let value = json!({"owner_address": format!("41{}", "0d".repeat(20)), "data": "a9059cbb"});
        let kind = self.kind;
        let type_url = format!("type.googleapis.com/protocol.{kind}");
        json!({
            "ret": [ret], "signature": ["2154e8ef00"], "txID": self.id(),
            "raw_data": {
                "contract": [{"parameter": {"value": value, "type_url": type_url}, "type": kind}],
                "ref_block_bytes": "1c8b", "ref_block_hash": "d78785ed02dd918f", "expiration": 1_777_437_813_000_u64,
                "fee_limit": -7, "timestamp": -1_777_437_756_016_i64,
            },
            "raw_data_hex": hex::encode(&self.signed),
        })
    }

    fn info_part(&self) -> Value {
        let mut info = json!({
            "id": self.id(), "fee": 5_254_500, "blockNumber": HEIGHT.0, "blockTimeStamp": TIME_MS,
            "contractResult": [""], "contract_address": format!("41{}", hex::encode(USDT.0)),
            "receipt": {"energy_usage_total": 44_585, "net_fee": 796_000},
            "internal_transactions": [{"hash": "61", "callValueInfo": [{}], "note": "63616c6c"}],
        });
        if let Some(word) = self.words[1] {
            info["receipt"]["result"] = json!(word);
        }
        if let Some(word) = self.words[2] {
            info["result"] = json!(word);
            info["resMessage"] = json!("4e6f74");
        }
        if !self.logs.is_empty() {
            info["log"] = json!(self.logs);
        }
        info
    }

    fn receipt_part(&self, block_hash: &str, place: usize) -> Value {
        let prefixed = |value: &Value| format!("0x{}", value.as_str().unwrap_or_default());
        let place = format!("0x{place:x}");
        let (number, hash) = (format!("0x{:x}", HEIGHT.0), format!("0x{}", self.id()));
        let log = |log: &Value| {
            let topics: Vec<_> = log["topics"].as_array().map(|topics| topics.iter().map(prefixed).collect()).unwrap();
            let topics: Vec<String> = topics;
            json!({
                "address": prefixed(&log["address"]), "topics": topics, "data": prefixed(&log["data"]),
                "blockHash": block_hash, "blockNumber": number, "transactionHash": hash, "transactionIndex": place,
                "logIndex": "0x0", "removed": false,
            })
        };
        let ok = matches!(self.words[1], None | Some("SUCCESS"));
        json!({
            "blockHash": block_hash, "blockNumber": number, "transactionHash": hash, "transactionIndex": place,
            "contractAddress": null, "logs": self.logs.iter().map(log).collect::<Vec<_>>(),
            "logsBloom": "0x00", "status": if ok { "0x1" } else { "0x0" }, "type": "0x0",
        })
    }
}

/// A block in every form.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) block: Value,
    pub(super) infos: Value,
    pub(super) rpc_block: Value,
    pub(super) rpc_receipts: Value,
}

impl Made {
    /// The block with these transactions.
    pub(super) fn of(txs: Vec<Tx>) -> Self {
        let with_id = |(place, tx): (usize, Tx)| Tx { signed: format!("signed {place}").into_bytes(), ..tx };
        let txs: Vec<Tx> = txs.into_iter().enumerate().map(with_id).collect();
        let ids: Vec<String> = txs.iter().map(Tx::id).collect();
        let root = if ids.is_empty() { "00".repeat(32) } else { hex::encode(Sha256::digest(ids.concat().as_bytes())) };
        let parent = format!("{:016x}{}", HEIGHT.0 - 1, "1a".repeat(24));
        let producer = format!("41{}", "b2".repeat(20));
        let raw = json!({
            "number": HEIGHT.0, "txTrieRoot": root, "witness_address": producer, "parentHash": parent, "version": 34,
            "timestamp": TIME_MS,
        });
        let id = id_of(&raw);
        let hash = format!("0x{id}");
        let mut block = json!({"blockID": id, "block_header": {"raw_data": raw, "witness_signature": "5b3c00"}});
        if !txs.is_empty() {
            block["transactions"] = txs.iter().map(Tx::block_part).collect();
        }
        let rpc_block = json!({
            "number": format!("0x{:x}", HEIGHT.0), "hash": hash, "parentHash": format!("0x{parent}"),
            "timestamp": format!("0x{:x}", TIME_MS / 1000), "transactionsRoot": format!("0x{root}"),
            "stateRoot": "0x", "transactions": ids.iter().map(|id| format!("0x{id}")).collect::<Vec<_>>(),
        });
        let rpc_receipts = txs.iter().enumerate().map(|(place, tx)| tx.receipt_part(&hash, place)).collect();
        Self { block, infos: txs.iter().map(Tx::info_part).collect(), rpc_block, rpc_receipts }
    }

    /// Changes the header, and the id that follows from it.
    pub(super) fn with_header(mut self, field: &str, value: Value) -> Self {
        self.block["block_header"]["raw_data"][field] = value;
        self.block["blockID"] = json!(id_of(&self.block["block_header"]["raw_data"]));
        self
    }

    /// What is made of it when read by the node's own interface.
    pub(super) fn read(&self) -> Result<Whole, Doubt> {
        self.read_as(BlockIds::Strict)
    }

    pub(super) fn read_as(&self, ids: BlockIds) -> Result<Whole, Doubt> {
        read_texts(&self.block.to_string(), &self.infos.to_string(), ids)
    }

    /// What is made of it when read over JSON-RPC.
    pub(super) fn read_receipts(&self) -> Result<Whole, Doubt> {
        let (block, receipts) = (self.rpc_block.to_string(), self.rpc_receipts.to_string());
        let block: Option<RpcBlock<'_>> = serde_json::from_str(&block).unwrap();
        let receipts: Option<Vec<RpcReceipt<'_>>> = serde_json::from_str(&receipts).unwrap();
        receipts::whole(block.as_ref(), receipts.as_deref(), HEIGHT, &TOKENS)
    }
}

/// The transfers of a block with these transactions as (token, ordinal, first byte of the recipient, amount), read both
/// ways.
pub(super) fn transfers(txs: Vec<Tx>) -> Vec<(Address, u32, u8, u64)> {
    let whole = read_both(txs);
    let plain =
        |found: &crate::domain::Transfer| (found.token, found.ordinal.0, found.to.0[0], found.amount.0.low_u64());
    whole.block.transfers.iter().map(plain).collect()
}

/// The block with these transactions, which comes out the same both ways.
pub(super) fn read_both(txs: Vec<Tx>) -> Whole {
    let made = Made::of(txs);
    let (native, receipts) = (made.read().unwrap(), made.read_receipts().unwrap());
    assert_eq!(native, Whole { id_proved: true, ..receipts });
    native
}

pub(super) fn read_texts(block: &str, infos: &str, ids: BlockIds) -> Result<Whole, Doubt> {
    whole::block(block.as_bytes(), infos.as_bytes(), HEIGHT, &TOKENS, ids)
}

/// A block of every kind of transaction, two of which are transfers.
pub(super) fn made() -> Made {
    assert!(TOKENS.is_sorted());
    Made::of(vec![
        Tx::call(vec![paid(USDT, 1, 5), paid(FAKE, 2, 6)]),
        Tx::plain("TransferContract"),
        Tx::failed("OUT_OF_ENERGY", vec![]),
        Tx::call(vec![paid(USDC, 4, 8)]),
    ])
}

/// The id of a header.
fn id_of(raw: &Value) -> String {
    let text = raw.to_string();
    let raw: RawHeader<'_> = serde_json::from_str(&text).unwrap();
    hex::encode(computed_id(&raw).unwrap())
}

/// A log word with an account of twenty times this byte.
pub(super) fn account(byte: u8) -> String {
    format!("{}{}", "00".repeat(12), hex::encode([byte; 20]))
}

/// A log of any kind.
pub(super) fn log(token: Address, topics: &[String], data: &str) -> Value {
    json!({"address": hex::encode(token.0), "topics": topics, "data": data})
}

/// A `Transfer` log.
pub(super) fn paid(token: Address, to: u8, amount: u64) -> Value {
    log(token, &[hex::encode(TRANSFER_TOPIC), account(0xaa), account(to)], &format!("{amount:064x}"))
}
