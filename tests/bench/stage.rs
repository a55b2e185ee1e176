//! A simulated node on a runtime of its own, and the daemon's path from its answers to the store on disk.

use std::{
    convert::Infallible,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use depositd::{
    chain::{
        ChainSource,
        evm::{EvmSettings, EvmSource},
        http::HttpSettings,
        pool::{Expected, Pool, PoolSettings},
    },
    devnet::{DevNode, Ledger, LedgerHandle, LedgerSpec, NodeOptions, SimToken, TroubleHandle},
    domain::{
        Address, BlockHash, BlockRef, Decimals, DepositState, Family, Height, Millis, NetworkSpec, StatusBoard,
        Timestamp, UserMark,
    },
    follow::{FollowSettings, Follower, Stored},
    store::Reader,
    writer::{NewWatch, Writer, WriterHandle},
};
use tempfile::TempDir;
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

/// A chain to follow from its beginning, and what is watched on it.
pub struct Scene<S> {
    pub spec: NetworkSpec,
    pub pool: Pool<S>,
    pub genesis: BlockRef,
    pub genesis_time: Timestamp,
    /// Blocks that pay a watched address, in order, and the address.
    pub watched: Vec<(u64, Address)>,
}

/// The daemon's path at work: a follower and a writer over a new store on disk.
pub struct Following {
    board: StatusBoard,
    reader: Reader,
    watched: usize,
    begun: Instant,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), Infallible>>,
    writer: thread::JoinHandle<()>,
    // Goes last.
    _dir: TempDir,
}

impl Following {
    /// To be called within a runtime.
    pub fn begin<S: ChainSource>(scene: Scene<S>, settings: FollowSettings) -> Self {
        let dir = common::scratch();
        let Scene { spec, pool, genesis, genesis_time, watched } = scene;
        let mut core = common::begin_on(dir.path(), spec.clone(), genesis, genesis_time);
        for some in watched.chunks(90) {
            for (_, address) in some {
                let networks = vec![common::network()];
                let user_mark = UserMark::default();
                let new = NewWatch { since: None, app: common::app_id(), user_mark, address: *address, networks };
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
        let turned = Box::new(|| ());
        let follower = Follower::new(spec, settings, Arc::new(pool), handle, board.clone(), stored, turned);
        let (stop, mut tasks, watched) = (CancellationToken::new(), JoinSet::new(), watched.len());
        let begun = Instant::now();
        tasks.spawn(follower.run(stop.clone()));
        Self { board, reader, watched, begun, stop, tasks, writer, _dir: dir }
    }

    /// Waits until `head` is committed; how long that took since the beginning.
    pub async fn reach(&self, head: BlockRef, patience: Duration) -> Duration {
        let tip = || self.board.of(&common::network()).and_then(|status| status.cursor).map(|cursor| cursor.tip);
        while tip() != Some(head) {
            let is_late = self.begun.elapsed() >= patience;
            assert!(!is_late, "it stands still: {:?}", self.board.of(&common::network()));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.begun.elapsed()
    }

    /// Blocks of credited deposits, in order, once there are as many as are watched or patience ends.
    pub async fn credited(&self, patience: Duration) -> Vec<u64> {
        loop {
            let deposits = self.reader.deposits(&common::app_id(), None, self.watched + 1).expect("rows");
            let deposits = deposits.into_iter().map(|(_, deposit)| deposit);
            let told = deposits.filter(|deposit| deposit.state != DepositState::Detected);
            let told: Vec<u64> = told.map(|deposit| deposit.included_at.height.0).collect();
            if told.len() >= self.watched || self.begun.elapsed() > patience {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.tasks.join_all().await;
        self.writer.join().expect("the writer ends well");
    }
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

/// Follows `scene` from genesis to `head` with a new store on disk; `requests` counts what the node was sent so far.
pub async fn follow_scene<S: ChainSource>(
    scene: Scene<S>,
    head: BlockRef,
    requests: impl Fn() -> u64,
    settings: FollowSettings,
    patience: Duration,
) -> Followed {
    let watched: Vec<u64> = scene.watched.iter().map(|(block, _)| *block).collect();
    let before = requests();
    let following = Following::begin(scene, settings);
    let took = following.reach(head, patience).await;
    let requests = requests() - before;
    let credited = following.credited(patience).await;
    assert_eq!(credited, watched, "every watched payment is credited, and nothing else");
    following.end().await;
    Followed { took, requests, tip: head.hash, credited }
}

/// Follows `server` from genesis to its head with a new store on disk. The payees of every hundredth block are watched.
pub async fn follow(server: &Server, http: HttpSettings, settings: FollowSettings, patience: Duration) -> Followed {
    let scene = Scene {
        spec: common::spec(),
        pool: pool(server, http),
        genesis: server.genesis,
        genesis_time: server.genesis_time,
        watched: (1..=server.head.height.0).step_by(100).map(|block| (block, payee(block))).collect(),
    };
    follow_scene(scene, server.head, || server.trouble.requests(), settings, patience).await
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
