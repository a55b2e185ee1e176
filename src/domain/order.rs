//! What a gateway registered: orders, and the addresses that carry them.

use std::{cmp::Ordering, fmt};

use super::{
    Address, AppId, DepositId, Height, Millis, NetworkId, NotifyUrl, Timestamp, TokenAmount, UserMark,
    app::{LabelError, label},
};

/// Longest order id, in characters.
pub const ORDER_ID_CHARS_MAX: usize = 64;
/// Most networks one order may name.
pub const ORDER_LINES_MAX: usize = 8;

/// The merchant's own id of an order; unique per app, for ever. 1 to 64 characters, no control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderId(String);

impl OrderId {
    /// Checks the text.
    ///
    /// # Errors
    /// Empty, longer than [`ORDER_ID_CHARS_MAX`], or control characters.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        if text.is_empty() { Err(LabelError::Empty) } else { label(text, ORDER_ID_CHARS_MAX).map(Self) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// What an order does with another amount than the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum AmountPolicy {
    /// Whatever arrives is credited as it arrived; the reason says how it compares.
    #[default]
    AcceptActual,
    /// The expected amount or more is credited; less is turned away.
    AtLeast,
    /// Only the expected amount is credited.
    StrictExact,
}

impl AmountPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AcceptActual, Self::AtLeast, Self::StrictExact];

    /// The word used in answers and exports.
    pub fn word(self) -> &'static str {
        match self {
            Self::AcceptActual => "accept_actual",
            Self::AtLeast => "at_least",
            Self::StrictExact => "strict_exact",
        }
    }

    /// Whether an amount that compares so with the expected one is credited.
    pub fn takes(self, compared: Ordering) -> bool {
        match self {
            Self::AcceptActual => true,
            Self::AtLeast => compared != Ordering::Less,
            Self::StrictExact => compared == Ordering::Equal,
        }
    }
}

/// Until when an order waits, by the time of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The time asked for.
    pub at: Timestamp,
    /// Seconds more for a transfer that was sent in time.
    pub grace_s: u32,
}

impl Expiry {
    /// The last block time that is not late.
    pub fn deadline(self) -> Timestamp {
        Timestamp(self.at.0.saturating_add(u64::from(self.grace_s)))
    }
}

/// How far back a registration looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// From this block on.
    Height(Height),
    /// From the first block of this time on.
    Time(Timestamp),
}

impl Since {
    /// Whether a block of this height and time is not older.
    pub fn covers(self, height: Height, time: Timestamp) -> bool {
        match self {
            Self::Height(first) => first <= height,
            Self::Time(first) => first <= time,
        }
    }
}

/// One network an order may be paid on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    /// The network.
    pub network: NetworkId,
    /// The token's contract there.
    pub token: Address,
    /// First height covered by following the chain; fixed in the commit that registered the order.
    pub effective_from: Height,
    /// Older blocks that count too.
    pub since: Option<Since>,
    /// Blocks that lie deep enough are younger than the expiry: no payment in time can come here any more.
    pub closed: bool,
}

/// Where an order stands. What is on its way to it, or was turned away, is told by its deposits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Waiting for its payment.
    Open,
    /// Paid by this deposit.
    Paid(DepositId),
    /// Its payment was taken back, and the address expects another order by now.
    Reversed(DepositId),
    /// Withdrawn by the gateway.
    Cancelled,
    /// Nobody paid in time.
    Expired,
}

impl OrderState {
    /// The word used in answers.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paid(_) => "paid",
            Self::Reversed(_) => "reversed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// One expected payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whose order.
    pub app: AppId,
    /// The merchant's id.
    pub id: OrderId,
    /// Owner of the address.
    pub user_mark: UserMark,
    /// The payer's name, for the merchant's own use.
    pub username: Option<String>,
    /// Where the payment is expected.
    pub address: Address,
    /// On which networks, in which token.
    pub lines: Vec<OrderLine>,
    /// How much, in base units; the tokens of all lines have the same decimals.
    pub expected: TokenAmount,
    /// Told here instead of the app's URL.
    pub notify_url: Option<NotifyUrl>,
    /// USDTCNPAY: told here what went wrong; `None`: as `notify_url`.
    pub fail_url: Option<NotifyUrl>,
    /// The id drawn for it at registration (`ordersn`, `chargeNo`): `cz-` and a version 4 UUID. Only orders of apps with
    /// a protocol that names it have one.
    pub serial: Option<String>,
    /// What becomes of another amount; fixed when the order was registered.
    pub amount_policy: AmountPolicy,
    /// The same as it was asked for; `None`: the app's.
    pub own_amount_policy: Option<AmountPolicy>,
    /// Until when it waits; the grace is the app's as it was when the order was registered.
    pub expiry: Option<Expiry>,
    /// When it was registered.
    pub created: Millis,
    /// Where it stands.
    pub state: OrderState,
}

impl Order {
    /// The line on `network`, if it names that network.
    pub fn line(&self, network: &NetworkId) -> Option<&OrderLine> {
        self.lines.iter().find(|line| line.network == *network)
    }

    /// Whether `other` asks for the same payment: the same content, whatever has become of either.
    pub fn asks_the_same(&self, other: &Self) -> bool {
        let lines = |order: &Self| -> Vec<_> {
            order.lines.iter().map(|line| (line.network.clone(), line.token, line.since)).collect()
        };
        // Not the serial: it is drawn anew for every request.
        let rules =
            |order: &Self| (order.own_amount_policy, order.expiry.map(|expiry| expiry.at), order.fail_url.clone());
        (&self.app, &self.id, &self.user_mark, &self.username, self.address, self.expected, &self.notify_url)
            == (
                &other.app,
                &other.id,
                &other.user_mark,
                &other.username,
                other.address,
                other.expected,
                &other.notify_url,
            )
            && lines(self) == lines(other)
            && rules(self) == rules(other)
    }

    /// Whether a block of this time is too young to pay it.
    pub fn is_late(&self, block_time: Timestamp) -> bool {
        self.expiry.is_some_and(|expiry| expiry.deadline() < block_time)
    }
}

/// An address on one network and whose it is: (app, user mark), for ever, until an operator releases it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The network.
    pub network: NetworkId,
    /// The address.
    pub address: Address,
    /// Owner.
    pub app: AppId,
    /// The owner's mark.
    pub user_mark: UserMark,
    /// First height from which every transfer is a deposit, if it is watched so.
    pub standing: Option<Watch>,
    /// The one open order that expects a payment here.
    pub open_order: Option<OrderId>,
    /// The order that expected one before, where none does now.
    pub last_order: Option<OrderId>,
    /// When the address was first registered.
    pub created: Millis,
}

/// A standing watch: every transfer is a deposit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// First height covered by following the chain; fixed in the commit that registered it.
    pub effective_from: Height,
    /// Older blocks that count too.
    pub since: Option<Since>,
}
