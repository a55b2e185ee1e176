//! Answers of each call: their shapes, and what is taken from them.

use serde_json::{Value, json};

use super::{
    super::{
        BlockIds,
        header::{self, Checked},
        whole,
    },
    build::{FAKE, HEIGHT, Made, TOKENS, Tx, USDC, USDT, log, made, paid, read_texts},
};
use crate::{
    chain::Doubt,
    domain::{Address, DepositId, Family, Header, Height, LogOrdinal, Timestamp, TxHash},
};

#[test]
fn shapes_that_are_no_answer() {
    let made = made();
    let (block, infos) = (made.block.to_string(), made.infos.to_string());
    for broken in ["", "null", "[]", "0", "\"\"", "[{}]", &block[..block.len() - 1], &format!("{block}{block}")] {
        assert_eq!(read_texts(broken, &infos, BlockIds::Strict).expect_err(broken).kind(), "malformed");
        assert!(read_texts(broken, &infos, BlockIds::Strict).unwrap_err().to_string().contains("block 66987565"));
    }
    for broken in ["", "null", "0", "\"\"", "[{}]", "[null]", "{\"Error\":\"x\"}", &infos[..infos.len() - 1]] {
        assert_eq!(read_texts(&block, broken, BlockIds::Strict).expect_err(broken).kind(), "malformed");
    }
    for nothing in ["{}", " { } ", "\n{\n}\n"] {
        let missing = read_texts(nothing, &infos, BlockIds::Strict).unwrap_err();
        assert!(matches!(missing, Doubt::Missing(HEIGHT)));
        let read = |at| header::read("/wallet/getblock", nothing.as_bytes(), at, BlockIds::Strict).unwrap_err();
        assert!(matches!(read(Some(HEIGHT)), Doubt::Missing(HEIGHT)));
        assert_eq!(read(None).kind(), "malformed");
    }
    let twice = block.replacen("\"blockID\"", &format!("\"blockID\":{},\"blockID\"", made.block["blockID"]), 1);
    assert!(read_texts(&twice, &infos, BlockIds::Strict).unwrap_err().to_string().contains("duplicate field"));
    let five = log(FAKE, &["00".repeat(32), "00".repeat(32), "00".repeat(32), "00".repeat(32), "00".repeat(32)], "");
    let made = Made::of(vec![Tx::call(vec![five])]);
    assert!(made.read().unwrap_err().to_string().contains("more than four topics"));
}

#[test]
fn keys_in_any_order_and_absurd_user_fields() {
    let mut made = made();
    made.block["transactions"][0]["raw_data"]["fee_limit"] = json!(-9_223_372_036_854_775_808_i64);
    made.block["transactions"][0]["raw_data"]["expiration"] = json!(1e300);
    made.block["transactions"][0]["raw_data"]["data"] = json!("not hex \u{0}\u{fffd}");
    made.block["transactions"][1]["raw_data"]["contract"] = json!([]);
    made.block["transactions"][1]["raw_data"]["auths"] = json!([{"a": [null, {"b": -1}]}]);
    let whole = made.read().unwrap();
    // Names in their order become names in the opposite order.
    let turned = |value: &Value| {
        let members = value.as_object().unwrap().iter().rev();
        let texts: Vec<_> = members.map(|(key, value)| format!("{key:?}: {value}")).collect();
        format!(" {{ {} }} ", texts.join(" , "))
    };
    let infos: Vec<_> = made.infos.as_array().unwrap().iter().map(turned).collect();
    let again = read_texts(&turned(&made.block), &format!("[{}]", infos.join(",")), BlockIds::Strict).unwrap();
    assert_eq!(again, whole);
}

#[test]
fn ranges_name_the_first_block_that_is_absent() {
    let block = |height: u64| {
        let made = Made::of(vec![Tx::call(vec![paid(USDT, 1, 5)])]).with_header("number", json!(height));
        made.block
    };
    let body = |heights: &[u64]| json!({"block": heights.iter().map(|height| block(*height)).collect::<Vec<_>>()});
    let read = |body: &Value| {
        let text = body.to_string();
        whole::range(text.as_bytes(), Height(5), Height(7)).map(|blocks| blocks.len())
    };
    assert_eq!(read(&body(&[5, 6, 7])).unwrap(), 3);
    for (heights, missing) in [(vec![], 5), (vec![5, 6], 7), (vec![5, 7], 6), (vec![6, 7], 5), (vec![5, 7, 8], 6)] {
        assert!(matches!(read(&body(&heights)), Err(Doubt::Missing(Height(at))) if at == missing), "{heights:?}");
    }
    assert!(matches!(read(&json!({})), Err(Doubt::Missing(Height(5)))));
    for heights in [vec![5, 6, 7, 8], vec![5, 5, 6], vec![7, 6, 5, 5], vec![4, 5, 6]] {
        let doubt = read(&body(&heights)).unwrap_err();
        assert!(matches!(doubt, Doubt::Malformed { .. } | Doubt::Missing(_)), "{heights:?}");
    }
    assert_eq!(read(&body(&[4, 5, 6])).unwrap_err().kind(), "malformed");
    assert_eq!(read(&json!({"block": [{}]})).unwrap_err().kind(), "malformed");
    for other in [json!({"message": "no route"}), json!({"Error": "x".repeat(20_000)}), json!({"block": null})] {
        assert_eq!(read(&other).unwrap_err().kind(), "malformed");
    }
    let (made, text) = (Made::of(vec![]), json!({"block": [Made::of(vec![]).block]}).to_string());
    let blocks = whole::range(text.as_bytes(), HEIGHT, HEIGHT).unwrap();
    let whole = whole::with_infos(&blocks[0], b"[]", HEIGHT, &TOKENS, BlockIds::Strict);
    assert_eq!(whole.unwrap(), made.read().unwrap());
}

#[test]
fn an_info_supports_only_its_own_deposit() {
    let made = Made::of(vec![Tx::call(vec![paid(USDT, 1, 5), paid(USDC, 1, 6), paid(USDT, 2, 0), paid(USDT, 3, 7)])]);
    let whole = made.read().unwrap();
    let header = whole.block.header;
    let tx = whole.block.transfers[0].tx;
    let id = |tx, token, ordinal| DepositId {
        network: "tron-nile".parse().unwrap(),
        tx,
        token,
        ordinal: LogOrdinal(ordinal),
    };
    let read = |info: &Value, id: &DepositId, header: &Header| whole::info(info.to_string().as_bytes(), id, header);
    let info = &made.infos[0];
    for transfer in &whole.block.transfers {
        assert_eq!(read(info, &id(tx, transfer.token, transfer.ordinal.0), &header).unwrap(), Some(*transfer));
    }
    for (token, ordinal) in [(USDT, 1), (USDT, 3), (USDC, 1), (FAKE, 0), (Address([0; 20]), 0)] {
        assert_eq!(read(info, &id(tx, token, ordinal), &header).unwrap(), None, "{token:?} {ordinal}");
    }
    let first = id(tx, USDT, 0);
    assert_eq!(read(&json!({}), &first, &header).unwrap(), None);
    assert!(read(info, &id(TxHash([1; 32]), USDT, 0), &header).is_err());
    let changes: [(&str, Value); 4] = [
        ("blockNumber", json!(7)),
        ("blockTimeStamp", json!(7)),
        ("result", json!("FAILED")),
        ("receipt", json!({"result": "OUT_OF_TIME"})),
    ];
    for (field, value) in changes {
        let mut info = info.clone();
        info[field] = value;
        assert_eq!(read(&info, &first, &header).unwrap(), None, "{field}");
    }
    let mut info = info.clone();
    info["log"][0]["data"] = json!("00...");
    assert_eq!(read(&info, &first, &header).unwrap_err().kind(), "malformed");
    for broken in [json!([]), json!(null), json!({"id": "00"}), json!([made.infos[0]])] {
        assert_eq!(read(&broken, &first, &header).unwrap_err().kind(), "malformed", "{broken}");
    }
}

#[test]
fn decimals_come_from_a_good_call_only() {
    let word = |low: u8| format!("{:064x}", low);
    let call = |result: Value, ret: Value, words: Value| {
        let body = json!({"result": result, "constant_result": words, "transaction": {"ret": ret}});
        whole::decimals(body.to_string().as_bytes()).ok()
    };
    let (good, ret) = (json!({"result": true}), json!([{}]));
    assert_eq!(call(good.clone(), ret.clone(), json!([word(6)])), Some(6));
    assert_eq!(call(good.clone(), json!([{"ret": "SUCESS"}]), json!([word(77)])), Some(77));
    let table = [
        ("above 77", good.clone(), ret.clone(), json!([word(78)])),
        ("high bytes", good.clone(), ret.clone(), json!([format!("01{}", &word(6)[2..])])),
        ("31 bytes", good.clone(), ret.clone(), json!([&word(6)[2..]])),
        ("no word", good.clone(), ret.clone(), json!([])),
        ("an empty word", good.clone(), ret.clone(), json!([""])),
        ("two words", good.clone(), ret.clone(), json!([word(6), word(6)])),
        ("not true", json!({"result": false}), ret.clone(), json!([word(6)])),
        ("no result", json!({}), ret.clone(), json!([word(6)])),
        ("a code", json!({"result": true, "code": "CONTRACT_EXE_ERROR"}), ret, json!([word(6)])),
        ("failed", good.clone(), json!([{"ret": "FAILED"}]), json!([word(6)])),
        ("reverted", good, json!([{"contractRet": "REVERT"}]), json!([word(6)])),
    ];
    for (name, result, ret, words) in table {
        assert_eq!(call(result, ret, words), None, "{name}");
    }
    assert!(whole::decimals(b"{}").is_err());
    let full = json!({"result": {"result": true}, "constant_result": ["f".repeat(64)], "transaction": {"ret": [{}]}});
    assert_eq!(whole::balance(full.to_string().as_bytes()).unwrap(), crate::domain::TokenAmount::MAX);
    let failed = json!({"result": {"result": false}, "constant_result": [word(6)], "transaction": {"ret": [{}]}});
    assert!(whole::balance(failed.to_string().as_bytes()).is_err());
    assert!(whole::decimals(b"[]").is_err());
}

#[test]
fn the_first_block_omits_its_defaults() {
    // Shasta's, whose producer is a sentence in hex.
    let raw = json!({
        "txTrieRoot": "ea97ca7ac977cf2765093fa0e4732e561dc4ff8871c17e35fd2bcabb8b5f821d",
        "witness_address": hex::encode("A new system must allow existing systems to be linked together without \
            requiring any central control or coordination"),
        "parentHash": "957dc2d350daecc7bb6a38f3938ebde0a0c1cedafe15f0edae4256a2907449f6",
    });
    let id = "0000000000000000de1aa88295e1fcf982742f773e0419c5a9c134c994a9059e";
    let body = json!({"blockID": id, "block_header": {"raw_data": raw}}).to_string();
    let read = header::read("/wallet/getblock", body.as_bytes(), Some(Height(0)), BlockIds::Strict);
    let Checked { value, id_proved } = read.unwrap();
    assert_eq!((value.at.height, value.time, id_proved), (Height(0), Timestamp(0), true));
    assert_eq!(value.at.hash.text(Family::Tron), id);
}
