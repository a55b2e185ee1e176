//! The words: what every other module speaks about.
//!
//! Nothing here does IO, reads a clock or draws a random number. `clock` is the one exception: it is where
//! the daemon's shells read the time, so that the rest never has to.

pub mod access;
pub mod address;
pub mod amount;
pub mod app;
pub mod batch;
pub mod chain;
pub mod clock;
pub mod deposit;
pub mod egress;
pub mod event;
pub mod finality;
pub mod network;
pub mod notification;
pub mod order;
pub mod status;
pub mod token;

pub use access::{Scope, TokenGrant};
pub use address::{Address, AddressError};
pub use amount::{AmountError, Decimals, TokenAmount};
pub use app::{App, AppId, NotifyUrl, Protocol, SigningKey, UserMark};
pub use batch::{Block, BlockBatch, BrokenLink, Header};
pub use chain::{BlockHash, BlockRef, Cursor, Family, Head, Height, NetworkId, TxHash};
pub use clock::{Millis, Timestamp};
pub use deposit::{Deposit, DepositId, DepositState, Evidence, LogOrdinal, Reason, Transfer};
pub use egress::{Cidr, EgressPolicy};
pub use event::{DepositEvent, EventId, EventKind, EventVersion};
pub use finality::{Confirmations, Depth, FinalityPolicy, Standing, Threshold};
pub use network::NetworkSpec;
pub use notification::{Attempt, AttemptNo, Notification, NotificationState, Outcome, Verdict};
pub use order::{Holding, Order, OrderId, OrderLine, OrderState, Watch};
pub use status::{Conditions, NetworkState, NetworkStatus, StallLimits, StatusBoard};
pub use token::{Token, TokenId};
