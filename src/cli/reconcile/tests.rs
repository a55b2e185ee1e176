use super::*;
use crate::api::proto::v1::{BalanceKind, Block, DifferenceKind, Token, TokenSums};

fn token() -> Option<Token> {
    Some(Token { contract: "0xab".into(), symbol: "USDT".into(), decimals: 6 })
}

fn side(amount: &str) -> Option<TransferSide> {
    let block = Some(Block { height: 9, hash: "0x09".into(), time: None });
    Some(TransferSide { block, from: "0x01".into(), to: "0x02".into(), amount: amount.into() })
}

#[test]
fn each_side_of_a_difference_is_shown() {
    let mut found = Difference {
        kind: DifferenceKind::Amount.into(),
        tx_hash: "0x77".into(),
        token: token(),
        chain: side("5"),
        store: side("6"),
        store_state: "confirmed".into(),
        ..Difference::default()
    };
    let shown = difference_shown(&found);
    assert_eq!(shown.rows[0], ["amount", "0x77", "USDT", "0x02", "0.000005 in 9", "0.000006 in 9, confirmed"]);
    assert_eq!(shown.json["difference"]["kind"], "DIFFERENCE_KIND_AMOUNT");
    assert_eq!(shown.json["difference"]["chain"]["block"]["height"], 9);
    (found.kind, found.store, found.store_state) = (DifferenceKind::MissingInStore.into(), None, String::new());
    let missing = difference_shown(&found);
    assert_eq!(missing.rows[0][5], "-");
    assert_eq!(missing.json["difference"]["store"], Value::Null);
    let mut all = Found::default();
    all.take(shown, false);
    assert!(!all.misses_deposits);
    all.take(missing, false);
    assert!(all.misses_deposits && all.rows.len() == 2);
}

#[test]
fn a_balance_is_shown_in_the_same_table() {
    let found = BalanceCheck {
        address: "0x02".into(),
        token: token(),
        kind: BalanceKind::Unexplained.into(),
        balance: "7".into(),
        deposited: "5".into(),
        credited: "4".into(),
    };
    let shown = balance_shown(&found);
    assert_eq!(shown.rows[0], ["unexplained", "balance", "USDT", "0x02", "0.000007", "0.000005, 0.000004 credited"]);
    assert_eq!(shown.json["balance"]["kind"], "BALANCE_KIND_UNEXPLAINED");
}

#[test]
fn differences_end_with_exit_code_1_and_what_to_do() {
    let mut summary = ReconcileSummary {
        endpoint: "second".into(),
        blocks: 10,
        transfers_on_chain: 3,
        transfers_in_store: 2,
        sums: vec![TokenSums { token: token(), chain: "15".into(), store: "10".into() }],
        ..ReconcileSummary::default()
    };
    assert_eq!(end("main", &summary, false, true), Ok(()));
    summary.differences = 1;
    let failure = end("main", &summary, true, true).unwrap_err();
    assert_eq!(failure.code, FAILURE);
    assert!(failure.to_string().starts_with("1 difference ") && failure.to_string().contains("rescan main"));
    summary.differences = 2;
    assert!(end("main", &summary, false, true).unwrap_err().to_string().starts_with("2 differences between"));
    let text = summary_text(&summary);
    assert!(
        text.contains("10 blocks from second") && text.contains("USDT: 0.000015 on the chain, 0.000010 in the store"),
        "{text}"
    );
    assert_eq!(summary_json(&summary)["sums"][0]["chain"], "15");
    assert_eq!((decimal("15", None), decimal("-", token().as_ref())), ("15".to_owned(), "-".to_owned()));
}

#[test]
fn progress_counts_blocks_and_then_balances() {
    let mut at = ReconcileProgress { blocks_done: 5, blocks_total: 9, ..ReconcileProgress::default() };
    assert_eq!(progress_text(at), "5 of 9 blocks");
    (at.balances_done, at.balances_total) = (1, 3);
    assert_eq!(progress_text(at), "1 of 3 balances");
}
