//! A receiver that is down for seven days while very many events wait for it: memory, attempts, and the drain. The lanes,
//! the core and the store on disk are the daemon's; the clock and the answers are made up.
//!
//! `OUTBOX_ROWS` (default 1 000 000) sets about how many events, `BENCH_DIR` which disk.

#![expect(clippy::print_stdout, clippy::float_arithmetic, unreachable_pub, reason = "a benchmark prints figures")]

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;
mod week;

use std::time::Instant;

use depositd::store::{Store, StoreOptions};

use common::figure;
use week::{DAY_MS, Week};

/// Memory may grow by so much while the receiver is down.
const GROWTH_MAX: u64 = 64 << 20;
/// At once in the drain: each commit then settles as much as the writer puts into one.
const DRAIN_WIDTH: usize = 40;

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

fn main() {
    if !common::is_asked() {
        return;
    }
    let wanted = common::setting("OUTBOX_ROWS", 1_000_000);
    // Ten deposits are twelve events.
    let deposits = wanted * 10 / 12;
    let dir = common::scratch();
    let options =
        StoreOptions { dir: dir.path().join("store"), witness: dir.path().join("witness"), cache_bytes: 64 << 20 };
    let begun = Instant::now();
    let rows = week::fill(&mut Store::open(&options, |_| ()).expect("a store"), deposits);
    figure(&format!("{rows} events written"), format!("{:.1?}", begun.elapsed()));

    let begun = Instant::now();
    let mut week = Week::begin(common::open(dir.path()), deposits);
    figure("store opened and checked", format!("{:.1?}", begun.elapsed()));
    // The first look fills the cache with what every look needs.
    week.run_to(60_000, false);
    let before = common::resident_bytes();
    let begun = Instant::now();
    week.run_to(7 * DAY_MS, false);
    let after = common::resident_bytes();
    let growth = after.saturating_sub(before);
    figure("seven days down, simulated in", format!("{:.1?}", begun.elapsed()));
    figure("  memory before and after", format!("{}, {}", mib(before), mib(after)));
    figure("  growth (goal: below 64 MiB)", mib(growth));
    figure("  attempts, and lanes in memory at most", format!("{}, {}", week.attempts, week.lanes_most));
    figure("  parked", format!("{:?}", week.parked().map(|(why, since)| (why, since / 3_600_000))));
    assert!(growth < GROWTH_MAX, "memory grew by {}", mib(growth));
    assert!(week.accepted == 0 && week.attempts < 1000);

    let (begun, attempts) = (Instant::now(), week.attempts);
    week.resume_and_drain(DRAIN_WIDTH);
    let took = begun.elapsed();
    assert!(week.is_all_told(), "every version of every deposit, in order, once");
    assert_eq!((week.accepted, week.attempts - attempts), (rows, rows));
    let rate = f64::from(u32::try_from(rows).expect("few")) / took.as_secs_f64();
    figure("drained, each acknowledged once and in order", format!("{took:.1?}, {rate:.0} events/s"));
    figure("  memory after the drain", mib(common::resident_bytes()));
}
