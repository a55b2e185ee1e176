//! `ReconcileService`: the stored deposits against the chain.

mod balances;
mod tell;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{
    StreamExt,
    future::{self, BoxFuture},
    stream::{self, BoxStream},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use super::{
    Api,
    convert::Form,
    door::caller_of,
    govern::must_be_unbound,
    proto::v1::{self, reconcile_response::News, reconcile_service_server::ReconcileService},
    recheck::{NoAnswer, Voice},
    status::Problem,
    streams::place_of,
};
use crate::domain::{
    Address, Block, DepositId, Family, Height, NetworkSpec, Transfer,
    recheck::{Difference, Held, Recheck},
};

/// Blocks asked for at once.
const STEP_BLOCKS_EVM: u64 = 100;
/// The same on TRON, where each is about 466 KB.
const STEP_BLOCKS_TRON: u64 = 20;
/// Rows read in one go: between two of them a commit may pass.
const PAGE_ROWS: usize = 500;
/// Stored deposits in one range: their ids are held in memory.
const DEPOSITS_MAX: usize = 1_000_000;
/// Addresses a request may name.
const ADDRESSES_MAX: usize = 1000;
/// News that wait for a slow receiver.
const NEWS_LEN_MAX: usize = 64;
/// How often an endpoint is asked before the comparison is given up.
const TRIES: u32 = 4;
/// The pause after the first try; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// What a client is told to wait while another comparison runs.
const TURN_PAUSE: Duration = Duration::from_secs(30);

#[tonic::async_trait]
impl ReconcileService for Api {
    type ReconcileStream = BoxStream<'static, Result<v1::ReconcileResponse, Status>>;

    async fn reconcile(
        &self,
        request: Request<v1::ReconcileRequest>,
    ) -> Result<Response<Self::ReconcileStream>, Status> {
        let (caller, place) = (caller_of(&request)?, place_of(&request)?);
        must_be_unbound(&caller)?;
        let (news, told) = mpsc::channel(NEWS_LEN_MAX);
        let job = self.job(request.into_inner(), news).await?;
        let turn = self.0.rechecking.clone().try_acquire_owned().map_err(|_| {
            Problem::new(Code::ResourceExhausted, "RECONCILE_RUNNING", "another comparison is running")
                .retry_after(TURN_PAUSE)
        })?;
        let work = async move {
            job.work().await;
            drop((turn, place));
        };
        // Both advance only while somebody reads.
        let work = stream::once(work).filter_map(|()| future::ready(None));
        Ok(Response::new(stream::select(ReceiverStream::new(told), work).boxed()))
    }
}

/// A comparison that was asked for.
struct Job {
    api: Api,
    spec: NetworkSpec,
    voice: Voice,
    from: Height,
    to: Height,
    balances: bool,
    nothing_flows_out: bool,
    /// Whose balances are compared; empty: of those paid in the range.
    addresses: BTreeSet<Address>,
    news: mpsc::Sender<Result<v1::ReconcileResponse, Status>>,
}

impl Api {
    /// What is asked for, if it can be done.
    async fn job(
        &self,
        asked: v1::ReconcileRequest,
        news: mpsc::Sender<Result<v1::ReconcileResponse, Status>>,
    ) -> Result<Job, Problem> {
        let specs = self.0.networks.now();
        let Some(spec) = specs.values().find(|spec| spec.id.as_str() == asked.network).cloned() else {
            let text = format!("no network {:?} is configured", asked.network);
            return Err(Problem::field("network", "UNKNOWN_NETWORK", text));
        };
        let mut form = Form::default();
        if asked.to_height < asked.from_height {
            form.refuse("to_height", "BELOW_FROM", "must not lie below from_height");
        }
        let names = self.0.recheck.endpoints(&spec.id);
        let endpoint =
            if asked.endpoint.is_empty() { names.last() } else { names.iter().find(|n| **n == asked.endpoint) };
        if endpoint.is_none() {
            form.refuse("endpoint", "UNKNOWN_ENDPOINT", format!("{} has: {}", spec.id, names.join(", ")));
        }
        let addresses = addresses(&mut form, spec.family, &asked.addresses);
        form.finish()?;
        let endpoint = endpoint.cloned().unwrap_or_default();
        self.must_be_final(&spec, Height(asked.to_height)).await?;
        Ok(Job {
            api: self.clone(),
            voice: Voice { network: spec.id.clone(), endpoint },
            spec,
            from: Height(asked.from_height),
            to: Height(asked.to_height),
            balances: asked.balances || !addresses.is_empty(),
            nothing_flows_out: asked.nothing_flows_out,
            addresses,
            news,
        })
    }

    /// Refuses blocks that may still leave the chain: those above what is final and inside the window.
    async fn must_be_final(&self, spec: &NetworkSpec, to: Height) -> Result<(), Problem> {
        let network = spec.id.clone();
        let cursor = self.read(move |reader| reader.cursor(&network)).await?;
        let deep = cursor.map(|cursor| {
            let below_window = cursor.tip.height.down(u64::from(spec.window_blocks));
            cursor.finalized.map_or(below_window, |last| last.height.max(below_window))
        });
        if deep.is_some_and(|deep| to <= deep) {
            return Ok(());
        }
        let last = deep.map_or_else(|| "none yet".to_owned(), |deep| deep.to_string());
        let text = format!("block {to} of {} may still leave the chain: the last that does not is {last}", spec.id);
        Err(Problem::new(Code::FailedPrecondition, "NOT_FINAL", text).with("last_height", last))
    }
}

fn addresses(form: &mut Form, family: Family, texts: &[String]) -> BTreeSet<Address> {
    if texts.len() > ADDRESSES_MAX {
        form.refuse("addresses", "ADDRESSES_COUNT", format!("must be at most {ADDRESSES_MAX}"));
        return BTreeSet::new();
    }
    let mut found = BTreeSet::new();
    for (place, text) in texts.iter().enumerate() {
        match Address::parse(family, text) {
            Ok(address) => drop(found.insert(address)),
            Err(error) => form.refuse(&format!("addresses[{place}]"), "ADDRESS_FORM", error.to_string()),
        }
    }
    found
}

impl Job {
    /// Compares, tells, and ends with the summary or what went wrong.
    async fn work(&self) {
        let outcome = tokio::select! {
            outcome = self.run() => outcome,
            () = self.api.0.stop.cancelled() => Err(Problem::stopping()),
        };
        let last = match outcome {
            Ok(summary) => {
                metrics::gauge!("depositd_reconcile_differences", "network" => self.spec.id.to_string())
                    .set(u32::try_from(summary.differences).map_or(f64::MAX, f64::from));
                tracing::info!(network = %self.spec.id, from = %self.from, to = %self.to, endpoint = summary.endpoint,
                    transfers = summary.transfers_on_chain, differences = summary.differences, "compared with the chain");
                Ok(v1::ReconcileResponse { news: Some(News::Summary(summary)) })
            }
            Err(problem) => Err(problem.into()),
        };
        // Nobody may be listening any more.
        let _ = self.news.send(last).await;
    }

    async fn run(&self) -> Result<v1::ReconcileSummary, Problem> {
        let mut recheck = Recheck::new(self.spec.id.clone(), self.from, self.to);
        self.expect_stored(&mut recheck).await?;
        self.compare_blocks(&mut recheck).await?;
        self.compare_left(&mut recheck).await?;
        let weighed = if self.balances { self.weigh(recheck.paid()).await? } else { balances::Weighings::default() };
        Ok(self.summary(recheck.totals(), &weighed))
    }

    /// Takes note of every stored deposit of the range. There is no index by height: all of the network are read.
    async fn expect_stored(&self, recheck: &mut Recheck) -> Result<(), Problem> {
        let mut after = None;
        loop {
            let (network, from) = (self.spec.id.clone(), after.take());
            let page = self.api.read(move |reader| reader.deposits_on(&network, from.as_ref(), PAGE_ROWS)).await?;
            page.iter().for_each(|deposit| recheck.expect(deposit));
            if recheck.unmet().len() > DEPOSITS_MAX {
                let text = format!("more than {DEPOSITS_MAX} deposits lie in this range: compare smaller ones");
                return Err(Problem::new(Code::FailedPrecondition, "RANGE_TOO_LARGE", text));
            }
            match page.last() {
                Some(last) if page.len() == PAGE_ROWS => after = Some(last.id.clone()),
                _ => return Ok(()),
            }
        }
    }

    async fn compare_blocks(&self, recheck: &mut Recheck) -> Result<(), Problem> {
        let step = match self.spec.family {
            Family::Evm => STEP_BLOCKS_EVM,
            Family::Tron => STEP_BLOCKS_TRON,
        };
        while let Some(from) = recheck.next() {
            let to = from.up(step - 1).min(self.to);
            let blocks = self.again(|| self.api.0.recheck.blocks(&self.voice, from, to)).await?;
            if blocks.last().map(|block| block.header.at.height) != Some(to) {
                return Err(self.no_answer(&NoAnswer(format!("no block {to}"))));
            }
            let held = self.held(&blocks).await?;
            let found = recheck.step(&blocks, &held).map_err(|torn| self.no_answer(&NoAnswer(torn.to_string())))?;
            self.tell_all(found).await?;
            self.tell(News::Progress(self.progress(recheck.totals().blocks, 0, 0))).await?;
        }
        Ok(())
    }

    /// Stored deposits the chain did not show, as they are now.
    async fn compare_left(&self, recheck: &mut Recheck) -> Result<(), Problem> {
        let ids: Vec<DepositId> = recheck.unmet().cloned().collect();
        for ids in ids.chunks(PAGE_ROWS) {
            let ids = ids.to_vec();
            let left = self.api.read(move |reader| reader.deposits_of_ids(&ids)).await?;
            let found = recheck.finish(left);
            self.tell_all(found).await?;
        }
        Ok(())
    }

    /// What is stored about the transfers of these blocks; read after them, so that it cannot be older.
    async fn held(&self, blocks: &[Block]) -> Result<Held, Problem> {
        let transfers: Vec<Transfer> = blocks.iter().flat_map(|block| block.transfers.iter().copied()).collect();
        let (mut deposits, mut watched) = (BTreeMap::new(), BTreeMap::new());
        for part in transfers.chunks(PAGE_ROWS) {
            let network = self.spec.id.clone();
            let ids: Vec<DepositId> = part.iter().map(|transfer| DepositId::of(&network, transfer)).collect();
            let payees: BTreeSet<Address> = part.iter().map(|transfer| transfer.to).collect();
            let read =
                self.api.read(move |reader| Ok((reader.deposits_of_ids(&ids)?, reader.owned_among(&network, payees)?)));
            let (stored, owned) = read.await?;
            deposits.extend(stored.into_iter().map(|deposit| (deposit.id.clone(), deposit)));
            watched.extend(owned.into_iter().map(|watched| (watched.holding.address, watched)));
        }
        Ok(Held { deposits, watched })
    }

    async fn tell_all(&self, found: Vec<Difference>) -> Result<(), Problem> {
        for difference in found {
            self.tell(News::Difference(self.difference(&difference))).await?;
        }
        Ok(())
    }

    async fn tell(&self, news: News) -> Result<(), Problem> {
        let news = v1::ReconcileResponse { news: Some(news) };
        self.news.send(Ok(news)).await.map_err(|_| Problem::stopping())
    }

    /// Asks until there is an answer, a few times.
    async fn again<T>(&self, ask: impl Fn() -> BoxFuture<'static, Result<T, NoAnswer>>) -> Result<T, Problem> {
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => tracing::debug!(network = %self.spec.id, %error, "asked again"),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        ask().await.map_err(|error| self.no_answer(&error))
    }

    /// The comparison cannot go on, and has shown nothing.
    fn no_answer(&self, error: &NoAnswer) -> Problem {
        let text = format!("endpoint {} gave no usable answer: {error}", self.voice.endpoint);
        Problem::new(Code::Unavailable, "NO_ANSWER", text).with("endpoint", &self.voice.endpoint)
    }
}

#[cfg(test)]
mod tests;
