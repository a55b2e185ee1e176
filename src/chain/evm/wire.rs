//! What EVM nodes send, only the fields that are used, decoded from hex straight into arrays. Unknown fields are
//! ignored; a known one that is not exactly of its form is an error. Wire types do not leave this adapter.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};

#[cfg(test)]
pub(super) use crate::chain::hexed::quantity;
pub(super) use crate::chain::hexed::{Bytes, Quantity};
use crate::chain::hexed::{Text, bytes};

/// Most topics a log can have.
const TOPICS_MAX: usize = 4;

/// A log's data: one word, or anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// Exactly 32 bytes.
    Word([u8; 32]),
    /// Another length.
    Other,
}

/// A log's topics: how many, and the first three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Topics {
    pub(super) count: usize,
    pub(super) words: [[u8; 32]; 3],
}

/// The length of a list nobody looks into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count(pub(super) usize);

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireHeader {
    pub(super) number: Quantity,
    pub(super) hash: Bytes<32>,
    pub(super) parent_hash: Bytes<32>,
    pub(super) timestamp: Quantity,
    pub(super) logs_bloom: Option<Bytes<256>>,
    pub(super) transactions: Option<Count>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireLog {
    pub(super) address: Bytes<20>,
    pub(super) topics: Topics,
    pub(super) data: Data,
    pub(super) block_number: Quantity,
    pub(super) block_hash: Bytes<32>,
    pub(super) transaction_hash: Bytes<32>,
    pub(super) transaction_index: Quantity,
    pub(super) log_index: Quantity,
    #[serde(default)]
    pub(super) removed: Option<bool>,
}

/// A receipt, with as much of each log as `L` holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireReceipt<L> {
    pub(super) transaction_hash: Bytes<32>,
    pub(super) block_hash: Bytes<32>,
    pub(super) block_number: Quantity,
    pub(super) status: Quantity,
    pub(super) logs: Vec<L>,
}

/// The part of a log that says whether it is ours.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct LogMark {
    pub(super) address: Bytes<20>,
    pub(super) topics: Topics,
}

fn data(text: &str) -> Result<Data, &'static str> {
    let digits = text.strip_prefix("0x").ok_or("data without 0x")?;
    if digits.len() == 64 {
        return bytes(text).map(Data::Word);
    }
    let plain = digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { Ok(Data::Other) } else { Err("data that is not hex") }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(data))
    }
}

struct TopicList;

impl<'de> Visitor<'de> for TopicList {
    type Value = Topics;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("up to four topics")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Topics, A::Error> {
        let mut topics = Topics { count: 0, words: [[0; 32]; 3] };
        while let Some(Bytes(word)) = list.next_element::<Bytes<32>>()? {
            if topics.count == TOPICS_MAX {
                return Err(A::Error::custom("more than four topics"));
            }
            if let Some(slot) = topics.words.get_mut(topics.count) {
                *slot = word;
            }
            topics.count += 1;
        }
        Ok(topics)
    }
}

impl<'de> Deserialize<'de> for Topics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TopicList)
    }
}

struct Counted;

impl<'de> Visitor<'de> for Counted {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
        let mut count = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Count(count))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_one_word_or_something_else_but_always_hex() {
        assert_eq!(data(&format!("0x{}", "07".repeat(32))), Ok(Data::Word([7; 32])));
        assert_eq!(data("0x"), Ok(Data::Other));
        assert_eq!(data(&format!("0x{}", "07".repeat(33))), Ok(Data::Other));
        assert!(data("0x7").is_err());
        assert!(data("").is_err());
        assert!(data(&format!("0x{}", "zz".repeat(32))).is_err());
    }

    #[test]
    fn five_topics_are_refused_and_four_are_counted() {
        let word = format!("\"0x{}\"", "11".repeat(32));
        let read = |n: usize| serde_json::from_str::<Topics>(&format!("[{}]", vec![word.as_str(); n].join(",")));
        assert_eq!(read(0).unwrap().count, 0);
        assert_eq!(read(4).unwrap().count, 4);
        assert!(read(5).is_err());
    }
}
