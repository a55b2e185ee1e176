//! What may be asked of the writer, and what follows.

use std::fmt;

use crate::domain::{
    Act, Address, AmountPolicy, AppId, Attempt, Cursor, Deposit, EndpointId, EventId, Millis, NetworkId, News,
    Notification, NotificationState, NotifyUrl, OrderId, Policy, PolicyScope, Protocol, Since, StoredKey, Threshold,
    Timestamp, Token, TokenAmount, UserMark,
};
use crate::store::ToldPosition;
pub use crate::tracker::Due;

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
    /// USDTCNPAY: told here what went wrong.
    pub fail_url: Option<NotifyUrl>,
    /// A serial drawn for it; kept where the app's protocol names it.
    pub serial: Option<String>,
    /// What becomes of another amount; `None`: the app's.
    pub amount_policy: Option<AmountPolicy>,
    /// Until when it waits, by the time of blocks; `None`: for ever.
    pub expires: Option<Timestamp>,
    /// How far back a payment may lie; `None`: nothing older than the registration.
    pub since: Option<Since>,
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
    /// How far back transfers count; `None`: nothing older than the registration.
    pub since: Option<Since>,
}

/// What a person decides about one deposit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ByHand {
    /// It is not credited until it is released.
    Hold,
    /// The hold ends.
    Release,
    /// It pays this order.
    Bind(AppId, OrderId),
}

/// A new secret for an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Whose.
    pub app: AppId,
    /// The new key, sealed.
    pub key: StoredKey,
    /// How long the old key still signs beside it, in milliseconds.
    pub overlap_ms: u64,
}

/// Other rules for an app's new orders and new events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppUpdate {
    /// Whose.
    pub app: AppId,
    /// How it is told from now on, with secrets of the same form; `None`: as it is.
    pub protocol: Option<Protocol>,
    /// What it is told beside money; `None`: as it is.
    pub news: Option<News>,
    /// Where new events are told; `None`: as it is.
    pub notify_url: Option<NotifyUrl>,
    /// Hosts an order's own URL may name; `None`: as they are.
    pub notify_hosts: Option<Vec<String>>,
    /// What they do with another amount; `None`: as it is.
    pub amount_policy: Option<AmountPolicy>,
    /// Seconds they wait beyond their expiry; `None`: as it is.
    pub grace_s: Option<u32>,
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
    pub due: Vec<Due>,
    /// Blocks taken back by this command.
    pub orphaned_blocks: u64,
}

/// A rule to set or to clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyChange {
    /// The network.
    pub network: NetworkId,
    /// What the rule is for.
    pub scope: PolicyScope,
    /// What it is to ask for; `None`: the rule that was set goes.
    pub need: Option<NeedWish>,
    /// The state of the rules it was decided on ([`Policy::etag`]); `None`: whatever they are.
    pub etag: Option<String>,
    /// Only say what would follow.
    pub dry_run: bool,
    /// Who, when and why.
    pub act: Act,
}

/// What a rule is to ask for; what is not said stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NeedWish {
    /// How deep.
    pub threshold: Option<Threshold>,
    /// Whether from a second endpoint too.
    pub second_source: Option<bool>,
}

/// Some deposits, counted and added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credits {
    /// How many.
    pub count: u64,
    /// Their sums by token.
    pub sums: Vec<(Token, TokenAmount)>,
    /// The first of them.
    pub listed: Vec<Deposit>,
}

/// What follows from other rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyPreview {
    /// The network.
    pub network: NetworkId,
    /// Deposits that are credited at once, if their evidence holds.
    pub credited: Credits,
    /// Deposits that were about to be credited and wait on.
    pub held_back: Credits,
    /// The rules as they would stand.
    pub policy: Policy,
}

/// Events to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recover {
    /// Whose.
    pub app: AppId,
    /// Only of this endpoint; `None`: of all of the app's.
    pub endpoint: Option<EndpointId>,
    /// Only events committed at this time or later.
    pub since: Millis,
    /// And before this one; `None`: up to now.
    pub until: Option<Millis>,
    /// Whether acknowledged ones are sent once more too, and not only dead letters.
    pub delivered_too: bool,
    /// Where the step of the same ask before this one ended; `None`: the first step.
    pub after: Option<ToldPosition>,
}

impl Recover {
    /// Whether this row is meant.
    pub fn covers(&self, row: &Notification) -> bool {
        let is_state = match row.state {
            NotificationState::DeadLetter(_) => true,
            NotificationState::Delivered(_) => self.delivered_too,
            NotificationState::Waiting
            | NotificationState::Due(_)
            | NotificationState::Resend { .. }
            | NotificationState::Silent(_)
            | NotificationState::Untold(_)
            | NotificationState::Closed(_) => false,
        };
        is_state
            && row.app == self.app
            && self.endpoint.is_none_or(|endpoint| row.endpoint() == endpoint)
            && self.since <= row.created
            && self.until.is_none_or(|until| row.created < until)
    }
}

impl fmt::Display for Recover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "app {}", self.app)?;
        if let Some(endpoint) = self.endpoint {
            write!(f, " endpoint {endpoint}")?;
        }
        write!(f, " since {}", self.since.seconds())?;
        if let Some(until) = self.until {
            write!(f, " until {}", until.seconds())?;
        }
        if self.delivered_too { f.write_str(", delivered ones too") } else { Ok(()) }
    }
}

/// What a step of [`Recover`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Events put back.
    pub count: usize,
    /// Where the next step begins; `None`: that was all.
    pub next: Option<ToldPosition>,
}
