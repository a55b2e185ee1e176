//! What waits to be told, and what came of telling it.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{AppId, EventId, Millis, NotifyUrl, Protocol};

/// Longest body, in bytes: rows of the store stay under 4 KiB.
pub const BODY_BYTES_MAX: usize = 2560;
/// Longest kept excerpt of a receiver's answer, in bytes.
pub const EXCERPT_BYTES_MAX: usize = 1024;

/// One app's receiver: a lane of its own, so that one slow receiver delays only himself. A receiver is scheme, host and
/// port: an order's own path or query (`/paid?order=17`) does not make another one, or a slow shop with a thousand
/// orders would hold a thousand lanes and all attempts under way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub [u8; 8]);

impl EndpointId {
    /// The lane of `app` and the receiver in `url`.
    pub fn of(app: &AppId, url: &NotifyUrl) -> Self {
        let digest = Sha256::new().chain_update(app.as_str()).chain_update([0]).chain_update(url.receiver()).finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self(id)
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The place of an event among all events of a store, from 1, without gaps, in the order of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct EventPlace(pub u64);

impl EventPlace {
    /// The next place.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationState {
    /// Held until the version before it is settled.
    Waiting,
    /// To be sent at this time or later.
    Due(Millis),
    /// Acknowledged.
    Delivered(Millis),
    /// Out of attempts; kept until a person decides.
    DeadLetter(Millis),
}

/// One event for one endpoint: a row of the outbox, with the bytes that are signed and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The event; also the receiver's idempotency key.
    pub id: EventId,
    /// Its place among all events, in the order of commits.
    pub place: EventPlace,
    /// Who is told.
    pub app: AppId,
    /// Where.
    pub url: NotifyUrl,
    /// How.
    pub protocol: Protocol,
    /// The body, written once.
    pub body: Vec<u8>,
    /// When the fact was committed.
    pub created: Millis,
    /// Attempts made so far.
    pub attempts: AttemptNo,
    /// Where it stands.
    pub state: NotificationState,
    /// The event that must be settled first.
    pub after: Option<EventId>,
    /// The next version of the same deposit, if there is one already.
    pub then: Option<EventId>,
}

impl Notification {
    /// Its lane.
    pub fn endpoint(&self) -> EndpointId {
        EndpointId::of(&self.app, &self.url)
    }

    /// When it is due, if it is.
    pub fn due(&self) -> Option<Millis> {
        match self.state {
            NotificationState::Due(at) => Some(at),
            NotificationState::Waiting | NotificationState::Delivered(_) | NotificationState::DeadLetter(_) => None,
        }
    }

    /// Whether nothing more will be sent unless a person asks.
    pub fn is_settled(&self) -> bool {
        matches!(self.state, NotificationState::Delivered(_) | NotificationState::DeadLetter(_))
    }
}

/// Counts attempts: 0 before the first, 1 for the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct AttemptNo(pub u32);

impl AttemptNo {
    /// The next attempt.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// What came back from one POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The protocol's acknowledgement.
    Accepted,
    /// 410: the endpoint is gone for good.
    Gone,
    /// An answer that is no acknowledgement. `retry_after_s`: the receiver's wish; `slow_down`: 429, 502, 503 or 504.
    Refused {
        /// Seconds the receiver asked us to wait.
        retry_after_s: Option<u64>,
        /// Whether the status asks for at least a minute.
        slow_down: bool,
    },
    /// No answer: DNS, connect, TLS, timeout, broken body.
    Unreachable,
    /// The egress guard did not let us go there.
    Blocked,
}

impl Outcome {
    /// The word used in metrics and answers.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Gone => "gone",
            Self::Refused { .. } => "refused",
            Self::Unreachable => "unreachable",
            Self::Blocked => "blocked",
        }
    }
}

/// One POST and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The event.
    pub event: EventId,
    /// Which attempt, from 1.
    pub number: AttemptNo,
    /// When it began.
    pub started: Millis,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// HTTP status, if one came.
    pub status: Option<u16>,
    /// What it means.
    pub outcome: Outcome,
    /// Why, in words that hold no secret.
    pub detail: String,
    /// The beginning of the answer, at most [`EXCERPT_BYTES_MAX`] bytes, control characters escaped.
    pub excerpt: String,
}

/// What we do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Told.
    Delivered,
    /// Not yet: again at this time.
    RetryAt(Millis),
    /// Out of attempts, or the receiver is gone.
    DeadLetter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_an_app_and_a_receiver_whatever_the_path() {
        let lane =
            |app: &str, url: &str| EndpointId::of(&app.parse().unwrap(), &NotifyUrl::checked(url.to_owned()).unwrap());
        let shop = lane("shop", "https://shop.example/paid");
        for same in ["https://shop.example/", "https://shop.example/paid?order=17", "https://shop.example/a/b//c"] {
            assert_eq!(lane("shop", same), shop, "{same}");
        }
        for other in ["https://shop.example:8443/paid", "http://shop.example/paid", "https://b.shop.example/paid"] {
            assert_ne!(lane("shop", other), shop, "{other}");
        }
        assert_ne!(lane("other", "https://shop.example/paid"), shop);
    }
}
