//! Networks, heights, hashes and what a node claims about them.

use std::{fmt, str::FromStr, sync::Arc};

use super::Header;

/// Longest network slug, in bytes.
pub const NETWORK_ID_BYTES_MAX: usize = 32;

/// A configured network, by its short slug (`ethereum-mainnet`). Not the chain id, which is a number the node reports.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(Arc<str>);

impl NetworkId {
    /// The slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a network slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a network is named by 1 to {NETWORK_ID_BYTES_MAX} characters of a-z, 0-9 and '-'")]
pub struct NetworkIdError;

impl FromStr for NetworkId {
    type Err = NetworkIdError;

    fn from_str(text: &str) -> Result<Self, NetworkIdError> {
        let fits = (1..=NETWORK_ID_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(text.into())) } else { Err(NetworkIdError) }
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which adapter reads a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Ethereum and chains that speak its JSON-RPC.
    Evm,
    /// TRON.
    Tron,
}

/// Number of a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Height(pub u64);

impl Height {
    /// The height above, or the same at the end of `u64`.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The height below, if this is not genesis.
    pub fn below(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// `blocks` further up, saturating.
    pub fn up(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }

    /// `blocks` further down, stopping at genesis.
    pub fn down(self, blocks: u64) -> Self {
        Self(self.0.saturating_sub(blocks))
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! hash32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// As the network writes it: EVM with `0x`, TRON without; lower case.
            pub fn text(&self, family: Family) -> String {
                match family {
                    Family::Evm => format!("0x{}", hex::encode(self.0)),
                    Family::Tron => hex::encode(self.0),
                }
            }

            /// Reads 64 hex digits, with or without `0x`.
            ///
            /// # Errors
            /// Anything else.
            pub fn parse(text: &str) -> Result<Self, HashError> {
                let digits = text.strip_prefix("0x").unwrap_or(text);
                let mut bytes = [0; 32];
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| HashError)?;
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}…", hex::encode(&self.0[..4]))
            }
        }
    };
}

hash32! {
    /// Hash of a block.
    BlockHash
}
hash32! {
    /// Hash of a transaction.
    TxHash
}

/// A text that is not 32 bytes of hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 hex digits")]
pub struct HashError;

/// Height and hash together: one block, and no other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockRef {
    /// The number.
    pub height: Height,
    /// The hash.
    pub hash: BlockHash,
}

impl BlockRef {
    /// How its network writes the hash. A TRON block's id begins with its height in eight bytes, which no other hash does
    /// but by a chance of one in 2^64.
    fn family(&self) -> Family {
        if self.hash.0.starts_with(&self.height.0.to_be_bytes()) { Family::Tron } else { Family::Evm }
    }
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.height, self.hash.text(self.family()))
    }
}

impl fmt::Debug for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}", self.height, self.hash)
    }
}

/// What a node claims right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its newest block.
    pub best: BlockRef,
    /// Time of that block, as its producer says.
    pub best_time: super::Timestamp,
    /// The newest block it calls final, if it says so.
    pub finalized: Option<BlockRef>,
    /// Time of the final block; `None` exactly where that is.
    pub finalized_time: Option<super::Timestamp>,
}

impl Head {
    /// A head from headers.
    pub fn of(best: Header, finalized: Option<Header>) -> Self {
        let (at, time) = (finalized.map(|last| last.at), finalized.map(|last| last.time));
        Self { best: best.at, best_time: best.time, finalized: at, finalized_time: time }
    }

    /// The same head with the final block of another one.
    pub fn with_final_of(self, other: Option<&Self>) -> Self {
        let finalized = other.and_then(|other| other.finalized);
        Self { finalized, finalized_time: other.and_then(|other| other.finalized_time), ..self }
    }
}

/// The durable progress of one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The last block whose effects are committed.
    pub tip: BlockRef,
    /// Time of that block.
    pub tip_time: super::Timestamp,
    /// The highest block ever committed; a reorg lowers the tip, never this. Only a chain taken back by hand begins anew.
    pub peak: Height,
    /// The newest final block seen on our own chain.
    pub finalized: Option<BlockRef>,
    /// An operator's word that everything above this height is to be taken back and read again.
    pub take_back_above: Option<Height>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_shown_as_its_network_writes_it() {
        let shown =
            |height, hash: &str| BlockRef { height: Height(height), hash: BlockHash::parse(hash).unwrap() }.to_string();
        let tron = "0000000003fe262d52bfa4b2814f816fd2e57af5b98a33d60d8630a03a908e0e";
        assert_eq!(shown(66_987_565, tron), format!("66987565 ({tron})"));
        let evm = "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3";
        assert_eq!(shown(0, evm), format!("0 ({evm})"));
    }
}
