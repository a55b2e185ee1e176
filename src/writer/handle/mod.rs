//! The way in: typed commands in one bounded queue, typed refusals back.

mod asks;
mod import;
mod past;
mod refusal;
mod telling;

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};

pub use self::{
    asks::{
        AppUpdate, Applied, ByHand, Credits, Due, NeedWish, NewOrder, NewWatch, PolicyChange, PolicyPreview, Recover,
        Recovered, Rotation, Settlement,
    },
    import::{ImportRecord, ImportRun, ImportVerdict},
    past::{Reanchored, Resume, Resumption, ScanWork},
    refusal::Refusal,
};
use super::Bell;
use crate::domain::{
    Act, Address, App, AppId, Attempt, Block, BlockBatch, BlockRef, Deposit, DepositId, Endpoint, EndpointId, EventId,
    Evidence, Explanation, Header, Height, Holding, Millis, NetworkId, NetworkSpec, Notification, Order, OrderId, Scan,
    Timestamp, TxHash, TxView,
};

/// Commands that may wait for the writer.
pub const QUEUE_LEN_MAX: usize = 1024;
/// What a client is told to wait when the queue is full.
pub const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Deposits handed out for verification at once, per network.
pub const DUE_LEN_MAX: usize = 64;

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
    CreateApp { app: App, act: Act, reply: Reply<App> },
    UpdateApp { update: AppUpdate, act: Act, reply: Reply<App> },
    RotateSecret { rotation: Rotation, act: Act, reply: Reply<App> },
    RegisterOrder { order: NewOrder, reply: Reply<Order> },
    CancelOrder { app: AppId, id: OrderId, reply: Reply<Order> },
    WatchAddress { watch: NewWatch, reply: Reply<Vec<Holding>> },
    UnwatchAddress { app: AppId, network: NetworkId, address: Address, reply: Reply<Holding> },
    ReleaseAddress { network: NetworkId, address: Address, act: Act, reply: Reply<Holding> },
    ByHand { deposit: DepositId, wish: ByHand, act: Act, reply: Reply<Deposit> },
    Settle { settlement: Settlement, reply: Reply<()> },
    Resend { event: EventId, act: Act, reply: Reply<Notification> },
    Recover { ask: Recover, act: Act, reply: Reply<Recovered> },
    CloseDelivery { event: EventId, act: Act, reply: Reply<Notification> },
    ParkEndpoint { endpoint: EndpointId, act: Act, reply: Reply<Endpoint> },
    ResumeEndpoint { endpoint: EndpointId, act: Act, reply: Reply<Endpoint> },
    RecordTest { row: Box<Notification>, attempt: Attempt, ended: Millis, act: Act, reply: Reply<()> },
    ChangePolicy { change: PolicyChange, reply: Reply<PolicyPreview> },
    Reload { specs: Vec<NetworkSpec>, dry_run: bool, act: Act, reply: Reply<Vec<PolicyPreview>> },
    Scans { network: NetworkId, len: u64, reply: Reply<ScanWork> },
    ResolveScans { network: NetworkId, time: Timestamp, first: Option<Height>, reply: Reply<()> },
    ApplyScan { network: NetworkId, blocks: Vec<Block>, reply: Reply<Applied> },
    Rescan { network: NetworkId, from: Height, to: Height, act: Act, reply: Reply<Scan> },
    Resume { network: NetworkId, how: Resume, act: Act, reply: Reply<Option<Height>> },
    Resumption { network: NetworkId, reply: Reply<Option<Resumption>> },
    Reanchor { network: NetworkId, header: Header, after: Option<DepositId>, reply: Reply<Reanchored> },
    Explain { network: NetworkId, tx: TxHash, view: Box<Result<TxView, String>>, reply: Reply<Explanation> },
    Import { records: Vec<ImportRecord>, dry_run: bool, reply: Reply<Vec<ImportVerdict>> },
    FinishImport { run: ImportRun, reply: Reply<()> },
    Ping { reply: Reply<()> },
}

/// Sends commands to the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WriterHandle {
    queue: mpsc::Sender<Command>,
    bell: Arc<Bell>,
    commits: Arc<watch::Sender<u64>>,
    renewals: Arc<watch::Sender<u64>>,
}

impl WriterHandle {
    /// A handle and the queue's other end.
    pub fn new() -> (Self, mpsc::Receiver<Command>) {
        let (queue, commands) = mpsc::channel(QUEUE_LEN_MAX);
        let (commits, renewals) = (Arc::new(watch::Sender::new(0)), Arc::new(watch::Sender::new(0)));
        (Self { queue, bell: Arc::new(Bell::default()), commits, renewals }, commands)
    }

    /// Says after every commit that there was one, by its sequence number: for those who wait for news.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// The sending side of [`WriterHandle::commits`].
    pub(super) fn commit_teller(&self) -> Arc<watch::Sender<u64>> {
        Arc::clone(&self.commits)
    }

    /// Changes after every commit that may have made deposits due without a new block: rules were set or read again,
    /// holds were taken off. Followers then ask again.
    pub fn renewals(&self) -> watch::Receiver<u64> {
        self.renewals.subscribe()
    }

    /// The sending side of [`WriterHandle::renewals`].
    pub(super) fn renewal_teller(&self) -> Arc<watch::Sender<u64>> {
        Arc::clone(&self.renewals)
    }

    /// Rung after every commit that put something into the outbox.
    pub fn bell(&self) -> Arc<Bell> {
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
    pub async fn create_app(&self, app: App, act: Act) -> Result<App, Refusal> {
        self.or_busy(|reply| Command::CreateApp { app, act, reply }).await
    }

    /// Changes what an app's new orders do. The same again changes nothing.
    pub async fn update_app(&self, update: AppUpdate, act: Act) -> Result<App, Refusal> {
        self.or_busy(|reply| Command::UpdateApp { update, act, reply }).await
    }

    /// Gives an app a new signing key. The same key again changes nothing.
    pub async fn rotate_secret(&self, rotation: Rotation, act: Act) -> Result<App, Refusal> {
        self.or_busy(|reply| Command::RotateSecret { rotation, act, reply }).await
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

    /// Takes an address from its owner; the answer is how it stood before.
    pub async fn release_address(&self, network: NetworkId, address: Address, act: Act) -> Result<Holding, Refusal> {
        self.or_busy(|reply| Command::ReleaseAddress { network, address, act, reply }).await
    }

    /// Holds a deposit, releases it, or binds it to an order; the answer is the deposit as it stands then.
    pub async fn by_hand(&self, deposit: DepositId, wish: ByHand, act: Act) -> Result<Deposit, Refusal> {
        self.or_busy(|reply| Command::ByHand { deposit, wish, act, reply }).await
    }

    /// Sets or clears a rule, or says what that would do.
    pub async fn change_policy(&self, change: PolicyChange) -> Result<PolicyPreview, Refusal> {
        self.or_busy(|reply| Command::ChangePolicy { change, reply }).await
    }

    /// Takes over rules and token minimums as they are configured now, all networks or none.
    pub async fn reload(
        &self,
        specs: Vec<NetworkSpec>,
        dry_run: bool,
        act: Act,
    ) -> Result<Vec<PolicyPreview>, Refusal> {
        self.wait_for_room(|reply| Command::Reload { specs, dry_run, act, reply }).await
    }

    /// Says why a transaction is money, or is not. `view` is what a node says of it, or why none does. Changes nothing.
    pub async fn explain(
        &self,
        network: NetworkId,
        tx: TxHash,
        view: Result<TxView, String>,
    ) -> Result<Explanation, Refusal> {
        let view = Box::new(view);
        self.or_busy(|reply| Command::Explain { network, tx, view, reply }).await
    }

    /// Takes back what was registered elsewhere; one verdict for each record. A full queue is waited for: an import is
    /// long and can be slow.
    pub async fn import(&self, records: Vec<ImportRecord>, dry_run: bool) -> Result<Vec<ImportVerdict>, Refusal> {
        self.wait_for_room(|reply| Command::Import { records, dry_run, reply }).await
    }

    /// Writes an import into the audit log.
    pub async fn finish_import(&self, run: ImportRun) -> Result<(), Refusal> {
        self.or_busy(|reply| Command::FinishImport { run, reply }).await
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
