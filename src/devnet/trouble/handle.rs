//! A node's trouble while it runs: who sets it, what was asked, and what becomes of each request.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Failure, Trouble};

/// What the node does with one request.
#[derive(Debug)]
pub(in crate::devnet) struct Sentence {
    pub(in crate::devnet) trouble: Trouble,
    pub(in crate::devnet) failure: Option<Failure>,
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

    /// As `judge`, for a TRON node: a request that `only_methods` does not choose meets no trouble at all.
    pub(in crate::devnet) fn judge_tron(&self, methods: &[&str], now: Instant) -> Sentence {
        let mut sentence = self.judge(methods, now);
        if !sentence.trouble.chooses(methods) {
            sentence.trouble = Trouble::default();
        }
        sentence
    }

    /// Counts one request that holds `methods`, and decides its fate. Control calls (`dev_…`) alone are not counted
    /// and always go through.
    pub(in crate::devnet) fn judge(&self, methods: &[&str], now: Instant) -> Sentence {
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
        if !trouble.chooses(methods) {
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
