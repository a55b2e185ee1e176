//! What a `Transfer` log is on every network, and how the logs of a transaction are counted.

use crate::domain::{Address, LogOrdinal, NetworkId, explain::LogFlaw};

/// Keccak-256 of `Transfer(address,address,uint256)`.
pub(in crate::chain) const TRANSFER_TOPIC: [u8; 32] = [
    0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b, 0xa7,
    0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef,
];

/// Why a log of ours is no transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chain) enum Skipped {
    ZeroValue,
    /// Another number of topics (ERC-721), data that is not one word, or address words with dirty high bytes.
    Malformed,
}

impl Skipped {
    /// Counts it, under the token's own text.
    pub(in crate::chain) fn count(self, network: &NetworkId, token: String) {
        let network = network.to_string();
        match self {
            Self::ZeroValue => {
                metrics::counter!("depositd_transfers_zero_value_total", "network" => network, "token" => token)
            }
            Self::Malformed => {
                metrics::counter!("depositd_transfers_malformed_total", "network" => network, "token" => token)
            }
        }
        .increment(1);
    }
}

/// Counts one more log of `token` in the transaction at hand.
pub(in crate::chain) fn next_ordinal(counts: &mut Vec<(Address, u32)>, token: Address) -> LogOrdinal {
    if let Some((_, count)) = counts.iter_mut().find(|(counted, _)| *counted == token) {
        *count = count.saturating_add(1);
        return LogOrdinal(*count);
    }
    counts.push((token, 0));
    LogOrdinal(0)
}

/// What makes a log malformed that begins as a transfer does, for those who want to know.
pub(in crate::chain) fn flaw(topics: usize, is_one_word: bool) -> LogFlaw {
    match (topics, is_one_word) {
        (3, true) => LogFlaw::Address,
        (3, false) => LogFlaw::Data,
        (count, _) => LogFlaw::Topics(count),
    }
}
