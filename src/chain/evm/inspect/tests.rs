use serde_json::{Value, json};

use super::super::honest::{Honest, USDT, account_word, block_hash, hex_of, log, receipt, word};
use crate::{
    chain::{
        ChainSource, SourceError,
        evm::{EvmSettings, EvmSource},
        scripted::{Node, Out, node},
    },
    domain::{
        Address, BlockHash, BlockRef, Height, LogOrdinal, TokenAmount, TxHash, TxView,
        explain::{LogFlaw, LogKind, TxKind, TxOutcome, TxPlace},
    },
};

const TX: TxHash = TxHash([1; 32]);

async fn view(node: &Node) -> Result<TxView, SourceError> {
    let settings = EvmSettings::new("test".parse().unwrap(), "a".to_owned(), node.url.clone(), vec![USDT]);
    EvmSource::new(settings).unwrap().inspect(TX).await
}

fn transaction(change: impl FnOnce(&mut Value)) -> Value {
    let mut transaction = json!({
        "hash": word(1), "blockNumber": "0x1", "to": hex_of(&USDT.0), "input": "0xa9059cbb", "value": "0x0", "type": "0x2",
    });
    change(&mut transaction);
    transaction
}

/// A node with four blocks, of which block 1 is final, and this receipt and transaction.
async fn node_with(receipt: Value, transaction: Value) -> Node {
    let honest = Honest { blocks: vec![vec![]; 4] };
    node(move |method, params| match method {
        "eth_getTransactionReceipt" => Out::Result(receipt.clone()),
        "eth_getTransactionByHash" => Out::Result(transaction.clone()),
        _ => honest.answer(method, params),
    })
    .await
}

#[tokio::test]
async fn every_log_is_judged_as_if_its_contract_were_listed() {
    let other = Address([0xcc; 20]);
    let with = |index, token, change: &dyn Fn(&mut Value)| {
        let mut log = log(1, index, 1, token, 5);
        change(&mut log);
        log
    };
    let logs = json!([
        with(6, other, &|_| ()),
        with(0, USDT, &|_| ()),
        with(1, USDT, &|log| log["data"] = json!(word(0))),
        with(2, USDT, &|log| log["data"] = json!("0x01")),
        with(3, USDT, &|log| log["topics"].as_array_mut().unwrap().push(json!(word(7)))),
        with(4, USDT, &|log| log["topics"][2] = json!(word(0xff))),
        with(5, USDT, &|log| log["topics"] = json!([word(9), account_word(1)])),
    ]);
    let node = node_with(receipt(1, "0x1", logs), transaction(|_| ())).await;
    let view = view(&node).await.unwrap();
    let at = BlockRef { height: Height(1), hash: BlockHash(block_hash(1)) };
    assert!(matches!(view.place, TxPlace::Block { at: found, is_final: true, .. } if found == at), "{view:?}");
    assert_eq!((view.outcome, view.kind, view.endpoint.as_str()), (TxOutcome::Succeeded, TxKind::Call(USDT), "a"));
    let kinds: Vec<_> = view.logs.iter().map(|log| (log.contract, &log.kind)).collect();
    assert!(matches!(kinds[0], (USDT, LogKind::Transfer(told)) if told.amount == TokenAmount::of(5) && told.tx == TX));
    assert_eq!(kinds[1], (USDT, &LogKind::ZeroValue(LogOrdinal(1))));
    assert_eq!(kinds[2], (USDT, &LogKind::Malformed(LogOrdinal(2), LogFlaw::Data)));
    assert_eq!(kinds[3], (USDT, &LogKind::Malformed(LogOrdinal(3), LogFlaw::Topics(4))));
    assert_eq!(kinds[4], (USDT, &LogKind::Malformed(LogOrdinal(4), LogFlaw::Address)));
    assert_eq!(kinds[5], (USDT, &LogKind::Other));
    assert!(matches!(kinds[6], (found, LogKind::Transfer(told)) if found == other && told.ordinal == LogOrdinal(0)));
}

#[tokio::test]
async fn a_transaction_is_where_the_node_has_it_and_ended_as_its_receipt_says() {
    let at = |place: &TxPlace| match place {
        TxPlace::Unknown => "unknown",
        TxPlace::Waiting => "waiting",
        TxPlace::Block { is_final: true, .. } => "final",
        TxPlace::Block { is_final: false, .. } => "block",
    };
    let null = || Value::Null;
    for (receipt, transaction, place, outcome, kind) in [
        (null(), null(), "unknown", TxOutcome::Unsaid, TxKind::Unsaid),
        (null(), transaction(|tx| tx["blockNumber"] = null()), "waiting", TxOutcome::Unsaid, TxKind::Call(USDT)),
        (receipt(3, "0x1", json!([])), null(), "block", TxOutcome::Succeeded, TxKind::Unsaid),
        (
            receipt(1, "0x0", json!([])),
            transaction(|tx| tx["input"] = json!("0x")),
            "final",
            TxOutcome::Failed("status 0".to_owned()),
            TxKind::Coin(USDT),
        ),
        (
            receipt(1, "0x1", json!([])),
            transaction(|tx| tx["to"] = null()),
            "final",
            TxOutcome::Succeeded,
            TxKind::Creation,
        ),
    ] {
        let node = node_with(receipt, transaction).await;
        let view = view(&node).await.unwrap();
        assert_eq!((at(&view.place), view.outcome, view.kind), (place, outcome, kind));
    }
}

#[tokio::test]
async fn what_does_not_hold_together_is_a_doubt() {
    let ok = || receipt(1, "0x1", json!([]));
    let with = |change: &dyn Fn(&mut Value)| {
        let mut receipt = ok();
        change(&mut receipt);
        receipt
    };
    for (receipt, transaction, kind) in [
        (with(&|r| r["transactionHash"] = json!(word(2))), transaction(|_| ()), "malformed"),
        (with(&|r| r["status"] = json!("0x2")), transaction(|_| ()), "malformed"),
        (with(&|r| r["blockHash"] = json!(word(9))), transaction(|_| ()), "disagreement"),
        (with(&|r| r["blockNumber"] = json!("0x9")), transaction(|_| ()), "missing"),
        (ok(), transaction(|tx| tx["hash"] = json!(word(2))), "malformed"),
        (Value::Null, transaction(|_| ()), "missing"),
    ] {
        let node = node_with(receipt, transaction).await;
        assert_eq!(view(&node).await.unwrap_err().doubt.kind(), kind);
    }
}

#[tokio::test]
async fn a_node_that_does_not_know_the_call_for_transactions_still_gives_its_receipt() {
    let honest = Honest { blocks: vec![vec![]; 4] };
    let node = node(move |method, params| match method {
        "eth_getTransactionReceipt" => Out::Result(receipt(1, "0x1", json!([]))),
        "eth_getTransactionByHash" => Out::Error(-32601, "method not found"),
        _ => honest.answer(method, params),
    })
    .await;
    let view = view(&node).await.unwrap();
    assert_eq!((view.block().is_some(), view.kind), (true, TxKind::Unsaid));
}
