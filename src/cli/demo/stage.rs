//! The stage: nodes, daemon, merchant, each started as in production but on loopback.

use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use anyhow::{Context, anyhow, bail};
use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{sync::oneshot, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::{
    api::connect,
    app::{self, AppError, Process},
    chain::http::install_tls,
    config,
    devnet::{DevNode, Ledger, LedgerHandle, LedgerSpec, Merchant, NodeOptions, SimToken},
    domain::{Address, Decimals, Family, clock},
    metrics,
};

/// The simulated network's slug.
pub(super) const NETWORK: &str = "devnet";
/// Confirmations a payment needs here.
pub(super) const CONFIRMATIONS: u32 = 4;
/// The simulated USDT.
pub(super) const TOKEN: Address = Address([0x11; 20]);
/// Blocks mined before the daemon begins.
const FIRST_BLOCKS: u64 = 24;
/// The simulated network calls a block final when this many are above it.
const FINALITY_LAG: u64 = 16;

/// Everything that runs.
pub(super) struct Stage {
    dir: PathBuf,
    socket: PathBuf,
    pub(super) ledger: LedgerHandle,
    nodes: Vec<DevNode>,
    pub(super) merchant: Merchant,
    pub(super) secret: String,
    daemon: JoinSet<Result<(), AppError>>,
    stop: CancellationToken,
    pub(super) channel: Channel,
}

impl Stage {
    pub(super) async fn set() -> anyhow::Result<Self> {
        install_tls();
        let dir = fresh_dir().context("no directory for the demo")?;
        let ledger = LedgerHandle::new(first_blocks());
        let mut nodes = Vec::new();
        for _ in 0..2 {
            nodes.push(DevNode::start(ledger.clone(), NodeOptions::default()).await.context("a simulated node")?);
        }
        let mut key = vec![0; 32];
        getrandom::fill(&mut key).map_err(|error| anyhow!("no randomness: {error}"))?;
        let secret = format!("whsec_{}", BASE64_STANDARD.encode(&key));
        let merchant = Merchant::start(0, vec![key]).await.context("the merchant")?;

        let file = dir.join("depositd.toml");
        fs::write(&file, configuration(&dir, &ledger, &nodes)?).context("the configuration")?;
        let config = config::load(Some(&file), std::iter::empty()).map_err(|errors| anyhow!(errors.text()))?;
        let socket = config.api.socket.clone();
        log_to(&dir.join("depositd.log"))?;
        let process = Process { registry: metrics::install()?, log_dropped: Arc::new(AtomicU64::new(0)) };
        let stop = CancellationToken::new();
        let (ready, is_ready) = oneshot::channel();
        let mut daemon = JoinSet::new();
        daemon.spawn(app::run(config, process, stop.clone(), move || {
            // Nobody waits only when the demo has given up.
            let _ = ready.send(());
        }));
        if is_ready.await.is_err() {
            let ended = daemon.join_next().await.transpose()?.transpose()?;
            bail!("the daemon ended before it was ready: {ended:?}");
        }
        let channel = connect(&format!("unix:{}", socket.display())).await?;
        Ok(Self { dir, socket, ledger, nodes, merchant, secret, daemon, stop, channel })
    }

    /// The daemon's log.
    pub(super) fn log_path(&self) -> PathBuf {
        self.dir.join("depositd.log")
    }

    /// Where the simulated nodes answer.
    pub(super) fn node_urls(&self) -> Vec<&str> {
        self.nodes.iter().map(|node| node.url.as_str()).collect()
    }

    /// Commands for a shell beside this one.
    pub(super) fn how_to_play(&self) -> String {
        let node = self.nodes.first().map_or("", |node| node.url.as_str());
        let server = format!("--server unix:{}", self.socket.display());
        let rpc = |method: &str, params: &str| {
            format!(
                "  curl -s {node} -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}'\n"
            )
        };
        let token = TOKEN.text(Family::Evm);
        let payee = Address([0x77; 20]).display(Family::Evm);
        let mut text = String::from("\nEverything keeps running until Ctrl-C. In another shell:\n");
        // Writing to a String does not fail.
        let _ = writeln!(text, "  depositd {server} network list");
        let _ = writeln!(text, "  depositd {server} deposit list shop");
        let _ = writeln!(text, "  depositd {server} address watch shop {payee} --network {NETWORK}");
        text.push_str(&rpc("dev_transfer", &format!("[\"{token}\",\"{payee}\",\"12.5\"]")));
        text.push_str(&rpc("dev_mine", "[1]"));
        text.push_str(&rpc("dev_fork", "[2]"));
        text.push_str(&rpc("dev_mine", "[6]"));
        let _ = write!(text, "The daemon's log: {}", self.log_path().display());
        text
    }

    /// Ends everything in order; keeps the directory if somebody has to look into it.
    pub(super) async fn strike(mut self, keep_dir: bool) -> anyhow::Result<()> {
        self.stop.cancel();
        let ended = self.daemon.join_next().await.transpose()?.transpose();
        self.merchant.stop().await;
        for node in self.nodes {
            node.stop().await;
        }
        ended?;
        if !keep_dir {
            fs::remove_dir_all(&self.dir)?;
        }
        Ok(())
    }
}

fn fresh_dir() -> anyhow::Result<PathBuf> {
    let name = format!("depositd-demo-{}-{}", std::process::id(), clock::now().0);
    let dir = std::env::temp_dir().join(name);
    fs::DirBuilder::new().mode(0o700).create(&dir)?;
    Ok(dir)
}

fn first_blocks() -> Ledger {
    let decimals = Decimals::new(6).expect("6 is within the limit");
    let tokens = vec![SimToken { contract: TOKEN, symbol: "USDT".to_owned(), decimals }];
    let mut ledger = Ledger::new(LedgerSpec { finality_lag: FINALITY_LAG, tokens, ..LedgerSpec::default() });
    ledger.extend(FIRST_BLOCKS);
    ledger
}

fn configuration(dir: &Path, ledger: &LedgerHandle, nodes: &[DevNode]) -> anyhow::Result<String> {
    let dir = dir.display();
    let (chain_id, genesis) = {
        let ledger = ledger.lock();
        (ledger.spec().chain_id, ledger.genesis().hash)
    };
    let contract = TOKEN.text(Family::Evm);
    let pages = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut text = format!(
        "[store]\ndir = \"{dir}/store\"\nwitness = \"{dir}/witness\"\n\
         [api]\nsocket = \"{dir}/api.sock\"\n[http]\npages = \"{pages}\"\n\
         [egress]\nallow_insecure_loopback = true\n\
         [networks.{NETWORK}]\nfamily = \"evm\"\nchain_id = {chain_id}\ngenesis = \"{genesis}\"\n\
         confirmations = {CONFIRMATIONS}\nwindow_blocks = 64\npoll_interval_ms = 100\n\
         [[networks.{NETWORK}.tokens]]\nsymbol = \"USDT\"\ncontract = \"{contract}\"\ndecimals = 6\n"
    );
    for (node, name) in nodes.iter().zip(["first", "second"]) {
        write!(text, "[[networks.{NETWORK}.endpoints]]\nname = \"{name}\"\nurl = \"{}\"\n", node.url)?;
    }
    Ok(text)
}

fn log_to(file: &Path) -> anyhow::Result<()> {
    let file = fs::File::create(file).context("the log file")?;
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(Mutex::new(file))
        .try_init()
        .map_err(|error| anyhow!("log: {error}"))
}
