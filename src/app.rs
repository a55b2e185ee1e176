//! The composition root: opens, loads, wires, starts in order, stops in order.

mod desk;
mod gauges;
mod recheck;
mod reload;
mod seal;
mod wiring;

use std::{
    io,
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    api::{self, ApiError, Listeners},
    chain::{
        http::HttpSetupError,
        node::Node,
        pool::{Pool, PoolRefusal},
    },
    config::Config,
    domain::{StatusBoard, clock},
    follow::{FollowSettings, Follower, Stored},
    metrics::{Pages, serve_pages},
    notify::{Notifier, NotifyError},
    service::{self, TurnBoard},
    store::{Reader, Store, StoreError},
    supervise::{Exit, Supervisor},
    vault::VaultError,
    writer::{Core, LoadError, Loading, Writer, WriterHandle, handle::DUE_LEN_MAX},
};
use reload::Reloads;
pub use reload::{Again, ReadAgain, Reloaded};
use wiring::Told;

/// A follower may wait so long for its endpoints before it counts as stuck: several deadlines in a row.
const FOLLOWER_TURN_MAX: Duration = Duration::from_secs(300);
/// The writer answers a ping within a commit; a disk that takes this long is stuck.
const WRITER_TURN_MAX: Duration = Duration::from_secs(60);
/// Pause between two pings of the writer.
const PING_PAUSE: Duration = Duration::from_secs(3);
/// The service manager is told this often that start or stop goes on.
const PATIENCE_PAUSE: Duration = Duration::from_secs(10);
/// How long it shall wait from there.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the daemon did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store cannot be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A configured directory is not there; it is not made, lest a disk that is not mounted is written beside.
    #[error("{key}: the directory {dir} does not exist: mount it, or make it with mkdir -p")]
    NoDirectory {
        /// The configuration's key.
        key: &'static str,
        /// The directory.
        dir: String,
    },
    /// What is stored does not fit the configuration.
    #[error("{0}")]
    Load(#[from] LoadError),
    /// A network is not what the configuration says.
    #[error("{0}")]
    Network(#[from] PoolRefusal),
    /// A client for a node cannot be made.
    #[error("{0}")]
    Http(#[from] HttpSetupError),
    /// The master key cannot be used.
    #[error("secrets: {0}")]
    Vault(#[from] VaultError),
    /// Nothing can be sent.
    #[error("{0}")]
    Notify(#[from] NotifyError),
    /// The API cannot listen.
    #[error("{0}")]
    Api(#[from] ApiError),
    /// The pages cannot listen.
    #[error("cannot listen on {place} for the pages: {source}")]
    Pages {
        /// Where.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// The system gave no thread.
    #[error("no thread for the writer: {0}")]
    Thread(io::Error),
    /// A task ended by itself.
    #[error("{0}")]
    Task(Exit),
    /// A write or sync failed: what was not answered is not there; start again.
    #[error("the store failed, nothing since the last answer is kept: {0}")]
    Writer(String),
}

impl AppError {
    /// The process's exit code: see the operator's manual.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Store(error) => error.exit_code(),
            Self::NoDirectory { .. } | Self::Load(_) | Self::Network(_) | Self::Http(_) | Self::Vault(_) => 78,
            Self::Notify(_) | Self::Api(_) | Self::Pages { .. } | Self::Thread(_) => 1,
            Self::Task(_) => 70,
            Self::Writer(_) => 74,
        }
    }
}

/// What the process has and the daemon needs.
#[derive(Debug)]
pub struct Process {
    /// The metrics registry.
    pub registry: PrometheusHandle,
    /// Log lines dropped so far.
    pub log_dropped: Arc<AtomicU64>,
    /// How the configuration is read again; `None`: it is not.
    pub again: Option<Again>,
}

/// Everything that listens, bound before anything runs.
struct Doors {
    api: Listeners,
    pages: TcpListener,
}

/// Runs the daemon until `stop`. `ready` is called once the store is verified and every listener is bound.
///
/// # Errors
/// [`AppError`]: why it did not start, or what ended it.
pub async fn run(
    config: Config,
    process: Process,
    stop: CancellationToken,
    ready: impl FnOnce() + Send,
) -> Result<(), AppError> {
    for warning in &config.warnings {
        warn!("{warning}");
    }
    let told = wiring::told(&config)?;
    let (core, pools) = tokio::select! {
        begun = patiently(begin(&config, &told)) => begun?,
        // Nothing has been promised yet, so nothing has to be finished: the full check of a large store takes minutes.
        () = stop.cancelled() => return Ok(()),
    };
    let doors = bind(&config).await?;
    let failed = Arc::new(OnceLock::new());
    let mut tasks = Supervisor::new(stop);
    start(&mut tasks, &config, (core, pools), doors, told, process, &failed)?;
    ready();
    info!("ready");
    // systemd may not be there; then nobody is told.
    drop(service::ready("watching"));

    let first = tasks.first_exit().await;
    drop(service::stopping("stopping"));
    info!("stopping");
    let late = patiently(tasks.close(config.stop.grace())).await;
    for exit in &late {
        error!("{exit}");
    }
    info!("stopped");
    if let Some(why) = failed.get() {
        return Err(AppError::Writer(why.clone()));
    }
    match first.or_else(|| late.into_iter().next()) {
        Some(exit) => Err(AppError::Task(exit)),
        None => Ok(()),
    }
}

/// Asks the service manager for more time while `step` goes on: a large store is verified for longer than any fixed
/// limit, and a start cut off there would be cut off again at every restart.
async fn patiently<T>(step: impl Future<Output = T>) -> T {
    let ask = async {
        loop {
            // systemd may not be there; then nobody is told.
            drop(service::extend_timeout(PATIENCE));
            tokio::time::sleep(PATIENCE_PAUSE).await;
        }
    };
    tokio::select! {
        biased;
        outcome = step => outcome,
        never = ask => never,
    }
}

/// The store, checked, and the pools, identified.
async fn begin(config: &Config, told: &Told) -> Result<(Core, Vec<Arc<Pool<Node>>>), AppError> {
    let core = open(config, told).await?;
    Ok((core, connect(config).await?))
}

/// Opens the store and checks every row of it.
async fn open(config: &Config, told: &Told) -> Result<Core, AppError> {
    let options = wiring::store_options(&config.store);
    for (key, path) in [("store.dir", &options.dir), ("store.witness", &options.witness)] {
        if let Some(dir) = path.parent().filter(|dir| !dir.is_dir()) {
            return Err(AppError::NoDirectory { key, dir: dir.display().to_string() });
        }
    }
    let specs: Vec<_> = config.networks.iter().map(|network| network.spec.clone()).collect();
    let vault = Arc::clone(&told.vault);
    let opened = tokio::task::spawn_blocking(move || {
        let mut loading = Loading::of(specs);
        let store = Store::open(&options, |row| loading.row(row))?;
        let mut core = loading.finish(store)?;
        seal::reseal(&mut core, &vault)?;
        Ok::<_, AppError>(core)
    });
    opened.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

/// Makes the pools and asks every endpoint who it is. Endpoints that do not answer are no reason not to start.
async fn connect(config: &Config) -> Result<Vec<Arc<Pool<Node>>>, AppError> {
    let mut pools = Vec::with_capacity(config.networks.len());
    for network in &config.networks {
        pools.push(Arc::new(wiring::pool(network)?));
    }
    for checked in futures::future::join_all(pools.iter().map(|pool| pool.connect())).await {
        checked?;
    }
    Ok(pools)
}

async fn bind(config: &Config) -> Result<Doors, AppError> {
    let api = Listeners::bind(&config.api.socket, config.api.tcp).await?;
    let pages = TcpListener::bind(config.http.pages)
        .await
        .map_err(|source| AppError::Pages { place: config.http.pages.to_string(), source })?;
    Ok(Doors { api, pages })
}

fn start(
    tasks: &mut Supervisor,
    config: &Config,
    (core, pools): (Core, Vec<Arc<Pool<Node>>>),
    doors: Doors,
    told: Told,
    mut process: Process,
    failed: &Arc<OnceLock<String>>,
) -> Result<(), AppError> {
    let (board, turns) = (wiring::board(&config.networks, clock::now()), TurnBoard::default());
    let (writer, commands) = WriterHandle::new();
    let (reader, specs) = (core.store().reader(), core.specs());
    let (desk, recheck) = (desk::over(&pools), recheck::Pools::of(&pools));
    let followers: Vec<_> = config
        .networks
        .iter()
        .zip(pools)
        .map(|(network, pool)| follower(network, pool, &core, &writer, &board, &turns))
        .collect();
    let notifier = Notifier::new(
        reader.clone(),
        writer.clone(),
        Arc::clone(&told.client),
        told.lanes.clone(),
        wiring::notify_settings(config),
    );

    let work = Writer::new(core, &writer, commands);
    let verdict = Arc::clone(failed);
    let run_writer = move || {
        work.run().inspect_err(|error| {
            // The first failure is the one that counts.
            let _ = verdict.set(error.to_string());
        })
    };
    tasks.spawn_thread("writer", run_writer).map_err(AppError::Thread)?;
    let stop = tasks.stop().clone();
    for follower in followers {
        let scanner = follower.back_scanner();
        tasks.spawn(format!("{} back-scan", follower.network()), scanner.run(stop.child_token()));
        tasks.spawn(follower.network().to_string(), follower.run(stop.child_token()));
    }
    tasks.spawn("notifier", notifier.run(stop.child_token()));
    if let Some(again) = process.again.take() {
        let reloads = Reloads { config: config.clone(), again, writer: writer.clone(), specs: specs.clone() };
        tasks.spawn("reload", reloads.run(stop.child_token()));
    }
    let pages = pages(process, &board, &turns, &reader);
    tasks.spawn("pages", serve_pages(doors.pages, pages, stop.child_token()));
    tasks.spawn("writer ping", ping(writer.clone(), turns.clone(), stop.child_token()));
    tasks.spawn("watchdog", {
        let stop = stop.child_token();
        async move {
            service::feed_watchdog(turns, stop).await;
            Ok::<_, String>(())
        }
    });
    let deps = wiring::api_deps(config, (reader, writer), (board, specs), recheck, desk, told);
    tasks.spawn("api", api::serve(deps, doors.api, stop.child_token()));
    Ok(())
}

fn follower(
    network: &crate::config::NetworkConfig,
    pool: Arc<Pool<Node>>,
    core: &Core,
    writer: &WriterHandle,
    board: &StatusBoard,
    turns: &TurnBoard,
) -> Follower<Node> {
    let name = network.spec.id.to_string();
    turns.expect(name.clone(), FOLLOWER_TURN_MAX);
    let stored = core.trackers().get(&network.spec.id).map_or_else(Stored::default, |tracker| Stored {
        headers: tracker.window().headers().map(|header| header.at).collect(),
        cursor: tracker.cursor(),
        due: tracker.due(DUE_LEN_MAX),
    });
    let turned = {
        let turns = turns.clone();
        Box::new(move || turns.turn(&name))
    };
    let settings = FollowSettings { specs: core.specs(), ..wiring::follow_settings(network) };
    Follower::new(network.spec.clone(), settings, pool, writer.clone(), board.clone(), stored, turned)
}

fn pages(process: Process, board: &StatusBoard, turns: &TurnBoard, reader: &Reader) -> Pages {
    let (store, outbox) = (reader.clone(), reader.clone());
    Pages::new(process.registry, board.clone(), turns.clone(), process.log_dropped)
        .with_check("store", move || store.healthy().map_err(|error| error.to_string()))
        .with_gauges(move || gauges::publish(&outbox))
}

/// Shows the watchdog that the writer takes its turns. Ends at the stop, letting go of its handle.
async fn ping(writer: WriterHandle, turns: TurnBoard, stop: CancellationToken) -> Result<(), String> {
    turns.expect("writer", WRITER_TURN_MAX);
    loop {
        if writer.ping().await.is_ok() {
            turns.turn("writer");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(PING_PAUSE) => {}
        }
    }
}
