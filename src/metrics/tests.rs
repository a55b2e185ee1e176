use std::num::NonZeroU32;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;
use crate::domain::{
    Address, BlockHash, BlockRef, DepositId, Head, Height, LogOrdinal, StallLimits, Timestamp, TxHash,
};

async fn fetch(at: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: pages\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// One that is well, one that is halted, and one whose finality stands still.
fn three_networks() -> StatusBoard {
    let networks = StatusBoard::default();
    let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
    networks.update(&one, |status| status.state = NetworkState::Following);
    let old = BlockRef { height: Height(9), hash: BlockHash([7; 32]) };
    let three = "three".parse().unwrap();
    networks.update(&three, |status| {
        status.state = NetworkState::Following;
        let time = Timestamp(1_700_000_000);
        status.saw(Head { best: old, best_time: time, finalized: Some(old), finalized_time: Some(time) });
        status.limits = StallLimits { head_s: None, finality_s: NonZeroU32::new(120) };
        let (network, token) = ("three".parse().unwrap(), Address([1; 20]));
        let id = DepositId { network, tx: TxHash([1; 32]), token, ordinal: LogOrdinal(0) };
        assert!(status.hold(&id, WhyHeld::Contradicted, "another amount", Millis(1)));
    });
    networks.update(&two, |status| status.state = NetworkState::Halted("reorg too deep".to_owned()));
    networks
}

#[tokio::test]
async fn the_pages_over_http() {
    let recorder = builder().unwrap().build_recorder();
    let handle = recorder.handle();
    let _local = metrics::set_default_local_recorder(&recorder);
    describe();
    counter!("depositd_reorgs_total", "network" => "one").increment(2);

    let (networks, turns) = (three_networks(), TurnBoard::default());
    let disk_full = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&disk_full);
    let pages =
        Pages::new(handle, networks, turns.clone(), Arc::new(AtomicU64::new(3))).with_check("store", move || {
            if seen.load(Ordering::Relaxed) == 0 { Ok(()) } else { Err("disk full".to_owned()) }
        });

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let script = async {
        let ready = fetch(at, "/readyz?verbose").await;
        assert!(ready.starts_with("HTTP/1.1 200"), "one network down does not make the process unready: {ready}");
        assert!(ready.contains("[+] store ok\n[+] network one ok\n"), "{ready}");
        assert!(ready.contains("[-] network two failed: halted: reorg too deep\nready\n"), "{ready}");
        assert!(
            ready.contains("[-] network three failed: following, but finality stalled, credits held: 1\n"),
            "{ready}"
        );
        assert!(fetch(at, "/readyz").await.ends_with("\r\n\r\nready\n"));

        disk_full.store(1, Ordering::Relaxed);
        let unready = fetch(at, "/readyz").await;
        assert!(unready.starts_with("HTTP/1.1 503") && unready.contains("[-] store failed: disk full"), "{unready}");

        assert!(fetch(at, "/livez").await.starts_with("HTTP/1.1 200"));
        turns.expect("writer", Duration::ZERO);
        tokio::time::sleep(Duration::from_millis(2)).await;
        let stuck = fetch(at, "/livez").await;
        assert!(stuck.starts_with("HTTP/1.1 503") && stuck.contains("[-] task writer failed"), "{stuck}");

        let metrics = fetch(at, "/metrics").await;
        for expected in [
            "# HELP depositd_reorgs_total Times blocks left the chain.",
            "depositd_reorgs_total{network=\"one\"} 2",
            "depositd_network_halted{network=\"two\"} 1",
            "depositd_network_halted{network=\"one\"} 0",
            "depositd_network_head_stalled{network=\"three\"} 0",
            "depositd_network_finality_stalled{network=\"three\"} 1",
            "depositd_network_finality_stalled{network=\"one\"} 0",
            "depositd_credits_held{network=\"three\",why=\"contradicted\"} 1",
            "depositd_credits_held{network=\"three\",why=\"no_second_source\"} 0",
            "depositd_credits_held{network=\"one\",why=\"contradicted\"} 0",
            "depositd_network_head_block_timestamp_seconds{network=\"three\"} 1700000000",
            "depositd_network_finalized_block_timestamp_seconds{network=\"three\"} 1700000000",
            "depositd_log_lines_dropped_total 3",
            "depositd_build_info{version=",
            "depositd_task_turn_timestamp_seconds{task=\"writer\"}",
        ] {
            assert!(metrics.contains(expected), "{expected} is missing in {metrics}");
        }
        assert!(fetch(at, "/healthz").await.starts_with("HTTP/1.1 404"));
        stop.cancel();
    };
    let (served, ()) = tokio::join!(serve_pages(listener, pages, stop.clone()), script);
    served.unwrap();
}

#[test]
fn names_follow_the_law() {
    let counters = COUNTERS.iter().map(|(name, help)| (*name, *help, true));
    let gauges = GAUGES.iter().map(|(name, help)| (*name, *help, false));
    let histograms = HISTOGRAMS.iter().map(|(name, help, _)| (*name, *help, false));
    for (name, help, is_counter) in counters.chain(gauges).chain(histograms) {
        assert!(name.starts_with("depositd_"), "{name}");
        assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        assert!(help.ends_with('.') && !help.contains('\n'), "{name}");
        assert!(!name.contains("_ms") && !name.contains("millis"), "{name}");
    }
}

#[tokio::test]
async fn half_a_request_does_not_hold_up_the_stop() {
    let recorder = builder().unwrap().build_recorder();
    let pages = Pages::new(recorder.handle(), StatusBoard::default(), TurnBoard::default(), Arc::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let script = async {
        let mut half = TcpStream::connect(at).await.unwrap();
        half.write_all(b"GET /livez HTTP/1.1\r\nHo").await.unwrap();
        assert!(fetch(at, "/livez").await.starts_with("HTTP/1.1 200"));
        stop.cancel();
        half
    };
    let both = async { tokio::join!(serve_pages(listener, pages, stop.clone()), script) };
    let (ended, _half) = tokio::time::timeout(Duration::from_secs(5), both).await.expect("the pages end");
    ended.unwrap();
}
