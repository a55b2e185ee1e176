//! `/jsonrpc`, and driving the chain by hand.

use super::*;
use crate::devnet::Trouble;

fn with_jsonrpc() -> TronOptions {
    TronOptions { jsonrpc: true, ..TronOptions::default() }
}

async fn call(node: &TronNode, path: &str, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 5, "method": method, "params": params });
    let answer = post(node, path, body).await;
    assert_eq!(answer["id"], 5);
    answer
}

async fn result(node: &TronNode, method: &str, params: Value) -> Value {
    let path = if method.starts_with("dev_") { "" } else { "jsonrpc" };
    let answer = call(node, path, method, params).await;
    assert!(answer.get("error").is_none(), "{answer}");
    answer["result"].clone()
}

async fn error(node: &TronNode, method: &str, params: Value) -> i64 {
    call(node, "jsonrpc", method, params).await["error"]["code"].as_i64().unwrap()
}

#[tokio::test]
async fn json_rpc_tells_the_same_blocks_and_receipts() {
    let (ledger, node) = node_with(with_jsonrpc()).await;
    let tail = format!("{:#x}", u32::from_str_radix(&id_at(&ledger, 0)[56..], 16).unwrap());
    assert_eq!(result(&node, "eth_chainId", json!([])).await, tail);
    assert_eq!(result(&node, "net_version", json!([])).await, tail);
    assert_eq!(result(&node, "eth_blockNumber", json!([])).await, "0x1e");
    for (tag, height) in [("latest", 30), ("finalized", 12), ("earliest", 0), ("0xa", 10)] {
        let block = result(&node, "eth_getBlockByNumber", json!([tag, false])).await;
        assert_eq!(block["hash"], format!("0x{}", id_at(&ledger, height)), "{tag}");
        assert_eq!(result(&node, "eth_getBlockByHash", json!([block["hash"], false])).await, block);
    }
    assert_eq!(result(&node, "eth_getBlockByNumber", json!(["0x1f", false])).await, Value::Null);
    let block = result(&node, "eth_getBlockByNumber", json!(["0xa", false])).await;
    assert_eq!((&block["stateRoot"], &block["nonce"]), (&json!("0x"), &json!("0x0000000000000000")));
    let receipts = result(&node, "eth_getBlockReceipts", json!([block["hash"]])).await;
    assert_eq!(receipts, result(&node, "eth_getBlockReceipts", json!(["0xa"])).await);
    for place in 0..3 {
        let hash = format!("0x{}", tx(&ledger, place));
        assert_eq!((&block["transactions"][place], &receipts[place]["transactionHash"]), (&json!(hash), &json!(hash)));
        assert_eq!(result(&node, "eth_getTransactionReceipt", json!([hash])).await, receipts[place]);
    }
    assert_eq!((&receipts[0]["status"], &receipts[1]["status"]), (&json!("0x1"), &json!("0x0")));
    assert_eq!(result(&node, "eth_getBlockReceipts", json!(["0x0"])).await, Value::Null, "genesis has none");
    assert_eq!(result(&node, "eth_getBlockReceipts", json!([format!("0x{}", "ab".repeat(32))])).await, Value::Null);
}

#[tokio::test]
async fn json_rpc_refuses_what_java_tron_refuses_and_what_nobody_may_use() {
    let (_, node) = node_with(with_jsonrpc()).await;
    for (method, params, code) in [
        ("eth_getBlockByNumber", json!(["pending", false]), -32602),
        ("eth_getBlockByNumber", json!(["safe", false]), -32602),
        ("eth_getBlockByNumber", json!(["10", false]), -32602),
        ("eth_getBlockByNumber", json!(["0xa", true]), -32602),
        ("eth_getBlockByHash", json!(["0x12", false]), -32602),
        ("eth_getTransactionReceipt", json!(["0x12"]), -32602),
        ("eth_getLogs", json!([{}]), -32000),
        ("eth_nonsense", json!([]), -32601),
    ] {
        assert_eq!(error(&node, method, params.clone()).await, code, "{method} {params}");
    }
    let pending = call(&node, "jsonrpc", "eth_getBlockByNumber", json!(["pending", false])).await;
    assert_eq!(pending["error"]["message"], "TAG pending not supported");
    assert_eq!(call(&node, "", "eth_chainId", json!([])).await["error"]["code"], -32601, "control calls only");
    let (_, old) = node_with(TronOptions { knows_receipts: false, ..with_jsonrpc() }).await;
    assert_eq!(error(&old, "eth_getBlockReceipts", json!(["0xa"])).await, -32601);
}

#[tokio::test]
async fn the_chain_is_driven_by_hand_with_addresses_of_tron() {
    let (ledger, node) = node().await;
    let (token, shop) = (TOKEN.text(Family::Tron), SHOP.text(Family::Tron));
    let id = result(&node, "dev_transfer", json!([token, shop, "12.5"])).await;
    hex_of(&id, 64);
    assert_eq!(result(&node, "dev_mine", json!([2])).await, "0x20");
    let info = post(&node, "wallet/gettransactioninfobyid", json!({ "value": id })).await;
    assert_eq!((&info["blockNumber"], &info["log"][0]["data"]), (&json!(31), &json!(format!("{:064x}", 12_500_000))));

    let hex_forms = [format!("41{}", hex::encode(SHOP.0)), format!("{SHOP:?}"), shop.clone()];
    for form in &hex_forms {
        let received = result(&node, "dev_received", json!([form])).await;
        let wanted = json!([
            { "tx": tx(&ledger, 0), "token": token, "ordinal": 0, "amount": "5000000", "height": 10, "solid": true },
            { "tx": id, "token": token, "ordinal": 0, "amount": "12500000", "height": 31, "solid": false },
        ]);
        assert_eq!(received, wanted, "{form}");
    }
    assert_eq!(result(&node, "dev_rollback", json!([2])).await, "0x1e");
    assert_eq!(result(&node, "dev_received", json!([shop])).await.as_array().unwrap().len(), 1);
    assert_eq!(result(&node, "dev_fork", json!([2])).await, "0x1f");
    assert_eq!(result(&node, "dev_fill", json!([2, 8, 3])).await, "0x21");
    assert_eq!(post(&node, "wallet/gettransactioncountbyblocknum", json!({ "num": 33 })).await, json!({ "count": 8 }));
    assert_eq!(result(&node, "dev_stall_solid", json!([true])).await, true);
    let solid = ledger.lock().finalized().at.height;
    result(&node, "dev_mine", json!([5])).await;
    assert_eq!(ledger.lock().finalized().at.height, solid);
    assert_eq!(result(&node, "dev_stall_solid", json!([false])).await, true);
    assert_eq!(ledger.lock().finalized().at.height, Height(20));
    let too_deep = call(&node, "", "dev_rollback", json!([19])).await;
    assert_eq!(too_deep["error"]["code"], -32000, "never below solid: {too_deep}");
    for (method, params) in [
        ("dev_transfer", json!([token, "0x12", "1"])),
        ("dev_fill", json!([1, 3, 4])),
        ("dev_received", json!(["nobody"])),
        ("dev_stall_solid", json!(["yes"])),
        ("dev_trouble", json!([{ "tron": { "no_such_switch": true } }])),
    ] {
        assert_eq!(call(&node, "", method, params.clone()).await["error"]["code"], -32602, "{method} {params}");
    }
}

#[tokio::test]
async fn received_counts_every_transfer_log_of_the_token_but_lists_only_good_ones() {
    let (ledger, node) = node().await;
    let one = TokenAmount::of(1);
    let other = Address([0x44; 20]);
    let logs = vec![
        Log::transfer(TOKEN, PAYER, SHOP, one),
        Log::short_data(TOKEN, PAYER, other, one, 31),
        Log::four_topics(TOKEN, PAYER, other, one),
        Log::transfer(SHOP, PAYER, other, one),
        Log::approval(TOKEN, PAYER, other, one),
        Log::transfer(TOKEN, PAYER, other, TokenAmount::ZERO),
        Log::tron_padded_recipient(TOKEN, PAYER, other, one),
        Log::dirty_recipient(TOKEN, PAYER, other, one),
        Log::transfer(TOKEN, PAYER, other, one),
    ];
    let good = ledger.lock().tx(PAYER, TOKEN, logs.clone());
    let failed = ledger.lock().tx(PAYER, TOKEN, logs).with_result(TronResult::OutOfTime);
    ledger.lock().mine(vec![failed, good]);
    let received = result(&node, "dev_received", json!([other.text(Family::Tron)])).await;
    let received: Vec<(&Value, &Value)> =
        received.as_array().unwrap().iter().map(|one| (&one["token"], &one["ordinal"])).collect();
    let (token, twin) = (json!(TOKEN.text(Family::Tron)), json!(SHOP.text(Family::Tron)));
    assert_eq!(received, [(&twin, &json!(0)), (&token, &json!(4)), (&token, &json!(6))]);
}

#[tokio::test]
async fn trouble_is_set_by_hand_and_never_locks_the_control_calls_out() {
    let (_, node) = node_with(with_jsonrpc()).await;
    let wanted = json!({ "lag_blocks": 3, "stall": true, "tron": { "infos": "partial", "failed_pays": "0x" } });
    assert_eq!(result(&node, "dev_trouble", json!([wanted])).await, true);
    assert_eq!((node.trouble.get().lag_blocks, node.trouble.get().stall), (3, true));
    assert_eq!(result(&node, "dev_trouble", json!([])).await, true);
    assert_eq!(node.trouble.get(), Trouble::default());
    let (_, closed) = node_with(TronOptions { control: false, ..with_jsonrpc() }).await;
    for path in ["", "jsonrpc"] {
        assert_eq!(call(&closed, path, "dev_mine", json!([])).await["error"]["code"], -32601);
    }
}
