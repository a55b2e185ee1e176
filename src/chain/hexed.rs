//! Numbers and bytes as JSON-RPC writes them: hex with `0x`, decoded straight into arrays and read strictly.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// A number: `0x`, then hex digits without leading zeros (`0x0` for zero), at most 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::chain) struct Quantity(pub(in crate::chain) u64);

/// Exactly `N` bytes: `0x` and `2N` hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::chain) struct Bytes<const N: usize>(pub(in crate::chain) [u8; N]);

/// Reads a quantity, strictly.
pub(in crate::chain) fn quantity(text: &str) -> Result<u64, &'static str> {
    let digits = text.strip_prefix("0x").ok_or("a number without 0x")?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match digits.len() {
        0 => Err("a number without digits"),
        _ if !plain => Err("a number that is not hex"),
        2.. if digits.starts_with('0') => Err("a number with leading zeros"),
        1..=16 => u64::from_str_radix(digits, 16).map_err(|_| "a number that is not hex"),
        _ => Err("a number beyond 64 bits"),
    }
}

pub(in crate::chain) fn bytes<const N: usize>(text: &str) -> Result<[u8; N], &'static str> {
    let digits = text.strip_prefix("0x").ok_or("bytes without 0x")?;
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| "bytes of the wrong length, or not hex")?;
    Ok(bytes)
}

/// Visits a text without copying it.
pub(in crate::chain) struct Text<T>(pub(in crate::chain) fn(&str) -> Result<T, &'static str>);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hex text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(quantity)).map(Self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(bytes::<N>)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_strictly() {
        for (text, number) in [("0x0", 0), ("0x1", 1), ("0xAb", 171), ("0xffffffffffffffff", u64::MAX)] {
            assert_eq!(quantity(text), Ok(number));
        }
        for text in
            ["", "0x", "1", "0x00", "0x01", "-0x1", "0x-1", "0x+1", "0x1.0", "0xg", "0x10000000000000000", " 0x1"]
        {
            assert!(quantity(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Quantity>("1").is_err());
        assert!(serde_json::from_str::<Quantity>("1.5").is_err());
        assert!(serde_json::from_str::<Quantity>("null").is_err());
    }
}
