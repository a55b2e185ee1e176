//! Deliveries a second over many endpoints, with signing and durable settlement, against a bare loop of POSTs with the
//! same kind of client, bodies, receivers and number under way; how soon after its commit an event is on the wire; and
//! what a slow receiver costs the others.
//!
//! `DELIVERY_ROWS` (default 30 000) sets how many events, `DELIVERY_ENDPOINTS` (100) how many receivers, `BENCH_DIR` which
//! disk.

#![expect(clippy::print_stdout, clippy::float_arithmetic, unreachable_pub, reason = "a benchmark prints figures")]

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;
mod receivers;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use depositd::{
    delivery::pace::PaceRules,
    domain::{
        Act, App, AppId, AttemptNo, EgressPolicy, Endpoint, EventId, EventPlace, EventVersion, LaneBoard, LiveKey,
        Notification, NotificationState, NotifyUrl, SigningKey, Trigger, clock,
    },
    notify::{Client, Notifier, NotifyError, NotifySettings},
    store::{Reader, Store, StoreOptions},
    tracker::{Change, Changeset},
    vault::Vault,
    writer::{Loading, Writer, WriterHandle},
};
use tokio::{runtime::Runtime, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use common::figure;
use receivers::Receivers;

/// Rows staged for one commit of the preparation.
const CHUNK: usize = 60;
/// The slow receiver's answer takes so long.
const SLOW: Duration = Duration::from_secs(5);
/// Fast receivers beside it.
const FAST: usize = 50;
/// Events of each part of the comparison.
const SAMPLES: usize = 1200;
/// Between two of them.
const SAMPLE_EVERY: Duration = Duration::from_millis(5);

fn app(number: usize, port: u16, vault: &Vault) -> App {
    let id: AppId = format!("shop{number}").parse().expect("an app's name");
    let url = format!("http://127.0.0.1:{port}/hook");
    let key = vault.seal(&id, &SigningKey::kept(vec![7; 32])).expect("a sealed key");
    let keys = vec![LiveKey { key, until: None }];
    App { id, notify_url: NotifyUrl::checked(url).expect("a URL"), keys, ..common::app() }
}

fn event(number: usize) -> EventId {
    EventId::money(&format!("dep_{number:032}"), EventVersion(1))
}

fn body(number: usize) -> Vec<u8> {
    format!("{{\"id\":\"{}\",\"filler\":\"{number:0>500}\"}}", event(number)).into_bytes()
}

/// A store with `rows` events that are due, spread over `apps`.
fn fill(dir: &Path, apps: &[App], rows: usize) -> StoreOptions {
    let options = StoreOptions { dir: dir.join("store"), witness: dir.join("witness"), cache_bytes: 64 << 20 };
    let mut store = Store::open(&options, |_| ()).expect("a store");
    let endpoints = apps.iter().map(|app| Change::Endpoint(Endpoint::of(&app.id, &app.notify_url)));
    let mut changes: Vec<Change> = apps.iter().cloned().map(Change::App).chain(endpoints).collect();
    for number in 0..rows {
        let app = &apps[number % apps.len()];
        changes.push(Change::Notification(Notification {
            id: event(number),
            place: EventPlace(u64::try_from(number + 1).expect("few")),
            app: app.id.clone(),
            url: app.notify_url.clone(),
            protocol: app.protocol,
            body: body(number),
            created: clock::now(),
            attempts: AttemptNo(0),
            tries: 0,
            trigger: Trigger::Schedule,
            trade: None,
            state: NotificationState::Due(clock::now()),
            after: None,
            then: None,
        }));
        if changes.len() >= CHUNK || number + 1 == rows {
            let changes = std::mem::take(&mut changes);
            store.stage(&Changeset { changes, events: Vec::new() }).expect("rows that can be kept");
            store.commit().expect("a commit");
        }
    }
    options
}

/// The writer and the notifier over a store on disk.
struct Daemon {
    writer: WriterHandle,
    reader: Reader,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), NotifyError>>,
    thread: thread::JoinHandle<()>,
}

impl Daemon {
    fn start(options: &StoreOptions, vault: &Arc<Vault>, settings: &NotifySettings) -> Self {
        let mut loading = Loading::of([common::spec()]);
        let store = Store::open(options, |row| loading.row(row)).expect("the store opens");
        let core = loading.finish(store).expect("its rows fit");
        let reader = core.store().reader();
        let (writer, commands) = WriterHandle::new();
        let work = Writer::new(core, &writer, commands);
        let thread = thread::spawn(move || work.run().expect("the disk works"));
        let client = Arc::new(Client::new(settings, Arc::clone(vault)).expect("a client"));
        let notifier = Notifier::new(reader.clone(), writer.clone(), client, LaneBoard::default(), settings.clone());
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(notifier.run(stop.clone()));
        Self { writer, reader, stop, tasks, thread }
    }

    /// Whether nothing waits any more.
    fn is_done(&self) -> bool {
        self.reader.next_lane(None).expect("a read").is_none()
    }

    async fn resend(&self, number: usize) {
        let act = Act { by: "uid 0".to_owned(), at: clock::now(), why: "again".to_owned() };
        self.writer.resend(event(number), act).await.expect("an event that can be sent again");
    }

    async fn end(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no panic").expect("the notifier ends well");
        }
        drop(self.writer);
        self.thread.join().expect("the writer ends well");
    }
}

fn settings(pace: PaceRules) -> NotifySettings {
    let usual = NotifySettings::default();
    let lanes = depositd::notify::LaneRules { pace, ..usual.lanes };
    let egress = EgressPolicy { allow_insecure_loopback: true, ..EgressPolicy::default() };
    NotifySettings { lanes, egress, ..usual }
}

/// The same bodies with nothing around them: POSTs a second.
async fn bare(ports: &[u16], rows: usize, in_flight: usize) -> f64 {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .no_gzip()
        .referer(false)
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(Duration::from_secs(30))
        .user_agent("bare")
        .build()
        .expect("a client");
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut posts = JoinSet::new();
    for _ in 0..in_flight {
        let (client, next, ports) = (client.clone(), Arc::clone(&next), ports.to_vec());
        posts.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= rows {
                    break;
                }
                let url = format!("http://127.0.0.1:{}/hook", ports[number % ports.len()]);
                let request = client.post(url).header("content-type", "application/json").body(body(number));
                let answer = request.send().await.expect("an answer");
                assert!(answer.status().is_success());
                answer.bytes().await.expect("an empty body");
            }
        });
    }
    posts.join_all().await;
    rate(rows, begun.elapsed())
}

fn rate(rows: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(rows).expect("few")) / took.as_secs_f64()
}

fn percentile(delays: &mut [Duration], permille: usize) -> Duration {
    delays.sort();
    delays[(delays.len() - 1) * permille / 1000]
}

async fn deliveries(options: &StoreOptions, vault: &Arc<Vault>, receivers: &Receivers, rows: usize) {
    let settings = settings(PaceRules { per_second: 0, burst: 1 });
    let ports = receivers.ports();
    let in_flight = settings.lanes.in_flight_max;
    let first = bare(ports, rows, in_flight).await;
    let before = receivers.count();
    let daemon = Daemon::start(options, vault, &settings);
    let (begun, ticks, commits) = (Instant::now(), common::cpu_ticks(), daemon.reader.sequence());
    while !daemon.is_done() {
        sleep(Duration::from_millis(5)).await;
    }
    let (took, ticks) = (begun.elapsed(), common::cpu_ticks() - ticks);
    let commits = daemon.reader.sequence() - commits;
    assert_eq!(receivers.count() - before, rows, "each event is sent once");
    daemon.end().await;
    let second = bare(ports, rows, in_flight).await;
    let ours = rate(rows, took);
    figure(
        &format!("bare POSTs a second, {in_flight} under way, before and after"),
        format!("{first:.0}, {second:.0}"),
    );
    figure("deliveries a second, signed, settled on disk", format!("{ours:.0}"));
    figure("  commits", commits);
    figure("  processor time, receivers included, in hundredths of a second", ticks);
    figure("  share of the bare POSTs (goal: at least 0.6)", format!("{:.2}", 2.0 * ours / (first + second)));
}

async fn delay(daemon: &Daemon, receivers: &Receivers, rows: usize) {
    let mut delays = Vec::new();
    for number in (0..rows).step_by(7).take(600) {
        receivers.forget();
        daemon.resend(number).await;
        let committed = Instant::now();
        let arrived = receivers.wait_for(event(number).as_str()).await;
        delays.push(arrived.saturating_duration_since(committed));
        sleep(Duration::from_millis(2)).await;
    }
    let (half, most) = (percentile(&mut delays, 500), percentile(&mut delays, 990));
    figure("commit of an event to the first byte of its request: p50, p99", format!("{half:.2?}, {most:.2?}"));
}

/// Delays from asking for an event to the first byte of its request, over the fast receivers.
async fn fast(daemon: &Arc<Daemon>, receivers: &Receivers, endpoints: usize) -> Vec<Duration> {
    receivers.forget();
    let mut asked = Vec::new();
    let mut tasks = JoinSet::new();
    let mut tick = tokio::time::interval(SAMPLE_EVERY);
    for sample in 0..SAMPLES {
        tick.tick().await;
        // Receiver 0 is the slow one.
        let number = 1 + sample % FAST + endpoints * (sample / FAST);
        let daemon = Arc::clone(daemon);
        asked.push((number, Instant::now()));
        tasks.spawn(async move { daemon.resend(number).await });
    }
    tasks.join_all().await;
    let mut delays = Vec::new();
    for (number, at) in asked {
        delays.push(receivers.wait_for(event(number).as_str()).await.saturating_duration_since(at));
    }
    delays
}

async fn beside_a_slow_one(daemon: &Arc<Daemon>, receivers: &Receivers, endpoints: usize) {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        without.extend(fast(daemon, receivers, endpoints).await);
        receivers.slow_down(SLOW);
        for number in 0..60 {
            daemon.resend(number * endpoints).await;
        }
        with.extend(fast(daemon, receivers, endpoints).await);
        receivers.slow_down(Duration::ZERO);
        while !daemon.is_done() {
            sleep(Duration::from_millis(20)).await;
        }
    }
    for permille in [500, 990] {
        let (without, with) = (percentile(&mut without, permille), percentile(&mut with, permille));
        let ratio = with.as_secs_f64() / without.as_secs_f64();
        figure(
            &format!("{FAST} fast receivers, alone and beside a slow one, p{}", permille / 10),
            format!("{without:.2?}, {with:.2?}"),
        );
        figure("  times as long (goal for p99: at most 1.25)", format!("{ratio:.2}"));
    }
}

fn main() {
    if !common::is_asked() {
        return;
    }
    depositd::chain::http::install_tls();
    let rows = usize::try_from(common::setting("DELIVERY_ROWS", 30_000)).expect("few");
    let endpoints = usize::try_from(common::setting("DELIVERY_ENDPOINTS", 100)).expect("few");
    assert!(endpoints > FAST && rows >= endpoints * 60, "too few to measure with");
    let (dir, vault) = (common::scratch(), common::vault());
    let receivers = Receivers::start(endpoints);
    let apps: Vec<App> =
        receivers.ports().iter().enumerate().map(|(number, port)| app(number, *port, &vault)).collect();
    let options = fill(dir.path(), &apps, rows);
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        deliveries(&options, &vault, &receivers, rows).await;
        let daemon = Arc::new(Daemon::start(&options, &vault, &settings(PaceRules::default())));
        delay(&daemon, &receivers, rows).await;
        beside_a_slow_one(&daemon, &receivers, endpoints).await;
        Arc::into_inner(daemon).expect("nobody else has it").end().await;
    });
}
