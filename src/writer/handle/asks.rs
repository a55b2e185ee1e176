//! What may be asked of the writer, and what follows.

use crate::domain::{
    Act, Address, AmountPolicy, AppId, Attempt, Cursor, Deposit, EventId, Millis, NetworkId, NotifyUrl, OrderId,
    Policy, PolicyScope, SigningKey, Since, Threshold, Timestamp, Token, TokenAmount, UserMark,
};
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
    /// The new key.
    pub key: SigningKey,
    /// How long the old key still signs beside it, in milliseconds.
    pub overlap_ms: u64,
}

/// Other rules for an app's new orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppUpdate {
    /// Whose.
    pub app: AppId,
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
