//! The JSON-RPC 2.0 envelope: ids are matched, `null` is not an empty list, a result beside an error is refused, batches
//! may come back in another order but never short. Results are decoded in one pass over the body, borrowing from it.

use std::{
    borrow::Cow,
    fmt::Write,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::{
    Doubt, SourceError,
    http::{Answer, HttpClient, clean, doubt_of_status},
};
use crate::domain::NetworkId;

/// Most calls in one batch, whatever is configured.
pub const BATCH_LEN_MAX: usize = 100;
/// Calls in flight where an endpoint takes no batches.
const SINGLES_IN_FLIGHT: usize = 8;

/// One endpoint that speaks JSON-RPC.
#[derive(Debug)]
pub struct JsonRpc {
    network: NetworkId,
    name: String,
    http: HttpClient,
    batch_len: usize,
    batches_refused: AtomicBool,
    last_id: AtomicU64,
}

/// An answer's body, to be decoded by [`Reply::read`].
#[derive(Debug)]
pub struct Reply {
    method: &'static str,
    id: u64,
    answer: Answer,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Envelope<'a, T> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(default = "Option::default", deserialize_with = "present")]
    result: Option<T>,
    #[serde(borrow, default)]
    error: Option<WireError<'a>>,
}

#[derive(Deserialize)]
struct WireError<'a> {
    code: i64,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

/// A field that is there is decoded, be it `null`; one that is not stays `None`.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Reply {
    /// The answer as it came.
    pub(super) fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The result.
    ///
    /// # Errors
    /// [`Doubt::Refused`], [`Doubt::Throttled`] and [`Doubt::TooManyResults`] for error answers, [`Doubt::Malformed`] for
    /// everything that is not one result of type `T` under our id.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Doubt> {
        let method = self.method;
        if let Some(doubt) = doubt_of_status(method, &self.answer) {
            return Err(error_in(&self.answer, method).unwrap_or(doubt));
        }
        match serde_json::from_slice::<Envelope<'a, T>>(&self.answer.body) {
            Ok(Envelope { result: Some(_), error: Some(_), .. }) => {
                // A null result beside an error is an error answer of a careless server; anything else is a lie.
                Err(error_in(&self.answer, method).unwrap_or_else(|| malformed(method, "a result and an error")))
            }
            Ok(Envelope { error: Some(error), .. }) => Err(doubt_of(method, &error, self.answer.retry_after_ms)),
            Ok(Envelope { id, .. }) if id != Some(self.id) => Err(malformed(method, "the id is not ours")),
            Ok(Envelope { result: Some(result), .. }) => Ok(result),
            Ok(Envelope { result: None, .. }) => Err(malformed(method, "no result")),
            Err(error) => Err(error_in(&self.answer, method).unwrap_or_else(|| malformed(method, &error.to_string()))),
        }
    }
}

/// The error an answer holds, if it is an error answer without a result.
fn error_in(answer: &Answer, method: &'static str) -> Option<Doubt> {
    let envelope: Envelope<'_, &serde_json::value::RawValue> = serde_json::from_slice(&answer.body).ok()?;
    let has_result = envelope.result.is_some_and(|raw| raw.get() != "null");
    let error = envelope.error.filter(|_| !has_result)?;
    Some(doubt_of(method, &error, answer.retry_after_ms))
}

fn malformed(method: &'static str, what: &str) -> Doubt {
    Doubt::Malformed { method, what: clean(what) }
}

/// What providers say when an answer would be too large. Lower case; one line a provider family.
const TOO_MANY: [&str; 16] = [
    "query returned more than",   // geth forks, Infura: -32005
    "log response size exceeded", // Alchemy: -32602
    "response size exceeded",     // Alchemy
    "response size should not",   // Alchemy, newer text
    "response is too big",        // erigon gateways, jsonrpsee servers
    "limited to a",               // QuickNode: "eth_getLogs is limited to a 10,000 range"
    "block range is too",         // Ankr, "too wide", "too large"
    "block range too",            // zkSync, Ankr
    "block range limit",          // Cloudflare, BSC
    "exceed maximum block range", // BSC nodes: -32701, -32000
    "max block range",            // Moonbeam, Linea
    "range is too large",         // Blast, Polygon gateways
    "range should be less",       // Cronos
    "too many results",           // nethermind, Moralis
    "too many logs",              // nethermind
    "query exceeds max results",  // Alchemy self-hosted, geth RangeLimit forks
];

const THROTTLED: [&str; 9] = [
    "rate limit",
    "rate-limit",
    "too many requests",
    "request limit",
    "request count exceeded", // Infura: "daily request count exceeded"
    "quota",
    "compute units",
    "capacity",
    "credits",
];

fn doubt_of(method: &'static str, error: &WireError<'_>, retry_after_ms: Option<u64>) -> Doubt {
    let text = error.message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&TOO_MANY) {
        return Doubt::TooManyResults;
    }
    if matches!(error.code, 429 | -32029 | -32097) || says(&THROTTLED) {
        return Doubt::Throttled { what: clean(&error.message), retry_after_ms };
    }
    if error.code == -32005 {
        // "limit exceeded" by the code's own meaning (EIP-1474): of results for logs (BSC), of requests for the rest.
        return if method == "eth_getLogs" {
            Doubt::TooManyResults
        } else {
            Doubt::Throttled { what: clean(&error.message), retry_after_ms }
        };
    }
    Doubt::Refused { method, code: error.code, message: clean(&error.message) }
}

impl JsonRpc {
    /// Calls through `http`, at most `batch_len` (1 to [`BATCH_LEN_MAX`]) together; 1 never makes batches.
    pub fn new(network: NetworkId, name: String, http: HttpClient, batch_len: usize) -> Self {
        Self {
            network,
            name,
            http,
            batch_len: batch_len.clamp(1, BATCH_LEN_MAX),
            batches_refused: AtomicBool::new(false),
            last_id: AtomicU64::new(0),
        }
    }

    /// The endpoint's configured name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `doubt` with its place.
    pub fn error(&self, doubt: Doubt) -> SourceError {
        SourceError { network: self.network.clone(), endpoint: self.name.clone(), doubt }
    }

    /// Calls `method` with `params`, a JSON array as text.
    ///
    /// # Errors
    /// As [`HttpClient::post`]; error answers come from [`Reply::read`].
    pub async fn call(&self, method: &'static str, params: &str) -> Result<Reply, Doubt> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let mut body = String::with_capacity(64 + params.len());
        write_call(&mut body, id, method, params);
        let answer = self.http.post("", body.into_bytes(), 1).await;
        self.count(method, answer.as_ref().err());
        Ok(Reply { method, id, answer: answer? })
    }

    /// Calls and decodes in one step.
    ///
    /// # Errors
    /// As [`Self::call`] and [`Reply::read`].
    pub async fn fetch<T: DeserializeOwned>(&self, method: &'static str, params: &str) -> Result<T, Doubt> {
        self.call(method, params).await?.read()
    }

    /// Calls `method` once for each of `params`; results in the order of `params`. One failed call fails all.
    ///
    /// # Errors
    /// As [`Self::fetch`]; missing, doubled and unknown ids of a batch are [`Doubt::Malformed`].
    pub async fn fetch_each<T: DeserializeOwned + Send>(
        &self,
        method: &'static str,
        params: &[String],
    ) -> Result<Vec<T>, Doubt> {
        let mut results = Vec::with_capacity(params.len());
        for some in params.chunks(self.batch_len) {
            if some.len() > 1 && !self.batches_refused.load(Ordering::Relaxed) {
                match self.fetch_batch(method, some).await? {
                    Some(batch) => {
                        results.extend(batch);
                        continue;
                    }
                    None => self.batches_refused.store(true, Ordering::Relaxed),
                }
            }
            // Collected first: a borrowing closure inside the stream would tie the future's Send to one lifetime.
            let calls: Vec<_> = some.iter().map(|params| self.fetch::<T>(method, params)).collect();
            let singles: Vec<T> = stream::iter(calls).buffered(SINGLES_IN_FLIGHT).try_collect().await?;
            results.extend(singles);
        }
        Ok(results)
    }

    /// `None` if the endpoint answers a batch with one error: it takes no batches.
    async fn fetch_batch<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &[String],
    ) -> Result<Option<Vec<T>>, Doubt> {
        let len = u64::try_from(params.len()).unwrap_or(u64::MAX);
        let first = self.last_id.fetch_add(len, Ordering::Relaxed) + 1;
        let mut body = String::from("[");
        for (id, params) in (first..).zip(params) {
            if id > first {
                body.push(',');
            }
            write_call(&mut body, id, method, params);
        }
        body.push(']');
        let answer = self.http.post("", body.into_bytes(), u32::try_from(params.len()).unwrap_or(u32::MAX)).await;
        self.count(method, answer.as_ref().err());
        let answer = answer?;
        match error_in(&answer, method) {
            Some(doubt @ (Doubt::Throttled { .. } | Doubt::TooManyResults)) => return Err(doubt),
            Some(_) => return Ok(None),
            None => {}
        }
        if let Some(doubt) = doubt_of_status(method, &answer) {
            return Err(doubt);
        }
        read_batch(method, first, params.len(), &answer).map(Some)
    }

    fn count(&self, method: &'static str, doubt: Option<&Doubt>) {
        let outcome = doubt.map_or("answered", Doubt::kind);
        metrics::counter!("depositd_source_requests_total", "network" => self.network.to_string(),
            "source" => self.name.clone(), "method" => method, "outcome" => outcome)
        .increment(1);
    }
}

fn write_call(body: &mut String, id: u64, method: &str, params: &str) {
    // Writing to a String cannot fail.
    let _ = write!(body, r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
}

/// The results of a batch by id, whatever their order.
fn read_batch<T: DeserializeOwned>(
    method: &'static str,
    first: u64,
    len: usize,
    answer: &Answer,
) -> Result<Vec<T>, Doubt> {
    if let Some(results) = read_whole_batch(first, len, answer) {
        return Ok(results);
    }
    // Something is wrong in it; item by item it is found what.
    let items: Vec<&serde_json::value::RawValue> =
        serde_json::from_slice(&answer.body).map_err(|error| malformed(method, &error.to_string()))?;
    let mut results: Vec<Option<T>> = std::iter::repeat_with(|| None).take(len).collect();
    for item in items {
        let item = Reply {
            method,
            id: item_id(item).ok_or_else(|| malformed(method, "an item without an id"))?,
            answer: Answer { status: 200, retry_after_ms: answer.retry_after_ms, body: item.get().as_bytes().to_vec() },
        };
        let place = item.id.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        let slot = place.and_then(|place| results.get_mut(place)).ok_or_else(|| malformed(method, "an id not ours"))?;
        if slot.replace(item.read()?).is_some() {
            return Err(malformed(method, "an id twice"));
        }
    }
    results.into_iter().collect::<Option<Vec<T>>>().ok_or_else(|| malformed(method, "a batch came back short"))
}

/// The results in one pass, if nothing is wrong with any.
fn read_whole_batch<T: DeserializeOwned>(first: u64, len: usize, answer: &Answer) -> Option<Vec<T>> {
    let items: Vec<Envelope<'_, T>> = serde_json::from_slice(&answer.body).ok()?;
    if items.iter().any(|item| item.error.is_some()) {
        return None;
    }
    let mut items: Vec<(u64, T)> = items.into_iter().map(|item| item.id.zip(item.result)).collect::<Option<_>>()?;
    items.sort_by_key(|(id, _)| *id);
    let is_ours = items.iter().map(|(id, _)| *id).eq((first..).take(len));
    is_ours.then(|| items.into_iter().map(|(_, result)| result).collect())
}

fn item_id(item: &serde_json::value::RawValue) -> Option<u64> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: u64,
    }
    serde_json::from_str::<OnlyId>(item.get()).ok().map(|item| item.id)
}

#[cfg(test)]
mod tests;
