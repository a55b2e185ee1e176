//! What a gateway registered: orders, and the addresses that carry them.

use std::fmt;

use super::{
    Address, AppId, DepositId, Height, Millis, NetworkId, NotifyUrl, TokenAmount, UserMark,
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

/// One network an order may be paid on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    /// The network.
    pub network: NetworkId,
    /// The token's contract there.
    pub token: Address,
    /// First height covered; fixed in the commit that registered the order.
    pub effective_from: Height,
}

/// Where an order stands.
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
}

impl OrderState {
    /// The word used in answers.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paid(_) => "paid",
            Self::Reversed(_) => "reversed",
            Self::Cancelled => "cancelled",
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
        let lines =
            |order: &Self| -> Vec<_> { order.lines.iter().map(|line| (line.network.clone(), line.token)).collect() };
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
    /// When the address was first registered.
    pub created: Millis,
}

/// A standing watch: every transfer is a deposit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// First height covered; fixed in the commit that registered it.
    pub effective_from: Height,
}
