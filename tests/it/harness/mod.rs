//! A small world: simulated networks behind simulated nodes, a merchant, and the daemon between them.

pub mod books;
pub mod day;
pub mod gateway;
pub mod net;
pub mod process;

use std::{
    fmt::Write as _,
    fs,
    fs::Permissions,
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Arc, Once, OnceLock, atomic::AtomicU64},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use depositd::{
    api::connect,
    app::{self, Again, AppError, Process, Reloaded},
    chain::http::install_tls,
    config,
    devnet::Merchant,
    domain::Address,
    metrics,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use self::gateway::Gateway;
pub use self::net::{Net, Plan};

/// The simulated USDT, on every network.
pub const TOKEN: Address = Address([0x11; 20]);
/// Who pays.
pub const PAYER: Address = Address([0x44; 20]);
/// The merchant integration of most tests.
pub const SHOP: &str = "shop";
/// Its signing key.
pub const KEY: [u8; 32] = [7; 32];
/// A master key: the base64 of 32 bytes from c0 on.
pub const MASTER_KEY: &str = "wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t8=";
/// Longest wait for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(40);
/// Longest attempt to tell a merchant, in milliseconds.
pub const NOTIFY_DEADLINE_MS: u64 = 12_000;

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

/// Everything but the daemon, and the daemon when it runs in this process.
#[derive(Debug)]
pub struct World {
    pub dir: TempDir,
    pub nets: Vec<Net>,
    pub merchant: Merchant,
    pub pages: SocketAddr,
    /// Further lines of `[api]`.
    pub api: String,
    /// The master keys: the current one, then older ones.
    pub master_keys: Vec<&'static str>,
    daemon: Option<Daemon>,
}

#[derive(Debug)]
struct Daemon {
    task: JoinSet<Result<(), AppError>>,
    stop: CancellationToken,
    again: mpsc::Sender<oneshot::Sender<Reloaded>>,
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
        Self {
            dir,
            nets,
            merchant,
            pages: free_port(),
            api: String::new(),
            master_keys: vec![MASTER_KEY],
            daemon: None,
        }
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
        let master_keys = (0..).zip(&self.master_keys).map(|(number, key)| {
            let file = self.dir.path().join(format!("master-{number}.key"));
            fs::write(&file, key).expect("the master key is written");
            fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("and closed");
            format!("\"{}\"", file.display())
        });
        let master_keys: Vec<String> = master_keys.collect();
        let (master_key, previous) = (&master_keys[0], master_keys[1..].join(", "));
        let dir = self.dir.path().display();
        let (pages, api) = (self.pages, &self.api);
        let mut text = format!(
            "[store]\ndir = \"{dir}/store\"\nwitness = \"{dir}/witness\"\n\
             [secrets]\nmaster_key_file = {master_key}\nprevious_master_key_files = [{previous}]\n\
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
        let file = self.configure();
        let config = config::load(Some(&file), std::iter::empty()).map_err(|errors| errors.text());
        let (again, asked) = mpsc::channel(1);
        let read = Again { asked, read: Arc::new(move || config::load(Some(&file), std::iter::empty())) };
        let process = Process { registry: registry(), log_dropped: Arc::new(AtomicU64::new(0)), again: Some(read) };
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
        self.daemon = Some(Daemon { task, stop, again });
        self.connect().await
    }

    /// Writes the configuration as the plans are now, and lets the running daemon read it again.
    pub async fn reload(&self) -> Reloaded {
        self.configure();
        self.read_again().await
    }

    /// Lets the running daemon read its configuration again, as it lies there.
    pub async fn read_again(&self) -> Reloaded {
        let (tell, told) = oneshot::channel();
        let daemon = self.daemon.as_ref().expect("a daemon in this process");
        daemon.again.send(tell).await.expect("the daemon listens");
        told.await.expect("the daemon says what became of it")
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
    counted_in(&registry().render(), name, labels)
}

/// The same in what the registry held at some moment.
pub fn counted_in(text: &str, name: &str, labels: &[(&str, &str)]) -> u64 {
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    let lines = text.lines().filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}
