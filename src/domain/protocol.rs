//! How a merchant is told: the protocol of his app, with its switches. Never guessed, always chosen.

use std::fmt;

/// How the V1 signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum V1Scheme {
    /// HMAC-SHA256 over the sorted parameters, `name=value` joined by `&`.
    #[default]
    HmacSha256Sorted,
    /// SHA1 over the sorted names and values without separators, then the secret.
    Sha1KvUpper,
}

impl V1Scheme {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::HmacSha256Sorted, Self::Sha1KvUpper];

    /// The word used in exports and the audit log.
    pub fn word(self) -> &'static str {
        match self {
            Self::HmacSha256Sorted => "hmac_sha256_sorted",
            Self::Sha1KvUpper => "sha1_kv_upper",
        }
    }
}

/// How the V1 callback's body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum V1Format {
    /// As a browser writes a form.
    #[default]
    Form,
    /// The same keys as JSON, all texts.
    Json,
}

impl V1Format {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Form, Self::Json];

    /// The word used in exports and the audit log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Json => "json",
        }
    }
}

/// What the V2 callback's signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum V2Sign {
    /// The order's own username and address too.
    #[default]
    A,
    /// What is in the body.
    B,
}

impl V2Sign {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The word used in exports and the audit log.
    pub fn word(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// How an app is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Standard Webhooks 1.0.0.
    StandardWebhooks,
    /// CrossingPay V1.
    CrossingPayV1 {
        /// Its signature.
        scheme: V1Scheme,
        /// Its body.
        format: V1Format,
    },
    /// CrossingPay V2.
    CrossingPayV2 {
        /// Its signature.
        sign: V2Sign,
    },
    /// The Udun (BiPay) wallet gateway.
    Udun,
    /// USDTCNPAY: a call to the success or the fail URL.
    Usdtcnpay,
}

impl Protocol {
    /// Every protocol with its default switches.
    pub const ALL: [Self; 5] = [
        Self::StandardWebhooks,
        Self::CrossingPayV1 { scheme: V1Scheme::HmacSha256Sorted, format: V1Format::Form },
        Self::CrossingPayV2 { sign: V2Sign::A },
        Self::Udun,
        Self::Usdtcnpay,
    ];

    /// The word used in metrics, answers and configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::StandardWebhooks => "standard-webhooks",
            Self::CrossingPayV1 { .. } => "crossingpay-v1",
            Self::CrossingPayV2 { .. } => "crossingpay-v2",
            Self::Udun => "udun",
            Self::Usdtcnpay => "usdtcnpay",
        }
    }

    /// Whether it is told of orders only: it has no words for a deposit that belongs to none.
    pub fn is_told_by_order(self) -> bool {
        match self {
            Self::CrossingPayV1 { .. } | Self::CrossingPayV2 { .. } | Self::Usdtcnpay => true,
            Self::StandardWebhooks | Self::Udun => false,
        }
    }

    /// Whether its secrets are texts that merchants type, and not bytes behind `whsec_`.
    pub fn has_text_secret(self) -> bool {
        self != Self::StandardWebhooks
    }

    /// Whether a receiver can tell a newer version of a deposit from an older one. Where he cannot, the last word that
    /// reaches him is the one he believes.
    pub fn says_version(self) -> bool {
        self == Self::StandardWebhooks
    }

    /// Whether both live keys sign during a rotation; the others carry one signature, made with the newest key.
    pub fn carries_several_signatures(self) -> bool {
        self == Self::StandardWebhooks
    }
}

impl fmt::Display for Protocol {
    /// Its word, and its switches where it has some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::CrossingPayV1 { scheme, format } => write!(f, " ({}, {})", scheme.word(), format.word()),
            Self::CrossingPayV2 { sign } => write!(f, " (sign {})", sign.word()),
            Self::StandardWebhooks | Self::Udun | Self::Usdtcnpay => Ok(()),
        }
    }
}
