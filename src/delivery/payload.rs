//! The body of a notification: written once, when the fact is committed, and never changed.

use serde::Serialize;

use crate::domain::{
    AppId, DepositEvent, Event, EventId, EventKind, Family, Order, OrderEvent, Reason, Timestamp, Token, event::TEST,
};

#[derive(Serialize)]
struct Payload<T> {
    r#type: &'static str,
    timestamp: String,
    data: T,
}

/// The order of these fields is the order of the keys.
#[derive(Serialize)]
struct Data<'a> {
    event_id: &'a str,
    version: u32,
    deposit_id: String,
    network: &'a str,
    token: TokenData<'a>,
    tx_hash: String,
    log_ordinal: u32,
    block: BlockData,
    confirmations: u32,
    from: String,
    address: String,
    amount: String,
    amount_decimal: String,
    app_id: &'a str,
    user_mark: &'a str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reverses: Option<&'a str>,
    order: Option<OrderData<'a>>,
}

#[derive(Serialize)]
struct TokenData<'a> {
    contract: String,
    symbol: &'a str,
    decimals: u8,
}

#[derive(Serialize)]
struct BlockData {
    height: u64,
    hash: String,
}

#[derive(Serialize)]
struct OrderData<'a> {
    order_id: &'a str,
    username: Option<&'a str>,
    /// The id drawn for an order of an app with a protocol that names it; other orders have none.
    ordersn: Option<&'a str>,
    expected_amount: String,
    expected_amount_decimal: String,
}

/// The body of `event`: UTF-8 JSON without blanks; only `"`, `\` and control characters are escaped. At most
/// [`BODY_BYTES_MAX`](crate::domain::notification::BODY_BYTES_MAX) bytes for ids, marks and symbols within their limits.
pub fn render(event: &Event) -> Vec<u8> {
    match event {
        Event::Deposit(event) => body(event.kind.word(), event.timestamp, Data::of(event)),
        Event::Order(event) => body(event.kind.word(), event.timestamp, OrderNews::of(event)),
    }
}

/// What a test says (protocols.md A.1). The order of these fields is the order of the keys.
#[derive(Serialize)]
struct TestData<'a> {
    event_id: &'a str,
    version: u32,
    app_id: &'a str,
}

/// The body of a test of `app`'s endpoint (protocols.md A.1, `endpoint.test`): no money, no deposit.
pub fn render_test(event: &EventId, app: &AppId, timestamp: Timestamp) -> Vec<u8> {
    body(TEST, timestamp, TestData { event_id: event.as_str(), version: 0, app_id: app.as_str() })
}

fn body<T: Serialize>(kind: &'static str, timestamp: Timestamp, data: T) -> Vec<u8> {
    let payload = Payload { r#type: kind, timestamp: timestamp.to_string(), data };
    serde_json::to_vec(&payload).expect("a struct of texts and numbers always has a JSON form")
}

/// What is told of an order that ended without a payment. The order of these fields is the order of the keys.
#[derive(Serialize)]
struct OrderNews<'a> {
    event_id: &'a str,
    version: u32,
    network: &'a str,
    token: TokenData<'a>,
    block: BlockData,
    address: String,
    app_id: &'a str,
    user_mark: &'a str,
    reason: &'static str,
    order: OrderData<'a>,
}

impl<'a> OrderNews<'a> {
    fn of(event: &'a OrderEvent) -> Self {
        let (order, family) = (&event.order, event.family);
        Self {
            event_id: event.id.as_str(),
            version: 0,
            network: event.network.as_str(),
            token: TokenData::of(&event.token, family),
            block: BlockData { height: event.block.height.0, hash: event.block.hash.text(family) },
            address: order.address.text(family),
            app_id: order.app.as_str(),
            user_mark: order.user_mark.as_str(),
            reason: event.kind.reason(),
            order: OrderData::of(order, &event.token),
        }
    }
}

impl<'a> Data<'a> {
    fn of(event: &'a DepositEvent) -> Self {
        let deposit = &event.deposit;
        let family = event.family;
        let reason = match event.kind {
            EventKind::Reversed => Reason::Reversed,
            EventKind::Detected => Reason::Pending,
            EventKind::Confirmed | EventKind::Unmatched => deposit.reason,
        };
        Self {
            event_id: event.id.as_str(),
            version: event.version.0,
            deposit_id: deposit.id.text(family),
            network: deposit.id.network.as_str(),
            token: TokenData::of(&event.token, family),
            tx_hash: deposit.id.tx.text(family),
            log_ordinal: deposit.id.ordinal.0,
            block: BlockData { height: deposit.included_at.height.0, hash: deposit.included_at.hash.text(family) },
            confirmations: event.confirmations,
            from: deposit.from.text(family),
            address: deposit.to.text(family),
            amount: deposit.amount.to_string(),
            amount_decimal: deposit.amount.decimal(event.token.decimals),
            app_id: deposit.app.as_str(),
            user_mark: deposit.user_mark.as_str(),
            reason: reason.word(),
            reverses: event.reverses.as_ref().map(|id| id.as_str()),
            order: event.order.as_ref().map(|order| OrderData::of(order, &event.token)),
        }
    }
}

impl<'a> TokenData<'a> {
    fn of(token: &'a Token, family: Family) -> Self {
        Self { contract: token.contract.text(family), symbol: &token.symbol, decimals: token.decimals.get() }
    }
}

impl<'a> OrderData<'a> {
    fn of(order: &'a Order, token: &Token) -> Self {
        Self {
            order_id: order.id.as_str(),
            username: order.username.as_deref(),
            ordersn: order.serial.as_deref(),
            expected_amount: order.expected.to_string(),
            expected_amount_decimal: order.expected.decimal(token.decimals),
        }
    }
}
