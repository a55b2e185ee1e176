//! TRON over the node's own HTTP interface: blocks with their transaction infos, and the solidity twin for what is final.
//!
//! A block counts only when header, transactions and infos prove that they belong together; an empty list proves
//! nothing by itself, since a node gives it for a block that it does not have. What is left unproved is a
//! [`Doubt`](super::Doubt).

mod balance;
mod blocks;
mod call;
mod decode;
mod errors;
mod header;
#[cfg(test)]
mod honest;
mod inspect;
mod jsonrpc;
mod proof;
mod receipts;
#[cfg(test)]
mod tests;
mod whole;
mod wire;

use std::sync::atomic::AtomicU64;

use self::{
    blocks::RANGE_BLOCKS_MAX,
    call::{Calls, Face},
    jsonrpc::Receipts,
};
use super::{
    ChainSource, Identity, SourceError,
    http::{EndpointUrl, HttpSettings, HttpSetupError},
};
use crate::domain::{Address, Block, Deposit, Evidence, Head, Header, Height, NetworkId, Threshold, TxHash, TxView};

/// What a network's blocks are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TronMode {
    /// The newest blocks from the node's head, what is final from its solidity twin: deposits are seen at once.
    #[default]
    HeadAndSolid,
    /// Only solidified blocks, about a minute old: no reorg, and few requests.
    Solid,
}

/// How far the block id that follows from a header is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockIds {
    /// A header with another id than its own is no header.
    Strict,
    /// It is counted.
    #[default]
    Advisory,
}

/// One endpoint of a TRON network, as configured.
#[derive(Clone, Debug)]
pub struct TronSettings {
    /// Its network.
    pub network: NetworkId,
    /// Its name in logs and metrics.
    pub name: String,
    /// Where `/wallet/…` is served.
    pub full_url: EndpointUrl,
    /// Where `/walletsolidity/…` is served; a node of one's own serves it on another port.
    pub solid_url: EndpointUrl,
    /// Where `eth_getBlockReceipts` is served; blocks are then read there, if the node knows it.
    pub jsonrpc_url: Option<EndpointUrl>,
    /// Limits of its clients, which share them.
    pub http: HttpSettings,
    /// The allow-listed contracts; at least one.
    pub tokens: Vec<Address>,
    /// What is read.
    pub mode: TronMode,
    /// How headers are checked.
    pub block_ids: BlockIds,
}

/// One endpoint of a TRON network.
#[derive(Debug)]
pub struct TronSource {
    calls: Calls,
    receipts: Option<Receipts>,
    /// Sorted, no contract twice.
    tokens: Vec<Address>,
    mode: TronMode,
    block_ids: BlockIds,
    /// Blocks the next call of a range asks for.
    range_blocks: AtomicU64,
}

impl TronSource {
    /// A source that connects when first asked.
    ///
    /// # Errors
    /// [`HttpSetupError`]: nothing a retry could help.
    pub fn new(settings: TronSettings) -> Result<Self, HttpSetupError> {
        let calls = Calls::new(&settings)?;
        let receipts = Receipts::new(&settings, &calls);
        let mut tokens = settings.tokens;
        tokens.sort_unstable();
        tokens.dedup();
        Ok(Self {
            calls,
            receipts,
            tokens,
            mode: settings.mode,
            block_ids: settings.block_ids,
            range_blocks: AtomicU64::new(RANGE_BLOCKS_MAX),
        })
    }

    /// The face that is read near the head.
    fn face(&self) -> Face {
        match self.mode {
            TronMode::HeadAndSolid => Face::Full,
            TronMode::Solid => Face::Solid,
        }
    }
}

impl ChainSource for TronSource {
    fn name(&self) -> &str {
        self.calls.name()
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        self.identity().await.map_err(|doubt| self.calls.error(doubt))
    }

    async fn head(&self) -> Result<Head, SourceError> {
        self.head_now().await.map_err(|doubt| self.calls.error(doubt))
    }

    async fn headers(&self, from: Height, to: Height) -> Result<Vec<Header>, SourceError> {
        self.headers_by_height(from, to).await.map_err(|doubt| self.calls.error(doubt))
    }

    async fn blocks(&self, from: Height, to: Height, near_head: bool) -> Result<Vec<Block>, SourceError> {
        let blocks = if near_head { self.one_by_one(from, to).await } else { self.by_range(from, to).await };
        blocks.map_err(|doubt| self.calls.error(doubt))
    }

    async fn evidence(&self, deposit: &Deposit, threshold: Threshold) -> Result<Option<Evidence>, SourceError> {
        self.evidence_of(deposit, threshold).await.map_err(|doubt| self.calls.error(doubt))
    }

    async fn decimals(&self, token: Address) -> Result<u8, SourceError> {
        self.decimals_of(token).await.map_err(|doubt| self.calls.error(doubt))
    }

    async fn inspect(&self, tx: TxHash) -> Result<TxView, SourceError> {
        self.view_of(tx).await.map_err(|doubt| self.calls.error(doubt))
    }
}
