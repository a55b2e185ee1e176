//! The way in: typed commands in one bounded queue, typed refusals back.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, mpsc, oneshot};

use crate::domain::{
    Address, App, AppId, Attempt, BlockBatch, BlockRef, Cursor, Deposit, EventId, Evidence, Header, Height, Holding,
    Millis, NetworkId, NotifyUrl, Order, OrderId, SigningKey, TokenAmount, UserMark,
};

/// Commands that may wait for the writer.
pub const QUEUE_LEN_MAX: usize = 1024;
/// What a client is told to wait when the queue is full.
pub const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Why a command changed nothing. Sorted by what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The queue is full: try again after this pause.
    #[error("the writer is busy, retry in {} ms", retry_after.as_millis())]
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The daemon is stopping: try again later; nothing is known of this command's fate.
    #[error("the daemon is stopping")]
    Stopping,
    /// The network has not been read yet, so no first height can be promised: try again later.
    #[error("network {network} has not been read yet")]
    NetworkNotReady {
        /// Which.
        network: NetworkId,
    },
    /// No such network is configured.
    #[error("network {network} is not configured")]
    UnknownNetwork {
        /// Which.
        network: NetworkId,
    },
    /// No such row.
    #[error("{what} {name:?} does not exist")]
    NotFound {
        /// Kind of row: `app`, `order`, `address`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The name is taken by something else; what is there stays as it is.
    #[error("{what} {name:?} exists with other content")]
    AlreadyExists {
        /// Kind of row.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The address belongs to another app or user, or is a watched token's contract.
    #[error("the address belongs to another app or another user mark on {network}")]
    AddressTaken {
        /// Where.
        network: NetworkId,
    },
    /// The address already waits for another order's payment.
    #[error("the address has an open order on {network}")]
    AddressBusy {
        /// Where.
        network: NetworkId,
    },
    /// The order cannot be cancelled any more: a payment has been seen.
    #[error("order {order:?} has been paid or its payment has been seen")]
    PaymentSeen {
        /// Which.
        order: OrderId,
    },
    /// A batch or evidence that does not fit what is committed: look again.
    #[error("does not fit what is committed: {0}")]
    Stale(String),
    /// The chain left us below the window, or below a final block: the network must halt.
    #[error("network {network}: the endpoints leave our chain below a final block or {window} headers, tip {tip}")]
    TooDeep {
        /// Which.
        network: NetworkId,
        /// Our tip.
        tip: BlockRef,
        /// Headers kept.
        window: u32,
    },
    /// A row's content is beyond a limit of the store.
    #[error("{0}")]
    Invalid(String),
}

/// A new order, checked at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Whose.
    pub app: AppId,
    /// The merchant's id.
    pub id: OrderId,
    /// Owner of the address.
    pub user_mark: UserMark,
    /// The payer's name.
    pub username: Option<String>,
    /// Where the payment is expected.
    pub address: Address,
    /// Networks and the token's contract on each; 1 to 8, no network twice.
    pub lines: Vec<(NetworkId, Address)>,
    /// How much, above zero.
    pub expected: TokenAmount,
    /// Told here instead of the app's URL.
    pub notify_url: Option<NotifyUrl>,
}

/// A new standing watch, checked at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWatch {
    /// Whose.
    pub app: AppId,
    /// The owner's mark.
    pub user_mark: UserMark,
    /// The address.
    pub address: Address,
    /// On these networks; 1 to 8, none twice.
    pub networks: Vec<NetworkId>,
}

/// A new secret for an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Whose.
    pub app: AppId,
    /// The new key.
    pub key: SigningKey,
    /// How long the old key still signs beside it, in milliseconds.
    pub overlap_ms: u64,
}

/// The outcome of one attempt, to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The event.
    pub event: EventId,
    /// What happened; its `number` is one above the notification's count.
    pub attempt: Attempt,
    /// When the attempt ended: delays count from here.
    pub ended: Millis,
}

/// What follows from a committed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The new progress.
    pub cursor: Cursor,
    /// Deposits at their threshold that wait for evidence.
    pub due: Vec<Deposit>,
    /// Blocks taken back by this command.
    pub orphaned_blocks: u64,
}

/// Where a command's answer goes.
pub type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// Everything that changes state.
#[derive(Debug)]
#[expect(missing_docs, reason = "each variant is the handle's method of the same name")]
pub enum Command {
    Adopt { network: NetworkId, headers: Vec<Header>, reply: Reply<Applied> },
    Apply { network: NetworkId, batch: BlockBatch, finalized: Option<BlockRef>, reply: Reply<Applied> },
    Retreat { network: NetworkId, to: BlockRef, reply: Reply<Applied> },
    Verify { network: NetworkId, evidence: Vec<Evidence>, finalized: Option<BlockRef>, reply: Reply<Applied> },
    CreateApp { app: App, reply: Reply<App> },
    RotateSecret { rotation: Rotation, reply: Reply<App> },
    RegisterOrder { order: NewOrder, reply: Reply<Order> },
    CancelOrder { app: AppId, id: OrderId, reply: Reply<Order> },
    WatchAddress { watch: NewWatch, reply: Reply<Vec<Holding>> },
    UnwatchAddress { app: AppId, network: NetworkId, address: Address, reply: Reply<Holding> },
    Settle { settlement: Settlement, reply: Reply<()> },
    Ping { reply: Reply<()> },
}

/// Sends commands to the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WriterHandle {
    queue: mpsc::Sender<Command>,
    bell: Arc<Notify>,
}

impl WriterHandle {
    /// A handle and the queue's other end.
    pub fn new() -> (Self, mpsc::Receiver<Command>) {
        let (queue, commands) = mpsc::channel(QUEUE_LEN_MAX);
        (Self { queue, bell: Arc::new(Notify::new()) }, commands)
    }

    /// Rung after every commit that put something into the outbox. Losing a ring is harmless: due rows are polled too.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    /// Commands waiting now.
    pub fn queued(&self) -> usize {
        QUEUE_LEN_MAX.saturating_sub(self.queue.capacity())
    }

    /// Begins following a network: `headers` are linked, lowest first, the last one is the first cursor.
    ///
    /// # Errors
    /// [`Refusal`], as for every method below.
    pub async fn adopt(&self, network: NetworkId, headers: Vec<Header>) -> Result<Applied, Refusal> {
        self.wait_for_room(|reply| Command::Adopt { network, headers, reply }).await
    }

    /// Commits a batch and everything it changes. `finalized` is what the node says is final, to be believed only
    /// where it lies on the committed chain.
    pub async fn apply(
        &self,
        network: NetworkId,
        batch: BlockBatch,
        finalized: Option<BlockRef>,
    ) -> Result<Applied, Refusal> {
        self.wait_for_room(|reply| Command::Apply { network, batch, finalized, reply }).await
    }

    /// Follows the chain down to `to`, a block of our window.
    pub async fn retreat(&self, network: NetworkId, to: BlockRef) -> Result<Applied, Refusal> {
        self.wait_for_room(|reply| Command::Retreat { network, to, reply }).await
    }

    /// Credits what evidence supports. With no evidence it only takes note of `finalized`.
    pub async fn verify(
        &self,
        network: NetworkId,
        evidence: Vec<Evidence>,
        finalized: Option<BlockRef>,
    ) -> Result<Applied, Refusal> {
        self.wait_for_room(|reply| Command::Verify { network, evidence, finalized, reply }).await
    }

    /// Records an attempt and what follows from it.
    pub async fn settle(&self, settlement: Settlement) -> Result<(), Refusal> {
        self.wait_for_room(|reply| Command::Settle { settlement, reply }).await
    }

    /// Answered when the writer has taken its turn: shows that it still does.
    pub async fn ping(&self) -> Result<(), Refusal> {
        self.wait_for_room(|reply| Command::Ping { reply }).await
    }

    /// Creates an app. The same content again is answered with what is there.
    pub async fn create_app(&self, app: App) -> Result<App, Refusal> {
        self.or_busy(|reply| Command::CreateApp { app, reply }).await
    }

    /// Gives an app a new signing key. The same key again changes nothing.
    pub async fn rotate_secret(&self, rotation: Rotation) -> Result<App, Refusal> {
        self.or_busy(|reply| Command::RotateSecret { rotation, reply }).await
    }

    /// Registers an order. The same content again is answered with what is there.
    pub async fn register_order(&self, order: NewOrder) -> Result<Order, Refusal> {
        self.or_busy(|reply| Command::RegisterOrder { order, reply }).await
    }

    /// Withdraws an order nobody has paid. Again is answered with what is there.
    pub async fn cancel_order(&self, app: AppId, id: OrderId) -> Result<Order, Refusal> {
        self.or_busy(|reply| Command::CancelOrder { app, id, reply }).await
    }

    /// Watches an address for good. The same again is answered with what is there.
    pub async fn watch_address(&self, watch: NewWatch) -> Result<Vec<Holding>, Refusal> {
        self.or_busy(|reply| Command::WatchAddress { watch, reply }).await
    }

    /// Ends a standing watch; the address keeps its owner.
    pub async fn unwatch_address(&self, app: AppId, network: NetworkId, address: Address) -> Result<Holding, Refusal> {
        self.or_busy(|reply| Command::UnwatchAddress { app, network, address, reply }).await
    }

    /// For clients: a full queue is said at once.
    async fn or_busy<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(command(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy { retry_after: BUSY_PAUSE },
            mpsc::error::TrySendError::Closed(_) => Refusal::Stopping,
        })?;
        answer.await.unwrap_or(Err(Refusal::Stopping))
    }

    /// For our own tasks: a full queue is waited for.
    async fn wait_for_room<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(command(reply)).await.map_err(|_| Refusal::Stopping)?;
        answer.await.unwrap_or(Err(Refusal::Stopping))
    }
}

/// First height a registration covers when our tip is at `tip`.
pub fn first_covered(tip: Height) -> Height {
    tip.next()
}
