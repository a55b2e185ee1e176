//! Logs of one block become transfers. Pure: every log is checked against the header and the list of tokens first, then
//! sorted, counted for its ordinal, and only then filtered.

use primitive_types::U256;

use super::wire::{Data, WireHeader, WireLog};
pub(super) use crate::chain::transfer_log::{Skipped, TRANSFER_TOPIC};
use crate::{
    chain::{Doubt, transfer_log::next_ordinal},
    domain::{Address, BlockHash, BlockRef, Header, Height, LogOrdinal, Timestamp, TokenAmount, Transfer, TxHash},
};

/// The transfers of one block, and what was left out of them.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) transfers: Vec<Transfer>,
    /// Logs that are counted and nothing else, with the token that wrote them.
    pub(super) skipped: Vec<(Address, Skipped)>,
}

/// What we keep of a header.
pub(super) fn header(wire: &WireHeader) -> Header {
    Header {
        at: BlockRef { height: Height(wire.number.0), hash: BlockHash(wire.hash.0) },
        parent: BlockHash(wire.parent_hash.0),
        time: Timestamp(wire.timestamp.0),
    }
}

/// Refuses a log that was not asked for.
fn check(log: &WireLog, at: BlockRef, tokens: &[Address]) -> Result<(), Doubt> {
    let foreign = |what: &str| Err(Doubt::ForeignLog(format!("block {}, log {}: {what}", at.height, log.log_index.0)));
    if log.block_hash.0 != at.hash.0 {
        return foreign("another block hash");
    }
    if log.block_number.0 != at.height.0 {
        return foreign("another block number");
    }
    if tokens.binary_search(&Address(log.address.0)).is_err() {
        return foreign("a contract that was not asked for");
    }
    if log.topics.count == 0 || log.topics.words[0] != TRANSFER_TOPIC {
        return foreign("another topic");
    }
    if log.removed == Some(true) {
        return foreign("it is marked removed");
    }
    if log.transaction_hash.0 == [0; 32] {
        return foreign("no transaction hash");
    }
    Ok(())
}

/// The transfers among `logs`, all of which must be `Transfer` logs of `tokens` (sorted) in the block `at`.
pub(super) fn transfers(mut logs: Vec<WireLog>, at: BlockRef, tokens: &[Address]) -> Result<Decoded, Doubt> {
    logs.sort_by_key(|log| log.log_index);
    // Byte-identical doubles are dropped; what is left with an index twice is refused below.
    logs.dedup();
    let mut decoded = Decoded { transfers: Vec::with_capacity(logs.len()), skipped: Vec::new() };
    let mut counts: Vec<(Address, u32)> = Vec::new();
    let mut last: Option<&WireLog> = None;
    for log in &logs {
        check(log, at, tokens)?;
        if let Some(last) = last {
            let same_tx = last.transaction_hash == log.transaction_hash;
            let in_order = if same_tx {
                last.transaction_index == log.transaction_index
            } else {
                last.transaction_index < log.transaction_index
            };
            if last.log_index == log.log_index || !in_order {
                return Err(Doubt::ForeignLog(format!(
                    "block {}: log {} twice or out of its transaction",
                    at.height, log.log_index.0
                )));
            }
            if !same_tx {
                counts.clear();
            }
        }
        let ordinal = next_ordinal(&mut counts, Address(log.address.0));
        match transfer(log, ordinal) {
            Ok(transfer) => decoded.transfers.push(transfer),
            Err(why) => decoded.skipped.push((Address(log.address.0), why)),
        }
        last = Some(log);
    }
    Ok(decoded)
}

/// What one log of a token is; `ordinal` is its place among the token's.
pub(super) fn transfer(log: &WireLog, ordinal: LogOrdinal) -> Result<Transfer, Skipped> {
    let Data::Word(amount) = log.data else { return Err(Skipped::Malformed) };
    if log.topics.count != 3 {
        return Err(Skipped::Malformed);
    }
    let from = account(&log.topics.words[1]).ok_or(Skipped::Malformed)?;
    let to = account(&log.topics.words[2]).ok_or(Skipped::Malformed)?;
    let amount = TokenAmount(U256::from_big_endian(&amount));
    if amount.is_zero() {
        return Err(Skipped::ZeroValue);
    }
    let tx = TxHash(log.transaction_hash.0);
    Ok(Transfer { tx, token: Address(log.address.0), ordinal, from, to, amount })
}

/// The address in a word whose first 12 bytes are zero.
fn account(word: &[u8; 32]) -> Option<Address> {
    let (high, low) = word.split_first_chunk::<12>()?;
    let low: [u8; 20] = low.try_into().ok()?;
    (*high == [0; 12]).then_some(Address(low))
}

/// The transfer with this ordinal among the logs of one receipt, which may hold logs of every kind. Zero-value and
/// malformed logs count and are `None`.
pub(super) fn in_receipt(
    logs: Vec<WireLog>,
    at: BlockRef,
    tx: TxHash,
    token: Address,
    ordinal: LogOrdinal,
) -> Result<Option<Transfer>, Doubt> {
    if logs.iter().any(|log| log.transaction_hash.0 != tx.0) {
        return Err(Doubt::ForeignLog(format!("block {}: a receipt with a log of another transaction", at.height)));
    }
    let ours =
        |log: &WireLog| log.address.0 == token.0 && log.topics.count > 0 && log.topics.words[0] == TRANSFER_TOPIC;
    let logs = logs.into_iter().filter(ours).collect();
    let decoded = transfers(logs, at, &[token])?;
    Ok(decoded.transfers.into_iter().find(|transfer| transfer.ordinal == ordinal))
}
