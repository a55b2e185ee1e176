//! Which addresses of one network belong to somebody. Asked once for every transfer on the chain.
//!
//! 65 536 sorted runs by the first two bytes: about 20 bytes an address, no hash function an attacker could aim at,
//! the same order everywhere. A network with few addresses has one run of them, so that it costs next to nothing.
//! An owner keeps what he once had; only what an operator releases is removed.

use crate::domain::Address;

const SHARDS: usize = 1 << 16;
/// Addresses kept in one run; with one more they are dealt out to the shards.
const FEW_MAX: usize = 1024;
/// Bytes of an address behind the two that choose its shard.
type Rest = [u8; 18];

/// First step away from where an address should be: most are nearer.
const STEP: usize = 4;

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
            let found = self.few.binary_search(&address);
            put(&mut self.few, found, address)
        } else {
            let (shard, rest) = split(address);
            let run = &mut self.shards[shard];
            put(run, find(run, &rest), rest)
        };
        self.len += usize::from(is_new);
        is_new
    }

    /// Takes an address out that was released.
    pub fn remove(&mut self, address: Address) {
        let found = if self.shards.is_empty() {
            take(self.few.binary_search(&address), &mut self.few)
        } else {
            let (shard, rest) = split(address);
            let run = &mut self.shards[shard];
            take(find(run, &rest), run)
        };
        self.len -= usize::from(found);
    }

    /// Whether the address belongs to somebody.
    pub fn contains(&self, address: Address) -> bool {
        if self.shards.is_empty() {
            return self.few.binary_search(&address).is_ok();
        }
        let (shard, rest) = split(address);
        find(&self.shards[shard], &rest).is_ok()
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

/// Where `rest` is in a sorted run, or where it belongs. Addresses are hashes, so their first bytes say about where, which
/// spares most of the memory a binary search would touch. Around that place the steps double: addresses made up to crowd
/// one place cost twice a binary search at most.
fn find(run: &[Rest], rest: &Rest) -> Result<usize, usize> {
    let guess = (usize::from(u16::from_be_bytes([rest[0], rest[1]])) * run.len()) >> 16;
    let (mut low, mut high, mut step) = (0, run.len(), STEP);
    if run.get(guess).is_some_and(|there| there < rest) {
        low = guess + 1;
        while let Some(there) = run.get(low + step) {
            if there >= rest {
                high = low + step + 1;
                break;
            }
            low += step + 1;
            step *= 2;
        }
    } else {
        high = high.min(guess + 1);
        while let Some(at) = high.checked_sub(step + 1) {
            if run[at] < *rest {
                low = at + 1;
                break;
            }
            high = at + 1;
            step *= 2;
        }
    }
    run[low..high].binary_search(rest).map(|place| low + place).map_err(|place| low + place)
}

/// Puts `item` where a search found that it belongs; `false` if it is there. Room grows by an eighth at a time: doubling
/// would leave a third of the memory unused on average.
fn put<T>(run: &mut Vec<T>, found: Result<usize, usize>, item: T) -> bool {
    let Err(place) = found else { return false };
    if run.len() == run.capacity() {
        run.reserve_exact((run.len() / 8).max(4));
    }
    run.insert(place, item);
    true
}

/// Takes what a search found out of its run; `false` if it was not there.
fn take<T>(found: Result<usize, usize>, run: &mut Vec<T>) -> bool {
    found.map(|place| run.remove(place)).is_ok()
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
            for (gone, bytes) in asked.iter().chain(&inside).enumerate() {
                index.remove(Address(*bytes));
                prop_assert!(!index.contains(Address(*bytes)), "{} removed", gone);
            }
            prop_assert_eq!(index.len(), 0);
        }
    }

    proptest! {
        #[test]
        fn a_run_is_searched_as_a_binary_search_would(
            run in prop::collection::btree_set(prop::array::uniform2(prop::num::u8::ANY), 0..300),
            asked in prop::collection::vec(prop::array::uniform2(prop::num::u8::ANY), 1..50),
            crowded in prop::bool::ANY,
        ) {
            let rest = |bytes: &[u8; 2]| {
                let mut rest = [0; 18];
                // Crowded: all of them where the first bytes say nothing.
                rest[if crowded { 4..6 } else { 0..2 }].copy_from_slice(bytes);
                rest
            };
            let sorted: Vec<Rest> = run.iter().map(rest).collect();
            for bytes in asked.iter().chain(&run) {
                prop_assert_eq!(find(&sorted, &rest(bytes)), sorted.binary_search(&rest(bytes)));
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
