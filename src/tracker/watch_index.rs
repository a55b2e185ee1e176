//! Which addresses of one network belong to somebody. Asked once for every transfer on the chain.
//!
//! 65 536 sorted runs by the first two bytes: about 20 bytes an address, no hash function an attacker could aim at,
//! the same order everywhere. A network with few addresses has one run of them, so that it costs next to nothing.
//! Addresses are never removed: an owner keeps what he once had.

use crate::domain::Address;

const SHARDS: usize = 1 << 16;
/// Addresses kept in one run; with one more they are dealt out to the shards.
const FEW_MAX: usize = 1024;
/// Bytes of an address behind the two that choose its shard.
type Rest = [u8; 18];

/// A compact set of addresses.
#[derive(Clone, Debug, Default)]
pub struct WatchIndex {
    /// All of them, sorted, as long as they are few.
    few: Vec<Address>,
    /// Empty as long as they are few.
    shards: Vec<Vec<Rest>>,
    len: usize,
}

impl WatchIndex {
    /// Adds an address; `false` if it was there.
    pub fn insert(&mut self, address: Address) -> bool {
        if self.shards.is_empty() && self.few.len() == FEW_MAX {
            self.shards = vec![Vec::new(); SHARDS];
            for address in std::mem::take(&mut self.few) {
                let (shard, rest) = split(address);
                self.shards[shard].push(rest);
            }
        }
        let is_new = if self.shards.is_empty() {
            put(&mut self.few, address)
        } else {
            let (shard, rest) = split(address);
            put(&mut self.shards[shard], rest)
        };
        self.len += usize::from(is_new);
        is_new
    }

    /// Whether the address belongs to somebody.
    pub fn contains(&self, address: Address) -> bool {
        if self.shards.is_empty() {
            return self.few.binary_search(&address).is_ok();
        }
        let (shard, rest) = split(address);
        self.shards[shard].binary_search(&rest).is_ok()
    }

    /// How many addresses.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        let runs: usize = self.shards.iter().map(|run| run.capacity() * size_of::<Rest>()).sum();
        runs + self.shards.capacity() * size_of::<Vec<Rest>>() + self.few.capacity() * size_of::<Address>()
    }
}

/// Puts `item` where it belongs in a sorted run; `false` if it is there. Room grows by an eighth at a time: doubling
/// would leave a third of the memory unused on average.
fn put<T: Ord>(run: &mut Vec<T>, item: T) -> bool {
    let Err(place) = run.binary_search(&item) else { return false };
    if run.len() == run.capacity() {
        run.reserve_exact((run.len() / 8).max(4));
    }
    run.insert(place, item);
    true
}

fn split(address: Address) -> (usize, Rest) {
    let [high, low, rest @ ..] = address.0;
    (usize::from(u16::from_be_bytes([high, low])), rest)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn holds_exactly_what_was_put_in(
            inside in prop::collection::btree_set(prop::array::uniform20(0_u8..4), 0..200),
            asked in prop::collection::vec(prop::array::uniform20(0_u8..4), 0..200),
        ) {
            let mut index = WatchIndex::default();
            for bytes in &inside {
                prop_assert!(index.insert(Address(*bytes)));
                prop_assert!(!index.insert(Address(*bytes)));
            }
            prop_assert_eq!(index.len(), inside.len());
            let inside: BTreeSet<_> = inside.into_iter().collect();
            for bytes in asked.iter().chain(&inside) {
                prop_assert_eq!(index.contains(Address(*bytes)), inside.contains(bytes));
            }
        }
    }

    #[test]
    fn few_become_many_without_loss() {
        let address = |n: usize| {
            let mut bytes = [0x5a; 20];
            bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
            Address(bytes)
        };
        let mut index = WatchIndex::default();
        for n in 0..FEW_MAX * 3 {
            assert!(index.insert(address(n)));
            assert_eq!(index.len(), n + 1);
            for near in [0, n / 2, n] {
                assert!(index.contains(address(near)) && !index.insert(address(near)), "{near} of {n}");
            }
            assert!(!index.contains(address(n + 1)));
        }
    }
}
