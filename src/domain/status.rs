//! What is published about each network while the daemon runs: for answers, readiness and metrics.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, PoisonError, RwLock},
};

use super::{Cursor, DepositId, Head, Millis, NetworkId, Timestamp};

/// Held deposits kept by name, per network; further ones are held as well, but not told of.
pub const HELD_LEN_MAX: usize = 1000;

/// What a network's follower is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkState {
    /// No endpoint has answered yet.
    Starting,
    /// Reading blocks far below the head.
    CatchingUp,
    /// At the head.
    Following,
    /// Waiting: what the endpoints say is not proved consistent, or none answers.
    Waiting(String),
    /// Stopped until a person decides.
    Halted(String),
}

impl NetworkState {
    /// The word used in answers and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::CatchingUp => "catching_up",
            Self::Following => "following",
            Self::Waiting(_) => "waiting",
            Self::Halted(_) => "halted",
        }
    }

    /// Why it waits or stands.
    pub fn why(&self) -> &str {
        match self {
            Self::Starting | Self::CatchingUp | Self::Following => "",
            Self::Waiting(why) | Self::Halted(why) => why,
        }
    }
}

/// How old a block may be before its kind counts as stalled, in seconds by our clock; `None`: it never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StallLimits {
    /// For the newest block.
    pub head_s: Option<NonZeroU32>,
    /// For the newest final block.
    pub finality_s: Option<NonZeroU32>,
}

/// What is wrong with a network although its endpoints may answer well. The two are apart: a network can make blocks
/// while none of them becomes final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The newest block is too old, or none was ever seen for so long.
    pub head_stalled: bool,
    /// The newest final block is too old. Not said of a network that never named one.
    pub finality_stalled: bool,
    /// Deposits at their threshold are not credited: see [`NetworkStatus::held`].
    pub credits_held: bool,
}

/// Why a deposit at its threshold is not credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyHeld {
    /// An endpoint has no such receipt, another one, or another block.
    Contradicted,
    /// A second endpoint is needed, and none answers.
    NoSecondSource,
}

impl WhyHeld {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Contradicted, Self::NoSecondSource];

    /// The word used in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Contradicted => "contradicted",
            Self::NoSecondSource => "no_second_source",
        }
    }
}

/// A deposit at its threshold that is not credited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCredit {
    /// Why.
    pub why: WhyHeld,
    /// What the endpoints said, as people read it.
    pub text: String,
    /// Since when it is held for this reason.
    pub since: Millis,
}

/// One network now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkStatus {
    /// What its follower does.
    pub state: NetworkState,
    /// What its endpoints claim.
    pub head: Option<Head>,
    /// What is committed.
    pub cursor: Option<Cursor>,
    /// When the cursor last moved.
    pub progressed: Option<Millis>,
    /// Time of the block the endpoints last called final, in this run.
    pub final_time: Option<Timestamp>,
    /// When we began to look; `None`: nobody looks.
    pub watched_since: Option<Millis>,
    /// When head and finality count as stalled.
    pub limits: StallLimits,
    /// Deposits at their threshold that are not credited because endpoints do not agree; at most [`HELD_LEN_MAX`].
    pub held: BTreeMap<DepositId, HeldCredit>,
}

impl NetworkStatus {
    /// Notes that a deposit is held; whether that is news.
    pub fn hold(&mut self, id: &DepositId, why: WhyHeld, text: &str, now: Millis) -> bool {
        let known = self.held.get(id);
        let is_news = known.is_none_or(|known| known.why != why);
        if known.is_none() && self.held.len() >= HELD_LEN_MAX {
            return false;
        }
        let since = known.map_or(now, |known| if is_news { now } else { known.since });
        self.held.insert(id.clone(), HeldCredit { why, text: text.to_owned(), since });
        is_news
    }

    /// Lets go of the held deposits that `is_held` does not name any more, and says which these are.
    pub fn release(&mut self, is_held: impl Fn(&DepositId) -> bool) -> Vec<DepositId> {
        let gone: Vec<DepositId> = self.held.keys().filter(|id| !is_held(id)).cloned().collect();
        self.held.retain(|id, _| is_held(id));
        gone
    }

    /// How many deposits are held for this reason.
    pub fn held_for(&self, why: WhyHeld) -> usize {
        self.held.values().filter(|held| held.why == why).count()
    }

    /// Blocks between head and cursor; 0 if either is unknown.
    pub fn lag(&self) -> u64 {
        match (self.head, self.cursor) {
            (Some(head), Some(cursor)) => head.best.height.0.saturating_sub(cursor.tip.height.0),
            _ => 0,
        }
    }

    /// Notes what the endpoints claim. A head without a final block leaves the last known one to age.
    pub fn saw(&mut self, head: Head) {
        self.head = Some(head);
        // Block 0 has no time on TRON; it is final from the start and says nothing.
        self.final_time = head.finalized_time.filter(|time| time.0 > 0).or(self.final_time);
    }

    /// What is wrong at `now`. Without news the last known blocks keep ageing, so that a condition arises also while
    /// no endpoint answers; of a halted network, whose endpoints nobody asks, nothing is said.
    pub fn conditions(&self, now: Millis) -> Conditions {
        if matches!(self.state, NetworkState::Halted(_)) {
            return Conditions::default();
        }
        let is_old = |time: Option<Timestamp>, limit_s: Option<NonZeroU32>| match (time, limit_s) {
            (Some(time), Some(limit_s)) => now.seconds().0.saturating_sub(time.0) > u64::from(limit_s.get()),
            (None, _) | (_, None) => false,
        };
        let newest = self.head.map(|head| head.best_time).or_else(|| self.watched_since.map(Millis::seconds));
        Conditions {
            head_stalled: is_old(newest, self.limits.head_s),
            finality_stalled: is_old(self.final_time, self.limits.finality_s),
            credits_held: !self.held.is_empty(),
        }
    }
}

impl Default for NetworkStatus {
    fn default() -> Self {
        Self {
            state: NetworkState::Starting,
            head: None,
            cursor: None,
            progressed: None,
            final_time: None,
            watched_since: None,
            limits: StallLimits::default(),
            held: BTreeMap::new(),
        }
    }
}

/// The published status of every network; followers write, everyone else reads.
#[derive(Clone, Debug, Default)]
pub struct StatusBoard(Arc<RwLock<BTreeMap<NetworkId, NetworkStatus>>>);

impl StatusBoard {
    /// Everything, in the order of names.
    pub fn all(&self) -> BTreeMap<NetworkId, NetworkStatus> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One network.
    pub fn of(&self, network: &NetworkId) -> Option<NetworkStatus> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(network).cloned()
    }

    /// Changes one network's entry, making it if there is none.
    pub fn update(&self, network: &NetworkId, change: impl FnOnce(&mut NetworkStatus)) {
        let mut board = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(board.entry(network.clone()).or_default());
    }
}
