//! Simulated transactions and their logs: honest ones, and ones no wallet should be fooled by.

use crate::domain::{Address, TokenAmount, TxHash};

use super::{bloom::keccak256, tron::TronTx};

/// Keccak-256 of `Transfer(address,address,uint256)`.
pub const TRANSFER_TOPIC: [u8; 32] = [
    0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b, 0xa7,
    0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef,
];

/// One log as a contract wrote it; nothing about it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The contract that wrote it.
    pub address: Address,
    /// Up to four words.
    pub topics: Vec<[u8; 32]>,
    /// Any bytes.
    pub data: Vec<u8>,
}

impl Log {
    /// An ERC-20 `Transfer`.
    pub fn transfer(token: Address, from: Address, to: Address, amount: TokenAmount) -> Self {
        Self { address: token, topics: vec![TRANSFER_TOPIC, word(from), word(to)], data: amount.to_bytes().to_vec() }
    }

    /// An ERC-20 `Approval`: same shape, another topic.
    pub fn approval(token: Address, owner: Address, spender: Address, amount: TokenAmount) -> Self {
        let topic = keccak256(&[b"Approval(address,address,uint256)"]);
        Self { topics: vec![topic, word(owner), word(spender)], ..Self::transfer(token, owner, spender, amount) }
    }

    /// `Transfer` with four topics and no data, as ERC-721 contracts write it: the amount is an indexed number.
    pub fn four_topics(token: Address, from: Address, to: Address, number: TokenAmount) -> Self {
        let topics = vec![TRANSFER_TOPIC, word(from), word(to), number.to_bytes()];
        Self { address: token, topics, data: Vec::new() }
    }

    /// `Transfer` whose data ends after `bytes` bytes.
    pub fn short_data(token: Address, from: Address, to: Address, amount: TokenAmount, bytes: usize) -> Self {
        let mut log = Self::transfer(token, from, to, amount);
        log.data.truncate(bytes);
        log
    }

    /// `Transfer` whose recipient word has a non-zero byte in the twelve that must be zero.
    pub fn dirty_recipient(token: Address, from: Address, to: Address, amount: TokenAmount) -> Self {
        let mut log = Self::transfer(token, from, to, amount);
        log.topics[2][0] = 0xff;
        log
    }

    /// `Transfer` whose recipient word is the 21 bytes TRON stores: `0x41` stands before the twenty.
    pub fn tron_padded_recipient(token: Address, from: Address, to: Address, amount: TokenAmount) -> Self {
        let mut log = Self::transfer(token, from, to, amount);
        log.topics[2][11] = 0x41;
        log
    }

    /// `Transfer` with a word after the amount.
    pub fn long_data(token: Address, from: Address, to: Address, amount: TokenAmount) -> Self {
        let mut log = Self::transfer(token, from, to, amount);
        log.data.extend([0; 32]);
        log
    }
}

/// An address as a 32-byte word.
fn word(address: Address) -> [u8; 32] {
    let mut word = [0; 32];
    word[12..].copy_from_slice(&address.0);
    word
}

/// One transaction. Its hash covers its content and a nonce, and stays the same in whatever block it is included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tx {
    /// Its identity.
    pub hash: TxHash,
    /// Who sent it.
    pub from: Address,
    /// Which contract it called, or on TRON which account it paid.
    pub to: Address,
    /// Whether it succeeded (receipt status 1).
    pub succeeded: bool,
    /// What it wrote; a failed one writes nothing on an honest chain, except now and then on TRON.
    pub logs: Vec<Log>,
    /// What only TRON has, on such a chain.
    pub tron: Option<Box<TronTx>>,
}

impl Tx {
    /// Derives the hash from the chain, the nonce and the content.
    pub(super) fn of(chain_id: u64, nonce: u64, from: Address, to: Address, logs: Vec<Log>) -> Self {
        let content: Vec<u8> =
            logs.iter().flat_map(|log| [log.address.0.as_slice(), &log.topics.concat(), &log.data].concat()).collect();
        let hash = keccak256(&[b"devnet tx", &chain_id.to_be_bytes(), &nonce.to_be_bytes(), &from.0, &to.0, &content]);
        Self { hash: TxHash(hash), from, to, succeeded: true, logs, tron: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transfer_topic_is_the_hash_of_its_signature() {
        assert_eq!(TRANSFER_TOPIC, keccak256(&[b"Transfer(address,address,uint256)"]));
    }

    #[test]
    fn equal_content_under_another_nonce_is_another_transaction() {
        let log = || vec![Log::transfer(Address([1; 20]), Address([2; 20]), Address([3; 20]), TokenAmount::of(5))];
        let tx = |nonce| Tx::of(1, nonce, Address([2; 20]), Address([1; 20]), log());
        assert_eq!(tx(0), tx(0));
        assert_ne!(tx(0).hash, tx(1).hash);
    }
}
