//! Each method and each trouble, over real HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;
use crate::{
    devnet::{
        Failure, Garble, Hidden, Ledger, LedgerSpec, Log, Orphans, SimToken, TRANSFER_TOPIC, Trouble, bloom::Bloom,
    },
    domain::{Address, BlockHash, Decimals, Height, TokenAmount},
};

const TOKEN: Address = Address([0x11; 20]);
const TWIN: Address = Address([0x12; 20]);
const PAYER: Address = Address([0x22; 20]);
const SHOP: Address = Address([0x33; 20]);

fn client() -> reqwest::Client {
    // Nothing here speaks TLS, but the client wants a provider; another test may have installed it.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A chain of 10 blocks with two logs of the token in each, and a node in front of it.
async fn node() -> (LedgerHandle, DevNode) {
    node_with(NodeOptions::default()).await
}

async fn node_with(options: NodeOptions) -> (LedgerHandle, DevNode) {
    let usdt = SimToken { contract: TOKEN, symbol: "USDT".into(), decimals: Decimals::new(6).unwrap() };
    let spec = LedgerSpec { finality_lag: 4, tokens: vec![usdt], ..LedgerSpec::default() };
    let ledger = LedgerHandle::new(Ledger::with_blocks(spec, 10, 2));
    let node = DevNode::start(ledger.clone(), options).await.unwrap();
    (ledger, node)
}

async fn send(node: &DevNode, body: String) -> reqwest::Response {
    client().post(&node.url).body(body).send().await.unwrap()
}

async fn read(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

fn request(method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 5, "method": method, "params": params }).to_string()
}

async fn answer(node: &DevNode, method: &str, params: Value) -> Value {
    read(send(node, request(method, params)).await).await
}

async fn result(node: &DevNode, method: &str, params: Value) -> Value {
    let answer = answer(node, method, params).await;
    assert_eq!((&answer["id"], &answer["jsonrpc"]), (&json!(5), &json!("2.0")));
    answer["result"].clone()
}

async fn logs(node: &DevNode, filter: Value) -> Vec<Value> {
    result(node, "eth_getLogs", json!([filter])).await.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_node_says_who_it_is_and_where_it_stands() {
    let (ledger, node) = node().await;
    assert_eq!(result(&node, "eth_chainId", json!([])).await, "0x7a69");
    assert_eq!(result(&node, "net_version", json!([])).await, "31337");
    assert_eq!(result(&node, "eth_blockNumber", json!([])).await, "0xa");
    for (tag, height) in [("latest", "0xa"), ("finalized", "0x6"), ("safe", "0x6"), ("earliest", "0x0"), ("0x3", "0x3")]
    {
        assert_eq!(result(&node, "eth_getBlockByNumber", json!([tag, false])).await["number"], height);
    }
    assert_eq!(result(&node, "eth_getBlockByNumber", json!(["0xb", false])).await, Value::Null);
    let head = ledger.lock().head().clone();
    let header = result(&node, "eth_getBlockByHash", json!([head.at.hash.to_string(), false])).await;
    assert_eq!(header["parentHash"], head.parent.to_string());
    assert_eq!(header["transactions"][1], head.txs[1].hash.to_string());
    assert_eq!(header["logsBloom"], format!("0x{}", hex::encode(head.bloom.0)));
    assert!(header["withdrawalsRoot"].is_string() && header["fieldOfTheFuture"].is_object());
    let full = result(&node, "eth_getBlockByNumber", json!(["latest", true])).await;
    assert_eq!(full["transactions"][0]["hash"], head.txs[0].hash.to_string());
    assert_eq!(full["hash"], header["hash"]);
    let genesis = result(&node, "eth_getBlockByNumber", json!(["0x0", false])).await;
    assert_eq!(genesis["logsBloom"], format!("0x{}", hex::encode(Bloom::EMPTY.0)));
    let call = json!([{ "to": format!("{TOKEN:?}"), "data": "0x313ce567" }, "latest"]);
    assert_eq!(result(&node, "eth_call", call).await, format!("0x{:064x}", 6));
    let owner = format!("0x70a08231{}{}", "00".repeat(12), "77".repeat(20));
    let call = json!([{ "to": format!("{TOKEN:?}"), "data": owner }, "latest"]);
    assert_eq!(result(&node, "eth_call", call).await, format!("0x{:064x}", 0), "an account nobody paid has nothing");
    assert_eq!(answer(&node, "eth_nonsense", json!([])).await["error"]["code"], -32601);
    assert_eq!(answer(&node, "eth_getBlockByNumber", json!(["ten"])).await["error"]["code"], -32602);
    node.stop().await;
}

#[tokio::test]
async fn logs_and_receipts_tell_the_same() {
    let (ledger, node) = node().await;
    let (at, odd) = {
        let mut ledger = ledger.lock();
        let amount = TokenAmount::of(5_000_000);
        let odd = ledger.tx(
            PAYER,
            TOKEN,
            vec![
                Log::transfer(TWIN, PAYER, SHOP, amount),
                Log::four_topics(TOKEN, PAYER, SHOP, amount),
                Log::short_data(TOKEN, PAYER, SHOP, amount, 31),
                Log::dirty_recipient(TOKEN, PAYER, SHOP, amount),
                Log::approval(TOKEN, PAYER, SHOP, amount),
            ],
        );
        let paid = ledger.transfer(TOKEN, PAYER, SHOP, amount);
        let failed = ledger.failed(PAYER, TOKEN);
        let hash = odd.hash;
        (ledger.mine(vec![failed, odd, paid]), hash)
    };
    let hash = at.hash.to_string();
    assert_eq!(logs(&node, json!({ "blockHash": hash })).await.len(), 6);
    assert_eq!(logs(&node, json!({ "blockHash": hash, "address": format!("{TWIN:?}") })).await.len(), 1);
    let transfer = format!("0x{}", hex::encode(TRANSFER_TOPIC));
    let shop = format!("0x{:0>64}", hex::encode(SHOP.0));
    let filter = json!({ "blockHash": hash, "address": [format!("{TOKEN:?}")], "topics": [[transfer], null, shop] });
    let found = logs(&node, filter).await;
    assert_eq!(found.len(), 3, "the dirty recipient is another word");
    assert_eq!(found[2]["logIndex"], "0x5");
    assert_eq!(found[2]["transactionIndex"], "0x2");
    assert_eq!(
        (&found[2]["removed"], &found[2]["blockTimestamp"]),
        (&json!(false), &json!(format!("{:#x}", 1_700_000_132)))
    );
    assert_eq!(found[1]["data"].as_str().unwrap().len(), 2 + 62);
    let receipts = result(&node, "eth_getBlockReceipts", json!([hash])).await;
    assert_eq!(receipts, result(&node, "eth_getBlockReceipts", json!(["0xb"])).await);
    assert_eq!((&receipts[0]["status"], &receipts[0]["logs"]), (&json!("0x0"), &json!([])));
    let receipt = result(&node, "eth_getTransactionReceipt", json!([odd.to_string()])).await;
    assert_eq!(receipt, receipts[1]);
    assert_eq!((&receipt["status"], receipt["logs"].as_array().unwrap().len()), (&json!("0x1"), 5));
    assert_eq!(receipts[2]["logs"][0], found[2]);
}

#[tokio::test]
async fn ranges_are_clamped_but_unknown_hashes_and_too_much_are_errors() {
    let (ledger, node) =
        node_with(NodeOptions { logs_max: 9, range_blocks_max: Some(50), ..NodeOptions::default() }).await;
    assert_eq!(logs(&node, json!({ "fromBlock": "0x9", "toBlock": "0x20" })).await.len(), 4);
    assert_eq!(logs(&node, json!({ "fromBlock": "0x15", "toBlock": "0x20" })).await.len(), 0);
    assert_eq!(logs(&node, json!({})).await.len(), 2, "latest to latest");
    let orphan = ledger.lock().head().at.hash.to_string();
    ledger.lock().fork(1, 1, Orphans::Drop).unwrap();
    for (filter, code) in [
        (json!({ "blockHash": BlockHash([9; 32]).to_string() }), -32000),
        (json!({ "blockHash": orphan }), -32000),
        (json!({ "fromBlock": "0x1", "toBlock": "0xa" }), -32005),
        (json!({ "fromBlock": "0x1", "toBlock": "0x33" }), -32005),
        (json!({ "fromBlock": "0x2", "toBlock": "0x1" }), -32602),
        (json!({ "fromBlock": "0x2", "blockHash": orphan }), -32602),
        (json!({ "address": "0x12" }), -32602),
    ] {
        assert_eq!(answer(&node, "eth_getLogs", json!([filter])).await["error"]["code"], code, "{filter}");
    }
    let keeps = NodeOptions { remembers_orphans: true, ..NodeOptions::default() };
    let archive = DevNode::start(ledger.clone(), keeps).await.unwrap();
    assert_eq!(logs(&archive, json!({ "blockHash": orphan })).await.len(), 2);
}

#[tokio::test]
async fn batches_answer_each_call_and_count_it() {
    let (_, node) = node().await;
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" },
        { "jsonrpc": "2.0", "id": "two", "method": "nope", "params": [] },
    ]);
    let answers = read(send(&node, batch.to_string()).await).await;
    assert_eq!(answers[0], json!({ "jsonrpc": "2.0", "id": 1, "result": "0x7a69" }));
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!("two"), &json!(-32601)));
    let broken = read(send(&node, "{\"id\":".into()).await).await;
    assert_eq!(broken["error"]["code"], -32700);
    assert_eq!((node.trouble.requests(), node.trouble.calls("eth_chainId"), node.trouble.calls("nope")), (1, 1, 1));
}

#[tokio::test]
async fn a_lagging_or_frozen_node_does_not_have_what_is_newer() {
    let (ledger, node) = node().await;
    let head = ledger.lock().head().clone();
    for trouble in
        [Trouble { lag_blocks: 3, ..Trouble::default() }, Trouble { frozen_at: Some(7), ..Trouble::default() }]
    {
        node.trouble.set(trouble);
        assert_eq!(result(&node, "eth_blockNumber", json!([])).await, "0x7");
        assert_eq!(result(&node, "eth_getBlockByNumber", json!(["0x8", false])).await, Value::Null);
        assert_eq!(result(&node, "eth_getBlockByHash", json!([head.at.hash.to_string(), false])).await, Value::Null);
        assert_eq!(
            result(&node, "eth_getTransactionReceipt", json!([head.txs[0].hash.to_string()])).await,
            Value::Null
        );
        assert!(logs(&node, json!({ "fromBlock": "0x8", "toBlock": "0xa" })).await.is_empty());
        let by_hash = answer(&node, "eth_getLogs", json!([{ "blockHash": head.at.hash.to_string() }])).await;
        assert_eq!(by_hash["error"]["message"], "unknown block");
    }
    node.trouble.clear();
    assert_eq!(result(&node, "eth_blockNumber", json!([])).await, "0xa");
}

#[tokio::test]
async fn two_nodes_share_a_ledger_but_not_trouble_and_logs_lie_while_receipts_do_not() {
    let (ledger, liar) = node().await;
    let honest = DevNode::start(ledger.clone(), NodeOptions::default()).await.unwrap();
    let head = ledger.lock().head().at.hash.to_string();
    let filter = json!({ "blockHash": head });
    let truth = logs(&honest, filter.clone()).await;
    liar.trouble.update(|trouble| trouble.hidden_logs = Hidden::Nth(1));
    assert_eq!(logs(&liar, filter.clone()).await, truth[..1]);
    liar.trouble.update(|trouble| trouble.hidden_logs = Hidden::All);
    assert!(logs(&liar, filter.clone()).await.is_empty());
    assert_eq!(logs(&honest, filter.clone()).await, truth);
    assert_eq!(result(&liar, "eth_getBlockReceipts", json!([head])).await[1]["logs"][0], truth[1]);
    liar.trouble.set(Trouble { duplicate_logs: true, ..Trouble::default() });
    assert_eq!(logs(&liar, filter.clone()).await, [&truth[0], &truth[0], &truth[1], &truth[1]].map(Value::clone));
    liar.trouble.set(Trouble { foreign_logs: true, ..Trouble::default() });
    let foreign = logs(&liar, filter).await;
    assert!(foreign.len() == 2 && foreign.iter().all(|log| log["blockHash"] != *head));
}

#[tokio::test]
async fn requests_fail_as_told() {
    let (_, node) = node().await;
    let ask = || send(&node, request("eth_chainId", json!([])));
    node.trouble.set(Trouble { fail_next: 2, ..Trouble::default() });
    assert_eq!([ask().await.status(), ask().await.status(), ask().await.status()].map(|s| s.as_u16()), [500, 500, 200]);
    let throttled = Some(Failure::Throttled { retry_after_s: Some(3) });
    node.trouble.set(Trouble { fail_next: 1, failure: throttled, ..Trouble::default() });
    let busy = ask().await;
    assert_eq!((busy.status().as_u16(), &busy.headers()["retry-after"]), (429, &"3".parse().unwrap()));
    let rpc = Some(Failure::Rpc { code: -32000, message: "header \"not\" found".into() });
    node.trouble.set(Trouble {
        fail_next: 1,
        failure: rpc,
        only_methods: vec!["eth_getLogs".into()],
        ..Trouble::default()
    });
    assert_eq!(ask().await.status(), 200);
    let error = answer(&node, "eth_getLogs", json!([{}])).await;
    assert_eq!((&error["id"], &error["error"]["message"]), (&json!(5), &json!("header \"not\" found")));
    assert_eq!(node.trouble.get().fail_next, 0);

    node.trouble.set(Trouble { fail_every: 3, failure: Some(Failure::Http(502)), ..Trouble::default() });
    let mut failed = 0;
    for _ in 0..9 {
        failed += u32::from(ask().await.status() == 502);
    }
    assert_eq!(failed, 3);
    node.trouble.set(Trouble { requests_per_s: Some(0), ..Trouble::default() });
    assert_eq!(ask().await.status(), 429);
}

#[tokio::test]
async fn bodies_are_spoiled_and_identities_false_as_told() {
    let (ledger, node) = node().await;
    let chain_id = request("eth_chainId", json!([]));
    node.trouble.set(Trouble { garble: Garble::CutJson, ..Trouble::default() });
    let cut = send(&node, chain_id.clone()).await.text().await.unwrap();
    assert!(cut.starts_with("{\"jsonrpc\"") && serde_json::from_str::<Value>(&cut).is_err());
    node.trouble.set(Trouble { garble: Garble::Html, ..Trouble::default() });
    assert!(send(&node, chain_id).await.text().await.unwrap().starts_with("<html>"));
    node.trouble.set(Trouble { garble: Garble::WrongId, ..Trouble::default() });
    assert_eq!(answer(&node, "eth_chainId", json!([])).await["id"], 987_654_321);
    node.trouble.set(Trouble { chain_id: Some(1), genesis: Some("ab".repeat(32)), ..Trouble::default() });
    assert_eq!(result(&node, "eth_chainId", json!([])).await, "0x1");
    let genesis = result(&node, "eth_getBlockByNumber", json!(["0x0", false])).await;
    assert_eq!(genesis["hash"], format!("0x{}", "ab".repeat(32)));
    let first = result(&node, "eth_getBlockByNumber", json!(["0x1", false])).await;
    assert_eq!(first["parentHash"], ledger.lock().genesis().hash.to_string());
}

#[tokio::test]
async fn a_stalled_node_never_answers_and_a_stop_frees_it() {
    let (_, node) = node().await;
    node.trouble.set(Trouble { delay_ms: 80, ..Trouble::default() });
    let asked = Instant::now();
    result(&node, "eth_chainId", json!([])).await;
    assert!(asked.elapsed() >= Duration::from_millis(80));
    node.trouble.set(Trouble { stall: true, ..Trouble::default() });
    let call = client().post(&node.url).body(request("eth_chainId", json!([])));
    let hasty = call.try_clone().unwrap().timeout(Duration::from_millis(150)).send().await;
    assert!(hasty.unwrap_err().is_timeout());
    let url = node.url.clone();
    let stop = async {
        sleep(Duration::from_millis(100)).await;
        let asked = Instant::now();
        node.stop().await;
        asked.elapsed()
    };
    let (hung, took) = tokio::join!(call.send(), stop);
    assert!(hung.is_err() || hung.is_ok_and(|answer| answer.status() == 503));
    assert!(took < Duration::from_millis(1_900), "waited {took:?}");
    assert!(client().post(&url).send().await.is_err(), "the port is closed");
}

#[tokio::test]
async fn dropping_a_node_closes_its_port() {
    let (_, node) = node().await;
    let url = node.url.clone();
    drop(node);
    for _ in 0..50 {
        if client().post(&url).send().await.is_err() {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("still answering");
}

#[tokio::test]
async fn a_chain_can_be_driven_by_hand() {
    let (ledger, node) = node().await;
    node.trouble.set(Trouble { stall: true, ..Trouble::default() });
    assert_eq!(result(&node, "dev_trouble", json!([{ "lag_blocks": 0 }])).await, true);
    assert_eq!(answer(&node, "dev_trouble", json!([{ "lagg": 1 }])).await["error"]["code"], -32602);
    let (token, shop) = (format!("{TOKEN:?}"), format!("{SHOP:?}"));
    let hash = result(&node, "dev_transfer", json!([token, shop, "12.5"])).await;
    assert_eq!(result(&node, "eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    assert_eq!(result(&node, "dev_mine", json!([2])).await, "0xc");
    let receipt = result(&node, "eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(
        (&receipt["blockNumber"], &receipt["logs"][0]["data"]),
        (&json!("0xb"), &json!(format!("0x{:064x}", 12_500_000)))
    );
    assert_eq!(result(&node, "dev_fork", json!([2])).await, "0xd");
    assert_eq!(result(&node, "eth_getTransactionReceipt", json!([hash])).await["blockNumber"], "0xd");
    assert_eq!(result(&node, "dev_fork", json!([1, "drop"])).await, "0xe");
    assert_eq!(result(&node, "eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    assert_eq!(result(&node, "dev_rollback", json!([1])).await, "0xd");
    assert_eq!(ledger.lock().head().at.height, Height(13));
    assert_eq!(answer(&node, "dev_fork", json!([9])).await["error"]["code"], -32000, "final blocks stay");
    assert_eq!(answer(&node, "dev_transfer", json!([token, shop, "0.0000001"])).await["error"]["code"], -32602);
    let plain = DevNode::start(ledger, NodeOptions { control: false, ..NodeOptions::default() }).await.unwrap();
    assert_eq!(answer(&plain, "dev_mine", json!([])).await["error"]["code"], -32601);
}
