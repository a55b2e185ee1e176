//! What a chain is before its first block, and what its verbs may answer.

use crate::domain::{Address, BlockHash, Decimals, Family, Height, Timestamp};

use super::super::tron;

/// A token contract the chain knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimToken {
    /// Its address.
    pub contract: Address,
    /// Answer to `symbol()`.
    pub symbol: String,
    /// Answer to `decimals()`.
    pub decimals: Decimals,
}

/// What a chain is before its first block. Equal specs give equal genesis blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSpec {
    /// What its transactions and blocks are like.
    pub family: Family,
    /// What `eth_chainId` answers. On TRON that is the end of the genesis id, which this number decides unless the id
    /// is prescribed; see [`super::Ledger::chain_id`].
    pub chain_id: u64,
    /// Hash of block 0; computed if `None`.
    pub genesis: Option<BlockHash>,
    /// Time of block 0, in seconds. TRON's block 0 has none: there the first block is one block time later than this.
    pub base_time: Timestamp,
    /// Seconds between blocks, unless a block is given its own time.
    pub block_time_s: u64,
    /// How far the finalized block is below the head.
    pub finality_lag: u64,
    /// How many accounts take turns in making blocks; TRON only, at least 1.
    pub producers: u64,
    /// Known contracts.
    pub tokens: Vec<SimToken>,
}

impl LedgerSpec {
    /// A TRON chain: 27 producers, a block every 3 seconds, solidified 18 blocks below the head.
    pub fn tron() -> Self {
        Self { family: Family::Tron, block_time_s: 3, ..Self::default() }.with_producers(27)
    }

    /// Made by this many producers; finality lags as theirs does.
    pub fn with_producers(self, producers: u64) -> Self {
        Self { producers, finality_lag: tron::solid_lag(producers), ..self }
    }

    pub(super) fn genesis_time(&self) -> Timestamp {
        match self.family {
            Family::Evm => self.base_time,
            Family::Tron => Timestamp(0),
        }
    }
}

impl Default for LedgerSpec {
    fn default() -> Self {
        Self {
            family: Family::Evm,
            chain_id: 31_337,
            genesis: None,
            base_time: Timestamp(1_700_000_000),
            block_time_s: 12,
            finality_lag: 64,
            producers: 1,
            tokens: Vec::new(),
        }
    }
}

/// What becomes of the transactions of orphaned blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// They are gone.
    Drop,
    /// They are included again, under the same hashes and in the same order, in this block of the new branch (0 is its
    /// first).
    Include(u64),
}

/// A verb that cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Nothing below `finalized` is replaced before [`Ledger::allow_deep_reorgs`].
    #[error("block {0} is final and stays")]
    Final(Height),
    /// There is no block to replace at or below genesis.
    #[error("the chain has only {0} blocks above genesis")]
    TooShort(u64),
    /// The branch has no such block to include transactions in.
    #[error("the new branch has no block {0}")]
    NoSuchBlock(u64),
}
