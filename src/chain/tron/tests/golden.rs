//! Every captured answer in `tests/golden/tron`, byte for byte as it stands there.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    super::{
        BlockIds, errors,
        header::{self, Checked},
        receipts::{self, RpcBlock, RpcReceipt},
        whole,
        wire::WireTransaction,
    },
    build::{HEIGHT, TOKENS},
};
use crate::{
    chain::{Doubt, hexed::Quantity, http::Answer},
    domain::{
        Address, BlockHash, BlockRef, DepositId, Family, Header, Height, LogOrdinal, Timestamp, TokenAmount, TxHash,
    },
};

#[derive(Deserialize)]
struct Sample {
    body: Box<RawValue>,
}

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tron").join(name);
    fs::read_to_string(path).unwrap()
}

/// The answer in a file, as it was sent.
fn body(name: &str) -> String {
    serde_json::from_str::<Sample>(&text(name)).unwrap().body.get().to_owned()
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, retry_after_ms: None, body: body.as_bytes().to_vec() }
}

fn header_of(name: &str, at: u64) -> Header {
    let body = body(name);
    assert!(errors::doubt_of("/wallet/getblock", &answer(200, &body)).is_none());
    let read = |at| header::read("/wallet/getblock", body.as_bytes(), at, BlockIds::Strict);
    let Checked { value, id_proved } = read(Some(Height(at))).unwrap();
    assert!(id_proved);
    assert_eq!(read(None).unwrap().value, value, "as a head too");
    assert!(read(Some(Height(at + 1))).is_err());
    value
}

fn deposit(tx: &str, token: Address) -> DepositId {
    DepositId { network: "tron-nile".parse().unwrap(), tx: TxHash::parse(tx).unwrap(), token, ordinal: LogOrdinal(0) }
}

fn tron(address: &str) -> Address {
    Address::parse(Family::Tron, address).unwrap()
}

#[test]
fn headers_prove_their_ids_and_link() {
    let first = header_of("http.getblock.json", 66_987_565);
    assert_eq!(first.at.hash.text(Family::Tron), "0000000003fe262d52bfa4b2814f816fd2e57af5b98a33d60d8630a03a908e0e");
    assert_eq!(first.time, Timestamp(1_777_445_121));
    let below = header_of("http.getnowblock.json", 66_987_627);
    let list = body("http.getblockbylatestnum.json");
    let blocks = whole::range(list.as_bytes(), Height(66_987_628), Height(66_987_628)).unwrap();
    let above = header::checked("getblockbylatestnum", &blocks[0], None, BlockIds::Strict).unwrap().value;
    assert!(above.is_on(below.at));
    assert!(!above.is_on(first.at));
}

#[test]
fn range_of_blocks() {
    let list = body("http.getblockbylimitnext.json");
    let blocks = whole::range(list.as_bytes(), HEIGHT, HEIGHT).unwrap();
    let read = header::checked("getblockbylimitnext", &blocks[0], Some(HEIGHT), BlockIds::Strict).unwrap().value;
    assert_eq!(read, header_of("http.getblock.json", HEIGHT.0));
    let short = whole::range(list.as_bytes(), HEIGHT, HEIGHT.next()).unwrap_err();
    assert!(matches!(short, Doubt::Missing(at) if at == HEIGHT.next()));
    // Its transactions are left out: the header says that there are some.
    for infos in ["[]", &body("http.gettransactioninfobyblocknum.json")] {
        let doubt = whole::with_infos(&blocks[0], infos.as_bytes(), HEIGHT, &TOKENS, BlockIds::Strict).unwrap_err();
        assert!(matches!(doubt, Doubt::Incomplete { height: HEIGHT, .. }), "{doubt}");
    }
}

#[test]
fn partial_infos_are_refused() {
    let infos = body("http.gettransactioninfobyblocknum.json");
    let mut block: Value = serde_json::from_str(&body("http.getblock.json")).unwrap();
    let known: Vec<Value> = serde_json::from_str(&infos).unwrap();
    let transaction = |id: &Value| json!({"txID": id, "ret": [{"contractRet": "SUCCESS"}], "raw_data_hex": "00"});
    let unknown = [json!("01".repeat(32)), json!("02".repeat(32))];
    let ids: Vec<_> = known.iter().map(|info| &info["id"]).chain(&unknown).collect();
    let read =
        |block: &Value| whole::block(block.to_string().as_bytes(), infos.as_bytes(), HEIGHT, &TOKENS, BlockIds::Strict);
    block["transactions"] = ids.iter().map(|id| transaction(id)).collect();
    let doubt = read(&block).unwrap_err();
    assert_eq!(doubt.to_string(), "block 66987565 is not whole: 2 infos of 4 transactions");
    // The same two infos are whole for a block of these two transactions.
    block["transactions"] = ids[..2].iter().map(|id| transaction(id)).collect();
    assert_eq!(read(&block).unwrap().block.transfers, []);
}

#[test]
fn a_transaction_and_its_info() {
    let raw = body("http.gettransactionbyid.json");
    let transaction: WireTransaction<'_> = serde_json::from_str(&raw).unwrap();
    assert_eq!((transaction.outcome(), transaction.is_call()), (Some("SUCCESS"), true));
    assert!(whole::check_signed(HEIGHT, &transaction, &mut vec![]).is_err(), "its raw_data_hex is cut");

    let info = body("http.gettransactioninfobyid.json");
    let tx = "01b4cde4197b9d1a1ff09ef5d2b1d939d3ec2401b3f002ebd0802c0f30a6e4ca";
    let at = BlockRef { height: Height(66_985_120), hash: BlockHash([0; 32]) };
    let header = Header { at, parent: BlockHash([0; 32]), time: Timestamp(1_777_437_762) };
    assert_eq!(whole::info(info.as_bytes(), &deposit(tx, TOKENS[0]), &header).unwrap(), None);
    // Asked about the contract that wrote the log, the cut data is no hex.
    let contract = tron("419ff8fc48fb114ccd5bbdc24a86f0c73082f08825");
    assert_eq!(whole::info(info.as_bytes(), &deposit(tx, contract), &header).unwrap_err().kind(), "malformed");
}

#[test]
fn failed_calls_credit_nothing() {
    let table = [
        ("http.failed-out-of-energy.json", 66_747_568, 1_730_892_183),
        ("http.failed-out-of-time.json", 564_795, 1_710_248_229),
    ];
    for (name, height, time) in table {
        let mut info: Value = serde_json::from_str(&body(name)).unwrap();
        let at = BlockRef { height: Height(height), hash: BlockHash([0; 32]) };
        let header = Header { at, parent: BlockHash([0; 32]), time: Timestamp(time) };
        let id = deposit(info["id"].as_str().unwrap(), TOKENS[0]);
        assert_eq!(whole::info(body(name).as_bytes(), &id, &header).unwrap(), None, "{name}");
        info["log"] = json!([super::build::paid(TOKENS[0], 1, 5)]);
        assert_eq!(whole::info(info.to_string().as_bytes(), &id, &header).unwrap(), None, "{name} with a log");
        info["receipt"]["result"] = json!("SUCCESS");
        assert_eq!(whole::info(info.to_string().as_bytes(), &id, &header).unwrap(), None, "{name}: FAILED");
        info.as_object_mut().unwrap().remove("result");
        assert!(whole::info(info.to_string().as_bytes(), &id, &header).unwrap().is_some(), "{name}: all is well");
    }
}

#[test]
fn a_real_transfer() {
    let info = body("http.usdt-transfer.json");
    let at = BlockRef { height: Height(0), hash: BlockHash([0; 32]) };
    let header = Header { at, parent: BlockHash([0; 32]), time: Timestamp(0) };
    let tx = "a431984fef1d014620504d02f821f872221cf44c250a81a31e81fa4855b2b302";
    let id = deposit(tx, tron("TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf"));
    let found = whole::info(info.as_bytes(), &id, &header).unwrap().unwrap();
    assert_eq!(found.amount, TokenAmount::of(11_231_310));
    assert_eq!(found.from, tron("TZEZWXYQS44388xBoMhQdpL1HrBZFLfDpt"));
    assert_eq!(found.to, tron("TDGSR64oU4QDpViKfdwawSiqwyqpUB6JUD"));
}

#[test]
fn a_constant_call() {
    let raw = body("http.triggerconstantcontract.json");
    let doubt = whole::decimals(raw.as_bytes()).unwrap_err();
    assert!(doubt.to_string().contains("more than 77"), "a balance is no number of decimals: {doubt}");
    let six = raw.replace("40cfcc00", "00000006");
    assert_eq!(whole::decimals(six.as_bytes()).unwrap(), 6);
    // Its transaction is whole: the id is the hash of what was signed.
    #[derive(Deserialize)]
    struct Call<'a> {
        #[serde(borrow)]
        transaction: WireTransaction<'a>,
    }
    let call: Call<'_> = serde_json::from_str(&raw).unwrap();
    assert!(call.transaction.is_call());
    assert_eq!(call.transaction.outcome(), None);
    assert!(whole::check_signed(HEIGHT, &call.transaction, &mut vec![]).is_ok());
}

#[test]
fn node_info_is_no_block() {
    let info = body("http.getnodeinfo.json");
    assert!(errors::doubt_of("/wallet/getnodeinfo", &answer(200, &info)).is_none());
    let read = header::read("/wallet/getblock", info.as_bytes(), None, BlockIds::Advisory);
    assert!(matches!(read, Err(Doubt::Malformed { .. })));
    let ids: Value = serde_json::from_str(&info).unwrap();
    let height = |field: &str| -> u64 {
        ids[field].as_str().unwrap().strip_prefix("Num:").unwrap().split_once(',').unwrap().0.parse().unwrap()
    };
    assert_eq!(height("block") - height("solidityBlock"), 18);
}

#[derive(Deserialize)]
struct Errors {
    answers: Vec<ErrorAnswer>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    #[serde(rename = "where")]
    place: String,
    http_status: Option<u16>,
    body: Option<Box<RawValue>>,
    text: Option<String>,
    text_contains: Option<String>,
}

#[test]
fn every_way_a_node_says_no() {
    // The doubt, what its text says, and the pause in seconds; `None` where only the question tells.
    let meanings: [Option<(&str, &str, Option<u64>)>; 10] = [
        Some(("throttled", "allowed_rps(10)", Some(5))),
        Some(("throttled", "daily usage (100000)", Some(3600))),
        Some(("throttled", "lack of computing resources", None)),
        Some(("refused", "lite node", None)),
        Some(("refused", "/wallet/getblock is switched off", None)),
        Some(("refused", "num must be non-positive number.", None)),
        Some(("refused", "id must be legal block hash.", None)),
        None,
        None,
        None,
    ];
    let errors: Errors = serde_json::from_str(&text("http.errors.json")).unwrap();
    assert_eq!(errors.answers.len(), meanings.len());
    for (error, meaning) in errors.answers.iter().zip(meanings) {
        let raw = error.body.as_ref().map(|body| body.get().to_owned());
        let part = error.text_contains.as_ref().map(|part| format!("{{\"Error\":\"… {part} …\"}}"));
        let raw = raw.or(error.text.clone()).or(part).unwrap();
        let place = &error.place;
        // Where the status is not known, any may come.
        for status in error.http_status.map_or(vec![200, 403, 429, 503], |status| vec![status]) {
            let doubt = errors::doubt_of("/wallet/getblock", &answer(status, &raw));
            match (&doubt, meaning) {
                (Some(doubt), Some((kind, what, pause))) => {
                    assert_eq!(doubt.kind(), kind, "{place}: {doubt}");
                    assert!(doubt.to_string().contains(what), "{place}: {doubt}");
                    if let Doubt::Throttled { retry_after_ms, .. } = doubt {
                        assert_eq!(*retry_after_ms, pause.map(|seconds| seconds * 1000), "{place}");
                    }
                }
                (None, None) => {}
                _ => panic!("{place}: {doubt:?}"),
            }
        }
        // Whatever it is, it is never a block, nor an empty list of infos of one.
        let block = whole::block(raw.as_bytes(), b"[]", HEIGHT, &TOKENS, BlockIds::Advisory);
        assert!(block.is_err(), "{place}");
        let full = super::build::Made::of(vec![super::build::Tx::plain("TransferContract")]);
        let infos = super::build::read_texts(&full.block.to_string(), &raw, BlockIds::Advisory);
        assert!(infos.is_err(), "{place}");
        assert!(whole::range(raw.as_bytes(), HEIGHT, HEIGHT).is_err(), "{place}");
        assert!(whole::decimals(raw.as_bytes()).is_err(), "{place}");
    }
}

fn result(name: &str) -> String {
    let body: Value = serde_json::from_str(&body(name)).unwrap();
    body["result"].to_string()
}

#[test]
fn identity_and_head_over_json_rpc() {
    let number = |name| serde_json::from_str::<Quantity>(&result(name)).unwrap().0;
    assert_eq!(number("jsonrpc.eth_chainId.json"), 0xcd86_90dc, "the tail of Nile's first block id");
    assert_eq!(number("jsonrpc.eth_blockNumber.json"), 0x3fe_1dec);
    let error: Value = serde_json::from_str(&body("jsonrpc.error.json")).unwrap();
    assert_eq!(error["error"]["code"], json!(-32602));
    assert!(serde_json::from_value::<Option<Vec<Quantity>>>(error).is_err(), "no list of anything");
}

#[test]
fn a_header_over_json_rpc() {
    let text = result("jsonrpc.eth_getBlockByNumber.json");
    let block: Option<RpcBlock<'_>> = serde_json::from_str(&text).unwrap();
    let header = receipts::header(block.as_ref(), Height(66_984_960)).unwrap();
    assert_eq!((header.at.height.0, header.time.0), (0x3fe_1c00, 0x69f1_8a5c));
    assert_eq!(receipts::header(block.as_ref(), HEIGHT).unwrap_err().kind(), "malformed");
    for list in ["[]", &result("jsonrpc.eth_getBlockReceipts.json")] {
        let list: Vec<RpcReceipt<'_>> = serde_json::from_str(list).unwrap();
        let doubt = receipts::whole(block.as_ref(), Some(&list), Height(66_984_960), &TOKENS).unwrap_err();
        assert_eq!(doubt.kind(), "incomplete", "{doubt}");
    }
}

/// A block over JSON-RPC with these transactions.
fn rpc_block(hash: &str, number: u64, transactions: &[&str]) -> String {
    json!({
        "number": format!("0x{number:x}"), "hash": hash, "parentHash": format!("0x{}", "00".repeat(32)),
        "timestamp": "0x1", "transactionsRoot": format!("0x{}", "01".repeat(32)), "transactions": transactions,
    })
    .to_string()
}

#[test]
fn receipts_over_json_rpc() {
    let text = result("jsonrpc.eth_getBlockReceipts.json");
    let list: Vec<RpcReceipt<'_>> = serde_json::from_str(&text).unwrap();
    let hash = "0x0000000003fe1ca05cf728c92ee79f5f2758c3e4e4ea88501826726880e8b81c";
    let with_logs = "0x01b4cde4197b9d1a1ff09ef5d2b1d939d3ec2401b3f002ebd0802c0f30a6e4ca";
    let without = "0x74034bfbb426506e7a0a3c0f329ca84cc9c7783f4307137dcc2fdbb184a9910e";
    let at = Height(0x3fe_1ca0);
    let read = |transactions: &[&str]| {
        let text = rpc_block(hash, at.0, transactions);
        let block: RpcBlock<'_> = serde_json::from_str(&text).unwrap();
        receipts::whole(Some(&block), Some(&list), at, &TOKENS)
    };
    assert_eq!(read(&[with_logs, without]).unwrap().block.transfers, []);
    assert_eq!(read(&[with_logs, without, hash, hash]).unwrap_err().kind(), "incomplete", "2 of 4, as captured");
    assert_eq!(read(&[without, with_logs]).unwrap_err().kind(), "incomplete");
    // The receipt by its transaction is the same one.
    let single = result("jsonrpc.eth_getTransactionReceipt.json");
    let single: RpcReceipt<'_> = serde_json::from_str(&single).unwrap();
    assert_eq!(format!("{single:?}"), format!("{:?}", list[0]));
}

#[test]
fn a_real_transfer_over_json_rpc() {
    let sample: Value = serde_json::from_str(&text("jsonrpc.eth_getLogs.mainnet-usdt.json")).unwrap();
    let log = &sample["body_logs"][1];
    let receipt = json!([{
        "blockHash": log["blockHash"], "blockNumber": log["blockNumber"], "transactionHash": log["transactionHash"],
        "transactionIndex": "0x0", "status": "0x1", "logs": [log],
    }]);
    let (at, text) = (Height(0x223_a0a7), receipt.to_string());
    let list: Vec<RpcReceipt<'_>> = serde_json::from_str(&text).unwrap();
    let block = rpc_block(log["blockHash"].as_str().unwrap(), at.0, &[log["transactionHash"].as_str().unwrap()]);
    let block: RpcBlock<'_> = serde_json::from_str(&block).unwrap();
    let found = receipts::whole(Some(&block), Some(&list), at, &TOKENS).unwrap().block.transfers[0];
    assert_eq!(found.amount, TokenAmount::of(1_979_819_200));
    assert_eq!(found.token, tron("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"));
    assert_eq!(found.from, tron("TV6MuMXfmLbBqPZvBHdwFsDnQeVfnmiuSi"));
    assert_eq!(found.to, tron("TGERR6fGRDy6YgXjsmr3TFC6gGR482sciP"));
    // Logs by filter are never asked for: their wrong answer looks like an empty block, and is refused as one.
    let lost = result("jsonrpc.eth_getLogs.lost.json");
    let lost: Vec<RpcReceipt<'_>> = serde_json::from_str(&lost).unwrap();
    assert_eq!(receipts::whole(Some(&block), Some(&lost), at, &TOKENS).unwrap_err().kind(), "incomplete");
    assert!(!result("jsonrpc.eth_getLogs.json").contains("ddf252ad"));
}

#[test]
fn no_sample_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tron");
    let tests = include_str!("golden.rs");
    let mut names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.all(|name| name == "README.md" || tests.contains(&name)));
}
