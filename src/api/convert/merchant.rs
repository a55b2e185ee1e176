//! How an app is told: its protocol with its switches, the news it wants, the URLs of its orders.

use super::{Form, UrlCheck};
use crate::{
    api::proto::v1,
    domain::{News, NotifyUrl, Protocol, V1Format, V1Scheme, V2Sign},
};

impl Form {
    /// The protocol a request names, with its switches; `known`: what the app has. A switch that is not said stays as it is
    /// where the protocol does, and is the default elsewhere. `None`: refused.
    pub(in crate::api) fn protocol(
        &mut self,
        number: i32,
        options: Option<&v1::ProtocolOptions>,
        known: Option<Protocol>,
    ) -> Option<Protocol> {
        let before = self.refused();
        let [standard, first, second, udun, usdtcnpay] = Protocol::ALL;
        let named = match v1::Protocol::try_from(number) {
            Ok(v1::Protocol::Unspecified) => known.unwrap_or(standard),
            Ok(v1::Protocol::StandardWebhooks) => standard,
            Ok(v1::Protocol::CrossingpayV1) => first,
            Ok(v1::Protocol::CrossingpayV2) => second,
            Ok(v1::Protocol::Udun) => udun,
            Ok(v1::Protocol::Usdtcnpay) => usdtcnpay,
            Err(_) => {
                self.refuse("protocol", "PROTOCOL_UNKNOWN", format!("{number} is no protocol"));
                return None;
            }
        };
        let base = known.filter(|known| known.word() == named.word()).unwrap_or(named);
        let asked = options.copied().unwrap_or_default();
        let (scheme, format, sign) = (self.scheme(asked), self.format(asked), self.sign(asked));
        let fitting: &[&str] = match base {
            Protocol::CrossingPayV1 { .. } => &["v1_scheme", "v1_format"],
            Protocol::CrossingPayV2 { .. } => &["v2_sign"],
            Protocol::StandardWebhooks | Protocol::Udun | Protocol::Usdtcnpay => &[],
        };
        let given = [("v1_scheme", scheme.is_some()), ("v1_format", format.is_some()), ("v2_sign", sign.is_some())];
        for (field, _) in given.into_iter().filter(|(field, is_given)| *is_given && !fitting.contains(field)) {
            let text = format!("is no switch of {}", base.word());
            self.refuse(&format!("protocol_options.{field}"), "OPTION_OF_ANOTHER_PROTOCOL", text);
        }
        let protocol = match base {
            Protocol::CrossingPayV1 { scheme: scheme_known, format: format_known } => Protocol::CrossingPayV1 {
                scheme: scheme.unwrap_or(scheme_known),
                format: format.unwrap_or(format_known),
            },
            Protocol::CrossingPayV2 { sign: known } => Protocol::CrossingPayV2 { sign: sign.unwrap_or(known) },
            Protocol::StandardWebhooks | Protocol::Udun | Protocol::Usdtcnpay => base,
        };
        (self.refused() == before).then_some(protocol)
    }

    fn scheme(&mut self, asked: v1::ProtocolOptions) -> Option<V1Scheme> {
        match v1::V1Scheme::try_from(asked.v1_scheme) {
            Ok(v1::V1Scheme::Unspecified) => None,
            Ok(v1::V1Scheme::HmacSha256Sorted) => Some(V1Scheme::HmacSha256Sorted),
            Ok(v1::V1Scheme::Sha1KvUpper) => Some(V1Scheme::Sha1KvUpper),
            Err(_) => self.no_option("v1_scheme", asked.v1_scheme),
        }
    }

    fn format(&mut self, asked: v1::ProtocolOptions) -> Option<V1Format> {
        match v1::V1Format::try_from(asked.v1_format) {
            Ok(v1::V1Format::Unspecified) => None,
            Ok(v1::V1Format::Form) => Some(V1Format::Form),
            Ok(v1::V1Format::Json) => Some(V1Format::Json),
            Err(_) => self.no_option("v1_format", asked.v1_format),
        }
    }

    fn sign(&mut self, asked: v1::ProtocolOptions) -> Option<V2Sign> {
        match v1::V2Sign::try_from(asked.v2_sign) {
            Ok(v1::V2Sign::Unspecified) => None,
            Ok(v1::V2Sign::A) => Some(V2Sign::A),
            Ok(v1::V2Sign::B) => Some(V2Sign::B),
            Err(_) => self.no_option("v2_sign", asked.v2_sign),
        }
    }

    fn no_option<T>(&mut self, field: &str, number: i32) -> Option<T> {
        self.refuse(&format!("protocol_options.{field}"), "OPTION_UNKNOWN", format!("{number} is none of its values"));
        None
    }

    /// A URL of an order's own; `None` also if none is named.
    pub(in crate::api) fn own_url(
        &mut self,
        field: &str,
        check: &UrlCheck,
        text: &str,
        hosts: &[String],
    ) -> Option<NotifyUrl> {
        if text.is_empty() {
            return None;
        }
        let checked = check(text, hosts);
        checked.map_err(|(reason, why)| self.refuse(field, &reason.to_ascii_uppercase(), why)).ok()
    }
}

/// The news a request asks for; what it does not say is as in `known`.
pub(in crate::api) fn news(asked: Option<&v1::News>, known: News) -> News {
    let asked = asked.copied().unwrap_or_default();
    News {
        detected: asked.detected.unwrap_or(known.detected),
        unmatched: asked.unmatched.unwrap_or(known.unmatched),
        expired: asked.expired.unwrap_or(known.expired),
        cancelled: asked.cancelled.unwrap_or(known.cancelled),
    }
}

/// News as they are answered.
pub(in crate::api) fn news_answer(news: News) -> v1::News {
    let News { detected, unmatched, expired, cancelled } = news;
    v1::News {
        detected: Some(detected),
        unmatched: Some(unmatched),
        expired: Some(expired),
        cancelled: Some(cancelled),
    }
}

/// A protocol as it is answered.
pub(in crate::api) fn protocol_answer(protocol: Protocol) -> (v1::Protocol, v1::ProtocolOptions) {
    let mut options = v1::ProtocolOptions::default();
    let named = match protocol {
        Protocol::StandardWebhooks => v1::Protocol::StandardWebhooks,
        Protocol::CrossingPayV1 { scheme, format } => {
            options.set_v1_scheme(match scheme {
                V1Scheme::HmacSha256Sorted => v1::V1Scheme::HmacSha256Sorted,
                V1Scheme::Sha1KvUpper => v1::V1Scheme::Sha1KvUpper,
            });
            options.set_v1_format(match format {
                V1Format::Form => v1::V1Format::Form,
                V1Format::Json => v1::V1Format::Json,
            });
            v1::Protocol::CrossingpayV1
        }
        Protocol::CrossingPayV2 { sign } => {
            options.set_v2_sign(match sign {
                V2Sign::A => v1::V2Sign::A,
                V2Sign::B => v1::V2Sign::B,
            });
            v1::Protocol::CrossingpayV2
        }
        Protocol::Udun => v1::Protocol::Udun,
        Protocol::Usdtcnpay => v1::Protocol::Usdtcnpay,
    };
    (named, options)
}

#[cfg(test)]
mod tests;
