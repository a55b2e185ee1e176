//! What a TRON node does wrong: each switch is one way a real node, its provider or an attacker was seen to mislead.

use serde::{Deserialize, Serialize};

/// The ways a TRON node or its provider says no. Most come with status 200.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TronRefusal {
    /// An exception in the servlet: `{"Error":"<text>"}`.
    Error(String),
    /// The node's own limiter: `lack of computing resources`.
    Overloaded,
    /// 404: the call is switched off in the node's configuration.
    SwitchedOff,
    /// 413 with a page for people.
    TooLarge,
    /// Plain text: the node keeps no history.
    LiteNode,
    /// The provider's limit for short bursts.
    Suspended {
        /// HTTP status; which one real providers send is not known for sure.
        status: u16,
        /// Requests a second that are allowed.
        allowed_rps: u32,
        /// For how long nothing is answered.
        seconds: u32,
    },
    /// 403: the provider's limit for a day.
    DailyUsage,
    /// `{}`, whatever is asked.
    EmptyObject,
    /// `[]`, whatever is asked.
    EmptyList,
}

/// How the infos of a block are wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InfoLie {
    /// Not at all.
    #[default]
    Nothing,
    /// The last one is missing.
    Partial,
    /// All are missing: `[]` for a block the node has.
    Missing,
    /// Those of another block at the same height: other ids and another time.
    OtherBranch,
    /// In the reverse order.
    Reversed,
    /// The first one stands twice.
    Doubled,
    /// The first one names the next height.
    WrongNumber,
    /// The first one names another time.
    WrongTime,
}

/// How blocks are wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockLie {
    /// Not at all.
    #[default]
    Nothing,
    /// Without transactions; the header tells of them.
    Stripped,
    /// The header's `version` is another than the one its id was made from.
    Tampered,
    /// The first transaction's `raw_data_hex` is another than the one its id was made from.
    TamperedTx,
}

/// Which answers tell of larger amounts than the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inflated {
    /// None.
    #[default]
    Nothing,
    /// The infos of a block.
    ByBlock,
    /// The info of one transaction.
    ById,
    /// Both.
    Everywhere,
}

/// Which of a node's two faces shows something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Faces {
    /// Both.
    #[default]
    Both,
    /// `/wallet` only.
    Full,
    /// `/walletsolidity` only.
    Solid,
}

/// Everything a TRON node does wrong beside what any node does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TronTrouble {
    /// `/wallet` alone is this many blocks behind; beyond the solid distance, solid is ahead of the head.
    pub head_lag_blocks: u64,
    /// `/walletsolidity` alone is this many blocks behind.
    pub solid_lag_blocks: u64,
    /// How the infos of a block are wrong.
    pub infos: InfoLie,
    /// How blocks are wrong.
    pub blocks: BlockLie,
    /// Where amounts are larger, by 1,000,000 base units in each log with one word of data.
    pub inflated: Inflated,
    /// Infos tell of failed transactions as if they had succeeded; the block does not.
    pub failed_as_success: bool,
    /// The infos of failed transactions hold a log that pays 1,000,000 base units of the called contract to this address
    /// (any text of one).
    pub failed_pays: Option<String>,
    /// Which faces show the false genesis id.
    pub genesis_on: Faces,
    /// Keys stand in another order.
    pub shuffled_keys: bool,
    /// `fee_limit`, `timestamp` and `expiration` of every transaction are negative.
    pub negative_numbers: bool,
}
