//! One POST: the guard, one deadline, a small cap on what is read back.

mod connect;
mod failure;
mod words;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use reqwest::{
    Response,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use tokio::time::timeout_at;
use url::{Host, Url};

use self::connect::{HEADER_BYTES_MAX, Ways};
use super::{
    NotifyError, NotifySettings,
    resolve::{ASKED, LookUp, SystemLookUp, judge},
};
use crate::{
    delivery::protocol::{self, Answer, Nonce},
    domain::{
        App, Attempt, EgressPolicy, Millis, Notification, Outcome, SigningKey, clock,
        egress::{check_url, host_of},
        notification::Unreached,
    },
    vault::Vault,
};

/// Most bytes of an answer's body that are read.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Posts notifications. Made once; cheap to share.
#[derive(Debug)]
pub struct Client {
    ways: Ways,
    policy: EgressPolicy,
    connect: Duration,
    deadline: Duration,
    vault: Arc<Vault>,
}

/// What one POST came to, before it is put on record.
struct Came {
    status: Option<u16>,
    peer: Option<IpAddr>,
    outcome: Outcome,
    detail: String,
    excerpt: String,
}

impl Came {
    fn nowhere(outcome: Outcome, detail: String) -> Self {
        Self { status: None, peer: None, outcome, detail, excerpt: String::new() }
    }

    /// The metric's word for how it came to that: the class of the status, or why there was none.
    fn reason(&self) -> &'static str {
        match (&self.outcome, self.status) {
            (Outcome::Unreachable(why), _) => why.word(),
            (_, Some(status)) => match status / 100 {
                1 => "1xx",
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                5 => "5xx",
                _ => "other",
            },
            (outcome, None) => outcome.word(),
        }
    }

    /// The guard said no, by a word for the metric and a sentence for people.
    fn blocked(reason: &'static str, detail: &str) -> Self {
        metrics::counter!("depositd_egress_blocked_total", "reason" => reason).increment(1);
        Self::nowhere(Outcome::Blocked, format!("blocked: {detail}"))
    }
}

impl Client {
    /// A client that follows no redirect, reads no proxy variable, keeps no cookie and decompresses nothing. What it may
    /// reach stays as it is for its life: an idle connection never outlives the policy that let it be made.
    ///
    /// # Errors
    /// [`NotifyError::Client`] when TLS cannot be set up: no roots on this host, an extra root that is none. The process'
    /// TLS provider must be installed before.
    pub fn new(settings: &NotifySettings, vault: Arc<Vault>) -> Result<Self, NotifyError> {
        Self::with_look_up(settings, vault, Arc::new(SystemLookUp::default()))
    }

    /// As [`Client::new`], with names looked up by `look_up`.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_look_up(
        settings: &NotifySettings,
        vault: Arc<Vault>,
        look_up: Arc<dyn LookUp>,
    ) -> Result<Self, NotifyError> {
        let ways = Ways::new(settings, look_up)?;
        Ok(Self {
            ways,
            policy: settings.egress.clone(),
            connect: settings.connect,
            deadline: settings.deadline,
            vault,
        })
    }

    /// One attempt, numbered after the notification's last one, signed with the keys `app` has now. Ends within the
    /// deadline whatever the receiver does; never fails: what went wrong is the attempt's outcome.
    pub async fn post(&self, notification: &Notification, app: Option<&App>) -> Attempt {
        let started = clock::now();
        let begun = Instant::now();
        let came = match app {
            Some(app) => self.exchange(notification, app, started).await,
            None => Came::blocked("no_app", "the app does not exist"),
        };
        let took = begun.elapsed();
        let (protocol, outcome, reason) = (notification.protocol.word(), came.outcome.word(), came.reason());
        metrics::counter!(
            "depositd_delivery_attempts_total", "protocol" => protocol, "outcome" => outcome, "reason" => reason
        )
        .increment(1);
        metrics::histogram!("depositd_delivery_duration_seconds").record(took);
        Attempt {
            event: notification.id.clone(),
            number: notification.attempts.next(),
            trigger: notification.trigger,
            peer: came.peer,
            started,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            status: came.status,
            outcome: came.outcome,
            detail: came.detail,
            excerpt: came.excerpt,
        }
    }

    async fn exchange(&self, notification: &Notification, app: &App, started: Millis) -> Came {
        let deadline = tokio::time::Instant::now() + self.deadline;
        // Judged again at each attempt: the app's hosts may have changed since registration, and where a name leads.
        let mut hosts = app.notify_hosts.clone();
        hosts.extend(host_of(app.notify_url.as_str()));
        let url = match check_url(&self.policy, notification.url.as_str(), &hosts) {
            Ok(url) => url,
            Err(refusal) => return Came::blocked(refusal.word(), &refusal.to_string()),
        };
        let Ok(url) = Url::parse(url.as_str()) else {
            return Came::blocked("form", "not a URL");
        };
        let literal = literal(&url);
        // No resolver is asked about a literal, so nobody else would see that it is an address of this host.
        if let Some(denial) = literal.and_then(|address| judge(&self.policy, address).err()) {
            return Came::blocked(denial.word(), &format!("the host is {denial}"));
        }
        let keys = self.keys(app, started);
        let (headers, body) = match signed(notification, &keys, started) {
            Ok(signed) => signed,
            Err(came) => return came,
        };
        if let Some(blocked) = self.judged_for_the_proxy(&url, deadline).await {
            return blocked;
        }
        let asked = Arc::new(OnceLock::new());
        let asked_at_once = self.ways.way.as_ref().map_or(literal, |way| way.address());
        if let Some(address) = asked_at_once {
            let _ = asked.set(address);
        }
        let is_tls = url.scheme() == "https" && self.ways.way.is_none();
        let request = self.ways.http.post(url).headers(headers).body(body);
        let came = match timeout_at(deadline, ASKED.scope(Arc::clone(&asked), request.send())).await {
            Ok(Ok(response)) => self.read(notification, response, deadline, &keys).await,
            Ok(Err(error)) => failure::failed(&error, is_tls),
            Err(_) => {
                Came::nowhere(Outcome::Unreachable(Unreached::TimedOut), "no answer within the deadline".to_owned())
            }
        };
        Came { peer: came.peer.or_else(|| asked.get().copied()), ..came }
    }

    /// With a proxy nobody dials what is judged here, so a name is judged before: any denied address blocks, for the proxy
    /// may pick that one. A name that does not resolve here, in the time for connecting, is left to the proxy.
    async fn judged_for_the_proxy(&self, url: &Url, deadline: tokio::time::Instant) -> Option<Came> {
        self.ways.way.as_ref()?;
        let Some(Host::Domain(name)) = url.host() else { return None };
        let until = deadline.min(tokio::time::Instant::now() + self.connect);
        let judged = timeout_at(until, self.ways.guard.judged(name)).await.ok()?.ok()?;
        let denial = judged.denied?;
        Some(Came::blocked(denial.word(), &format!("the name leads to {denial}")))
    }

    /// The app's live keys, newest first; one that does not open is logged and left out.
    fn keys(&self, app: &App, at: Millis) -> Vec<SigningKey> {
        app.live_keys(at)
            .filter_map(|key| {
                let opened = self.vault.open(&app.id, key);
                opened.inspect_err(|error| tracing::error!(%error, "a notification cannot be signed")).ok()
            })
            .collect()
    }

    /// Turns an answer into an outcome. The address it came from is judged once more: had the connector dialled another
    /// one than the resolver let through, nobody would know otherwise.
    async fn read(
        &self,
        notification: &Notification,
        response: Response,
        deadline: tokio::time::Instant,
        keys: &[SigningKey],
    ) -> Came {
        let peer = response.remote_addr();
        if let Some(blocked) = self.stranger(peer) {
            return Came { peer: peer.map(|peer| peer.ip()), ..blocked };
        }
        let peer = peer.map(|peer| peer.ip());
        let status = response.status().as_u16();
        if header_bytes(response.headers()) > HEADER_BYTES_MAX as usize {
            let detail = format!("broken: status {status}; headers longer than 16 KiB");
            let came = Came::nowhere(Outcome::Unreachable(Unreached::Broken), detail);
            return Came { peer, status: Some(status), ..came };
        }
        let retry_after = retry_after(response.headers());
        let (body, cut) = read_body(response, deadline).await;
        let answer =
            Answer { status, retry_after: retry_after.as_deref(), body: cut.is_none().then_some(body.as_slice()) };
        // Half a body under a protocol that reads it is no answer: such a receiver is slow or broken, it refused nothing.
        let unread =
            cut.and_then(Cut::unreached).filter(|_| protocol::is_judged_by_body(notification.protocol, status));
        let outcome = match unread {
            Some(why) => Outcome::Unreachable(why),
            None => protocol::outcome(notification.protocol, &answer, clock::now().seconds()),
        };
        let detail = match (&outcome, cut) {
            (Outcome::Accepted, None) => String::new(),
            (_, None) => format!("status {status}"),
            (_, Some(cut)) => format!("status {status}; body {}", cut.words()),
        };
        Came { status: Some(status), peer, outcome, detail, excerpt: words::excerpt(&body, keys) }
    }

    /// An answer that came from where it must not.
    fn stranger(&self, peer: Option<SocketAddr>) -> Option<Came> {
        let Some(peer) = peer else {
            return Some(Came::blocked("peer_unknown", "the answer came from an unknown address"));
        };
        if let Some(way) = &self.ways.way {
            let is_proxy = way.is_proxy(peer);
            return (!is_proxy).then(|| Came::blocked("not_the_proxy", "the answer did not come from the proxy"));
        }
        let denial = judge(&self.policy, peer.ip()).err()?;
        Some(Came::blocked(denial.word(), &format!("the answer came from {denial}")))
    }
}

/// Headers and body of one attempt, signed. Nothing is sent unsigned.
fn signed(notification: &Notification, keys: &[SigningKey], at: Millis) -> Result<(HeaderMap, Vec<u8>), Came> {
    if keys.is_empty() {
        return Err(Came::blocked("no_key", "the app has no live signing key"));
    }
    let unmade = |why: &str| Came::nowhere(Outcome::Unreachable(Unreached::Request), format!("request: {why}"));
    let mut drawn = [0; 6];
    getrandom::fill(&mut drawn).map_err(|_| unmade("no random bytes can be had"))?;
    let keys: Vec<&SigningKey> = keys.iter().collect();
    let request = protocol::request(notification, at, Nonce::of(drawn), &keys)
        .ok_or_else(|| unmade("the protocol has no words for this event"))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.content_type));
    for (name, value) in request.headers {
        // Ids and base64 hold no control character; one that did must not become a second header.
        let value = HeaderValue::from_str(&value).map_err(|_| unmade("a header would hold control characters"))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok((headers, request.body))
}

/// Bytes of all names and values.
fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len().saturating_add(value.len())).sum()
}

/// The receiver's wish, if it has exactly one: of several nobody knows which was meant.
fn retry_after(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(RETRY_AFTER).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| value.to_owned())
}

/// The address a URL names instead of a host.
fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
    }
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    TooLong,
    BrokenOff,
    Late,
}

impl Cut {
    fn words(self) -> &'static str {
        match self {
            Self::TooLong => "longer than 16 KiB",
            Self::BrokenOff => "broken off",
            Self::Late => "not finished within the deadline",
        }
    }

    /// What that says of the receiver; one that says too much has answered.
    fn unreached(self) -> Option<Unreached> {
        match self {
            Self::TooLong => None,
            Self::BrokenOff => Some(Unreached::Broken),
            Self::Late => Some(Unreached::TimedOut),
        }
    }
}

/// Reads the body up to [`ANSWER_BYTES_MAX`] and the deadline; beside it, why it was not read to its end.
async fn read_body(mut response: Response, deadline: tokio::time::Instant) -> (Vec<u8>, Option<Cut>) {
    let mut body = Vec::new();
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(None)) => return (body, None),
            Ok(Ok(Some(chunk))) => {
                let room = ANSWER_BYTES_MAX.saturating_sub(body.len());
                body.extend_from_slice(&chunk[..room.min(chunk.len())]);
                if chunk.len() > room {
                    return (body, Some(Cut::TooLong));
                }
            }
            Ok(Err(_)) => return (body, Some(Cut::BrokenOff)),
            Err(_) => return (body, Some(Cut::Late)),
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use self::tests::vault;
