//! What CrossingPay V1 and V2 have in common: the words of a callback, when it is acknowledged, when it is repeated.
//!
//! Sources: protocols.md 0, B.3, C.2, R C4 and C10 (guides 000, 001, 003).

use crate::{
    delivery::{
        fact::Fact,
        schedule::{HOUR_MS, MINUTE_MS, SECOND_MS, Schedule},
    },
    domain::EventKind,
};

/// One attempt and eight more over 7 h 23 min 45 s (protocols.md 0, R C10).
pub static SCHEDULE: Schedule = Schedule {
    delays_ms: &[
        0,
        15 * SECOND_MS,
        30 * SECOND_MS,
        MINUTE_MS,
        2 * MINUTE_MS,
        5 * MINUTE_MS,
        15 * MINUTE_MS,
        HOUR_MS,
        6 * HOUR_MS,
    ],
    jitter_permille: 100,
};

/// What a callback says; `username` and `address` stand in V2's signature only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The order.
    pub orderid: String,
    /// Its user.
    pub localusermark: String,
    /// What arrived, times 10000.
    pub amount: String,
    /// The app.
    pub appid: String,
    /// The order's username; empty where it has none.
    pub username: String,
    /// The order's address, as the network writes it.
    pub address: String,
}

impl Words {
    /// The words for a fact: only a credit of an order has any, and only if a ten-thousandth of the token arrived.
    pub fn of(fact: &Fact) -> Option<Self> {
        if !fact.is(EventKind::Confirmed) {
            return None;
        }
        let (order, deposit) = (fact.order.as_ref()?, fact.deposit.as_ref()?);
        let amount = deposit.amount.ten_thousandths(deposit.decimals);
        (amount != NOTHING).then(|| Self {
            orderid: order.order_id.clone(),
            localusermark: fact.user_mark.clone(),
            amount,
            appid: fact.app_id.clone(),
            username: order.username.clone().unwrap_or_default(),
            address: fact.address.clone(),
        })
    }
}

/// The amount of what is less than the smallest unit.
pub const NOTHING: &str = "0";

/// Whether an answer's body, without a leading byte order mark and ASCII white space, is one of `words`. The status must
/// be 200; a body that was not read to its end (`None`) is none of them.
pub fn acknowledges(status: u16, body: Option<&[u8]>, words: &[&[u8]]) -> bool {
    let Some(body) = body.filter(|_| status == 200) else { return false };
    let said = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    words.contains(&said)
}
