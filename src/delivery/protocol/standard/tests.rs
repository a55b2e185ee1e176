use std::collections::BTreeMap;

use serde_json::Value;
use standardwebhooks::Webhook;

use super::*;
use crate::domain::clock;

const VECTORS: &str = include_str!("../../../../tests/golden/vectors.json");

fn key(secret: &str) -> SigningKey {
    SigningKey::kept(STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap())
}

fn signed(id: &str, at: u64, body: &[u8], secrets: &[&str]) -> BTreeMap<&'static str, String> {
    let keys: Vec<SigningKey> = secrets.iter().map(|secret| key(secret)).collect();
    let keys: Vec<&SigningKey> = keys.iter().collect();
    headers(&EventId::parse(id).unwrap(), Timestamp(at), body, &keys).into_iter().collect()
}

#[test]
fn all_published_vectors_are_met() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let of_scheme = file["vectors"].as_array().unwrap().iter().filter(|v| v["scheme"] == "standard_webhooks_v1");
    let mut met = 0;
    for vector in of_scheme {
        let inputs = &vector["inputs"];
        let text = |name: &str| inputs[name].as_str().unwrap();
        let secrets: Vec<&str> = vector["secrets"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
        let at = text("timestamp").parse().unwrap();
        let headers = signed(text("id"), at, text("body").as_bytes(), &secrets);
        assert_eq!(headers["webhook-signature"], vector["expected"].as_str().unwrap(), "{}", vector["id"]);
        assert_eq!(headers["webhook-timestamp"], text("timestamp"));
        assert_eq!(headers["webhook-id"], text("id"));
        met += 1;
    }
    assert_eq!(met, 20);
}

#[test]
fn the_published_verifier_takes_ours_and_nothing_else() {
    let old = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let new = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
    let other = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7";
    let body = "{\"user_mark\":\"用户-①\"}".as_bytes();
    let now = clock::now().seconds().0;
    let verify = |secret: &str, at: u64, body_received: &[u8]| {
        let map = signed("dep_x_1", at, body, &[new, old])
            .into_iter()
            .map(|(name, value)| (reqwest::header::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        Webhook::new(secret).unwrap().verify(body_received, &map)
    };
    assert!(verify(new, now, body).is_ok());
    assert!(verify(old, now, body).is_ok(), "both keys sign during a rotation");
    assert!(verify(other, now, body).is_err());
    assert!(verify(new, now - 299, body).is_ok());
    assert!(verify(new, now - 302, body).is_err());
    assert!(verify(new, now + 310, body).is_err());
    for at in 0..body.len() {
        let mut changed = body.to_vec();
        changed[at] ^= 1;
        assert!(verify(new, now, &changed).is_err(), "byte {at}");
    }
}
