//! Why a transaction is money, or is not: what a node says of it, and what we make of that.

use super::{
    Address, AppId, BlockRef, Deposit, Family, LogOrdinal, NetworkId, Timestamp, TokenAmount, Transfer, TxHash,
};

/// What one node says of one transaction. Facts only: nothing here has been compared with our own chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxView {
    /// The transaction.
    pub tx: TxHash,
    /// The endpoint that says so, by its configured name.
    pub endpoint: String,
    /// Where it is.
    pub place: TxPlace,
    /// How it ended.
    pub outcome: TxOutcome,
    /// What it asked for.
    pub kind: TxKind,
    /// Its logs, in their order.
    pub logs: Vec<LogView>,
    /// Calls between contracts that the node shows.
    pub inner_calls: u32,
    /// Those of them that were rejected.
    pub inner_rejected: u32,
}

impl TxView {
    /// What a node says that does not know the transaction.
    pub fn unknown(tx: TxHash, endpoint: &str) -> Self {
        Self {
            tx,
            endpoint: endpoint.to_owned(),
            place: TxPlace::Unknown,
            outcome: TxOutcome::Unsaid,
            kind: TxKind::Unsaid,
            logs: Vec::new(),
            inner_calls: 0,
            inner_rejected: 0,
        }
    }

    /// The block it is in.
    pub fn block(&self) -> Option<(BlockRef, Timestamp)> {
        match self.place {
            TxPlace::Block { at, time, .. } => Some((at, time)),
            TxPlace::Unknown | TxPlace::Waiting => None,
        }
    }
}

/// Where a node has a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxPlace {
    /// Nowhere.
    Unknown,
    /// Known, and in no block.
    Waiting,
    /// In a block of the node's own chain.
    Block {
        /// Which.
        at: BlockRef,
        /// Its time.
        time: Timestamp,
        /// Whether the node calls it final.
        is_final: bool,
    },
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxOutcome {
    /// It is in no block.
    Unsaid,
    /// It did what it was made for.
    Succeeded,
    /// It did nothing; how, as the network says it.
    Failed(String),
}

/// What a transaction asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxKind {
    /// The node does not say.
    Unsaid,
    /// It called this account's code, or would if there were any.
    Call(Address),
    /// It paid the network's own coin to this account.
    Coin(Address),
    /// It paid a token that is no contract's (TRC-10) to this account; with the token's name or number.
    Asset(Address, String),
    /// It made a contract.
    Creation,
    /// Something else, by the network's word.
    Other(String),
}

/// One log of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogView {
    /// The contract that wrote it.
    pub contract: Address,
    /// What it is.
    pub kind: LogKind,
}

/// What a log is, by the same code that decides while following the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// A sound transfer.
    Transfer(Transfer),
    /// A transfer of nothing.
    ZeroValue(LogOrdinal),
    /// It begins as a transfer does, and is none.
    Malformed(LogOrdinal, LogFlaw),
    /// Another event.
    Other,
}

/// What is wrong with a log that begins as a transfer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFlaw {
    /// So many topics instead of three.
    Topics(usize),
    /// Its data is not one word of 32 bytes.
    Data,
    /// A word that should hold an address has other bytes before it.
    Address,
}

/// Why a transaction is money, or is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The network.
    pub network: NetworkId,
    /// How it writes hashes and addresses.
    pub family: Family,
    /// The transaction.
    pub tx: TxHash,
    /// The endpoint that was asked, if one answered.
    pub endpoint: Option<String>,
    /// The block it is in, or was in last.
    pub block: Option<(BlockRef, Timestamp)>,
    /// Where that block stands.
    pub standing: BlockStanding,
    /// What is to be said of the whole.
    pub remarks: Vec<Remark>,
    /// Each transfer in it, in the order of the logs.
    pub transfers: Vec<TransferExplanation>,
}

/// Where a block stands on the chain we follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockStanding {
    /// There is none.
    Nowhere,
    /// It is ours.
    Ours,
    /// It lies so deep that its hash is not kept any more.
    Deep,
    /// Ours at this height is another one.
    Another(BlockRef),
    /// It is above the last block that was read.
    NotRead(BlockRef),
    /// It is below the first block that was read.
    BelowFirst(super::Height),
    /// The network has not been read at all.
    NoneRead,
}

impl BlockStanding {
    /// The word used in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nowhere => "nowhere",
            Self::Ours => "ours",
            Self::Deep => "deep",
            Self::Another(_) => "another",
            Self::NotRead(_) => "not_read",
            Self::BelowFirst(_) => "below_first",
            Self::NoneRead => "none_read",
        }
    }
}

/// Something to be said of a whole transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// One word for programs.
    pub reason: &'static str,
    /// A sentence.
    pub text: String,
}

/// Why one transfer is money, or is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferExplanation {
    /// The contract that wrote the log.
    pub token: Address,
    /// Its label, if it is listed.
    pub symbol: Option<String>,
    /// Its place among the token's `Transfer` logs in the transaction.
    pub ordinal: LogOrdinal,
    /// Who paid whom how much, if the log says so soundly.
    pub content: Option<TransferContent>,
    /// Owner of the recipient's address.
    pub owner: Option<AppId>,
    /// What is recorded of it.
    pub deposit: Option<Deposit>,
    /// What was checked, in this order, up to what decided.
    pub checks: Vec<Check>,
    /// What came of it.
    pub verdict: Verdict,
    /// What decided, as one word for programs.
    pub reason: &'static str,
    /// The same as a sentence.
    pub text: String,
    /// What it still waits for.
    pub missing: Option<String>,
}

/// What a transfer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferContent {
    /// Who paid.
    pub from: Address,
    /// Who was paid.
    pub to: Address,
    /// How much, in base units.
    pub amount: TokenAmount,
    /// The same for people, where the token is listed.
    pub display: Option<String>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it stands.
    pub outcome: CheckOutcome,
    /// A sentence.
    pub text: String,
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// As it must be.
    Passed,
    /// It will not become so by waiting.
    Failed,
    /// Not yet.
    Waiting,
}

/// What came of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Money stands credited.
    Credited,
    /// It will be decided later.
    Waiting,
    /// It reached somebody's address and is credited to nobody.
    Unmatched,
    /// It was credited, and that was taken back.
    Reversed,
    /// Its block left the chain before it was credited.
    Orphaned,
    /// It is none of our business, or no payment at all.
    NotADeposit,
}

impl Verdict {
    /// The word used in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Credited => "credited",
            Self::Waiting => "waiting",
            Self::Unmatched => "unmatched",
            Self::Reversed => "reversed",
            Self::Orphaned => "orphaned",
            Self::NotADeposit => "not_a_deposit",
        }
    }
}
