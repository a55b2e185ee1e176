//! What a caller is told: everything, or of somebody else's transfers only what the chain says.

use super::World;
use futures::future::BoxFuture;
use tonic::Code;

use crate::{
    api::{
        ChainDesk,
        proto::v1::{self, explain_service_client::ExplainServiceClient},
    },
    domain::{
        Address, BlockHash, BlockRef, Explanation, Family, Height, LogOrdinal, NetworkId, Timestamp, TokenAmount,
        TxHash, TxView,
        explain::{BlockStanding, Check, CheckOutcome, Remark, TransferContent, TransferExplanation, Verdict},
    },
};

/// A hash of which the fake desk knows nothing for a long time.
const SLOW: [u8; 32] = [0x51; 32];

/// Knows no transaction, and answers some of them too late.
pub(super) struct FakeDesk;

impl ChainDesk for FakeDesk {
    fn inspect<'a>(&'a self, _: &'a NetworkId, tx: TxHash) -> BoxFuture<'a, Result<TxView, String>> {
        Box::pin(async move {
            if tx.0 == SLOW {
                tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            }
            Ok(TxView::unknown(tx, "fake"))
        })
    }
}

/// One transfer to the shop, one to another app, one to nobody.
pub(super) fn explanation(tx: TxHash, view: Result<TxView, String>) -> Explanation {
    let one = |mark: u8, owner: Option<&str>| TransferExplanation {
        token: Address([7; 20]),
        symbol: Some("USDT".to_owned()),
        ordinal: LogOrdinal(u32::from(mark)),
        content: Some(TransferContent {
            from: Address([1; 20]),
            to: Address([mark; 20]),
            amount: TokenAmount::of(5_000_000),
            display: Some("5.000000".to_owned()),
        }),
        owner: owner.map(|owner| owner.parse().unwrap()),
        deposit: None,
        checks: vec![
            Check { name: "token", outcome: CheckOutcome::Passed, text: "listed".to_owned() },
            Check { name: "match", outcome: CheckOutcome::Waiting, text: format!("order secret-{mark}") },
        ],
        verdict: Verdict::Waiting,
        reason: "confirmations",
        text: format!("order secret-{mark}"),
        missing: Some("8 more confirmations".to_owned()),
    };
    let remarks = match &view {
        Ok(_) => vec![],
        Err(why) => vec![Remark { reason: "chain_not_asked", text: why.clone() }],
    };
    Explanation {
        network: "ethereum-mainnet".parse().unwrap(),
        family: Family::Evm,
        tx,
        endpoint: view.ok().map(|view| view.endpoint),
        block: Some((BlockRef { height: Height(7), hash: BlockHash([8; 32]) }, Timestamp(9))),
        standing: BlockStanding::Ours,
        remarks,
        transfers: vec![one(1, Some("shop")), one(2, Some("other")), one(3, None)],
    }
}

fn asked(network: &str, tx_hash: &str) -> v1::ExplainTransactionRequest {
    v1::ExplainTransactionRequest { network: network.to_owned(), tx_hash: tx_hash.to_owned() }
}

#[tokio::test]
async fn a_caller_bound_to_an_app_sees_only_its_own_transfers_in_detail() {
    let world = World::start().await;
    let hash = "ab".repeat(32);
    for (token, expected) in [
        (None, [v1::Verdict::Waiting; 3]),
        (Some("reader-token"), [v1::Verdict::Waiting; 3]),
        (Some("shop-token"), [v1::Verdict::Waiting, v1::Verdict::NotYours, v1::Verdict::Waiting]),
    ] {
        let client = match token {
            None => world.local().await,
            token => world.remote(token).await,
        };
        let mut client = ExplainServiceClient::new(client);
        let answer = client.explain_transaction(asked("ethereum-mainnet", &hash)).await.unwrap().into_inner();
        assert_eq!((answer.tx_hash.as_str(), answer.endpoint.as_str()), (format!("0x{hash}").as_str(), "fake"));
        assert_eq!(answer.block_standing(), v1::BlockStanding::Ours);
        let verdicts: Vec<_> = answer.transfers.iter().map(v1::ExplainedTransfer::verdict).collect();
        assert_eq!(verdicts, expected, "{token:?}");
        let others = &answer.transfers[1];
        let told = others.text.contains("secret") || others.checks.iter().any(|check| check.text.contains("secret"));
        assert_eq!(told, expected[1] != v1::Verdict::NotYours, "{token:?}: {others:?}");
        assert_eq!(others.missing.is_empty(), expected[1] == v1::Verdict::NotYours);
        assert_eq!(
            (others.amount.as_str(), others.checks[0].name.as_str()),
            ("5000000", "token"),
            "the chain is public"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let world = World::start().await;
    let mut client = ExplainServiceClient::new(world.local().await);
    let hash = "ab".repeat(32);
    for (network, tx_hash, code) in [
        ("nowhere", hash.as_str(), Code::NotFound),
        ("Not A Slug", hash.as_str(), Code::NotFound),
        ("ethereum-mainnet", "", Code::InvalidArgument),
        ("ethereum-mainnet", "0xab", Code::InvalidArgument),
        ("ethereum-mainnet", &hash[1..], Code::InvalidArgument),
    ] {
        let refused = client.explain_transaction(asked(network, tx_hash)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{network} {tx_hash}");
    }
    let mut stranger = ExplainServiceClient::new(world.remote(None).await);
    let refused = stranger.explain_transaction(asked("ethereum-mainnet", &hash)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn nodes_that_do_not_answer_in_time_are_said_and_not_waited_for() {
    let world = World::start().await;
    let mut client = ExplainServiceClient::new(world.local().await);
    let asked = asked("ethereum-mainnet", &hex::encode(SLOW));
    let answer = client.explain_transaction(asked).await.unwrap().into_inner();
    assert_eq!(answer.endpoint, "");
    assert_eq!(answer.remarks[0].reason, "chain_not_asked");
    assert_eq!(answer.remarks[0].text, "no node answered within 5 s");
}
