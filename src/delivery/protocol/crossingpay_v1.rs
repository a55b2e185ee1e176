//! CrossingPay V1: a form (or JSON), signed over its sorted parameters.
//!
//! Sources: protocols.md B.2, B.3, R C1 to C4 and C10 (guides 000 and 001).

use zeroize::Zeroizing;

use super::{
    Request,
    crossingpay::{self, Words},
    sign::{self, Refusal},
    wire,
};
use crate::domain::{SigningKey, Timestamp, V1Format, V1Scheme};

/// The parameters a SHA1 signature covers: all names a V1 request may have, but `sign` (protocols.md B.2).
pub const NAMES: [&str; 7] = ["username", "appid", "localusermark", "address", "orderid", "amount", "notify_url"];

/// The text that is hashed: all of `params` but `sign`, names in byte order. HMAC: `name=value` joined by `&`; SHA1: names
/// and values without any separator, then the secret (protocols.md B.2).
pub fn signed_text(scheme: V1Scheme, params: &[(&str, &str)], key: &SigningKey) -> Zeroizing<Vec<u8>> {
    let mut sorted: Vec<_> = params.iter().filter(|(name, _)| *name != "sign").collect();
    sorted.sort_unstable_by_key(|(name, _)| name.as_bytes());
    let mut text = Zeroizing::new(Vec::new());
    for (name, value) in sorted {
        match scheme {
            V1Scheme::HmacSha256Sorted => {
                let joint: &[u8] = if text.is_empty() { b"" } else { b"&" };
                text.extend([joint, name.as_bytes(), b"=", value.as_bytes()].concat());
            }
            V1Scheme::Sha1KvUpper => text.extend([name.as_bytes(), value.as_bytes()].concat()),
        }
    }
    if scheme == V1Scheme::Sha1KvUpper {
        text.extend_from_slice(key.expose());
    }
    text
}

fn digest(scheme: V1Scheme, params: &[(&str, &str)], key: &SigningKey) -> String {
    let text = signed_text(scheme, params, key);
    match scheme {
        V1Scheme::HmacSha256Sorted => sign::hmac_sha256(key, &text),
        V1Scheme::Sha1KvUpper => sign::sha1(&text),
    }
}

/// The sign of a request (protocols.md B.2), as clients send it: HMAC in lower case, SHA1 in upper case.
pub fn request_sign(scheme: V1Scheme, params: &[(&str, &str)], key: &SigningKey) -> String {
    let hex = digest(scheme, params, key);
    match scheme {
        V1Scheme::HmacSha256Sorted => hex,
        V1Scheme::Sha1KvUpper => hex.to_ascii_uppercase(),
    }
}

/// The sign of a callback: always upper case (protocols.md B.2, B.3).
pub fn callback_sign(scheme: V1Scheme, params: &[(&str, &str)], key: &SigningKey) -> String {
    digest(scheme, params, key).to_ascii_uppercase()
}

/// Whether `presented` (in either case) signs `params` under one of `keys`, and under no other cut of the same text
/// (protocols.md B.2).
///
/// # Errors
/// [`Refusal::Malformed`]: a name SHA1 does not cover, or one that holds a separator. [`Refusal::Sign`]: another
/// signature. [`Refusal::Field`]: HMAC: an `&` in a value other than `notify_url`; SHA1: the name of a parameter within
/// `localusermark`, `orderid` or `username`.
pub fn verify_request(
    scheme: V1Scheme,
    params: &[(&str, &str)],
    presented: &str,
    keys: &[&SigningKey],
) -> Result<(), Refusal> {
    let covered = || params.iter().filter(|(name, _)| *name != "sign");
    let is_known = |name: &str| match scheme {
        V1Scheme::HmacSha256Sorted => !name.is_empty() && !name.contains(['&', '=']),
        V1Scheme::Sha1KvUpper => NAMES.contains(&name),
    };
    if !covered().all(|(name, _)| is_known(name)) {
        return Err(Refusal::Malformed);
    }
    if !sign::any(keys, &presented.to_ascii_lowercase(), |key| digest(scheme, params, key)) {
        return Err(Refusal::Sign);
    }
    let moves_cut = |name: &str, value: &str| match scheme {
        V1Scheme::HmacSha256Sorted => name != "notify_url" && value.contains('&'),
        V1Scheme::Sha1KvUpper => {
            ["localusermark", "orderid", "username"].contains(&name) && NAMES.iter().any(|inner| value.contains(inner))
        }
    };
    match covered().find(|(name, value)| moves_cut(name, value)) {
        Some((name, _)) => Err(Refusal::Field((*name).to_owned())),
        None => Ok(()),
    }
}

/// The body of a callback at `at`, and its content type (protocols.md B.3).
pub fn callback(words: &Words, switches: (V1Scheme, V1Format), at: Timestamp, key: &SigningKey) -> Request {
    let (scheme, format) = switches;
    let t = at.0.to_string();
    let mut pairs = vec![
        ("orderid", words.orderid.as_str()),
        ("localusermark", &words.localusermark),
        ("amount", &words.amount),
        ("appid", &words.appid),
        ("t", &t),
    ];
    let sign = callback_sign(scheme, &pairs, key);
    pairs.push(("sign", &sign));
    let (content_type, body) = match format {
        V1Format::Form => (wire::FORM, wire::form(&pairs)),
        V1Format::Json => (wire::JSON, wire::json(&pairs)),
    };
    Request { content_type, headers: vec![], body }
}

/// HTTP 200 and `success` (protocols.md B.3, R C10).
pub fn acknowledges(status: u16, body: Option<&[u8]>) -> bool {
    crossingpay::acknowledges(status, body, &[b"success"])
}
