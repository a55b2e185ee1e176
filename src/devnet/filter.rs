//! The filter of `eth_getLogs`.

use serde_json::Value;

use crate::domain::{Address, BlockHash};

use super::{
    bloom::Bloom,
    call::{RpcError, address, block_hash, text},
    tx::Log,
};

/// Which blocks a filter asks about.
#[derive(Debug)]
pub(super) enum Scope {
    Block(BlockHash),
    /// Two tags or numbers, both included.
    Range(Value, Value),
}

/// Blocks, and what the logs in them must look like.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) scope: Scope,
    /// Any of these; empty is any at all.
    addresses: Vec<Address>,
    /// For each place any of these; empty is any at all.
    topics: Vec<Vec<[u8; 32]>>,
}

impl Filter {
    pub(super) fn parse(value: &Value) -> Result<Self, RpcError> {
        let (hash, from, to) = (&value["blockHash"], &value["fromBlock"], &value["toBlock"]);
        let scope = if hash.is_null() {
            let or_latest = |value: &Value| if value.is_null() { Value::from("latest") } else { value.clone() };
            Scope::Range(or_latest(from), or_latest(to))
        } else if from.is_null() && to.is_null() {
            Scope::Block(block_hash(hash)?)
        } else {
            return Err(RpcError::params(
                "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
            ));
        };
        let bad_address = || RpcError::params("invalid address in filter");
        let addresses = one_or_more(&value["address"])
            .map(|value| text(value).and_then(address).ok_or_else(bad_address))
            .collect::<Result<_, _>>()?;
        let topics = value["topics"].as_array().map_or(&[][..], Vec::as_slice);
        let topics = topics.iter().map(|place| one_or_more(place).map(topic).collect()).collect::<Result<_, _>>()?;
        Ok(Self { scope, addresses, topics })
    }

    /// Whether a block with this bloom may hold a match.
    pub(super) fn may_match(&self, bloom: &Bloom) -> bool {
        (self.addresses.is_empty() || self.addresses.iter().any(|address| bloom.may_contain(&address.0)))
            && self.topics.iter().all(|place| place.is_empty() || place.iter().any(|topic| bloom.may_contain(topic)))
    }

    pub(super) fn matches(&self, log: &Log) -> bool {
        let fits = |(place, wanted): (usize, &Vec<[u8; 32]>)| {
            log.topics.get(place).is_some_and(|topic| wanted.is_empty() || wanted.contains(topic))
        };
        (self.addresses.is_empty() || self.addresses.contains(&log.address)) && self.topics.iter().enumerate().all(fits)
    }
}

/// Null is nothing, a list its items, anything else itself.
fn one_or_more(value: &Value) -> impl Iterator<Item = &Value> {
    let list = match value.as_array() {
        Some(list) => list.as_slice(),
        None if value.is_null() => &[],
        None => std::slice::from_ref(value),
    };
    list.iter()
}

fn topic(value: &Value) -> Result<[u8; 32], RpcError> {
    let bad = || RpcError::params("invalid topic in filter");
    let mut bytes = [0; 32];
    let digits = text(value).and_then(|text| text.strip_prefix("0x")).ok_or_else(bad)?;
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| bad())?;
    Ok(bytes)
}
