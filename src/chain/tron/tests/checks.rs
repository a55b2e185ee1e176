//! Each check of a block: what passes it, and what one broken thing is called.

use serde_json::{Value, json};

use super::{
    super::{BlockIds, header, whole},
    build::{HEIGHT, Made, USDT, made},
};
use crate::{
    chain::{Doubt, transfer_log::TRANSFER_TOPIC},
    domain::Timestamp,
};

/// A row: what is broken, how, and the doubt: its kind and a part of its text.
type Row = (&'static str, fn(&mut Made), &'static str, &'static str);

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key).unwrap();
}

fn swap(list: &mut Value) {
    list.as_array_mut().unwrap().swap(0, 1);
}

fn refuses(rows: &[Row], read: impl Fn(&Made) -> Result<whole::Whole, Doubt>) {
    for (name, broken, kind, what) in rows {
        let mut made = made();
        assert_eq!(read(&made).unwrap().block.transfers.len(), 2);
        broken(&mut made);
        let doubt = read(&made).expect_err(name);
        let text = doubt.to_string();
        assert_eq!(doubt.kind(), *kind, "{name}: {text}");
        assert!(text.contains(what), "{name}: {text}");
        assert!(text.contains("66987565"), "{name} does not name the block: {text}");
    }
}

#[test]
fn check_1_to_3_the_header() {
    refuses(
        &[
            ("an error beside it", |made| made.block["Error"] = json!("x"), "malformed", "an error beside a block"),
            ("no id", |made| remove(&mut made.block, "blockID"), "malformed", "no blockID"),
            ("no header", |made| remove(&mut made.block, "block_header"), "malformed", "no block_header"),
            (
                "another height",
                |made| *made = made.clone().with_header("number", json!(7)),
                "malformed",
                "block 7 instead",
            ),
            (
                "the next block",
                |made| *made = made.clone().with_header("number", json!(HEIGHT.0 + 1)),
                "malformed",
                "instead",
            ),
            (
                "no height",
                |made| remove(&mut made.block["block_header"]["raw_data"], "number"),
                "malformed",
                "block 0 instead",
            ),
            (
                "an id of another height",
                |made| made.block["blockID"] = json!(format!("{:016x}{}", 7, "00".repeat(24))),
                "malformed",
                "begins with another height",
            ),
            (
                "no parent",
                |made| remove(&mut made.block["block_header"]["raw_data"], "parentHash"),
                "malformed",
                "no parentHash",
            ),
            (
                "another id",
                |made| made.block["blockID"] = json!(format!("{:016x}{}", HEIGHT.0, "00".repeat(24))),
                "malformed",
                "does not follow",
            ),
            (
                "a field that is not hex",
                |made| made.block["block_header"]["raw_data"]["witness_address"] = json!("T"),
                "malformed",
                "not hex",
            ),
        ],
        Made::read,
    );
    let every_field: [(&str, Value); 7] = [
        ("timestamp", json!(1_777_445_121_001_u64)),
        ("txTrieRoot", json!("01".repeat(32))),
        ("parentHash", json!("01".repeat(32))),
        ("witness_id", json!(1)),
        ("witness_address", json!("41")),
        ("version", json!(-1)),
        ("accountStateRoot", json!("01".repeat(32))),
    ];
    for (field, value) in every_field {
        let mut broken = made();
        broken.block["block_header"]["raw_data"][field] = value;
        assert!(broken.read().unwrap_err().to_string().contains("does not follow"), "{field} is in the id");
    }
}

#[test]
fn advisory_ids_are_accepted_and_marked() {
    let mut made = made();
    made.block["block_header"]["raw_data"]["version"] = json!(99);
    assert_eq!(made.read().unwrap_err().kind(), "malformed");
    let whole = made.read_as(BlockIds::Advisory).unwrap();
    assert_eq!((whole.id_proved, whole.block.transfers.len()), (false, 2));
    assert!(super::build::made().read_as(BlockIds::Advisory).unwrap().id_proved);
    let read = |ids| header::read("/wallet/getblock", made.block.to_string().as_bytes(), Some(HEIGHT), ids);
    assert!(!read(BlockIds::Advisory).unwrap().id_proved);
    assert!(read(BlockIds::Strict).is_err());
}

#[test]
fn check_4_emptiness() {
    let empty = Made::of(vec![]);
    let whole = empty.read().unwrap();
    assert_eq!((whole.block.transfers, whole.block.header.time), (vec![], Timestamp(1_777_445_121)));
    assert_eq!(empty.read_receipts().unwrap().block, empty.read().unwrap().block);
    assert!(empty.clone().with_header("txTrieRoot", json!("")).read().is_ok(), "an omitted root");

    let full = made();
    let table = [
        (
            "no transactions under a root",
            Made { infos: json!([]), ..empty.clone() }.with_header("txTrieRoot", json!("01")),
        ),
        ("infos of an empty block", Made { infos: full.infos.clone(), ..empty.clone() }),
        ("an empty root over transactions", full.clone().with_header("txTrieRoot", json!("00".repeat(32)))),
        ("no infos", Made { infos: json!([]), ..full.clone() }),
    ];
    for (name, made) in table {
        let doubt = made.read().expect_err(name);
        assert!(matches!(doubt, Doubt::Incomplete { height: HEIGHT, .. }), "{name}: {doubt}");
    }
    let mut stripped = full.clone();
    remove(&mut stripped.block, "transactions");
    assert_eq!(stripped.read().unwrap_err().kind(), "incomplete");
    stripped.infos = json!([]);
    assert_eq!(stripped.read().unwrap_err().kind(), "incomplete");
    let mut rpc = full;
    rpc.rpc_block["transactionsRoot"] = json!("0x00");
    assert_eq!(rpc.read_receipts().unwrap_err().kind(), "incomplete");
    rpc.rpc_block["transactions"] = json!([]);
    rpc.rpc_receipts = json!([]);
    assert!(rpc.read_receipts().is_ok());
}

#[test]
fn check_5_to_7_the_infos() {
    refuses(
        &[
            (
                "one info less",
                |made| drop(made.infos.as_array_mut().unwrap().pop()),
                "incomplete",
                "3 infos of 4 transactions",
            ),
            ("an order of its own", |made| swap(&mut made.infos), "incomplete", "info 0 is that of another"),
            ("an info twice", |made| made.infos[1] = made.infos[0].clone(), "incomplete", "info 1 is that of another"),
            (
                "a transaction twice",
                |made| {
                    made.infos[1] = made.infos[0].clone();
                    made.block["transactions"][1] = made.block["transactions"][0].clone();
                },
                "incomplete",
                "twice",
            ),
            ("another height", |made| made.infos[2]["blockNumber"] = json!(7), "incomplete", "is of block 7"),
            ("no height", |made| remove(&mut made.infos[2], "blockNumber"), "incomplete", "is of block 0"),
            ("another time", |made| made.infos[1]["blockTimeStamp"] = json!(7), "incomplete", "at 7 ms"),
            (
                "a millisecond later",
                |made| made.infos[1]["blockTimeStamp"] = json!(1_777_445_121_001_u64),
                "incomplete",
                "is of block",
            ),
            (
                "a failure computed",
                |made| made.infos[0]["receipt"]["result"] = json!("OUT_OF_TIME"),
                "incomplete",
                "is SUCCESS in the block, OUT_OF_TIME in its info",
            ),
            (
                "a success computed",
                |made| made.infos[2]["receipt"]["result"] = json!("SUCCESS"),
                "incomplete",
                "is OUT_OF_ENERGY in the block, SUCCESS in its info",
            ),
            ("no outcome", |made| remove(&mut made.infos[0]["receipt"], "result"), "incomplete", "nothing in its info"),
            (
                "no outcome in the block",
                |made| made.block["transactions"][0]["ret"] = json!([]),
                "incomplete",
                "is nothing in the block",
            ),
            (
                "a failed constructor computed",
                |made| {
                    made.block["transactions"][0]["raw_data"]["contract"][0]["type"] = json!("CreateSmartContract");
                    made.infos[0]["receipt"]["result"] = json!("OUT_OF_TIME");
                    remove(&mut made.infos[0], "log");
                },
                "incomplete",
                "is SUCCESS in the block, OUT_OF_TIME in its info",
            ),
        ],
        Made::read,
    );
}

#[test]
fn check_8_what_was_signed_and_hex() {
    refuses(
        &[
            (
                "another signed text",
                |made| made.block["transactions"][0]["raw_data_hex"] = json!("00"),
                "malformed",
                "not the hash",
            ),
            (
                "no signed text",
                |made| remove(&mut made.block["transactions"][3], "raw_data_hex"),
                "malformed",
                "not the hash",
            ),
            (
                "an address in base58",
                |made| made.infos[0]["log"][1]["address"] = json!("TR7N"),
                "malformed",
                "log address",
            ),
            (
                "an address with its prefix",
                |made| made.infos[0]["log"][1]["address"] = json!(format!("41{}", hex::encode(USDT.0))),
                "malformed",
                "log address",
            ),
            ("data that is not hex", |made| made.infos[0]["log"][0]["data"] = json!("00..."), "malformed", "log data"),
            ("odd data", |made| made.infos[0]["log"][0]["data"] = json!("0"), "malformed", "log data"),
            ("a short topic", |made| made.infos[0]["log"][0]["topics"][2] = json!("00"), "malformed", "a topic"),
            (
                "a topic with 0x",
                |made| {
                    made.infos[0]["log"][0]["topics"][0] = json!(format!("0x{}", hex::encode(TRANSFER_TOPIC)));
                },
                "malformed",
                "a topic",
            ),
        ],
        Made::read,
    );
    let mut unread = made();
    unread.block["transactions"][1]["raw_data_hex"] = json!("not looked at");
    unread.infos[0]["log"][1]["data"] = json!("a log of another contract");
    unread.infos[0]["log"][1]["topics"] = json!(["another contract's"]);
    assert_eq!(unread.read().unwrap().block.transfers.len(), 2);
}

#[test]
fn check_of_receipts() {
    refuses(
        &[
            ("another height", |made| made.rpc_block["number"] = json!("0x7"), "malformed", "block 7 instead"),
            (
                "a hash of another height",
                |made| made.rpc_block["hash"] = json!(format!("0x{}", "00".repeat(32))),
                "malformed",
                "instead of",
            ),
            (
                "one receipt less",
                |made| drop(made.rpc_receipts.as_array_mut().unwrap().pop()),
                "incomplete",
                "3 receipts of 4 transactions",
            ),
            ("an order of its own", |made| swap(&mut made.rpc_receipts), "incomplete", "receipt 0 is not"),
            (
                "a place of its own",
                |made| made.rpc_receipts[1]["transactionIndex"] = json!("0x2"),
                "incomplete",
                "receipt 1 is not",
            ),
            (
                "a transaction twice",
                |made| {
                    made.rpc_block["transactions"][1] = made.rpc_block["transactions"][0].clone();
                    made.rpc_receipts[1]["transactionHash"] = made.rpc_receipts[0]["transactionHash"].clone();
                },
                "incomplete",
                "twice",
            ),
            (
                "a receipt of another branch",
                |made| made.rpc_receipts[1]["blockHash"] = json!(format!("0x{}", "01".repeat(32))),
                "incomplete",
                "of another block",
            ),
            (
                "a receipt of another height",
                |made| made.rpc_receipts[1]["blockNumber"] = json!("0x7"),
                "incomplete",
                "of another block",
            ),
            ("a third status", |made| made.rpc_receipts[1]["status"] = json!("0x2"), "malformed", "neither 0 nor 1"),
            (
                "a log of another transaction",
                |made| made.rpc_receipts[0]["logs"][0]["transactionHash"] = json!(format!("0x{}", "01".repeat(32))),
                "foreign_log",
                "has a log of another",
            ),
            (
                "a log of another branch",
                |made| made.rpc_receipts[0]["logs"][0]["blockHash"] = json!(format!("0x{}", "01".repeat(32))),
                "foreign_log",
                "has a log of another",
            ),
            (
                "a removed log",
                |made| made.rpc_receipts[0]["logs"][0]["removed"] = json!(true),
                "foreign_log",
                "has a log",
            ),
            ("bare hex", |made| made.rpc_receipts[0]["logs"][0]["data"] = json!("00"), "malformed", "log data"),
        ],
        Made::read_receipts,
    );
}
