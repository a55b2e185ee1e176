//! A simulated node on a runtime of its own, and the daemon's path from its answers to the store on disk.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use depositd::{
    chain::{
        evm::{EvmSettings, EvmSource},
        http::HttpSettings,
        pool::{Expected, Pool, PoolSettings},
    },
    devnet::{DevNode, Ledger, LedgerHandle, LedgerSpec, NodeOptions, SimToken, TroubleHandle},
    domain::{
        Address, BlockHash, BlockRef, Decimals, DepositState, Family, Height, Millis, StatusBoard, Timestamp, UserMark,
    },
    follow::{FollowSettings, Follower, Stored},
    writer::{NewWatch, Writer, WriterHandle},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::common::{self, TOKEN};

/// A node that serves a prepared chain until it is dropped.
pub struct Server {
    pub url: String,
    pub trouble: TroubleHandle,
    pub genesis: BlockRef,
    pub genesis_time: Timestamp,
    pub head: BlockRef,
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Of `blocks` blocks with `logs` transfers each; all of them final, or none.
    pub fn start(blocks: u64, logs: u64, is_final: bool) -> Self {
        let decimals = Decimals::new(6).expect("few decimals");
        let spec = LedgerSpec {
            finality_lag: if is_final { 0 } else { u64::MAX },
            tokens: vec![SimToken { contract: TOKEN, symbol: "USDT".to_owned(), decimals }],
            ..LedgerSpec::default()
        };
        let genesis_time = spec.base_time;
        let ledger = Ledger::with_blocks(spec, blocks, logs);
        let (genesis, head) = (ledger.genesis(), ledger.head().at);
        let stop = CancellationToken::new();
        let (ready, started) = mpsc::channel();
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async move {
                let node = DevNode::start(LedgerHandle::new(ledger), NodeOptions::default()).await.expect("a node");
                ready.send((node.url.clone(), node.trouble.clone())).expect("the benchmark waits");
                stopped.cancelled().await;
                node.stop().await;
            });
        });
        let (url, trouble) = started.recv().expect("the node starts");
        Self { url, trouble, genesis, genesis_time, head, stop, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        drop(self.thread.take().map(thread::JoinHandle::join));
    }
}

/// The recipient of the first transfer in a block of [`Ledger::with_blocks`].
pub fn payee(block: u64) -> Address {
    let mut bytes = [0xbb; 20];
    bytes[4..12].copy_from_slice(&block.to_be_bytes());
    bytes[12..].copy_from_slice(&0_u64.to_be_bytes());
    Address(bytes)
}

/// What following a chain to its head came to.
#[derive(Debug)]
pub struct Followed {
    pub took: Duration,
    /// Requests the node was sent, refused ones included.
    pub requests: u64,
    pub tip: BlockHash,
    /// Blocks of credited deposits, in order.
    pub credited: Vec<u64>,
}

/// Follows `server` from genesis to its head with a new store on disk. The payees of every hundredth block are watched.
pub async fn follow(server: &Server, http: HttpSettings, settings: FollowSettings, patience: Duration) -> Followed {
    let dir = common::scratch();
    let mut core = common::begin(dir.path(), server.genesis, server.genesis_time);
    let watched: Vec<u64> = (1..=server.head.height.0).step_by(100).collect();
    for some in watched.chunks(90) {
        for block in some {
            let networks = vec![common::network()];
            let user_mark = UserMark::default();
            let new = NewWatch { app: common::app_id(), user_mark, address: payee(*block), networks };
            core.watch_address(&new, Millis(1)).expect("a watch");
        }
        core.commit().expect("a commit");
    }
    let reader = core.store().reader();
    let tracker = &core.trackers()[&common::network()];
    let stored = Stored {
        headers: tracker.window().headers().map(|header| header.at).collect(),
        cursor: tracker.cursor(),
        due: Vec::new(),
    };
    let (handle, commands) = WriterHandle::new();
    let work = Writer::new(core, &handle, commands);
    let writer = thread::spawn(move || work.run().expect("the disk works"));
    let board = StatusBoard::default();
    let pool = Arc::new(pool(server, http));
    let follower = Follower::new(common::spec(), settings, pool, handle, board.clone(), stored, Box::new(|| ()));

    let (stop, mut tasks, requests) = (CancellationToken::new(), JoinSet::new(), server.trouble.requests());
    let begun = Instant::now();
    tasks.spawn(follower.run(stop.clone()));
    let reached = || board.of(&common::network()).and_then(|status| status.cursor).map(|cursor| cursor.tip);
    while reached() != Some(server.head) {
        assert!(begun.elapsed() < patience, "it stands still: {:?}", board.of(&common::network()));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = begun.elapsed();
    let requests = server.trouble.requests() - requests;
    let credited = loop {
        let deposits = reader.deposits(&common::app_id(), None, watched.len() + 1).expect("rows");
        let deposits = deposits.into_iter().map(|(_, deposit)| deposit);
        let told = deposits.filter(|deposit| deposit.state != DepositState::Detected);
        let told: Vec<u64> = told.map(|deposit| deposit.included_at.height.0).collect();
        if told.len() >= watched.len() || begun.elapsed() > patience {
            break told;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(credited, watched, "every watched payment is credited, and nothing else");
    stop.cancel();
    tasks.join_all().await;
    writer.join().expect("the writer ends well");
    Followed { took, requests, tip: server.head.hash, credited }
}

fn pool(server: &Server, http: HttpSettings) -> Pool<EvmSource> {
    let url = server.url.parse().expect("a URL");
    let usual = EvmSettings::new(common::network(), "local".to_owned(), url, vec![TOKEN]);
    let source = EvmSource::new(EvmSettings { http, ..usual }).expect("a client");
    let expected = Expected {
        family: Family::Evm,
        chain_id: LedgerSpec::default().chain_id,
        genesis: None,
        decimals: vec![(TOKEN, 6)],
    };
    Pool::new(common::network(), expected, vec![source], PoolSettings::default())
}

/// As the daemon follows, but looking at the head more often.
pub fn usual() -> FollowSettings {
    FollowSettings { poll_interval: Duration::from_millis(200), start: Some(Height(1)), ..FollowSettings::default() }
}
