#![expect(clippy::wildcard_enum_match_arm, reason = "scripts tamper with one answer and pass the rest on")]

use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};

use super::super::{BlockIds, TronMode, TronSettings, honest::*};
use super::*;
use crate::{
    chain::{
        ChainSource, SourceError,
        http::HttpSettings,
        scripted::{Node, Out, node},
    },
    domain::{LogOrdinal, TokenAmount, Transfer},
};

async fn honest(chain: &Honest) -> Node {
    let chain = chain.clone();
    node(move |method, asked| chain.answer(method, asked)).await
}

async fn read(node: &Node, from: u64, to: u64, near: bool) -> Result<Vec<Block>, SourceError> {
    source(node).blocks(Height(from), Height(to), near).await
}

fn transfer(height: u64, place: usize, ordinal: u32, amount: u64) -> Transfer {
    let (tx, ordinal, amount) = (tx_hash(height, place), LogOrdinal(ordinal), TokenAmount::of(amount));
    Transfer { tx, token: USDT, ordinal, from: payer(), to: payee(), amount }
}

#[tokio::test]
async fn a_block_near_the_head_takes_two_requests_of_the_full_face() {
    let failed = Tx { outcome: "OUT_OF_TIME", amounts: vec![9] };
    let chain = Honest::new(&[vec![], vec![paid(&[5, 0, 7]), failed, paid(&[])], vec![], vec![paid(&[1])]], 0);
    let node = honest(&chain).await;
    let blocks = read(&node, 1, 3, true).await.unwrap();
    let found: Vec<_> = blocks.iter().map(|block| (block.header.at, block.transfers.clone())).collect();
    assert_eq!(
        found,
        [
            (chain.at(1), vec![transfer(1, 0, 0, 5), transfer(1, 0, 2, 7)]),
            (chain.at(2), vec![]),
            (chain.at(3), vec![transfer(3, 0, 0, 1)]),
        ]
    );
    assert_eq!(blocks[0].header.parent, chain.at(0).hash);
    assert_eq!(node.count("wallet/getblock"), 3);
    assert_eq!(node.count("wallet/gettransactioninfobyblocknum"), 3);
    assert_eq!(node.calls.lock().unwrap().len(), 6);
}

#[tokio::test]
async fn a_range_takes_hardly_more_than_one_request_a_block_all_of_the_solid_face() {
    let chain = Honest::of_len(100);
    let node = honest(&chain).await;
    let ranges = read(&node, 1, 90, false).await.unwrap();
    assert_eq!(node.count("walletsolidity/getblockbylimitnext"), 5);
    assert_eq!(node.count("walletsolidity/gettransactioninfobyblocknum"), 90);
    assert_eq!(node.calls.lock().unwrap().len(), 95, "1.06 a block");
    assert_eq!(ranges, read(&node, 1, 90, true).await.unwrap(), "both ways tell the same");
    let heights: Vec<_> = ranges.iter().map(|block| block.header.at.height.0).collect();
    assert_eq!(heights, (1..=90).collect::<Vec<_>>());
}

#[tokio::test]
async fn block_0_has_no_infos_and_needs_none() {
    let chain = Honest::of_len(9);
    let node = honest(&chain).await;
    for near in [true, false] {
        let blocks = read(&node, 0, 2, near).await.unwrap();
        assert_eq!(blocks.iter().map(|block| block.header.at).collect::<Vec<_>>(), [0, 1, 2].map(|n| chain.at(n)));
        assert!(blocks[0].transfers.is_empty());
    }
}

#[tokio::test]
async fn solid_mode_makes_no_call_of_the_full_face() {
    let chain = Honest::of_len(30);
    let node = honest(&chain).await;
    let source = TronSource::new(TronSettings { mode: TronMode::Solid, ..settings(&node) }).unwrap();
    source.identify().await.unwrap();
    assert_eq!(source.decimals(USDT).await.unwrap(), 6);
    let before = node.calls.lock().unwrap().len();
    let head = source.head().await.unwrap();
    assert_eq!((head.best, head.finalized), (chain.at(27), Some(chain.at(27))));
    assert_eq!(node.calls.lock().unwrap().len(), before + 1);
    source.headers(Height(20), Height(27)).await.unwrap();
    assert_eq!(kind(source.headers(Height(27), Height(28)).await), "missing", "28 is not solidified");
    assert_eq!(kind(source.blocks(Height(27), Height(28), true).await), "missing");
    source.blocks(Height(1), Height(27), true).await.unwrap();
    source.blocks(Height(1), Height(27), false).await.unwrap();
    let calls = node.calls.lock().unwrap();
    assert!(calls.iter().all(|call| call.starts_with("walletsolidity/")), "{calls:?}");
}

#[tokio::test]
async fn a_node_of_ones_own_has_its_faces_on_two_ports() {
    let chain = Honest::of_len(30);
    let (full, solid) = (honest(&chain).await, honest(&chain).await);
    let settings = TronSettings { solid_url: solid.url.clone(), ..settings(&full) };
    let source = TronSource::new(settings).unwrap();
    source.identify().await.unwrap();
    source.head().await.unwrap();
    source.blocks(Height(1), Height(20), false).await.unwrap();
    source.blocks(Height(28), Height(29), true).await.unwrap();
    let of = |node: &Node, face: &str| node.calls.lock().unwrap().iter().filter(|call| call.starts_with(face)).count();
    assert_eq!((of(&full, "wallet/"), of(&full, "walletsolidity/")), (6, 0));
    assert_eq!((of(&solid, "wallet/"), of(&solid, "walletsolidity/")), (0, 23));
}

/// The kind of doubt about blocks 1 to 5, near the head and by range, where this call is answered so.
async fn kinds(
    call: &'static str,
    answer: impl Fn(&Value) -> Option<Value> + Send + Sync + 'static,
) -> [&'static str; 2] {
    let chain = Honest::of_len(9);
    let node = node(move |method, asked| match method.split_once('/') {
        Some((_, asked_for)) if asked_for == call => {
            answer(asked).map_or_else(|| chain.answer(method, asked), Out::Result)
        }
        _ => chain.answer(method, asked),
    })
    .await;
    [kind(read(&node, 1, 5, true).await), kind(read(&node, 1, 5, false).await)]
}

#[tokio::test]
async fn a_replica_that_lags_never_makes_an_empty_block() {
    let infos = "gettransactioninfobyblocknum";
    assert_eq!(kinds(infos, |_| None).await, ["ok", "ok"]);
    assert_eq!(kinds(infos, |asked| (asked["num"] == 3).then(|| json!([]))).await, ["incomplete", "incomplete"]);
    assert_eq!(kinds(infos, |asked| (asked["num"] == 3).then(|| json!({}))).await, ["missing", "missing"]);
    assert_eq!(kinds("getblock", |asked| (asked["id_or_num"] == "3").then(|| json!({}))).await, ["missing", "ok"]);
    assert_eq!(kinds("getblockbylimitnext", |_| Some(json!({}))).await, ["ok", "missing"]);
    assert_eq!(kinds("getblockbylimitnext", |_| Some(json!({"block": []}))).await, ["ok", "missing"]);
}

#[tokio::test]
async fn what_is_above_the_solidified_block_is_missing_from_a_range() {
    let node = honest(&Honest::of_len(30)).await;
    assert_eq!(kind(read(&node, 20, 27, false).await), "ok");
    let error = read(&node, 20, 28, false).await.unwrap_err();
    assert!(matches!(error.doubt, Doubt::Missing(Height(28))), "{error}");
    assert_eq!(kind(read(&node, 29, 30, true).await), "missing");
    assert_eq!(kind(source(&node).headers(Height(29), Height(30)).await), "missing");
}

#[tokio::test]
async fn blocks_of_two_branches_do_not_link() {
    let (ours, theirs) = (Honest::of_len(9), Honest::new(&vec![vec![paid(&[1])]; 9], 7));
    let node = node(move |method, asked| {
        let is_third = asked["id_or_num"] == "3" || asked["num"] == 3;
        let is_range = method.ends_with("getblockbylimitnext");
        match (is_third, is_range) {
            (true, _) => theirs.answer(method, asked),
            (_, true) => {
                let one = |height: u64, chain: &Honest| {
                    let asked = json!({"startNum": height, "endNum": height + 1});
                    let Out::Result(found) = chain.answer(method, &asked) else { panic!("no error is scripted") };
                    found["block"][0].clone()
                };
                Out::Result(json!({"block": [one(2, &ours), one(3, &theirs), one(4, &ours)]}))
            }
            _ => ours.answer(method, asked),
        }
    })
    .await;
    for near in [true, false] {
        let error = read(&node, 2, 4, near).await.unwrap_err();
        assert_eq!(error.to_string(), "tron-test, endpoint a: headers do not link: block 3 is not on the one below");
    }
    assert_eq!(kind(source(&node).headers(Height(2), Height(4)).await), "broken_chain");
    assert_eq!(kind(source(&node).headers(Height(4), Height(6)).await), "ok");
}

#[tokio::test]
async fn a_range_that_is_too_large_is_asked_for_in_pieces() {
    let node = honest(&Honest::of_len(50)).await;
    let http = HttpSettings { body_bytes_max: 4000, ..HttpSettings::default() };
    let source = TronSource::new(TronSettings { http, ..settings(&node) }).unwrap();
    let blocks = source.blocks(Height(1), Height(40), false).await.unwrap();
    assert_eq!(blocks.len(), 40);
    assert_eq!(blocks, read(&node, 1, 40, true).await.unwrap());

    let http = HttpSettings { body_bytes_max: 400, ..HttpSettings::default() };
    let source = TronSource::new(TronSettings { http, ..settings(&node) }).unwrap();
    assert_eq!(kind(source.blocks(Height(1), Height(40), false).await), "malformed", "a single block is too large");
}

#[tokio::test]
async fn a_range_that_is_too_much_for_a_gateway_gets_smaller_until_it_passes() {
    let cut = json!({"block": [1]}).to_string().into_bytes();
    for (status, body) in [(504, b"upstream timed out".to_vec()), (413, Vec::new()), (200, cut)] {
        let chain = Honest::of_len(50);
        let node = node(move |method, asked| {
            let blocks = asked["endNum"].as_u64().unwrap_or(0) - asked["startNum"].as_u64().unwrap_or(0);
            if blocks > 6 { Out::Http(status, Vec::new(), body.clone()) } else { chain.answer(method, asked) }
        })
        .await;
        let source = source(&node);
        let mut kinds = Vec::new();
        for _ in 0..6 {
            kinds.push(kind(source.blocks(Height(1), Height(20), false).await));
        }
        assert!(kinds.contains(&"ok"), "{status}: {kinds:?}");
    }
}

#[tokio::test]
async fn a_range_that_comes_too_often_does_not_get_smaller() {
    let (chain, is_first) = (Honest::of_len(50), std::sync::atomic::AtomicBool::new(true));
    let node = node(move |method, asked| match method {
        "walletsolidity/getblockbylimitnext" if is_first.swap(false, Ordering::Relaxed) => {
            Out::Error(0, "request rate exceeded the allowed_rps(10), and the query server is suspended for 5 s")
        }
        _ => chain.answer(method, asked),
    })
    .await;
    let source = source(&node);
    assert_eq!(kind(source.blocks(Height(1), Height(20), false).await), "throttled");
    source.blocks(Height(1), Height(20), false).await.unwrap();
    assert_eq!(node.count("walletsolidity/getblockbylimitnext"), 2, "more requests are no help against a limit");
}

/// What is counted under this name, summed over its labels.
fn counted(text: &str, name: &str) -> u64 {
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn a_block_id_that_is_not_its_headers_is_refused_or_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let chain = Honest::new(&[vec![], vec![paid(&[5, 0])], vec![], vec![], vec![]], 0);
    let node = node(move |method, asked| match chain.answer(method, asked) {
        Out::Result(mut block) if method == "wallet/getblock" => {
            block["block_header"]["raw_data"]["version"] = json!(35);
            Out::Result(block)
        }
        honest => honest,
    })
    .await;
    assert_eq!(kind(read(&node, 1, 1, true).await), "malformed");
    let advisory = TronSettings { block_ids: BlockIds::Advisory, ..settings(&node) };
    let source = TronSource::new(advisory).unwrap();
    source.blocks(Height(1), Height(1), true).await.unwrap();
    source.blocks(Height(1), Height(1), false).await.unwrap();
    let text = recorder.handle().render();
    assert_eq!(counted(&text, "depositd_block_ids_unproved_total"), 1, "{text}");
    assert_eq!(counted(&text, "depositd_transfers_zero_value_total"), 2, "{text}");
    let requests =
        r#"depositd_source_requests_total{network="tron-test",source="a",method="wallet/getblock",outcome="answered"}"#;
    assert_eq!(counted(&text, requests), 2, "{text}");
}

/// The body of a captured answer, byte for byte.
fn body(captured: &'static str) -> Vec<u8> {
    #[derive(serde::Deserialize)]
    struct Captured<'a> {
        #[serde(borrow)]
        body: &'a serde_json::value::RawValue,
    }
    serde_json::from_str::<Captured<'_>>(captured).unwrap().body.get().as_bytes().to_vec()
}

#[tokio::test]
async fn captured_answers_are_read_as_they_stand_and_partial_ones_refused() {
    let header = body(include_str!("../../../../tests/golden/tron/http.getblock.json"));
    let range = body(include_str!("../../../../tests/golden/tron/http.getblockbylimitnext.json"));
    let infos = body(include_str!("../../../../tests/golden/tron/http.gettransactioninfobyblocknum.json"));
    let call = body(include_str!("../../../../tests/golden/tron/http.triggerconstantcontract.json"));
    let node = node(move |method, _| {
        let (_, call_of) = method.split_once('/').unwrap();
        let body = match call_of {
            "getblock" => &header,
            "getblockbylimitnext" => &range,
            "gettransactioninfobyblocknum" => &infos,
            _ => &call,
        };
        Out::Http(200, vec![("content-type", "application/json".to_owned())], body.clone())
    })
    .await;
    let source = source(&node);
    let at = Height(66_987_565);
    let headers = source.headers(at, at).await.unwrap();
    assert_eq!((headers[0].at.height, headers[0].time.0), (at, 1_777_445_121));
    assert!(headers[0].at.hash.text(crate::domain::Family::Tron).starts_with("0000000003fe262d"));
    let head = source.head().await.unwrap();
    assert_eq!((head.best, head.finalized), (headers[0].at, Some(headers[0].at)));
    assert_eq!(kind(source.headers(at.next(), at.next()).await), "malformed", "another block than was asked for");
    assert_eq!(kind(source.blocks(at, at, true).await), "incomplete", "a block stripped of its transactions");
    assert_ne!(kind(source.blocks(at, at, false).await), "ok", "a list of other blocks");
    assert_eq!(kind(source.decimals(USDT).await), "malformed", "a balance is no number of decimals");
}

#[tokio::test]
async fn futures_are_send() {
    fn check<T: Send>(_: T) {}
    let node = honest(&Honest::of_len(9)).await;
    let source = source(&node);
    check(source.one_by_one(Height(1), Height(5)));
    check(source.by_range(Height(1), Height(5)));
    check(source.headers_by_height(Height(1), Height(5)));
    check(source.identity());
    check(source.head_now());
}
