//! One POST: the guard, one deadline, a small cap on what is read back.

use std::{
    error::Error,
    net::IpAddr,
    time::{Duration, Instant},
};

use reqwest::{
    Response,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use tokio::time::timeout_at;
use url::{Host, Url};

use super::{
    NotifyError, NotifySettings,
    resolve::{Denied, GuardedResolver, LookupFailed, NoAddress, judge},
};
use crate::{
    delivery::{
        TIMED_OUT,
        protocol::{self, Answer},
    },
    domain::{
        App, Attempt, EgressPolicy, Millis, Notification, Outcome, SigningKey, clock,
        egress::{check_url, host_of},
        notification::EXCERPT_BYTES_MAX,
    },
};

/// Most bytes of an answer's body that are read.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Idle connections are closed after this.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// Longest detail kept, in characters.
const DETAIL_CHARS_MAX: usize = 200;

/// Posts notifications. Made once; cheap to share.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    policy: EgressPolicy,
    deadline: Duration,
}

/// What one POST came to, before it is put on record.
struct Came {
    status: Option<u16>,
    outcome: Outcome,
    detail: String,
    excerpt: String,
}

impl Came {
    fn nowhere(outcome: Outcome, detail: String) -> Self {
        Self { status: None, outcome, detail, excerpt: String::new() }
    }

    /// The guard said no, by a word for the metric and a sentence for people.
    fn blocked(reason: &'static str, detail: &str) -> Self {
        metrics::counter!("depositd_egress_blocked_total", "reason" => reason).increment(1);
        Self::nowhere(Outcome::Blocked, format!("blocked: {detail}"))
    }
}

impl Client {
    /// A client that follows no redirect, reads no proxy variable, keeps no cookie and decompresses nothing.
    ///
    /// # Errors
    /// [`NotifyError::Client`] when TLS cannot be set up; the process' TLS provider must be installed before.
    pub fn new(settings: &NotifySettings) -> Result<Self, NotifyError> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .no_gzip()
            .referer(false)
            .https_only(!settings.egress.allow_insecure_loopback)
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .dns_resolver(GuardedResolver::new(settings.egress.clone()))
            .connect_timeout(settings.connect)
            .pool_idle_timeout(POOL_IDLE)
            .user_agent(concat!("depositd/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(NotifyError::Client)?;
        Ok(Self { http, policy: settings.egress.clone(), deadline: settings.deadline })
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
        let word = protocol::word(notification.protocol);
        metrics::counter!("depositd_delivery_attempts_total", "protocol" => word, "outcome" => came.outcome.word())
            .increment(1);
        metrics::histogram!("depositd_delivery_duration_seconds").record(took);
        Attempt {
            event: notification.id.clone(),
            number: notification.attempts.next(),
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
        // Judged again at each attempt: the app's hosts and the policy may have changed since registration.
        let mut hosts = app.notify_hosts.clone();
        hosts.extend(host_of(app.notify_url.as_str()));
        let url = match check_url(&self.policy, notification.url.as_str(), &hosts) {
            Ok(url) => url,
            Err(refusal) => return Came::blocked(refusal.word(), &refusal.to_string()),
        };
        let Ok(url) = Url::parse(url.as_str()) else {
            return Came::blocked("form", "not a URL");
        };
        // No resolver is asked about a literal, so nobody else would see that it is an address of this host.
        if let Some(denial) = literal(&url).and_then(|address| judge(&self.policy, address).err()) {
            return Came::blocked(denial.word(), &format!("the host is {denial}"));
        }
        let Some(headers) = signed_headers(notification, app, started) else {
            return Came::blocked("no_key", "the app has no live signing key");
        };
        let request = self.http.post(url).headers(headers).body(notification.body.clone());
        match timeout_at(deadline, request.send()).await {
            Ok(Ok(response)) => self.read(notification, response, deadline).await,
            Ok(Err(error)) => failed(&error),
            Err(_) => Came::nowhere(Outcome::Unreachable, format!("{TIMED_OUT}: no answer within the deadline")),
        }
    }

    /// Turns an answer into an outcome. The address it came from is judged once more: had the connector dialled another
    /// one than the resolver let through, nobody would know otherwise.
    async fn read(&self, notification: &Notification, response: Response, deadline: tokio::time::Instant) -> Came {
        match response.remote_addr().map(|peer| judge(&self.policy, peer.ip())) {
            Some(Ok(())) => (),
            Some(Err(denial)) => return Came::blocked(denial.word(), &format!("the answer came from {denial}")),
            None => return Came::blocked("peer_unknown", "the answer came from an unknown address"),
        }
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (body, cut) = read_body(response, deadline).await;
        let answer =
            Answer { status, retry_after: retry_after.as_deref(), body: cut.is_none().then_some(body.as_slice()) };
        let outcome = protocol::outcome(notification.protocol, &answer, clock::now().seconds());
        let detail = match (&outcome, cut) {
            (Outcome::Accepted, None) => String::new(),
            (_, None) => format!("status {status}"),
            (_, Some(cut)) => format!("status {status}; body {cut}"),
        };
        Came { status: Some(status), outcome, detail, excerpt: excerpt(&body) }
    }
}

/// The address a URL names instead of a host.
fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
    }
}

/// Content type, identity and signature of one attempt; `None` without a live key. A receiver tells keys apart by
/// trying, so each live key signs.
fn signed_headers(notification: &Notification, app: &App, at: Millis) -> Option<HeaderMap> {
    let keys: Vec<&SigningKey> = app.signing_keys(at).collect();
    let signed = protocol::headers(notification.protocol, &notification.id, at.seconds(), &notification.body, &keys)?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(protocol::content_type(notification.protocol)));
    for (name, value) in signed {
        // Ids and base64 hold no control character; one that did must not become a second header.
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?);
    }
    Some(headers)
}

/// Reads the body up to [`ANSWER_BYTES_MAX`] and the deadline; beside it, why it was not read to its end.
async fn read_body(mut response: Response, deadline: tokio::time::Instant) -> (Vec<u8>, Option<&'static str>) {
    let mut body = Vec::new();
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(None)) => return (body, None),
            Ok(Ok(Some(chunk))) => {
                let room = ANSWER_BYTES_MAX.saturating_sub(body.len());
                body.extend_from_slice(&chunk[..room.min(chunk.len())]);
                if chunk.len() > room {
                    return (body, Some("longer than 16 KiB"));
                }
            }
            Ok(Err(_)) => return (body, Some("broken off")),
            Err(_) => return (body, Some("not finished within the deadline")),
        }
    }
}

/// No answer at all: by what the innermost cause says. URLs and header values never get into the text.
fn failed(error: &reqwest::Error) -> Came {
    if let Some(Denied(denial)) = cause::<Denied>(error) {
        return Came::blocked(denial.word(), &format!("the name leads to {denial}"));
    }
    let mut innermost = error.source();
    while let Some(source) = innermost.and_then(Error::source) {
        innermost = Some(source);
    }
    // reqwest's own text names the URL; what lies below it does not.
    let what = innermost.map_or_else(|| "the request could not be made".to_owned(), ToString::to_string);
    let kind = if error.is_timeout() {
        TIMED_OUT
    } else if cause::<LookupFailed>(error).is_some() || cause::<NoAddress>(error).is_some() {
        "dns"
    } else if cause::<rustls::Error>(error).is_some() {
        "tls"
    } else if error.is_connect() {
        "connect"
    } else {
        "request"
    };
    Came::nowhere(Outcome::Unreachable, escaped(&format!("{kind}: {what}")).chars().take(DETAIL_CHARS_MAX).collect())
}

/// The first error of type `T` in the chain below `error`. An `io::Error` hides the one it carries from `source`, so
/// it is opened.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let carried = error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
        if let Some(found) = carried.and_then(|carried| cause::<T>(carried)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The beginning of a body as it may be stored and shown.
fn excerpt(body: &[u8]) -> String {
    let text = escaped(&String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES_MAX)]));
    let end = (0..=text.len().min(EXCERPT_BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..end].to_owned()
}

/// Control characters as `\n`, `\u{1b}`: nobody's terminal is written to.
fn escaped(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests;
