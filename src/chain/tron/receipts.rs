//! The same blocks over JSON-RPC: a header with its transactions' hashes, and the receipts of all of them. Every receipt
//! names its block by hash, so no list can be of another branch.

use serde::Deserialize;

use super::{
    decode::{Decoded, Digits, Scope},
    header::Checked,
    whole::{Whole, check_emptiness, check_once, incomplete},
    wire::{self, Topics, WireLog},
};
use crate::{
    chain::{
        Doubt,
        hexed::{Bytes, Quantity},
    },
    domain::{Address, BlockHash, BlockRef, Header, Height, Timestamp, TxHash},
};

/// The call that gives a header.
const HEADER: &str = "eth_getBlockByNumber";
/// The call that gives the receipts.
const RECEIPTS: &str = "eth_getBlockReceipts";

/// A result of `eth_getBlockByNumber` without details.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RpcBlock<'a> {
    number: Quantity,
    hash: Bytes<32>,
    parent_hash: Bytes<32>,
    /// Seconds.
    timestamp: Quantity,
    #[serde(borrow)]
    transactions_root: &'a str,
    transactions: Vec<Bytes<32>>,
}

/// A result of `eth_getBlockReceipts` is a list of these.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RpcReceipt<'a> {
    block_hash: Bytes<32>,
    block_number: Quantity,
    transaction_hash: Bytes<32>,
    transaction_index: Quantity,
    status: Quantity,
    #[serde(borrow)]
    logs: Vec<RpcLog<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcLog<'a> {
    #[serde(borrow)]
    address: &'a str,
    #[serde(borrow)]
    topics: Topics<'a>,
    #[serde(borrow)]
    data: &'a str,
    block_hash: Bytes<32>,
    transaction_hash: Bytes<32>,
    #[serde(default)]
    removed: bool,
}

/// The header of a block, to ask for its receipts by hash; `null` is `None`.
///
/// # Errors
/// [`Doubt::Missing`] for `None`, [`Doubt::Malformed`] for another block.
pub(super) fn header(block: Option<&RpcBlock<'_>>, at: Height) -> Result<Header, Doubt> {
    let block = block.ok_or(Doubt::Missing(at))?;
    if block.number.0 != at.0 || !block.hash.0.starts_with(&at.0.to_be_bytes()) {
        return Err(wire::malformed(HEADER, &format!("block {} instead of {at}", block.number.0)));
    }
    Ok(Header {
        at: BlockRef { height: at, hash: BlockHash(block.hash.0) },
        parent: BlockHash(block.parent_hash.0),
        time: Timestamp(block.timestamp.0),
    })
}

/// The block at `at` from both results. The header lacks its version, so its id stays unproved. `tokens` are sorted.
///
/// # Errors
/// As [`super::whole::block`].
pub(super) fn whole(
    block: Option<&RpcBlock<'_>>,
    receipts: Option<&[RpcReceipt<'_>]>,
    at: Height,
    tokens: &[Address],
) -> Result<Whole, Doubt> {
    let header = header(block, at)?;
    let (Some(block), Some(receipts)) = (block, receipts) else { return Err(Doubt::Missing(at)) };
    let root = block.transactions_root.strip_prefix("0x");
    let root = root.ok_or_else(|| wire::malformed(HEADER, &format!("block {at}: transactionsRoot without 0x")))?;
    check_emptiness(at, root, block.transactions.len(), receipts.len())?;
    check_receipts(block, receipts, header.at)?;
    let scope = Scope { digits: Digits::Prefixed, at, tokens };
    let mut decoded = Decoded::default();
    let mut logs: Vec<WireLog<'_>> = Vec::new();
    for receipt in receipts {
        if receipt.status.0 != 1 {
            continue;
        }
        logs.clear();
        logs.extend(receipt.logs.iter().map(|log| WireLog {
            address: log.address,
            topics: log.topics,
            data: log.data,
        }));
        scope.add(&logs, TxHash(receipt.transaction_hash.0), &mut decoded)?;
    }
    Ok(Whole::new(Checked { value: header, id_proved: false }, decoded))
}

/// A receipt for each transaction, in its order, none twice, all of this block; their logs too.
fn check_receipts(block: &RpcBlock<'_>, receipts: &[RpcReceipt<'_>], at: BlockRef) -> Result<(), Doubt> {
    let hashes = &block.transactions;
    if hashes.len() != receipts.len() {
        let what = format!("{} receipts of {} transactions", receipts.len(), hashes.len());
        return Err(incomplete(at.height, what));
    }
    for (place, (hash, receipt)) in (0_u64..).zip(hashes.iter().zip(receipts)) {
        let name = || format!("transaction {}", hex::encode(hash.0));
        if receipt.transaction_hash != *hash || receipt.transaction_index.0 != place {
            return Err(incomplete(at.height, format!("receipt {place} is not that of {}", name())));
        }
        if receipt.block_hash.0 != at.hash.0 || receipt.block_number.0 != at.height.0 {
            return Err(incomplete(at.height, format!("the receipt of {} is of another block", name())));
        }
        if receipt.status.0 > 1 {
            let what = format!("block {}, {}: a status that is neither 0 nor 1", at.height, name());
            return Err(wire::malformed(RECEIPTS, &what));
        }
        let is_foreign =
            |log: &RpcLog<'_>| log.block_hash.0 != at.hash.0 || log.transaction_hash != *hash || log.removed;
        if receipt.logs.iter().any(is_foreign) {
            let what = format!("block {}: {} has a log of another block or transaction", at.height, name());
            return Err(Doubt::ForeignLog(what));
        }
    }
    check_once(at.height, hashes.iter().map(|hash| hash.0).collect())
}
