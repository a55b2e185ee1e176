//! How the older protocols write their bodies and the headers beside them.

use super::Header;
use crate::delivery::fact::Fact;

/// Content type of [`form`].
pub const FORM: &str = "application/x-www-form-urlencoded";
/// Content type of [`json`].
pub const JSON: &str = "application/json";

/// Names and values as a browser writes a form (protocols.md B.3): `[A-Za-z0-9*._-]` plain, blank as `+`, the rest `%XX`
/// in upper case.
pub fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in pairs {
        if !body.is_empty() {
            body.push(b'&');
        }
        encode(name, &mut body);
        body.push(b'=');
        encode(value, &mut body);
    }
    body
}

fn encode(text: &str, body: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'.' | b'_' | b'-' => body.push(byte),
            b' ' => body.push(b'+'),
            _ => body.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
        }
    }
}

/// A JSON object of texts in this order, without blanks; only `"`, `\` and control characters are escaped.
pub fn json(pairs: &[(&str, &str)]) -> Vec<u8> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let members: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

/// The headers beside a B, C or D callback (protocols.md 0): outside its signature, so information only. A value that
/// could not stand in a header (anything but visible ASCII) is left out.
pub fn headers(fact: &Fact) -> Vec<Header> {
    let Some(deposit) = &fact.deposit else { return vec![] };
    let serial = fact.order.as_ref().and_then(|order| order.ordersn.clone());
    let all = [
        ("x-depositd-event-id", Some(fact.event_id.clone())),
        ("x-depositd-version", Some(fact.version.0.to_string())),
        ("x-depositd-network", Some(deposit.network.clone())),
        ("x-depositd-token", Some(deposit.contract.clone())),
        ("x-depositd-tx", Some(deposit.tx_hash.clone())),
        ("x-depositd-block-height", Some(deposit.height.to_string())),
        ("x-depositd-confirmations", Some(deposit.confirmations.to_string())),
        ("x-depositd-amount", Some(deposit.amount.to_string())),
        ("x-depositd-decimals", Some(deposit.decimals.get().to_string())),
        ("x-depositd-ordersn", serial),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| may_stand(value))?))).collect()
}

/// Whether a text may be the value of a header.
fn may_stand(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
