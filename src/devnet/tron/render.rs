//! java-tron's HTTP answers about one block: key for key in the order of its protobufs, defaults left out.

use crate::devnet::{
    block::SimBlock,
    tx::{Log, Tx},
};

pub(in crate::devnet) use super::json::Style;
use super::{
    contract::{Contract, TronResult, TronTx},
    json::Json,
};

/// Burnt for a unit of energy, in sun.
const SUN_PER_ENERGY: i64 = 100;
/// Burnt for a byte of bandwidth, in sun.
const SUN_PER_BYTE: i64 = 1000;
/// Energy of a call.
const ENERGY: i64 = 14_650;
/// About the bytes of one transaction and of one info as text.
const TX_TEXT: usize = 1500;

/// The block without its transactions: `getblock` with `detail` false.
pub(in crate::devnet) fn header(block: &SimBlock, style: Style) -> String {
    let mut json = Json::sized(1024);
    open_block(&mut json, block, style);
    json.put("}");
    json.finish()
}

/// The whole block; without the key `transactions` if it has none.
pub(in crate::devnet) fn block(block: &SimBlock, style: Style) -> String {
    let mut json = Json::sized(1024 + block.tx_count() * TX_TEXT);
    open_block(&mut json, block, style);
    if block.tx_count() > 0 {
        json.put(",\"transactions\":").list(block.all_txs(), |json, tx| write_transaction(json, &tx, style));
    }
    json.put("}");
    json.finish()
}

/// One transaction: `gettransactionbyid`. `{}` where the block has none in this place.
pub(in crate::devnet) fn transaction(block: &SimBlock, index: usize, style: Style) -> String {
    let Some(tx) = block.tx_at(index) else { return "{}".into() };
    let mut json = Json::sized(TX_TEXT);
    write_transaction(&mut json, &tx, style);
    json.finish()
}

/// One info: `gettransactioninfobyid`. `{}` where the block has no transaction in this place.
pub(in crate::devnet) fn info(block: &SimBlock, index: usize, style: Style) -> String {
    let Some(tx) = block.tx_at(index) else { return "{}".into() };
    let mut json = Json::sized(TX_TEXT);
    write_info(&mut json, block, &tx, style);
    json.finish()
}

/// The infos of all transactions in order: `gettransactioninfobyblocknum`.
pub(in crate::devnet) fn infos(block: &SimBlock, style: Style) -> String {
    let mut json = Json::sized(2 + block.tx_count() * TX_TEXT);
    json.list(block.all_txs(), |json, tx| write_info(json, block, &tx, style));
    json.finish()
}

/// All but the closing brace.
fn open_block(json: &mut Json, block: &SimBlock, style: Style) {
    let raw = &block.tron().header;
    json.put("{\"blockID\":\"").hex(&block.at.hash.0).put("\",\"block_header\":{\"raw_data\":{");
    if raw.number != 0 {
        json.put("\"number\":").number(raw.number).put(",");
    }
    json.put("\"txTrieRoot\":\"").hex(&raw.tx_root);
    json.put("\",\"witness_address\":").account(raw.witness, style);
    json.put(",\"parentHash\":\"").hex(&raw.parent).put("\",");
    if raw.version != 0 {
        json.put("\"version\":").number(raw.version).put(",");
    }
    if raw.timestamp != 0 {
        json.put("\"timestamp\":").number(raw.timestamp).put(",");
    }
    if let Some(root) = &raw.state_root {
        json.put("\"accountStateRoot\":\"").hex(root).put("\"");
    }
    json.end("}").put(",\"witness_signature\":\"").hex(&block.witness_signature()).put("\"}");
}

fn write_transaction(json: &mut Json, tx: &Tx, style: Style) {
    let tron = tx.tron();
    json.put("{\"ret\":[{\"contractRet\":\"").put(tron.result.name());
    json.put("\"}],\"signature\":[\"").hex(&tx.signature());
    json.put("\"],\"txID\":\"").hex(&tx.hash.0);
    json.put("\",\"raw_data\":{\"contract\":[{\"parameter\":{\"value\":{");
    write_value(json, tx, tron, style);
    json.put("},\"type_url\":\"").put(tron.contract.type_url());
    json.put("\"},\"type\":\"").put(tron.contract.name());
    json.put("\"}],\"ref_block_bytes\":\"").hex(&tron.stamp.ref_block_bytes);
    json.put("\",\"ref_block_hash\":\"").hex(&tron.stamp.ref_block_hash).put("\",");
    json.field("expiration", tron.stamp.expiration);
    json.field("fee_limit", tron.fee_limit);
    json.field("timestamp", tron.stamp.timestamp);
    json.end("}").put(",\"raw_data_hex\":\"").hex(&tx.raw_data()).put("\"}");
}

fn write_value(json: &mut Json, tx: &Tx, tron: &TronTx, style: Style) {
    let target = match &tron.contract {
        Contract::Call { data, value } => {
            if !data.is_empty() {
                json.put("\"data\":\"").hex(data).put("\",");
            }
            json.field("call_value", *value);
            "contract_address"
        }
        Contract::Trx { amount } => {
            json.field("amount", *amount);
            "to_address"
        }
        Contract::Asset { name, amount } => {
            json.field("amount", *amount).put("\"asset_name\":").name(name, style).put(",");
            "to_address"
        }
    };
    json.put("\"owner_address\":").account(tx.from, style);
    json.put(",\"").put(target).put("\":").account(tx.to, style);
}

/// What a transaction cost. Some accounts have staked for what they use, others burn TRX.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    energy_usage: i64,
    energy_fee: i64,
    pub(super) energy_total: i64,
    net_usage: i64,
    net_fee: i64,
}

impl Cost {
    pub(super) fn of(tx: &Tx) -> Self {
        let is_staked = tx.from.0[19] & 1 == 0;
        let energy = if tx.tron().contract.is_call() { ENERGY } else { 0 };
        let bytes = if energy > 0 { 345 } else { 267 };
        if is_staked {
            return Self { energy_usage: energy, energy_total: energy, net_usage: bytes, ..Self::default() };
        }
        let (energy_fee, net_fee) = (energy * SUN_PER_ENERGY, bytes * SUN_PER_BYTE);
        Self { energy_fee, energy_total: energy, net_fee, ..Self::default() }
    }

    fn fee(self) -> i64 {
        self.energy_fee + self.net_fee
    }
}

fn write_info(json: &mut Json, block: &SimBlock, tx: &Tx, style: Style) {
    let tron = tx.tron();
    let cost = Cost::of(tx);
    let raw = &block.tron().header;
    json.put("{\"id\":\"").hex(&tx.hash.0).put("\",");
    json.field("fee", cost.fee());
    json.put("\"blockNumber\":").number(raw.number);
    json.put(",\"blockTimeStamp\":").number(raw.timestamp);
    json.put(",\"contractResult\":[\"\"],");
    if tron.contract.is_call() {
        json.put("\"contract_address\":").account(tx.to, style).put(",");
    }
    json.put("\"receipt\":{").field("energy_usage", cost.energy_usage).field("energy_fee", cost.energy_fee);
    json.field("energy_usage_total", cost.energy_total).field("net_usage", cost.net_usage);
    json.field("net_fee", cost.net_fee);
    if tron.contract.is_call() {
        json.put("\"result\":\"").put(tron.result.name()).put("\"");
    }
    json.end("},");
    if !tx.logs.is_empty() {
        json.put("\"log\":").list(&tx.logs, |json, log| write_log(json, log, style)).put(",");
    }
    if tron.result != TronResult::Success {
        json.put("\"result\":\"FAILED\",\"resMessage\":").name(tron.result.message(), style).put(",");
    }
    write_internal(json, tx, style);
    json.end("}");
}

fn write_log(json: &mut Json, log: &Log, style: Style) {
    json.put("{\"address\":").log_account(log.address, style).put(",");
    if !log.topics.is_empty() {
        json.put("\"topics\":").list(&log.topics, |json, topic| {
            json.put("\"").hex(topic).put("\"");
        });
        json.put(",");
    }
    if !log.data.is_empty() {
        json.put("\"data\":\"").hex(&log.data).put("\"");
    }
    json.end("}");
}

fn write_internal(json: &mut Json, tx: &Tx, style: Style) {
    let calls = &tx.tron().internal;
    if calls.is_empty() {
        return;
    }
    json.put("\"internal_transactions\":").list(calls.iter().enumerate(), |json, (place, call)| {
        let hash = super::sha256(&[tx.hash.0.as_slice(), &place.to_be_bytes()].concat());
        json.put("{\"hash\":\"").hex(&hash);
        json.put("\",\"caller_address\":").account(call.caller, style);
        json.put(",\"transferTo_address\":").account(call.to, style);
        json.put(",\"callValueInfo\":[{").field("callValue", call.value).end("}],\"note\":\"63616c6c\",");
        if call.rejected {
            json.put("\"rejected\":true");
        }
        json.end("}");
    });
}

#[cfg(test)]
mod tests;
