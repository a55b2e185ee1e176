//! When a deposit may be credited.

use std::num::NonZeroU32;

use super::Height;

/// Blocks on top of a block: tip − inclusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Depth(pub u64);

/// Blocks from inclusion to tip, counting the including block: at inclusion this is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Confirmations(pub NonZeroU32);

impl Confirmations {
    /// The including block alone.
    pub const ONE: Self = Self(NonZeroU32::MIN);
    /// More than any block has.
    pub const MAX: Self = Self(NonZeroU32::MAX);

    /// `None` for 0.
    pub fn new(count: u32) -> Option<Self> {
        NonZeroU32::new(count).map(Self)
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl From<Depth> for Confirmations {
    fn from(depth: Depth) -> Self {
        let above = u32::try_from(depth.0).unwrap_or(u32::MAX);
        Self(NonZeroU32::MIN.saturating_add(above))
    }
}

/// What the chain says about one block now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How deep it lies.
    pub confirmations: Confirmations,
    /// Whether the network itself calls it final.
    pub finalized: bool,
}

impl Standing {
    /// Standing of a block at `included` on a chain whose last block is `tip`; `None` if it lies above the tip.
    pub fn of(included: Height, tip: Height, finalized: Option<Height>) -> Option<Self> {
        let depth = tip.0.checked_sub(included.0).map(Depth)?;
        Some(Self { confirmations: depth.into(), finalized: finalized.is_some_and(|last| included <= last) })
    }
}

/// What has to be true of a block before its deposits are credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// So many confirmations.
    Confirmations(Confirmations),
    /// The network calls the block final.
    Finalized,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_including_block_counts_as_one() {
        let at = |tip| Standing::of(Height(10), Height(tip), None).map(|s| s.confirmations.get());
        assert_eq!(at(9), None);
        assert_eq!(at(10), Some(1));
        assert_eq!(at(21), Some(12));
    }

    #[test]
    fn finalized_is_the_networks_word_and_includes_the_final_block() {
        let is_final = |last| Standing::of(Height(10), Height(90), last).is_some_and(|s| s.finalized);
        assert!(!is_final(None));
        assert!(!is_final(Some(Height(9))));
        assert!(is_final(Some(Height(10))));
    }
}
