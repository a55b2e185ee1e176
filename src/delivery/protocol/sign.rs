//! The hashes the protocols sign with, and how a signature is compared.

use hmac::{Hmac, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::SigningKey;

/// Why a request is turned away by its signature, or by what would make the signature mean something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The envelope or a name in it has not the one form that is allowed.
    Malformed,
    /// The signature is not ours.
    Sign,
    /// The value of this field could be cut in another way under the same signature.
    Field(String),
}

impl Refusal {
    /// The `err` code of CrossingPay's answers (protocols.md B.1).
    pub fn crossingpay(&self) -> String {
        match self {
            Self::Malformed => "bad_request".to_owned(),
            Self::Sign => "sign_error".to_owned(),
            Self::Field(name) => format!("invalid_{name}"),
        }
    }

    /// The `code` of Udun's answers (protocols.md D.1, R C27).
    pub fn udun(&self) -> u16 {
        match self {
            Self::Malformed => 4162,
            Self::Sign => 4163,
            Self::Field(_) => 4005,
        }
    }
}

/// HMAC-SHA256(key, text), lower-case hex.
pub fn hmac_sha256(key: &SigningKey, text: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key.expose()).expect("HMAC takes a key of any length");
    mac.update(text);
    hex::encode(mac.finalize().into_bytes())
}

/// SHA1(text), lower-case hex.
pub fn sha1(text: &[u8]) -> String {
    hex::encode(Sha1::digest(text))
}

/// MD5(text), lower-case hex.
pub fn md5(text: &[u8]) -> String {
    hex::encode(Md5::digest(text))
}

/// Whether both are the same text; takes the same time wherever they differ.
pub fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Whether `presented` is what any of `keys` makes. All are tried, so the time does not tell which one it was.
pub fn any<'k>(keys: &[&'k SigningKey], presented: &str, made: impl Fn(&'k SigningKey) -> String) -> bool {
    keys.iter().fold(false, |found, key| same(&made(key), presented) | found)
}
