//! The seams to the nodes and to the notifier: what the chain says of a transaction, and what a receiver says to a test.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use crate::domain::{App, Attempt, EventId, Millis, NetworkId, Notification, TxHash, TxView};

/// Asks the nodes of a network. An error is a sentence for people, without secrets.
pub trait ChainDesk: Send + Sync {
    /// What the first node says that has the transaction; see [`TxView`].
    fn inspect<'a>(&'a self, network: &'a NetworkId, tx: TxHash) -> BoxFuture<'a, Result<TxView, String>>;
}

/// A desk that is shared.
pub type Desk = Arc<dyn ChainDesk>;

/// The seam to the notifier's client: posts one test, at once and once.
pub trait Postman: Send + Sync {
    /// Posts a test of this id to the app's own URL: its row, the attempt, and when that ended. What went wrong is the
    /// attempt's outcome. `None`: the app's protocol knows no test, and nothing was sent.
    fn test<'a>(&'a self, event: EventId, app: &'a App) -> BoxFuture<'a, Option<(Notification, Attempt, Millis)>>;
}

/// Tests on their way at once: each holds a connection to somebody else's host.
const TESTS_MAX: usize = 4;

/// Tests on their way. One whose caller has gone is recorded all the same.
pub(super) struct Tests {
    room: Arc<Semaphore>,
    running: Mutex<JoinSet<()>>,
}

impl Default for Tests {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(TESTS_MAX)), running: Mutex::new(JoinSet::new()) }
    }
}

impl Tests {
    /// A place for one more; `None`: there are enough.
    pub(super) fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// Runs one to its end.
    pub(super) fn run(&self, test: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn(test);
    }
}
