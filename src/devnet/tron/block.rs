//! A TRON block: who made it, what its transaction root is, and the id that follows.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::{
    devnet::{
        block::{Draft, SimBlock},
        tx::Tx,
    },
    domain::{Address, BlockHash, BlockRef, Height},
};

use super::{
    encode::{self, RawHeader},
    filler::{self, Filler, Mix},
    sha256, signature,
};

/// Version of the block format, as the samples have it.
const VERSION: u64 = 34;

/// What a block has on TRON only.
#[derive(Clone, Debug)]
pub(in crate::devnet) struct Seal {
    /// What its id covers.
    pub(super) header: RawHeader,
    filler: Option<Filler>,
    /// Size of the whole block in protobuf.
    pub(super) bytes: usize,
}

/// How far the solidified block is below the head while every one of `producers` makes its blocks: 18 for 27, 0 for 1.
///
/// The node sorts the newest heights of all producers and takes the one at three tenths.
pub fn solid_lag(producers: u64) -> u64 {
    producers.saturating_sub(1).saturating_sub(producers * 3 / 10)
}

/// Computes root, id and size.
pub(in crate::devnet) fn mine(draft: Draft) -> SimBlock {
    let Draft { chain_id, branch, height, parent, timestamp, txs, hash, producers, filler, family: _ } = draft;
    let (leaves, bodies) = leaves(&txs, filler.as_ref());
    let header = RawHeader {
        timestamp: timestamp.0.saturating_mul(1000),
        tx_root: merkle_root(leaves),
        parent: parent.0,
        number: height.0,
        witness: witness(chain_id, branch, height, producers),
        version: if height == Height(0) { 0 } else { VERSION },
        state_root: state_root(branch, producers),
    };
    let raw = header.encode();
    let at = BlockRef { height, hash: hash.unwrap_or_else(|| block_id(height, &raw)) };
    let signed = encode::field_size(raw.len()) + encode::field_size(65);
    let seal = Seal { header, filler, bytes: bodies + encode::field_size(signed) };
    SimBlock::sealed(at, parent, timestamp, txs, seal)
}

/// The id of the block with this raw header: its height, and the end of the header's hash.
pub(super) fn block_id(height: Height, raw_header: &[u8]) -> BlockHash {
    let mut id = sha256(raw_header);
    id[..8].copy_from_slice(&height.0.to_be_bytes());
    BlockHash(id)
}

/// The producers take turns; another branch has another one's turn. Genesis is made by a name of the network's own.
fn witness(chain_id: u64, branch: u64, height: Height, producers: u64) -> Address {
    let turn = (height.0 % producers.max(1) + branch % producers.max(1)) % producers.max(1);
    let (name, number) = if height == Height(0) { ("devnet genesis", chain_id) } else { ("devnet producer", turn) };
    let digest = sha256(&[name.as_bytes(), &number.to_be_bytes()].concat());
    let mut address = Address::default();
    address.0.copy_from_slice(&digest[..20]);
    address
}

/// Tells branches apart when every producer had a turn already.
fn state_root(branch: u64, producers: u64) -> Option<[u8; 32]> {
    let round = branch / producers.max(1);
    (round > 0).then(|| sha256(&round.to_be_bytes()))
}

/// Hashes of all transactions of a block, each whole, and the bytes they take.
fn leaves(txs: &[Tx], filler: Option<&Filler>) -> (Vec<[u8; 32]>, usize) {
    let total = Mix::of(txs, filler).total;
    let mut size = 0;
    let leaf = |place| {
        let tx = filler::pick(txs, filler, place)?;
        let whole = encode::transaction(&tx.raw_data(), &tx.signature(), tx.tron().result.number());
        size += encode::field_size(whole.len());
        Some(sha256(&whole))
    };
    ((0..total).filter_map(leaf).collect(), size)
}

/// Root of java-tron's tree: pairs are hashed, an odd last one is carried up as it is; zero over nothing.
pub(super) fn merkle_root(mut level: Vec<[u8; 32]>) -> [u8; 32] {
    while level.len() > 1 {
        let up = level.chunks(2).map(|pair| match pair {
            [left, right] => Sha256::new().chain_update(left).chain_update(right).finalize().into(),
            alone => alone[0],
        });
        level = up.collect();
    }
    level.first().copied().unwrap_or_default()
}

impl SimBlock {
    /// Its TRON part; blocks of a TRON chain have one.
    pub(super) fn tron(&self) -> &Seal {
        self.seal.as_ref().expect("a block of a TRON chain has a seal")
    }

    fn filler(&self) -> Option<&Filler> {
        self.seal.as_ref().and_then(|seal| seal.filler.as_ref())
    }

    /// How many transactions it includes, those of made-up traffic too.
    pub fn tx_count(&self) -> usize {
        Mix::of(&self.txs, self.filler()).total
    }

    /// The transaction in this place of the block, made-up traffic included.
    pub fn tx_at(&self, place: usize) -> Option<Cow<'_, Tx>> {
        let tx = filler::pick(&self.txs, self.filler(), place)?;
        Some(match tx {
            Cow::Borrowed(tx) => Cow::Borrowed(tx),
            Cow::Owned(tx) => Cow::Owned(tx.hashed()),
        })
    }

    /// All its transactions in order, made-up traffic included.
    pub(super) fn all_txs(&self) -> impl Iterator<Item = Cow<'_, Tx>> {
        (0..self.tx_count()).filter_map(|place| self.tx_at(place))
    }

    /// The same without the ids of made-up traffic, for what needs none.
    pub(in crate::devnet) fn unhashed_txs(&self) -> impl Iterator<Item = Cow<'_, Tx>> {
        (0..self.tx_count()).filter_map(|place| filler::pick(&self.txs, self.filler(), place))
    }

    /// Where in the block `txs[number]` is.
    pub(in crate::devnet) fn place_of(&self, number: usize) -> usize {
        Mix::of(&self.txs, self.filler()).place_of(number)
    }

    /// Of the producer, made up.
    pub(super) fn witness_signature(&self) -> [u8; 65] {
        let [.., a, b, c, d, e, f, g, h] = self.at.hash.0;
        signature(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

#[cfg(test)]
mod tests;
