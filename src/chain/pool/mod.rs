//! Several endpoints of one network as one: failover, rest, identity checks and agreement.
//!
//! Endpoints are asked in the configured order. One that fails is rested with growing pauses and identified again before
//! its next answer is used. One that answers for another chain or other decimals is refused until it answers rightly.
//! One whose head is far behind is not believed about the head and is asked last, so that a liar who claims a height in
//! the clouds cannot silence the honest ones. Nothing here is durable.

mod agree;
mod health;
mod inspect;
mod settings;
mod single;
#[cfg(test)]
mod tests;
mod vote;

use std::{
    future::Future,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Instant,
};

use futures::future::join_all;

use self::health::Endpoint;
pub use self::{
    health::EndpointStatus,
    settings::{Expected, PoolRefusal, PoolSettings},
    vote::{EvidenceVerdict, ForkVote},
};
use super::{Advice, ChainSource, Doubt, SourceError};
use crate::domain::{Address, Block, BlockRef, Head, Header, Height, NetworkId};

/// Several endpoints of one network.
#[derive(Debug)]
pub struct Pool<S> {
    network: NetworkId,
    expected: Expected,
    settings: PoolSettings,
    /// Changes while the daemon runs; see [`PoolSettings::second_source`].
    second_source: AtomicBool,
    endpoints: Vec<Endpoint<S>>,
    /// Differs from one rest to the next, so that endpoints rested together do not come back together.
    jitter: AtomicU64,
}

/// Blocks, and on how many voices they rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The blocks, lowest first, linked to each other.
    pub blocks: Vec<Block>,
    /// Whether as many endpoints told them as this network asks for; `false` where one was believed alone for the time
    /// being.
    pub is_settled: bool,
}

/// How an endpoint's check against [`Expected`] went wrong.
enum Misfit {
    Doubt(SourceError),
    OtherChain(String),
    Decimals { token: Address, found: u8, configured: u8 },
}

impl<S: ChainSource> Pool<S> {
    /// A pool over `sources`, at least one, the preferred first. Asks nothing yet.
    pub fn new(network: NetworkId, expected: Expected, sources: Vec<S>, settings: PoolSettings) -> Self {
        let endpoints = sources.into_iter().map(Endpoint::new).collect();
        let second_source = AtomicBool::new(settings.second_source);
        Self { network, expected, settings, second_source, endpoints, jitter: AtomicU64::new(0) }
    }

    /// The network.
    pub fn network(&self) -> &NetworkId {
        &self.network
    }

    /// From now on, whether what is final must be named by two endpoints: rules change while the daemon runs.
    pub fn set_second_source(&self, is_needed: bool) {
        self.second_source.store(is_needed, Ordering::Relaxed);
    }

    fn needs_second(&self) -> bool {
        self.second_source.load(Ordering::Relaxed)
    }

    /// Whether blocks are compared between two endpoints.
    fn agrees(&self) -> bool {
        self.settings.agree && self.endpoints.len() > 1
    }

    /// Identifies every endpoint. Unreachable ones are no refusal: they are identified when they come back.
    ///
    /// # Errors
    /// [`PoolRefusal`]: other decimals anywhere, or another chain at every endpoint that answers.
    pub async fn connect(&self) -> Result<(), PoolRefusal> {
        let checks = join_all(self.endpoints.iter().map(|endpoint| self.check(endpoint))).await;
        let mut found = Vec::new();
        let mut is_one_right = false;
        for (endpoint, check) in self.endpoints.iter().zip(checks) {
            match check {
                Ok(()) => {
                    endpoint.verified(Instant::now());
                    is_one_right = true;
                }
                Err(Misfit::Decimals { token, found, configured }) => {
                    let (network, endpoint) = (self.network.clone(), endpoint.source.name().to_owned());
                    return Err(PoolRefusal::Decimals { network, endpoint, token, found, configured });
                }
                Err(Misfit::OtherChain(what)) => {
                    found.push(format!("{} serves {what}", endpoint.source.name()));
                    self.refuse(endpoint, what);
                }
                Err(Misfit::Doubt(error)) => self.note(endpoint, &error),
            }
        }
        if is_one_right || found.is_empty() {
            return Ok(());
        }
        let genesis =
            self.expected.genesis.map_or_else(|| "any".to_owned(), |genesis| genesis.text(self.expected.family));
        let configured = format!("chain id {}, genesis {genesis}", self.expected.chain_id);
        Err(PoolRefusal::OtherChain { network: self.network.clone(), configured, found: found.join("; ") })
    }

    async fn check(&self, endpoint: &Endpoint<S>) -> Result<(), Misfit> {
        let found = endpoint.source.identify().await.map_err(Misfit::Doubt)?;
        let is_expected = self.expected.chain_id == found.chain_id
            && self.expected.genesis.is_none_or(|genesis| genesis == found.genesis);
        if !is_expected {
            let genesis = found.genesis.text(self.expected.family);
            return Err(Misfit::OtherChain(format!("chain id {}, genesis {genesis}", found.chain_id)));
        }
        for (token, configured) in &self.expected.decimals {
            let found = endpoint.source.decimals(*token).await.map_err(Misfit::Doubt)?;
            if found != *configured {
                return Err(Misfit::Decimals { token: *token, found, configured: *configured });
            }
        }
        Ok(())
    }

    /// Identifies an endpoint again if its last check is too old or was followed by a failure.
    async fn ensure_verified(&self, endpoint: &Endpoint<S>) -> Result<(), SourceError> {
        if endpoint.is_verified(Instant::now(), self.settings.identity_every) {
            return Ok(());
        }
        let _checking = endpoint.checking.lock().await;
        if endpoint.is_verified(Instant::now(), self.settings.identity_every) {
            return Ok(());
        }
        let what = match self.check(endpoint).await {
            Ok(()) => {
                endpoint.verified(Instant::now());
                return Ok(());
            }
            Err(Misfit::Doubt(error)) => {
                self.note(endpoint, &error);
                return Err(error);
            }
            Err(Misfit::OtherChain(what)) => what,
            Err(Misfit::Decimals { token, found, configured }) => {
                format!("{found} decimals for token {token:?} instead of {configured}")
            }
        };
        Err(self.refuse(endpoint, what))
    }

    /// The endpoints that may be asked now, by index: those in step first, each group in the configured order.
    fn ready(&self) -> Vec<usize> {
        let now = Instant::now();
        let mut ready: Vec<usize> = (0..self.endpoints.len()).filter(|i| self.endpoints[*i].is_ready(now)).collect();
        ready.sort_by_key(|i| self.endpoints[*i].is_lagging());
        ready
    }

    /// The error for when nobody can be asked: the other chain if that is why, else the latest doubt.
    fn nobody(&self) -> SourceError {
        let last = self.endpoints.iter().filter_map(Endpoint::last_error);
        let all_refused = self.endpoints.iter().all(Endpoint::is_refused);
        let is_other_chain = |error: &SourceError| error.doubt.advice() == Advice::Halt;
        last.into_iter().find(|error| is_other_chain(error) == all_refused).unwrap_or_else(|| SourceError {
            network: self.network.clone(),
            endpoint: "all".to_owned(),
            doubt: Doubt::Transport("every endpoint rests".to_owned()),
        })
    }

    /// Asks one endpoint after another until one answers. `Missing` does not rest an endpoint: it is only behind.
    async fn first_good<'a, T, F, Fut>(&'a self, ask: F) -> Result<(usize, T), SourceError>
    where
        F: Fn(&'a S) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, SourceError>> + Send,
        T: Send,
    {
        let mut last = None;
        for round in 0..2 {
            for i in self.ready() {
                match self.ask(i, &ask).await {
                    Ok(answer) => return Ok((i, answer)),
                    Err(error) => last = Some(error),
                }
            }
            if let Some(error) = last {
                return Err(if self.endpoints.iter().all(Endpoint::is_refused) { self.nobody() } else { error });
            }
            let pause = self.endpoints.iter().filter_map(|endpoint| endpoint.rest_left(Instant::now())).min();
            match pause {
                Some(pause) if round == 0 && pause <= self.settings.wait_max => tokio::time::sleep(pause).await,
                _ => break,
            }
        }
        Err(self.nobody())
    }

    /// Asks one endpoint, identified if need be, and keeps account of how it went.
    async fn ask<'a, T, F, Fut>(&'a self, i: usize, ask: &F) -> Result<T, SourceError>
    where
        F: Fn(&'a S) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, SourceError>> + Send,
        T: Send,
    {
        let endpoint = &self.endpoints[i];
        self.ensure_verified(endpoint).await?;
        let answer = ask(&endpoint.source).await;
        match &answer {
            Ok(_) => endpoint.went_well(Instant::now()),
            Err(error) => self.note(endpoint, error),
        }
        answer
    }

    /// Says a doubt once, counts it, and rests the endpoint if that is the advice.
    fn note(&self, endpoint: &Endpoint<S>, error: &SourceError) {
        let (name, kind) = (endpoint.source.name(), error.doubt.kind());
        metrics::counter!("depositd_source_doubts_total", "network" => self.network.to_string(),
            "source" => name.to_owned(), "kind" => kind)
        .increment(1);
        let rests = error.doubt.advice() != Advice::Wait;
        if matches!(error.doubt, Doubt::Missing(_)) {
            // At the head this is how waiting for the next block looks.
            tracing::debug!(network = %self.network, source = name, kind, doubt = %error.doubt, "endpoint is behind");
        } else {
            tracing::warn!(network = %self.network, source = name, kind, doubt = %error.doubt, rests, "endpoint in doubt");
        }
        let jitter = self.jitter.fetch_add(1, Ordering::Relaxed);
        endpoint.failed(error, rests, &self.settings, jitter, Instant::now());
    }

    fn doubt_at(&self, endpoint: &Endpoint<S>, doubt: Doubt) -> SourceError {
        SourceError { network: self.network.clone(), endpoint: endpoint.source.name().to_owned(), doubt }
    }

    fn refuse(&self, endpoint: &Endpoint<S>, what: String) -> SourceError {
        let error = self.doubt_at(endpoint, Doubt::OtherChain(what));
        self.note(endpoint, &error);
        endpoint.refused(Instant::now() + self.settings.rest_max);
        error
    }

    /// The best head among the endpoints that answer in time. `finalized` is that of the endpoint with the best head, or,
    /// where endpoints must agree, the lowest that one names that is in step or moving, so that one in front of all
    /// others with invented blocks does not make them final by itself; with `second_source` what two of all that answer
    /// have reached. Endpoints far behind are marked lagging.
    ///
    /// # Errors
    /// The last doubt if nobody answers.
    pub async fn head(&self) -> Result<Head, SourceError> {
        let heads = join_all(self.ready().into_iter().map(|i| self.head_of(i))).await;
        let heads: Vec<(usize, Head)> = heads.into_iter().flatten().collect();
        let Some(best) = heads.iter().map(|(_, head)| head.best.height).max() else {
            // Nobody was ready, or nobody answered: wait for the soonest, or say why not.
            let (_, head) = self.first_good(S::head).await?;
            return Ok(if self.needs_second() { head.with_final_of(None) } else { head });
        };
        let second_word = second_highest(heads.iter().map(|(_, head)| *head));
        let (mut in_step, mut on_the_way) = (Vec::new(), Vec::new());
        for (i, head) in heads {
            let is_behind = head.best.height.up(self.settings.lag_blocks_max) < best;
            if self.endpoints[i].set_lagging(is_behind) && is_behind {
                let doubt = Doubt::Lagging { head: head.best.height, verified: best };
                self.note(&self.endpoints[i], &self.doubt_at(&self.endpoints[i], doubt));
            }
            if !is_behind {
                in_step.push(head);
            } else if self.endpoints[i].is_moving(Instant::now(), self.settings.moving_for) {
                on_the_way.push(head);
            }
        }
        // The first of the highest, so that equal heads follow the configured order.
        let mut chosen = *in_step.iter().rev().max_by_key(|head| head.best.height).expect("the best head is in step");
        if self.needs_second() {
            // One in front of all others must not make blocks final by itself.
            chosen = chosen.with_final_of(second_word.as_ref());
        } else if self.agrees() {
            let lowest = in_step.iter().chain(&on_the_way).filter(|head| head.finalized.is_some());
            chosen = chosen.with_final_of(lowest.min_by_key(|head| head.finalized.map(|last| last.height)));
        }
        Ok(chosen)
    }

    async fn head_of(&self, i: usize) -> Option<(usize, Head)> {
        match tokio::time::timeout(self.settings.head_deadline, self.ask(i, &S::head)).await {
            Ok(head) => {
                let head = head.ok()?;
                self.endpoints[i].claims(head.best.height, Instant::now());
                Some((i, head))
            }
            Err(_) => {
                let doubt = Doubt::Transport("no head in time".to_owned());
                self.note(&self.endpoints[i], &self.doubt_at(&self.endpoints[i], doubt));
                None
            }
        }
    }

    /// Headers `from..=to` from the first endpoint that has them.
    ///
    /// # Errors
    /// The last doubt if nobody has them.
    pub async fn headers(&self, from: Height, to: Height) -> Result<Vec<Header>, SourceError> {
        self.first_good(|source| source.headers(from, to)).await.map(|(_, headers)| headers)
    }

    /// Blocks `from..=to`, compared with a second endpoint where endpoints must agree and a second one answers.
    ///
    /// # Errors
    /// The last doubt if nobody has them; [`Doubt::Disagreement`] if two tell different histories.
    pub async fn blocks(&self, from: Height, to: Height, near_head: bool) -> Result<Told, SourceError> {
        if self.agrees() {
            return self.agreed_blocks(from, to, near_head).await;
        }
        let (_, blocks) = self.first_good(|source| source.blocks(from, to, near_head)).await?;
        Ok(Told { blocks, is_settled: !self.needs_second() })
    }

    /// How many endpoints still report `at` at its height.
    pub async fn still_ours(&self, at: BlockRef) -> ForkVote {
        self.fork_vote(at).await
    }

    /// How each endpoint is doing, in the configured order.
    pub fn status(&self) -> Vec<EndpointStatus> {
        let now = Instant::now();
        self.endpoints.iter().map(|endpoint| endpoint.status(now)).collect()
    }
}

/// The head whose final block is the higher of what at least two have reached.
fn second_highest(heads: impl Iterator<Item = Head>) -> Option<Head> {
    let mut heads: Vec<_> = heads.filter(|head| head.finalized.is_some()).collect();
    heads.sort_by_key(|head| std::cmp::Reverse(head.finalized.map(|last| last.height)));
    heads.get(1).copied()
}
