//! What TRON nodes send over their own HTTP interface, only the fields that are used, borrowed from the body. Defaults
//! are omitted by the node, keys come in any order, and what users put into `raw_data` is passed over. Wire types do not
//! leave this adapter.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};

use crate::chain::{Doubt, hexed::Text, http::clean};

/// Most topics a log can have.
const TOPICS_MAX: usize = 4;

/// Exactly `N` bytes: `2N` hex digits without prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bare<const N: usize>(pub(super) [u8; N]);

/// A block, with as much of its transactions as `T` holds.
#[derive(Debug, Deserialize)]
pub(super) struct WireBlock<'a, T> {
    #[serde(rename = "blockID")]
    pub(super) id: Option<Bare<32>>,
    #[serde(borrow, rename = "block_header")]
    pub(super) header: Option<WireHeader<'a>>,
    /// Absent in an empty block, and where details were not asked for.
    #[serde(default = "Option::default")]
    pub(super) transactions: Option<T>,
    #[serde(rename = "Error")]
    pub(super) error: Option<IgnoredAny>,
}

/// A block with its transactions.
pub(super) type FullBlock<'a> = WireBlock<'a, Vec<WireTransaction<'a>>>;

#[derive(Debug, Deserialize)]
pub(super) struct WireHeader<'a> {
    #[serde(borrow, rename = "raw_data")]
    pub(super) raw: RawHeader<'a>,
}

/// Everything the block id is computed from. Bytes are hex texts.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawHeader<'a> {
    #[serde(default)]
    pub(super) number: u64,
    /// Milliseconds.
    #[serde(default)]
    pub(super) timestamp: u64,
    #[serde(borrow, default)]
    pub(super) tx_trie_root: &'a str,
    #[serde(borrow, default)]
    pub(super) parent_hash: &'a str,
    #[serde(default, rename = "witness_id")]
    pub(super) witness_id: i64,
    #[serde(borrow, default, rename = "witness_address")]
    pub(super) witness_address: &'a str,
    #[serde(default)]
    pub(super) version: i32,
    #[serde(borrow, default)]
    pub(super) account_state_root: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireTransaction<'a> {
    #[serde(rename = "txID")]
    pub(super) id: Bare<32>,
    #[serde(borrow, default)]
    pub(super) ret: First<WireRet<'a>>,
    #[serde(borrow, default)]
    pub(super) raw_data: RawTransaction<'a>,
    #[serde(borrow, default)]
    pub(super) raw_data_hex: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireRet<'a> {
    #[serde(borrow, rename = "contractRet")]
    pub(super) contract_ret: Option<&'a str>,
}

/// What users signed; only the kind of contract is looked at.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RawTransaction<'a> {
    #[serde(borrow, default)]
    contract: First<WireContract<'a>>,
}

#[derive(Debug, Deserialize)]
struct WireContract<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a str>,
}

impl WireTransaction<'_> {
    /// What the producer of the block says about the outcome, which is consensus data.
    pub(super) fn outcome(&self) -> Option<&str> {
        self.ret.0.as_ref()?.contract_ret
    }

    /// Whether it runs code: calls a contract, or makes one, whose constructor may call others.
    pub(super) fn is_call(&self) -> bool {
        let kind = self.raw_data.contract.0.as_ref().and_then(|contract| contract.kind);
        matches!(kind, Some("TriggerSmartContract" | "CreateSmartContract"))
    }
}

/// What the node says a transaction did.
#[derive(Debug, Deserialize)]
pub(super) struct WireInfo<'a> {
    pub(super) id: Bare<32>,
    #[serde(default, rename = "blockNumber")]
    pub(super) block_number: u64,
    /// Milliseconds.
    #[serde(default, rename = "blockTimeStamp")]
    pub(super) block_time: u64,
    #[serde(borrow, default)]
    pub(super) receipt: WireReceipt<'a>,
    #[serde(borrow)]
    pub(super) result: Option<&'a str>,
    #[serde(borrow, default, rename = "log")]
    pub(super) logs: Vec<WireLog<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct WireReceipt<'a> {
    #[serde(borrow)]
    pub(super) result: Option<&'a str>,
}

impl WireInfo<'_> {
    /// Whether the node's own two words for it say success.
    pub(super) fn succeeded(&self) -> bool {
        self.receipt.result == Some("SUCCESS") && self.result != Some("FAILED")
    }
}

/// A log as hex texts: with `0x` in JSON-RPC, without elsewhere.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct WireLog<'a> {
    #[serde(borrow)]
    pub(super) address: &'a str,
    #[serde(borrow, default)]
    pub(super) topics: Topics<'a>,
    #[serde(borrow, default)]
    pub(super) data: &'a str,
}

/// A log's topics: at most four.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Topics<'a> {
    count: usize,
    texts: [&'a str; TOPICS_MAX],
}

impl<'a> Topics<'a> {
    /// All of them.
    pub(super) fn texts(&self) -> &[&'a str] {
        self.texts.get(..self.count).unwrap_or_default()
    }
}

/// A constant call's answer.
#[derive(Debug, Deserialize)]
pub(super) struct WireCall<'a> {
    #[serde(borrow, default)]
    pub(super) result: WireCallResult<'a>,
    #[serde(borrow, default)]
    pub(super) constant_result: Vec<&'a str>,
    #[serde(borrow, default)]
    pub(super) transaction: WireCallTransaction<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct WireCallResult<'a> {
    #[serde(default)]
    pub(super) result: bool,
    #[serde(borrow)]
    pub(super) code: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct WireCallTransaction<'a> {
    #[serde(borrow, default)]
    pub(super) ret: Vec<WireCallRet<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireCallRet<'a> {
    #[serde(borrow)]
    pub(super) ret: Option<&'a str>,
    #[serde(borrow, rename = "contractRet")]
    pub(super) contract_ret: Option<&'a str>,
}

/// Blocks of a range, lowest first.
#[derive(Debug, Deserialize)]
pub(super) struct WireRange<'a> {
    /// Absent where the node has none of them.
    #[serde(borrow, default, rename = "block")]
    pub(super) blocks: Option<Vec<FullBlock<'a>>>,
}

/// The first element of a list; what follows is passed over.
#[derive(Debug)]
pub(super) struct First<T>(pub(super) Option<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// Reads a body, which must be one JSON value and nothing else; `about` is what was asked for.
///
/// # Errors
/// [`Doubt::Malformed`].
pub(super) fn read<'a, T: Deserialize<'a>>(
    method: &'static str,
    about: fmt::Arguments<'_>,
    body: &'a [u8],
) -> Result<T, Doubt> {
    serde_json::from_slice(body).map_err(|error| malformed(method, &format!("{about}: {error}")))
}

/// A body that is not what the protocol allows.
pub(super) fn malformed(method: &'static str, what: &str) -> Doubt {
    Doubt::Malformed { method, what: clean(what) }
}

/// Whether a body is `{}`: the node's word for "not here".
pub(super) fn is_nothing(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    body.strip_prefix(b"{")
        .and_then(|rest| rest.strip_suffix(b"}"))
        .is_some_and(|inside| inside.trim_ascii().is_empty())
}

fn bare<const N: usize>(text: &str) -> Result<Bare<N>, &'static str> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| "bytes of the wrong length, or not hex")?;
    Ok(Bare(bytes))
}

impl<'de, const N: usize> Deserialize<'de> for Bare<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(bare::<N>))
    }
}

struct TopicList;

impl<'de> Visitor<'de> for TopicList {
    type Value = Topics<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("up to four topics")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Topics<'de>, A::Error> {
        let mut topics = Topics::default();
        while let Some(text) = list.next_element::<&'de str>()? {
            let slot = topics.texts.get_mut(topics.count).ok_or_else(|| A::Error::custom("more than four topics"))?;
            *slot = text;
            topics.count += 1;
        }
        Ok(topics)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Topics<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TopicList)
    }
}

struct FirstOf<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FirstOf<T> {
    type Value = First<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<First<T>, A::Error> {
        let first = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(First(first))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstOf(PhantomData))
    }
}
