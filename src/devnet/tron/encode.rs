//! Protobuf of transactions and block headers, as java-tron's `Tron.proto` numbers the fields. Fields are written in the
//! order of their numbers and left out at their default, as every protobuf library does.

use crate::domain::Address;

use super::{
    PREFIX,
    contract::{Contract, TronTx},
};

/// The fields of a block header that its id covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RawHeader {
    /// Milliseconds since the Unix epoch.
    pub(super) timestamp: u64,
    pub(super) tx_root: [u8; 32],
    pub(super) parent: [u8; 32],
    pub(super) number: u64,
    pub(super) witness: Address,
    pub(super) version: u64,
    /// Absent on the public networks.
    pub(super) state_root: Option<[u8; 32]>,
}

impl RawHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        int(&mut out, 1, self.timestamp);
        bytes(&mut out, 2, &self.tx_root);
        bytes(&mut out, 3, &self.parent);
        int(&mut out, 7, self.number);
        bytes(&mut out, 9, &prefixed(self.witness));
        int(&mut out, 10, self.version);
        bytes(&mut out, 11, self.state_root.as_ref().map_or(&[], <[u8; 32]>::as_slice));
        out
    }
}

/// `Transaction.raw`: what the transaction id covers.
pub(super) fn raw_data(from: Address, to: Address, tx: &TronTx) -> Vec<u8> {
    let value = contract_value(from, to, &tx.contract);
    let url = tx.contract.type_url();
    let mut any = Vec::with_capacity(value.len() + url.len() + 8);
    bytes(&mut any, 1, url.as_bytes());
    bytes(&mut any, 2, &value);
    let mut contract = Vec::with_capacity(any.len() + 8);
    int(&mut contract, 1, tx.contract.number());
    bytes(&mut contract, 2, &any);

    let mut out = Vec::with_capacity(contract.len() + 48);
    bytes(&mut out, 1, &tx.stamp.ref_block_bytes);
    bytes(&mut out, 4, &tx.stamp.ref_block_hash);
    signed(&mut out, 8, tx.stamp.expiration);
    bytes(&mut out, 11, &contract);
    signed(&mut out, 14, tx.stamp.timestamp);
    signed(&mut out, 18, tx.fee_limit);
    out
}

fn contract_value(from: Address, to: Address, contract: &Contract) -> Vec<u8> {
    let (from, to) = (prefixed(from), prefixed(to));
    let mut out = Vec::with_capacity(128);
    match contract {
        Contract::Call { data, value } => {
            bytes(&mut out, 1, &from);
            bytes(&mut out, 2, &to);
            signed(&mut out, 3, *value);
            bytes(&mut out, 4, data);
        }
        Contract::Trx { amount } => {
            bytes(&mut out, 1, &from);
            bytes(&mut out, 2, &to);
            signed(&mut out, 3, *amount);
        }
        Contract::Asset { name, amount } => {
            bytes(&mut out, 1, name.as_bytes());
            bytes(&mut out, 2, &from);
            bytes(&mut out, 3, &to);
            signed(&mut out, 4, *amount);
        }
    }
    out
}

/// A whole `Transaction`: the raw data, one signature, and `ret` with the result.
pub(super) fn transaction(raw: &[u8], signature: &[u8; 65], result: u64) -> Vec<u8> {
    let mut ret = Vec::with_capacity(2);
    int(&mut ret, 3, result);
    let mut out = Vec::with_capacity(raw.len() + 80);
    bytes(&mut out, 1, raw);
    bytes(&mut out, 2, signature);
    bytes(&mut out, 5, &ret);
    out
}

/// Bytes a field of `length` bytes takes, its tag and length included; for field numbers below 16.
pub(super) fn field_size(length: usize) -> usize {
    let bits = usize::BITS - (length | 1).leading_zeros();
    1 + bits.div_ceil(7) as usize + length
}

/// An address as TRON stores it: `0x41` in front.
pub(super) fn prefixed(address: Address) -> [u8; 21] {
    let mut bytes = [PREFIX; 21];
    bytes[1..].copy_from_slice(&address.0);
    bytes
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn int(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        varint(out, field << 3);
        varint(out, value);
    }
}

/// An `int64`: a negative one takes ten bytes.
fn signed(out: &mut Vec<u8>, field: u64, value: i64) {
    int(out, field, value.cast_unsigned());
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    if !value.is_empty() {
        varint(out, field << 3 | 2);
        varint(out, value.len() as u64);
        out.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests;
