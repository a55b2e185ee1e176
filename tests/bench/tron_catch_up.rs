//! TRON: catch-up over prepared blocks of 400 transactions from a local server, beside reading and typed-decoding the
//! same bytes with the same parallelism in the same run; and what it costs in requests, far below the head, at the tip,
//! and from an endpoint that allows 15 a second.
//!
//! `BENCH_BLOCKS` (default 600, about 0.75 MB of memory each) sets how many, `BENCH_DIR` the disk of the store.

#![expect(clippy::print_stdout, clippy::float_arithmetic, unreachable_pub, reason = "a benchmark prints figures")]

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;
mod shelf;
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod stage;

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use depositd::{
    chain::{http::HttpSettings, tron::TronMode},
    follow::FollowSettings,
};
use futures::{StreamExt, stream};
use serde::Deserialize;
use tokio::{runtime::Runtime, sync::Semaphore, task::JoinSet};

use common::figure;
use shelf::{Counts, FILLING, Kind, Shelf};
use stage::{Followed, Following};

const PATIENCE: Duration = Duration::from_secs(600);
/// Requests under way at once: as many as the daemon makes of a node, and of one range's infos.
const IN_FLIGHT: usize = 16;
const INFOS_IN_FLIGHT: usize = 8;
/// A block at the tip: a tenth of the real time.
const TIP_INTERVAL: Duration = Duration::from_millis(300);
const TIP_BLOCKS: u64 = 60;
/// What a small provider allows in a second, and blocks to read there.
const ALLOWED: u32 = 15;
const PACED_BLOCKS: u64 = 300;

#[derive(Deserialize)]
#[serde(bound = "'de: 'a")]
struct BareRange<'a> {
    block: Vec<BareBlock<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareBlock<'a> {
    #[serde(rename = "blockID")]
    id: &'a str,
    #[serde(borrow)]
    block_header: BareHeader<'a>,
    #[serde(default)]
    transactions: Vec<BareTransaction<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareHeader<'a> {
    #[serde(borrow)]
    raw_data: BareRaw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareRaw<'a> {
    number: u64,
    timestamp: u64,
    tx_trie_root: &'a str,
    parent_hash: &'a str,
    #[serde(rename = "witness_address")]
    witness_address: &'a str,
    version: u32,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareTransaction<'a> {
    #[serde(rename = "txID")]
    id: &'a str,
    #[serde(borrow)]
    ret: Vec<BareRet<'a>>,
    raw_data: BareSigned<'a>,
    raw_data_hex: &'a str,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareRet<'a> {
    #[serde(rename = "contractRet")]
    outcome: Option<&'a str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareSigned<'a> {
    #[serde(borrow)]
    contract: Vec<BareContract<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareContract<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareInfo<'a> {
    id: &'a str,
    block_number: u64,
    block_time_stamp: u64,
    #[serde(borrow)]
    receipt: BareReceipt<'a>,
    result: Option<&'a str>,
    #[serde(default)]
    log: Vec<BareLog<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareReceipt<'a> {
    result: Option<&'a str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareLog<'a> {
    address: &'a str,
    #[serde(borrow)]
    topics: Vec<&'a str>,
    data: &'a str,
}

/// What was read and decoded.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    bytes: u64,
    transactions: u64,
    infos: u64,
}

/// Reads and decodes without any check.
#[derive(Clone)]
struct Bare {
    client: reqwest::Client,
    url: String,
    in_flight: Arc<Semaphore>,
}

impl Bare {
    /// As cheaply as it can be had: into room made once.
    async fn ask(&self, call: &str, body: String) -> Vec<u8> {
        let _permit = self.in_flight.acquire().await.expect("it stays open");
        let request = self.client.post(format!("{}/walletsolidity/{call}", self.url));
        let request = request.header("content-type", "application/json").body(body);
        let mut response = request.send().await.expect("an answer");
        let length = response.content_length().and_then(|length| usize::try_from(length).ok()).expect("a length");
        let mut body = Vec::with_capacity(length);
        while let Some(chunk) = response.chunk().await.expect("a body") {
            body.extend_from_slice(&chunk);
        }
        body
    }

    async fn range(&self, from: u64, to: u64) -> Sum {
        let body = self.ask("getblockbylimitnext", format!(r#"{{"startNum":{from},"endNum":{}}}"#, to + 1)).await;
        let range: BareRange<'_> = serde_json::from_slice(&body).expect("blocks");
        let transactions = range.block.iter().map(|block| count(block.transactions.len())).sum();
        let mut sum = Sum { bytes: count(body.len()), transactions, infos: 0 };
        let asked: Vec<_> = (from..=to).map(|at| self.infos(at)).collect();
        let mut infos = stream::iter(asked).buffered(INFOS_IN_FLIGHT);
        while let Some((bytes, infos)) = infos.next().await {
            (sum.bytes, sum.infos) = (sum.bytes + bytes, sum.infos + infos);
        }
        std::hint::black_box(range);
        sum
    }

    async fn infos(&self, at: u64) -> (u64, u64) {
        let body = self.ask("gettransactioninfobyblocknum", format!(r#"{{"num":{at}}}"#)).await;
        let infos: Vec<BareInfo<'_>> = serde_json::from_slice(&body).expect("infos");
        (count(body.len()), count(std::hint::black_box(infos).len()))
    }
}

fn count(len: usize) -> u64 {
    u64::try_from(len).expect("a count")
}

/// The limit: every worker takes the next range until none is left.
async fn bare(shelf: &Shelf, settings: &FollowSettings) -> Duration {
    let (blocks, len) = (shelf.solid.height.0, settings.range_blocks);
    let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
    let bare = Bare { client: reqwest::Client::new(), url: shelf.url.clone(), in_flight };
    let next = Arc::new(AtomicU64::new(1));
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..settings.ranges_ahead {
        let (bare, next) = (bare.clone(), Arc::clone(&next));
        workers.spawn(async move {
            let mut sum = Sum::default();
            loop {
                let from = next.fetch_add(len, Ordering::Relaxed);
                if from > blocks {
                    return sum;
                }
                let more = bare.range(from, blocks.min(from + len - 1)).await;
                sum.bytes += more.bytes;
                sum.transactions += more.transactions;
                sum.infos += more.infos;
            }
        });
    }
    let sums = workers.join_all().await;
    let took = begun.elapsed();
    let read: u64 = sums.iter().map(|sum| sum.transactions).sum();
    assert!(read >= blocks * u64::from(FILLING.txs), "every transaction was read");
    assert_eq!(read, sums.iter().map(|sum| sum.infos).sum::<u64>());
    assert!(sums.iter().map(|sum| sum.bytes).sum::<u64>() >= shelf.bytes / 100 * 99, "the same bytes were read");
    took
}

/// As the daemon follows a TRON network, but looking at the head more often.
fn settings() -> FollowSettings {
    FollowSettings { follows_ties: false, ranges_are_final: true, range_blocks: 20, ranges_ahead: 8, ..stage::usual() }
}

fn http() -> HttpSettings {
    HttpSettings { in_flight_max: IN_FLIGHT, ..HttpSettings::default() }
}

async fn follow(shelf: &Shelf, http: HttpSettings, settings: FollowSettings) -> Followed {
    let scene = shelf.scene(http, TronMode::Solid);
    stage::follow_scene(scene, shelf.solid, || shelf.requests(), settings, PATIENCE).await
}

fn as_f64(number: u64) -> f64 {
    f64::from(u32::try_from(number).expect("a count"))
}

fn of(counts: &Counts, kinds: &[Kind]) -> u64 {
    kinds.iter().map(|kind| counts.get(kind).copied().unwrap_or(0)).sum()
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
struct Leg {
    took: Duration,
    /// Of the whole process, with the server's part, which is the same for both.
    cpu_ticks: u64,
}

fn measured(name: &str, shelf: &Shelf, run: impl FnOnce() -> Duration) -> Leg {
    let before = common::cpu_ticks();
    let took = run();
    let cpu_ticks = common::cpu_ticks() - before;
    let (blocks, megabytes) = (as_f64(shelf.solid.height.0), as_f64(shelf.bytes / 1000) / 1000.0);
    let (seconds, cpu) = (took.as_secs_f64(), as_f64(cpu_ticks) / 100.0);
    let rates = format!("{:.0} blocks/s, {:.0} MB/s", blocks / seconds, megabytes / seconds);
    figure(name, format!("{took:.2?}, {rates}, {cpu:.2} s of processor"));
    Leg { took, cpu_ticks }
}

fn median(mut numbers: Vec<f64>) -> String {
    numbers.sort_unstable_by(f64::total_cmp);
    format!("{:.2}", numbers[numbers.len() / 2])
}

fn catch_up(runtime: &Runtime, shelf: &Shelf) {
    let (mut by_clock, mut by_cpu) = (Vec::new(), Vec::new());
    for round in 1..=common::setting("BENCH_ROUNDS", 5) {
        let name = |what: &str| format!("round {round}: {what}");
        let limit =
            measured(&name("read and decoded, nothing else"), shelf, || runtime.block_on(bare(shelf, &settings())));
        shelf.take_counts();
        let followed = measured(&name("followed into the store"), shelf, || {
            runtime.block_on(follow(shelf, http(), settings())).took
        });
        by_clock.push(limit.took.as_secs_f64() / followed.took.as_secs_f64());
        by_cpu.push(as_f64(limit.cpu_ticks) / as_f64(followed.cpu_ticks.max(1)));
    }
    figure("share of the limit, median (goal: 0.5)", median(by_clock));
    figure("  by processor time, which other programs do not disturb", median(by_cpu));
    let counts = shelf.take_counts();
    let blocks = as_f64(shelf.solid.height.0);
    let all = as_f64(counts.values().sum());
    figure("solid mode, requests per block of the last round (goal: 1.2)", format!("{:.3}", all / blocks));
    figure("  of which were", format!("{counts:?}"));
}

/// Blocks are mined one by one while the daemon looks every `blocks_a_look` of them.
fn tip(runtime: &Runtime, mode: TronMode, blocks_a_look: u32) {
    let shelf = Shelf::start(40, false);
    let settings = FollowSettings { poll_interval: TIP_INTERVAL * blocks_a_look, ..settings() };
    runtime.block_on(async {
        let following = Following::begin(shelf.scene(http(), mode), settings);
        let head = || {
            let ledger = shelf.ledger.lock();
            if mode == TronMode::Solid { ledger.finalized().at } else { ledger.head().at }
        };
        following.reach(head(), PATIENCE).await;
        following.credited(PATIENCE).await;
        shelf.take_counts();
        for _ in 0..TIP_BLOCKS {
            tokio::time::sleep(TIP_INTERVAL).await;
            shelf.ledger.lock().extend(1);
        }
        following.reach(head(), PATIENCE).await;
        let counts = shelf.take_counts();
        let per_block = |kinds: &[Kind]| as_f64(of(&counts, kinds)) / as_f64(TIP_BLOCKS);
        let read = per_block(&[Kind::Block, Kind::Infos, Kind::Range, Kind::Header, Kind::Other]);
        figure(&format!("at the tip, {mode:?}: requests per new block (goal: 2)"), format!("{read:.2}"));
        let polls = per_block(&[Kind::Head]);
        let per_second = format!("{polls:.2} per block, {:.2} per second", polls / 3.0);
        figure(&format!("  polls, blocks of 3 s, a pause of {} s", blocks_a_look * 3), per_second);
        let per_day = (read + polls) * 28_792.0;
        figure("  requests in a day of 28 792 blocks", format!("{per_day:.0}"));
        following.end().await;
    });
}

/// One endpoint that refuses what is above its limit. What is under way when it does is read again, so it matters how
/// many ranges that is.
fn paced(runtime: &Runtime, ranges_ahead: usize) {
    let shelf = Shelf::start(PACED_BLOCKS, true);
    shelf.allow(Some(ALLOWED));
    let http = HttpSettings { requests_per_second: NonZeroU32::new(ALLOWED), ..http() };
    let settings = FollowSettings { ranges_ahead, ..settings() };
    let followed = runtime.block_on(follow(&shelf, http, settings));
    let ideal = PACED_BLOCKS + PACED_BLOCKS.div_ceil(20);
    let used = format!("{}, {} refused, ideal {ideal}", followed.requests, shelf.refused());
    figure(&format!("{PACED_BLOCKS} blocks, 15 requests a second, {ranges_ahead} ranges ahead: requests"), used);
    let least = as_f64(ideal) / f64::from(ALLOWED);
    let took = followed.took.as_secs_f64();
    figure("  time, and times what the ideal takes", format!("{took:.1} s, {:.2}", took / least));
    figure("  of which were", format!("{:?}", shelf.take_counts()));
}

fn main() {
    if !common::is_asked() {
        return;
    }
    depositd::chain::http::install_tls();
    let runtime = Runtime::new().expect("a runtime");
    let begun = Instant::now();
    let shelf = Shelf::start(common::setting("BENCH_BLOCKS", 600), true);
    let (blocks, took) = (shelf.solid.height.0, begun.elapsed());
    let each = shelf.bytes / blocks / 1000;
    figure(
        "blocks of 400 transactions, 100 of them transfers",
        format!("{blocks} of {each} kB, prepared in {took:.1?}"),
    );
    catch_up(&runtime, &shelf);
    drop(shelf);
    for (mode, blocks_a_look) in [(TronMode::Solid, 2), (TronMode::Solid, 1), (TronMode::HeadAndSolid, 1)] {
        tip(&runtime, mode, blocks_a_look);
    }
    for ranges_ahead in [8, 2] {
        paced(&runtime, ranges_ahead);
    }
}
