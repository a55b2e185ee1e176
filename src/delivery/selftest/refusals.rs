//! Vectors of what must be turned down: those that a signature, or the borders within a signed text, decide.

use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use super::{
    borrowed, equal, literal,
    signatures::{number, whsec},
    text, texts,
};
use crate::{
    delivery::protocol::{crossingpay_v1, crossingpay_v2, sign::Refusal, standard, udun},
    domain::{EventId, SigningKey, Timestamp, V1Scheme},
};

/// Refusals that no signature decides: the merchants' HTTP doors do, by content type, by duplicate names, by the form of a
/// field, by remembering envelopes.
pub const LEFT_TO_DOORS: [&str; 18] = [
    "refuse-03",
    "refuse-05",
    "refuse-06",
    "refuse-07",
    "refuse-08",
    "refuse-09",
    "refuse-10",
    "refuse-11",
    "refuse-14",
    "refuse-15",
    "refuse-16",
    "refuse-17",
    "refuse-18",
    "refuse-19",
    "refuse-20",
    "refuse-21",
    "refuse-28",
    "refuse-29",
];

/// One vector.
#[derive(Deserialize)]
pub(super) struct Refused {
    id: String,
    scheme: String,
    secret: String,
    presented: Value,
    answer: String,
}

impl Refused {
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn check(refused: &Refused) -> Result<(), String> {
    let body = text(&refused.presented, "body")?;
    let key = SigningKey::kept(refused.secret.clone().into_bytes());
    let answer = match refused.scheme.as_str() {
        "crossingpay_v1_hmac_request" => v1(V1Scheme::HmacSha256Sorted, body, &key)?.crossingpay(),
        "crossingpay_v1_sha1_request" => v1(V1Scheme::Sha1KvUpper, body, &key)?.crossingpay(),
        "crossingpay_v2_md5_request" => v2(body, &key)?.crossingpay(),
        "udun_envelope" => udun_envelope(body, &key)?.udun().to_string(),
        "standard_webhooks_v1" => standard_webhooks(refused, body)?,
        other => return Err(format!("the scheme {other:?} is unknown")),
    };
    equal("the answer", &answer, &refused.answer)
}

fn refusal(verified: Result<(), Refusal>) -> Result<Refusal, String> {
    verified.err().ok_or_else(|| "not refused".to_owned())
}

fn v1(scheme: V1Scheme, body: &str, key: &SigningKey) -> Result<Refusal, String> {
    let params: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let params = borrowed(&params);
    let presented = params.iter().find(|(name, _)| *name == "sign").ok_or("no sign")?.1;
    refusal(crossingpay_v1::verify_request(scheme, &params, presented, &[key]))
}

fn v2(body: &str, key: &SigningKey) -> Result<Refusal, String> {
    let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let all = texts(&body)?;
    let of = |name: &str| all.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let fields = crossingpay_v2::OrderFields {
        appid: of("appid"),
        username: of("username"),
        localusermark: of("localusermark"),
        address: of("address"),
        orderid: of("orderid"),
        amount: of("amount"),
    };
    refusal(crossingpay_v2::verify(&fields.named(), of("sign"), &[key]))
}

fn udun_envelope(body: &str, key: &SigningKey) -> Result<Refusal, String> {
    let all: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let (nonce, timestamp) = (literal(&all["nonce"])?, literal(&all["timestamp"])?);
    let envelope = udun::Envelope { body: text(&all, "body")?, nonce: &nonce, timestamp: &timestamp };
    refusal(udun::verify_request(&envelope, text(&all, "sign")?, &[key]))
}

/// The receiver's side, which is not ours but shows what a signature is worth.
fn standard_webhooks(refused: &Refused, body: &str) -> Result<String, String> {
    let headers = &refused.presented["headers"];
    let event = EventId::parse(text(headers, "webhook-id")?).ok_or("not an event id")?;
    let at = Timestamp(number(text(headers, "webhook-timestamp")?)?);
    let now = match refused.presented.get("now") {
        Some(now) => Timestamp(number(&literal(now)?)?),
        None => at,
    };
    let key = whsec(&refused.secret)?;
    let is_taken = standard::verify(&event, at, body.as_bytes(), text(headers, "webhook-signature")?, &key, now);
    Ok(if is_taken { "receiver accepts" } else { "receiver rejects" }.to_owned())
}
