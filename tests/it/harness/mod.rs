//! A small world: simulated networks behind simulated nodes, a merchant, and the daemon between them.

pub mod books;
pub mod day;
pub mod gateway;
pub mod process;

use std::{
    fmt::Write as _,
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, Once, OnceLock, atomic::AtomicU64},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use depositd::{
    api::connect,
    app::{self, AppError, Process},
    chain::http::install_tls,
    config,
    devnet::{DevNode, Ledger, LedgerHandle, LedgerSpec, Merchant, NodeOptions, SimToken, Trouble, Tx},
    domain::{Address, Decimals, Family, TokenAmount},
    metrics,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinSet};
use tokio_util::sync::CancellationToken;

use self::gateway::Gateway;

/// The simulated USDT, on every network.
pub const TOKEN: Address = Address([0x11; 20]);
/// Who pays.
pub const PAYER: Address = Address([0x44; 20]);
/// The merchant integration of most tests.
pub const SHOP: &str = "shop";
/// Its signing key.
pub const KEY: [u8; 32] = [7; 32];
/// Longest wait for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(40);
/// Longest attempt to tell a merchant, in milliseconds.
pub const NOTIFY_DEADLINE_MS: u64 = 12_000;
/// Blocks mined before the daemon begins.
const FIRST_BLOCKS: u64 = 20;

/// A signing key as its owner keeps it.
pub fn secret_text(key: &[u8]) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(key))
}

/// An account nobody has the key of.
pub fn account(mark: u8) -> Address {
    let mut bytes = [0xa0; 20];
    bytes[19] = mark;
    Address(bytes)
}

/// A port of this host that was free a moment ago.
pub fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port")
}

/// Waits until `holds`, looking again and again.
pub async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "waited {} s for {what}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// A network as a test wishes it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub slug: String,
    pub endpoints: Vec<&'static str>,
    pub confirmations: u32,
    pub window_blocks: u32,
    /// Whether each endpoint has a chain of its own, equal at the beginning.
    pub is_split: bool,
    /// Further lines of its section of the configuration.
    pub more: String,
}

impl Plan {
    /// Two honest endpoints, 3 confirmations, a window of 64.
    pub fn new(slug: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            endpoints: vec!["first", "second"],
            confirmations: 3,
            window_blocks: 64,
            is_split: false,
            more: String::new(),
        }
    }

    pub fn endpoints(mut self, names: &[&'static str]) -> Self {
        self.endpoints = names.to_vec();
        self
    }

    pub fn window(mut self, blocks: u32) -> Self {
        self.window_blocks = blocks;
        self
    }

    pub fn split(mut self) -> Self {
        self.is_split = true;
        self
    }

    pub fn with(mut self, line: &str) -> Self {
        self.more.push_str(line);
        self.more.push('\n');
        self
    }
}

/// One network: its chain, and a node for each endpoint.
#[derive(Debug)]
pub struct Net {
    pub plan: Plan,
    /// The first endpoint's chain, and everybody's unless the plan says otherwise.
    pub ledger: LedgerHandle,
    /// The chain of each endpoint.
    pub ledgers: Vec<LedgerHandle>,
    pub nodes: Vec<DevNode>,
    /// What the configuration says of it, where a test wants that to be wrong.
    pub chain_id: u64,
    pub decimals: u8,
}

impl Net {
    async fn of(plan: Plan) -> Self {
        let decimals = Decimals::new(6).expect("6 is within the limit");
        let tokens = vec![SimToken { contract: TOKEN, symbol: "USDT".to_owned(), decimals }];
        let mut ledger = Ledger::new(LedgerSpec { tokens, ..LedgerSpec::default() });
        ledger.extend(FIRST_BLOCKS);
        let chain_id = ledger.spec().chain_id;
        let shared = LedgerHandle::new(ledger.clone());
        let (mut ledgers, mut nodes) = (Vec::new(), Vec::new());
        for place in 0..plan.endpoints.len() {
            let is_own = plan.is_split && place > 0;
            let handle = if is_own { LedgerHandle::new(ledger.clone()) } else { shared.clone() };
            nodes.push(DevNode::start(handle.clone(), NodeOptions::default()).await.expect("a node"));
            ledgers.push(handle);
        }
        Self { plan, ledger: shared, ledgers, nodes, chain_id, decimals: 6 }
    }

    /// Puts the endpoint of this name into trouble.
    pub fn trouble(&self, endpoint: &str, trouble: Trouble) {
        let at = self.plan.endpoints.iter().position(|name| *name == endpoint).expect("an endpoint of this name");
        self.nodes[at].trouble.set(trouble);
    }

    /// Makes every endpoint honest and well again.
    pub fn heal(&self) {
        self.nodes.iter().for_each(|node| node.trouble.clear());
    }

    /// Somebody pays `to`; the next block holds it, and nothing else. The transaction, and its height.
    pub fn pay(&self, to: Address, amount: u64) -> (Tx, u64) {
        let mut ledger = self.ledger.lock();
        let payment = ledger.transfer(TOKEN, PAYER, to, TokenAmount::of(amount));
        let height = ledger.mine(vec![payment.clone()]).height.0;
        (payment, height)
    }

    /// As many blocks as make what is in the newest block confirmed.
    pub fn confirm(&self) {
        self.mine(u64::from(self.plan.confirmations) - 1);
    }

    /// Empty blocks. Returns the head's height.
    pub fn mine(&self, blocks: u64) -> u64 {
        self.ledger.lock().extend(blocks).height.0
    }

    pub fn head(&self) -> u64 {
        self.ledger.lock().head().at.height.0
    }

    fn section(&self) -> String {
        let Plan { slug, endpoints, confirmations, window_blocks, more, .. } = &self.plan;
        let (chain_id, decimals) = (self.chain_id, self.decimals);
        let genesis = self.ledger.lock().genesis().hash;
        let contract = TOKEN.text(Family::Evm);
        let mut text = format!(
            "[networks.{slug}]\nfamily = \"evm\"\nchain_id = {chain_id}\ngenesis = \"{genesis}\"\n\
             confirmations = {confirmations}\nwindow_blocks = {window_blocks}\npoll_interval_ms = 100\n{more}\
             [[networks.{slug}.tokens]]\nsymbol = \"USDT\"\ncontract = \"{contract}\"\ndecimals = {decimals}\n"
        );
        for (name, node) in endpoints.iter().zip(&self.nodes) {
            write!(text, "[[networks.{slug}.endpoints]]\nname = \"{name}\"\nurl = \"{}\"\n", node.url).unwrap();
        }
        text
    }
}

/// Everything but the daemon, and the daemon when it runs in this process.
#[derive(Debug)]
pub struct World {
    pub dir: TempDir,
    pub nets: Vec<Net>,
    pub merchant: Merchant,
    pub pages: SocketAddr,
    /// Further lines of `[api]`.
    pub api: String,
    daemon: Option<Daemon>,
}

#[derive(Debug)]
struct Daemon {
    task: JoinSet<Result<(), AppError>>,
    stop: CancellationToken,
}

impl World {
    /// Networks and a merchant; no daemon yet.
    pub async fn of(plans: impl IntoIterator<Item = Plan>) -> Self {
        prepare();
        let mut nets = Vec::new();
        for plan in plans {
            nets.push(Net::of(plan).await);
        }
        let dir = tempfile::tempdir().expect("a directory");
        let merchant = Merchant::start(0, vec![KEY.to_vec()]).await.expect("a merchant");
        Self { dir, nets, merchant, pages: free_port(), api: String::new(), daemon: None }
    }

    /// The same with a running daemon that has begun every network, and the app [`SHOP`] registered.
    pub async fn open(plans: impl IntoIterator<Item = Plan>) -> (Self, Gateway) {
        let mut world = Self::of(plans).await;
        let gateway = world.start().await;
        gateway.create_app(SHOP, &world.merchant.url).await;
        for net in &world.nets {
            gateway.begun(&net.plan.slug).await;
        }
        (world, gateway)
    }

    pub fn net(&self) -> &Net {
        &self.nets[0]
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("api.sock")
    }

    /// Writes the configuration and says where it is.
    pub fn configure(&self) -> PathBuf {
        let dir = self.dir.path().display();
        let (pages, api) = (self.pages, &self.api);
        let mut text = format!(
            "[store]\ndir = \"{dir}/store\"\nwitness = \"{dir}/witness\"\n\
             [http]\npages = \"{pages}\"\n[egress]\nallow_insecure_loopback = true\n\
             [notify]\ndeadline_ms = {NOTIFY_DEADLINE_MS}\nconnect_ms = 1000\n[stop]\ngrace_ms = 6000\n\
             [endpoint]\nconnect_ms = 1000\ntimeout_ms = 1000\n[log]\nformat = \"text\"\n"
        );
        for net in &self.nets {
            text.push_str(&net.section());
        }
        write!(text, "[api]\nsocket = \"{dir}/api.sock\"\n{api}").unwrap();
        let file = self.dir.path().join("depositd.toml");
        fs::write(&file, text).expect("the configuration is written");
        file
    }

    /// Starts the daemon in this process and connects to it.
    pub async fn start(&mut self) -> Gateway {
        let config = config::load(Some(&self.configure()), std::iter::empty()).map_err(|errors| errors.text());
        let process = Process { registry: registry(), log_dropped: Arc::new(AtomicU64::new(0)) };
        let stop = CancellationToken::new();
        let (ready, is_ready) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(Box::pin(app::run(config.unwrap(), process, stop.clone(), move || {
            // Nobody waits only when the test has failed.
            let _ = ready.send(());
        })));
        if is_ready.await.is_err() {
            panic!("the daemon ended before it was ready: {:?}", task.join_next().await);
        }
        self.daemon = Some(Daemon { task, stop });
        self.connect().await
    }

    /// Stops it as systemd would.
    pub async fn stop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        daemon.stop.cancel();
        daemon.task.join_next().await.expect("a daemon").expect("no panic").expect("an ordered stop");
    }

    /// Connects to the daemon's socket.
    pub async fn connect(&self) -> Gateway {
        let target = format!("unix:{}", self.socket().display());
        Gateway::over(connect(&target).await.expect("the daemon answers"))
    }

    /// Every notification, as its receiver would book it.
    pub fn books(&self) -> books::Books {
        books::Books::of(&self.merchant.received())
    }
}

/// Once per process: TLS, and a log for whoever sets `RUST_LOG`.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        install_tls();
        if let Ok(filter) = std::env::var("RUST_LOG") {
            tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().init();
        }
    });
}

/// The registry of this process; every daemon in it writes here, so tests look for their own network's label.
pub fn registry() -> PrometheusHandle {
    static REGISTRY: OnceLock<PrometheusHandle> = OnceLock::new();
    REGISTRY.get_or_init(|| metrics::install().expect("the only registry")).clone()
}

/// How often a metric was counted for the labels given, over all others.
pub fn counted(name: &str, labels: &[(&str, &str)]) -> u64 {
    let text = registry().render();
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    let lines = text.lines().filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}
