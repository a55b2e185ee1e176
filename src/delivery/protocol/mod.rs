//! What differs between the protocols merchants are told by; one file each.

pub mod standard;

use super::{retry_after, schedule::Schedule};
use crate::domain::{EventId, EventKind, Outcome, Protocol, SigningKey, Timestamp};

/// A header of a request: lower-case name, value without control characters.
pub type Header = (&'static str, String);

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

/// The word used in metrics and answers.
pub fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::StandardWebhooks => "standard-webhooks",
    }
}

/// Content type of the body.
pub fn content_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::StandardWebhooks => "application/json",
    }
}

/// When it is tried again.
pub fn schedule(protocol: Protocol) -> &'static Schedule {
    match protocol {
        Protocol::StandardWebhooks => &standard::SCHEDULE,
    }
}

/// Whether the protocol has words for this kind of event.
pub fn can_express(protocol: Protocol, kind: EventKind) -> bool {
    match (protocol, kind) {
        (Protocol::StandardWebhooks, EventKind::Confirmed | EventKind::Reversed | EventKind::Unmatched) => true,
    }
}

/// Headers that identify and sign one attempt at `at`; `keys` newest first. `None` without a key: nothing is sent
/// unsigned.
pub fn headers(
    protocol: Protocol,
    event: &EventId,
    at: Timestamp,
    body: &[u8],
    keys: &[&SigningKey],
) -> Option<Vec<Header>> {
    if keys.is_empty() {
        return None;
    }
    match protocol {
        Protocol::StandardWebhooks => Some(standard::headers(event, at, body, keys)),
    }
}

/// What an answer means; `now` gives a date in `Retry-After` its meaning.
pub fn outcome(protocol: Protocol, answer: &Answer<'_>, now: Timestamp) -> Outcome {
    let acknowledged = match protocol {
        Protocol::StandardWebhooks => standard::acknowledges(answer.status),
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
