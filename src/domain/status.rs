//! What is published about each network while the daemon runs: for answers, readiness and metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{Cursor, Head, Millis, NetworkId};

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
}

impl NetworkStatus {
    /// Blocks between head and cursor; 0 if either is unknown.
    pub fn lag(&self) -> u64 {
        match (self.head, self.cursor) {
            (Some(head), Some(cursor)) => head.best.height.0.saturating_sub(cursor.tip.height.0),
            _ => 0,
        }
    }
}

impl Default for NetworkStatus {
    fn default() -> Self {
        Self { state: NetworkState::Starting, head: None, cursor: None, progressed: None }
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
