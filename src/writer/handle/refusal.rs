//! Why a command changed nothing.

use std::time::Duration;

use crate::domain::{BlockRef, NetworkId, OrderId, Timestamp};

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
    /// The order would have expired before it begins: blocks are younger already.
    #[error("expire_time must be later than {newest}, the time of the newest block of {network}")]
    ExpiryPassed {
        /// Where.
        network: NetworkId,
        /// The newest block's time there.
        newest: Timestamp,
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
    /// Rules that cannot stand together.
    #[error("network {network}: {}", problems.join("; "))]
    PolicyUnsound {
        /// Which.
        network: NetworkId,
        /// Everything that is wrong.
        problems: Vec<String>,
    },
    /// What is there does not allow it.
    #[error("{0}")]
    Precondition(String),
    /// A row's content is beyond a limit of the store.
    #[error("{0}")]
    Invalid(String),
}
