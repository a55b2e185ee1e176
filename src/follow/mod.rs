//! One follower per network: look at the head, decide, fetch, link, hand over, verify what is due.
//!
//! The follower never skips and never clamps: a block that cannot be had, or an answer that is not proved consistent,
//! leaves everything as it is, shows in the status, and is asked for again.

mod backscan;
mod catch_up;
mod halt;
pub mod next_move;
mod note;
mod reorg;
mod stall;
#[cfg(test)]
mod tests;
pub mod trail;
mod verify;

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use self::backscan::BackScanner;
use self::{
    next_move::{Move, Reach, is_low, next_move},
    trail::Trail,
};
use crate::{
    chain::{ChainSource, SourceError, pool::Pool},
    domain::{
        BlockBatch, BlockRef, BrokenLink, Conditions, Cursor, Head, Height, NetworkId, NetworkSpec, NetworkState,
        SpecBoard, StatusBoard, clock,
    },
    writer::{Refusal, WriterHandle, handle::Due},
};

/// Longest pause between two looks while something is in doubt.
const DOUBT_PAUSE_MAX: Duration = Duration::from_secs(15);

/// How one network is followed.
#[derive(Clone, Debug)]
pub struct FollowSettings {
    /// Pause between two looks at the head.
    pub poll_interval: Duration,
    /// How long every endpoint must have been below our tip before the chain counts as shorter.
    pub retreat_after: Duration,
    /// Where to begin a new network; `None`: at the head.
    pub start: Option<Height>,
    /// Blocks read in one step near the head.
    pub near_blocks: u64,
    /// Blocks in one request of the catch-up, and in one commit.
    pub range_blocks: u64,
    /// Requests of the catch-up under way at once.
    pub ranges_ahead: usize,
    /// How long a catch-up goes on before the head is looked at again: one never looked at would seem to stand still.
    pub head_every: Duration,
    /// See [`Reach::follows_ties`].
    pub follows_ties: bool,
    /// Whether blocks read by range come from what the node itself calls final: then their deposits need not wait for
    /// the end of a long catch-up.
    pub ranges_are_final: bool,
    /// The rules in force, looked at again when they change; a network that is not there has none that matter here.
    pub specs: SpecBoard,
}

impl Default for FollowSettings {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(3),
            retreat_after: Duration::from_secs(600),
            start: None,
            near_blocks: 16,
            // Two rows a block, so that a group stays within the writer's limit.
            range_blocks: 90,
            ranges_ahead: 8,
            head_every: Duration::from_secs(10),
            follows_ties: true,
            ranges_are_final: false,
            specs: SpecBoard::default(),
        }
    }
}

/// Why a turn did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Setback {
    /// Doubt: nothing changed, look again.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Doubt that no single endpoint is to blame for.
    #[error("{0}")]
    Doubt(String),
    /// Only a person can go on.
    #[error("{0}")]
    Halt(String),
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopping,
}

impl From<Refusal> for Setback {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Stopping => Self::Stopping,
            Refusal::TooDeep { .. } => Self::Halt(refusal.to_string()),
            Refusal::Busy { .. }
            | Refusal::NetworkNotReady { .. }
            | Refusal::UnknownNetwork { .. }
            | Refusal::NotFound { .. }
            | Refusal::AlreadyExists { .. }
            | Refusal::AddressTaken { .. }
            | Refusal::AddressBusy { .. }
            | Refusal::PaymentSeen { .. }
            | Refusal::Precondition(_)
            | Refusal::PolicyUnsound { .. }
            | Refusal::Stale(_)
            | Refusal::ExpiryPassed { .. }
            | Refusal::Invalid(_) => Self::Doubt(refusal.to_string()),
        }
    }
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Something was committed; there may be more at once.
    Moved,
    /// Nothing to do until the next look.
    Idle,
}

/// Called at every turn: shows the watchdog that the follower still takes them.
pub type Turned = Box<dyn Fn() + Send + Sync>;

/// What a follower goes on from; all of it empty for a new network.
#[derive(Debug, Default)]
pub struct Stored {
    /// The headers of the window.
    pub headers: Vec<BlockRef>,
    /// The committed progress.
    pub cursor: Option<Cursor>,
    /// Deposits that wait for evidence.
    pub due: Vec<Due>,
}

/// Follows one network.
pub struct Follower<S> {
    spec: NetworkSpec,
    settings: FollowSettings,
    pool: Arc<Pool<S>>,
    writer: WriterHandle,
    board: StatusBoard,
    trail: Trail,
    due: Vec<Due>,
    cursor: Option<Cursor>,
    low_since: Option<Instant>,
    conditions: Conditions,
    turned: Turned,
    /// Set by whoever reads the past: it found deposits, some of them may be due at once.
    found: Arc<AtomicBool>,
    /// Has changed when it should be asked again what is due.
    renewals: watch::Receiver<u64>,
    /// The same, to end a pause.
    wake: watch::Receiver<u64>,
}

impl<S> fmt::Debug for Follower<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("network", &self.spec.id).field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl<S: ChainSource> Follower<S> {
    /// A follower that goes on from `stored`.
    pub fn new(
        spec: NetworkSpec,
        settings: FollowSettings,
        pool: Arc<Pool<S>>,
        writer: WriterHandle,
        board: StatusBoard,
        stored: Stored,
        turned: Turned,
    ) -> Self {
        let Stored { headers, cursor, due } = stored;
        let window = usize::try_from(spec.window_blocks).unwrap_or(usize::MAX);
        board.update(&spec.id, |status| status.cursor = cursor);
        let (trail, conditions) = (Trail::of(headers, window), Conditions::default());
        let (low_since, found) = (None, Arc::default());
        let (renewals, wake) = (writer.renewals(), writer.renewals());
        Self {
            spec,
            settings,
            pool,
            writer,
            board,
            trail,
            due,
            cursor,
            low_since,
            conditions,
            turned,
            found,
            renewals,
            wake,
        }
    }

    /// The network's name.
    pub fn network(&self) -> &NetworkId {
        &self.spec.id
    }

    /// Reads the past beside this follower, over the same endpoints.
    pub fn back_scanner(&self) -> BackScanner<S> {
        BackScanner::beside(self)
    }

    /// Follows until asked to stop; ends with `Ok` then, and never otherwise: a network that must halt stands until a person
    /// resumes it.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut doubts = 0_u32;
        loop {
            (self.turned)();
            self.note_stalls(clock::now());
            let turn = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                turn = self.turn() => turn,
            };
            let pause = match turn {
                Ok(Turn::Moved) => {
                    doubts = 0;
                    continue;
                }
                Ok(Turn::Idle) => {
                    doubts = 0;
                    self.settings.poll_interval
                }
                Err(Setback::Stopping) => {
                    stop.cancelled().await;
                    return Ok(());
                }
                Err(Setback::Halt(why)) => {
                    if !self.stand(why, &stop).await {
                        return Ok(());
                    }
                    doubts = 0;
                    continue;
                }
                Err(setback @ (Setback::Source(_) | Setback::Doubt(_))) => {
                    doubts = doubts.saturating_add(1);
                    self.doubt(&setback, doubts);
                    doubt_pause(self.settings.poll_interval, doubts)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
                // Its sender lives as long as our handle does.
                _ = self.wake.changed() => {}
            }
        }
    }

    fn doubt(&self, setback: &Setback, doubts: u32) {
        if doubts == 1 {
            warn!(network = %self.spec.id, "waiting: {setback}");
        }
        let why = setback.to_string();
        self.board.update(&self.spec.id, |status| status.state = NetworkState::Waiting(why));
    }

    async fn turn(&mut self) -> Result<Turn, Setback> {
        if let Some(above) = self.cursor.and_then(|cursor| cursor.take_back_above) {
            return self.take_back(above).await;
        }
        self.heed_rules();
        let head = self.pool.head().await?;
        self.note_head(&head);
        let low_for_long = self.low_for_long(&head);
        let FollowSettings { near_blocks, start, follows_ties, .. } = self.settings;
        let reach = Reach { near_blocks, start, follows_ties };
        let turn = match next_move(&self.trail, &head, low_for_long, reach) {
            Move::Adopt { at } => self.adopt(at).await?,
            Move::Extend { from, to, near_head: true } => self.extend(from, to, &head).await?,
            Move::Extend { from, to, near_head: false } => self.catch_up(from, to, &head).await?,
            Move::WalkBack { from } => self.walk_back(from, &head).await?,
            Move::Retreat { to } => self.retreat(to).await?,
            Move::Rest => Turn::Idle,
            Move::WaitForHead => {
                let tip = self.tip()?;
                return Err(Setback::Doubt(format!("the head {} is not above our tip {tip}", head.best)));
            }
        };
        if self.found.swap(false, Ordering::AcqRel) {
            let applied = self.writer.verify(self.spec.id.clone(), Vec::new(), None).await?;
            self.note(applied);
        }
        self.verify_due(&head).await?;
        let state = match turn {
            Turn::Moved if self.lag(&head) > self.settings.near_blocks => NetworkState::CatchingUp,
            Turn::Moved | Turn::Idle => NetworkState::Following,
        };
        self.board.update(&self.spec.id, |status| status.state = state);
        // At the head there is nothing more to read before the next look.
        Ok(if self.trail.tip() == Some(head.best) { Turn::Idle } else { turn })
    }

    fn lag(&self, head: &Head) -> u64 {
        self.trail.tip().map_or(0, |tip| head.best.height.0.saturating_sub(tip.height.0))
    }

    fn low_for_long(&mut self, head: &Head) -> bool {
        // What is final stays: a head below it is one of a node that is behind, on whatever branch, and says no more.
        let last = self.cursor.and_then(|cursor| cursor.finalized);
        let is_behind = last.is_some_and(|last| head.best.height < last.height);
        if is_behind || !is_low(&self.trail, head, self.settings.follows_ties) {
            self.low_since = None;
            return false;
        }
        self.low_since.get_or_insert_with(Instant::now).elapsed() >= self.settings.retreat_after
    }

    /// Begins the network: the headers below `at`, as deep as the window, so that a reorg right after can be handled.
    async fn adopt(&mut self, at: Height) -> Result<Turn, Setback> {
        let from = at.down(u64::from(self.spec.window_blocks).saturating_sub(1));
        let headers = self.pool.headers(from, at).await?;
        let applied = self.writer.adopt(self.spec.id.clone(), headers.clone()).await?;
        info!(network = %self.spec.id, "begins at {}", applied.cursor.tip);
        let window = usize::try_from(self.spec.window_blocks).unwrap_or(usize::MAX);
        self.trail = Trail::of(headers.iter().map(|header| header.at), window);
        self.note(applied);
        Ok(Turn::Moved)
    }

    async fn extend(&mut self, from: Height, to: Height, head: &Head) -> Result<Turn, Setback> {
        let tip = self.tip()?;
        let blocks = self.pool.blocks(from, to, true).await?.blocks;
        match BlockBatch::link(tip, blocks) {
            Ok(batch) => self.apply(batch, head).await,
            Err(BrokenLink::Mismatch { below, .. }) if below == tip => self.walk_back(tip.height.down(1), head).await,
            Err(broken) => Err(Setback::Doubt(broken.to_string())),
        }
    }

    async fn apply(&mut self, batch: BlockBatch, head: &Head) -> Result<Turn, Setback> {
        let base = batch.base();
        let above: Vec<_> = batch.blocks().iter().map(|block| block.header.at).collect();
        let old_tip = self.trail.tip();
        let applied = self.writer.apply(self.spec.id.clone(), batch, head.finalized).await?;
        if applied.orphaned_blocks > 0 {
            self.note_reorg(base, old_tip, &applied);
        }
        self.trail.moved(base, above);
        self.note(applied);
        Ok(Turn::Moved)
    }

    fn tip(&self) -> Result<BlockRef, Setback> {
        self.trail.tip().ok_or_else(|| Setback::Doubt("the network has not begun".to_owned()))
    }
}

/// The poll interval, doubled with every doubt after the first, at most [`DOUBT_PAUSE_MAX`].
fn doubt_pause(poll: Duration, doubts: u32) -> Duration {
    let doublings = doubts.saturating_sub(1).min(10);
    poll.saturating_mul(1 << doublings).min(DOUBT_PAUSE_MAX.max(poll))
}
