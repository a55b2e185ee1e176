//! The tables.

/// A kind of row. The number is the key's first byte; it never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(in crate::store) enum Table {
    Meta = 0x00,
    Seal = 0x01,
    Upgrade = 0x02,
    Apps = 0x10,
    Orders = 0x11,
    Expiries = 0x12,
    Holdings = 0x20,
    Cursors = 0x30,
    Headers = 0x31,
    Overrides = 0x32,
    Scans = 0x33,
    Deposits = 0x40,
    DepositsByText = 0x41,
    DepositsByApp = 0x42,
    DepositsByOrder = 0x43,
    Notifications = 0x50,
    Due = 0x51,
    DeadLetters = 0x52,
    Attempts = 0x53,
    Feed = 0x54,
    FeedByApp = 0x55,
    Endpoints = 0x56,
    Untold = 0x57,
    Trades = 0x58,
    Audit = 0x60,
}

impl Table {
    /// All of them, in key order.
    pub(in crate::store) const ALL: [Self; 25] = [
        Self::Meta,
        Self::Seal,
        Self::Upgrade,
        Self::Apps,
        Self::Orders,
        Self::Expiries,
        Self::Holdings,
        Self::Cursors,
        Self::Headers,
        Self::Overrides,
        Self::Scans,
        Self::Deposits,
        Self::DepositsByText,
        Self::DepositsByApp,
        Self::DepositsByOrder,
        Self::Notifications,
        Self::Due,
        Self::DeadLetters,
        Self::Attempts,
        Self::Feed,
        Self::FeedByApp,
        Self::Endpoints,
        Self::Untold,
        Self::Trades,
        Self::Audit,
    ];

    /// The table a tag byte names.
    pub(in crate::store) fn of_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.tag() == tag)
    }

    /// The table a key belongs to.
    pub(in crate::store) fn of_key(key: &[u8]) -> Option<Self> {
        key.first().and_then(|tag| Self::of_tag(*tag))
    }

    /// First byte of its keys.
    pub(in crate::store) fn tag(self) -> u8 {
        self as u8
    }

    /// Whether its rows follow from rows of other tables.
    pub(in crate::store) fn is_index(self) -> bool {
        matches!(
            self,
            Self::Expiries
                | Self::DepositsByText
                | Self::DepositsByApp
                | Self::DepositsByOrder
                | Self::Due
                | Self::DeadLetters
                | Self::Feed
                | Self::FeedByApp
                | Self::Untold
        )
    }

    /// The word used in counts and messages.
    pub(in crate::store) fn word(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Seal => "seal",
            Self::Upgrade => "upgrade",
            Self::Apps => "apps",
            Self::Orders => "orders",
            Self::Expiries => "expiries",
            Self::Holdings => "holdings",
            Self::Cursors => "cursors",
            Self::Headers => "headers",
            Self::Overrides => "overrides",
            Self::Scans => "scans",
            Self::Deposits => "deposits",
            Self::DepositsByText => "deposits_by_text",
            Self::DepositsByApp => "deposits_by_app",
            Self::DepositsByOrder => "deposits_by_order",
            Self::Notifications => "notifications",
            Self::Due => "due",
            Self::DeadLetters => "dead_letters",
            Self::Attempts => "attempts",
            Self::Feed => "feed",
            Self::FeedByApp => "feed_by_app",
            Self::Endpoints => "endpoints",
            Self::Untold => "untold",
            Self::Trades => "trades",
            Self::Audit => "audit",
        }
    }
}
