//! Durable registrations: 64 clients over gRPC, the real writer and a store on disk, beside a bare loop of syncs on the
//! same file system in the same run.
//!
//! `BENCH_SECONDS` (default 10) sets how long the clients register, `BENCH_DIR` which disk.

#![expect(clippy::print_stdout, clippy::float_arithmetic, unreachable_pub, reason = "a benchmark prints figures")]

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput};
use depositd::{
    api::{
        self, ApiDeps, Listeners,
        proto::v1::{RegisterOrderRequest, order_service_client::OrderServiceClient, register_order_request::Amount},
        recheck::NobodyToAsk,
    },
    domain::{Family, NotifyUrl, StatusBoard, Timestamp},
    writer::{Writer, WriterHandle},
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use common::{Rng, figure};

const CLIENTS: usize = 64;

/// The daemon's parts that a registration passes, served on a Unix socket.
struct Daemon {
    runtime: Runtime,
    socket: String,
    stop: CancellationToken,
    writer: Option<thread::JoinHandle<()>>,
    dir: TempDir,
}

impl Daemon {
    fn start() -> Self {
        let dir = common::scratch();
        let core = common::begin(dir.path(), common::made_up_genesis(), Timestamp(0));
        let (handle, commands) = WriterHandle::new();
        let deps = ApiDeps {
            reader: core.store().reader(),
            writer: handle.clone(),
            networks: depositd::domain::SpecBoard::of([common::spec()]),
            board: StatusBoard::default(),
            url_check: Arc::new(|url, _| {
                NotifyUrl::checked(url.to_owned()).ok_or_else(|| ("url".to_owned(), "no URL".to_owned()))
            }),
            desk: Arc::new(NobodyToAsk),
            postman: Arc::new(common::NoPost),
            vault: common::vault(),
            lanes: Default::default(),
            recheck: Arc::new(NobodyToAsk),
            tokens: Vec::new(),
        };
        let work = Writer::new(core, &handle, commands);
        let writer = thread::spawn(move || work.run().expect("the disk works"));
        let runtime = Runtime::new().expect("a runtime");
        let path = dir.path().join("api.sock");
        let listeners = runtime.block_on(Listeners::bind(&path, None)).expect("a socket");
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn_on(api::serve(deps, listeners, stop.clone()), runtime.handle());
        tasks.detach_all();
        Self { runtime, socket: format!("unix:{}", path.display()), stop, writer: Some(writer), dir }
    }

    fn clients(&self) -> Vec<OrderServiceClient<Channel>> {
        let connect = || async { OrderServiceClient::new(api::connect(&self.socket).await.expect("a connection")) };
        self.runtime.block_on(futures::future::join_all((0..CLIENTS).map(|_| connect())))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop.cancel();
        // The API lets go of its handle of the writer, whose thread then ends.
        self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(200)).await });
        drop(self.writer.take());
    }
}

fn order(rng: &mut Rng) -> RegisterOrderRequest {
    RegisterOrderRequest {
        app_id: common::app_id().to_string(),
        order_id: format!("order-{:016x}", rng.next()),
        user_mark: format!("user-{:08x}", rng.next() >> 32),
        address: rng.address().display(Family::Evm).to_string(),
        networks: vec![common::network().to_string()],
        token: "USDT".to_owned(),
        amount: Some(Amount::AmountDecimal("12.5".to_owned())),
        ..Default::default()
    }
}

/// Every client registers until `left` runs out or the time is over; how long each answer took.
async fn register(
    clients: &[OrderServiceClient<Channel>],
    left: Arc<AtomicU64>,
    until: Option<Instant>,
    seed: u64,
) -> Vec<Duration> {
    let mut tasks = JoinSet::new();
    for (number, client) in (0..).zip(clients) {
        let (mut client, left) = (client.clone(), Arc::clone(&left));
        tasks.spawn(async move {
            let mut rng = Rng(seed ^ (number << 32));
            let mut took = Vec::new();
            let take = |left: &AtomicU64| left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
            while until.is_none_or(|until| Instant::now() < until) && take(&left).is_ok() {
                let request = order(&mut rng);
                let begun = Instant::now();
                client.register_order(request).await.expect("an order is registered");
                took.push(begun.elapsed());
            }
            took
        });
    }
    tasks.join_all().await.concat()
}

fn figures(daemon: &Daemon, clients: &[OrderServiceClient<Channel>]) {
    let dir = daemon.dir.path();
    let before = common::fsyncs_per_second(dir, Duration::from_secs(2));
    let begun = Instant::now();
    let until = begun + Duration::from_secs(common::setting("BENCH_SECONDS", 10));
    let mut took = daemon.runtime.block_on(register(clients, Arc::new(AtomicU64::new(u64::MAX)), Some(until), 0x5eed));
    let seconds = begun.elapsed().as_secs_f64();
    let after = common::fsyncs_per_second(dir, Duration::from_secs(2));
    took.sort_unstable();
    let fsyncs = (before + after) / 2.0;
    let rate = f64::from(u32::try_from(took.len()).expect("few")) / seconds;
    let percentile = |hundredths: usize| took[(took.len() - 1) * hundredths / 100];
    figure("bare loop: 4 KiB written and fdatasynced, per second", format!("{before:.0} before, {after:.0} after"));
    figure("durable registrations per second, 64 clients", format!("{rate:.0}"));
    figure("  for each sync of the bare loop (goal: 4.0)", format!("{:.1}", rate / fsyncs));
    figure("  p50", format!("{:.1?}", percentile(50)));
    figure("  p99 (goal: 120 ms)", format!("{:.1?}", percentile(99)));
    figure("  slowest", format!("{:.1?}", percentile(100)));
}

fn main() {
    if !common::is_asked() {
        return;
    }
    let daemon = Daemon::start();
    let clients = daemon.clients();
    figures(&daemon, &clients);

    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("registrations");
    group.throughput(Throughput::Elements(1));
    let mut seed = 0;
    group.bench_function("64 clients", |bencher| {
        bencher.iter_custom(|orders| {
            seed += 1;
            let begun = Instant::now();
            daemon.runtime.block_on(register(&clients, Arc::new(AtomicU64::new(orders)), None, seed << 48));
            begun.elapsed()
        });
    });
    group.finish();
    criterion.final_summary();
}
