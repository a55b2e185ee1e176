//! Reads the past beside live following, in small steps: for addresses registered with a beginning that lies before
//! them, and for an operator's rescan.
//!
//! It works only while the network is followed at its head, and pauses at least as long as each step took, so that half
//! of what the endpoints can do stays for the blocks that come. Doubt means wait, as for the follower.

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{FollowSettings, Follower, Setback, next_move::BY_HASH_BLOCKS};
use crate::{
    chain::{ChainSource, pool::Pool},
    domain::{Cursor, Height, NetworkId, NetworkState, StatusBoard, Timestamp},
    writer::WriterHandle,
};

/// Pause between two looks for something to do.
const IDLE_PAUSE: Duration = Duration::from_secs(1);
/// Shortest pause between two steps.
const STEP_PAUSE_MIN: Duration = Duration::from_millis(20);
/// Longest pause while the past cannot be had: each try costs an endpoint of live following a rest, and what a pruned node
/// no longer has it will not have in a moment.
const DOUBT_PAUSE_MAX: Duration = Duration::from_secs(300);
/// Headers jumped over at first on the way down to a time.
const FIRST_STRIDE: u64 = 64;

/// The pause after so many doubts in a row, from 1: doubled with each.
fn past_pause(doubts: u32) -> Duration {
    IDLE_PAUSE.saturating_mul(1 << doubts.saturating_sub(1).min(10)).min(DOUBT_PAUSE_MAX)
}

/// Reads one network's past.
pub struct BackScanner<S> {
    network: NetworkId,
    settings: FollowSettings,
    pool: Arc<Pool<S>>,
    writer: WriterHandle,
    board: StatusBoard,
    /// Tells the follower that deposits were found.
    found: Arc<AtomicBool>,
}

impl<S> fmt::Debug for BackScanner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackScanner").field("network", &self.network).finish_non_exhaustive()
    }
}

impl<S: ChainSource> BackScanner<S> {
    /// One that works beside `follower`.
    pub(super) fn beside(follower: &Follower<S>) -> Self {
        Self {
            network: follower.spec.id.clone(),
            settings: follower.settings.clone(),
            pool: Arc::clone(&follower.pool),
            writer: follower.writer.clone(),
            board: follower.board.clone(),
            found: Arc::clone(&follower.found),
        }
    }

    /// Reads what is wanted until asked to stop; ends with `Ok` then, and never otherwise.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut doubts = 0_u32;
        let mut is_reading = false;
        loop {
            let begun = Instant::now();
            let step = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                step = self.step() => step,
            };
            let pause = match step {
                Ok(has_read) => {
                    doubts = 0;
                    if has_read != is_reading {
                        info!(network = %self.network, "back-scan: {}", if has_read { "reading" } else { "nothing to read" });
                        is_reading = has_read;
                    }
                    if has_read { begun.elapsed().max(STEP_PAUSE_MIN) } else { IDLE_PAUSE }
                }
                Err(Setback::Stopping) => {
                    stop.cancelled().await;
                    return Ok(());
                }
                Err(setback) => {
                    doubts = doubts.saturating_add(1);
                    if doubts == 1 {
                        warn!(network = %self.network, "back-scan: waiting: {setback}");
                    }
                    past_pause(doubts)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One step; `false`: there was nothing to do, or it is not the time.
    pub(super) async fn step(&self) -> Result<bool, Setback> {
        let status = self.board.of(&self.network).unwrap_or_default();
        let Some(cursor) = status.cursor.filter(|_| status.state == NetworkState::Following) else { return Ok(false) };
        let work = self.writer.scans(self.network.clone(), self.settings.range_blocks.max(1)).await?;
        if let Some(time) = work.time {
            let first = self.first_at(time, cursor).await?;
            self.writer.resolve_scans(self.network.clone(), time, first).await?;
            return Ok(true);
        }
        let Some((from, to)) = work.range else { return Ok(false) };
        let last = cursor.finalized.map(|last| last.height.min(cursor.tip.height.down(BY_HASH_BLOCKS)));
        // By range where it is final, by hash where it is not.
        let (to, near_head) = match last.filter(|last| from <= *last) {
            Some(last) => (to.min(last), false),
            None => (to.min(from.up(self.settings.near_blocks.saturating_sub(1))), true),
        };
        let blocks = self.pool.blocks(from, to, near_head).await?.blocks;
        let applied = self.writer.apply_scan(self.network.clone(), blocks).await?;
        if !applied.due.is_empty() {
            self.found.store(true, Ordering::Release);
        }
        Ok(true)
    }

    /// The first height of our chain whose block is not older than `time`; `None` if all are. Looks down from the tip in
    /// growing strides, so that a node that keeps only recent headers can answer for recent times.
    pub(super) async fn first_at(&self, time: Timestamp, cursor: Cursor) -> Result<Option<Height>, Setback> {
        if cursor.tip_time < time {
            return Ok(None);
        }
        // `young` is not older than the time; what lies below `old` is.
        let (mut young, mut stride) = (cursor.tip.height, FIRST_STRIDE);
        let mut old = Height(0);
        while young > Height(0) {
            let below = young.down(stride);
            if self.time_at(below).await? < time {
                old = below.next();
                break;
            }
            young = below;
            stride = stride.saturating_mul(2);
        }
        while old < young {
            let middle = old.up((young.0 - old.0) / 2);
            if self.time_at(middle).await? < time {
                old = middle.next();
            } else {
                young = middle;
            }
        }
        Ok(Some(young))
    }

    async fn time_at(&self, height: Height) -> Result<Timestamp, Setback> {
        let headers = self.pool.headers(height, height).await?;
        let header = headers.first().ok_or_else(|| Setback::Doubt(format!("no header at {height}")))?;
        Ok(header.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_past_that_cannot_be_had_is_asked_for_ever_more_seldom() {
        let pauses: Vec<u64> = [1, 2, 5, 9, 10, u32::MAX].map(|doubts| past_pause(doubts).as_secs()).to_vec();
        assert_eq!(pauses, [1, 2, 16, 256, 300, 300]);
    }
}
