//! What a header's bloom says about a list of logs. A negative bloom is a proof that there are none, a positive one only
//! a suspicion that there are some: it is settled by the block's receipts, never by waiting.

use ethers_core::{abi::ethereum_types::BloomInput, types::Bloom};

use super::{
    decode::TRANSFER_TOPIC,
    wire::{LogMark, WireHeader, WireLog, WireReceipt},
};
use crate::{chain::Doubt, domain::Address};

/// Lengths at which providers are known to cut a list without saying so.
const ROUND_CAPS: [usize; 11] = [25, 50, 100, 250, 256, 500, 1000, 2000, 5000, 10_000, 20_000];

/// How far a network's header blooms are believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BloomMode {
    /// A positive bloom beside an empty list must be settled by receipts or another endpoint.
    #[default]
    Strict,
    /// A second look that is empty too is believed.
    Advisory,
    /// The network's blooms mean nothing.
    Off,
}

/// For each token the bits its `Transfer` logs leave in a bloom.
#[derive(Debug)]
pub(super) struct TokenBlooms(Vec<(Address, Bloom)>);

impl TokenBlooms {
    pub(super) fn new(tokens: &[Address]) -> Self {
        let bloom = |token: &Address| {
            let mut bloom = Bloom::default();
            bloom.accrue(BloomInput::Raw(&token.0));
            bloom.accrue(BloomInput::Raw(&TRANSFER_TOPIC));
            (*token, bloom)
        };
        Self(tokens.iter().map(bloom).collect())
    }

    /// Whether the bloom announces logs of a token of which `logs` has none.
    ///
    /// # Errors
    /// [`Doubt::ForeignLog`] for a log whose bits are not in the bloom: it cannot be in that block.
    pub(super) fn suspects(&self, header: &WireHeader, logs: &[WireLog]) -> Result<bool, Doubt> {
        let Some(wire) = header.logs_bloom else {
            return Err(Doubt::Malformed { method: "eth_getBlockByNumber", what: "no logsBloom".to_owned() });
        };
        let announced = Bloom(wire.0);
        let mut suspects = false;
        for (token, bloom) in &self.0 {
            let has_logs = logs.iter().any(|log| log.address.0 == token.0);
            let is_announced = announced.contains_bloom(bloom);
            if has_logs && !is_announced {
                let what = format!("block {}: a log that the header's bloom excludes", header.number.0);
                return Err(Doubt::ForeignLog(what));
            }
            suspects |= is_announced && !has_logs;
        }
        Ok(suspects)
    }
}

/// Whether a list of this length may have been cut.
pub(super) fn may_be_cut(len: usize) -> bool {
    ROUND_CAPS.contains(&len)
}

/// How many `Transfer` logs of `tokens` (sorted) a block's receipts hold, once they are seen to be all of that block's.
pub(super) fn logs_in_receipts(
    receipts: &[WireReceipt<LogMark>],
    header: &WireHeader,
    tokens: &[Address],
) -> Result<usize, Doubt> {
    let malformed = |what: &str| Doubt::Malformed { method: "eth_getBlockReceipts", what: what.to_owned() };
    let expected = header.transactions.ok_or_else(|| malformed("the header does not list transactions"))?.0;
    if receipts.len() != expected {
        return Err(malformed("as many receipts as transactions were expected"));
    }
    if receipts.iter().any(|receipt| receipt.block_hash != header.hash || receipt.block_number != header.number) {
        return Err(malformed("a receipt of another block"));
    }
    let mut hashes: Vec<_> = receipts.iter().map(|receipt| receipt.transaction_hash).collect();
    hashes.sort_unstable();
    if hashes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(malformed("a transaction twice"));
    }
    if receipts.iter().any(|receipt| receipt.status.0 != 1 && !receipt.logs.is_empty()) {
        return Err(malformed("a failed transaction with logs"));
    }
    let is_ours = |log: &&LogMark| {
        let is_transfer = log.topics.count > 0 && log.topics.words[0] == TRANSFER_TOPIC;
        is_transfer && tokens.binary_search(&Address(log.address.0)).is_ok()
    };
    Ok(receipts.iter().flat_map(|receipt| &receipt.logs).filter(is_ours).count())
}
