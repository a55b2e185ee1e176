//! A header proves its own id: eight bytes of height, then the tail of SHA-256 over the header's protobuf.

use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::{
    BlockIds,
    wire::{self, RawHeader, WireBlock},
};
use crate::{
    chain::Doubt,
    domain::{BlockHash, BlockRef, Header, Height, Timestamp},
};

/// Something read, and whether the block id under it follows from the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked<T> {
    pub(super) value: T,
    /// False only where ids are [`BlockIds::Advisory`]: the caller counts it.
    pub(super) id_proved: bool,
}

/// Reads the answer of `getblock` without details; `at` is the height that was asked for, `None` for the head.
///
/// # Errors
/// [`Doubt::Missing`] for `{}`, [`Doubt::Malformed`] for another block, a wrong id and whatever else is no header.
pub(super) fn read(
    method: &'static str,
    body: &[u8],
    at: Option<Height>,
    ids: BlockIds,
) -> Result<Checked<Header>, Doubt> {
    if wire::is_nothing(body) {
        return Err(at.map_or_else(|| wire::malformed(method, "no head block"), Doubt::Missing));
    }
    let block: WireBlock<'_, IgnoredAny> = match at {
        Some(at) => wire::read(method, format_args!("block {at}"), body)?,
        None => wire::read(method, format_args!("the head"), body)?,
    };
    checked(method, &block, at, ids)
}

/// Checks 1 to 3 of a block: it is one, it is the one asked for, and its id is its own.
pub(super) fn checked<T>(
    method: &'static str,
    block: &WireBlock<'_, T>,
    at: Option<Height>,
    ids: BlockIds,
) -> Result<Checked<Header>, Doubt> {
    let about = |what: &str| {
        let which = at.map_or_else(|| "the head".to_owned(), |at| format!("block {at}"));
        wire::malformed(method, &format!("{which}: {what}"))
    };
    if block.error.is_some() {
        return Err(about("an error beside a block"));
    }
    let (Some(id), Some(header)) = (block.id, &block.header) else {
        return Err(about("no blockID, or no block_header"));
    };
    let raw = &header.raw;
    if at.is_some_and(|at| at.0 != raw.number) {
        return Err(about(&format!("block {} instead", raw.number)));
    }
    if !id.0.starts_with(&raw.number.to_be_bytes()) {
        return Err(about("its id begins with another height"));
    }
    let parent = parent(raw).ok_or_else(|| about("no parentHash"))?;
    let computed = computed_id(raw).ok_or_else(|| about("a header field that is not hex"))?;
    let id_proved = computed == id.0;
    if !id_proved && ids == BlockIds::Strict {
        return Err(about("its id does not follow from its header"));
    }
    let at = BlockRef { height: Height(raw.number), hash: BlockHash(id.0) };
    let time = Timestamp(raw.timestamp / 1000);
    Ok(Checked { value: Header { at, parent, time }, id_proved })
}

/// Block 0 may have none.
fn parent(raw: &RawHeader<'_>) -> Option<BlockHash> {
    if raw.parent_hash.is_empty() && raw.number == 0 {
        return Some(BlockHash([0; 32]));
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(raw.parent_hash, &mut bytes).ok()?;
    Some(BlockHash(bytes))
}

/// The id that follows from the header; `None` if a field is not hex.
pub(super) fn computed_id(raw: &RawHeader<'_>) -> Option<[u8; 32]> {
    let mut message = Vec::with_capacity(160);
    put_number(&mut message, 1, raw.timestamp);
    put_bytes(&mut message, 2, raw.tx_trie_root)?;
    put_bytes(&mut message, 3, raw.parent_hash)?;
    put_number(&mut message, 7, raw.number);
    put_number(&mut message, 8, raw.witness_id.cast_unsigned());
    put_bytes(&mut message, 9, raw.witness_address)?;
    put_number(&mut message, 10, i64::from(raw.version).cast_unsigned());
    put_bytes(&mut message, 11, raw.account_state_root)?;
    let mut id: [u8; 32] = Sha256::digest(&message).into();
    id[..8].copy_from_slice(&raw.number.to_be_bytes());
    Some(id)
}

/// A protobuf varint field; zero is left out.
fn put_number(message: &mut Vec<u8>, field: u8, value: u64) {
    if value != 0 {
        message.push(field << 3);
        put_varint(message, value);
    }
}

/// A protobuf bytes field; an empty one is left out.
fn put_bytes(message: &mut Vec<u8>, field: u8, digits: &str) -> Option<()> {
    if digits.is_empty() {
        return Some(());
    }
    let bytes = hex::decode(digits).ok()?;
    message.push((field << 3) | 2);
    put_varint(message, u64::try_from(bytes.len()).ok()?);
    message.extend_from_slice(&bytes);
    Some(())
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    message.push(value.to_le_bytes()[0]);
}
