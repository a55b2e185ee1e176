//! Facts about deposits that the merchant is told.

use std::fmt;

use super::{
    AppId, BlockRef, Deposit, Family, NetworkId, Order, OrderId, Timestamp, Token,
    deposit::{base32, short_digest},
};

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

/// The `type` of a test's payload.
pub const TEST: &str = "endpoint.test";

/// Longest event id, in bytes; ids are letters, digits, `_` and `-`.
pub const EVENT_ID_BYTES_MAX: usize = 64;

impl EventId {
    /// The id of a money event: deposit id, `_`, version.
    pub fn money(deposit: &str, version: EventVersion) -> Self {
        Self(format!("{deposit}_{}", version.0))
    }

    /// The id of what is told of an order: `ord_`, 32 characters of SHA-256(app, order; one a line), and the word.
    pub fn order(app: &AppId, order: &OrderId, kind: OrderEventKind) -> Self {
        Self(format!("ord_{}_{}", short_digest(&format!("{app}\n{order}")), kind.reason()))
    }

    /// The id of `deposit.detected`.
    pub fn detected(deposit: &str) -> Self {
        Self(format!("{deposit}_detected"))
    }

    /// The id of a test, from 20 bytes drawn for it.
    pub fn test(drawn: &[u8; 20]) -> Self {
        Self(format!("test_{}", base32(drawn)))
    }

    /// The id of `deposit.unmatched`.
    pub fn unmatched(deposit: &str) -> Self {
        Self(format!("{deposit}_unmatched"))
    }

    /// The `type` of the event's payload, which its id tells: `None` for kinds this version does not know.
    pub fn told(&self) -> Option<&'static str> {
        let (first, end) = self.0.rsplit_once('_')?;
        if first.starts_with("ord_") {
            let kinds = [OrderEventKind::Expired, OrderEventKind::Cancelled];
            return kinds.into_iter().find(|kind| kind.reason() == end).map(OrderEventKind::word);
        }
        if first == "test" {
            return Some(TEST);
        }
        if !first.starts_with("dep_") {
            return None;
        }
        match (end, end.parse()) {
            ("unmatched", _) => Some(EventKind::Unmatched.word()),
            ("detected", _) => Some(EventKind::Detected.word()),
            (_, Ok(0)) | (_, Err(_)) => None,
            (_, Ok(version)) if EventVersion(version).is_credit() => Some(EventKind::Confirmed.word()),
            (_, Ok(_)) => Some(EventKind::Reversed.word()),
        }
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
    /// First seen in a block, below its depth: no money yet.
    Detected,
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
            Self::Detected => "deposit.detected",
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

/// What became of an order without a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderEventKind {
    /// Nobody paid in time.
    Expired,
    /// The gateway withdrew it.
    Cancelled,
}

impl OrderEventKind {
    /// The `type` of the payload.
    pub fn word(self) -> &'static str {
        match self {
            Self::Expired => "order.expired",
            Self::Cancelled => "order.cancelled",
        }
    }

    /// The `reason` of the payload, and the end of the event's id.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One fact about an order; it moves no money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderEvent {
    /// The idempotency key.
    pub id: EventId,
    /// What happened.
    pub kind: OrderEventKind,
    /// Time of `block`.
    pub timestamp: Timestamp,
    /// The network it is told of: the one whose blocks passed the expiry last, or the order's first.
    pub network: NetworkId,
    /// How that network writes hashes and addresses.
    pub family: Family,
    /// The token there, as configured.
    pub token: Token,
    /// The first block known to be younger than the expiry; the newest block, if the order was withdrawn.
    pub block: BlockRef,
    /// The order as it is now.
    pub order: Order,
}

/// A fact the merchant is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most events are deposits' own; each is made, written and dropped")]
pub enum Event {
    /// About a deposit.
    Deposit(DepositEvent),
    /// About an order.
    Order(OrderEvent),
}

impl Event {
    /// The idempotency key.
    pub fn id(&self) -> &EventId {
        match self {
            Self::Deposit(event) => &event.id,
            Self::Order(event) => &event.id,
        }
    }

    /// Who is told.
    pub fn app(&self) -> &AppId {
        match self {
            Self::Deposit(event) => &event.deposit.app,
            Self::Order(event) => &event.order.app,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_what_happened() {
        let dep = format!("dep_{}", "a".repeat(32));
        let (app, order) = ("shop".parse().unwrap(), OrderId::parse("o-1").unwrap());
        for (id, told) in [
            (EventId::money(&dep, EventVersion(1)), Some("deposit.confirmed")),
            (EventId::money(&dep, EventVersion(2)), Some("deposit.reversed")),
            (EventId::money(&dep, EventVersion(13)), Some("deposit.confirmed")),
            (EventId::unmatched(&dep), Some("deposit.unmatched")),
            (EventId::order(&app, &order, OrderEventKind::Expired), Some("order.expired")),
            (EventId::order(&app, &order, OrderEventKind::Cancelled), Some("order.cancelled")),
            (EventId::money(&dep, EventVersion(0)), None),
            (EventId::parse("ord_x_1").unwrap(), None),
            (EventId::parse("dep_x_expired").unwrap(), None),
            (EventId::test(&[7; 20]), Some("endpoint.test")),
            (EventId::detected(&dep), Some("deposit.detected")),
            (EventId::parse("nothing").unwrap(), None),
        ] {
            assert_eq!(id.told(), told, "{id}");
        }
    }
}
