//! What the API needs of the endpoints to compare the store with the chain: a seam, so that it knows no adapter.

use std::fmt;

use futures::future::BoxFuture;

use super::desk::ChainDesk;
use crate::domain::{Address, Block, Head, Height, NetworkId, TokenAmount, TxHash, TxView};

/// One endpoint of one network, by its configured name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// The network.
    pub network: NetworkId,
    /// The endpoint.
    pub endpoint: String,
}

/// Why an endpoint gave no usable answer, for people: it names the network and the endpoint, never a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// Asks one endpoint alone, whatever the others say.
pub trait RecheckDesk: Send + Sync + fmt::Debug + 'static {
    /// The endpoints of a network, the preferred first; empty for a network that is not configured.
    fn endpoints(&self, network: &NetworkId) -> Vec<String>;

    /// Its newest blocks.
    fn head(&self, voice: &Voice) -> BoxFuture<'static, Result<Head, NoAnswer>>;

    /// Blocks `from..=to`, lowest first, linked to each other.
    fn blocks(&self, voice: &Voice, from: Height, to: Height) -> BoxFuture<'static, Result<Vec<Block>, NoAnswer>>;

    /// How much of `token` the address has now, in base units.
    fn balance(
        &self,
        voice: &Voice,
        token: Address,
        address: Address,
    ) -> BoxFuture<'static, Result<TokenAmount, NoAnswer>>;
}

/// A desk without endpoints: for an API that is served without following anything, as in benchmarks.
#[derive(Clone, Copy, Debug)]
pub struct NobodyToAsk;

impl ChainDesk for NobodyToAsk {
    fn inspect<'a>(&'a self, _: &'a NetworkId, tx: TxHash) -> BoxFuture<'a, Result<TxView, String>> {
        Box::pin(async move { Ok(TxView::unknown(tx, "nobody")) })
    }
}

impl RecheckDesk for NobodyToAsk {
    fn endpoints(&self, _: &NetworkId) -> Vec<String> {
        Vec::new()
    }

    fn head(&self, _: &Voice) -> BoxFuture<'static, Result<Head, NoAnswer>> {
        Box::pin(async { Err(NoAnswer("nobody".to_owned())) })
    }

    fn blocks(&self, _: &Voice, _: Height, _: Height) -> BoxFuture<'static, Result<Vec<Block>, NoAnswer>> {
        Box::pin(async { Err(NoAnswer("nobody".to_owned())) })
    }

    fn balance(&self, _: &Voice, _: Address, _: Address) -> BoxFuture<'static, Result<TokenAmount, NoAnswer>> {
        Box::pin(async { Err(NoAnswer("nobody".to_owned())) })
    }
}
