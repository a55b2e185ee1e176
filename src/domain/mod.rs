//! The words: what every other module speaks about.
//!
//! Nothing here does IO, reads a clock or draws a random number. `clock` is the one exception: it is where
//! the daemon's shells read the time, so that the rest never has to.

pub mod access;
pub mod address;
pub mod amount;
pub mod app;
pub mod audit;
pub mod batch;
pub mod chain;
pub mod clock;
pub mod deposit;
pub mod egress;
pub mod endpoint;
pub mod event;
pub mod explain;
pub mod finality;
pub mod network;
pub mod notification;
pub mod order;
pub mod policy;
pub mod protocol;
pub mod recheck;
pub mod scan;
pub mod secret;
pub mod status;
pub mod token;

pub use access::{Scope, TokenGrant};
pub use address::{Address, AddressError};
pub use amount::{AmountError, Decimals, TokenAmount};
pub use app::{App, AppId, News, NotifyUrl, UserMark};
pub use audit::{Action, AuditRecord};
pub use batch::{Block, BlockBatch, BrokenLink, Header};
pub use chain::{BlockHash, BlockRef, Cursor, Family, Head, Height, NetworkId, TxHash};
pub use clock::{Millis, Timestamp};
pub use deposit::{Deposit, DepositId, DepositState, Evidence, LogOrdinal, Reason, Transfer};
pub use egress::{Cidr, EgressPolicy, EgressProxy};
pub use endpoint::{Endpoint, EndpointId, LaneBoard, LaneStatus, Parked, WhyParked};
pub use event::{DepositEvent, Event, EventId, EventKind, EventVersion, OrderEvent, OrderEventKind};
pub use explain::{Explanation, TxView};
pub use finality::{Confirmations, Depth, Standing, Threshold};
pub use network::{NetworkSpec, SpecBoard};
pub use notification::{
    Attempt, AttemptNo, EventPlace, Notification, NotificationState, Outcome, Silence, Trade, Trigger, Verdict,
};
pub use order::{AmountPolicy, Expiry, Holding, Order, OrderId, OrderLine, OrderState, Since, Watch};
pub use policy::{Act, Need, Origin, Policy, PolicyOverride, Scope as PolicyScope, TierFrom};
pub use protocol::{Protocol, V1Format, V1Scheme, V2Sign};
pub use scan::{Scan, ScanTarget};
pub use secret::{LiveKey, SealedKey, SigningKey, StoredKey};
pub use status::{Conditions, HeldCredit, NetworkState, NetworkStatus, StallLimits, StatusBoard, WhyHeld};
pub use token::{Token, TokenId};
