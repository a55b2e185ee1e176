//! CrossingPay V2: JSON, MD5 over values joined by `|`.
//!
//! Sources: protocols.md C.1, C.2, R C3 and C10 (guide 003).

use zeroize::Zeroizing;

use super::{
    Request,
    crossingpay::{self, Words},
    sign::{self, Refusal},
    wire,
};
use crate::domain::{SigningKey, Timestamp, V2Sign};

/// The signed fields of an order request, `amount` as the digits received (protocols.md C.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderFields<'a> {
    /// The app.
    pub appid: &'a str,
    /// The payer.
    pub username: &'a str,
    /// The user.
    pub localusermark: &'a str,
    /// Where he pays.
    pub address: &'a str,
    /// The order.
    pub orderid: &'a str,
    /// How much, times 10000.
    pub amount: &'a str,
}

impl<'a> OrderFields<'a> {
    /// Names and values in the order in which they are hashed.
    pub fn named(&self) -> [(&'static str, &'a str); 6] {
        [
            ("appid", self.appid),
            ("username", self.username),
            ("localusermark", self.localusermark),
            ("address", self.address),
            ("orderid", self.orderid),
            ("amount", self.amount),
        ]
    }
}

/// The text that is hashed: the values and then the secret, joined by `|` (protocols.md C.1).
pub fn signed_text(fields: &[(&str, &str)], key: &SigningKey) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::new());
    for (_, value) in fields {
        text.extend_from_slice(value.as_bytes());
        text.push(b'|');
    }
    text.extend_from_slice(key.expose());
    text
}

/// The sign of any fields, in this order: lower-case hex of MD5 (protocols.md C).
pub fn fields_sign(fields: &[(&str, &str)], key: &SigningKey) -> String {
    sign::md5(&signed_text(fields, key))
}

/// The sign of an order request (protocols.md C.1).
pub fn request_sign(fields: &OrderFields<'_>, key: &SigningKey) -> String {
    fields_sign(&fields.named(), key)
}

/// The signed fields of an order query, as they are hashed (protocols.md C.1).
pub fn query_fields<'a>(appid: &'a str, orderid: &'a str, t: &'a str) -> [(&'static str, &'a str); 3] {
    [("appid", appid), ("orderid", orderid), ("t", t)]
}

/// The sign of an order query (protocols.md C.1).
pub fn query_sign(appid: &str, orderid: &str, t: &str, key: &SigningKey) -> String {
    fields_sign(&query_fields(appid, orderid, t), key)
}

/// Whether `presented` signs `fields` (an order's or a query's) under one of `keys`: compared exactly, so blanks and upper
/// case are another signature (protocols.md C.1).
///
/// # Errors
/// [`Refusal::Sign`]: another signature. [`Refusal::Field`]: `|` in a value, which would move the cuts.
pub fn verify(fields: &[(&str, &str)], presented: &str, keys: &[&SigningKey]) -> Result<(), Refusal> {
    if !sign::any(keys, presented, |key| fields_sign(fields, key)) {
        return Err(Refusal::Sign);
    }
    match fields.iter().find(|(_, value)| value.contains('|')) {
        Some((name, _)) => Err(Refusal::Field((*name).to_owned())),
        None => Ok(()),
    }
}

/// What a callback's sign covers (protocols.md C.2): A: the order's own username and address too; B: what is in the body.
pub fn callback_fields<'a>(option: V2Sign, words: &'a Words, t: &'a str) -> Vec<(&'static str, &'a str)> {
    let mut fields = vec![("appid", words.appid.as_str())];
    if option == V2Sign::A {
        fields.push(("username", &words.username));
    }
    fields.push(("localusermark", &words.localusermark));
    if option == V2Sign::A {
        fields.push(("address", &words.address));
    }
    fields.extend([("orderid", words.orderid.as_str()), ("amount", &words.amount), ("t", t)]);
    fields
}

/// The body of a callback at `at` (protocols.md C.2).
pub fn callback(words: &Words, option: V2Sign, at: Timestamp, key: &SigningKey) -> Request {
    let t = at.0.to_string();
    let sign = fields_sign(&callback_fields(option, words, &t), key);
    let body = wire::json(&[
        ("orderid", &words.orderid),
        ("localusermark", &words.localusermark),
        ("amount", &words.amount),
        ("appid", &words.appid),
        ("t", &t),
        ("sign", &sign),
    ]);
    Request { content_type: wire::JSON, headers: vec![], body }
}

/// HTTP 200 and `success`, with or without double quotes: guide 003 prints it with them (protocols.md C.2).
pub fn acknowledges(status: u16, body: Option<&[u8]>) -> bool {
    crossingpay::acknowledges(status, body, &[b"success", b"\"success\""])
}
