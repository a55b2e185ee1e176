//! Bytes and ids against captured ones, and against an independent protobuf library.

use prost::Message;
use serde_json::Value;

use super::*;
use crate::{
    devnet::{
        tron::{Stamp, TronResult, block::block_id, sha256},
        tx::Tx,
    },
    domain::{BlockHash, Family, Height},
};

/// The fields of `Transaction.raw` that are used here.
#[derive(Clone, PartialEq, Message)]
struct Raw {
    #[prost(bytes, tag = "1")]
    ref_block_bytes: Vec<u8>,
    #[prost(bytes, tag = "4")]
    ref_block_hash: Vec<u8>,
    #[prost(int64, tag = "8")]
    expiration: i64,
    #[prost(message, repeated, tag = "11")]
    contract: Vec<RawContract>,
    #[prost(int64, tag = "14")]
    timestamp: i64,
    #[prost(int64, tag = "18")]
    fee_limit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct RawContract {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(message, optional, tag = "2")]
    parameter: Option<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes, tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct TransferAsset {
    #[prost(bytes, tag = "1")]
    asset_name: Vec<u8>,
    #[prost(bytes, tag = "2")]
    owner_address: Vec<u8>,
    #[prost(bytes, tag = "3")]
    to_address: Vec<u8>,
    #[prost(int64, tag = "4")]
    amount: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Transaction {
    #[prost(message, optional, tag = "1")]
    raw: Option<Raw>,
    #[prost(bytes, repeated, tag = "2")]
    signature: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "5")]
    ret: Vec<Ret>,
}

#[derive(Clone, PartialEq, Message)]
struct Ret {
    #[prost(int32, tag = "3")]
    contract_ret: i32,
}

fn sample(text: &str) -> Value {
    serde_json::from_str::<Value>(text).unwrap()["body"].take()
}

fn unhex(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn account(value: &Value) -> Address {
    Address::parse(Family::Tron, value.as_str().unwrap()).unwrap()
}

#[test]
fn a_captured_transaction_gives_its_bytes_and_its_id() {
    let body = sample(include_str!("../../../../tests/golden/tron/http.triggerconstantcontract.json"));
    let tx = &body["transaction"];
    let raw = &tx["raw_data"];
    let value = &raw["contract"][0]["parameter"]["value"];
    let stamp = Stamp {
        ref_block_bytes: unhex(&raw["ref_block_bytes"]).try_into().unwrap(),
        ref_block_hash: unhex(&raw["ref_block_hash"]).try_into().unwrap(),
        timestamp: raw["timestamp"].as_i64().unwrap(),
        expiration: raw["expiration"].as_i64().unwrap(),
    };
    let contract = Contract::Call { data: unhex(&value["data"]), value: 0 };
    let (from, to) = (account(&value["owner_address"]), account(&value["contract_address"]));
    let ours = Tx::on_tron(from, to, Vec::new(), contract, stamp).with_fee_limit(0);
    assert_eq!(hex::encode(ours.raw_data()), tx["raw_data_hex"].as_str().unwrap());
    assert_eq!(ours.hash.text(Family::Tron), tx["txID"].as_str().unwrap());
}

#[test]
fn captured_headers_give_their_ids() {
    let list = sample(include_str!("../../../../tests/golden/tron/http.getblockbylatestnum.json"));
    for block in [
        sample(include_str!("../../../../tests/golden/tron/http.getblock.json")),
        sample(include_str!("../../../../tests/golden/tron/http.getnowblock.json")),
        list["block"][0].clone(),
    ] {
        let raw = &block["block_header"]["raw_data"];
        let header = RawHeader {
            timestamp: raw["timestamp"].as_u64().unwrap(),
            tx_root: unhex(&raw["txTrieRoot"]).try_into().unwrap(),
            parent: unhex(&raw["parentHash"]).try_into().unwrap(),
            number: raw["number"].as_u64().unwrap(),
            witness: account(&raw["witness_address"]),
            version: raw["version"].as_u64().unwrap(),
            state_root: None,
        };
        let id = block_id(Height(header.number), &header.encode());
        assert_eq!(id, BlockHash::parse(block["blockID"].as_str().unwrap()).unwrap());
        let other = RawHeader { state_root: Some([1; 32]), ..header };
        assert_ne!(block_id(Height(other.number), &other.encode()), id);
    }
}

#[test]
fn another_library_reads_what_is_written_and_writes_the_same() {
    let stamp = Stamp { ref_block_bytes: [1, 2], ref_block_hash: [3; 8], timestamp: -5, expiration: i64::MAX };
    let (from, to) = (Address([7; 20]), Address([8; 20]));
    let contract = Contract::Asset { name: "USDT".into(), amount: 1 << 40 };
    let tx =
        Tx::on_tron(from, to, Vec::new(), contract, stamp).with_fee_limit(-1).with_result(TronResult::JvmStackOverflow);
    let whole = transaction(&tx.raw_data(), &tx.signature(), tx.tron().result.number());

    let read = Transaction::decode(whole.as_slice()).unwrap();
    assert_eq!(read.encode_to_vec(), whole, "same order, nothing left over");
    assert_eq!((read.signature, read.ret[0].contract_ret), (vec![tx.signature().to_vec()], 12));
    let raw = read.raw.unwrap();
    assert_eq!((raw.timestamp, raw.expiration, raw.fee_limit), (-5, i64::MAX, -1));
    assert_eq!((raw.ref_block_bytes, raw.ref_block_hash), (vec![1, 2], vec![3; 8]));
    let contract = raw.contract[0].clone();
    let any = contract.parameter.unwrap();
    assert_eq!((contract.kind, any.type_url.as_str()), (2, "type.googleapis.com/protocol.TransferAssetContract"));
    let asset = TransferAsset::decode(any.value.as_slice()).unwrap();
    assert_eq!((asset.asset_name.as_slice(), asset.amount), (b"USDT".as_slice(), 1 << 40));
    assert_eq!((asset.owner_address, asset.to_address), (prefixed(from).to_vec(), prefixed(to).to_vec()));
    assert_eq!(sha256(&tx.raw_data()), tx.hash.0);
}

#[test]
fn sizes_are_those_of_written_fields() {
    for length in [1, 127, 128, 16_383, 16_384, 300_000] {
        let mut out = Vec::new();
        bytes(&mut out, 1, &vec![0; length]);
        assert_eq!(field_size(length), out.len(), "{length}");
    }
}
