//! Several blocks at once: one by one with their infos near the head, by ranges of solidified blocks below it.

use std::sync::atomic::Ordering;

use futures::{StreamExt, TryStreamExt, future::try_join, stream};
use tracing::debug;

use super::{
    TronSource,
    call::{Face, Question},
    header,
    whole::{self, Whole},
    wire::FullBlock,
};
use crate::{
    chain::Doubt,
    domain::{Block, BlockHash, BlockRef, Family, Header, Height},
};

/// Blocks and headers asked for at the same time.
const IN_FLIGHT: usize = 8;
/// Most blocks in one call of a range: about ten megabytes.
pub(super) const RANGE_BLOCKS_MAX: u64 = 20;

impl TronSource {
    /// Headers `from..=to` of the face that is read near the head.
    pub(super) async fn headers_by_height(&self, from: Height, to: Height) -> Result<Vec<Header>, Doubt> {
        // Collected first: a borrowing closure inside the stream would tie the future's Send to one lifetime.
        let asked: Vec<_> = (from.0..=to.0).map(|height| self.header_at(self.face(), Height(height))).collect();
        let headers: Vec<Header> = stream::iter(asked).buffered(IN_FLIGHT).try_collect().await?;
        linked(headers.iter().map(|header| (header.at, header.parent)))?;
        Ok(headers)
    }

    pub(super) async fn header_at(&self, face: Face, at: Height) -> Result<Header, Doubt> {
        let body = self.calls.ask(face, Question::header(Some(at))).await?;
        Ok(header::read(face.block_path(), &body, Some(at), self.block_ids)?.value)
    }

    /// Blocks `from..=to` of the face that is read near the head, each with its infos.
    pub(super) async fn one_by_one(&self, from: Height, to: Height) -> Result<Vec<Block>, Doubt> {
        let asked: Vec<_> = (from.0..=to.0).map(|height| self.block_at(Height(height))).collect();
        let blocks: Vec<Block> = stream::iter(asked).buffered(IN_FLIGHT).try_collect().await?;
        linked(blocks.iter().map(|block| (block.header.at, block.header.parent)))?;
        Ok(blocks)
    }

    async fn block_at(&self, at: Height) -> Result<Block, Doubt> {
        if at == Height(0) {
            return self.genesis(self.face()).await;
        }
        if let Some(whole) = self.block_by_receipts(at).await? {
            return Ok(self.taken(whole));
        }
        let (block, infos) = (Question::block(at), Question::infos(at));
        let (block, infos) = try_join(self.calls.ask(self.face(), block), self.calls.ask(self.face(), infos)).await?;
        Ok(self.proved(whole::block(&block, &infos, at, &self.tokens, self.block_ids)?))
    }

    /// Block 0: a node has no infos of it, and no contract existed that could have written a log.
    async fn genesis(&self, face: Face) -> Result<Block, Doubt> {
        let header = self.header_at(face, Height(0)).await?;
        Ok(Block { header, transfers: Vec::new() })
    }

    /// Solidified blocks `from..=to`: many in one call, the infos of each by themselves. A range whose answer is too
    /// large is halved; the size grows again slowly.
    pub(super) async fn by_range(&self, from: Height, to: Height) -> Result<Vec<Block>, Doubt> {
        let mut blocks = Vec::with_capacity(usize::try_from(to.0.saturating_sub(from.0)).unwrap_or(0).min(1000));
        let mut next = from;
        if next == Height(0) {
            blocks.push(self.genesis(Face::Solid).await?);
            next = Height(1);
        }
        while next <= to {
            let size = self.range_blocks.load(Ordering::Relaxed).clamp(1, RANGE_BLOCKS_MAX);
            let last = next.up(size - 1).min(to);
            match self.range(next, last).await {
                Ok(some) => {
                    blocks.extend(some);
                    self.grow(size);
                    next = last.next();
                }
                Err(doubt) => {
                    let is_too_large = matches!(doubt, Doubt::Malformed { method: "http", .. });
                    if less_may_do(&doubt) {
                        self.range_blocks.store((size / 2).max(1), Ordering::Relaxed);
                    }
                    if !is_too_large || last == next {
                        return Err(doubt);
                    }
                }
            }
        }
        linked(blocks.iter().map(|block| (block.header.at, block.header.parent)))?;
        Ok(blocks)
    }

    /// Blocks `from..=to` in one call, each proved with its infos as they come.
    async fn range(&self, from: Height, to: Height) -> Result<Vec<Block>, Doubt> {
        let body = self.calls.ask(Face::Solid, Question::range(from, to)).await?;
        let listed = whole::range(&body, from, to)?;
        let heights = (from.0..=to.0).map(Height);
        let asked: Vec<_> = heights.zip(listed).map(|(at, block)| self.with_infos(at, block)).collect();
        stream::iter(asked).buffered(IN_FLIGHT).try_collect().await
    }

    async fn with_infos(&self, at: Height, block: FullBlock<'_>) -> Result<Block, Doubt> {
        let infos = self.calls.ask(Face::Solid, Question::infos(at)).await?;
        Ok(self.proved(whole::with_infos(&block, &infos, at, &self.tokens, self.block_ids)?))
    }

    /// The block; counted if its id does not follow from its header.
    fn proved(&self, whole: Whole) -> Block {
        if !whole.id_proved {
            let (network, source) = (self.calls.network().to_string(), self.calls.name().to_owned());
            metrics::counter!("depositd_block_ids_unproved_total", "network" => network, "source" => source)
                .increment(1);
        }
        self.taken(whole)
    }

    /// The block, what was left out of it counted.
    fn taken(&self, whole: Whole) -> Block {
        for (token, why) in whole.skipped {
            why.count(self.calls.network(), token.text(Family::Tron));
        }
        if whole.prefixed > 0 {
            let (at, count) = (whole.block.header.at, whole.prefixed);
            debug!(endpoint = self.calls.name(), %at, count, "transfers with 0x41 before an address: read without it");
        }
        whole.block
    }

    fn grow(&self, asked: u64) {
        self.range_blocks.store((asked + 1).min(RANGE_BLOCKS_MAX), Ordering::Relaxed);
    }
}

/// Whether fewer blocks may be answered: these were too large or took too long for us, for the node, or for the gateway in
/// front of it, which says so by a status or by cutting the answer off.
fn less_may_do(doubt: &Doubt) -> bool {
    let is_down = matches!(doubt, Doubt::Throttled { what, .. } if what.starts_with("HTTP status 5"));
    is_down || matches!(doubt, Doubt::Transport(_) | Doubt::Malformed { .. } | Doubt::Refused { .. })
}

/// Refuses blocks of which one is not on the one before.
fn linked(blocks: impl Iterator<Item = (BlockRef, BlockHash)>) -> Result<(), Doubt> {
    let mut below: Option<BlockRef> = None;
    for (at, parent) in blocks {
        if below.is_some_and(|below| below.hash != parent) {
            return Err(Doubt::BrokenChain(format!("block {} is not on the one below", at.height)));
        }
        below = Some(at);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
