use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};

use super::super::{TronSettings, honest::*};
use super::*;
use crate::{
    chain::{
        ChainSource, SourceError,
        pool::{EvidenceVerdict, Expected, Pool, PoolSettings},
        scripted::{Node, Out, node},
    },
    domain::{
        AppId, Confirmations, DepositId, DepositState, EventVersion, LogOrdinal, Need, Reason, Timestamp, TokenAmount,
        TxHash, UserMark,
    },
};

#[tokio::test]
async fn a_node_is_its_genesis_on_both_faces() {
    let (ours, theirs) = (Honest::of_len(9), Honest::new(&vec![vec![]; 9], 7));
    let genesis = ours.at(0).hash;
    let chain = ours.clone();
    let honest = node(move |method, asked| chain.answer(method, asked)).await;
    let identity = source(&honest).identify().await.unwrap();
    let tail = u64::from_str_radix(&genesis.text(Family::Tron)[56..], 16).unwrap();
    assert_eq!(identity, Identity { chain_id: tail, genesis });
    assert_eq!(honest.calls.lock().unwrap().len(), 2);

    let (one, other) = (ours.clone(), theirs.clone());
    let mixed = node(move |method, asked| match method.starts_with("wallet/") {
        true => one.answer(method, asked),
        false => other.answer(method, asked),
    })
    .await;
    let error = source(&mixed).identify().await.unwrap_err();
    assert_eq!(error.doubt.kind(), "other_chain");
    for genesis in [genesis, theirs.at(0).hash] {
        assert!(error.to_string().contains(&genesis.text(Family::Tron)), "{error}");
    }
}

/// A node whose faces end at these blocks; `None`: of another branch.
async fn heads(best: Option<usize>, solid: u64) -> Node {
    let chain = Honest { solid, ..Honest::of_len(30) };
    let full = match best {
        Some(best) => {
            let blocks: Vec<_> = (0..=best as u64).map(|n| if n == 0 { vec![] } else { vec![paid(&[n])] }).collect();
            Honest::new(&blocks, 0)
        }
        None => Honest::new(&vec![vec![]; usize::try_from(solid).unwrap() + 1], 7),
    };
    node(move |method, asked| match method.starts_with("wallet/") {
        true => full.answer(method, asked),
        false => chain.answer(method, asked),
    })
    .await
}

#[tokio::test]
async fn the_head_is_of_the_full_face_and_final_what_the_solid_one_has() {
    let chain = Honest::of_len(30);
    let node = heads(Some(29), 11).await;
    let head = source(&node).head().await.unwrap();
    assert_eq!((head.best, head.finalized), (chain.at(29), Some(chain.at(11))));
    assert_eq!(head.best_time.0, 1_777_445_121 + 29 * 3);
    assert_eq!(head.finalized_time.map(|time| time.0), Some(1_777_445_121 + 11 * 3));
    assert_eq!(*node.calls.lock().unwrap(), ["walletsolidity/getblock", "wallet/getblock"], "solid first");
    assert_eq!(kind(source(&heads(Some(11), 11).await).head().await), "ok", "one producer");
}

#[tokio::test]
async fn a_final_block_that_cannot_be_below_the_head_is_waited_out() {
    for (best, solid, expected) in [(Some(10), 11, "lagging"), (None, 11, "disagreement")] {
        let error = source(&heads(best, solid).await).head().await.unwrap_err();
        assert_eq!(error.doubt.kind(), expected);
        assert_eq!(error.doubt.advice(), crate::chain::Advice::Wait);
    }
}

/// A chain whose block 5 holds a transaction with two transfers, and a failed one with a log; solidified up to block 6.
fn paid_in_5() -> Honest {
    let failed = Tx { outcome: "OUT_OF_TIME", amounts: vec![3, 7] };
    let mut blocks = vec![vec![]; 9];
    blocks[5] = vec![paid(&[3, 7]), failed];
    blocks[8] = vec![paid(&[3, 7])];
    Honest { solid: 6, ..Honest::new(&blocks, 0) }
}

/// The second transfer of the first transaction of block `height`.
fn deposit(chain: &Honest, height: u64) -> Deposit {
    let id = DepositId {
        network: "tron-test".parse().unwrap(),
        tx: tx_hash(height, 0),
        token: USDT,
        ordinal: LogOrdinal(1),
    };
    Deposit {
        by_hand: false,
        hold: None,
        id,
        family: Family::Tron,
        from: payer(),
        to: payee(),
        amount: TokenAmount::of(7),
        included_at: chain.at(height),
        block_time: Timestamp(1),
        state: DepositState::Detected,
        version: EventVersion(0),
        unmatched_told: false,
        first_seen: Height(height),
        app: "shop".parse::<AppId>().unwrap(),
        user_mark: UserMark::parse("1").unwrap(),
        order: None,
        reason: Reason::Pending,
    }
}

const COUNTED: Threshold = Threshold::Confirmations(Confirmations(NonZeroU32::MIN));

/// One word for what comes back.
fn said(answer: Result<Option<Evidence>, SourceError>, deposit: &Deposit) -> &'static str {
    match answer {
        Ok(Some(evidence)) if evidence.supports(deposit) => "supports",
        Ok(Some(_)) => "differs",
        Ok(None) => "none",
        Err(error) => error.doubt.kind(),
    }
}

#[tokio::test]
async fn evidence_is_what_the_right_face_has_in_the_right_block() {
    let chain = paid_in_5();
    let other_branch = Honest::new(&vec![vec![]; 9], 7);
    let as_it_is = deposit(&chain, 5);
    let above_solid = deposit(&chain, 8);
    let with_id = |change: &dyn Fn(&mut DepositId)| {
        let mut changed = as_it_is.clone();
        change(&mut changed.id);
        changed
    };
    let of_another_block = Deposit { included_at: other_branch.at(5), ..as_it_is.clone() };
    let of_the_block_below = Deposit { included_at: chain.at(4), ..as_it_is.clone() };
    let of_another_amount = Deposit { amount: TokenAmount::of(8), ..as_it_is.clone() };
    let to_another = Deposit { to: Address([7; 20]), ..as_it_is.clone() };
    let unknown = with_id(&|id| id.tx = TxHash([7; 32]));
    let failed = with_id(&|id| id.tx = tx_hash(5, 1));
    let of_another_ordinal = with_id(&|id| id.ordinal = LogOrdinal(2));
    let of_another_token = with_id(&|id| id.token = Address([7; 20]));
    let node = node(move |method, asked| chain.answer(method, asked)).await;
    let source = source(&node);
    for (what, deposit, final_says, counted_says) in [
        ("as it is", &as_it_is, "supports", "supports"),
        ("not solidified", &above_solid, "missing", "supports"),
        ("another block", &of_another_block, "differs", "differs"),
        ("a block without it", &of_the_block_below, "none", "none"),
        ("another amount", &of_another_amount, "differs", "differs"),
        ("another recipient", &to_another, "differs", "differs"),
        ("an unknown transaction", &unknown, "none", "none"),
        ("a failed transaction", &failed, "none", "none"),
        ("no such transfer", &of_another_ordinal, "none", "none"),
        ("another token", &of_another_token, "none", "none"),
    ] {
        for (threshold, face, expected) in
            [(Threshold::Finalized, "walletsolidity/", final_says), (COUNTED, "wallet/", counted_says)]
        {
            node.calls.lock().unwrap().clear();
            assert_eq!(said(source.evidence(deposit, threshold).await, deposit), expected, "{what}, {face}");
            let calls = node.calls.lock().unwrap();
            assert!(calls.iter().all(|call| call.starts_with(face)), "{what}: {calls:?}");
        }
    }
    let elsewhere = source.evidence(&of_another_block, Threshold::Finalized).await.unwrap().unwrap();
    assert_eq!(elsewhere.at, as_it_is.included_at, "it names the block that is there");
}

#[tokio::test]
async fn an_info_that_is_not_there_yet_is_no_evidence() {
    let chain = paid_in_5();
    let asked = deposit(&chain, 5);
    for (answer, expected) in [(json!({}), "none"), (json!([]), "malformed"), (json!({"id": "00"}), "malformed")] {
        let chain = chain.clone();
        let node = node(move |method, asked| match method.ends_with("/gettransactioninfobyid") {
            true => Out::Result(answer.clone()),
            false => chain.answer(method, asked),
        })
        .await;
        assert_eq!(said(source(&node).evidence(&asked, Threshold::Finalized).await, &asked), expected);
    }
}

/// A node whose head rises with every look at it, and whose solidified block stays where it is.
async fn rising(chain: &Honest, solid: u64) -> Node {
    let chain = Honest { solid, ..chain.clone() };
    let looks = AtomicU64::new(1);
    node(move |method, asked| {
        if method == "wallet/getblock" && asked.get("id_or_num").is_none() {
            let height = looks.fetch_add(1, Ordering::Relaxed).min(chain.best());
            return chain.answer(method, &json!({"id_or_num": height.max(solid).to_string(), "detail": false}));
        }
        chain.answer(method, asked)
    })
    .await
}

#[tokio::test]
async fn a_credit_waits_for_an_endpoint_on_its_way_to_the_solidified_block() {
    let chain = paid_in_5();
    let asked = deposit(&chain, 5);
    let (first, second) = (rising(&chain, 6).await, rising(&chain, 4).await);
    let named =
        |node: &Node, name: &str| TronSource::new(TronSettings { name: name.to_owned(), ..settings(node) }).unwrap();
    let expected = Expected {
        family: Family::Tron,
        chain_id: u64::from(u32::from_be_bytes(chain.at(0).hash.0[28..].try_into().unwrap())),
        genesis: Some(chain.at(0).hash),
        decimals: vec![(USDT, 6)],
    };
    let sources = vec![named(&first, "first"), named(&second, "second")];
    let pool = Pool::new("tron-test".parse().unwrap(), expected, sources, PoolSettings::default());
    pool.connect().await.unwrap();
    for _ in 0..6 {
        pool.head().await.unwrap();
    }
    let verdict = pool.evidence(&asked, Need::of(Threshold::Finalized)).await;
    let EvidenceVerdict::NotYet(error) = verdict else { panic!("{verdict:?}") };
    assert_eq!((error.endpoint.as_str(), error.doubt.kind()), ("second", "missing"));
    let verdict = pool.evidence(&asked, Need::of(COUNTED)).await;
    assert!(matches!(verdict, EvidenceVerdict::Agreed(_)), "{verdict:?}");
}

#[tokio::test]
async fn decimals_that_cannot_be_had_say_what_to_check() {
    let node = node(|_, _: &Value| Out::Result(json!({"result": {"result": true}, "constant_result": [""]}))).await;
    let text = source(&node).decimals(USDT).await.unwrap_err().to_string();
    assert!(text.contains(&USDT.text(Family::Tron)) && text.contains("is the contract right?"), "{text}");
}
