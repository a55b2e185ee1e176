//! A simulated TRON node behind a counter. A prepared one answers from bytes it holds, so that what is measured is the
//! reader; a live one passes every question on to the node, which may go on mining.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use depositd::{
    chain::{
        http::HttpSettings,
        pool::{Expected, Pool, PoolSettings},
        tron::{BlockIds, TronMode, TronSettings, TronSource},
    },
    devnet::{Filling, Ledger, LedgerHandle, LedgerSpec, SimToken, TronNode, TronOptions},
    domain::{Address, BlockRef, Decimals, Family, Height, NetworkSpec, Policy, Threshold, Timestamp, TokenAmount},
};
use futures::{StreamExt, stream};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    common::{self, TOKEN},
    stage::Scene,
};

/// The traffic of the design point.
pub const FILLING: Filling = Filling { txs: 400, transfers: 100 };
/// Every so many blocks a watched address is paid.
const PAID_EVERY: u64 = 100;

/// What the daemon asks, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The newest header of a face: a poll.
    Head,
    /// A header by height: identity, evidence.
    Header,
    /// A block with its transactions.
    Block,
    /// Blocks of a range.
    Range,
    /// Infos of a block.
    Infos,
    /// Anything else: one info as evidence, decimals.
    Other,
}

/// How many requests of each kind there were.
pub type Counts = BTreeMap<Kind, u64>;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked<'a> {
    id_or_num: Option<&'a str>,
    detail: bool,
    num: Option<usize>,
    #[serde(rename = "startNum")]
    start: Option<usize>,
    #[serde(rename = "endNum")]
    end: Option<usize>,
}

/// Answers, the place is the height.
#[derive(Debug, Default)]
struct Prepared {
    blocks: Vec<Bytes>,
    infos: Vec<Bytes>,
}

#[derive(Debug, Default)]
struct Seen {
    counts: Counts,
    refused: u64,
    /// Requests a second above which it refuses.
    allowed: Option<u32>,
    /// When the requests of the last second came.
    recent: VecDeque<Instant>,
    /// Answers of the node, by path and question.
    answers: BTreeMap<(String, Bytes), Bytes>,
}

#[derive(Debug)]
struct Desk {
    node_url: String,
    client: reqwest::Client,
    prepared: Option<Prepared>,
    seen: Mutex<Seen>,
}

impl Desk {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, path: &str, body: Bytes) -> Bytes {
        let request = self.client.post(format!("{}{path}", self.node_url)).body(body);
        request.send().await.expect("an answer").bytes().await.expect("a body")
    }

    /// Everything the catch-up reads, asked once.
    async fn prepare(&self, blocks: u64) -> Prepared {
        let all = async |call: &str| -> Vec<Bytes> {
            let asked = (0..=blocks).map(|n| format!(r#"{{"num":{n}}}"#));
            let path = format!("/walletsolidity/{call}");
            let answers = asked.map(|body| self.ask(&path, body.into()));
            stream::iter(answers).buffered(4).collect().await
        };
        Prepared { blocks: all("getblockbynum").await, infos: all("gettransactioninfobyblocknum").await }
    }

    async fn respond(&self, uri: &Uri, body: Bytes) -> Response {
        let asked: Asked<'_> = serde_json::from_slice(&body).unwrap_or_default();
        if !self.admit(kind_of(uri.path(), &asked)) {
            return (StatusCode::TOO_MANY_REQUESTS, "slow down").into_response();
        }
        let Some(prepared) = &self.prepared else { return json(vec![self.ask(uri.path(), body).await]) };
        if let Some(answer) = prepared.answer(uri.path(), &asked) {
            return json(answer);
        }
        let key = (uri.path().to_owned(), body.clone());
        let known = self.seen().answers.get(&key).cloned();
        if let Some(answer) = known {
            return json(vec![answer]);
        }
        let answer = self.ask(uri.path(), body).await;
        self.seen().answers.insert(key, answer.clone());
        json(vec![answer])
    }

    /// Counts a request; whether it is answered.
    fn admit(&self, kind: Kind) -> bool {
        let (mut seen, now) = (self.seen(), Instant::now());
        *seen.counts.entry(kind).or_default() += 1;
        let Some(allowed) = seen.allowed else { return true };
        while seen.recent.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
            seen.recent.pop_front();
        }
        if seen.recent.len() >= usize::try_from(allowed).expect("few") {
            seen.refused += 1;
            return false;
        }
        seen.recent.push_back(now);
        true
    }
}

impl Prepared {
    fn answer(&self, path: &str, asked: &Asked<'_>) -> Option<Vec<Bytes>> {
        match (kind_of(path, asked), asked) {
            (Kind::Infos, Asked { num: Some(num), .. }) => Some(vec![self.infos.get(*num)?.clone()]),
            (Kind::Block, Asked { id_or_num: Some(num), .. }) => {
                Some(vec![self.blocks.get(num.parse::<usize>().ok()?)?.clone()])
            }
            (Kind::Range, Asked { start: Some(start), end: Some(end), .. }) => {
                let mut parts = vec![Bytes::from_static(br#"{"block":["#)];
                for block in self.blocks.get(*start..*end)? {
                    parts.extend([block.clone(), Bytes::from_static(b",")]);
                }
                parts.pop();
                parts.push(Bytes::from_static(b"]}"));
                Some(parts)
            }
            _ => None,
        }
    }
}

fn kind_of(path: &str, asked: &Asked<'_>) -> Kind {
    match path.rsplit('/').next().unwrap_or_default() {
        "getblock" if asked.detail => Kind::Block,
        "getblock" if asked.id_or_num.is_some() => Kind::Header,
        "getblock" => Kind::Head,
        "getblockbylimitnext" => Kind::Range,
        "gettransactioninfobyblocknum" => Kind::Infos,
        _ => Kind::Other,
    }
}

fn json(parts: Vec<Bytes>) -> Response {
    let length: usize = parts.iter().map(Bytes::len).sum();
    let headers = [(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_LENGTH, length.to_string())];
    let parts = parts.into_iter().map(Ok::<_, std::convert::Infallible>);
    (headers, Body::from_stream(stream::iter(parts))).into_response()
}

/// Serves one chain, on a runtime of its own, until it is dropped.
pub struct Shelf {
    pub url: String,
    pub genesis: BlockRef,
    /// The newest solidified block at the start.
    pub solid: BlockRef,
    pub ledger: LedgerHandle,
    /// Bytes of the blocks and infos up to the solidified block, as far as they are prepared.
    pub bytes: u64,
    genesis_time: Timestamp,
    chain_id: u64,
    watched: Vec<(u64, Address)>,
    desk: Arc<Desk>,
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl Shelf {
    /// Of `blocks` solidified blocks and the usual ones above; whether answers are prepared.
    pub fn start(blocks: u64, is_prepared: bool) -> Self {
        let decimals = Decimals::new(6).expect("few decimals");
        let tokens = vec![SimToken { contract: TOKEN, symbol: "USDT".to_owned(), decimals }];
        let spec = LedgerSpec { tokens, ..LedgerSpec::tron() };
        let above = spec.finality_lag;
        let mut ledger = Ledger::new(spec);
        ledger.set_filling(Some(FILLING));
        for block in 1..=blocks + above {
            let is_paid = block <= blocks && block % PAID_EVERY == 1;
            let paid =
                is_paid.then(|| ledger.transfer(TOKEN, Address([0xaa; 20]), payee(block), TokenAmount::of(block)));
            ledger.mine(paid.into_iter().collect());
        }
        let genesis = ledger.genesis();
        let genesis_time = ledger.block(Height(0)).expect("genesis").timestamp;
        let (solid, chain_id) = (ledger.finalized().at, ledger.chain_id());
        assert_eq!(solid.height.0, blocks, "as many are solidified as were asked for");
        let ledger = LedgerHandle::new(ledger);
        let stop = CancellationToken::new();
        let (ready, started) = mpsc::channel();
        let (stopped, faced) = (stop.clone(), ledger.clone());
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async move {
                let node = TronNode::start(faced, TronOptions::default()).await.expect("a node");
                let client = reqwest::Client::new();
                let mut desk = Desk { node_url: node.url.clone(), client, prepared: None, seen: Mutex::default() };
                if is_prepared {
                    desk.prepared = Some(desk.prepare(blocks).await);
                }
                let desk = Arc::new(desk);
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let url = format!("http://{}", listener.local_addr().expect("an address"));
                let served = desk.clone();
                let handle = move |uri: Uri, body: Bytes| {
                    let desk = served.clone();
                    async move { desk.respond(&uri, body).await }
                };
                ready.send((url, desk)).expect("the benchmark waits");
                let serving = axum::serve(listener, Router::new().fallback(handle));
                serving.with_graceful_shutdown(stopped.cancelled_owned()).await.expect("it serves");
                node.stop().await;
            });
        });
        let (url, desk) = started.recv().expect("the node starts");
        let prepared = desk.prepared.iter().flat_map(|all| all.blocks.iter().chain(&all.infos).map(Bytes::len));
        let bytes = u64::try_from(prepared.sum::<usize>()).expect("a size");
        let watched = (1..=blocks).step_by(usize::try_from(PAID_EVERY).expect("few"));
        let watched = watched.map(|block| (block, payee(block))).collect();
        Self { url, genesis, solid, ledger, bytes, genesis_time, chain_id, watched, desk, stop, thread: Some(thread) }
    }

    /// The scene a daemon would follow here.
    pub fn scene(&self, http: HttpSettings, mode: TronMode) -> Scene<TronSource> {
        let url = || self.url.parse().expect("a URL");
        let settings = TronSettings {
            network: common::network(),
            name: "local".to_owned(),
            full_url: url(),
            solid_url: url(),
            jsonrpc_url: None,
            http,
            tokens: vec![TOKEN],
            mode,
            block_ids: BlockIds::Strict,
        };
        let source = TronSource::new(settings).expect("a client");
        let genesis = Some(self.genesis.hash);
        let expected = Expected { family: Family::Tron, chain_id: self.chain_id, genesis, decimals: vec![(TOKEN, 6)] };
        Scene {
            spec: NetworkSpec { family: Family::Tron, policy: Policy::flat(Threshold::Finalized), ..common::spec() },
            pool: Pool::new(common::network(), expected, vec![source], PoolSettings::default()),
            genesis: self.genesis,
            genesis_time: self.genesis_time,
            watched: self.watched.clone(),
        }
    }

    /// Requests so far, refused ones included.
    pub fn requests(&self) -> u64 {
        self.desk.seen().counts.values().sum()
    }

    /// Requests since this was asked last, refused ones included.
    pub fn take_counts(&self) -> Counts {
        std::mem::take(&mut self.desk.seen().counts)
    }

    /// From here on it refuses more than so many requests within a second.
    pub fn allow(&self, per_second: Option<u32>) {
        let mut seen = self.desk.seen();
        (seen.allowed, seen.refused) = (per_second, 0);
    }

    /// Requests refused since [`Shelf::allow`].
    pub fn refused(&self) -> u64 {
        self.desk.seen().refused
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.stop.cancel();
        drop(self.thread.take().map(thread::JoinHandle::join));
    }
}

/// Who is paid in a block.
fn payee(block: u64) -> Address {
    let mut bytes = [0xbb; 20];
    bytes[12..].copy_from_slice(&block.to_be_bytes());
    Address(bytes)
}
