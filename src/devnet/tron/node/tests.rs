//! Each call over real HTTP: shapes as java-tron's captured answers have them, limits, ports.

mod rpc;
mod trouble;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::*;
use crate::{
    devnet::{Ledger, LedgerSpec, Log, Orphans, SimToken, TronResult},
    domain::{Address, BlockRef, Decimals, Family, Height, TokenAmount},
};

const TOKEN: Address = Address([0x11; 20]);
const PAYER: Address = Address([0x22; 20]);
const SHOP: Address = Address([0x33; 20]);
/// What the chain's transactions with a log move.
const PAID: u64 = 5_000_000;

fn client() -> reqwest::Client {
    // Nothing here speaks TLS, but the client wants a provider; another test may have installed it.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// 30 blocks above genesis, solid up to 12. Block 10 holds a transfer, a failed transfer and plain TRX.
fn ledger() -> LedgerHandle {
    let usdt = SimToken { contract: TOKEN, symbol: "USDT".into(), decimals: Decimals::new(6).unwrap() };
    let mut ledger = Ledger::new(LedgerSpec { tokens: vec![usdt], ..LedgerSpec::tron() });
    ledger.extend(9);
    let amount = TokenAmount::of(PAID);
    let paid = ledger.transfer(TOKEN, PAYER, SHOP, amount);
    let failed = ledger.failed_transfer(TOKEN, PAYER, SHOP, amount, TronResult::OutOfEnergy);
    let trx = ledger.send_trx(PAYER, SHOP, 7);
    ledger.mine(vec![paid, failed, trx]);
    ledger.extend(20);
    LedgerHandle::new(ledger)
}

async fn node() -> (LedgerHandle, TronNode) {
    node_with(TronOptions::default()).await
}

async fn node_with(options: TronOptions) -> (LedgerHandle, TronNode) {
    let ledger = ledger();
    let node = TronNode::start(ledger.clone(), options).await.unwrap();
    (ledger, node)
}

async fn send(url: &str, path: &str, body: &str) -> reqwest::Response {
    client().post(format!("{url}/{path}")).body(body.to_owned()).send().await.unwrap()
}

async fn fetch(url: &str, path: &str) -> reqwest::Response {
    client().get(format!("{url}/{path}")).send().await.unwrap()
}

async fn read(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

async fn post(node: &TronNode, path: &str, body: Value) -> Value {
    let response = send(&node.url, path, &body.to_string()).await;
    assert_eq!(response.status(), 200, "{path}");
    read(response).await
}

async fn get(node: &TronNode, path: &str) -> Value {
    let response = fetch(&node.url, path).await;
    assert_eq!(response.status(), 200, "{path}");
    read(response).await
}

fn at(ledger: &LedgerHandle, height: u64) -> BlockRef {
    ledger.lock().block(Height(height)).unwrap().at
}

fn id_at(ledger: &LedgerHandle, height: u64) -> String {
    at(ledger, height).hash.text(Family::Tron)
}

/// The id of a transaction of block 10.
fn tx(ledger: &LedgerHandle, place: usize) -> String {
    ledger.lock().block(Height(10)).unwrap().txs[place].hash.text(Family::Tron)
}

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn hex_of(value: &Value, digits: usize) {
    let text = value.as_str().unwrap();
    assert!(text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit()), "{text} is not {digits} hex digits");
}

#[tokio::test]
async fn a_header_has_the_keys_of_a_captured_one_and_genesis_leaves_its_defaults_out() {
    let (ledger, node) = node().await;
    let header = post(&node, "wallet/getblock", json!({ "id_or_num": "10", "detail": false })).await;
    assert_eq!(keys(&header), ["blockID", "block_header"]);
    assert_eq!(keys(&header["block_header"]), ["raw_data", "witness_signature"]);
    let raw = &header["block_header"]["raw_data"];
    assert_eq!(keys(raw), ["number", "parentHash", "timestamp", "txTrieRoot", "version", "witness_address"]);
    assert_eq!((&header["blockID"], &raw["number"]), (&json!(id_at(&ledger, 10)), &json!(10)));
    assert_eq!(raw["parentHash"], id_at(&ledger, 9));
    let seconds = ledger.lock().block(Height(10)).unwrap().timestamp.0;
    assert_eq!(raw["timestamp"], seconds * 1_000);
    assert!(raw["witness_address"].as_str().unwrap().starts_with("41"));
    hex_of(&raw["witness_address"], 42);
    hex_of(&header["block_header"]["witness_signature"], 130);

    let whole = post(&node, "wallet/getblock", json!({ "id_or_num": "10", "detail": true })).await;
    assert_eq!(keys(&whole), ["blockID", "block_header", "transactions"]);
    assert_eq!(whole["block_header"], header["block_header"]);
    let genesis = post(&node, "wallet/getblock", json!({ "id_or_num": "0", "detail": false })).await;
    assert_eq!(genesis["blockID"], id_at(&ledger, 0));
    let raw = keys(&genesis["block_header"]["raw_data"]);
    assert!(!raw.contains(&"number") && !raw.contains(&"timestamp"), "{raw:?}");
    let empty = post(&node, "wallet/getblockbynum", json!({ "num": 11 })).await;
    assert_eq!(keys(&empty), ["blockID", "block_header"]);
    assert_eq!(empty["block_header"]["raw_data"]["txTrieRoot"], "0".repeat(64));
}

#[tokio::test]
async fn a_block_is_found_by_number_by_id_and_as_the_newest_one() {
    let (ledger, node) = node().await;
    let whole = get(&node, "wallet/getblockbynum?num=10").await;
    let ten = id_at(&ledger, 10);
    assert_eq!(whole["blockID"], ten);
    for (path, body) in [
        ("wallet/getblock", json!({ "id_or_num": "10", "detail": true })),
        ("wallet/getblock", json!({ "id_or_num": ten, "detail": true })),
        ("wallet/getblockbynum", json!({ "num": 10 })),
        ("wallet/getblockbyid", json!({ "value": ten })),
        ("walletsolidity/getblock", json!({ "id_or_num": ten.to_uppercase(), "detail": true })),
        ("walletsolidity/getblockbynum", json!({ "num": 10 })),
        ("walletsolidity/getblockbyid", json!({ "value": ten })),
    ] {
        assert_eq!(post(&node, path, body.clone()).await, whole, "{path} {body}");
    }
    assert_eq!(get(&node, &format!("wallet/getblock?id_or_num={ten}&detail=true")).await, whole);
    assert_eq!(get(&node, &format!("wallet/getblockbyid?value={ten}")).await, whole);

    for (side, newest) in [("wallet", 30), ("walletsolidity", 12)] {
        let id = id_at(&ledger, newest);
        assert_eq!(get(&node, &format!("{side}/getnowblock")).await["blockID"], id);
        assert_eq!(read(send(&node.url, &format!("{side}/getnowblock"), "not read").await).await["blockID"], id);
        assert_eq!(read(send(&node.url, &format!("{side}/getnowblock"), "").await).await["blockID"], id);
        assert_eq!(post(&node, &format!("{side}/getblock"), json!({ "detail": false })).await["blockID"], id);
        assert_eq!(get(&node, &format!("{side}/getblock?id_or_num=")).await["blockID"], id);
    }
}

#[tokio::test]
async fn what_is_not_there_is_an_empty_answer_and_nonsense_is_an_error_with_status_200() {
    let (ledger, node) = node().await;
    let nobody = "ab".repeat(32);
    let orphan = id_at(&ledger, 30);
    ledger.lock().fork(1, 2, Orphans::Drop).unwrap();
    let low = format!("{:016x}{}", 5, "cd".repeat(24));
    for (path, body, empty) in [
        ("wallet/getblock", json!({ "id_or_num": "32" }), json!({})),
        ("wallet/getblock", json!({ "id_or_num": low }), json!({})),
        ("wallet/getblockbynum", json!({ "num": 32 }), json!({})),
        ("wallet/getblockbynum", json!({ "num": -1 }), json!({})),
        ("wallet/getblockbyid", json!({ "value": nobody }), json!({})),
        ("wallet/getblockbyid", json!({}), json!({})),
        ("wallet/gettransactioninfobyid", json!({ "value": nobody }), json!({})),
        ("wallet/gettransactionbyid", json!({ "value": nobody }), json!({})),
        ("wallet/gettransactioninfobyblocknum", json!({ "num": 32 }), json!([])),
        ("wallet/gettransactioninfobyblocknum", json!({ "num": 11 }), json!([])),
        ("wallet/gettransactioninfobyblocknum", json!({ "num": 0 }), json!({})),
        ("wallet/gettransactioninfobyblocknum", json!({ "num": -3 }), json!({})),
        ("wallet/gettransactioncountbyblocknum", json!({ "num": 32 }), json!({ "count": 0 })),
        ("wallet/gettransactioncountbyblocknum", json!({ "num": 10 }), json!({ "count": 3 })),
        // Above solid.
        ("walletsolidity/getblock", json!({ "id_or_num": "14" }), json!({})),
        ("walletsolidity/getblockbynum", json!({ "num": 14 }), json!({})),
        ("walletsolidity/getblockbyid", json!({ "value": id_at(&ledger, 20) }), json!({})),
        ("walletsolidity/getblockbyid", json!({ "value": orphan }), json!({})),
    ] {
        assert_eq!(post(&node, path, body.clone()).await, empty, "{path} {body}");
    }
    assert_eq!(post(&node, "wallet/getblockbyid", json!({ "value": orphan })).await["blockID"], orphan);
    for (body, error) in [
        (json!({ "id_or_num": "-1" }), "num must be non-positive number."),
        (json!({ "id_or_num": "ten" }), "id must be legal block hash."),
        (json!({ "id_or_num": nobody }), "id must be legal block hash."),
        (json!({ "id_or_num": "zz".repeat(32) }), "id must be legal block hash."),
    ] {
        assert_eq!(post(&node, "wallet/getblock", body).await, json!({ "Error": error }));
    }
    let class = |answer: Value| answer["Error"].as_str().unwrap().starts_with("class ");
    assert!(class(post(&node, "wallet/getblock", json!({ "id_or_num": 10 })).await), "it is a text");
    assert!(class(read(send(&node.url, "wallet/getblockbynum", "{\"num\":").await).await));
    assert!(class(get(&node, "wallet/getblockbynum").await));
    assert!(class(post(&node, "wallet/gettransactionbyid", json!({ "value": "zz" })).await));
    for path in ["wallet/getaccount", "wallet", "nonsense", "walletsolidity/getnodeinfo", "jsonrpc"] {
        assert_eq!(send(&node.url, path, "{}").await.status(), 404, "{path}");
    }
    assert_eq!(fetch(&node.url, "healthcheck").await.status(), 200);
}

#[tokio::test]
async fn infos_and_transactions_have_the_keys_of_captured_ones() {
    let (ledger, node) = node().await;
    let infos = post(&node, "wallet/gettransactioninfobyblocknum", json!({ "num": 10 })).await;
    assert_eq!(infos, get(&node, "walletsolidity/gettransactioninfobyblocknum?num=10").await);
    let ids: Vec<_> = infos.as_array().unwrap().iter().map(|info| info["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [0, 1, 2].map(|place| tx(&ledger, place)));
    let usual = ["blockNumber", "blockTimeStamp", "contractResult", "id", "receipt"];
    for (place, more) in
        [(0, vec!["contract_address", "log"]), (1, vec!["contract_address", "resMessage", "result"]), (2, vec![])]
    {
        let info = &infos[place];
        let mut wanted = [&usual[..], &more].concat();
        if info.get("fee").is_some() {
            wanted.push("fee");
        }
        wanted.sort_unstable();
        assert_eq!(keys(info), wanted, "info {place}");
        assert_eq!(info["contractResult"].as_array().unwrap().len(), 1);
        for side in ["wallet", "walletsolidity"] {
            let path = format!("{side}/gettransactioninfobyid");
            assert_eq!(&post(&node, &path, json!({ "value": ids[place] })).await, info);
        }
    }
    assert_eq!(infos[0]["receipt"]["result"], "SUCCESS");
    assert_eq!((&infos[1]["receipt"]["result"], &infos[1]["result"]), (&json!("OUT_OF_ENERGY"), &json!("FAILED")));
    assert!(infos[2]["receipt"].get("result").is_none(), "no contract was called");
    let log = &infos[0]["log"][0];
    assert_eq!(keys(log), ["address", "data", "topics"]);
    assert_eq!(log["address"], "11".repeat(20), "20 bytes, no prefix");
    assert_eq!(infos[0]["contract_address"], format!("41{}", "11".repeat(20)));
    assert_eq!(log["data"], format!("{PAID:064x}"));

    let block = post(&node, "wallet/getblockbynum", json!({ "num": 10 })).await;
    for place in 0..3 {
        let path = "wallet/gettransactionbyid";
        let transaction = post(&node, path, json!({ "value": tx(&ledger, place) })).await;
        assert_eq!(keys(&transaction), ["raw_data", "raw_data_hex", "ret", "signature", "txID"]);
        assert_eq!(block["transactions"][place], transaction);
    }
    assert_eq!(block["transactions"][1]["ret"], json!([{ "contractRet": "OUT_OF_ENERGY" }]));
}

#[tokio::test]
async fn visible_answers_hold_base58_addresses_in_logs_too() {
    let (ledger, node) = node().await;
    let shop = TOKEN.text(Family::Tron);
    let info = post(&node, "wallet/gettransactioninfobyid", json!({ "value": tx(&ledger, 0), "visible": true })).await;
    assert_eq!((&info["contract_address"], &info["log"][0]["address"]), (&json!(shop), &json!(shop)));
    let block = get(&node, "wallet/getblockbynum?num=10&visible=true").await;
    assert!(block["block_header"]["raw_data"]["witness_address"].as_str().unwrap().starts_with('T'));
    let value = &block["transactions"][0]["raw_data"]["contract"][0]["parameter"]["value"];
    assert_eq!((&value["contract_address"], &value["owner_address"]), (&json!(shop), &json!(PAYER.text(Family::Tron))));
    assert_eq!(post(&node, "wallet/getblockbynum", json!({ "num": 10, "visible": true })).await, block);
}

#[tokio::test]
async fn ranges_end_before_their_end_and_hold_a_hundred_blocks_at_most() {
    let (ledger, node) = node().await;
    ledger.lock().extend(100);
    let numbers = |answer: &Value| -> Vec<u64> {
        let blocks = answer["block"].as_array().unwrap().iter();
        blocks.map(|block| block["block_header"]["raw_data"]["number"].as_u64().unwrap_or(0)).collect()
    };
    let range = |start: i64, end: i64| json!({ "startNum": start, "endNum": end });
    let path = "wallet/getblockbylimitnext";
    let answer = post(&node, path, range(9, 12)).await;
    assert_eq!((keys(&answer), numbers(&answer)), (vec!["block"], vec![9, 10, 11]));
    assert_eq!(answer["block"][1]["transactions"].as_array().unwrap().len(), 3);
    assert_eq!(get(&node, &format!("{path}?startNum=9&endNum=12")).await, answer);
    assert_eq!(numbers(&post(&node, path, range(0, 100)).await).len(), 100);
    assert_eq!(numbers(&post(&node, path, range(129, 140)).await), [129, 130]);
    assert_eq!(numbers(&post(&node, "walletsolidity/getblockbylimitnext", range(110, 120)).await), [110, 111, 112]);
    for (start, end) in [(0, 101), (5, 5), (6, 5), (-1, 5)] {
        assert_eq!(post(&node, path, range(start, end)).await, json!({}), "{start} to {end}");
    }
    let latest = |count: i64| json!({ "num": count });
    assert_eq!(numbers(&post(&node, "wallet/getblockbylatestnum", latest(2)).await), [130, 129]);
    assert_eq!(numbers(&post(&node, "wallet/getblockbylatestnum", latest(99)).await).len(), 99);
    for count in [0, 100, -1] {
        assert_eq!(post(&node, "wallet/getblockbylatestnum", latest(count)).await, json!({}), "{count}");
    }
}

#[tokio::test]
async fn node_info_says_where_head_and_solid_are() {
    let (ledger, node) = node().await;
    let info = read(send(&node.url, "wallet/getnodeinfo", "").await).await;
    assert_eq!(info["block"], format!("Num:30,ID:{}", id_at(&ledger, 30)));
    assert_eq!(info["solidityBlock"], format!("Num:12,ID:{}", id_at(&ledger, 12)));
    assert_eq!(info["configNodeInfo"]["codeVersion"], "4.8.1");
    ledger.lock().stall_finality(true);
    ledger.lock().extend(5);
    let info = get(&node, "wallet/getnodeinfo").await;
    assert!(info["block"].as_str().unwrap().starts_with("Num:35,"));
    assert!(info["solidityBlock"].as_str().unwrap().starts_with("Num:12,"), "solid stands still");
}

#[tokio::test]
async fn constant_calls_tell_decimals_and_symbol_and_revert_otherwise() {
    let (_, node) = node().await;
    let ask = async |contract: Address, selector: &str| {
        let (owner, contract) = (format!("41{}", "22".repeat(20)), format!("41{}", hex::encode(contract.0)));
        let body = json!({ "owner_address": owner, "contract_address": contract, "function_selector": selector });
        post(&node, "walletsolidity/triggerconstantcontract", body).await
    };
    let decimals = ask(TOKEN, "decimals()").await;
    assert_eq!(keys(&decimals), ["constant_result", "energy_used", "result", "transaction"]);
    assert_eq!(
        (&decimals["result"], &decimals["constant_result"]),
        (&json!({ "result": true }), &json!([format!("{:064x}", 6)]))
    );
    let transaction = &decimals["transaction"];
    assert_eq!(keys(transaction), ["raw_data", "raw_data_hex", "ret", "txID", "visible"]);
    assert_eq!(
        keys(&transaction["raw_data"]),
        ["contract", "expiration", "ref_block_bytes", "ref_block_hash", "timestamp"]
    );
    assert_eq!(transaction["ret"], json!([{}]));
    let raw = hex::decode(transaction["raw_data_hex"].as_str().unwrap()).unwrap();
    assert_eq!(transaction["txID"], hex::encode(crate::devnet::tron::sha256(&raw)));
    let value = &transaction["raw_data"]["contract"][0]["parameter"]["value"];
    assert_eq!(value["data"], "313ce567");
    let symbol = ask(TOKEN, "symbol()").await["constant_result"][0].as_str().unwrap().to_owned();
    assert_eq!(symbol, format!("{:064x}{:064x}{}{}", 32, 4, hex::encode("USDT"), "0".repeat(56)));
    let reverted = ask(TOKEN, "nonsense()").await;
    assert_eq!(
        (&reverted["transaction"]["ret"][0]["ret"], &reverted["constant_result"]),
        (&json!("FAILED"), &json!([""]))
    );
    assert_eq!(reverted["result"]["message"], hex::encode("REVERT opcode executed"));
    let missing = ask(SHOP, "decimals()").await;
    assert_eq!((keys(&missing), &missing["result"]["code"]), (vec!["result"], &json!("CONTRACT_VALIDATE_ERROR")));
}

#[tokio::test]
async fn with_two_ports_each_serves_its_own_calls_only() {
    let found = async |url: &str, path: &str| send(url, path, "{}").await.status().as_u16();
    for (solid, main, own) in
        [(SolidPort::Shared, 200, 0), (SolidPort::Also(0), 200, 404), (SolidPort::Only(0), 404, 404)]
    {
        let (_, node) = node_with(TronOptions { solid, ..TronOptions::default() }).await;
        assert_eq!(found(&node.url, "wallet/getblock").await, 200);
        assert_eq!(found(&node.url, "walletsolidity/getblock").await, main, "{solid:?}");
        assert_eq!(found(&node.solid_url, "walletsolidity/getblock").await, 200, "{solid:?}");
        assert_eq!(node.url == node.solid_url, own == 0);
        if own > 0 {
            assert_eq!(found(&node.solid_url, "wallet/getblock").await, own);
        }
        assert_eq!(node.trouble.calls("wallet/getblock"), 1 + u64::from(own > 0));
        node.stop().await;
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_one_closes() {
    let (_, node) = node_with(TronOptions { connections_max: 2, ..TronOptions::default() }).await;
    let ask = async |client: &reqwest::Client| client.get(format!("{}/wallet/getnowblock", node.url)).send().await;
    let (first, second, third) = (client(), client(), client());
    for client in [&first, &second] {
        ask(client).await.unwrap().bytes().await.unwrap();
    }
    let waiting = ask(&third);
    tokio::pin!(waiting);
    assert!(timeout(Duration::from_millis(200), &mut waiting).await.is_err(), "two idle connections hold the node");
    drop(first);
    assert_eq!(timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_request_above_four_mebibytes_is_too_large() {
    let (_, node) = node().await;
    let body = format!("{{\"num\":10,\"more\":\"{}\"}}", "x".repeat(REQUEST_BYTES_MAX));
    let refused = send(&node.url, "wallet/getblockbynum", &body).await;
    assert_eq!(refused.status(), 413);
    assert!(refused.text().await.unwrap().starts_with("<html>"));
}
