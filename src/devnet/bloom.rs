//! Keccak-256 and the log Bloom of a block, as the yellow paper defines them (section 4.3.1, function M3:2048).

use std::fmt;

use tiny_keccak::{Hasher, Keccak};

/// Bytes of a log Bloom.
pub const BLOOM_BYTES: usize = 256;

/// Keccak-256 over `parts`, one after the other.
pub(super) fn keccak256(parts: &[&[u8]]) -> [u8; 32] {
    let mut keccak = Keccak::v256();
    for part in parts {
        keccak.update(part);
    }
    let mut digest = [0; 32];
    keccak.finalize(&mut digest);
    digest
}

/// 2048 bits over the addresses and topics of logs: a bit that is clear proves an absence.
#[derive(Clone, PartialEq, Eq)]
pub struct Bloom(pub [u8; BLOOM_BYTES]);

impl Bloom {
    /// Of no logs: every bit clear.
    pub const EMPTY: Self = Self([0; BLOOM_BYTES]);

    /// Takes in one address (20 bytes) or topic (32 bytes).
    pub fn add(&mut self, item: &[u8]) {
        for (byte, mask) in bits(item) {
            self.0[byte] |= mask;
        }
    }

    /// Takes in everything `other` has.
    pub fn merge(&mut self, other: &Self) {
        for (byte, others) in self.0.iter_mut().zip(other.0) {
            *byte |= others;
        }
    }

    /// Whether `item` may be among what was taken in; `false` is certain.
    pub fn may_contain(&self, item: &[u8]) -> bool {
        bits(item).into_iter().all(|(byte, mask)| self.0[byte] & mask != 0)
    }
}

impl fmt::Debug for Bloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bloom({} bits)", self.0.iter().map(|byte| byte.count_ones()).sum::<u32>())
    }
}

/// The three bits of `item`: byte from the front, and mask in it.
fn bits(item: &[u8]) -> [(usize, u8); 3] {
    let digest = keccak256(&[item]);
    [0, 2, 4].map(|place| {
        let bit = usize::from(u16::from_be_bytes([digest[place], digest[place + 1]]) & 2047);
        (BLOOM_BYTES - 1 - bit / 8, 1 << (bit % 8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keccak_of_nothing_is_the_published_one() {
        assert_eq!(hex::encode(keccak256(&[])), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    }

    /// The vector of go-ethereum's own Bloom test: 100 texts, then the hash of the bits.
    #[test]
    fn a_hundred_texts_set_the_bits_geth_sets() {
        let mut bloom = Bloom::EMPTY;
        for number in 0..100 {
            bloom.add(format!("xxxxxxxxxx data {number} yyyyyyyyyyyyyy").as_bytes());
        }
        assert_eq!(
            hex::encode(keccak256(&[&bloom.0])),
            "c8d3ca65cdb4874300a9e39475508f23ed6da09fdbc487f89a2dcf50b09eb263"
        );
    }

    #[test]
    fn an_empty_bloom_contains_nothing() {
        assert!(!Bloom::EMPTY.may_contain(&[7; 20]));
        let mut bloom = Bloom::EMPTY;
        bloom.add(&[7; 20]);
        assert!(bloom.may_contain(&[7; 20]) && !bloom.may_contain(&[8; 20]));
    }
}
