//! java-tron's JSON-RPC answers about one block. Ethereum's words in TRON's mouth: the bloom is zero, the state root is
//! `0x`, `gasUsed` of a block is zero.

use crate::devnet::{
    block::SimBlock,
    tx::{Log, Tx},
};

use super::{json::Json, render::Cost};

const NO_BLOOM: [u8; 256] = [0; 256];
const NOTHING: [u8; 32] = [0; 32];

/// `eth_getBlockByNumber` and `eth_getBlockByHash` with transaction hashes.
pub(in crate::devnet) fn block(block: &SimBlock) -> String {
    let raw = &block.tron().header;
    let mut json = Json::sized(2048 + block.tx_count() * 70);
    json.put("{\"number\":").quantity(raw.number);
    hash(&mut json, ",\"hash\":", &block.at.hash.0);
    hash(&mut json, ",\"parentHash\":", &raw.parent);
    hash(&mut json, ",\"miner\":", &raw.witness.0);
    json.put(",\"timestamp\":").quantity(raw.timestamp / 1000);
    json.put(",\"size\":").quantity(block.tron().bytes as u64);
    hash(&mut json, ",\"transactionsRoot\":", &raw.tx_root);
    json.put(",\"stateRoot\":\"0x\",\"transactions\":");
    json.list(block.all_txs(), |json, tx| hash(json, "", &tx.hash.0));
    json.put(",\"uncles\":[],\"gasLimit\":\"0x0\",\"gasUsed\":\"0x0\",\"difficulty\":\"0x0\"");
    json.put(",\"totalDifficulty\":\"0x0\",\"extraData\":\"0x\"");
    hash(&mut json, ",\"logsBloom\":", &NO_BLOOM);
    hash(&mut json, ",\"nonce\":", &[0; 8]);
    hash(&mut json, ",\"sha3Uncles\":", &NOTHING);
    hash(&mut json, ",\"receiptsRoot\":", &NOTHING);
    hash(&mut json, ",\"mixHash\":", &NOTHING);
    json.put(",\"baseFeePerGas\":\"0x0\"}");
    json.finish()
}

/// `eth_getBlockReceipts`.
pub(in crate::devnet) fn receipts(block: &SimBlock) -> String {
    let mut json = Json::sized(2 + block.tx_count() * 2048);
    let mut so_far = SoFar::default();
    json.list(block.all_txs(), |json, tx| {
        write_receipt(json, block, &tx, so_far);
        so_far = so_far.with(&tx);
    });
    json.finish()
}

/// `eth_getTransactionReceipt` of the transaction in this place; `null` if there is none.
pub(in crate::devnet) fn receipt(block: &SimBlock, index: usize) -> String {
    let Some(tx) = block.tx_at(index) else { return "null".into() };
    let so_far = block.unhashed_txs().take(index).fold(SoFar::default(), |so_far, tx| so_far.with(&tx));
    let mut json = Json::sized(2048);
    write_receipt(&mut json, block, &tx, so_far);
    json.finish()
}

/// What went before a transaction in its block. Logs of failed ones count, as java-tron counts them.
#[derive(Clone, Copy, Debug, Default)]
struct SoFar {
    txs: u64,
    logs: u64,
    energy: u64,
}

impl SoFar {
    fn with(self, tx: &Tx) -> Self {
        Self { txs: self.txs + 1, logs: self.logs + tx.logs.len() as u64, energy: self.energy + energy(tx) }
    }
}

fn energy(tx: &Tx) -> u64 {
    Cost::of(tx).energy_total.unsigned_abs()
}

/// Puts `before`, then bytes as quoted hex.
fn hash(json: &mut Json, before: &str, bytes: &[u8]) {
    json.put(before).put("\"0x").hex(bytes).put("\"");
}

fn write_receipt(json: &mut Json, block: &SimBlock, tx: &Tx, so_far: SoFar) {
    hash(json, "{\"blockHash\":", &block.at.hash.0);
    json.put(",\"blockNumber\":").quantity(block.at.height.0);
    hash(json, ",\"transactionHash\":", &tx.hash.0);
    json.put(",\"transactionIndex\":").quantity(so_far.txs);
    hash(json, ",\"from\":", &tx.from.0);
    hash(json, ",\"to\":", &tx.to.0);
    json.put(",\"gasUsed\":").quantity(energy(tx));
    json.put(",\"cumulativeGasUsed\":").quantity(so_far.energy + energy(tx));
    json.put(",\"effectiveGasPrice\":\"0x64\",\"contractAddress\":null,\"logs\":");
    let mut index = so_far.logs;
    json.list(&tx.logs, |json, log| {
        write_log(json, block, tx, log, (so_far.txs, index));
        index += 1;
    });
    hash(json, ",\"logsBloom\":", &NO_BLOOM);
    json.put(",\"status\":").quantity(u64::from(tx.succeeded)).put(",\"type\":\"0x0\"}");
}

/// `places`: of the transaction in the block, and of the log among all logs of the block.
fn write_log(json: &mut Json, block: &SimBlock, tx: &Tx, log: &Log, places: (u64, u64)) {
    hash(json, "{\"address\":", &log.address.0);
    json.put(",\"topics\":").list(&log.topics, |json, topic| hash(json, "", topic));
    hash(json, ",\"data\":", &log.data);
    hash(json, ",\"blockHash\":", &block.at.hash.0);
    json.put(",\"blockNumber\":").quantity(block.at.height.0);
    json.put(",\"blockTimestamp\":").quantity(block.timestamp.0);
    hash(json, ",\"transactionHash\":", &tx.hash.0);
    json.put(",\"transactionIndex\":").quantity(places.0);
    json.put(",\"logIndex\":").quantity(places.1).put(",\"removed\":false}");
}

#[cfg(test)]
mod tests;
