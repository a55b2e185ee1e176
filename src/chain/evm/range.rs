//! Several blocks at once: by hash near the head, by ranges of adaptive size below it.

use std::sync::atomic::Ordering;

use super::{
    EvmSource,
    check::may_be_cut,
    wire::{WireHeader, WireLog},
};
use crate::{
    chain::Doubt,
    domain::{Block, Height},
};

/// Blocks whose logs are asked for at the same time near the head.
const BY_HASH_IN_FLIGHT: usize = 4;

impl EvmSource {
    /// Blocks `from..=to`, the logs of each asked for by its hash.
    pub(super) async fn by_hash(&self, from: Height, to: Height) -> Result<Vec<Block>, Doubt> {
        let headers = self.headers_by_number(from, to).await?;
        let mut blocks = Vec::with_capacity(headers.len());
        for some in headers.chunks(BY_HASH_IN_FLIGHT) {
            blocks.extend(futures::future::try_join_all(some.iter().map(|header| self.block_by_hash(header))).await?);
        }
        Ok(blocks)
    }

    async fn block_by_hash(&self, header: &WireHeader) -> Result<Block, Doubt> {
        let logs = self.logs_by_hash(header).await?;
        self.complete_block(header, logs).await
    }

    /// Blocks `from..=to`, their logs asked for by range. A range the node finds too large is halved, down to a single
    /// block, which is asked for by its hash; the size grows again slowly.
    pub(super) async fn by_range(&self, from: Height, to: Height) -> Result<Vec<Block>, Doubt> {
        let headers = self.headers_by_number(from, to).await?;
        let mut blocks = Vec::with_capacity(headers.len());
        let mut rest = headers.as_slice();
        while !rest.is_empty() {
            let size = usize::try_from(self.range_blocks.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
            let (some, after) = rest.split_at(size.clamp(1, rest.len()));
            match self.range(some).await {
                Ok(logs) if some.len() > 1 && may_be_cut(logs.len()) => self.shrink(some.len()),
                Ok(logs) => {
                    self.take(some, logs, &mut blocks).await?;
                    self.grow(some.len());
                    rest = after;
                }
                Err(Doubt::TooManyResults) if some.len() > 1 => self.shrink(some.len()),
                Err(doubt) => return Err(doubt),
            }
        }
        Ok(blocks)
    }

    /// The logs of linked `headers`, at least one.
    async fn range(&self, headers: &[WireHeader]) -> Result<Vec<WireLog>, Doubt> {
        match headers {
            [] => Ok(Vec::new()),
            [only] => self.logs_by_hash(only).await,
            [first, .., last] => {
                let filter = self.filter().from_block(first.number.0).to_block(last.number.0);
                self.logs(&filter, Height(last.number.0)).await
            }
        }
    }

    /// Deals `logs` out to `headers`. A log of a height outside them is refused here, one of another hash by its block.
    async fn take(&self, headers: &[WireHeader], mut logs: Vec<WireLog>, blocks: &mut Vec<Block>) -> Result<(), Doubt> {
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        let mut logs = logs.into_iter().peekable();
        for header in headers {
            let mut own = Vec::new();
            while let Some(log) = logs.next_if(|log| log.block_number == header.number) {
                own.push(log);
            }
            blocks.push(self.complete_block(header, own).await?);
        }
        match logs.next() {
            None => Ok(()),
            Some(log) => {
                Err(Doubt::ForeignLog(format!("block {} is outside the range asked for", log.block_number.0)))
            }
        }
    }

    fn shrink(&self, asked: usize) {
        let half = u64::try_from(asked / 2).unwrap_or(1).max(1);
        self.range_blocks.store(half, Ordering::Relaxed);
    }

    fn grow(&self, asked: usize) {
        let size = self.range_blocks.load(Ordering::Relaxed);
        if u64::try_from(asked).is_ok_and(|asked| asked >= size) {
            let larger = size.saturating_add(size / 8 + 1).min(self.range_blocks_max);
            self.range_blocks.store(larger, Ordering::Relaxed);
        }
    }
}
