//! Far below the head: ranges fetched ahead in parallel, linked and committed strictly in order.

use std::{collections::VecDeque, panic, sync::Arc, time::Instant};

use tokio::{
    sync::oneshot,
    task::{JoinError, JoinSet},
};

use super::{Follower, Setback, Turn};
use crate::{
    chain::{
        ChainSource, SourceError,
        pool::{Pool, Told},
    },
    domain::{BlockBatch, BrokenLink, Head, Height},
};

impl<S: ChainSource> Follower<S> {
    /// Reads `from..=to`, all of it below what the network calls final. Stops at the first range that cannot be had or
    /// does not link, and when it is time to look at the head again; what came before it is committed.
    pub(super) async fn catch_up(&mut self, from: Height, to: Height, head: &Head) -> Result<Turn, Setback> {
        let ranges = ranges(from, to, self.settings.range_blocks.max(1));
        let until = Instant::now() + self.settings.head_every;
        let mut fetches = Fetches::new(Arc::clone(&self.pool), ranges, self.settings.ranges_ahead.max(1), until);
        while let Some(told) = fetches.next().await {
            (self.turned)();
            let (tip, Told { blocks, is_settled }) = (self.tip()?, told?);
            match BlockBatch::link(tip, blocks) {
                Ok(batch) => {
                    let head = if is_settled { self.head_over(&batch, head) } else { *head };
                    self.apply(batch, &head).await?
                }
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

impl<S> Follower<S> {
    /// What the node calls final, as far as `batch` reaches.
    fn head_over(&self, batch: &BlockBatch, head: &Head) -> Head {
        let top = batch.tip();
        let is_final = head.finalized.is_some_and(|last| top.at.height <= last.height);
        if self.settings.ranges_are_final && is_final {
            Head { finalized: Some(top.at), finalized_time: Some(top.time), ..*head }
        } else {
            *head
        }
    }
}

/// Ranges fetched ahead, each in a task of its own, so that all cores decode; handed out in order. Dropped, it ends what is
/// under way.
struct Fetches<S, R> {
    pool: Arc<Pool<S>>,
    ranges: R,
    /// No range is begun later than this.
    until: Instant,
    tasks: JoinSet<()>,
    answers: VecDeque<oneshot::Receiver<Result<Told, SourceError>>>,
}

impl<S: ChainSource, R: Iterator<Item = (Height, Height)>> Fetches<S, R> {
    fn new(pool: Arc<Pool<S>>, ranges: R, ahead: usize, until: Instant) -> Self {
        let mut fetches = Self { pool, ranges, until, tasks: JoinSet::new(), answers: VecDeque::with_capacity(ahead) };
        for _ in 0..ahead {
            fetches.begin_one();
        }
        fetches
    }

    fn begin_one(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            pass_on_panic(ended);
        }
        let Some((low, high)) = self.ranges.next() else { return };
        let (answer, asked) = oneshot::channel();
        let pool = Arc::clone(&self.pool);
        self.tasks.spawn(async move {
            // Nobody waits any more only if an earlier range failed.
            let _ = answer.send(pool.blocks(low, high, false).await);
        });
        self.answers.push_back(asked);
    }

    /// The next range's blocks; `None` after the last range that was begun, or when the runtime ends.
    async fn next(&mut self) -> Option<Result<Told, SourceError>> {
        let Ok(answer) = self.answers.pop_front()?.await else {
            while let Some(ended) = self.tasks.join_next().await {
                pass_on_panic(ended);
            }
            return None;
        };
        if Instant::now() < self.until {
            self.begin_one();
        }
        Some(answer)
    }
}

fn pass_on_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        panic::resume_unwind(error.into_panic());
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
