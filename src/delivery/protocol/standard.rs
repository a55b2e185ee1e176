//! Standard Webhooks 1.0.0: three headers, HMAC-SHA256 over id, time and body.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{Header, sign};
use crate::{
    delivery::schedule::{HOUR_MS, MINUTE_MS, SECOND_MS, Schedule},
    domain::{EventId, SigningKey, Timestamp},
};

/// The specification's sample: ten attempts over 75 h 35 min 5 s.
pub static SCHEDULE: Schedule = Schedule {
    delays_ms: &[
        0,
        5 * SECOND_MS,
        5 * MINUTE_MS,
        30 * MINUTE_MS,
        2 * HOUR_MS,
        5 * HOUR_MS,
        10 * HOUR_MS,
        14 * HOUR_MS,
        20 * HOUR_MS,
        24 * HOUR_MS,
    ],
    jitter_permille: 200,
};

/// The headers of one attempt. `keys` newest first: each contributes one `v1` item, and receivers take any of them.
pub fn headers(event: &EventId, at: Timestamp, body: &[u8], keys: &[&SigningKey]) -> Vec<Header> {
    let items: Vec<String> = keys.iter().map(|key| item(event, at, body, key)).collect();
    vec![
        ("webhook-id", event.to_string()),
        ("webhook-timestamp", at.0.to_string()),
        ("webhook-signature", items.join(" ")),
    ]
}

/// Any 2xx; the body is not looked at.
pub fn acknowledges(status: u16) -> bool {
    (200..=299).contains(&status)
}

/// The text that is keyed (Standard Webhooks 1.0.0): id, `.`, timestamp, `.`, body.
pub fn signed_text(event: &EventId, at: Timestamp, body: &[u8]) -> Vec<u8> {
    [format!("{event}.{}.", at.0).as_bytes(), body].concat()
}

/// Furthest a receiver lets the timestamp lie from its own clock, in seconds (Standard Webhooks 1.0.0).
pub const TOLERANCE_S: u64 = 300;

/// Whether a receiver with `key` takes these headers and this body at `now`: one item of the list signs them, and the
/// timestamp is not further than [`TOLERANCE_S`] away (Standard Webhooks 1.0.0).
pub fn verify(event: &EventId, at: Timestamp, body: &[u8], signatures: &str, key: &SigningKey, now: Timestamp) -> bool {
    let ours = item(event, at, body, key);
    let is_signed = signatures.split(' ').fold(false, |found, theirs| sign::same(&ours, theirs) | found);
    is_signed && at.0.abs_diff(now.0) <= TOLERANCE_S
}

/// `v1,` and the padded base64 of HMAC-SHA256(key, [`signed_text`]).
fn item(event: &EventId, at: Timestamp, body: &[u8], key: &SigningKey) -> String {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key.expose()).expect("HMAC takes a key of any length");
    mac.update(&signed_text(event, at, body));
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests;
