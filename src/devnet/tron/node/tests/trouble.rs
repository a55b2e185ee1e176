//! Each switch shows, where it should and nowhere else.

use super::*;
use crate::devnet::{
    BlockLie, Faces, Failure, Garble, Inflated, InfoLie, TRANSFER_TOPIC, TronRefusal, TronTrouble, Trouble,
};

fn set(node: &TronNode, tron: TronTrouble) {
    node.trouble.set(Trouble { tron, ..Trouble::default() });
}

async fn ten(node: &TronNode) -> Value {
    post(node, "wallet/getblockbynum", json!({ "num": 10 })).await
}

async fn infos_of_ten(node: &TronNode) -> Value {
    post(node, "wallet/gettransactioninfobyblocknum", json!({ "num": 10 })).await
}

async fn height(node: &TronNode, path: &str) -> u64 {
    get(node, path).await["block_header"]["raw_data"]["number"].as_u64().unwrap()
}

#[tokio::test]
async fn a_lagging_node_has_nothing_above_its_own_head_and_says_so_by_empty_answers() {
    let (_, node) = node().await;
    node.trouble.set(Trouble { lag_blocks: 21, ..Trouble::default() });
    assert_eq!((height(&node, "wallet/getnowblock").await), 9);
    assert_eq!(get(&node, "walletsolidity/getnowblock").await, get(&node, "wallet/getblockbynum?num=0").await);
    assert_eq!(ten(&node).await, json!({}));
    assert_eq!(infos_of_ten(&node).await, json!([]));
    assert_eq!(get(&node, "wallet/gettransactioncountbyblocknum?num=10").await, json!({ "count": 0 }));
    // Only one of two replicas behind one address lags.
    node.trouble.update(|trouble| trouble.only_methods = vec!["wallet/gettransactioninfobyblocknum".into()]);
    assert_eq!(infos_of_ten(&node).await, json!([]));
    assert_eq!(ten(&node).await["transactions"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn either_face_may_lag_alone_so_that_solid_is_above_the_head() {
    let (_, node) = node().await;
    let both = async || (height(&node, "wallet/getnowblock").await, height(&node, "walletsolidity/getnowblock").await);
    assert_eq!(both().await, (30, 12));
    set(&node, TronTrouble { solid_lag_blocks: 4, ..TronTrouble::default() });
    assert_eq!(both().await, (30, 8));
    set(&node, TronTrouble { head_lag_blocks: 20, ..TronTrouble::default() });
    assert_eq!(both().await, (10, 12), "solid is ahead of the head");
    node.trouble.set(Trouble { frozen_at: Some(25), ..Trouble::default() });
    assert_eq!(both().await, (25, 7));
}

#[tokio::test]
async fn infos_of_a_block_are_wrong_in_each_way_and_single_ones_stay_right() {
    let (ledger, node) = node().await;
    let honest = infos_of_ten(&node).await;
    let all = honest.as_array().unwrap().clone();
    let with = |place: usize, key: &str, value: Value| {
        let mut changed = all.clone();
        changed[place][key] = value;
        json!(changed)
    };
    let time = all[0]["blockTimeStamp"].as_u64().unwrap();
    for (lie, wanted) in [
        (InfoLie::Partial, json!(all[..2])),
        (InfoLie::Missing, json!([])),
        (InfoLie::Reversed, json!([all[2], all[1], all[0]])),
        (InfoLie::Doubled, json!([all[0], all[0], all[1], all[2]])),
        (InfoLie::WrongNumber, with(0, "blockNumber", json!(11))),
        (InfoLie::WrongTime, with(0, "blockTimeStamp", json!(time + 3_000))),
    ] {
        set(&node, TronTrouble { infos: lie, ..TronTrouble::default() });
        assert_eq!(infos_of_ten(&node).await, wanted, "{lie:?}");
        let one = post(&node, "wallet/gettransactioninfobyid", json!({ "value": tx(&ledger, 0) })).await;
        assert_eq!(one, all[0], "{lie:?}");
    }
    set(&node, TronTrouble { infos: InfoLie::OtherBranch, ..TronTrouble::default() });
    let other = infos_of_ten(&node).await;
    for (place, info) in all.iter().enumerate() {
        assert_eq!((&other[place]["blockNumber"], &other[place]["log"]), (&json!(10), &json!(info.get("log"))));
        assert_ne!(other[place]["id"], info["id"]);
        assert_ne!(other[place]["blockTimeStamp"], info["blockTimeStamp"]);
    }
}

#[tokio::test]
async fn blocks_are_wrong_in_each_way() {
    let (_, node) = node().await;
    let honest = ten(&node).await;
    set(&node, TronTrouble { blocks: BlockLie::Stripped, ..TronTrouble::default() });
    let stripped = ten(&node).await;
    assert_eq!((stripped.get("transactions"), &stripped["block_header"]), (None, &honest["block_header"]));
    set(&node, TronTrouble { blocks: BlockLie::Tampered, ..TronTrouble::default() });
    let header = post(&node, "wallet/getblock", json!({ "id_or_num": "10" })).await;
    assert_eq!(header["blockID"], honest["blockID"]);
    assert_ne!(header["block_header"]["raw_data"]["version"], honest["block_header"]["raw_data"]["version"]);
    set(&node, TronTrouble { blocks: BlockLie::TamperedTx, ..TronTrouble::default() });
    let tampered = ten(&node).await;
    let raw = |block: &Value| block["transactions"][0]["raw_data_hex"].as_str().unwrap().to_owned();
    assert_eq!(raw(&tampered), format!("{}00", raw(&honest)));
    assert_eq!(tampered["transactions"][0]["txID"], honest["transactions"][0]["txID"]);
    let range = get(&node, "wallet/getblockbylimitnext?startNum=10&endNum=11").await;
    assert_eq!(range["block"][0], tampered);
}

#[tokio::test]
async fn amounts_are_larger_only_where_they_are_to_be() {
    let (ledger, node) = node().await;
    let larger = json!(format!("{:064x}", PAID + 1_000_000));
    for (inflated, by_block, by_id) in [
        (Inflated::Nothing, false, false),
        (Inflated::ByBlock, true, false),
        (Inflated::ById, false, true),
        (Inflated::Everywhere, true, true),
    ] {
        set(&node, TronTrouble { inflated, ..TronTrouble::default() });
        assert_eq!(infos_of_ten(&node).await[0]["log"][0]["data"] == larger, by_block, "{inflated:?}");
        let one = post(&node, "wallet/gettransactioninfobyid", json!({ "value": tx(&ledger, 0) })).await;
        assert_eq!(one["log"][0]["data"] == larger, by_id, "{inflated:?}");
    }
}

#[tokio::test]
async fn a_failed_transaction_is_told_as_a_success_that_paid() {
    let (ledger, node) = node().await;
    let honest = infos_of_ten(&node).await;
    let victim = Address([0x55; 20]);
    let failed_pays = Some(victim.text(Family::Tron));
    set(&node, TronTrouble { failed_pays, ..TronTrouble::default() });
    let paid = infos_of_ten(&node).await;
    assert_eq!((&paid[1]["result"], &paid[1]["receipt"]["result"]), (&json!("FAILED"), &json!("OUT_OF_ENERGY")));
    let log = &paid[1]["log"][0];
    assert_eq!(log["address"], hex::encode(TOKEN.0));
    assert_eq!(log["topics"][0], hex::encode(TRANSFER_TOPIC));
    assert_eq!(log["topics"][2], format!("{:0>64}", hex::encode(victim.0)));
    node.trouble.update(|trouble| trouble.tron.failed_as_success = true);
    let success = post(&node, "walletsolidity/gettransactioninfobyid", json!({ "value": tx(&ledger, 1) })).await;
    assert_eq!((&success["receipt"]["result"], success.get("result")), (&json!("SUCCESS"), None));
    assert_eq!(success["log"], json!([log]));
    assert_eq!(infos_of_ten(&node).await[0], honest[0], "what succeeded is told as it was");
    assert_eq!(ten(&node).await["transactions"][1]["ret"][0]["contractRet"], "OUT_OF_ENERGY");
}

#[tokio::test]
async fn a_false_genesis_shows_on_the_faces_named() {
    let (ledger, node) = node().await;
    let (own, other) = (id_at(&ledger, 0), "ab".repeat(32));
    for (faces, full, solid) in
        [(Faces::Both, &other, &other), (Faces::Full, &other, &own), (Faces::Solid, &own, &other)]
    {
        let tron = TronTrouble { genesis_on: faces, ..TronTrouble::default() };
        node.trouble.set(Trouble { genesis: Some(other.clone()), tron, ..Trouble::default() });
        for (side, id) in [("wallet", full), ("walletsolidity", solid)] {
            let genesis = post(&node, &format!("{side}/getblock"), json!({ "id_or_num": "0" })).await;
            assert_eq!(&genesis["blockID"], id, "{faces:?} {side}");
            let first = post(&node, &format!("{side}/getblock"), json!({ "id_or_num": "1" })).await;
            assert_eq!(first["blockID"], id_at(&ledger, 1));
        }
    }
}

#[tokio::test]
async fn shuffled_keys_and_negative_numbers_leave_the_rest_as_it_was() {
    let (_, node) = node().await;
    let text = async || send(&node.url, "wallet/getblockbynum", "{\"num\":10}").await.text().await.unwrap();
    let (honest, infos) = (text().await, infos_of_ten(&node).await);
    set(&node, TronTrouble { shuffled_keys: true, ..TronTrouble::default() });
    let shuffled = text().await;
    assert_ne!(shuffled, honest);
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(parsed(&shuffled), parsed(&honest));
    assert_eq!(infos_of_ten(&node).await, infos);
    set(&node, TronTrouble { negative_numbers: true, ..TronTrouble::default() });
    let negative = ten(&node).await;
    let raw = &negative["transactions"][2]["raw_data"];
    assert_eq!((&raw["fee_limit"], &raw["timestamp"], &raw["expiration"]), (&json!(-1), &json!(-5), &json!(i64::MIN)));
    assert_eq!(negative["transactions"][2]["raw_data_hex"], parsed(&honest)["transactions"][2]["raw_data_hex"]);
    assert_eq!(negative["block_header"], parsed(&honest)["block_header"]);
}

#[tokio::test]
async fn each_refusal_comes_with_its_own_status_and_text() {
    let (_, node) = node().await;
    for (refusal, status, text) in [
        (TronRefusal::Error("class a.B : c".into()), 200, r#"{"Error":"class a.B : c"}"#),
        (
            TronRefusal::Overloaded,
            200,
            r#"{"Error":"class java.lang.IllegalAccessException : lack of computing resources"}"#,
        ),
        (TronRefusal::SwitchedOff, 404, r#"{"Error":"this API is unavailable due to config"}"#),
        (TronRefusal::TooLarge, 413, "<html><head><title>Error 413 Payload Too Large"),
        (TronRefusal::LiteNode, 200, "this API is closed because this node is a lite fullnode"),
        (
            TronRefusal::Suspended { status: 429, allowed_rps: 10, seconds: 5 },
            429,
            r#"{"Error":"request rate exceeded the allowed_rps(10), and the query server is suspended for 5 s"}"#,
        ),
        (TronRefusal::DailyUsage, 403, r#"{"Error":"Exceed the user daily usage (100000), the maximum"#),
        (TronRefusal::EmptyObject, 200, "{}"),
        (TronRefusal::EmptyList, 200, "[]"),
    ] {
        let failure = Some(Failure::Tron(refusal.clone()));
        node.trouble.set(Trouble { fail_next: 1, failure, ..Trouble::default() });
        let refused = send(&node.url, "wallet/getblockbynum", "{\"num\":10}").await;
        assert_eq!(refused.status(), status, "{refusal:?}");
        let body = refused.text().await.unwrap();
        assert!(body.starts_with(text), "{refusal:?}: {body}");
        assert_eq!(ten(&node).await["block_header"]["raw_data"]["number"], 10, "only the next one");
    }
}

#[tokio::test]
async fn trouble_is_for_the_named_methods_only() {
    let (_, node) = node().await;
    let honest = infos_of_ten(&node).await;
    let tron = TronTrouble { infos: InfoLie::Partial, ..TronTrouble::default() };
    let only_methods = vec!["walletsolidity/gettransactioninfobyblocknum".to_owned()];
    node.trouble.set(Trouble { tron, only_methods, ..Trouble::default() });
    assert_eq!(infos_of_ten(&node).await, honest);
    let solid = post(&node, "walletsolidity/gettransactioninfobyblocknum", json!({ "num": 10 })).await;
    assert_eq!(solid.as_array().unwrap().len(), 2);
    let failure = Some(Failure::Tron(TronRefusal::SwitchedOff));
    let only_methods = vec!["wallet/getblock".to_owned()];
    node.trouble.set(Trouble { fail_every: 1, failure, only_methods, ..Trouble::default() });
    assert_eq!(send(&node.url, "wallet/getblock", "{}").await.status(), 404);
    assert_eq!(infos_of_ten(&node).await, honest);
    assert_eq!(node.trouble.calls("wallet/gettransactioninfobyblocknum"), 3);
}

#[tokio::test]
async fn bodies_are_cut_connections_break_and_calls_hang() {
    let (_, node) = node().await;
    let block = async || send(&node.url, "wallet/getblockbynum", "{\"num\":10}").await;
    let whole = block().await.text().await.unwrap();
    node.trouble.set(Trouble { garble: Garble::CutJson, ..Trouble::default() });
    assert_eq!(block().await.text().await.unwrap(), whole[..whole.len() / 2]);
    node.trouble.set(Trouble { garble: Garble::Html, ..Trouble::default() });
    assert!(block().await.text().await.unwrap().starts_with("<html>"));
    node.trouble.set(Trouble { garble: Garble::CutBody, ..Trouble::default() });
    let asked = client().post(format!("{}/wallet/getblockbynum", node.url)).body("{\"num\":10}").send().await;
    let broken = match asked {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(broken, "the connection ends before the body");
    node.trouble.set(Trouble { stall: true, ..Trouble::default() });
    assert!(timeout(Duration::from_millis(150), block()).await.is_err());
    node.trouble.set(Trouble { requests_per_s: Some(1), ..Trouble::default() });
    let statuses = [block().await.status().as_u16(), block().await.status().as_u16()];
    assert!(statuses.contains(&429), "{statuses:?}");
}
