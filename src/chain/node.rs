//! One endpoint, whatever its network's family: what a network is read through once it is configured.

use super::{BalanceSource, ChainSource, Identity, SourceError, evm::EvmSource, tron::TronSource};
use crate::domain::{Address, Block, Deposit, Evidence, Head, Header, Height, Threshold, TokenAmount, TxHash, TxView};

/// An endpoint of either family.
#[derive(Debug)]
pub enum Node {
    /// Ethereum and its kind.
    Evm(Box<EvmSource>),
    /// TRON.
    Tron(Box<TronSource>),
}

/// Asks the one that is there.
macro_rules! of_either {
    ($node:expr, $source:ident => $answer:expr) => {
        match $node {
            Node::Evm($source) => $answer,
            Node::Tron($source) => $answer,
        }
    };
}

impl ChainSource for Node {
    fn name(&self) -> &str {
        of_either!(self, source => source.name())
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        of_either!(self, source => source.identify().await)
    }

    async fn head(&self) -> Result<Head, SourceError> {
        of_either!(self, source => source.head().await)
    }

    async fn headers(&self, from: Height, to: Height) -> Result<Vec<Header>, SourceError> {
        of_either!(self, source => source.headers(from, to).await)
    }

    async fn blocks(&self, from: Height, to: Height, near_head: bool) -> Result<Vec<Block>, SourceError> {
        of_either!(self, source => source.blocks(from, to, near_head).await)
    }

    async fn evidence(&self, deposit: &Deposit, threshold: Threshold) -> Result<Option<Evidence>, SourceError> {
        of_either!(self, source => source.evidence(deposit, threshold).await)
    }

    async fn decimals(&self, token: Address) -> Result<u8, SourceError> {
        of_either!(self, source => source.decimals(token).await)
    }

    async fn inspect(&self, tx: TxHash) -> Result<TxView, SourceError> {
        of_either!(self, source => source.inspect(tx).await)
    }
}

impl BalanceSource for Node {
    async fn balance(&self, token: Address, address: Address) -> Result<TokenAmount, SourceError> {
        of_either!(self, source => source.balance(token, address).await)
    }
}
