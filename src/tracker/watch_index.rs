//! Which addresses of one network belong to somebody. Asked once for every transfer on the chain.
//!
//! 65 536 sorted runs by the first two bytes: about 27 bytes an address, no hash function an attacker could aim at,
//! the same order everywhere. Addresses are never removed: an owner keeps what he once had.

use crate::domain::Address;

const SHARDS: usize = 1 << 16;
/// Bytes of an address behind the two that choose its shard.
type Rest = [u8; 18];

/// A compact set of addresses.
#[derive(Clone, Debug)]
pub struct WatchIndex {
    shards: Vec<Vec<Rest>>,
    len: usize,
}

impl Default for WatchIndex {
    fn default() -> Self {
        Self { shards: vec![Vec::new(); SHARDS], len: 0 }
    }
}

impl WatchIndex {
    /// Adds an address; `false` if it was there.
    pub fn insert(&mut self, address: Address) -> bool {
        let (shard, rest) = split(address);
        let run = &mut self.shards[shard];
        match run.binary_search(&rest) {
            Ok(_) => false,
            Err(place) => {
                grow_gently(run);
                run.insert(place, rest);
                self.len += 1;
                true
            }
        }
    }

    /// Whether the address belongs to somebody.
    pub fn contains(&self, address: Address) -> bool {
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
        runs + self.shards.capacity() * size_of::<Vec<Rest>>()
    }
}

/// Room for one more, an eighth at a time: doubling would leave a third of the memory unused on average.
fn grow_gently(run: &mut Vec<Rest>) {
    if run.len() == run.capacity() {
        run.reserve_exact((run.len() / 8).max(4));
    }
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
}
