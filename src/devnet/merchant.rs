//! A merchant's receiver on loopback: records every POST, judges its signature, and answers as scripted.
//!
//! The check of Standard Webhooks is written here a second time on purpose: it shares no code with `delivery`, so that a
//! mistake there is not repeated by its judge.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::any,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{Stream, stream};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::domain::{Millis, clock};

use super::serve::Serving;

/// Furthest a `webhook-timestamp` may be from the clock, either way.
const TIMESTAMP_SKEW_S_MAX: u64 = 300;
/// Most requests kept; further ones are answered 507.
const RECEIVED_MAX: usize = 1_000_000;
/// One piece of an endless body.
const CHUNK_BYTES: usize = 64 * 1024;

/// What the signature of a request is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// One of the keys made it over exactly these bytes, and its timestamp is fresh.
    Verified,
    /// No key made it, or it is stale, or a header is missing.
    BadSignature,
}

/// Whether a `webhook-id` was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// Never, or the request has no id.
    First,
    /// With the same bytes: another attempt.
    Repeat,
    /// With other bytes: the sender broke its promise.
    OtherBody,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its `webhook-id`.
    pub id: Option<String>,
    /// Path and query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
    /// When it came.
    pub at: Millis,
    /// What its signature is worth.
    pub signature: Signature,
    /// Whether its id was seen before.
    pub sameness: Sameness,
}

/// How the merchant answers one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This status, with a short body.
    Status(u16),
    /// This status and exactly this body.
    Text(u16, String),
    /// This status with `Retry-After` in seconds.
    RetryAfter(u16, u64),
    /// This status after so many milliseconds.
    Late(u16, u64),
    /// 307 to this URL.
    Redirect(String),
    /// 200 and a body that never ends.
    Endless,
    /// 200 and one byte every so many milliseconds, for ever.
    Drip(u64),
    /// Accepted, and never answered.
    Hang,
}

#[derive(Debug)]
struct Inner {
    keys: Vec<Vec<u8>>,
    script: VecDeque<Answer>,
    otherwise: Answer,
    received: Vec<Arc<Received>>,
    bodies: BTreeMap<String, Bytes>,
}

#[derive(Debug)]
struct Desk {
    inner: Mutex<Inner>,
    count: watch::Sender<usize>,
}

/// A running receiver. Dropping it ends it; [`Merchant::stop`] also waits.
#[derive(Debug)]
pub struct Merchant {
    /// Where it listens, `http://127.0.0.1:<port>`; every path is taken.
    pub url: String,
    desk: Arc<Desk>,
    serving: Serving,
}

impl Merchant {
    /// Starts a receiver on `127.0.0.1:port` (0: any free one) that knows these keys (raw bytes, not `whsec_` text).
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(port: u16, keys: Vec<Vec<u8>>) -> io::Result<Self> {
        let inner = Inner {
            keys,
            script: VecDeque::new(),
            otherwise: Answer::Status(200),
            received: Vec::new(),
            bodies: BTreeMap::new(),
        };
        let desk = Arc::new(Desk { inner: Mutex::new(inner), count: watch::channel(0).0 });
        let handler = desk.clone();
        let serving = Serving::start(port, |stop| {
            let take = move |uri: Uri, headers: HeaderMap, body: Bytes| {
                let answer = handler.take(&uri, headers, body);
                act(answer, stop.clone())
            };
            Router::new().fallback(any(take))
        })
        .await?;
        Ok(Self { url: format!("http://127.0.0.1:{}", serving.port), desk, serving })
    }

    /// Replaces the keys it accepts.
    pub fn set_keys(&self, keys: Vec<Vec<u8>>) {
        self.desk.lock().keys = keys;
    }

    /// Answers the next requests so, one each, after those scripted before.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.desk.lock().script.extend(answers);
    }

    /// Answers so whenever the script is at its end; 200 at start.
    pub fn otherwise(&self, answer: Answer) {
        self.desk.lock().otherwise = answer;
    }

    /// Everything received, oldest first.
    pub fn received(&self) -> Vec<Arc<Received>> {
        self.desk.lock().received.clone()
    }

    /// How many requests were received; changes wake the receiver's `changed`.
    pub fn count(&self) -> watch::Receiver<usize> {
        self.desk.count.subscribe()
    }

    /// Waits until `requests` were received in all, or `wait_ms` have passed; `None` if too few came.
    pub async fn wait_for(&self, requests: usize, wait_ms: u64) -> Option<Vec<Arc<Received>>> {
        let mut count = self.count();
        let enough = timeout(Duration::from_millis(wait_ms), count.wait_for(|count| *count >= requests)).await;
        matches!(enough, Ok(Ok(_))).then(|| self.received())
    }

    /// Closes the port and every connection, also those it left hanging.
    pub async fn stop(self) {
        self.serving.stop().await;
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request and chooses its answer.
    fn take(&self, uri: &Uri, headers: HeaderMap, body: Bytes) -> Answer {
        let now = clock::now();
        let mut inner = self.lock();
        if inner.received.len() >= RECEIVED_MAX {
            return Answer::Status(507);
        }
        let signature = if inner.keys.iter().any(|key| verifies(key, &headers, &body, now)) {
            Signature::Verified
        } else {
            Signature::BadSignature
        };
        let id = text(&headers, "webhook-id").map(str::to_owned);
        let sameness = match id.as_ref().and_then(|id| inner.bodies.get(id)) {
            None => Sameness::First,
            Some(known) if *known == body => Sameness::Repeat,
            Some(_) => Sameness::OtherBody,
        };
        if let (Some(id), Sameness::First) = (&id, sameness) {
            inner.bodies.insert(id.clone(), body.clone());
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        inner.received.push(Arc::new(Received { id, path, headers, body, at: now, signature, sameness }));
        self.count.send_replace(inner.received.len());
        let otherwise = inner.otherwise.clone();
        inner.script.pop_front().unwrap_or(otherwise)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Standard Webhooks 1.0.0: HMAC-SHA256 over id, timestamp and body; any `v1` item of the list may be ours.
fn verifies(key: &[u8], headers: &HeaderMap, body: &[u8], now: Millis) -> bool {
    let (Some(id), Some(sent), Some(list)) =
        (text(headers, "webhook-id"), text(headers, "webhook-timestamp"), text(headers, "webhook-signature"))
    else {
        return false;
    };
    let fresh = sent.parse().is_ok_and(|sent: u64| sent.abs_diff(now.seconds().0) <= TIMESTAMP_SKEW_S_MAX);
    let signed = |item: &str| {
        let Some(signature) = item.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok()) else {
            return false;
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", sent.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac.verify_slice(&signature).is_ok()
    };
    fresh && list.split(' ').any(signed)
}

async fn act(answer: Answer, stop: CancellationToken) -> Response {
    let status = |code: u16| StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match answer {
        Answer::Status(code) => (status(code), "noted").into_response(),
        Answer::Text(code, body) => (status(code), body).into_response(),
        Answer::RetryAfter(code, seconds) => {
            (status(code), [(header::RETRY_AFTER, seconds.to_string())], "later").into_response()
        }
        Answer::Late(code, ms) => {
            tokio::select! {
                () = stop.cancelled() => (),
                () = sleep(Duration::from_millis(ms)) => (),
            }
            (status(code), "noted, late").into_response()
        }
        Answer::Redirect(url) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, url)]).into_response(),
        Answer::Endless => {
            Body::from_stream(forever(stop, Bytes::from_static(&[b'x'; CHUNK_BYTES]), 0)).into_response()
        }
        Answer::Drip(ms) => Body::from_stream(forever(stop, Bytes::from_static(b"x"), ms)).into_response(),
        Answer::Hang => {
            stop.cancelled().await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// The same piece again and again until the receiver is stopped or the reader hangs up.
fn forever(stop: CancellationToken, piece: Bytes, pause_ms: u64) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold((stop, piece), move |(stop, piece)| async move {
        tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            () = sleep(Duration::from_millis(pause_ms)) => (),
        }
        Some((Ok(piece.clone()), (stop, piece)))
    })
}

#[cfg(test)]
mod tests;
