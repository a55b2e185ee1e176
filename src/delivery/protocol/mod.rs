//! What differs between the protocols merchants are told by; one file each.

pub mod crossingpay;
pub mod crossingpay_v1;
pub mod crossingpay_v2;
pub mod selection;
pub mod sign;
pub mod standard;
pub mod udun;
pub mod usdtcnpay;
pub mod wire;

pub use selection::{telling, url};

use super::{fact::Fact, retry_after, schedule::Schedule};
use crate::domain::{Millis, Notification, Outcome, Protocol, SigningKey, Silence, Timestamp};

/// A header of a request: lower-case name, value without control characters.
pub type Header = (&'static str, String);

/// A number used once, drawn for each attempt: six of `[A-Za-z0-9]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce([u8; 6]);

impl Nonce {
    /// From six drawn bytes, any.
    pub fn of(drawn: [u8; 6]) -> Self {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        Self(drawn.map(|byte| LETTERS[usize::from(byte) % LETTERS.len()]))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// One attempt as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Content type of the body.
    pub content_type: &'static str,
    /// What identifies and signs it.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
}

/// What becomes of an event under a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// It is sent.
    Send,
    /// It is in the feed only.
    Silent(Silence),
    /// It is money without words: in the feed, and a person has to tell the merchant.
    Untold,
    /// There is no event at all.
    NotMade,
}

/// What a receiver said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// Its `Retry-After`, as written.
    pub retry_after: Option<&'a str>,
    /// The body; `None` if it could not be read to its end within the limits.
    pub body: Option<&'a [u8]>,
}

/// When it is tried again (protocols.md 0, "Retry schedules").
pub fn schedule(protocol: Protocol) -> &'static Schedule {
    match protocol {
        Protocol::StandardWebhooks | Protocol::Udun | Protocol::Usdtcnpay => &standard::SCHEDULE,
        Protocol::CrossingPayV1 { .. } | Protocol::CrossingPayV2 { .. } => &crossingpay::SCHEDULE,
    }
}

/// One attempt at `at`, signed; `keys` newest first, of which all but Standard Webhooks use the first. A pure function of
/// the row, the time, the nonce and the keys. `None` without a key, or where the protocol has no words: nothing is sent
/// unsigned.
pub fn request(row: &Notification, at: Millis, nonce: Nonce, keys: &[&SigningKey]) -> Option<Request> {
    let key = keys.first()?;
    if row.protocol == Protocol::StandardWebhooks {
        let headers = standard::headers(&row.id, at.seconds(), &row.body, keys);
        return Some(Request { content_type: wire::JSON, headers, body: row.body.clone() });
    }
    let fact = Fact::parse(&row.body)?;
    let request = match row.protocol {
        Protocol::StandardWebhooks => return None,
        Protocol::CrossingPayV1 { scheme, format } => {
            crossingpay_v1::callback(&crossingpay::Words::of(&fact)?, (scheme, format), at.seconds(), key)
        }
        Protocol::CrossingPayV2 { sign } => {
            crossingpay_v2::callback(&crossingpay::Words::of(&fact)?, sign, at.seconds(), key)
        }
        Protocol::Udun => udun::callback(&udun::inner(&fact, row.trade?)?, nonce.as_str(), at, key),
        // The extra headers stand beside B, C and D only (protocols.md 0).
        Protocol::Usdtcnpay => return Some(usdtcnpay::callback(&usdtcnpay::Words::of(&fact)?, at.seconds(), key)),
    };
    Some(Request { headers: wire::headers(&fact), ..request })
}

/// Whether an answer of this status is judged by its body (protocols.md B.3, C.2).
pub fn is_judged_by_body(protocol: Protocol, status: u16) -> bool {
    match protocol {
        Protocol::CrossingPayV1 { .. } | Protocol::CrossingPayV2 { .. } => status == 200,
        Protocol::StandardWebhooks | Protocol::Udun | Protocol::Usdtcnpay => false,
    }
}

/// What an answer means (protocols.md A.2, B.3, C.2, D.3, E); `now` gives a date in `Retry-After` its meaning.
pub fn outcome(protocol: Protocol, answer: &Answer<'_>, now: Timestamp) -> Outcome {
    let acknowledged = match protocol {
        Protocol::StandardWebhooks => standard::acknowledges(answer.status),
        Protocol::CrossingPayV1 { .. } => crossingpay_v1::acknowledges(answer.status, answer.body),
        Protocol::CrossingPayV2 { .. } => crossingpay_v2::acknowledges(answer.status, answer.body),
        Protocol::Udun => udun::acknowledges(answer.status),
        Protocol::Usdtcnpay => usdtcnpay::acknowledges(answer.status),
    };
    if acknowledged {
        return Outcome::Accepted;
    }
    if answer.status == 410 {
        return Outcome::Gone;
    }
    let may_ask = matches!(answer.status, 429 | 503);
    let asked = answer.retry_after.filter(|_| may_ask).and_then(|text| retry_after::parse(text, now));
    Outcome::Refused { retry_after_s: asked, slow_down: matches!(answer.status, 429 | 502 | 503 | 504) }
}

#[cfg(test)]
mod tests;
