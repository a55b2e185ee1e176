//! The account kept of one endpoint.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::PoolSettings;
use crate::{
    chain::{ChainSource, Doubt, SourceError},
    domain::Height,
};

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
    /// Held while the endpoint is identified, so that parallel questions do so once.
    pub(super) checking: tokio::sync::Mutex<()>,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    /// When it was last seen to be what it should be; `None` after a failure.
    verified_at: Option<Instant>,
    rest_until: Option<Instant>,
    failures: u32,
    /// The head it last claimed, and when a claim was last above the one before it.
    head: Option<Height>,
    rose_at: Option<Instant>,
    is_lagging: bool,
    is_refused: bool,
    last: Option<SourceError>,
}

impl<S: ChainSource> Endpoint<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, checking: tokio::sync::Mutex::default(), health: Mutex::default() }
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

    /// It may not be what it was: it is identified before its next answer.
    pub(super) fn suspected(&self) {
        self.health().verified_at = None;
    }

    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.health().rest_until.is_none_or(|until| until <= now)
    }

    pub(super) fn rest_left(&self, now: Instant) -> Option<Duration> {
        self.health().rest_until.map(|until| until.saturating_duration_since(now))
    }

    /// Takes note of the head it claims.
    pub(super) fn claims(&self, head: Height, now: Instant) {
        let mut health = self.health();
        if health.head.is_some_and(|before| before < head) {
            health.rose_at = Some(now);
        }
        health.head = Some(head);
    }

    /// Whether its head rose within `window`: it reads a living chain, however far behind.
    pub(super) fn is_moving(&self, now: Instant, window: Duration) -> bool {
        self.health().rose_at.is_some_and(|at| now.saturating_duration_since(at) < window)
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

    /// An answer to a question asked before a rest began does not end the rest.
    pub(super) fn went_well(&self, now: Instant) {
        let mut health = self.health();
        if health.rest_until.is_none_or(|until| until <= now) {
            health.failures = 0;
            health.rest_until = None;
        }
    }

    /// Keeps the doubt and, if `rests`, begins a rest: doubled with each failure in a row, plus up to a quarter so that
    /// endpoints do not come back in step, and never shorter than what the endpoint asked for, up to the cap. Failures of
    /// questions asked in parallel count once.
    pub(super) fn failed(&self, error: &SourceError, rests: bool, settings: &PoolSettings, jitter: u64, now: Instant) {
        let mut health = self.health();
        health.last = Some(error.clone());
        if !rests {
            return;
        }
        let is_resting = health.rest_until.is_some_and(|until| until > now);
        if !is_resting {
            let doubled = settings.rest_min.saturating_mul(1 << health.failures.min(DOUBLINGS_MAX));
            let rest = doubled.min(settings.rest_max);
            let sixteenths = u32::try_from(jitter.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60).unwrap_or(0);
            health.rest_until = Some(now + rest + rest / 64 * sixteenths);
            health.failures = health.failures.saturating_add(1);
        }
        if let Doubt::Throttled { retry_after_ms: Some(ms), .. } = &error.doubt {
            let asked = now + Duration::from_millis(*ms).min(settings.retry_after_max);
            health.rest_until = health.rest_until.max(Some(asked));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chain::Identity,
        domain::{Address, Block, Deposit, Evidence, Head, Header, Height, Threshold},
    };

    /// Never asked: only the account is looked at.
    struct Mute;

    impl ChainSource for Mute {
        fn name(&self) -> &str {
            "mute"
        }

        async fn identify(&self) -> Result<Identity, SourceError> {
            unreachable!()
        }

        async fn head(&self) -> Result<Head, SourceError> {
            unreachable!()
        }

        async fn headers(&self, _: Height, _: Height) -> Result<Vec<Header>, SourceError> {
            unreachable!()
        }

        async fn blocks(&self, _: Height, _: Height, _: bool) -> Result<Vec<Block>, SourceError> {
            unreachable!()
        }

        async fn evidence(&self, _: &Deposit, _: Threshold) -> Result<Option<Evidence>, SourceError> {
            unreachable!()
        }

        async fn decimals(&self, _: Address) -> Result<u8, SourceError> {
            unreachable!()
        }
    }

    fn error(doubt: Doubt) -> SourceError {
        SourceError { network: "net".parse().unwrap(), endpoint: "mute".to_owned(), doubt }
    }

    #[test]
    fn rests_double_to_a_limit_and_parallel_failures_count_once() {
        let (endpoint, settings) = (Endpoint::new(Mute), PoolSettings::default());
        let broken = error(Doubt::Transport("reset".to_owned()));
        let mut now = Instant::now();
        let mut rests = Vec::new();
        for _ in 0..10 {
            endpoint.failed(&broken, true, &settings, 0, now);
            endpoint.failed(&broken, true, &settings, 0, now);
            let rest = endpoint.rest_left(now).unwrap();
            rests.push(rest.as_millis());
            now += rest;
        }
        assert_eq!(rests, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        endpoint.went_well(now);
        endpoint.failed(&broken, true, &settings, 0, now);
        assert_eq!(endpoint.rest_left(now).unwrap().as_millis(), 500, "a success ends the row");
    }

    #[test]
    fn an_answer_that_was_on_its_way_does_not_end_a_rest() {
        let (endpoint, settings) = (Endpoint::new(Mute), PoolSettings::default());
        let now = Instant::now();
        let what = "429".to_owned();
        let throttled = error(Doubt::Throttled { what, retry_after_ms: Some(9000) });
        endpoint.failed(&throttled, true, &settings, 0, now);
        endpoint.went_well(now);
        assert!(!endpoint.is_ready(now + Duration::from_secs(8)));
        assert!(endpoint.is_ready(now + Duration::from_secs(9)));
    }

    #[test]
    fn an_endpoint_moves_while_its_head_rises_now_and_then() {
        let (endpoint, now, window) = (Endpoint::new(Mute), Instant::now(), Duration::from_secs(120));
        let at = |seconds| now + Duration::from_secs(seconds);
        assert!(!endpoint.is_moving(now, window), "nothing is known of it");
        endpoint.claims(Height(7), now);
        endpoint.claims(Height(7), at(1));
        assert!(!endpoint.is_moving(at(1), window), "frozen since it is known");
        endpoint.claims(Height(8), at(2));
        endpoint.claims(Height(8), at(100));
        assert!(endpoint.is_moving(at(121), window));
        assert!(!endpoint.is_moving(at(122), window), "frozen for the whole window");
        endpoint.claims(Height(3), at(130));
        assert!(!endpoint.is_moving(at(130), window), "a head that falls");
        endpoint.claims(Height(4), at(131));
        assert!(endpoint.is_moving(at(131), window), "far behind and moving");
    }

    #[test]
    fn jitter_makes_a_rest_longer_by_less_than_a_quarter() {
        let settings = PoolSettings::default();
        let now = Instant::now();
        let rests: std::collections::BTreeSet<_> = (0..50)
            .map(|jitter| {
                let endpoint = Endpoint::new(Mute);
                endpoint.failed(&error(Doubt::TooManyResults), true, &settings, jitter, now);
                endpoint.rest_left(now).unwrap().as_micros()
            })
            .collect();
        assert!(rests.len() > 8, "{rests:?}");
        assert!(rests.iter().all(|rest| (500_000..625_000).contains(rest)), "{rests:?}");
    }
}
