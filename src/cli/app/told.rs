//! How an app is told: its protocol, its switches, its news.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::show;
use crate::{
    api::proto::v1::{News, Protocol, ProtocolOptions, V1Format, V1Scheme, V2Sign},
    domain,
};

/// How an app is told; what is left out is the default on a new app and stays as it is on one that is there.
#[derive(Clone, Debug, Args)]
pub struct ToldArgs {
    /// How it is told
    #[arg(long, value_enum)]
    pub protocol: Option<ProtocolWord>,
    /// CrossingPay V1: how it is signed
    #[arg(long, value_enum)]
    pub v1_scheme: Option<SchemeWord>,
    /// CrossingPay V1: how the body is written
    #[arg(long, value_enum)]
    pub v1_format: Option<FormatWord>,
    /// CrossingPay V2: what is signed
    #[arg(long, value_enum)]
    pub v2_sign: Option<SignWord>,
    /// The news that are on beside credits and reversals, by comma; those that are not named are off
    #[arg(long, value_enum, value_delimiter = ',')]
    pub events: Vec<EventWord>,
}

/// How an app is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProtocolWord {
    /// Standard Webhooks 1.0.0
    StandardWebhooks,
    /// CrossingPay V1
    #[value(name = "crossingpay-v1")]
    CrossingPayV1,
    /// CrossingPay V2
    #[value(name = "crossingpay-v2")]
    CrossingPayV2,
    /// The Udun (BiPay) wallet gateway
    Udun,
    /// USDTCNPAY
    Usdtcnpay,
}

/// How CrossingPay V1 signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemeWord {
    /// HMAC-SHA256 over the sorted parameters
    #[value(name = "hmac-sha256-sorted", alias = "hmac_sha256_sorted")]
    HmacSha256Sorted,
    /// SHA1 over names and values, then the secret
    #[value(name = "sha1-kv-upper", alias = "sha1_kv_upper")]
    Sha1KvUpper,
}

/// How CrossingPay V1 writes its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatWord {
    /// As a browser writes a form
    Form,
    /// As JSON
    Json,
}

/// What CrossingPay V2 signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SignWord {
    /// The order's own username and address too
    A,
    /// What is in the body
    B,
}

/// News beside money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventWord {
    /// None of them
    None,
    /// deposit.detected
    Detected,
    /// deposit.unmatched
    Unmatched,
    /// order.expired
    Expired,
    /// order.cancelled
    Cancelled,
}

impl ToldArgs {
    /// The protocol, as the contract has it.
    pub(super) fn protocol(&self) -> Protocol {
        match self.protocol {
            None => Protocol::Unspecified,
            Some(ProtocolWord::StandardWebhooks) => Protocol::StandardWebhooks,
            Some(ProtocolWord::CrossingPayV1) => Protocol::CrossingpayV1,
            Some(ProtocolWord::CrossingPayV2) => Protocol::CrossingpayV2,
            Some(ProtocolWord::Udun) => Protocol::Udun,
            Some(ProtocolWord::Usdtcnpay) => Protocol::Usdtcnpay,
        }
    }

    /// Its switches; `None`: none is said.
    pub(super) fn options(&self) -> Option<ProtocolOptions> {
        let scheme = match self.v1_scheme {
            None => V1Scheme::Unspecified,
            Some(SchemeWord::HmacSha256Sorted) => V1Scheme::HmacSha256Sorted,
            Some(SchemeWord::Sha1KvUpper) => V1Scheme::Sha1KvUpper,
        };
        let format = match self.v1_format {
            None => V1Format::Unspecified,
            Some(FormatWord::Form) => V1Format::Form,
            Some(FormatWord::Json) => V1Format::Json,
        };
        let sign = match self.v2_sign {
            None => V2Sign::Unspecified,
            Some(SignWord::A) => V2Sign::A,
            Some(SignWord::B) => V2Sign::B,
        };
        let options = ProtocolOptions { v1_scheme: scheme.into(), v1_format: format.into(), v2_sign: sign.into() };
        (options != ProtocolOptions::default()).then_some(options)
    }

    /// The news; `None`: nothing is said of them.
    pub(super) fn news(&self) -> Option<News> {
        let is_on = |word| Some(self.events.contains(&word));
        (!self.events.is_empty()).then(|| News {
            detected: is_on(EventWord::Detected),
            unmatched: is_on(EventWord::Unmatched),
            expired: is_on(EventWord::Expired),
            cancelled: is_on(EventWord::Cancelled),
        })
    }
}

/// The switches that are set, for people.
pub(super) fn options_text(options: ProtocolOptions) -> String {
    let words = [
        show::word(options.v1_scheme().as_str_name(), "V1_SCHEME_"),
        show::word(options.v1_format().as_str_name(), "V1_FORMAT_"),
        show::word(options.v2_sign().as_str_name(), "V2_SIGN_"),
    ];
    words.iter().filter(|word| *word != "unspecified").map(|word| format!(" {word}")).collect()
}

/// The news that are on, for people.
pub(super) fn news_text(news: News) -> String {
    let on: Vec<&str> = flags(news).into_iter().filter(|(_, is_on)| *is_on).map(|(word, _)| word).collect();
    if on.is_empty() { "none".to_owned() } else { on.join(" ") }
}

/// The switches, for programs; `null` where the protocol has no such switch.
pub(super) fn options_json(options: ProtocolOptions) -> Value {
    let set = |name: &'static str| Some(name).filter(|name| !name.ends_with("_UNSPECIFIED"));
    json!({
        "v1_scheme": set(options.v1_scheme().as_str_name()),
        "v1_format": set(options.v1_format().as_str_name()),
        "v2_sign": set(options.v2_sign().as_str_name()),
    })
}

/// The news, for programs.
pub(super) fn news_json(news: News) -> Value {
    flags(news).into_iter().map(|(word, is_on)| (word.to_owned(), Value::Bool(is_on))).collect()
}

fn flags(news: News) -> [(&'static str, bool); 4] {
    [
        ("detected", news.detected()),
        ("unmatched", news.unmatched()),
        ("expired", news.expired()),
        ("cancelled", news.cancelled()),
    ]
}

/// The protocol whose secrets are of the same form.
pub(super) fn secret_form(protocol: Protocol) -> domain::Protocol {
    match protocol {
        Protocol::Unspecified | Protocol::StandardWebhooks => domain::Protocol::StandardWebhooks,
        Protocol::CrossingpayV1 | Protocol::CrossingpayV2 | Protocol::Udun | Protocol::Usdtcnpay => {
            domain::Protocol::Udun
        }
    }
}
