//! Udun (BiPay): a form with a JSON body, MD5 over body, key, nonce and time.
//!
//! Sources: protocols.md 0, D.1, D.3, R C24 to C27 (guide 002).

use serde::Serialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    Request,
    sign::{self, Refusal},
    wire,
};
use crate::{
    delivery::fact::Fact,
    domain::{EventKind, Millis, SigningKey, Trade},
};

/// The smallest number, and how many there are.
const TRADE_IDS: (u64, u64) = (1_000_000_000_000_000_000, 8_000_000_000_000_000_000);

/// What Udun calls a deposit: 10^18 + (first 8 bytes of SHA-256(deposit id), big-endian, mod 8 * 10^18), 19 digits.
pub fn trade_id(deposit: &str) -> u64 {
    let digest = Sha256::digest(deposit.as_bytes());
    let first = digest.iter().take(8).fold(0, |bits, byte| (bits << 8) | u64::from(*byte));
    TRADE_IDS.0 + first % TRADE_IDS.1
}

/// The number to try when that one is taken.
pub fn next_trade_id(taken: u64) -> u64 {
    TRADE_IDS.0 + (taken.saturating_sub(TRADE_IDS.0) + 1) % TRADE_IDS.1
}

/// What an envelope carries, all as texts; `body` exactly as decoded from it, never written anew (protocols.md D.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The inner body.
    pub body: &'a str,
    /// The number used once.
    pub nonce: &'a str,
    /// Unix seconds or milliseconds.
    pub timestamp: &'a str,
}

/// The text that is hashed: body, key, nonce and time without separators (protocols.md D.1).
pub fn signed_text(envelope: &Envelope<'_>, key: &SigningKey) -> Zeroizing<Vec<u8>> {
    let Envelope { body, nonce, timestamp } = envelope;
    Zeroizing::new([body.as_bytes(), key.expose(), nonce.as_bytes(), timestamp.as_bytes()].concat())
}

/// The sign of an envelope, either way: lower-case hex of MD5 (protocols.md D.1).
pub fn request_sign(envelope: &Envelope<'_>, key: &SigningKey) -> String {
    sign::md5(&signed_text(envelope, key))
}

/// Whether `presented` signs `envelope` under one of `keys`, and the borders within the signed text are where they must be
/// (protocols.md D.1, steps 1 and 4).
///
/// # Errors
/// [`Refusal::Malformed`]: a timestamp of other than 10 or 13 digits, a nonce other than 1 to 32 of `[A-Za-z0-9]`, a sign
/// other than 32 lower-case hex digits. [`Refusal::Sign`]: another signature.
pub fn verify_request(envelope: &Envelope<'_>, presented: &str, keys: &[&SigningKey]) -> Result<(), Refusal> {
    let Envelope { nonce, timestamp, .. } = envelope;
    let is_time = matches!(timestamp.len(), 10 | 13) && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let is_nonce = (1..=32).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_sign = presented.len() == 32 && presented.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !(is_time && is_nonce && is_sign) {
        return Err(Refusal::Malformed);
    }
    if sign::any(keys, presented, |key| request_sign(envelope, key)) { Ok(()) } else { Err(Refusal::Sign) }
}

/// The inner body of a callback. The order of these fields, which is the alphabet's, is the order of the keys.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inner<'a> {
    address: &'a str,
    amount: String,
    block_high: String,
    coin_type: &'a str,
    decimals: String,
    fee: &'static str,
    main_coin_type: String,
    memo: &'static str,
    status: u8,
    trade_id: String,
    trade_type: u8,
    tx_id: &'a str,
}

/// What a deposit's callback says (protocols.md D.3): base units, final, no fee on the receiver's side. `None` for
/// anything but a credit.
pub fn inner(fact: &Fact, trade: Trade) -> Option<String> {
    /// Done (R C25).
    const DONE: u8 = 3;
    /// A deposit and not a payout (R C25).
    const DEPOSIT: u8 = 1;
    let deposit = fact.deposit.as_ref().filter(|_| fact.is(EventKind::Confirmed))?;
    let inner = Inner {
        address: &fact.address,
        amount: deposit.amount.to_string(),
        block_high: deposit.height.to_string(),
        coin_type: &deposit.contract,
        decimals: deposit.decimals.get().to_string(),
        fee: "0",
        main_coin_type: trade.main_coin.to_string(),
        memo: "",
        status: DONE,
        trade_id: trade.id.to_string(),
        trade_type: DEPOSIT,
        tx_id: &deposit.tx_hash,
    };
    Some(serde_json::to_string(&inner).expect("a struct of texts and numbers always has a JSON form"))
}

/// A callback with this inner body at `at` (protocols.md D.3).
pub fn callback(inner: &str, nonce: &str, at: Millis, key: &SigningKey) -> Request {
    let timestamp = at.0.to_string();
    let sign = request_sign(&Envelope { body: inner, nonce, timestamp: &timestamp }, key);
    let body = wire::form(&[("body", inner), ("nonce", nonce), ("sign", &sign), ("timestamp", &timestamp)]);
    Request { content_type: wire::FORM, headers: vec![], body }
}

/// HTTP 200, whatever the body (protocols.md D.3, R C24).
pub fn acknowledges(status: u16) -> bool {
    status == 200
}
