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

use tokio::sync::Semaphore;

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

/// Reads of the store at once. They run on threads that the notifier's reads need too, and a read whose caller has gone
/// away goes on: it keeps its place until it is over, and the others wait where they can still be called off.
const READS_MAX: usize = 64;

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
    reads: Arc<Semaphore>,
}

impl Api {
    /// Waits for a read of the store off the runtime's threads: reads wait for commits on their way to disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let reader = self.0.reader.clone();
        let place = Arc::clone(&self.0.reads).acquire_owned().await.map_err(|_| Problem::stopping())?;
        let work = move || {
            let _place = place;
            read(&reader)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(Problem::store(&error)),
            Err(_) => Err(Problem::stopping()),
        }
    }
}
