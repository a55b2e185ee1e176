//! gRPC: convert, authorise, answer.
//!
//! A call passes `door` (who calls, may they, how long), is turned into words of the domain by `convert`, goes to
//! the writer or reads durable rows, and comes back through `answer`. Every error leaves as a `status::Problem`,
//! so every error carries its ErrorInfo.

mod addresses;
mod answer;
mod apps;
mod audit;
mod auth;
mod connect;
mod convert;
mod deliveries;
mod deposits;
mod desk;
mod door;
mod endpoints;
mod events;
mod explain;
mod govern;
mod listen;
mod networks;
mod notify_url;
mod orders;
mod page;
mod policy;
pub mod proto;
pub mod recheck;
mod reconcile;
mod registrations;
mod scans;
mod server;
mod status;
mod streams;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{LaneBoard, SpecBoard, StatusBoard, TokenGrant},
    store::{Reader, StoreError},
    vault::Vault,
    writer::handle::WriterHandle,
};

pub use connect::{Bearer, ConnectError, connect};
pub use desk::{ChainDesk, Desk, Postman};
pub use listen::{ApiError, Listeners};
pub use notify_url::UrlCheck;
pub use server::serve;

use self::{desk::Tests, page::Pager, recheck::RecheckDesk, status::Problem};

/// What the services work with.
pub struct ApiDeps {
    /// Durable rows.
    pub reader: Reader,
    /// The way to change anything.
    pub writer: WriterHandle,
    /// The configured networks.
    pub networks: SpecBoard,
    /// What followers publish.
    pub board: StatusBoard,
    /// Decides which notify URLs may be registered.
    pub url_check: UrlCheck,
    /// Asks the nodes when somebody wants a transaction explained.
    pub desk: Desk,
    /// Posts tests.
    pub postman: Arc<dyn Postman>,
    /// Seals signing keys before they are stored.
    pub vault: Arc<Vault>,
    /// What the notifier says of its lanes.
    pub lanes: LaneBoard,
    /// Who may call over TCP.
    pub tokens: Vec<TokenGrant>,
    /// The way to what a single endpoint says, for comparisons.
    pub recheck: Arc<dyn RecheckDesk>,
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

/// Explanations at once. Each asks the nodes a few questions, of which their providers may count every one.
const EXPLANATIONS_MAX: usize = 4;

/// All services; each file implements one of the generated traits.
#[derive(Clone)]
struct Api(Arc<Core>);

/// What they share.
struct Core {
    reader: Reader,
    writer: WriterHandle,
    networks: SpecBoard,
    board: StatusBoard,
    url_check: UrlCheck,
    desk: Desk,
    postman: Arc<dyn Postman>,
    vault: Arc<Vault>,
    lanes: LaneBoard,
    pager: Pager,
    reads: Arc<Semaphore>,
    recheck: Arc<dyn RecheckDesk>,
    /// One comparison at a time.
    rechecking: Arc<Semaphore>,
    /// Ends streams.
    stop: CancellationToken,
    explanations: Arc<Semaphore>,
    /// Tests of endpoints on their way.
    tests: Tests,
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
