//! One simulated block, with the JSON a node serves for it rendered once, at mining.
//!
//! `logsBloom` and `receiptsRoot` are the real ones. Hashes of blocks and transactions are honest about identity (other
//! content or another branch is another hash), not about encoding; `transactionsRoot` and `stateRoot` are made up.
//! A block of a TRON chain is sealed instead, see `tron`: it has no Ethereum JSON, and is rendered when asked for.

use std::{fmt::Write, ops::Range, sync::Arc};

use crate::domain::{BlockHash, BlockRef, Family, Height, Timestamp};

use super::{
    bloom::{Bloom, keccak256},
    trie,
    tron::{self, Filler, Seal},
    tx::{Log, Tx},
};

/// Root of an empty trie: what a real block without transactions, receipts or withdrawals carries.
const EMPTY_ROOT: &str = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
/// Hash of an empty uncle list.
const NO_UNCLES: &str = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";
/// SHA-256 of nothing: `requestsHash` of a block without requests.
const NO_REQUESTS: &str = "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// Gas each simulated transaction uses.
const TX_GAS: usize = 60_000;

/// A mined block. Immutable; shared between the ledger and whoever serves it.
#[derive(Clone, Debug)]
pub struct SimBlock {
    /// Height and hash.
    pub at: BlockRef,
    /// Hash of the block below; zero for genesis.
    pub parent: BlockHash,
    /// Its time.
    pub timestamp: Timestamp,
    /// What it includes, in order; on TRON without the made-up traffic between them, see [`SimBlock::tx_at`].
    pub txs: Vec<Tx>,
    /// Over all logs; empty on TRON.
    pub bloom: Bloom,
    /// The whole answer to `eth_getBlockByNumber` with transaction hashes.
    pub(super) header_json: Arc<str>,
    /// Where in `header_json` the value of `transactions` lies, brackets included.
    transactions_at: Range<usize>,
    /// Every log as JSON, separated by commas, without brackets.
    pub(super) logs_json: Arc<str>,
    /// Where in `logs_json` each log lies, block-wide order.
    log_spans: Vec<Range<usize>>,
    /// What it has on TRON only.
    pub(super) seal: Option<Seal>,
}

/// Everything a block is made of.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) family: Family,
    pub(super) chain_id: u64,
    pub(super) branch: u64,
    pub(super) height: Height,
    pub(super) parent: BlockHash,
    pub(super) timestamp: Timestamp,
    pub(super) txs: Vec<Tx>,
    /// A prescribed hash (genesis of a known network) instead of the computed one.
    pub(super) hash: Option<BlockHash>,
    /// How many accounts take turns in making blocks; TRON only.
    pub(super) producers: u64,
    /// Traffic between strangers; TRON only.
    pub(super) filler: Option<Filler>,
}

impl SimBlock {
    /// Computes hash, bloom and JSON.
    pub(super) fn mine(draft: Draft) -> Self {
        match draft.family {
            Family::Evm => Self::mine_evm(draft),
            Family::Tron => tron::mine(draft),
        }
    }

    fn mine_evm(draft: Draft) -> Self {
        let Draft { chain_id, branch, height, parent, timestamp, txs, hash, .. } = draft;
        let mut bloom = Bloom::EMPTY;
        let mut receipts = Vec::with_capacity(txs.len());
        for (index, tx) in txs.iter().enumerate() {
            let own = tx_bloom(tx);
            bloom.merge(&own);
            receipts.push(trie::receipt(tx, (index + 1) * TX_GAS, &own.0));
        }
        let receipts = trie::ordered_root(&receipts);
        let computed = BlockHash(keccak256(&[
            b"devnet block",
            &chain_id.to_be_bytes(),
            &branch.to_be_bytes(),
            &height.0.to_be_bytes(),
            &parent.0,
            &timestamp.0.to_be_bytes(),
            &receipts,
            &tx_hashes(&txs),
        ]));
        let at = BlockRef { height, hash: hash.unwrap_or(computed) };
        let mut block = Self { bloom, ..Self::bare(at, parent, timestamp, txs) };
        block.render_header(&receipts);
        block.render_logs();
        block
    }

    /// A block of a TRON chain.
    pub(super) fn sealed(at: BlockRef, parent: BlockHash, timestamp: Timestamp, txs: Vec<Tx>, seal: Seal) -> Self {
        Self { seal: Some(seal), ..Self::bare(at, parent, timestamp, txs) }
    }

    fn bare(at: BlockRef, parent: BlockHash, timestamp: Timestamp, txs: Vec<Tx>) -> Self {
        Self {
            at,
            parent,
            timestamp,
            txs,
            bloom: Bloom::EMPTY,
            header_json: "".into(),
            transactions_at: 0..0,
            logs_json: "".into(),
            log_spans: Vec::new(),
            seal: None,
        }
    }

    /// The logs of its `txs`, in block-wide order.
    pub fn logs(&self) -> impl Iterator<Item = &Log> {
        self.txs.iter().flat_map(|tx| &tx.logs)
    }

    /// How many logs it has, those of made-up traffic too.
    pub fn log_count(&self) -> usize {
        self.unhashed_txs().map(|tx| tx.logs.len()).sum()
    }

    /// The JSON of the log at `index` of the block.
    pub(super) fn log_json(&self, index: usize) -> &str {
        &self.logs_json[self.log_spans[index].clone()]
    }

    /// The transaction at `index` of the block.
    pub(super) fn transaction_json(&self, index: usize) -> String {
        self.tx_json(index, &self.txs[index])
    }

    /// The answer to `eth_getBlockByNumber` with whole transactions.
    pub(super) fn full_json(&self) -> String {
        let Range { start, end } = self.transactions_at.clone();
        let txs: Vec<String> = self.txs.iter().enumerate().map(|(index, tx)| self.tx_json(index, tx)).collect();
        format!("{}[{}]{}", &self.header_json[..start], txs.join(","), &self.header_json[end..])
    }

    /// The receipt of the transaction at `index` of the block.
    pub(super) fn receipt_json(&self, index: usize) -> String {
        let tx = &self.txs[index];
        let first: usize = self.txs[..index].iter().map(|tx| tx.logs.len()).sum();
        let logs: Vec<&str> = (first..first + tx.logs.len()).map(|index| self.log_json(index)).collect();
        let bloom = tx_bloom(tx);
        format!(
            r#"{{"type":"0x2","status":"{:#x}","transactionHash":"{}","transactionIndex":"{index:#x}","blockHash":"{}","blockNumber":"{:#x}","from":"{:?}","to":"{:?}","contractAddress":null,"cumulativeGasUsed":"{:#x}","gasUsed":"{TX_GAS:#x}","effectiveGasPrice":"0x3b9aca07","logs":[{}],"logsBloom":"0x{}"}}"#,
            u8::from(tx.succeeded),
            tx.hash,
            self.at.hash,
            self.at.height.0,
            tx.from,
            tx.to,
            (index + 1) * TX_GAS,
            logs.join(","),
            hex::encode(bloom.0),
        )
    }

    /// The receipts of all its transactions, as a list.
    pub(super) fn receipts_json(&self) -> String {
        let receipts: Vec<String> = (0..self.txs.len()).map(|index| self.receipt_json(index)).collect();
        format!("[{}]", receipts.join(","))
    }

    fn tx_json(&self, index: usize, tx: &Tx) -> String {
        // What wrote nothing and did not fail paid the network's own coin.
        let is_coin = tx.logs.is_empty() && tx.succeeded;
        let input = if is_coin { String::new() } else { hex::encode(tron::call_data(&tx.logs)) };
        format!(
            r#"{{"type":"0x2","hash":"{}","blockHash":"{}","blockNumber":"{:#x}","transactionIndex":"{index:#x}","from":"{:?}","to":"{:?}","value":"0x0","nonce":"0x0","gas":"{TX_GAS:#x}","gasPrice":"0x3b9aca07","input":"0x{input}"}}"#,
            tx.hash, self.at.hash, self.at.height.0, tx.from, tx.to,
        )
    }

    /// The fields of a current geth, and one no client knows yet.
    fn render_header(&mut self, receipts: &[u8; 32]) {
        let receipts_root = hex::encode(receipts);
        let hashes: Vec<String> = self.txs.iter().map(|tx| format!("\"{}\"", tx.hash)).collect();
        let zero = BlockHash::default();
        let mut json = format!(
            r#"{{"number":"{:#x}","hash":"{}","parentHash":"{}","timestamp":"{:#x}","logsBloom":"0x{}","receiptsRoot":"0x{receipts_root}","#,
            self.at.height.0,
            self.at.hash,
            self.parent,
            self.timestamp.0,
            hex::encode(self.bloom.0),
        );
        let gas_used = self.txs.len() * TX_GAS;
        write!(
            json,
            r#""baseFeePerGas":"0x7","blobGasUsed":"0x0","difficulty":"0x0","excessBlobGas":"0x0","extraData":"0x646576","gasLimit":"0x3938700","gasUsed":"{gas_used:#x}","miner":"0x{:040x}","mixHash":"{zero}","nonce":"0x0000000000000000","parentBeaconBlockRoot":"{zero}","requestsHash":"{NO_REQUESTS}","sha3Uncles":"{NO_UNCLES}","size":"0x2a1","stateRoot":"{EMPTY_ROOT}","totalDifficulty":"0x0","transactionsRoot":"0x{receipts_root}","uncles":[],"withdrawals":[],"withdrawalsRoot":"{EMPTY_ROOT}","fieldOfTheFuture":{{"balAccessListHash":"{zero}"}},"transactions":"#,
            0,
        )
        .expect("writing to a String cannot fail");
        let start = json.len();
        json.push('[');
        json.push_str(&hashes.join(","));
        json.push(']');
        self.transactions_at = start..json.len();
        json.push('}');
        self.header_json = json.into();
    }

    fn render_logs(&mut self) {
        let tail = format!(
            r#""blockNumber":"{:#x}","blockHash":"{}","blockTimestamp":"{:#x}","removed":false}}"#,
            self.at.height.0,
            self.at.hash.text(Family::Evm),
            self.timestamp.0
        );
        let mut json = String::new();
        let mut spans = Vec::new();
        for (tx_index, tx) in self.txs.iter().enumerate() {
            for log in &tx.logs {
                if !spans.is_empty() {
                    json.push(',');
                }
                let start = json.len();
                let topics: Vec<String> =
                    log.topics.iter().map(|topic| format!("\"0x{}\"", hex::encode(topic))).collect();
                write!(
                    json,
                    r#"{{"address":"{:?}","topics":[{}],"data":"0x{}","transactionHash":"{}","transactionIndex":"{tx_index:#x}","logIndex":"{:#x}",{tail}"#,
                    log.address,
                    topics.join(","),
                    hex::encode(&log.data),
                    tx.hash,
                    spans.len(),
                )
                .expect("writing to a String cannot fail");
                spans.push(start..json.len());
            }
        }
        self.logs_json = json.into();
        self.log_spans = spans;
    }
}

fn tx_hashes(txs: &[Tx]) -> Vec<u8> {
    txs.iter().flat_map(|tx| tx.hash.0).collect()
}

/// The bloom of one transaction's logs.
fn tx_bloom(tx: &Tx) -> Bloom {
    let mut bloom = Bloom::EMPTY;
    for log in &tx.logs {
        bloom.add(&log.address.0);
        log.topics.iter().for_each(|topic| bloom.add(topic));
    }
    bloom
}
