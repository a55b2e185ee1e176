//! The catalogue of false deposits: each row that concerns reading is a test named after it, by both ways of reading.
//!
//! | row | pattern | where it is tested |
//! |---|---|---|
//! | 9 | dust from look-alike addresses | `tracker`: a token's minimum |
//! | 14 | credit before a small reorg | `tests/it`, `tests/sim`: credit on what is final |
//! | 15 | the same transaction in another block | `tracker`, `tests/it`: one deposit id |
//! | 19 | self-transfers and mints | `tracker`: matching |
//! | 20 | wrong network | the source's tests and `chain::pool`: identity |
//! | 22 | Omni | no network of ours |
//! | 24 | forged or repeated notifications | `delivery`, `notify`: signatures and ids |

use primitive_types::U256;
use serde_json::{Value, json};

use super::build::{FAKE, HEIGHT, Made, Tx, USDC, USDT, account, log, paid, read_both, transfers};
use crate::{
    chain::{
        Doubt,
        transfer_log::{Skipped, TRANSFER_TOPIC},
    },
    domain::{Address, TokenAmount},
};

fn topic() -> String {
    hex::encode(TRANSFER_TOPIC)
}

fn word(amount: u64) -> String {
    format!("{amount:064x}")
}

fn kind(made: &Made) -> &'static str {
    made.read().unwrap_err().kind()
}

#[test]
fn row_01_fake_contract_with_the_same_name() {
    assert_eq!(transfers(vec![Tx::call(vec![paid(FAKE, 1, 5)])]), []);
    let near = Address([0xa6; 20]);
    assert_eq!(transfers(vec![Tx::call(vec![paid(near, 1, 5)])]), []);
}

#[test]
fn row_02_log_of_another_contract_in_a_call_of_the_token() {
    let made = Made::of(vec![Tx::call(vec![paid(FAKE, 1, 5), paid(USDT, 2, 7)])]);
    assert_eq!(made.infos[0]["contract_address"], json!(format!("41{}", hex::encode(USDT.0))));
    let found = made.read().unwrap().block.transfers;
    assert_eq!(found.iter().map(|found| (found.token, found.to.0[0])).collect::<Vec<_>>(), [(USDT, 2)]);
}

#[test]
fn row_03_failed_transaction_read_from_its_call_data() {
    for word in ["OUT_OF_ENERGY", "REVERT", "UNKNOWN", "A_WORD_OF_A_LATER_VERSION"] {
        assert_eq!(transfers(vec![Tx::failed(word, vec![])]), [], "{word}");
    }
}

#[test]
fn row_04_failed_transaction_that_still_has_logs() {
    for word in ["OUT_OF_TIME", "JVM_STACK_OVER_FLOW", "REVERT", "TRANSFER_FAILED", "success", "SUCCESS "] {
        assert_eq!(transfers(vec![Tx::failed(word, vec![paid(USDT, 1, 5)])]), [], "{word}");
    }
    // Each of the three words alone is enough to credit nothing.
    let ok = Some("SUCCESS");
    let words: [[Option<&str>; 3]; 4] =
        [[ok, ok, Some("FAILED")], [Some("REVERT"), ok, None], [ok, Some("OUT_OF_TIME"), None], [ok, None, None]];
    for words in words {
        let made = Made::of(vec![Tx { words, ..Tx::call(vec![paid(USDT, 1, 5)]) }]);
        match made.read() {
            Ok(whole) => assert_eq!((words[2], whole.block.transfers), (Some("FAILED"), vec![])),
            Err(doubt) => assert!(matches!(doubt, Doubt::Incomplete { height: HEIGHT, .. }), "{doubt}"),
        }
    }
    let neither = Tx { words: [None, None, None], ..Tx::call(vec![paid(USDT, 1, 5)]) };
    assert_eq!(Made::of(vec![neither]).read().unwrap().block.transfers, []);
}

#[test]
fn row_05_result_true_read_as_success() {
    let mut made = Made::of(vec![Tx::failed("REVERT", vec![paid(USDT, 1, 5)])]);
    made.block["transactions"][0]["result"] = json!({"result": true});
    made.block["transactions"][0]["ret"][0]["ret"] = json!("SUCESS");
    assert_eq!(made.read().unwrap().block.transfers, []);
}

#[test]
fn row_06_success_without_an_event() {
    assert_eq!(transfers(vec![Tx::call(vec![])]), []);
    let approval = log(USDT, &["8c".repeat(32), account(1), account(2)], &word(5));
    assert_eq!(
        transfers(vec![Tx::call(vec![approval, json!({"address": hex::encode(USDT.0), "topics": [], "data": ""})])]),
        []
    );
}

#[test]
fn row_07_malicious_token_and_fee_on_transfer() {
    assert_eq!(transfers(vec![Tx::call(vec![paid(FAKE, 1, 1_000_000)])]), []);
    // The event of a listed token tells what was credited; its fee is a transfer of its own.
    let found = transfers(vec![Tx::call(vec![paid(USDT, 1, 99), paid(USDT, 9, 1)])]);
    assert_eq!(found, [(USDT, 0, 1, 99), (USDT, 1, 9, 1)]);
}

#[test]
fn row_08_zero_value_transfer() {
    let whole = read_both(vec![Tx::call(vec![paid(USDT, 1, 0), paid(USDT, 1, 5)])]);
    assert_eq!(whole.skipped, [(USDT, Skipped::ZeroValue)]);
    assert_eq!(whole.block.transfers.iter().map(|found| found.ordinal.0).collect::<Vec<_>>(), [1]);
}

#[test]
fn row_10_transfer_of_a_collectible_with_four_topics() {
    let four = log(USDT, &[topic(), account(1), account(2), word(7)], "");
    let table = [
        ("four topics", four),
        ("four topics and an amount", log(USDT, &[topic(), account(1), account(2), word(7)], &word(5))),
        ("two topics", log(USDT, &[topic(), account(1)], &word(5))),
        ("one topic", log(USDT, &[topic()], &word(5))),
        ("no data", log(USDT, &[topic(), account(1), account(2)], "")),
        ("31 bytes", log(USDT, &[topic(), account(1), account(2)], &"01".repeat(31))),
        ("33 bytes", log(USDT, &[topic(), account(1), account(2)], &"01".repeat(33))),
        ("two words", log(USDT, &[topic(), account(1), account(2)], &"01".repeat(64))),
    ];
    for (name, bad) in table {
        let whole = read_both(vec![Tx::call(vec![bad, paid(USDT, 3, 5)])]);
        assert_eq!(whole.skipped, [(USDT, Skipped::Malformed)], "{name}");
        let found: Vec<_> = whole.block.transfers.iter().map(|found| (found.ordinal.0, found.to.0[0])).collect();
        assert_eq!(found, [(1, 3)], "{name}");
    }
    let mut made = Made::of(vec![Tx::call(vec![paid(USDT, 3, 5)])]);
    made.infos[0]["log"][0].as_object_mut().unwrap().remove("data");
    assert_eq!(made.read().unwrap().skipped, [(USDT, Skipped::Malformed)], "data is omitted");
    made.infos[0]["log"][0].as_object_mut().unwrap().remove("topics");
    assert_eq!(made.read().unwrap().skipped, [], "topics are omitted");
}

#[test]
fn row_11_token_of_the_older_kind_with_a_known_name() {
    for kind in ["TransferAssetContract", "TransferContract", "VoteWitnessContract"] {
        assert_eq!(transfers(vec![Tx::plain(kind)]), [], "{kind}");
        let made = Made::of(vec![Tx { logs: vec![paid(USDT, 1, 5)], ..Tx::plain(kind) }]);
        assert!(matches!(made.read(), Err(Doubt::ForeignLog(_))), "{kind}: it cannot have logs of a token");
    }
}

#[test]
fn row_12_rejected_inner_transfer() {
    let mut made = Made::of(vec![Tx::call(vec![])]);
    made.infos[0]["internal_transactions"] = json!([{
        "caller_address": format!("41{}", hex::encode(USDT.0)), "transferTo_address": format!("41{}", "01".repeat(20)),
        "callValueInfo": [{"callValue": 5_000_000}], "note": "63616c6c", "rejected": true,
    }]);
    assert_eq!(made.read().unwrap().block.transfers, []);
}

#[test]
fn row_13_pending_transaction_that_is_in_no_block() {
    let mut made = Made::of(vec![Tx::call(vec![paid(USDT, 1, 5)]), Tx::call(vec![paid(USDT, 2, 6)])]);
    made.block["transactions"].as_array_mut().unwrap().pop();
    assert_eq!(kind(&made), "incomplete");
}

#[test]
fn row_16_recipient_behind_the_prefix_byte() {
    let to = |high: &str| {
        let topics = [topic(), account(0xaa), format!("{high}{}", "05".repeat(20))];
        read_both(vec![Tx::call(vec![log(USDT, &topics, &word(5))])])
    };
    let whole = to(&format!("{}41", "00".repeat(11)));
    assert_eq!((whole.prefixed, whole.block.transfers[0].to), (1, Address([5; 20])));
    let whole = to(&"00".repeat(12));
    assert_eq!((whole.prefixed, whole.block.transfers[0].to), (0, Address([5; 20])));
    for high in [format!("{}42", "00".repeat(11)), format!("{}4141", "00".repeat(10)), "41".repeat(12)] {
        let whole = to(&high);
        assert_eq!((whole.skipped, whole.block.transfers), (vec![(USDT, Skipped::Malformed)], vec![]), "{high}");
    }
}

#[test]
fn row_17_transfer_that_is_no_call_of_the_token() {
    let mut made = Made::of(vec![Tx::call(vec![log(FAKE, &["17".repeat(32)], ""), paid(USDT, 1, 5)])]);
    made.infos[0]["contract_address"] = json!(format!("41{}", hex::encode(FAKE.0)));
    assert_eq!(made.read().unwrap().block.transfers.len(), 1);
    let created = Tx { kind: "CreateSmartContract", ..Tx::call(vec![paid(USDT, 1, 5)]) };
    assert_eq!(transfers(vec![created]), [(USDT, 0, 1, 5)]);
}

#[test]
fn row_18_several_transfers_in_one_transaction() {
    let logs = vec![paid(USDT, 1, 5), paid(FAKE, 1, 6), paid(USDC, 1, 7), paid(USDT, 1, 5), paid(USDT, 2, 8)];
    let found = transfers(vec![Tx::call(logs), Tx::call(vec![paid(USDT, 1, 9)])]);
    assert_eq!(found, [(USDT, 0, 1, 5), (USDC, 0, 1, 7), (USDT, 1, 1, 5), (USDT, 2, 2, 8), (USDT, 0, 1, 9)]);
}

#[test]
fn row_21_lagging_replica_that_answers_with_nothing() {
    let made = Made::of(vec![Tx::call(vec![paid(USDT, 1, 5)]), Tx::plain("TransferContract")]);
    let with_infos = |infos: Value| Made { infos, ..made.clone() }.read().unwrap_err();
    assert!(matches!(with_infos(json!([])), Doubt::Incomplete { height: HEIGHT, .. }));
    assert!(matches!(with_infos(json!([made.infos[0]])), Doubt::Incomplete { height: HEIGHT, .. }));
    assert!(matches!(with_infos(json!({})), Doubt::Missing(HEIGHT)));
    let gone = Made { block: json!({}), ..made.clone() };
    assert!(matches!(gone.read(), Err(Doubt::Missing(HEIGHT))));
    assert!(matches!(Made { infos: json!([]), ..gone }.read(), Err(Doubt::Missing(HEIGHT))));
    for (receipts, missing) in [(json!(null), true), (json!([]), false), (json!([made.rpc_receipts[0]]), false)] {
        let doubt = Made { rpc_receipts: receipts, ..made.clone() }.read_receipts().unwrap_err();
        assert_eq!(doubt.kind(), if missing { "missing" } else { "incomplete" });
    }
    let gone = Made { rpc_block: json!(null), ..made.clone() };
    assert!(matches!(gone.read_receipts(), Err(Doubt::Missing(HEIGHT))));
    assert_eq!(made.read().unwrap().block.transfers.len(), 1, "the same parts are whole together");
}

#[test]
fn row_23_amount_beyond_64_bits() {
    let topics = [topic(), account(1), account(2)];
    for (data, amount) in [("ff".repeat(32), U256::MAX), (format!("{:048x}{}", 1, "00".repeat(8)), U256::from(1) << 64)]
    {
        let whole = read_both(vec![Tx::call(vec![log(USDT, &topics, &data)])]);
        assert_eq!(whole.block.transfers[0].amount, TokenAmount(amount));
    }
}
