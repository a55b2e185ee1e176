//! Shell: due rows of the outbox, one lane per endpoint, one POST each, then the writer records what came of it.
//!
//! The store is the schedule: nothing sleeps here for a row. What is lost in a crash is at most the record of an
//! attempt; the row is still due and goes out again under the same id with the same bytes.

pub mod client;
pub mod lane;
pub mod outbox;
mod resolve;
mod run;

use std::time::Duration;

pub use client::Client;
pub use lane::LaneRules;
pub use resolve::{LookUp, SystemLookUp};
pub use run::Notifier;

pub use crate::delivery::{breaker::BreakerRules, pace::PaceRules};
use crate::{
    domain::{EgressPolicy, EgressProxy},
    store::StoreError,
};

/// How notifications are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifySettings {
    /// Where they may go.
    pub egress: EgressPolicy,
    /// The proxy that is asked to CONNECT; `None`: receivers are dialled from here.
    pub proxy: Option<EgressProxy>,
    /// Root certificates beside the system's, as DER.
    pub roots: Vec<Vec<u8>>,
    /// From the look-up of the name to the last byte read of the answer.
    pub deadline: Duration,
    /// The part of it that look-up, connect and TLS may take.
    pub connect: Duration,
    /// How many at once, how fast, and when an endpoint is left alone.
    pub lanes: LaneRules,
    /// How often all lanes are walked through, for what nobody rang for.
    pub poll: Duration,
    /// How long POSTs on their way are waited for at the end.
    pub grace: Duration,
}

impl Default for NotifySettings {
    fn default() -> Self {
        Self {
            egress: EgressPolicy::default(),
            proxy: None,
            roots: Vec::new(),
            deadline: Duration::from_secs(15),
            connect: Duration::from_secs(5),
            lanes: LaneRules {
                in_flight_max: 256,
                width_max: 8,
                breaker: BreakerRules::default(),
                pace: PaceRules::default(),
            },
            poll: Duration::from_secs(10),
            grace: Duration::from_secs(20),
        }
    }
}

/// Why the notifier ended or could not begin. None of these heals by itself: the daemon stops and is started again.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The HTTP client could not be made: TLS roots or provider are missing.
    #[error("notify: the HTTP client cannot be made: {0}")]
    Client(reqwest::Error),
    /// The outbox cannot be read.
    #[error("notify: reading the outbox: {0}")]
    Outbox(#[from] StoreError),
    /// One of its own tasks panicked: a bug.
    #[error("notify: a task panicked: {0}")]
    Panicked(tokio::task::JoinError),
}
