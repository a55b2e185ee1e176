//! Far below the head: ranges fetched ahead in parallel, linked and committed strictly in order.

use std::sync::Arc;

use futures::{StreamExt, stream};

use super::{Follower, Setback, Turn};
use crate::{
    chain::ChainSource,
    domain::{BlockBatch, BrokenLink, Head, Height},
};

impl<S: ChainSource> Follower<S> {
    /// Reads `from..=to`, all of it below what the network calls final. Stops at the first range that cannot be had or
    /// does not link; what came before it is committed.
    pub(super) async fn catch_up(&mut self, from: Height, to: Height, head: &Head) -> Result<Turn, Setback> {
        let pool = Arc::clone(&self.pool);
        let ranges = ranges(from, to, self.settings.range_blocks.max(1));
        let fetches = ranges.map(move |(low, high)| {
            let pool = Arc::clone(&pool);
            async move { pool.blocks(low, high, false).await }
        });
        let mut fetched = Box::pin(stream::iter(fetches).buffered(self.settings.ranges_ahead.max(1)));
        while let Some(blocks) = fetched.next().await {
            (self.turned)();
            let tip = self.tip()?;
            match BlockBatch::link(tip, blocks?) {
                Ok(batch) => self.apply(batch, head).await?,
                Err(BrokenLink::Mismatch { below, .. }) if below == tip => {
                    return self.walk_back(tip.height.down(1), head).await;
                }
                Err(broken) => return Err(Setback::Doubt(broken.to_string())),
            };
            if !self.due.is_empty() {
                self.verify_due(head).await?;
            }
        }
        Ok(Turn::Moved)
    }
}

/// `from..=to` in pieces of `len` blocks.
fn ranges(from: Height, to: Height, len: u64) -> impl Iterator<Item = (Height, Height)> + Send {
    let starts = (from.0..=to.0).step_by(usize::try_from(len).unwrap_or(usize::MAX));
    starts.map(move |low| (Height(low), Height(low).up(len - 1).min(to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_height_once() {
        for (from, to, len) in [(1, 1, 1), (1, 10, 3), (5, 14, 5), (7, 7, 100), (0, 99, 10)] {
            let covered: Vec<u64> =
                ranges(Height(from), Height(to), len).flat_map(|(low, high)| low.0..=high.0).collect();
            assert_eq!(covered, (from..=to).collect::<Vec<_>>());
        }
    }
}
