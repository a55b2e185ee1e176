//! TRON over the node's own HTTP interface: blocks with their transaction infos, and the solidity twin for what is final.
//!
//! A block counts only when header, transactions and infos prove that they belong together; an empty list proves
//! nothing by itself, since a node gives it for a block that it does not have. What is left unproved is a [`Doubt`].

use super::{
    ChainSource, Doubt, Identity, SourceError,
    http::{EndpointUrl, HttpSettings, HttpSetupError},
};
use crate::domain::{Address, Block, Deposit, Evidence, Head, Header, Height, NetworkId, Threshold};

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
    settings: TronSettings,
}

impl TronSource {
    /// A source that connects when first asked.
    ///
    /// # Errors
    /// [`HttpSetupError`]: nothing a retry could help.
    pub fn new(settings: TronSettings) -> Result<Self, HttpSetupError> {
        Ok(Self { settings })
    }

    fn error(&self, doubt: Doubt) -> SourceError {
        SourceError { network: self.settings.network.clone(), endpoint: self.settings.name.clone(), doubt }
    }

    fn unread(&self) -> SourceError {
        self.error(Doubt::Transport("TRON is not read yet".to_owned()))
    }
}

impl ChainSource for TronSource {
    fn name(&self) -> &str {
        &self.settings.name
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Err(self.unread())
    }

    async fn head(&self) -> Result<Head, SourceError> {
        Err(self.unread())
    }

    async fn headers(&self, _: Height, _: Height) -> Result<Vec<Header>, SourceError> {
        Err(self.unread())
    }

    async fn blocks(&self, _: Height, _: Height, _: bool) -> Result<Vec<Block>, SourceError> {
        Err(self.unread())
    }

    async fn evidence(&self, _: &Deposit, _: Threshold) -> Result<Option<Evidence>, SourceError> {
        Err(self.unread())
    }

    async fn decimals(&self, _: Address) -> Result<u8, SourceError> {
        Err(self.unread())
    }
}
