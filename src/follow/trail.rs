//! The follower's own copy of the committed headers: what it compares a node's answers with.

use std::collections::BTreeMap;

use crate::domain::{BlockRef, Header, Height};

/// Recent blocks of ours, lowest to highest; the highest is the tip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    blocks: BTreeMap<Height, BlockRef>,
    len_max: usize,
}

impl Trail {
    /// A trail over `blocks`, kept to the last `len_max`.
    pub fn of(blocks: impl IntoIterator<Item = BlockRef>, len_max: usize) -> Self {
        let mut trail = Self { blocks: blocks.into_iter().map(|at| (at.height, at)).collect(), len_max };
        trail.trim();
        trail
    }

    /// Our last block.
    pub fn tip(&self) -> Option<BlockRef> {
        self.blocks.last_key_value().map(|(_, at)| *at)
    }

    /// The lowest height still known.
    pub fn floor(&self) -> Option<Height> {
        self.blocks.first_key_value().map(|(height, _)| *height)
    }

    /// Our block at `height`.
    pub fn at(&self, height: Height) -> Option<BlockRef> {
        self.blocks.get(&height).copied()
    }

    /// Whether `block` is ours.
    pub fn holds(&self, block: BlockRef) -> bool {
        self.at(block.height) == Some(block)
    }

    /// Whether `block` is ours, or so old that its hash is not kept any more.
    pub fn holds_or_held(&self, block: BlockRef) -> bool {
        self.holds(block) || self.floor().is_some_and(|floor| block.height < floor)
    }

    /// The highest of `headers` that is ours.
    pub fn shared(&self, headers: &[Header]) -> Option<BlockRef> {
        headers.iter().rev().map(|header| header.at).find(|at| self.holds(*at))
    }

    /// Moves to where a commit moved us: everything above `base` is replaced by `above`.
    pub fn moved(&mut self, base: BlockRef, above: impl IntoIterator<Item = BlockRef>) {
        self.blocks.split_off(&base.height.next());
        self.blocks.extend(above.into_iter().map(|at| (at.height, at)));
        self.trim();
    }

    fn trim(&mut self) {
        while self.blocks.len() > self.len_max.max(1) {
            self.blocks.pop_first();
        }
    }
}
