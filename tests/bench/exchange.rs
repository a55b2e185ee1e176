//! A million addresses into a daemon and out again: the command line, gRPC over a Unix socket, the real writer and a
//! store on disk, beside the syncs that as many commits of 200 rows would need at least.
//!
//! `BENCH_RECORDS` (default 1 000 000) sets how many, `BENCH_DIR` which disk.

#![expect(clippy::print_stdout, clippy::float_arithmetic, unreachable_pub, reason = "a benchmark prints figures")]

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use depositd::{
    api::{self, ApiDeps, Listeners, recheck::NobodyToAsk},
    domain::{Family, NotifyUrl, SpecBoard, StatusBoard, Timestamp},
    writer::{Writer, WriterHandle},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinSet};
use tokio_util::sync::CancellationToken;

use common::{Rng, figure};

/// Rows of one commit.
const GROUP: u64 = 200;

/// The daemon's parts that an import passes, served on a Unix socket.
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
            networks: SpecBoard::of([common::spec()]),
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

    /// Runs a command to its end: what it printed, how long it took, and the most memory it held, in bytes.
    fn run(&self, words: &[&str]) -> (Value, Duration, u64) {
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_depositd"))
            .args(words)
            .args(["--json", "--server", &self.socket])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut peak = 0;
        let status = loop {
            peak = peak.max(peak_bytes(&format!("/proc/{}/status", child.id())).unwrap_or(0));
            if let Some(status) = child.try_wait().expect("it can be asked") {
                break status;
            }
            thread::sleep(Duration::from_millis(50));
        };
        let took = begun.elapsed();
        assert!(status.success(), "{words:?}: {status}");
        let output = child.wait_with_output().expect("its output").stdout;
        (serde_json::from_slice(&output).expect("JSON"), took, peak)
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

/// The most memory a process has held, as the kernel counts it.
fn peak_bytes(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Bytes of every file below `dir`.
fn bytes_below(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry"));
    let size = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes_below(&entry.path()),
        Ok(_) | Err(_) => entry.metadata().map_or(0, |found| found.len()),
    };
    entries.map(size).sum()
}

/// An export of so many addresses, as the manual describes it, written by nothing of the daemon's.
fn made_up_export(dir: &Path, count: u64) -> PathBuf {
    let path = dir.join("made-up.jsonl");
    let mut out = BufWriter::new(File::create(&path).expect("a file"));
    let (mut hash, mut rng) = (Sha256::new(), Rng(4));
    let mut line = |out: &mut BufWriter<File>, content: &Value| {
        let line = format!("{content}\n");
        hash.update(&line);
        out.write_all(line.as_bytes()).expect("room");
        hex::encode(hash.clone().finalize())
    };
    line(&mut out, &json!({"format": "depositd registrations", "version": 1, "created_ms": 0, "depositd": "0"}));
    let app = common::app();
    let app = json!({"app": {
        "app_id": app.id.to_string(), "notify_url": app.notify_url.as_str(), "amount_policy": app.amount_policy.word(),
    }});
    let mut sha256 = line(&mut out, &app);
    for _ in 0..count {
        let (mark, address) = (rng.next() >> 40, rng.address().text(Family::Evm));
        sha256 = line(
            &mut out,
            &json!({"address": {
                "network": common::network().to_string(), "address": address, "app_id": common::app_id().to_string(),
                "user_mark": format!("{mark:x}"), "standing_from": 1, "created_ms": 1_763_000_000_000_u64,
            }}),
        );
    }
    line(&mut out, &json!({"end": {"count": count + 1, "sha256": sha256}}));
    out.flush().expect("room");
    path
}

fn rate(count: u64, took: Duration) -> f64 {
    f64::from(u32::try_from(count).expect("few")) / took.as_secs_f64()
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

fn main() {
    if !common::is_asked() {
        return;
    }
    let count = common::setting("BENCH_RECORDS", 1_000_000);
    let daemon = Daemon::start();
    let dir = daemon.dir.path();
    let file = made_up_export(dir, count);
    let file = file.to_str().expect("text");
    let before = common::fsyncs_per_second(dir, Duration::from_secs(2));
    let store = dir.join("store");
    let empty = bytes_below(&store);
    let import = ["import", "--file", file, "--reason", "benchmark"];

    figure("addresses", count);
    let (dry, took, _) = daemon.run(&[&import[..], &["--dry-run"]].concat());
    assert_eq!(dry["written"], count);
    figure(
        "  dry run: the file checked, every row asked for",
        format!("{took:.1?}, {:.0} per second", rate(count, took)),
    );

    let (shown, took, peak) = daemon.run(&import);
    assert_eq!((&shown["written"], &shown["not_taken"]), (&count.into(), &0.into()));
    let after = common::fsyncs_per_second(dir, Duration::from_secs(2));
    let limit = f64::from(u32::try_from(count.div_ceil(GROUP)).expect("few")) / ((before + after) / 2.0);
    figure(
        "  import: checked, durable, audited, read back",
        format!("{took:.1?}, {:.0} per second", rate(count, took)),
    );
    figure(
        "    the bare syncs of its commits of 200 rows",
        format!("{limit:.1} s ({before:.0} to {after:.0} a second)"),
    );
    figure("    times that limit", format!("{:.1}", took.as_secs_f64() / limit));
    figure("    most memory of the command", mib(peak));
    let own = peak_bytes("/proc/self/status").expect("Linux");
    figure("    most memory of the daemon's parts", mib(own));
    let held = bytes_below(&store).saturating_sub(empty);
    figure("    store on disk", format!("{}, {} bytes an address", mib(held), held / count.max(1)));

    let (shown, took, _) = daemon.run(&import);
    assert_eq!(shown["unchanged"], count + 1);
    figure("  the same file again: reads only", format!("{took:.1?}, {:.0} per second", rate(count, took)));

    let out = dir.join("out.jsonl");
    let (shown, took, peak) = daemon.run(&["export", "--file", out.to_str().expect("text")]);
    assert_eq!(shown["records"], count + 1);
    let size = fs::metadata(&out).expect("the export").len();
    figure("  export: written, synced, checked", format!("{took:.1?}, {:.0} per second", rate(count, took)));
    figure("    most memory of the command", mib(peak));
    figure("    file", format!("{}, {} bytes a record", mib(size), size / (count + 1)));
}
