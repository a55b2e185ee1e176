//! USDTCNPAY: a signed call to the success or to the fail URL.
//!
//! Sources: protocols.md E, R C23 (guide 004 gives no format; this one is ours).

use zeroize::Zeroizing;

use super::{Request, crossingpay_v1, sign, wire};
use crate::{
    delivery::fact::Fact,
    domain::{
        AmountPolicy, Decimals, DepositEvent, Event, EventKind, Order, OrderEventKind, OrderState, Reason, SigningKey,
        Timestamp, TokenAmount, V1Scheme,
    },
};

/// Credited: the success call.
pub const PAID: &str = "已确认";
/// Expired, cancelled, mismatched under strict, or reversed: the fail call.
pub const UNDONE: &str = "已取消";

/// What a call says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The merchant's id of the order.
    pub order_no: String,
    /// Ours.
    pub charge_no: String,
    /// What was ordered, in tokens.
    pub amount: String,
    /// [`PAID`] or [`UNDONE`].
    pub zt: &'static str,
}

impl Words {
    /// The words for a fact; `None` where it has no order, or one without a serial, or is news nobody is called for.
    pub fn of(fact: &Fact) -> Option<Self> {
        let order = fact.order.as_ref()?;
        let is_mismatch = [Reason::Under, Reason::Over].iter().any(|reason| fact.reason == reason.word());
        let is_undone = fact.is(EventKind::Reversed)
            || fact.is_order(OrderEventKind::Expired)
            || fact.is_order(OrderEventKind::Cancelled)
            || (fact.is(EventKind::Unmatched) && is_mismatch);
        let zt = match (fact.is(EventKind::Confirmed), is_undone) {
            (true, _) => PAID,
            (false, true) => UNDONE,
            (false, false) => return None,
        };
        Some(Self {
            order_no: order.order_id.clone(),
            charge_no: order.ordersn.clone()?,
            amount: whole(&order.expected_decimal)?,
            zt,
        })
    }
}

/// What the call of a stored body says: the order, and whether it is paid ([`PAID`], or else [`UNDONE`]); `None` where it
/// says nothing.
pub fn said(body: &[u8]) -> Option<(String, bool)> {
    let words = Words::of(&Fact::parse(body)?)?;
    Some((words.order_no, words.zt == PAID))
}

/// A decimal text without needless zeros.
fn whole(decimal: &str) -> Option<String> {
    let places = decimal.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let decimals = Decimals::new(u8::try_from(places).ok()?)?;
    Some(TokenAmount::parse_decimal(decimal, decimals).ok()?.short_decimal(decimals))
}

/// Whether an event ends in a fail call: taken back, expired, cancelled, or another amount than a strict order takes
/// (protocols.md E).
pub fn is_failure(event: &Event) -> bool {
    match event {
        Event::Order(_) => true,
        Event::Deposit(event) => match event.kind {
            EventKind::Reversed => true,
            EventKind::Unmatched => is_strict_mismatch(event),
            EventKind::Detected | EventKind::Confirmed => false,
        },
    }
}

fn is_strict_mismatch(event: &DepositEvent) -> bool {
    // Of an order that is paid it would be wrong to say that it is not.
    let is_unpaid = |order: &Order| !matches!(order.state, OrderState::Paid(_));
    let is_meant = |order: &Order| order.amount_policy == AmountPolicy::StrictExact && is_unpaid(order);
    let is_strict = event.order.as_ref().is_some_and(is_meant);
    is_strict && matches!(event.deposit.reason, Reason::Under | Reason::Over)
}

/// The text that is keyed: all fields but `sign`, names in byte order, `name=value` joined by `&` (protocols.md E).
pub fn signed_text(pairs: &[(&str, &str)], key: &SigningKey) -> Zeroizing<Vec<u8>> {
    crossingpay_v1::signed_text(V1Scheme::HmacSha256Sorted, pairs, key)
}

/// The sign of a call: lower-case hex of HMAC-SHA256 (protocols.md E).
pub fn call_sign(pairs: &[(&str, &str)], key: &SigningKey) -> String {
    sign::hmac_sha256(key, &signed_text(pairs, key))
}

/// A call at `at` (protocols.md E).
pub fn callback(words: &Words, at: Timestamp, key: &SigningKey) -> Request {
    let timestamp = at.0.to_string();
    let mut pairs = vec![
        ("orderNo", words.order_no.as_str()),
        ("chargeNo", &words.charge_no),
        ("amount", &words.amount),
        ("zt", words.zt),
        ("timestamp", &timestamp),
    ];
    let sign = call_sign(&pairs, key);
    pairs.push(("sign", &sign));
    Request { content_type: wire::JSON, headers: vec![], body: wire::json(&pairs) }
}

/// HTTP 200, whatever the body (protocols.md E).
pub fn acknowledges(status: u16) -> bool {
    status == 200
}
