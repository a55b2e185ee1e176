//! Vectors of signatures: the hashed text, the signature, and whole callbacks.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{Vector, borrowed, equal, text, texts};
use crate::{
    delivery::protocol::{Request, crossingpay, crossingpay_v1, crossingpay_v2, standard, udun, usdtcnpay},
    domain::{EventId, Millis, SigningKey, Timestamp, V1Format, V1Scheme, V2Sign},
};

/// What the code makes of a vector's inputs.
struct Made {
    canonical: Vec<u8>,
    sign: String,
    /// Whole callbacks, to be compared with those of the vector; empty for requests, which others write.
    wire: Vec<Request>,
}

pub(super) fn check(vector: &Vector) -> Result<(), String> {
    let made = made(vector)?;
    equal("the signed text", &String::from_utf8_lossy(&made.canonical), &vector.canonical)?;
    equal("the signature", &made.sign, &vector.expected)?;
    for request in &made.wire {
        let published = vector.wire.iter().find(|wire| wire.content_type == request.content_type);
        // Some second attempts are published in one form only.
        if let Some(published) = published {
            equal("the body", &String::from_utf8_lossy(&request.body), &published.body)?;
        }
    }
    if !made.wire.is_empty() && vector.wire.is_empty() {
        return Err("no body to compare with".to_owned());
    }
    Ok(())
}

fn made(vector: &Vector) -> Result<Made, String> {
    let inputs = &vector.inputs;
    if vector.scheme == "standard_webhooks_v1" {
        return standard_webhooks(vector);
    }
    let key = vector.secrets.first().ok_or("no secret")?;
    let key = &SigningKey::kept(key.clone().into_bytes());
    match vector.scheme.as_str() {
        "crossingpay_v1_hmac_request" => v1_request(V1Scheme::HmacSha256Sorted, inputs, key),
        "crossingpay_v1_sha1_request" => v1_request(V1Scheme::Sha1KvUpper, inputs, key),
        "crossingpay_v1_hmac_callback" => v1_callback(V1Scheme::HmacSha256Sorted, inputs, key),
        "crossingpay_v1_sha1_callback" => v1_callback(V1Scheme::Sha1KvUpper, inputs, key),
        "crossingpay_v2_md5_request" => v2_request(inputs, key),
        "crossingpay_v2_md5_query" => v2_query(inputs, key),
        "crossingpay_v2_md5_callback_a" => v2_callback(V2Sign::A, inputs, key),
        "crossingpay_v2_md5_callback_b" => v2_callback(V2Sign::B, inputs, key),
        "udun_envelope" => udun_envelope(inputs, key),
        "usdtcnpay_callback" => usdtcnpay_callback(inputs, key),
        other => Err(format!("the scheme {other:?} is unknown")),
    }
}

/// The bytes behind `whsec_`.
pub(super) fn whsec(secret: &str) -> Result<SigningKey, String> {
    let bytes = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    Ok(SigningKey::kept(bytes.ok_or("not a whsec_ secret")?))
}

/// A decimal number of seconds or milliseconds.
pub(super) fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn standard_webhooks(vector: &Vector) -> Result<Made, String> {
    let inputs = &vector.inputs;
    let event = EventId::parse(text(inputs, "id")?).ok_or("not an event id")?;
    let at = Timestamp(number(text(inputs, "timestamp")?)?);
    let body = text(inputs, "body")?.as_bytes();
    let keys: Vec<SigningKey> = vector.secrets.iter().map(|secret| whsec(secret)).collect::<Result<_, _>>()?;
    let headers = standard::headers(&event, at, body, &keys.iter().collect::<Vec<_>>());
    let sign = headers.into_iter().find(|(name, _)| *name == "webhook-signature").ok_or("no signature")?.1;
    Ok(Made { canonical: standard::signed_text(&event, at, body), sign, wire: vec![] })
}

fn v1_request(scheme: V1Scheme, inputs: &Value, key: &SigningKey) -> Result<Made, String> {
    let params = texts(&inputs["params"])?;
    let params = borrowed(&params);
    let sign = crossingpay_v1::request_sign(scheme, &params, key);
    // What the doors will ask of it, in either case.
    for presented in [sign.to_ascii_lowercase(), sign.to_ascii_uppercase()] {
        crossingpay_v1::verify_request(scheme, &params, &presented, &[key])
            .map_err(|refusal| format!("refused: {refusal:?}"))?;
    }
    Ok(Made { canonical: crossingpay_v1::signed_text(scheme, &params, key).to_vec(), sign, wire: vec![] })
}

fn v1_callback(scheme: V1Scheme, inputs: &Value, key: &SigningKey) -> Result<Made, String> {
    let params = &inputs["params"];
    let at = Timestamp(number(text(params, "t")?)?);
    let words = crossingpay::Words {
        orderid: text(params, "orderid")?.to_owned(),
        localusermark: text(params, "localusermark")?.to_owned(),
        amount: text(params, "amount")?.to_owned(),
        appid: text(params, "appid")?.to_owned(),
        username: String::new(),
        address: String::new(),
    };
    let params = texts(params)?;
    let params = borrowed(&params);
    let wire =
        [V1Format::Form, V1Format::Json].map(|format| crossingpay_v1::callback(&words, (scheme, format), at, key));
    Ok(Made {
        canonical: crossingpay_v1::signed_text(scheme, &params, key).to_vec(),
        sign: crossingpay_v1::callback_sign(scheme, &params, key),
        wire: wire.into(),
    })
}

fn v2_request(inputs: &Value, key: &SigningKey) -> Result<Made, String> {
    let params = &inputs["params"];
    let fields = crossingpay_v2::OrderFields {
        appid: text(params, "appid")?,
        username: text(params, "username")?,
        localusermark: text(params, "localusermark")?,
        address: text(params, "address")?,
        orderid: text(params, "orderid")?,
        amount: text(params, "amount")?,
    };
    let sign = crossingpay_v2::request_sign(&fields, key);
    crossingpay_v2::verify(&fields.named(), &sign, &[key]).map_err(|refusal| format!("refused: {refusal:?}"))?;
    Ok(Made { canonical: crossingpay_v2::signed_text(&fields.named(), key).to_vec(), sign, wire: vec![] })
}

fn v2_query(inputs: &Value, key: &SigningKey) -> Result<Made, String> {
    let (appid, orderid, t) = (text(inputs, "appid")?, text(inputs, "orderid")?, text(inputs, "t")?);
    let fields = crossingpay_v2::query_fields(appid, orderid, t);
    let sign = crossingpay_v2::query_sign(appid, orderid, t, key);
    crossingpay_v2::verify(&fields, &sign, &[key]).map_err(|refusal| format!("refused: {refusal:?}"))?;
    Ok(Made { canonical: crossingpay_v2::signed_text(&fields, key).to_vec(), sign, wire: vec![] })
}

fn v2_callback(option: V2Sign, inputs: &Value, key: &SigningKey) -> Result<Made, String> {
    let (order, t) = (&inputs["order"], text(inputs, "t")?);
    let words = crossingpay::Words {
        orderid: text(order, "orderid")?.to_owned(),
        localusermark: text(order, "localusermark")?.to_owned(),
        amount: text(inputs, "amount")?.to_owned(),
        appid: text(order, "appid")?.to_owned(),
        username: text(order, "username")?.to_owned(),
        address: text(order, "address")?.to_owned(),
    };
    let fields = crossingpay_v2::callback_fields(option, &words, t);
    Ok(Made {
        canonical: crossingpay_v2::signed_text(&fields, key).to_vec(),
        sign: crossingpay_v2::fields_sign(&fields, key),
        wire: vec![crossingpay_v2::callback(&words, option, Timestamp(number(t)?), key)],
    })
}

fn udun_envelope(inputs: &Value, key: &SigningKey) -> Result<Made, String> {
    let (body, nonce, timestamp) = (text(inputs, "body")?, text(inputs, "nonce")?, text(inputs, "timestamp")?);
    let envelope = udun::Envelope { body, nonce, timestamp };
    let sign = udun::request_sign(&envelope, key);
    udun::verify_request(&envelope, &sign, &[key]).map_err(|refusal| format!("refused: {refusal:?}"))?;
    let is_ours = text(inputs, "kind")? == "callback";
    let wire = if is_ours { vec![udun::callback(body, nonce, Millis(number(timestamp)?), key)] } else { vec![] };
    Ok(Made { canonical: udun::signed_text(&envelope, key).to_vec(), sign, wire })
}

fn usdtcnpay_callback(inputs: &Value, key: &SigningKey) -> Result<Made, String> {
    let params = &inputs["params"];
    let at = Timestamp(number(text(params, "timestamp")?)?);
    let zt = text(params, "zt")?;
    let zt = [usdtcnpay::PAID, usdtcnpay::UNDONE].into_iter().find(|known| *known == zt).ok_or("an unknown zt")?;
    let words = usdtcnpay::Words {
        order_no: text(params, "orderNo")?.to_owned(),
        charge_no: text(params, "chargeNo")?.to_owned(),
        amount: text(params, "amount")?.to_owned(),
        zt,
    };
    let params = texts(params)?;
    let params = borrowed(&params);
    Ok(Made {
        canonical: usdtcnpay::signed_text(&params, key).to_vec(),
        sign: usdtcnpay::call_sign(&params, key),
        wire: vec![usdtcnpay::callback(&words, at, key)],
    })
}
