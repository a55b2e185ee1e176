//! Trouble on demand: what a node does wrong, switchable while it runs.

mod handle;
mod tron;

use serde::{Deserialize, Serialize};

use crate::domain::{BlockHash, Height};

pub(super) use handle::Sentence;
pub use handle::TroubleHandle;
pub use tron::{BlockLie, Faces, Inflated, InfoLie, TronRefusal, TronTrouble};

/// How a request fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// This HTTP status with a short text body.
    Http(u16),
    /// 429, with `Retry-After` if given.
    Throttled {
        /// Seconds to name in the header.
        retry_after_s: Option<u64>,
    },
    /// HTTP 200 with a JSON-RPC error for each call; with an `Error` text where the call is not JSON-RPC.
    Rpc {
        /// Its code.
        code: i64,
        /// Its text.
        message: String,
    },
    /// Accepted, and never answered.
    Hang,
    /// One of the ways a TRON node or its provider says no.
    Tron(TronRefusal),
}

/// Which logs `eth_getLogs` leaves out. Receipts keep telling the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// None.
    #[default]
    Nothing,
    /// All.
    All,
    /// The one at this place of each list, from 0.
    Nth(usize),
}

/// How the body of an answer is spoiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Garble {
    /// Not at all.
    #[default]
    Nothing,
    /// JSON that ends half-way.
    CutJson,
    /// A page for people, with status 200.
    Html,
    /// Valid JSON-RPC for another request.
    WrongId,
    /// A connection that breaks half-way through the body.
    CutBody,
}

/// Everything a node does wrong. The default does nothing wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trouble {
    /// Serves a head this many blocks older; what is newer is not there.
    pub lag_blocks: u64,
    /// Serves no head above this height, whatever is mined.
    pub frozen_at: Option<u64>,
    /// Leaves logs out of `eth_getLogs`.
    pub hidden_logs: Hidden,
    /// Answers `eth_getLogs` with logs that name another block hash.
    pub foreign_logs: bool,
    /// Lists every log of `eth_getLogs` twice.
    pub duplicate_logs: bool,
    /// Fails so many requests, then no more; counted down by the node.
    pub fail_next: u32,
    /// Fails every request whose number, from 1, this divides; 0 is never.
    pub fail_every: u64,
    /// How requests fail that `fail_next` and `fail_every` choose; HTTP 500 if `None`.
    pub failure: Option<Failure>,
    /// Fails and stalls only requests that hold one of these methods; all requests if empty. On a TRON node all trouble
    /// but the rate is for these only, and what is not JSON-RPC is named by its path: `wallet/getblock`.
    pub only_methods: Vec<String>,
    /// Accepts requests and never answers.
    pub stall: bool,
    /// Waits before each answer.
    pub delay_ms: u64,
    /// Spoils bodies.
    pub garble: Garble,
    /// Reports this chain id.
    pub chain_id: Option<u64>,
    /// Reports this hash (64 hex digits) as that of block 0.
    pub genesis: Option<String>,
    /// Answers 429 to requests beyond so many in one second.
    pub requests_per_s: Option<u32>,
    /// What only a TRON node does wrong.
    pub tron: TronTrouble,
}

impl Trouble {
    /// The height a node in this trouble shows as its head.
    pub(super) fn view(&self, head: Height) -> Height {
        head.min(Height(self.frozen_at.unwrap_or(u64::MAX))).down(self.lag_blocks)
    }

    /// Whether it is for a request that holds `methods`.
    fn chooses(&self, methods: &[&str]) -> bool {
        let only = &self.only_methods;
        only.is_empty() || methods.iter().any(|method| only.iter().any(|named| named == method))
    }

    /// The false genesis hash, if one is set and readable.
    pub(super) fn false_genesis(&self) -> Option<BlockHash> {
        self.genesis.as_deref().and_then(|text| BlockHash::parse(text).ok())
    }
}

#[cfg(test)]
mod tests;
