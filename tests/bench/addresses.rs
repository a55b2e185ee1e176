//! Watched addresses: lookups and bytes of the index alone at 10 million, and of a whole process that holds a store of
//! so many on disk.
//!
//! `BENCH_ADDRESSES` (default 10 000 000) sets the size of the index, `BENCH_STORED` (default 1 000 000) how many are
//! registered in the store, `BENCH_DIR` its disk.

#![expect(clippy::print_stdout, clippy::float_arithmetic, unreachable_pub, reason = "a benchmark prints figures")]

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;

use std::{
    env,
    hint::black_box,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput};
use depositd::{
    domain::{Address, Millis, Timestamp, UserMark},
    tracker::WatchIndex,
    writer::NewWatch,
};

use common::{Rng, figure};

/// Set for the process that only opens a store and says what it costs.
const HOLDER: &str = "BENCH_HOLD_STORE";
/// Addresses in one commit: two rows each, 200 rows a group at most.
const GROUP: u64 = 100;
const LOOKUPS: u32 = 10_000_000;

fn per(bytes: u64, count: u64) -> String {
    format!("{}.{} bytes", bytes / count, bytes % count * 10 / count)
}

fn index_of(count: u64) -> WatchIndex {
    let (mut index, mut rng) = (WatchIndex::default(), Rng(1));
    let before = common::resident_bytes();
    let begun = Instant::now();
    for _ in 0..count {
        index.insert(rng.address());
    }
    let took = begun.elapsed();
    let resident = common::resident_bytes().saturating_sub(before);
    figure("addresses in the index", index.len());
    figure("  inserted in", format!("{took:.2?}"));
    figure("  bytes each, as the index counts them", per(u64::try_from(index.heap_bytes()).expect("a size"), count));
    figure("  bytes each, as the process grew", per(resident, count));
    index
}

/// Every 37th of the addresses put in, in an order of their own.
fn some_of(count: u64) -> Vec<Address> {
    let mut rng = Rng(1);
    let mut some: Vec<_> = (0..count).map(|_| rng.address()).step_by(37).collect();
    some.sort_unstable_by_key(|address| address.0[7..].to_owned());
    some
}

fn time_lookups(index: &WatchIndex, asked: &[Address], expect: bool) -> Duration {
    let begun = Instant::now();
    for address in asked.iter().cycle().take(usize::try_from(LOOKUPS).expect("a count")) {
        assert_eq!(index.contains(black_box(*address)), expect);
    }
    begun.elapsed() / LOOKUPS
}

fn lookups(index: &WatchIndex, hits: &[Address], misses: &[Address]) {
    for (name, asked, expect) in [("hits", hits, true), ("misses", misses, false)] {
        let each = time_lookups(index, asked, expect);
        let rate = 1e9 / f64::from(u32::try_from(each.as_nanos().max(1)).expect("fast"));
        figure(&format!("  lookups, {name} (goal: 1 µs)"), format!("{each:?} each, {rate:.0} per second"));
    }
}

/// Registers `count` standing watches, durably.
fn fill(dir: &Path, count: u64) {
    let mut core = common::begin(dir, common::made_up_genesis(), Timestamp(0));
    let mut rng = Rng(2);
    let begun = Instant::now();
    for first in (0..count).step_by(usize::try_from(GROUP).expect("a count")) {
        for _ in first..count.min(first + GROUP) {
            let networks = vec![common::network()];
            let user_mark = UserMark::parse(&format!("{:x}", rng.next() >> 40)).expect("a short mark");
            let new = NewWatch { since: None, app: common::app_id(), user_mark, address: rng.address(), networks };
            core.watch_address(&new, Millis(1)).expect("a watch");
        }
        core.commit().expect("a commit");
    }
    figure("  registered, durably, in", format!("{:.1?}", begun.elapsed()));
}

/// Opens the store of `dir` as the daemon does at start, in a process of its own; bytes it then holds.
fn hold(dir: &Path) -> (u64, String) {
    let exe = env::current_exe().expect("a program");
    let output = Command::new(exe).arg("--bench").env(HOLDER, dir).output().expect("a process");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let (bytes, took) = text.trim().split_once(' ').expect("two words");
    (bytes.parse().expect("a number"), took.to_owned())
}

fn all_in(count: u64) {
    let (empty, full) = (common::scratch(), common::scratch());
    drop(common::begin(empty.path(), common::made_up_genesis(), Timestamp(0)));
    let (base, _) = hold(empty.path());
    figure("addresses in a store on disk", count);
    fill(full.path(), count);
    let (held, took) = hold(full.path());
    figure("  start with the full check in", took);
    figure("  memory of the process", format!("{} MiB, {} MiB with an empty store", held >> 20, base >> 20));
    figure("  bytes each, all in (goal: 64)", per(held.saturating_sub(base), count));
}

fn main() {
    if let Some(dir) = env::var_os(HOLDER) {
        let begun = Instant::now();
        let core = common::open(Path::new(&dir));
        let took = begun.elapsed();
        println!("{} {took:.2?}", common::resident_bytes());
        drop(core);
        return;
    }
    if !common::is_asked() {
        return;
    }
    let count = common::setting("BENCH_ADDRESSES", 10_000_000);
    let index = index_of(count);
    let mut rng = Rng(3);
    let (hits, misses) = (some_of(count), (0..count / 37).map(|_| rng.address()).collect::<Vec<_>>());
    lookups(&index, &hits, &misses);

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("lookup");
    group.throughput(Throughput::Elements(1));
    for (name, asked) in [("hit", &hits), ("miss", &misses)] {
        let mut addresses = asked.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| index.contains(*addresses.next().expect("an endless row")));
        });
    }
    group.finish();
    criterion.final_summary();
    drop(index);

    all_in(common::setting("BENCH_STORED", 1_000_000));
}
