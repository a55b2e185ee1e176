//! Facts about deposits that the merchant is told.

use std::fmt;

use super::{Deposit, Family, Order, Timestamp, Token};

/// 0: news that moves no money. 1, 3, 5…: a credit. 2, 4, 6…: the credit before it taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct EventVersion(pub u32);

impl EventVersion {
    /// The next version.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Whether this version says that money stands credited.
    pub fn is_credit(self) -> bool {
        self.0 % 2 == 1
    }
}

/// The receiver's idempotency key; derived from facts, the same over attempts, restarts and endpoints.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(String);

/// Longest event id, in bytes; ids are letters, digits, `_` and `-`.
pub const EVENT_ID_BYTES_MAX: usize = 64;

impl EventId {
    /// The id of a money event: deposit id, `_`, version.
    pub fn money(deposit: &str, version: EventVersion) -> Self {
        Self(format!("{deposit}_{}", version.0))
    }

    /// The id of `deposit.unmatched`.
    pub fn unmatched(deposit: &str) -> Self {
        Self(format!("{deposit}_unmatched"))
    }

    /// Reads an id that was printed before; `None` if it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=EVENT_ID_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// Credited: add the amount.
    Confirmed,
    /// A credited log left the chain: take the amount back.
    Reversed,
    /// At its threshold, credited to nobody.
    Unmatched,
}

impl EventKind {
    /// The `type` of the payload.
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "deposit.confirmed",
            Self::Reversed => "deposit.reversed",
            Self::Unmatched => "deposit.unmatched",
        }
    }
}

/// One fact, with everything a payload says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepositEvent {
    /// The idempotency key.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// Which version of the deposit this is.
    pub version: EventVersion,
    /// Time of the newest block known to the commit that made the event.
    pub timestamp: Timestamp,
    /// How the network writes hashes and addresses.
    pub family: Family,
    /// The token, as configured.
    pub token: Token,
    /// The deposit as it was then.
    pub deposit: Deposit,
    /// Confirmations at that commit; 0 on a reversal.
    pub confirmations: u32,
    /// The order it belongs to.
    pub order: Option<Order>,
    /// On a reversal: the event taken back.
    pub reverses: Option<EventId>,
}
