//! One transaction as a node tells of it, to explain it: its receipt and its block, each log judged by the code that
//! judges while following.

use serde::Deserialize;

use super::{
    EvmSource, decode, is_unsupported,
    wire::{Bytes, Data, Quantity, WireLog, WireReceipt},
};
use crate::{
    chain::{
        Doubt,
        transfer_log::{Skipped, TRANSFER_TOPIC, flaw, next_ordinal},
    },
    domain::{
        Address, BlockHash, BlockRef, Height, TxHash, TxView,
        explain::{LogKind, LogView, TxKind, TxOutcome, TxPlace},
    },
};

/// The call that gives a receipt.
const RECEIPT: &str = "eth_getTransactionReceipt";
/// The call that gives a transaction.
const TRANSACTION: &str = "eth_getTransactionByHash";

/// The part of a transaction that says what it asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTransaction {
    hash: Bytes<32>,
    #[serde(default)]
    block_number: Option<Quantity>,
    #[serde(default)]
    to: Option<Bytes<20>>,
    /// Hex; only whether there is any is looked at.
    #[serde(default)]
    input: String,
}

impl WireTransaction {
    fn kind(&self) -> TxKind {
        match (&self.to, self.input.as_str()) {
            (None, _) => TxKind::Creation,
            (Some(to), "" | "0x") => TxKind::Coin(Address(to.0)),
            (Some(to), _) => TxKind::Call(Address(to.0)),
        }
    }
}

impl EvmSource {
    /// What this node says of a transaction.
    ///
    /// # Errors
    /// [`Doubt`]: an answer that does not hold together proves nothing.
    pub(super) async fn view_of(&self, tx: TxHash) -> Result<TxView, Doubt> {
        let unknown = TxView::unknown(tx, self.rpc.name());
        let params = format!(r#"["0x{}"]"#, hex::encode(tx.0));
        let receipt: Option<WireReceipt<WireLog>> = self.rpc.fetch(RECEIPT, &params).await?;
        let transaction = self.transaction(tx, &params).await?;
        let kind = transaction.as_ref().map_or(TxKind::Unsaid, WireTransaction::kind);
        let Some(receipt) = receipt else {
            return match transaction {
                None => Ok(unknown),
                Some(WireTransaction { block_number: None, .. }) => {
                    Ok(TxView { place: TxPlace::Waiting, kind, ..unknown })
                }
                Some(WireTransaction { block_number: Some(at), .. }) => Err(Doubt::Missing(Height(at.0))),
            };
        };
        let malformed = |what: &str| Doubt::Malformed { method: RECEIPT, what: what.to_owned() };
        if receipt.transaction_hash.0 != tx.0 {
            return Err(malformed("the receipt of another transaction"));
        }
        let outcome = match receipt.status.0 {
            1 => TxOutcome::Succeeded,
            0 => TxOutcome::Failed("status 0".to_owned()),
            _ => return Err(malformed("a status that is neither 0 nor 1")),
        };
        let place = self.place_of(&receipt).await?;
        let logs = views(receipt.logs);
        Ok(TxView { place, outcome, kind, logs, ..unknown })
    }

    /// The transaction itself; a node that does not know the call says nothing of it.
    async fn transaction(&self, tx: TxHash, params: &str) -> Result<Option<WireTransaction>, Doubt> {
        match self.rpc.fetch::<Option<WireTransaction>>(TRANSACTION, params).await {
            Ok(Some(found)) if found.hash.0 != tx.0 => {
                Err(Doubt::Malformed { method: TRANSACTION, what: "another transaction".to_owned() })
            }
            Err(doubt) if is_unsupported(&doubt) => Ok(None),
            other => other,
        }
    }

    /// The block of a receipt, which must be the node's own at that height.
    async fn place_of(&self, receipt: &WireReceipt<WireLog>) -> Result<TxPlace, Doubt> {
        let height = Height(receipt.block_number.0);
        let at = BlockRef { height, hash: BlockHash(receipt.block_hash.0) };
        let finalized = self.finalized().await?;
        let header = self.tagged(&format!("{:#x}", height.0)).await?.ok_or(Doubt::Missing(height))?;
        if header.at != at {
            let what = format!("a receipt names block {at}, and the block there is {}", header.at);
            return Err(Doubt::Disagreement(what));
        }
        let is_final = finalized.is_some_and(|last| height <= last.at.height);
        Ok(TxPlace::Block { at, time: header.time, is_final })
    }
}

/// Every log of a receipt by its place, as it would be judged were its contract listed.
fn views(mut logs: Vec<WireLog>) -> Vec<LogView> {
    logs.sort_by_key(|log| log.log_index);
    let mut counts: Vec<(Address, u32)> = Vec::new();
    logs.iter().map(|log| view(log, &mut counts)).collect()
}

fn view(log: &WireLog, counts: &mut Vec<(Address, u32)>) -> LogView {
    let contract = Address(log.address.0);
    if log.topics.count == 0 || log.topics.words[0] != TRANSFER_TOPIC {
        return LogView { contract, kind: LogKind::Other };
    }
    let ordinal = next_ordinal(counts, contract);
    let kind = match decode::transfer(log, ordinal) {
        Ok(transfer) => LogKind::Transfer(transfer),
        Err(Skipped::ZeroValue) => LogKind::ZeroValue(ordinal),
        Err(Skipped::Malformed) => {
            LogKind::Malformed(ordinal, flaw(log.topics.count, matches!(log.data, Data::Word(_))))
        }
    };
    LogView { contract, kind }
}

#[cfg(test)]
mod tests;
