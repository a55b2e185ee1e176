//! The seam to the nodes: what the chain says of a transaction, asked when somebody wants it explained.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::domain::{NetworkId, TxHash, TxView};

/// Asks the nodes of a network. An error is a sentence for people, without secrets.
pub trait ChainDesk: Send + Sync {
    /// What the first node says that has the transaction; see [`TxView`].
    fn inspect<'a>(&'a self, network: &'a NetworkId, tx: TxHash) -> BoxFuture<'a, Result<TxView, String>>;
}

/// A desk that is shared.
pub type Desk = Arc<dyn ChainDesk>;
