//! The account kept of one endpoint.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::PoolSettings;
use crate::chain::{ChainSource, Doubt, SourceError};

/// Doublings after which a rest grows no more.
const DOUBLINGS_MAX: u32 = 16;

/// How an endpoint is doing, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStatus {
    /// Its configured name.
    pub name: String,
    /// `ok`, `resting`, `lagging` or `refused`.
    pub state: &'static str,
    /// The last doubt about it, which may be long over.
    pub last_doubt: Option<String>,
}

#[derive(Debug)]
pub(super) struct Endpoint<S> {
    pub(super) source: S,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    /// When it was last seen to be what it should be; `None` after a failure.
    verified_at: Option<Instant>,
    rest_until: Option<Instant>,
    failures: u32,
    is_lagging: bool,
    is_refused: bool,
    last: Option<SourceError>,
}

impl<S: ChainSource> Endpoint<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, health: Mutex::default() }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        // Every field is valid on its own, so a panic elsewhere cannot have left them in a bad state.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_verified(&self, now: Instant, every: Duration) -> bool {
        self.health().verified_at.is_some_and(|at| now.saturating_duration_since(at) < every)
    }

    pub(super) fn verified(&self, now: Instant) {
        let mut health = self.health();
        health.verified_at = Some(now);
        health.is_refused = false;
    }

    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.health().rest_until.is_none_or(|until| until <= now)
    }

    pub(super) fn rest_left(&self, now: Instant) -> Option<Duration> {
        self.health().rest_until.map(|until| until.saturating_duration_since(now))
    }

    pub(super) fn is_lagging(&self) -> bool {
        self.health().is_lagging
    }

    /// Whether this changed anything.
    pub(super) fn set_lagging(&self, is_lagging: bool) -> bool {
        std::mem::replace(&mut self.health().is_lagging, is_lagging) != is_lagging
    }

    pub(super) fn is_refused(&self) -> bool {
        self.health().is_refused
    }

    pub(super) fn last_error(&self) -> Option<SourceError> {
        self.health().last.clone()
    }

    pub(super) fn went_well(&self) {
        let mut health = self.health();
        health.failures = 0;
        health.rest_until = None;
    }

    /// Keeps the doubt and, if `rests`, begins a rest: doubled with each failure in a row, plus up to a quarter so that
    /// endpoints do not come back in step, and never shorter than what the endpoint asked for, up to the cap.
    pub(super) fn failed(
        &self,
        error: &SourceError,
        rests: bool,
        settings: &PoolSettings,
        jitter: u64,
        now: Instant,
    ) {
        let mut health = self.health();
        health.last = Some(error.clone());
        if !rests {
            return;
        }
        let doubled = settings.rest_min.saturating_mul(1 << health.failures.min(DOUBLINGS_MAX));
        let rest = doubled.min(settings.rest_max);
        let sixteenths = u32::try_from(jitter.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60).unwrap_or(0);
        let rest = rest + rest / 64 * sixteenths;
        let asked = match &error.doubt {
            Doubt::Throttled { retry_after_ms: Some(ms), .. } => Duration::from_millis(*ms),
            _ => Duration::ZERO,
        };
        health.rest_until = Some(now + rest.max(asked.min(settings.retry_after_max)));
        health.failures = health.failures.saturating_add(1);
        health.verified_at = None;
    }

    /// It serves something else. It is looked at again after `until`.
    pub(super) fn refused(&self, until: Instant) {
        let mut health = self.health();
        health.is_refused = true;
        health.rest_until = Some(until);
    }

    pub(super) fn status(&self, now: Instant) -> EndpointStatus {
        let is_ready = self.is_ready(now);
        let health = self.health();
        let state = match (health.is_refused, is_ready, health.is_lagging) {
            (true, ..) => "refused",
            (false, false, _) => "resting",
            (false, true, true) => "lagging",
            (false, true, false) => "ok",
        };
        let last_doubt = health.last.as_ref().map(|error| error.doubt.to_string());
        EndpointStatus { name: self.source.name().to_owned(), state, last_doubt }
    }
}
