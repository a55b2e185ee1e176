//! The stage: two networks, daemon, merchant, each started as in production but on loopback.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::TcpListener,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
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
    devnet::Merchant,
    domain::{Family, clock},
    metrics,
    vault::Vault,
};

use super::chain::Chain;

/// Everything that runs.
pub(super) struct Stage {
    dir: PathBuf,
    socket: PathBuf,
    pub(super) chains: [Chain; 2],
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
        let chains = [Chain::start(Family::Evm).await?, Chain::start(Family::Tron).await?];
        let mut key = vec![0; 32];
        getrandom::fill(&mut key).map_err(|error| anyhow!("no randomness: {error}"))?;
        let secret = format!("whsec_{}", BASE64_STANDARD.encode(&key));
        let merchant = Merchant::start(0, vec![key]).await.context("the merchant")?;

        let file = dir.join("depositd.toml");
        fs::write(&file, configuration(&dir, &chains)?).context("the configuration")?;
        let config = config::load(Some(&file), std::iter::empty()).map_err(|errors| anyhow!(errors.text()))?;
        let socket = config.api.socket.clone();
        log_to(&dir.join("depositd.log"))?;
        let process = Process { registry: metrics::install()?, log_dropped: Arc::new(AtomicU64::new(0)), again: None };
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
        Ok(Self { dir, socket, chains, merchant, secret, daemon, stop, channel })
    }

    /// The daemon's log.
    pub(super) fn log_path(&self) -> PathBuf {
        self.dir.join("depositd.log")
    }

    /// Commands for a shell beside this one.
    pub(super) fn how_to_play(&self) -> String {
        let server = format!("--server unix:{}", self.socket.display());
        let mut text = String::from("\nEverything keeps running until Ctrl-C. In another shell:\n");
        // Writing to a String does not fail.
        let _ = writeln!(text, "  depositd {server} network list");
        let _ = writeln!(text, "  depositd {server} deposit list shop");
        for chain in &self.chains {
            text.push_str(&chain.how_to_play(&server));
        }
        let _ = write!(text, "The daemon's log: {}", self.log_path().display());
        text
    }

    /// Ends everything in order; keeps the directory if somebody has to look into it.
    pub(super) async fn strike(mut self, keep_dir: bool) -> anyhow::Result<()> {
        self.stop.cancel();
        let ended = self.daemon.join_next().await.transpose()?.transpose();
        self.merchant.stop().await;
        for node in self.chains.into_iter().flat_map(|chain| chain.nodes) {
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

fn configuration(dir: &Path, chains: &[Chain]) -> anyhow::Result<String> {
    let master_key = dir.join("master.key");
    let mut closed = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&master_key)?;
    closed.write_all(Vault::draw()?.as_bytes())?;
    let (dir, master_key) = (dir.display(), master_key.display());
    let pages = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut text = format!(
        "[store]\ndir = \"{dir}/store\"\nwitness = \"{dir}/witness\"\n\
         [api]\nsocket = \"{dir}/api.sock\"\n[http]\npages = \"{pages}\"\n\
         [secrets]\nmaster_key_file = \"{master_key}\"\n[egress]\nallow_insecure_loopback = true\n"
    );
    chains.iter().for_each(|chain| text.push_str(&chain.section()));
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
