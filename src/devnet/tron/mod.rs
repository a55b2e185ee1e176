//! The simulated chain as TRON has it: transactions, block ids and the JSON of java-tron.
//!
//! Ids are the real ones: a transaction's is the hash of its protobuf, a block's follows from its header, and the
//! transaction root covers every transaction. Signatures are made up; nothing is executed.

mod args;
mod block;
mod constant;
mod contract;
mod encode;
mod face;
mod filler;
mod json;
mod lies;
mod node;
mod options;
pub(in crate::devnet) mod render;
pub(in crate::devnet) mod render_rpc;
mod rpc;
mod tx;

pub use block::solid_lag;
pub(in crate::devnet) use block::{Seal, mine};
pub(in crate::devnet) use contract::Stamp;
pub use contract::{Contract, InternalCall, TronResult, TronTx};
pub(in crate::devnet) use filler::Filler;
pub use filler::Filling;
pub use node::TronNode;
pub use options::{SolidPort, TronOptions};
pub(in crate::devnet) use tx::call_data;

use sha2::{Digest, Sha256};

/// First byte of every TRON address.
const PREFIX: u8 = 0x41;

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Mixes a seed into the next one (SplitMix64).
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *seed;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// `N` bytes nobody chose.
fn noise<const N: usize>(seed: &mut u64) -> [u8; N] {
    let mut bytes = [0; N];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&next(seed).to_be_bytes()[..chunk.len()]);
    }
    bytes
}

/// A signature by nobody, in the form of one.
fn signature(mut seed: u64) -> [u8; 65] {
    let mut bytes: [u8; 65] = noise(&mut seed);
    bytes[64] &= 1;
    bytes
}

#[cfg(test)]
mod tests;
