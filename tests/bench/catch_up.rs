//! Catch-up over prepared blocks from a local server, beside reading and typed-decoding the same bytes with the same
//! parallelism in the same run: what no follower of this chain could be faster than.
//!
//! `BENCH_BLOCKS` (default 10 000) sets how many blocks of 60 logs, `BENCH_DIR` the disk of the store.

#![expect(clippy::print_stdout, clippy::float_arithmetic, unreachable_pub, reason = "a benchmark prints figures")]

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod stage;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use criterion::{Criterion, SamplingMode, Throughput};
use depositd::{chain::http::HttpSettings, follow::FollowSettings};
use serde::Deserialize;
use tokio::{runtime::Runtime, task::JoinSet};

use common::figure;
use stage::Server;

const LOGS: u64 = 60;
const PATIENCE: Duration = Duration::from_secs(600);
/// Calls in one batch: the same as the daemon makes.
const BATCH: u64 = 50;

/// The envelope of an answer; its other fields are passed over.
#[derive(Deserialize)]
struct Item<T> {
    result: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareHeader<'a> {
    number: &'a str,
    hash: &'a str,
    parent_hash: &'a str,
    timestamp: &'a str,
    logs_bloom: &'a str,
    #[serde(borrow)]
    transactions: Vec<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "what is measured is the decoding")]
struct BareLog<'a> {
    address: &'a str,
    #[serde(borrow)]
    topics: Vec<&'a str>,
    data: &'a str,
    block_number: &'a str,
    block_hash: &'a str,
    transaction_hash: &'a str,
    transaction_index: &'a str,
    log_index: &'a str,
    removed: bool,
}

/// Reads blocks `from..=to` and decodes them; bytes and logs.
async fn bare_range(client: &reqwest::Client, url: &str, from: u64, to: u64) -> (u64, u64) {
    let mut bytes = 0;
    let mut post = async |body: String| {
        let request = client.post(url).header("content-type", "application/json").body(body);
        let body = request.send().await.expect("an answer").bytes().await.expect("a body");
        bytes += u64::try_from(body.len()).expect("a size");
        body
    };
    for first in (from..=to).step_by(usize::try_from(BATCH).expect("few")) {
        let calls: Vec<_> = (first..=to.min(first + BATCH - 1))
            .map(|n| {
                format!(r#"{{"jsonrpc":"2.0","id":{n},"method":"eth_getBlockByNumber","params":["0x{n:x}",false]}}"#)
            })
            .collect();
        let body = post(format!("[{}]", calls.join(","))).await;
        let items: Vec<Item<BareHeader<'_>>> = serde_json::from_slice(&body).expect("headers");
        assert_eq!(items.len(), calls.len());
        std::hint::black_box(items.iter().map(|item| item.result.transactions.len()).sum::<usize>());
    }
    let filter = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{{"fromBlock":"0x{from:x}","toBlock":"0x{to:x}","address":"{:?}","topics":["0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"]}}]}}"#,
        common::TOKEN
    );
    let body = post(filter).await;
    let item: Item<Vec<BareLog<'_>>> = serde_json::from_slice(&body).expect("logs");
    let logs = u64::try_from(item.result.len()).expect("a count");
    std::hint::black_box(item);
    (bytes, logs)
}

/// The limit: every worker takes the next range until none is left.
async fn bare(server: &Server, settings: &FollowSettings) -> (Duration, u64) {
    let (blocks, len) = (server.head.height.0, settings.range_blocks);
    let client = reqwest::Client::new();
    let next = Arc::new(AtomicU64::new(1));
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..settings.ranges_ahead {
        let (client, next, url) = (client.clone(), Arc::clone(&next), server.url.clone());
        workers.spawn(async move {
            let mut sum = (0, 0);
            loop {
                let from = next.fetch_add(len, Ordering::Relaxed);
                if from > blocks {
                    return sum;
                }
                let (bytes, logs) = bare_range(&client, &url, from, blocks.min(from + len - 1)).await;
                sum = (sum.0 + bytes, sum.1 + logs);
            }
        });
    }
    let sums = workers.join_all().await;
    let took = begun.elapsed();
    assert_eq!(sums.iter().map(|sum| sum.1).sum::<u64>(), blocks * LOGS);
    (took, sums.iter().map(|sum| sum.0).sum())
}

fn rate(count: u64, took: Duration) -> f64 {
    f64::from(u32::try_from(count).expect("a count")) / took.as_secs_f64()
}

fn print(name: &str, server: &Server, took: Duration, bytes: u64) {
    let blocks = rate(server.head.height.0, took);
    figure(name, format!("{took:.2?}, {blocks:.0} blocks/s, {:.0} MB/s", rate(bytes / 1_000_000, took)));
}

fn main() {
    if !common::is_asked() {
        return;
    }
    depositd::chain::http::install_tls();
    let runtime = Runtime::new().expect("a runtime");
    let blocks = common::setting("BENCH_BLOCKS", 10_000);
    let settings = stage::usual();
    let begun = Instant::now();
    let server = Server::start(blocks, LOGS, true);
    figure("blocks of 60 logs", format!("{blocks}, prepared in {:.1?}", begun.elapsed()));
    let mut ratios = Vec::new();
    for round in 1..=common::setting("BENCH_ROUNDS", 3) {
        let (limit, bytes) = runtime.block_on(bare(&server, &settings));
        let run = stage::follow(&server, HttpSettings::default(), settings.clone(), PATIENCE);
        let took = runtime.block_on(run).took;
        print(&format!("round {round}: read and decoded, nothing else"), &server, limit, bytes);
        print(&format!("round {round}: followed into the store"), &server, took, bytes);
        ratios.push(limit.as_secs_f64() / took.as_secs_f64());
    }
    ratios.sort_unstable_by(f64::total_cmp);
    figure("share of the limit, median (goal: 0.5)", format!("{:.2}", ratios[ratios.len() / 2]));
    drop(server);

    let near = Server::start((blocks / 20).max(1), LOGS, false);
    let run = stage::follow(&near, HttpSettings::default(), settings.clone(), PATIENCE);
    let took = runtime.block_on(run).took;
    figure("near the head, by block hash", format!("{:.0} blocks/s", rate(near.head.height.0, took)));

    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("catch_up");
    let few = Server::start(500, LOGS, true);
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(few.head.height.0));
    group.bench_function("500 blocks, limit", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| runtime.block_on(bare(&few, &settings)).0).sum());
    });
    group.bench_function("500 blocks, followed", |bencher| {
        let follow = || stage::follow(&few, HttpSettings::default(), settings.clone(), PATIENCE);
        bencher.iter_custom(|times| (0..times).map(|_| runtime.block_on(follow()).took).sum());
    });
    group.finish();
    criterion.final_summary();
}
