//! gRPC: convert, authorise, answer.
//!
//! A call passes `door` (who calls, may they, how long), is turned into words of the domain by `convert`, goes to
//! the writer or reads durable rows, and comes back through `answer`. Every error leaves as a `status::Problem`,
//! so every error carries its ErrorInfo.

mod addresses;
mod answer;
mod apps;
mod auth;
mod connect;
mod convert;
mod deposits;
mod door;
mod listen;
mod networks;
mod notify_url;
mod orders;
mod page;
pub mod proto;
mod server;
mod status;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    domain::{NetworkId, NetworkSpec, StatusBoard, TokenGrant},
    store::{Reader, StoreError},
    writer::handle::WriterHandle,
};

pub use connect::{Bearer, ConnectError, connect};
pub use listen::{ApiError, Listeners};
pub use notify_url::UrlCheck;
pub use server::serve;

use self::{page::Pager, status::Problem};

/// What the services work with.
pub struct ApiDeps {
    /// Durable rows.
    pub reader: Reader,
    /// The way to change anything.
    pub writer: WriterHandle,
    /// The configured networks.
    pub networks: Arc<BTreeMap<NetworkId, NetworkSpec>>,
    /// What followers publish.
    pub board: StatusBoard,
    /// Decides which notify URLs may be registered.
    pub url_check: UrlCheck,
    /// Who may call over TCP.
    pub tokens: Vec<TokenGrant>,
}

impl fmt::Debug for ApiDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiDeps")
            .field("networks", &self.networks)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

/// All services; each file implements one of the generated traits.
#[derive(Clone)]
struct Api(Arc<Core>);

/// What they share.
struct Core {
    reader: Reader,
    writer: WriterHandle,
    networks: Arc<BTreeMap<NetworkId, NetworkSpec>>,
    board: StatusBoard,
    url_check: UrlCheck,
    pager: Pager,
}

impl Api {
    /// Waits for a read of the store off the runtime's threads: reads wait for commits on their way to disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let reader = self.0.reader.clone();
        match tokio::task::spawn_blocking(move || read(&reader)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(Problem::store(&error)),
            Err(_) => Err(Problem::stopping()),
        }
    }
}
