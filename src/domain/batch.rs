//! Blocks as the adapters hand them over, and batches that are linked by construction.

use super::{BlockHash, BlockRef, Height, Timestamp, Transfer};

/// What we keep of a block's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The block.
    pub at: BlockRef,
    /// Hash of the block below.
    pub parent: BlockHash,
    /// When the producer says it was made.
    pub time: Timestamp,
}

impl Header {
    /// Whether this block sits directly on `below`.
    pub fn is_on(&self, below: BlockRef) -> bool {
        self.parent == below.hash && self.at.height.0.checked_sub(1) == Some(below.height.0)
    }
}

/// A block with every non-zero transfer of an allow-listed token in it, in log order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its header.
    pub header: Header,
    /// Its transfers.
    pub transfers: Vec<Transfer>,
}

/// Why blocks do not form a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenLink {
    /// Nothing to link.
    #[error("no blocks above {base}")]
    Empty {
        /// Where they should have started.
        base: BlockRef,
    },
    /// A block that is not the child of the one before it.
    #[error("block {found} does not sit on {below}")]
    Mismatch {
        /// The block before.
        below: BlockRef,
        /// The block that does not fit.
        found: BlockRef,
    },
}

/// Linked blocks on top of `base`: each one's parent is the one before it. Cannot be built otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockBatch {
    base: BlockRef,
    /// Never empty; contiguous; the first sits on `base`.
    blocks: Vec<Block>,
}

impl BlockBatch {
    /// Joins `blocks` on top of `base`.
    ///
    /// # Errors
    /// [`BrokenLink`] for gaps, wrong parents and empty batches.
    pub fn link(base: BlockRef, blocks: Vec<Block>) -> Result<Self, BrokenLink> {
        if blocks.is_empty() {
            return Err(BrokenLink::Empty { base });
        }
        let mut below = base;
        for block in &blocks {
            if !block.header.is_on(below) {
                return Err(BrokenLink::Mismatch { below, found: block.header.at });
            }
            below = block.header.at;
        }
        Ok(Self { base, blocks })
    }

    /// The block both histories share.
    pub fn base(&self) -> BlockRef {
        self.base
    }

    /// The blocks, lowest first.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The header of the highest block.
    pub fn tip(&self) -> Header {
        self.blocks.last().expect("a batch is never empty").header
    }

    /// The highest height.
    pub fn top(&self) -> Height {
        self.tip().at.height
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(height: u64, hash: u8, parent: u8) -> Block {
        let at = BlockRef { height: Height(height), hash: BlockHash([hash; 32]) };
        let header = Header { at, parent: BlockHash([parent; 32]), time: Timestamp(height) };
        Block { header, transfers: Vec::new() }
    }

    #[test]
    fn only_linked_blocks_make_a_batch() {
        let base = block(1, 1, 0).header.at;
        assert!(BlockBatch::link(base, vec![block(2, 2, 1), block(3, 3, 2)]).is_ok());
        for blocks in [
            vec![],
            vec![block(3, 3, 1)],
            vec![block(2, 2, 9)],
            vec![block(2, 2, 1), block(3, 3, 9)],
            vec![block(2, 2, 1), block(2, 3, 2)],
            vec![block(1, 2, 1)],
        ] {
            assert!(BlockBatch::link(base, blocks.clone()).is_err(), "{blocks:?}");
        }
    }
}
