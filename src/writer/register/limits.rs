//! What the callback of an app's protocol can carry, and nobody can read in two ways.

use crate::{
    domain::{App, Protocol, V1Scheme, V2Sign},
    writer::handle::{NewOrder, Refusal},
};

/// Longest order id, mark and username of the older protocols, in characters (protocols.md B.1, E).
const CHARS_MAX: usize = 50;
/// Names of CrossingPay V1's parameters (B.2). The callback's `t` is not among them: its value is digits, so a text before
/// it cannot move the cut.
const V1_NAMES: [&str; 8] =
    ["appid", "username", "localusermark", "address", "orderid", "amount", "notify_url", "sign"];

/// Refuses an app whose own name its callbacks could not carry: under V1 SHA1 names and values stand without separators.
///
/// # Errors
/// [`Refusal::Invalid`], naming the field.
pub(in crate::writer) fn app(app: &App) -> Result<(), Refusal> {
    match app.protocol {
        Protocol::CrossingPayV1 { scheme: V1Scheme::Sha1KvUpper, .. } => {
            without(&[("app_id", Some(app.id.as_str()))], app.protocol, &V1_NAMES)
        }
        Protocol::StandardWebhooks
        | Protocol::CrossingPayV1 { .. }
        | Protocol::CrossingPayV2 { .. }
        | Protocol::Udun
        | Protocol::Usdtcnpay => Ok(()),
    }
}

/// Refuses an order whose app could not be told of its payment, or not so that it can be trusted.
///
/// # Errors
/// [`Refusal::Invalid`], naming the field.
pub(super) fn order(new: &NewOrder, protocol: Protocol) -> Result<(), Refusal> {
    if new.fail_url.is_some() && protocol != Protocol::Usdtcnpay {
        return Err(refused("fail_url", protocol, "has no such call, only usdtcnpay has"));
    }
    let texts = [
        ("order_id", Some(new.id.as_str())),
        ("user_mark", Some(new.user_mark.as_str())),
        ("username", new.username.as_deref()),
    ];
    match protocol {
        Protocol::StandardWebhooks | Protocol::Udun => Ok(()),
        Protocol::Usdtcnpay => {
            short(&texts[..1], protocol)?;
            without(&texts[..1], protocol, &["&"])
        }
        Protocol::CrossingPayV1 { scheme, .. } => {
            short(&texts, protocol)?;
            match scheme {
                V1Scheme::HmacSha256Sorted => without(&texts, protocol, &["&"]),
                V1Scheme::Sha1KvUpper => without(&texts, protocol, &V1_NAMES),
            }
        }
        Protocol::CrossingPayV2 { sign } => {
            if sign == V2Sign::A && new.username.is_none() {
                return Err(refused("username", protocol, "signs it under option A: it must be given"));
            }
            short(&texts, protocol)?;
            without(&texts, protocol, &["|"])
        }
    }
}

type Text<'a> = (&'a str, Option<&'a str>);

fn short(texts: &[Text<'_>], protocol: Protocol) -> Result<(), Refusal> {
    let fits = |text: &str| (1..=CHARS_MAX).contains(&text.chars().count());
    match texts.iter().find(|(_, text)| text.is_some_and(|text| !fits(text))) {
        Some((field, _)) => Err(refused(field, protocol, &format!("carries 1 to {CHARS_MAX} characters"))),
        None => Ok(()),
    }
}

/// Refuses what would move the cuts between the signed values.
fn without(texts: &[Text<'_>], protocol: Protocol, marks: &[&str]) -> Result<(), Refusal> {
    for (field, text) in texts {
        if let Some(mark) = marks.iter().find(|mark| text.is_some_and(|text| text.contains(**mark))) {
            return Err(refused(field, protocol, &format!("cannot sign a text with {mark:?} in it unmistakably")));
        }
    }
    Ok(())
}

fn refused(field: &str, protocol: Protocol, why: &str) -> Refusal {
    Refusal::Invalid(format!("{field}: the app is told by {}, which {why}", protocol.word()))
}

#[cfg(test)]
mod tests;
