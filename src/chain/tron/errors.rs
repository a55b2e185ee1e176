//! What an answer means that is no answer: nodes say nearly everything with status 200.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chain::{
    Doubt,
    http::{Answer, clean, doubt_of_status},
};

/// Longer answers are not searched for errors.
const ERROR_BYTES_MAX: usize = 16 * 1024;
/// How long an endpoint rests whose daily quota is used up, in milliseconds: it may come back at any full hour.
const QUOTA_REST_MS: u64 = 3_600_000;
/// Longest suspension that is believed, in seconds.
const SUSPENDED_SECONDS_MAX: u64 = 3600;
/// What a node says that keeps no history, as plain text.
const LITE_NODE: &str = "this api is closed because this node is a lite fullnode";

#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow, rename = "Error")]
    error: Option<&'a RawValue>,
}

/// Whether this answer is an error, whatever was asked; `method` is the path of the call.
pub(super) fn doubt_of(method: &'static str, answer: &Answer) -> Option<Doubt> {
    if let Some(doubt) = limited(answer) {
        return Some(doubt);
    }
    let text = text_of(&answer.body);
    let said = text.as_deref().map(clean).unwrap_or_default();
    if answer.status == 404 {
        return Some(Doubt::Refused { method, code: 404, message: not_served(method, &said) });
    }
    if let Some(doubt) = doubt_of_status(method, answer) {
        return Some(with_text(doubt, &said));
    }
    let text = text?;
    if text.to_lowercase().contains(LITE_NODE) {
        let message = "this is a lite node, which keeps no history: ask a full node".to_owned();
        return Some(Doubt::Refused { method, code: i64::from(answer.status), message });
    }
    let what = match answer.body.trim_ascii().first() {
        Some(b'{') => return Some(Doubt::Refused { method, code: i64::from(answer.status), message: said }),
        None => "an empty body".to_owned(),
        Some(b'<') => "HTML instead of JSON".to_owned(),
        Some(_) => format!("not JSON: {}", said.chars().take(80).collect::<String>()),
    };
    Some(Doubt::Malformed { method, what })
}

/// What an answer says about asking too often, whatever its status.
pub(super) fn limited(answer: &Answer) -> Option<Doubt> {
    throttled(&text_of(&answer.body)?, answer.retry_after_ms)
}

/// The text of an answer that is no JSON list or object, or the text under `Error` in one.
fn text_of(body: &[u8]) -> Option<Cow<'_, str>> {
    let body = body.trim_ascii();
    let beginning = || String::from_utf8_lossy(body.get(..ERROR_BYTES_MAX).unwrap_or(body));
    match body.first() {
        Some(b'[') => None,
        Some(b'{') if body.len() > ERROR_BYTES_MAX => None,
        Some(b'{') => {
            let error = serde_json::from_slice::<ErrorBody<'_>>(body).ok()?.error?.get();
            Some(serde_json::from_str::<String>(error).map_or(Cow::Borrowed(error), Cow::Owned))
        }
        _ => Some(beginning()),
    }
}

/// What an error text says about asking too often, whatever the status.
fn throttled(text: &str, retry_after_ms: Option<u64>) -> Option<Doubt> {
    let lower = text.to_lowercase();
    let rest_ms = if lower.contains("daily usage") {
        Some(QUOTA_REST_MS)
    } else if lower.contains("allowed_rps") {
        suspended_ms(&lower)
    } else if lower.contains("lack of computing resources") {
        None
    } else {
        return None;
    };
    Some(Doubt::Throttled { what: clean(text), retry_after_ms: rest_ms.max(retry_after_ms) })
}

/// The pause in `… is suspended for 5 s`.
fn suspended_ms(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("suspended for ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let seconds: u64 = digits.parse().ok()?;
    Some(seconds.min(SUSPENDED_SECONDS_MAX) * 1000)
}

/// Why a path is not there: switched off by the node, or not this port's.
fn not_served(method: &str, said: &str) -> String {
    if said.contains("due to config") {
        return format!("{method} is switched off in the node's configuration");
    }
    if method.starts_with("/walletsolidity/") {
        return format!("{method} is not served here; a node of one's own serves it on another port, usually 8091");
    }
    format!("{method} is not served here; is it the node's HTTP port, usually 8090?")
}

/// The same doubt with what the body says.
fn with_text(mut doubt: Doubt, said: &str) -> Doubt {
    if said.is_empty() {
        return doubt;
    }
    if let Doubt::Throttled { what, .. } = &mut doubt {
        *what = clean(&format!("{what}: {said}"));
    }
    if let Doubt::Refused { message, .. } = &mut doubt {
        said.clone_into(message);
    }
    doubt
}
