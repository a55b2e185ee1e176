//! Trouble on demand: what a node does wrong, switchable while it runs.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::domain::{BlockHash, Height};

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
    /// HTTP 200 with a JSON-RPC error for each call.
    Rpc {
        /// Its code.
        code: i64,
        /// Its text.
        message: String,
    },
    /// Accepted, and never answered.
    Hang,
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
    /// Fails and stalls only requests that hold one of these methods; all requests if empty.
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
}

impl Trouble {
    /// The height a node in this trouble shows as its head.
    pub(super) fn view(&self, head: Height) -> Height {
        head.min(Height(self.frozen_at.unwrap_or(u64::MAX))).down(self.lag_blocks)
    }

    /// The false genesis hash, if one is set and readable.
    pub(super) fn false_genesis(&self) -> Option<BlockHash> {
        self.genesis.as_deref().and_then(|text| BlockHash::parse(text).ok())
    }
}

/// What the node does with one request.
#[derive(Debug)]
pub(super) struct Sentence {
    pub(super) trouble: Trouble,
    pub(super) failure: Option<Failure>,
}

#[derive(Debug, Default)]
struct Inner {
    trouble: Trouble,
    counts: BTreeMap<String, u64>,
    requests: u64,
    /// When the requests of the last second came.
    recent: VecDeque<Instant>,
}

/// A node's trouble and counters, shared with whoever drives it.
#[derive(Clone, Debug, Default)]
pub struct TroubleHandle(Arc<Mutex<Inner>>);

impl TroubleHandle {
    /// Replaces all trouble at once; requests under way keep the old one.
    pub fn set(&self, trouble: Trouble) {
        self.lock().trouble = trouble;
    }

    /// Ends all trouble.
    pub fn clear(&self) {
        self.set(Trouble::default());
    }

    /// Changes some of it, atomically.
    pub fn update(&self, change: impl FnOnce(&mut Trouble)) {
        change(&mut self.lock().trouble);
    }

    /// The trouble now; `fail_next` is what is left of it.
    pub fn get(&self) -> Trouble {
        self.lock().trouble.clone()
    }

    /// HTTP requests so far, refused ones included.
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// Calls of `method` so far, each of a batch counted, refused ones included.
    pub fn calls(&self, method: &str) -> u64 {
        self.lock().counts.get(method).copied().unwrap_or(0)
    }

    /// Calls so far, by method.
    pub fn all_calls(&self) -> BTreeMap<String, u64> {
        self.lock().counts.clone()
    }

    /// Counts one request that holds `methods`, and decides its fate. Control calls (`dev_…`) alone are not counted
    /// and always go through.
    pub(super) fn judge(&self, methods: &[&str], now: Instant) -> Sentence {
        let mut inner = self.lock();
        if !methods.is_empty() && methods.iter().all(|method| method.starts_with("dev_")) {
            return Sentence { trouble: Trouble::default(), failure: None };
        }
        inner.requests += 1;
        for method in methods {
            *inner.counts.entry((*method).to_owned()).or_default() += 1;
        }
        let failure = inner.failure(methods, now);
        Sentence { trouble: inner.trouble.clone(), failure }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn failure(&mut self, methods: &[&str], now: Instant) -> Option<Failure> {
        if let Some(allowed) = self.trouble.requests_per_s {
            while self.recent.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
                self.recent.pop_front();
            }
            if self.recent.len() >= usize::try_from(allowed).unwrap_or(usize::MAX) {
                return Some(Failure::Throttled { retry_after_s: None });
            }
            self.recent.push_back(now);
        }
        let trouble = &mut self.trouble;
        let only = &trouble.only_methods;
        if !only.is_empty() && !methods.iter().any(|method| only.iter().any(|named| named == method)) {
            return None;
        }
        if trouble.stall {
            return Some(Failure::Hang);
        }
        let chosen = if trouble.fail_next > 0 {
            trouble.fail_next -= 1;
            true
        } else {
            trouble.fail_every > 0 && self.requests.is_multiple_of(trouble.fail_every)
        };
        chosen.then(|| trouble.failure.clone().unwrap_or(Failure::Http(500)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_counted_over_the_last_second_and_refused_requests_do_not_use_it_up() {
        let node = TroubleHandle::default();
        node.set(Trouble { requests_per_s: Some(2), ..Trouble::default() });
        let start = Instant::now();
        let refused = |ms| node.judge(&["eth_chainId"], start + Duration::from_millis(ms)).failure.is_some();
        assert_eq!(
            [0, 400, 500, 999, 1_000, 1_001, 1_400].map(refused),
            [false, false, true, true, false, true, false]
        );
        assert_eq!((node.requests(), node.calls("eth_chainId")), (7, 7));
    }

    #[test]
    fn control_calls_are_neither_judged_nor_counted() {
        let node = TroubleHandle::default();
        node.set(Trouble { stall: true, ..Trouble::default() });
        assert_eq!(node.judge(&["dev_mine"], Instant::now()).failure, None);
        assert_eq!(node.judge(&["dev_mine", "eth_chainId"], Instant::now()).failure, Some(Failure::Hang));
        assert_eq!(node.requests(), 1);
    }

    #[test]
    fn a_view_is_never_above_the_head() {
        let view = |trouble: Trouble| trouble.view(Height(10)).0;
        assert_eq!(view(Trouble { frozen_at: Some(99), ..Trouble::default() }), 10);
        assert_eq!(view(Trouble { frozen_at: Some(8), lag_blocks: 3, ..Trouble::default() }), 5);
        assert_eq!(view(Trouble { lag_blocks: 30, ..Trouble::default() }), 0);
    }
}
