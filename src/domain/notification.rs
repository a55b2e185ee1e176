//! What waits to be told, and what came of telling it.

use std::net::IpAddr;

use super::{AppId, EndpointId, EventId, Millis, NotifyUrl, Protocol};

/// Longest body, in bytes: rows of the store stay under 4 KiB.
pub const BODY_BYTES_MAX: usize = 2560;
/// Attempts of one event that are kept: the last ones.
pub const ATTEMPTS_KEPT: u32 = 20;
/// Longest kept excerpt of a receiver's answer, in bytes.
pub const EXCERPT_BYTES_MAX: usize = 1024;

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
    /// Acknowledged before, and to be sent once more because a person asked; whatever comes of it, it stays delivered.
    Resend {
        /// When it was acknowledged.
        delivered: Millis,
        /// When it is due.
        due: Millis,
    },
    /// In the feed only, and nobody needs to know.
    Silent(Silence),
    /// Money that the app's protocol has no words for, or whose words would be wrong: in the feed, and a person has to
    /// tell the merchant. Since this time.
    Untold(Millis),
    /// A person has dealt with it by other means, or it was a test that is over.
    Closed(Millis),
}

/// Why an event is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// The app has switched this kind of news off.
    SwitchedOff,
    /// News that the app's protocol has no words for.
    NoWords,
    /// A credit taken back before anybody acknowledged it, or the taking back of one.
    Withdrawn,
    /// A credit that came back after it had been acknowledged, with the same amount.
    ToldBefore,
    /// Less than the protocol's smallest unit.
    Dust,
}

impl Silence {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::SwitchedOff, Self::NoWords, Self::Withdrawn, Self::ToldBefore, Self::Dust];

    /// The word used in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::SwitchedOff => "switched_off",
            Self::NoWords => "no_words",
            Self::Withdrawn => "withdrawn",
            Self::ToldBefore => "told_before",
            Self::Dust => "dust",
        }
    }
}

impl NotificationState {
    /// The word used in answers and filters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Due(_) => "due",
            Self::Delivered(_) => "delivered",
            Self::DeadLetter(_) => "dead_letter",
            Self::Resend { .. } => "resend",
            Self::Silent(_) => "silent",
            Self::Untold(_) => "untold",
            Self::Closed(_) => "closed",
        }
    }
}

/// What makes an attempt happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Trigger {
    /// The protocol's schedule.
    #[default]
    Schedule,
    /// A person asked for this event.
    Manual,
    /// A person asked for a range of events.
    Recover,
    /// A test.
    Test,
}

impl Trigger {
    /// The word used in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::Recover => "recover",
            Self::Test => "test",
        }
    }
}

/// What a Udun callback names a deposit by; fixed in the commit of the fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trade {
    /// The network's main coin, as SLIP-44 and Udun number it.
    pub main_coin: u32,
    /// 19 digits, unique in the store.
    pub id: u64,
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
    /// Attempts since its schedule began, or began again; those that found the receiver gone do not count.
    pub tries: u32,
    /// What the next attempt is made for.
    pub trigger: Trigger,
    /// How Udun names the deposit; `None` elsewhere.
    pub trade: Option<Trade>,
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
            NotificationState::Due(at) | NotificationState::Resend { due: at, .. } => Some(at),
            NotificationState::Waiting
            | NotificationState::Delivered(_)
            | NotificationState::DeadLetter(_)
            | NotificationState::Silent(_)
            | NotificationState::Untold(_)
            | NotificationState::Closed(_) => None,
        }
    }

    /// Whether the next version of the deposit need not wait for it any longer.
    pub fn is_settled(&self) -> bool {
        !matches!(self.state, NotificationState::Waiting | NotificationState::Due(_))
    }

    /// When a receiver acknowledged it, if one did.
    pub fn acknowledged(&self) -> Option<Millis> {
        match self.state {
            NotificationState::Delivered(at) | NotificationState::Resend { delivered: at, .. } => Some(at),
            NotificationState::Waiting
            | NotificationState::Due(_)
            | NotificationState::DeadLetter(_)
            | NotificationState::Silent(_)
            | NotificationState::Untold(_)
            | NotificationState::Closed(_) => None,
        }
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

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unreached {
    /// The name has no address, or its look-up failed.
    Dns,
    /// Nobody accepts connections there.
    Connect,
    /// No encrypted connection: certificate, name, version.
    Tls,
    /// Nothing, or not all of it, within the deadline.
    TimedOut,
    /// The connection ended before the answer did, or what came is not HTTP.
    Broken,
    /// The request could not be made.
    Request,
}

impl Unreached {
    /// The word used in metrics and answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken",
            Self::Request => "request",
        }
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
    /// No answer, or a broken one.
    Unreachable(Unreached),
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
            Self::Unreachable(_) => "unreachable",
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
    /// What made it happen.
    pub trigger: Trigger,
    /// Who answered, or was asked, as an address; absent where nobody was.
    pub peer: Option<IpAddr>,
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
    /// Out of attempts.
    DeadLetter,
    /// The receiver is gone for good: its endpoint is parked and the row is held, as if it had not been tried.
    Park,
}
