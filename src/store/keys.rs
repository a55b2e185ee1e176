//! Where every row lives: the whole schema on one page.
//!
//! One ordered key space. A key is a tag byte and its parts: numbers are big-endian, so that byte order is number
//! order; texts end in a zero byte, which none of them can contain (ids hold no control characters), so that no key
//! is the beginning of another key of its table; hashes and addresses have fixed lengths.
//!
//! | tag | table | key after the tag | value |
//! |---|---|---|---|
//! | `00` | meta | | schema version, store id |
//! | `01` | seal | | sequence, running hash, schema, rows and digest of every table but this one |
//! | `02` | upgrade | | how far the upgrade from an older schema has come; only while it is not done |
//! | `10` | apps | app`0` | app |
//! | `11` | orders | app`0` order`0` | order |
//! | `12` | open orders by deadline | network`0` deadline₈ app`0` order`0` | |
//! | `20` | holdings | network`0` address₂₀ | holding |
//! | `30` | cursors | network`0` | network, cursor |
//! | `31` | headers | network`0` height₈ | network, header |
//! | `32` | policy overrides | network`0` token₂₀ or none¹ app`0` from`0` | override |
//! | `33` | scans | network`0` address₂₀ or none¹ | scan |
//! | `40` | deposits | network`0` tx₃₂ token₂₀ ordinal₄ | deposit |
//! | `41` | deposits by printed id | digest₂₀, the letters behind `dep_` | the deposit's key |
//! | `42` | deposits by app | app`0` block time₈ network`0` tx₃₂ token₂₀ ordinal₄ | |
//! | `43` | deposits by order | app`0` order`0` network`0` tx₃₂ token₂₀ ordinal₄ | |
//! | `50` | notifications | event`0` | notification |
//! | `51` | due | endpoint₈ due ms₈ event`0` | |
//! | `52` | dead letters | since ms₈ event`0` | |
//! | `53` | attempts | event`0` number₄ | attempt |
//! | `54` | feed | place₈ | event |
//! | `55` | feed by app | app`0` place₈ | event |
//! | `56` | endpoints | endpoint₈ | endpoint |
//! | `57` | untold | since ms₈ event`0` | |
//! | `58` | Udun numbers | number₈ | deposit as printed |
//! | `60` | audit | number₈ | record |
//!
//! ¹ A byte 0 for none, a byte 1 before the twenty.
//!
//! Every value is wrapped as `codec` says: a version byte, the body, a checksum. Tables without a value hold an empty
//! body. `12`, `41`–`43`, `51`, `52`, `54`, `55` and `57` are indexes: `index` derives them from the rows and nothing else writes them.

mod table;

use std::ops::Range;

pub(super) use self::table::Table;

use crate::domain::{
    Address, AppId, AttemptNo, DepositId, EndpointId, EventId, EventPlace, Height, Millis, NetworkId, OrderId,
    PolicyScope, ScanTarget, Timestamp, TxHash,
};

/// The bytes of a key, or of the beginning all keys of a range share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(Vec<u8>);

impl Key {
    fn new(table: Table) -> Self {
        Self(vec![table.tag()])
    }

    fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The beginning of every key of `table`.
    pub(super) fn table(table: Table) -> Self {
        Self::new(table)
    }

    pub(super) fn meta() -> Self {
        Self::new(Table::Meta)
    }

    pub(super) fn seal() -> Self {
        Self::new(Table::Seal)
    }

    pub(super) fn upgrade() -> Self {
        Self::new(Table::Upgrade)
    }

    pub(super) fn app(app: &AppId) -> Self {
        Self::new(Table::Apps).text(app.as_str())
    }

    /// The beginning of an app's orders.
    pub(super) fn orders_of(app: &AppId) -> Self {
        Self::new(Table::Orders).text(app.as_str())
    }

    pub(super) fn order(app: &AppId, order: &OrderId) -> Self {
        Self::orders_of(app).text(order.as_str())
    }

    pub(super) fn holding(network: &NetworkId, address: Address) -> Self {
        Self::new(Table::Holdings).text(network.as_str()).bytes(&address.0)
    }

    pub(super) fn cursor(network: &NetworkId) -> Self {
        Self::new(Table::Cursors).text(network.as_str())
    }

    pub(super) fn header(network: &NetworkId, height: Height) -> Self {
        Self::new(Table::Headers).text(network.as_str()).bytes(&height.0.to_be_bytes())
    }

    /// The beginning of a network's open orders, by deadline.
    pub(super) fn expiries_of(network: &NetworkId) -> Self {
        Self::new(Table::Expiries).text(network.as_str())
    }

    /// The beginning of those with this deadline.
    pub(super) fn expiries_at(network: &NetworkId, deadline: Timestamp) -> Self {
        Self::expiries_of(network).bytes(&deadline.0.to_be_bytes())
    }

    pub(super) fn expiry(network: &NetworkId, deadline: Timestamp, app: &AppId, order: &OrderId) -> Self {
        Self::expiries_at(network, deadline).text(app.as_str()).text(order.as_str())
    }

    fn maybe(self, address: Option<Address>) -> Self {
        match address {
            None => self.bytes(&[0]),
            Some(address) => self.bytes(&[1]).bytes(&address.0),
        }
    }

    pub(super) fn policy(network: &NetworkId, scope: &PolicyScope) -> Self {
        let app = scope.app.as_ref().map_or("", |app| app.as_str());
        Self::new(Table::Overrides).text(network.as_str()).maybe(scope.token).text(app).text(scope.from.as_str())
    }

    /// The beginning of a network's scans.
    pub(super) fn scans_of(network: &NetworkId) -> Self {
        Self::new(Table::Scans).text(network.as_str())
    }

    pub(super) fn scan(network: &NetworkId, target: ScanTarget) -> Self {
        Self::scans_of(network).maybe(match target {
            ScanTarget::Everything => None,
            ScanTarget::Address(address) => Some(address),
        })
    }

    pub(super) fn audit(number: u64) -> Self {
        Self::new(Table::Audit).bytes(&number.to_be_bytes())
    }

    fn deposit_id(self, id: &DepositId) -> Self {
        self.text(id.network.as_str()).bytes(&id.tx.0).bytes(&id.token.0).bytes(&id.ordinal.0.to_be_bytes())
    }

    pub(super) fn deposit(id: &DepositId) -> Self {
        Self::new(Table::Deposits).deposit_id(id)
    }

    /// `None` if `text` is not a printed id.
    pub(super) fn deposit_by_text(text: &str) -> Option<Self> {
        text_digest(text).map(|digest| Self::new(Table::DepositsByText).bytes(&digest))
    }

    /// The beginning of an app's deposits.
    pub(super) fn deposits_of(app: &AppId) -> Self {
        Self::new(Table::DepositsByApp).text(app.as_str())
    }

    pub(super) fn deposit_by_app(app: &AppId, time: Timestamp, id: &DepositId) -> Self {
        Self::deposits_of(app).bytes(&time.0.to_be_bytes()).deposit_id(id)
    }

    /// The beginning of a transaction's deposits.
    pub(super) fn deposits_in(network: &NetworkId, tx: TxHash) -> Self {
        Self::deposits_on(network).bytes(&tx.0)
    }

    /// The beginning of a network's deposits.
    pub(super) fn deposits_on(network: &NetworkId) -> Self {
        Self::new(Table::Deposits).text(network.as_str())
    }

    /// The beginning of an order's deposits.
    pub(super) fn deposits_for(app: &AppId, order: &OrderId) -> Self {
        Self::new(Table::DepositsByOrder).text(app.as_str()).text(order.as_str())
    }

    pub(super) fn deposit_by_order(app: &AppId, order: &OrderId, id: &DepositId) -> Self {
        Self::deposits_for(app, order).deposit_id(id)
    }

    pub(super) fn feed(place: EventPlace) -> Self {
        Self::new(Table::Feed).bytes(&place.0.to_be_bytes())
    }

    /// The beginning of an app's events.
    pub(super) fn feed_of(app: &AppId) -> Self {
        Self::new(Table::FeedByApp).text(app.as_str())
    }

    pub(super) fn feed_by_app(app: &AppId, place: EventPlace) -> Self {
        Self::feed_of(app).bytes(&place.0.to_be_bytes())
    }

    pub(super) fn notification(event: &EventId) -> Self {
        Self::new(Table::Notifications).text(event.as_str())
    }

    /// The beginning of a lane's due rows.
    pub(super) fn lane(endpoint: EndpointId) -> Self {
        Self::new(Table::Due).bytes(&endpoint.0)
    }

    /// The beginning of a lane's rows due at `at`.
    pub(super) fn lane_at(endpoint: EndpointId, at: Millis) -> Self {
        Self::lane(endpoint).bytes(&at.0.to_be_bytes())
    }

    pub(super) fn due(endpoint: EndpointId, at: Millis, event: &EventId) -> Self {
        Self::lane_at(endpoint, at).text(event.as_str())
    }

    pub(super) fn dead_letter(since: Millis, event: &EventId) -> Self {
        Self::new(Table::DeadLetters).bytes(&since.0.to_be_bytes()).text(event.as_str())
    }

    pub(super) fn untold(since: Millis, event: &EventId) -> Self {
        Self::new(Table::Untold).bytes(&since.0.to_be_bytes()).text(event.as_str())
    }

    pub(super) fn endpoint(endpoint: EndpointId) -> Self {
        Self::new(Table::Endpoints).bytes(&endpoint.0)
    }

    pub(super) fn trade(number: u64) -> Self {
        Self::new(Table::Trades).bytes(&number.to_be_bytes())
    }

    /// The beginning of an event's attempts.
    pub(super) fn attempts_of(event: &EventId) -> Self {
        Self::new(Table::Attempts).text(event.as_str())
    }

    pub(super) fn attempt(event: &EventId, number: AttemptNo) -> Self {
        Self::attempts_of(event).bytes(&number.0.to_be_bytes())
    }

    /// The row an index key stands for, where its last parts are that row's key.
    pub(super) fn behind(table: Table, last_parts: &[u8]) -> Self {
        Self::new(table).bytes(last_parts)
    }

    /// This beginning and `more`, whatever it is.
    pub(super) fn with(self, more: &[u8]) -> Self {
        self.bytes(more)
    }

    /// The bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Every key that begins so.
    pub(super) fn range(&self) -> Range<Vec<u8>> {
        self.0.clone()..self.end()
    }

    /// Every key of this beginning above `last`, which begins so too.
    pub(super) fn range_above(&self, last: &Self) -> Range<Vec<u8>> {
        let mut first = last.0.clone();
        first.push(0);
        first..self.end()
    }

    /// The first bytes above every key that begins so.
    pub(super) fn end(&self) -> Vec<u8> {
        let mut end = self.0.clone();
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                return end;
            }
        }
        // Only a beginning of 0xff bytes comes here, and no table has that tag.
        EVERYTHING.1.to_vec()
    }
}

/// Above and below every key.
const EVERYTHING: (&[u8], &[u8]) = (&[], &[0xff]);

/// Every key there is.
pub(super) fn everything() -> Range<Vec<u8>> {
    EVERYTHING.0.to_vec()..EVERYTHING.1.to_vec()
}

/// Letters of a printed deposit id behind its prefix.
const TEXT_LETTERS: usize = 32;

/// The 20 bytes behind `dep_`; `None` if `text` is not a printed id.
fn text_digest(text: &str) -> Option<[u8; 20]> {
    let letters = text.strip_prefix("dep_").filter(|letters| letters.len() == TEXT_LETTERS)?;
    let mut digest = [0; 20];
    for (eight, five) in letters.as_bytes().chunks_exact(8).zip(digest.chunks_exact_mut(5)) {
        let mut bits = 0_u64;
        for letter in eight {
            let value = match letter {
                b'a'..=b'z' => letter - b'a',
                b'2'..=b'7' => letter - b'2' + 26,
                _ => return None,
            };
            bits = (bits << 5) | u64::from(value);
        }
        five.copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    Some(digest)
}
