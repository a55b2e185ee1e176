use serde_json::{Value, json};

use super::super::{
    TronMode, TronSource,
    honest::{Honest, USDT, kind as kind_of, paid, settings, tx_hash},
};
use crate::{
    chain::{
        ChainSource, SourceError,
        scripted::{Node, Out, node},
        transfer_log::TRANSFER_TOPIC,
    },
    domain::{
        Address, Height, LogOrdinal, TokenAmount, TxHash, TxView,
        explain::{LogFlaw, LogKind, TxKind, TxOutcome, TxPlace},
    },
};

fn tx() -> TxHash {
    tx_hash(2, 0)
}

fn transaction(change: impl FnOnce(&mut Value)) -> Value {
    let account = |byte: u8| format!("41{}", hex::encode([byte; 20]));
    let mut transaction = json!({
        "ret": [{"contractRet": "SUCCESS"}], "txID": hex::encode(tx().0), "raw_data_hex": "00",
        "raw_data": {"contract": [{"type": "TriggerSmartContract", "parameter": {"value": {
            "owner_address": account(0xaa), "contract_address": account(0xda), "to_address": account(0xbb),
        }}}], "fee_limit": -7},
    });
    change(&mut transaction);
    transaction
}

/// A node with seven blocks, 4 of them solid, that has `transaction`; its info is changed by `change`.
async fn node_with(transaction: Value, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Node {
    let honest = Honest::new(&(0..7).map(|at| if at == 0 { vec![] } else { vec![paid(&[at])] }).collect::<Vec<_>>(), 0);
    node(move |method, asked| match method.split_once('/') {
        Some((_, "gettransactionbyid")) => Out::Result(transaction.clone()),
        Some((_, "gettransactionfrompending")) => Out::Http(404, vec![], b"<html>".to_vec()),
        Some((_, "gettransactioninfobyid")) => {
            let Out::Result(mut info) = honest.answer(method, asked) else { panic!("an honest answer") };
            change(&mut info);
            Out::Result(info)
        }
        _ => honest.answer(method, asked),
    })
    .await
}

async fn view(node: &Node, mode: TronMode) -> Result<TxView, SourceError> {
    TronSource::new(super::super::TronSettings { mode, ..settings(node) }).unwrap().inspect(tx()).await
}

#[tokio::test]
async fn every_log_is_judged_as_if_its_contract_were_listed() {
    let node = node_with(transaction(|_| ()), |info| {
        let sound = info["log"][0].clone();
        let with = |change: &dyn Fn(&mut Value)| {
            let mut log = sound.clone();
            change(&mut log);
            log
        };
        info["log"] = json!([
            sound.clone(),
            with(&|log| log["data"] = json!("00".repeat(32))),
            with(&|log| log["data"] = json!("01")),
            with(&|log| log["topics"] = json!([hex::encode(TRANSFER_TOPIC)])),
            with(&|log| log["topics"][2] = json!("ff".repeat(32))),
            with(&|log| log["topics"][0] = json!("17".repeat(32))),
            with(&|log| log["address"] = json!("cc".repeat(20))),
            with(&|log| log["topics"][2] = json!(format!("{}41{}", "00".repeat(11), "05".repeat(20)))),
        ]);
        info["internal_transactions"] = json!([{"hash": "00", "rejected": true}, {"hash": "01"}]);
    })
    .await;
    let view = view(&node, TronMode::HeadAndSolid).await.unwrap();
    assert!(matches!(view.place, TxPlace::Block { at, is_final: true, .. } if at.height == Height(2)), "{view:?}");
    assert_eq!((view.outcome, view.kind), (TxOutcome::Succeeded, TxKind::Call(USDT)));
    assert_eq!((view.inner_calls, view.inner_rejected), (2, 1));
    let kinds: Vec<_> = view.logs.iter().map(|log| (log.contract.0[0], &log.kind)).collect();
    assert!(
        matches!(kinds[0], (0xda, LogKind::Transfer(told)) if told.amount == TokenAmount::of(2) && told.tx == tx())
    );
    assert_eq!(kinds[1], (0xda, &LogKind::ZeroValue(LogOrdinal(1))));
    assert_eq!(kinds[2], (0xda, &LogKind::Malformed(LogOrdinal(2), LogFlaw::Data)));
    assert_eq!(kinds[3], (0xda, &LogKind::Malformed(LogOrdinal(3), LogFlaw::Topics(1))));
    assert_eq!(kinds[4], (0xda, &LogKind::Malformed(LogOrdinal(4), LogFlaw::Address)));
    assert_eq!(kinds[5], (0xda, &LogKind::Other));
    assert!(matches!(kinds[6], (0xcc, LogKind::Transfer(told)) if told.ordinal == LogOrdinal(0)));
    assert!(matches!(kinds[7], (0xda, LogKind::Transfer(told)) if told.to == Address([5; 20])));
}

#[tokio::test]
async fn both_words_must_say_success() {
    let failed = |how: &str| TxOutcome::Failed(how.to_owned());
    for (said, computed, result, expected) in [
        (json!("SUCCESS"), json!("SUCCESS"), Value::Null, TxOutcome::Succeeded),
        (json!("REVERT"), json!("REVERT"), json!("FAILED"), failed("REVERT")),
        (json!("OUT_OF_TIME"), json!("OUT_OF_TIME"), Value::Null, failed("OUT_OF_TIME")),
        (json!("REVERT"), json!("SUCCESS"), Value::Null, failed("REVERT in the block, SUCCESS in its info")),
        (json!("SUCCESS"), json!("REVERT"), Value::Null, failed("SUCCESS in the block, REVERT in its info")),
        (json!("SUCCESS"), json!("SUCCESS"), json!("FAILED"), failed("SUCCESS in the block, FAILED in its info")),
        (json!("SUCCESS"), Value::Null, Value::Null, failed("SUCCESS in the block, nothing in its info")),
        (Value::Null, Value::Null, Value::Null, failed("nothing")),
    ] {
        let transaction = transaction(|tx| tx["ret"][0]["contractRet"] = said.clone());
        let node = node_with(transaction, move |info| {
            info["receipt"]["result"] = computed.clone();
            info["result"] = result.clone();
        })
        .await;
        assert_eq!(view(&node, TronMode::HeadAndSolid).await.unwrap().outcome, expected, "{said}");
    }
}

#[tokio::test]
async fn what_was_asked_for_is_read_leniently() {
    let (to, name) = (Address([0xbb; 20]), hex::encode("USDT"));
    for (kind, asset, expected) in [
        ("TransferContract", json!(null), TxKind::Coin(to)),
        ("TransferAssetContract", json!(name), TxKind::Asset(to, "USDT".to_owned())),
        ("TransferAssetContract", json!("1002000"), TxKind::Asset(to, "1002000".to_owned())),
        ("TransferAssetContract", json!(7), TxKind::Asset(to, String::new())),
        ("CreateSmartContract", json!(null), TxKind::Creation),
        ("VoteWitnessContract", json!(null), TxKind::Other("VoteWitnessContract".to_owned())),
    ] {
        let transaction = transaction(|tx| {
            let contract = &mut tx["raw_data"]["contract"][0];
            contract["type"] = json!(kind);
            contract["parameter"]["value"]["asset_name"] = asset.clone();
            contract["parameter"]["value"]["amount"] = json!(-1);
        });
        let node = node_with(transaction, |info| {
            info["log"] = json!([]);
        })
        .await;
        assert_eq!(view(&node, TronMode::HeadAndSolid).await.unwrap().kind, expected, "{kind}");
    }
    let node = node_with(transaction(|tx| tx["raw_data"] = json!("absurd")), |_| ()).await;
    assert_eq!(view(&node, TronMode::HeadAndSolid).await.unwrap().kind, TxKind::Unsaid);
}

#[tokio::test]
async fn what_is_in_no_block_waits_or_is_unknown() {
    let pending = transaction(|tx| tx["ret"] = json!([]));
    for (known, mode, expected) in [
        (true, TronMode::HeadAndSolid, TxPlace::Waiting),
        (true, TronMode::Solid, TxPlace::Unknown),
        (false, TronMode::HeadAndSolid, TxPlace::Unknown),
    ] {
        let pending = pending.clone();
        let node = node(move |method, _| match method.split_once('/') {
            Some((_, "gettransactionbyid")) => Out::Result(json!({})),
            Some(("wallet", "gettransactionfrompending")) if known => Out::Result(pending.clone()),
            _ => Out::Http(404, vec![], b"not found".to_vec()),
        })
        .await;
        assert_eq!(view(&node, mode).await.unwrap().place, expected);
    }
}

#[tokio::test]
async fn what_is_above_the_solidified_block_is_not_final_and_what_does_not_fit_is_a_doubt() {
    let id = hex::encode(tx_hash(6, 0).0);
    let high = transaction(|tx| tx["txID"] = json!(id));
    let node = node_with(high, |_| ()).await;
    let source = TronSource::new(settings(&node)).unwrap();
    let view_of_high = source.inspect(tx_hash(6, 0)).await.unwrap();
    assert!(matches!(view_of_high.place, TxPlace::Block { is_final: false, at, .. } if at.height == Height(6)));

    let node = node_with(transaction(|_| ()), |_| ()).await;
    let solid = view(&node, TronMode::Solid).await.unwrap();
    assert!(matches!(solid.place, TxPlace::Block { is_final: true, .. }));
    assert_eq!(node.count("wallet/gettransactionbyid"), 0, "the full face is not read in this mode");

    let node = node_with(transaction(|tx| tx["txID"] = json!("00".repeat(32))), |_| ()).await;
    assert_eq!(kind_of(view(&node, TronMode::HeadAndSolid).await), "malformed");
    for (change, doubt) in [
        ((|info| *info = json!({})) as fn(&mut Value), "malformed"),
        (|info| info["id"] = json!("00".repeat(32)), "malformed"),
        (|info| info["blockTimeStamp"] = json!(1), "disagreement"),
        (|info| info["blockNumber"] = json!(99), "missing"),
        (|info| info["log"][0]["address"] = json!("da"), "malformed"),
    ] {
        let node = node_with(transaction(|_| ()), change).await;
        assert_eq!(kind_of(view(&node, TronMode::HeadAndSolid).await), doubt);
    }
}
