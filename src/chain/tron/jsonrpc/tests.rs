use serde_json::{Value, json};

use super::super::honest::*;
use crate::{
    chain::{
        ChainSource, Doubt,
        scripted::{Node, Out, node},
        tron::{TronSettings, TronSource},
    },
    domain::{Block, Height},
};

fn with_jsonrpc(node: &Node) -> TronSource {
    TronSource::new(TronSettings { jsonrpc_url: Some(node.url.clone()), ..settings(node) }).unwrap()
}

fn chain() -> Honest {
    let failed = Tx { outcome: "REVERT", amounts: vec![9] };
    let many = vec![paid(&[5, 0, 7]), failed, paid(&[])];
    Honest::new(&[vec![], many, vec![], vec![paid(&[1]), paid(&[2])], vec![], vec![], vec![]], 0)
}

async fn near(source: &TronSource, from: u64, to: u64) -> Vec<Block> {
    source.blocks(Height(from), Height(to), true).await.unwrap()
}

#[tokio::test]
async fn receipts_tell_the_same_as_infos() {
    let chain = chain();
    let node = node(move |method, asked| chain.answer(method, asked)).await;
    let native = near(&source(&node), 1, 6).await;
    node.calls.lock().unwrap().clear();
    let by_receipts = with_jsonrpc(&node);
    assert_eq!(near(&by_receipts, 1, 6).await, native);
    assert_eq!(node.count("eth_getBlockByNumber"), 6);
    assert_eq!(node.count("eth_getBlockReceipts"), 6 + 1, "one more to see whether it is there");
    assert_eq!(node.calls.lock().unwrap().len(), 13, "and nothing else");
    near(&by_receipts, 1, 1).await;
    assert_eq!(node.count("eth_getBlockReceipts"), 8, "seen once");
}

#[tokio::test]
async fn head_ranges_identity_and_evidence_stay_native_and_logs_are_never_asked_for() {
    let chain = chain();
    let node = node(move |method, asked| chain.answer(method, asked)).await;
    let source = with_jsonrpc(&node);
    source.identify().await.unwrap();
    assert_eq!(node.count("eth_chainId"), 1);
    source.head().await.unwrap();
    source.headers(Height(1), Height(4)).await.unwrap();
    source.blocks(Height(1), Height(4), false).await.unwrap();
    near(&source, 1, 4).await;
    let calls = node.calls.lock().unwrap();
    let of_rpc: Vec<_> = calls.iter().filter(|call| call.starts_with("eth_")).collect();
    assert_eq!(of_rpc.len(), 1 + 1 + 4 + 4, "{of_rpc:?}");
    assert!(!calls.iter().any(|call| call == "eth_getLogs"));
}

#[tokio::test]
async fn a_node_without_receipts_is_asked_once_and_read_natively() {
    for (code, message) in [(-32601, "the method does not exist"), (-32004, "x"), (-32000, "Method not supported")] {
        let chain = chain();
        let node = node(move |method, asked| match method {
            "eth_getBlockReceipts" => Out::Error(code, message),
            _ => chain.answer(method, asked),
        })
        .await;
        let by_receipts = with_jsonrpc(&node);
        let native = near(&source(&node), 1, 6).await;
        for _ in 0..3 {
            assert_eq!(near(&by_receipts, 1, 6).await, native);
        }
        assert_eq!(node.count("eth_getBlockReceipts"), 1, "{message}");
        assert_eq!(node.count("eth_getBlockByNumber"), 0, "{message}");
    }
}

#[tokio::test]
async fn a_probe_that_fails_in_another_way_decides_nothing() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let (chain, is_first) = (chain(), AtomicBool::new(true));
    let node = node(move |method, asked| match method {
        "eth_getBlockReceipts" if is_first.swap(false, Ordering::Relaxed) => Out::Http(429, Vec::new(), Vec::new()),
        _ => chain.answer(method, asked),
    })
    .await;
    let source = with_jsonrpc(&node);
    assert_eq!(kind(source.blocks(Height(1), Height(1), true).await), "throttled");
    near(&source, 1, 1).await;
    assert_eq!(node.count("eth_getBlockReceipts"), 3, "the second probe, then the block");
}

/// The kind of doubt about block 3 where this call about it is answered so.
async fn kind_of(call: &'static str, answer: impl Fn(Value) -> Out + Send + Sync + 'static) -> &'static str {
    let chain = chain();
    let node = node(move |method, asked| match (chain.answer(method, asked), asked[0] == "0x0") {
        (Out::Result(honest), false) if method == call => answer(honest),
        (honest, _) => honest,
    })
    .await;
    kind(with_jsonrpc(&node).blocks(Height(3), Height(3), true).await)
}

#[tokio::test]
async fn what_is_not_there_or_not_whole_is_no_block() {
    let receipts = "eth_getBlockReceipts";
    assert_eq!(kind_of(receipts, Out::Result).await, "ok");
    assert_eq!(kind_of(receipts, |_| Out::Result(Value::Null)).await, "missing");
    let mismatch = "TransactionList size mismatch: block has 2 transactions";
    assert_eq!(kind_of(receipts, move |_| Out::Error(-32000, mismatch)).await, "missing");
    assert_eq!(kind_of(receipts, |_| Out::Result(json!([]))).await, "incomplete");
    let short = |mut honest: Value| {
        honest.as_array_mut().unwrap().pop();
        Out::Result(honest)
    };
    assert_eq!(kind_of(receipts, short).await, "incomplete");
    assert_eq!(kind_of("eth_getBlockByNumber", |_| Out::Result(Value::Null)).await, "missing");
}

#[tokio::test]
async fn json_rpc_of_another_chain_is_noticed() {
    let chain = chain();
    let node = node(move |method, asked| match method {
        "eth_chainId" => Out::Result(json!("0x2b6653dc")),
        _ => chain.answer(method, asked),
    })
    .await;
    let error = with_jsonrpc(&node).identify().await.unwrap_err();
    assert_eq!(error.doubt.kind(), "other_chain");
    assert!(error.to_string().contains("728126428"), "{error}");
}

#[tokio::test]
async fn a_chain_id_keeps_the_zeros_in_front() {
    let chain = (0..=u8::MAX).map(|branch| Honest::new(&[vec![], vec![]], branch));
    let chain = chain.into_iter().find(|chain| chain.at(0).hash.0[28] < 16).unwrap();
    let node = node(move |method, asked| chain.answer(method, asked)).await;
    let reported = with_jsonrpc(&node).identify().await.unwrap();
    assert_eq!(reported, source(&node).identify().await.unwrap());
    assert!(reported.chain_id < 1 << 28);
    for wrong in [json!("0x"), json!("2b6653dc"), json!("0x+1"), json!("0x10000000000000000"), json!(7), Value::Null] {
        assert_eq!(chain_id_is(wrong).await, "malformed");
    }
}

/// What becomes of an endpoint that says this is its chain id.
async fn chain_id_is(text: Value) -> &'static str {
    let chain = chain();
    let node = node(move |method, asked| match method {
        "eth_chainId" => Out::Result(text.clone()),
        _ => chain.answer(method, asked),
    })
    .await;
    kind(with_jsonrpc(&node).identify().await)
}

#[tokio::test]
async fn a_limiter_that_speaks_no_json_rpc_is_understood() {
    let said = r#"{"Error":"request rate exceeded the allowed_rps(10), and the query server is suspended for 5 s"}"#;
    let chain = chain();
    let node = node(move |method, asked| match method {
        "eth_getBlockByNumber" => Out::Http(200, Vec::new(), said.as_bytes().to_vec()),
        _ => chain.answer(method, asked),
    })
    .await;
    let error = with_jsonrpc(&node).blocks(Height(3), Height(3), true).await.unwrap_err();
    assert!(matches!(error.doubt, Doubt::Throttled { retry_after_ms: Some(5000), .. }), "{error}");
}
