//! Adapters behind one trait. A source is an untrusted narrator: what it says is checked by its adapter, compared with
//! other endpoints by [`pool::Pool`], and changes nothing while in doubt.

pub mod evm;
mod hexed;
pub mod http;
pub mod jsonrpc;
pub mod node;
pub mod pool;
#[cfg(test)]
mod scripted;
mod transfer_log;
pub mod tron;

use std::future::Future;

use crate::domain::{
    Address, Block, BlockHash, Deposit, Evidence, Head, Header, Height, NetworkId, Threshold, TokenAmount, TxHash,
    TxView,
};

/// What a node is: compared with the configuration on connect, on reconnect and periodically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The chain id it reports.
    pub chain_id: u64,
    /// Hash of its block 0.
    pub genesis: BlockHash,
}

/// What the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Ask the same endpoint again after a pause: it is only behind.
    Wait,
    /// Ask another endpoint and rest this one.
    NextEndpoint,
    /// Stop this network: no endpoint can help, a person must look.
    Halt,
}

/// Why a source gave no usable answer. Nothing is changed by it but a metric.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{network}, endpoint {endpoint}: {doubt}")]
pub struct SourceError {
    /// Which network.
    pub network: NetworkId,
    /// Which endpoint, by its configured name.
    pub endpoint: String,
    /// What was wrong.
    pub doubt: Doubt,
}

/// Each way an answer can fail to be proved, by the word used in metrics and logs.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Doubt {
    /// No answer in time, connection refused, TLS, broken body.
    #[error("no answer: {0}")]
    Transport(String),
    /// 429, quota, 5xx: rest it, at least so long if it said so.
    #[error("asked to slow down: {what}")]
    Throttled {
        /// Status or text.
        what: String,
        /// Milliseconds it asked for.
        retry_after_ms: Option<u64>,
    },
    /// Not what the protocol allows: HTML, cut JSON, wrong id, null, malformed numbers.
    #[error("malformed answer to {method}: {what}")]
    Malformed {
        /// The call.
        method: &'static str,
        /// What was wrong.
        what: String,
    },
    /// An error answer of the node.
    #[error("{method} failed with {code}: {message}")]
    Refused {
        /// The call.
        method: &'static str,
        /// JSON-RPC code; of plain HTTP the status.
        code: i64,
        /// Its text, cut and cleaned.
        message: String,
    },
    /// The answer is too large for one call: ask for less.
    #[error("too many results")]
    TooManyResults,
    /// A block it does not have, or not yet.
    #[error("block {0} is not there")]
    Missing(Height),
    /// Logs of another block, contract, address or topic; duplicates that differ.
    #[error("foreign log: {0}")]
    ForeignLog(String),
    /// No logs, though the header's bloom says there are some.
    #[error("empty answer against the bloom of block {0}")]
    EmptyAgainstBloom(Height),
    /// Fewer logs than another endpoint has for the same block hash.
    #[error("omitted logs of block {0} that another endpoint proves")]
    OmittedLogs(Height),
    /// Parts of a block that do not belong together: fewer infos than transactions, infos of another branch, an empty
    /// list for a block that has transactions.
    #[error("block {height} is not whole: {what}")]
    Incomplete {
        /// The block.
        height: Height,
        /// What does not fit.
        what: String,
    },
    /// Two endpoints say different things about the same height.
    #[error("endpoints disagree: {0}")]
    Disagreement(String),
    /// Its head is below what is verified.
    #[error("head {head} is behind {verified}")]
    Lagging {
        /// What it claims.
        head: Height,
        /// What is verified.
        verified: Height,
    },
    /// It serves another network.
    #[error("serves another chain: {0}")]
    OtherChain(String),
    /// Headers that do not link.
    #[error("headers do not link: {0}")]
    BrokenChain(String),
}

impl Doubt {
    /// What the caller does next. A pool follows it for each endpoint; what comes out of a pool is its last word.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Missing(_) | Self::Disagreement(_) | Self::Lagging { .. } => Advice::Wait,
            Self::Transport(_)
            | Self::Throttled { .. }
            | Self::Malformed { .. }
            | Self::Refused { .. }
            | Self::TooManyResults
            | Self::ForeignLog(_)
            | Self::EmptyAgainstBloom(_)
            | Self::OmittedLogs(_)
            | Self::Incomplete { .. }
            | Self::BrokenChain(_) => Advice::NextEndpoint,
            Self::OtherChain(_) => Advice::Halt,
        }
    }

    /// The word used as a metric label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Transport(_) => "transport",
            Self::Throttled { .. } => "throttled",
            Self::Malformed { .. } => "malformed",
            Self::Refused { .. } => "refused",
            Self::TooManyResults => "too_many_results",
            Self::Missing(_) => "missing",
            Self::ForeignLog(_) => "foreign_log",
            Self::EmptyAgainstBloom(_) => "empty_against_bloom",
            Self::OmittedLogs(_) => "omitted_logs",
            Self::Incomplete { .. } => "incomplete",
            Self::Disagreement(_) => "disagreement",
            Self::Lagging { .. } => "lagging",
            Self::OtherChain(_) => "other_chain",
            Self::BrokenChain(_) => "broken_chain",
        }
    }
}

/// Where blocks come from. The source is not trusted: two calls may describe two histories, and callers prove linkage
/// with [`crate::domain::BlockBatch::link`]. Every method either returns something checked for itself, or a [`Doubt`].
pub trait ChainSource: Send + Sync + 'static {
    /// Its configured name, for logs and metrics; never its URL.
    fn name(&self) -> &str;

    /// Chain id and genesis hash.
    fn identify(&self) -> impl Future<Output = Result<Identity, SourceError>> + Send;

    /// What it claims now.
    fn head(&self) -> impl Future<Output = Result<Head, SourceError>> + Send;

    /// Headers `from..=to`, lowest first, linked to each other. A height it does not have is [`Doubt::Missing`].
    fn headers(&self, from: Height, to: Height) -> impl Future<Output = Result<Vec<Header>, SourceError>> + Send;

    /// Blocks `from..=to` with all their transfers, lowest first, linked to each other. `near_head`: by block hash, one
    /// by one; otherwise by range. A height it does not have is [`Doubt::Missing`].
    fn blocks(
        &self,
        from: Height,
        to: Height,
        near_head: bool,
    ) -> impl Future<Output = Result<Vec<Block>, SourceError>> + Send;

    /// The receipt of a deposit's transaction, read again: `Ok(None)` if the node does not have the transaction in a
    /// block, or it failed, or the log is not there any more. `threshold` is what the credit rests on: where it is the
    /// network's word "final", the answer comes from what the node itself calls final, if it keeps that apart.
    fn evidence(
        &self,
        deposit: &Deposit,
        threshold: Threshold,
    ) -> impl Future<Output = Result<Option<Evidence>, SourceError>> + Send;

    /// What the token's contract says about its decimals.
    fn decimals(&self, token: Address) -> impl Future<Output = Result<u8, SourceError>> + Send;

    /// What it says of one transaction, to explain it. A source that keeps no transactions knows none.
    fn inspect(&self, tx: TxHash) -> impl Future<Output = Result<TxView, SourceError>> + Send {
        std::future::ready(Ok(TxView::unknown(tx, self.name())))
    }
}

/// A source that also tells balances. They prove nothing, and nothing is decided by them: they are shown to people.
pub trait BalanceSource: ChainSource {
    /// How much of `token` the address has now, in base units, as the token's contract says.
    fn balance(
        &self,
        token: Address,
        address: Address,
    ) -> impl Future<Output = Result<TokenAmount, SourceError>> + Send;
}
