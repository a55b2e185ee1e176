//! Apps: one merchant integration each.

use std::{fmt, str::FromStr};

use super::{AmountPolicy, LiveKey, Millis, Protocol, StoredKey};

/// Longest app id, in bytes.
pub const APP_ID_BYTES_MAX: usize = 64;
/// Longest user mark or username, in characters.
pub const MARK_CHARS_MAX: usize = 64;
/// Longest notify URL, in bytes.
pub const NOTIFY_URL_BYTES_MAX: usize = 255;
/// Longest grace of an order, in seconds.
pub const GRACE_S_MAX: u32 = 86_400;
/// Most signing keys alive at once.
pub const SIGNING_KEYS_MAX: usize = 2;

/// Names an app: 1 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId(String);

impl AppId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not an app id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an app is named by 1 to {APP_ID_BYTES_MAX} characters of A-Z, a-z, 0-9, '_' and '-'")]
pub struct AppIdError;

impl FromStr for AppId {
    type Err = AppIdError;

    fn from_str(text: &str) -> Result<Self, AppIdError> {
        let fits = (1..=APP_ID_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err(AppIdError) }
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The gateway's own mark for a user; returned in every notification. May be empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct UserMark(String);

/// Why a text is not a mark, a username or an order id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Nothing in it.
    #[error("must not be empty")]
    Empty,
    /// More than the limit.
    #[error("must not be longer than {0} characters")]
    TooLong(usize),
    /// A control character.
    #[error("must not contain control characters")]
    Control,
}

/// Checks a free text: at most `chars_max` characters, no control characters.
pub(super) fn label(text: &str, chars_max: usize) -> Result<String, LabelError> {
    if text.chars().count() > chars_max {
        return Err(LabelError::TooLong(chars_max));
    }
    if text.chars().any(char::is_control) {
        return Err(LabelError::Control);
    }
    Ok(text.to_owned())
}

impl UserMark {
    /// Checks the text.
    ///
    /// # Errors
    /// Longer than [`MARK_CHARS_MAX`], or control characters.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        label(text, MARK_CHARS_MAX).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A receiver's URL whose form has been checked; whether it may be reached is the egress guard's decision.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotifyUrl(String);

impl NotifyUrl {
    /// Takes a URL that has been checked by the door it came through.
    pub fn checked(text: String) -> Option<Self> {
        (!text.is_empty() && text.len() <= NOTIFY_URL_BYTES_MAX).then_some(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port: what comes before the path.
    pub fn receiver(&self) -> &str {
        let end = self.0.match_indices('/').nth(2).map_or(self.0.len(), |(at, _)| at);
        &self.0[..end]
    }
}

impl fmt::Debug for NotifyUrl {
    /// Scheme and host only: paths carry tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.receiver())
    }
}

/// Which news an app is told beside credits and reversals, which nobody can switch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct News {
    /// `deposit.detected`; while it is off these events are not made.
    pub detected: bool,
    /// `deposit.unmatched`; while it is off these events are in the feed and not sent. So for those below.
    pub unmatched: bool,
    /// `order.expired`.
    pub expired: bool,
    /// `order.cancelled`.
    pub cancelled: bool,
}

impl Default for News {
    fn default() -> Self {
        Self { detected: false, unmatched: true, expired: true, cancelled: true }
    }
}

/// A merchant integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its name.
    pub id: AppId,
    /// How it is told.
    pub protocol: Protocol,
    /// What it is told beside money.
    pub news: News,
    /// Where it is told, unless an order names its own URL.
    pub notify_url: NotifyUrl,
    /// Hosts an order's own notify URL may name; the default URL's host is always among them.
    pub notify_hosts: Vec<String>,
    /// Newest first; at most [`SIGNING_KEYS_MAX`].
    pub keys: Vec<LiveKey>,
    /// What its orders do with another amount, unless they say so themselves.
    pub amount_policy: AmountPolicy,
    /// Seconds its orders wait beyond their expiry.
    pub grace_s: u32,
    /// When it was created.
    pub created: Millis,
}

impl App {
    /// The keys that sign at `now`, newest first.
    pub fn live_keys(&self, now: Millis) -> impl Iterator<Item = &StoredKey> {
        self.keys.iter().filter(move |live| live.until.is_none_or(|until| now < until)).map(|live| &live.key)
    }
}
