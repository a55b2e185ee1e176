//! Signing keys: as they sign, and as they are kept.

use std::fmt;

use zeroize::Zeroizing;

use super::{Millis, Protocol};

/// Shortest and longest key of Standard Webhooks 1.0.0, in bytes.
pub const SIGNING_KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Longest text of a secret that a merchant types, in bytes.
pub const TEXT_SECRET_BYTES_MAX: usize = 128;

/// A key notifications are signed with. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Zeroizing<Vec<u8>>);

impl SigningKey {
    /// The key of an app that is told by `protocol`: bytes within [`SIGNING_KEY_BYTES`], or a text of 1 to
    /// [`TEXT_SECRET_BYTES_MAX`] bytes without control characters. `None` for anything else.
    pub fn for_protocol(protocol: Protocol, bytes: Vec<u8>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        let fits = if protocol.has_text_secret() {
            let text = std::str::from_utf8(&bytes).ok()?;
            (1..=TEXT_SECRET_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
        } else {
            SIGNING_KEY_BYTES.contains(&bytes.len())
        };
        fits.then_some(Self(bytes))
    }

    /// A key whose form was checked when it came in.
    pub fn kept(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key itself, for signing and sealing.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// Bytes of a mark.
pub const MARK_BYTES: usize = 16;

/// A key as it is stored: closed under a master key of the host.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Names the master key it is closed under.
    pub master: [u8; 8],
    /// Tells keys apart: the same for the same key under the same master key, and says nothing without that.
    pub mark: [u8; MARK_BYTES],
    /// Drawn for each sealing.
    pub nonce: [u8; 12],
    /// The key, encrypted and authenticated together with the app's name.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedKey({})", hex::encode(&self.mark[..4]))
    }
}

/// A key in a row of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredKey {
    /// Closed.
    Sealed(SealedKey),
    /// As stores of schema 2 and older have it; sealed at the next start.
    Clear(SigningKey),
}

impl StoredKey {
    /// Eight hex digits to tell keys apart without showing them; `None` while it is not sealed.
    pub fn fingerprint(&self) -> Option<String> {
        match self {
            Self::Sealed(key) => Some(hex::encode(&key.mark[..4])),
            Self::Clear(_) => None,
        }
    }

    /// Whether both are the same key, under one master key.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sealed(one), Self::Sealed(two)) => one.master == two.master && one.mark == two.mark,
            (Self::Clear(one), Self::Clear(two)) => one == two,
            (Self::Sealed(_), Self::Clear(_)) | (Self::Clear(_), Self::Sealed(_)) => false,
        }
    }
}

/// A signing key and how long it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveKey {
    /// The key.
    pub key: StoredKey,
    /// When it stops signing; `None` for the current one.
    pub until: Option<Millis>,
}
