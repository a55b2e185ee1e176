//! Transfers that reached somebody we watch, and the steps they may take.

use sha2::{Digest, Sha256};

use super::{
    Act, Address, AppId, BlockRef, EventVersion, Family, Height, Need, NetworkId, OrderId, Timestamp, TokenAmount,
    TokenId, TxHash, UserMark,
};

/// Place of a `Transfer` log among that token's `Transfer` logs in its transaction, from 0, counted before any filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogOrdinal(pub u32);

/// One `Transfer` log in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The transaction that wrote it.
    pub tx: TxHash,
    /// The token's contract, which wrote it.
    pub token: Address,
    /// Its place among that token's logs in the transaction.
    pub ordinal: LogOrdinal,
    /// Who paid, as the log says.
    pub from: Address,
    /// Who was paid.
    pub to: Address,
    /// How much, in base units; never zero.
    pub amount: TokenAmount,
}

/// Names one transfer for ever: it survives the transaction's move to another block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DepositId {
    /// The network.
    pub network: NetworkId,
    /// The transaction.
    pub tx: TxHash,
    /// The token's contract.
    pub token: Address,
    /// Which of the token's logs in it.
    pub ordinal: LogOrdinal,
}

impl DepositId {
    /// The id of `transfer` on `network`.
    pub fn of(network: &NetworkId, transfer: &Transfer) -> Self {
        Self { network: network.clone(), tx: transfer.tx, token: transfer.token, ordinal: transfer.ordinal }
    }

    /// The token of this deposit.
    pub fn token_id(&self) -> TokenId {
        TokenId { network: self.network.clone(), contract: self.token }
    }

    /// `dep_` and 32 characters: base32 of the first 20 bytes of SHA-256(network, tx, contract, ordinal; one a line).
    pub fn text(&self, family: Family) -> String {
        let named =
            format!("{}\n{}\n{}\n{}", self.network, self.tx.text(family), self.token.text(family), self.ordinal.0);
        format!("dep_{}", short_digest(&named))
    }
}

/// [`base32`] of the first 20 bytes of SHA-256: 32 characters.
pub(super) fn short_digest(text: &str) -> String {
    base32(&Sha256::digest(text.as_bytes())[..20])
}

/// Lower-case unpadded base32 (RFC 4648) of whole groups of five bytes.
pub(super) fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut letters = String::with_capacity(bytes.len() / 5 * 8);
    for five in bytes.chunks_exact(5) {
        let bits = five.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for place in (0..8).rev() {
            letters.push(char::from(LETTERS[usize::from((bits >> (place * 5)).to_le_bytes()[0] & 31)]));
        }
    }
    letters
}

/// Where a deposit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DepositState {
    /// In a block, not yet at its threshold.
    Detected,
    /// Credited: an odd version was told.
    Confirmed,
    /// Credited, and the chain will not take it back.
    Finalized,
    /// At its threshold, credited to nobody; the reason says why.
    Unmatched,
    /// Its block left the chain; what was credited was taken back.
    Orphaned,
}

impl DepositState {
    /// Whether this step is legal.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Detected => matches!(next, Self::Confirmed | Self::Finalized | Self::Unmatched | Self::Orphaned),
            Self::Confirmed => matches!(next, Self::Finalized | Self::Orphaned),
            // Bound to an order by hand.
            Self::Unmatched => matches!(next, Self::Confirmed | Self::Finalized | Self::Orphaned),
            Self::Orphaned => matches!(next, Self::Detected),
            // Only when an operator accepts another chain below the window or a final block.
            Self::Finalized => matches!(next, Self::Orphaned),
        }
    }

    /// The word used in answers and stored exports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Confirmed => "confirmed",
            Self::Finalized => "finalized",
            Self::Unmatched => "unmatched",
            Self::Orphaned => "orphaned",
        }
    }
}

/// Why a deposit is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Waiting for its threshold.
    Pending,
    /// Credited as expected, or to a standing watch.
    Matched,
    /// Credited; less arrived than the order expected.
    Under,
    /// Credited; more arrived than the order expected.
    Over,
    /// Its block is younger than its order's expiry and grace.
    Late,
    /// The order it was meant for has been paid by another transfer.
    Duplicate,
    /// Nobody expected it.
    NoOpenOrder,
    /// Below the token's configured minimum.
    BelowMinimum,
    /// Sender and recipient are the same: the balance did not change.
    SelfTransfer,
    /// Credited because a person bound it to an order.
    Manual,
    /// Its credit was taken back.
    Reversed,
}

impl Reason {
    /// The word used in notifications and answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Matched => "matched",
            Self::Under => "under",
            Self::Over => "over",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::NoOpenOrder => "no_open_order",
            Self::BelowMinimum => "below_minimum",
            Self::SelfTransfer => "self_transfer",
            Self::Manual => "manual",
            Self::Reversed => "reversed",
        }
    }
}

/// A transfer to a watched address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposit {
    /// Its name for ever.
    pub id: DepositId,
    /// How its network writes hashes and addresses.
    pub family: Family,
    /// Who paid.
    pub from: Address,
    /// The watched address.
    pub to: Address,
    /// How much.
    pub amount: TokenAmount,
    /// The block it is in now, or was in last.
    pub included_at: BlockRef,
    /// Time of that block.
    pub block_time: Timestamp,
    /// Where it stands.
    pub state: DepositState,
    /// The last version told: 0 none, odd credited, even taken back.
    pub version: EventVersion,
    /// Whether `deposit.unmatched` has been told; it is told once.
    pub unmatched_told: bool,
    /// The height it counts from when asking which order it may pay: never lowered by a reorg.
    pub first_seen: Height,
    /// Owner of the address.
    pub app: AppId,
    /// The owner's mark.
    pub user_mark: UserMark,
    /// The order it pays, or is meant for while it waits.
    pub order: Option<OrderId>,
    /// Why it is what it is.
    pub reason: Reason,
    /// A person's word that it is not to be credited for now.
    pub hold: Option<Act>,
    /// A person bound it to its order: there it returns after a reorg, whatever its amount and time.
    pub by_hand: bool,
}

impl Deposit {
    /// Its printed id.
    pub fn text(&self) -> String {
        self.id.text(self.family)
    }

    /// Whether money stands credited for it.
    pub fn is_credited(&self) -> bool {
        matches!(self.state, DepositState::Confirmed | DepositState::Finalized)
    }
}

/// What a source said when asked again, right before a deposit is credited: the log is in that block, and the
/// transaction succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The deposit.
    pub id: DepositId,
    /// The block the receipt names.
    pub at: BlockRef,
    /// Who paid, as the receipt says.
    pub from: Address,
    /// Who was paid.
    pub to: Address,
    /// How much.
    pub amount: TokenAmount,
    /// What it was asked for: it supports no more than that.
    pub under: Need,
}

impl Evidence {
    /// Whether this is exactly what `deposit` says.
    pub fn supports(&self, deposit: &Deposit) -> bool {
        (&self.id, self.at, self.from, self.to, self.amount)
            == (&deposit.id, deposit.included_at, deposit.from, deposit.to, deposit.amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_published_vectors() {
        let id = |network: &str, family, tx: &str, token: &str, ordinal| {
            let id = DepositId {
                network: network.parse().unwrap(),
                tx: TxHash::parse(tx).unwrap(),
                token: Address::parse(family, token).unwrap(),
                ordinal: LogOrdinal(ordinal),
            };
            id.text(family)
        };
        let tron = "9f6d367313e4194e68cee9f1c7ff0b7bdfdab5ad1fbe4746a3760b36e4cd20c3";
        let evm = "0x58b6c361e75c1e01f0d9d850bfa0a0c7655b5354488c55544e15c4054daa516a";
        let usdt = "0xdac17f958d2ee523a2206206994597c13d831ec7";
        assert_eq!(
            id("tron-mainnet", Family::Tron, tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", 0),
            "dep_37gw6pfa2nz4fnpwvxe6jei7mbxturbf"
        );
        // The address and the hash of a TRON deposit enter its id as TRON writes them, however they were read.
        for token in ["TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf", "41eca9bc828a3005b9a3b909f2cc5c2a54794de05f"] {
            for tx in [tron.to_owned(), format!("0x{}", tron.to_uppercase())] {
                assert_eq!(id("tron-nile", Family::Tron, &tx, token, 3), "dep_jj2rmjfiriidputypmy5aol4t7ugk7ec");
            }
        }
        assert_eq!(id("ethereum-mainnet", Family::Evm, evm, usdt, 0), "dep_4twhabzbdcvi5pcinf5u7mvgz7mpjdh6");
        assert_eq!(id("bsc-mainnet", Family::Evm, evm, usdt, 17), "dep_bik4j4t7comitqbl3co3jqledpw6aaxz");
    }

    #[test]
    fn every_legal_step_is_one_of_these() {
        use DepositState::{Confirmed, Detected, Finalized, Orphaned, Unmatched};
        let all = [Detected, Confirmed, Finalized, Unmatched, Orphaned];
        let legal: Vec<_> = all
            .iter()
            .flat_map(|from| all.iter().filter(|to| from.may_become(**to)).map(|to| (from.word(), to.word())))
            .collect();
        assert_eq!(
            legal,
            [
                ("detected", "confirmed"),
                ("detected", "finalized"),
                ("detected", "unmatched"),
                ("detected", "orphaned"),
                ("confirmed", "finalized"),
                ("confirmed", "orphaned"),
                ("finalized", "orphaned"),
                ("unmatched", "confirmed"),
                ("unmatched", "finalized"),
                ("unmatched", "orphaned"),
                ("orphaned", "detected"),
            ]
        );
    }
}
