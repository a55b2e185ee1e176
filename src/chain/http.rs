//! One HTTP client per endpoint: deadlines, a cap on what is read, pacing, and errors that never show the URL's path
//! or query, where providers put their keys. What may pass at once is tried again here; beyond that the pool decides who
//! is asked next.

mod timing;

use std::{
    fmt,
    num::NonZeroU32,
    str::FromStr,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream::FuturesUnordered};
use reqwest::{Client, ClientBuilder, Response, StatusCode, Url, header};

use self::timing::{Pace, Patience};
use super::Doubt;

/// Longest `Retry-After` that is read, in seconds; more is taken as this.
const RETRY_AFTER_SECONDS_MAX: u64 = 3600;
/// How often a request is sent while nothing has come back.
const SENDINGS_MAX: u32 = 4;
/// Longer answers are not searched for errors; a batch of them fits.
const ERROR_BYTES_MAX: usize = 16 * 1024;
/// Pauses before a request is tried again: they add up to little where another endpoint could be asked instead.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(25), Duration::from_millis(100)];

/// A node's URL. Its path, query and user part are secrets: only scheme, host and port are ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(Url);

/// Why a text is not a node's URL; never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an endpoint is an http or https URL with a host")]
pub struct EndpointUrlError;

impl FromStr for EndpointUrl {
    type Err = EndpointUrlError;

    fn from_str(text: &str) -> Result<Self, EndpointUrlError> {
        let url = Url::parse(text).map_err(|_| EndpointUrlError)?;
        let fits = matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty());
        if fits { Ok(Self(url)) } else { Err(EndpointUrlError) }
    }
}

impl EndpointUrl {
    /// The URL with `path` (`/wallet/getnowblock`) appended to its own; an empty `path` changes nothing.
    fn with_path(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        if !path.is_empty() {
            let joined = format!("{}{path}", url.path().trim_end_matches('/'));
            url.set_path(&joined);
        }
        url
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        self.0.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Limits of one endpoint's client.
#[derive(Clone)]
pub struct HttpSettings {
    /// Longest wait for a connection, TLS included.
    pub connect: Duration,
    /// Longest wait from sending to the answer's head.
    pub first_byte: Duration,
    /// Longest silence within a body.
    pub idle: Duration,
    /// Longest time for one exchange, waiting for the pace excluded.
    pub total: Duration,
    /// Most bytes of a body, before and after unpacking.
    pub body_bytes_max: usize,
    /// Requests per second this endpoint allows us; `None`: no pacing.
    pub requests_per_second: Option<NonZeroU32>,
    /// Whether the endpoint counts every call of a batch as a request.
    pub batch_counts_each: bool,
    /// Headers sent along, such as an API key. Values are secrets.
    pub headers: Vec<(String, String)>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(15),
            idle: Duration::from_secs(10),
            total: Duration::from_secs(30),
            body_bytes_max: 64 * 1024 * 1024,
            requests_per_second: None,
            batch_counts_each: true,
            headers: Vec::new(),
        }
    }
}

impl fmt::Debug for HttpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSettings")
            .field("total", &self.total)
            .field("body_bytes_max", &self.body_bytes_max)
            .field("requests_per_second", &self.requests_per_second)
            .field("headers", &self.headers.len())
            .finish_non_exhaustive()
    }
}

/// Why a client cannot be made; a mistake in the configuration or on the host.
#[derive(Debug, thiserror::Error)]
pub enum HttpSetupError {
    /// TLS could not be set up.
    #[error("no HTTP client: {0}")]
    Client(String),
    /// A header's name or value is not allowed in HTTP; the value is not repeated.
    #[error("header {0:?} is not a valid HTTP header")]
    Header(String),
    /// The endpoint's URL is none.
    #[error(transparent)]
    Url(#[from] EndpointUrlError),
}

/// Makes ring the process's TLS provider. To be called before the first client is made; again does no harm.
pub fn install_tls() {
    // The error says only that another provider was installed before, which is then used.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// What it asked us to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The body, unpacked.
    pub body: Vec<u8>,
}

/// The client of one endpoint.
#[derive(Debug)]
pub struct HttpClient {
    client: Client,
    url: EndpointUrl,
    settings: HttpSettings,
    pace: Option<Pace>,
    patience: Patience,
}

impl HttpClient {
    /// A client for `url`. Connections are made when first needed.
    ///
    /// # Errors
    /// [`HttpSetupError`].
    pub fn new(url: EndpointUrl, settings: HttpSettings) -> Result<Self, HttpSetupError> {
        install_tls();
        let headers = headers(&settings)?;
        let builder = || {
            Client::builder()
                .default_headers(headers.clone())
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .connect_timeout(settings.connect)
                .timeout(settings.total)
                .tcp_nodelay(true)
                .gzip(true)
        };
        // A host without root certificates cannot build a client; then Mozilla's, compiled in, are used.
        let client = builder()
            .build()
            .or_else(|_| with_bundled_roots(builder()))
            .map_err(|error| HttpSetupError::Client(error.without_url().to_string()))?;
        let pace = settings.requests_per_second.map(Pace::new);
        let patience = Patience::new(pace.is_some());
        Ok(Self { client, url, settings, pace, patience })
    }

    /// Where it goes, as far as it may be printed.
    pub fn url(&self) -> &EndpointUrl {
        &self.url
    }

    /// Posts JSON to the URL with `path` appended. `calls` is how many calls the body holds, for pacing.
    ///
    /// Every request is a question, so it may be asked twice: a broken connection or server is tried again after a short
    /// pause, and where no answer has begun long after answers usually do, the same is sent once more and the first
    /// answer is taken.
    ///
    /// # Errors
    /// [`Doubt::Transport`], and [`Doubt::Malformed`] for bodies over the cap. Any status is an answer.
    pub async fn post(&self, path: &str, body: Vec<u8>, calls: u32) -> Result<Answer, Doubt> {
        let question = Question { path, body, calls };
        let mut pauses = AGAIN_AFTER.into_iter();
        loop {
            self.slot(calls).await;
            let exchange = tokio::time::timeout(self.settings.total, self.exchange(&question));
            let answer = exchange.await.unwrap_or_else(|_| Err(slow("the whole answer")));
            let may_pass = match &answer {
                Ok(answer) => is_broken(answer),
                Err(failure) => failure.may_pass,
            };
            match pauses.next().filter(|_| may_pass) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return answer.map_err(|failure| failure.doubt),
            }
        }
    }

    /// Waits until the endpoint's limit lets a request leave.
    async fn slot(&self, calls: u32) {
        if let Some(pace) = &self.pace {
            let weight = if self.settings.batch_counts_each { calls.max(1) } else { 1 };
            tokio::time::sleep_until(pace.reserve(weight, Instant::now()).into()).await;
        }
    }

    async fn exchange(&self, question: &Question<'_>) -> Result<Answer, Failure> {
        let response = self.first_head(question).await?;
        let status = response.status().as_u16();
        let retry_after_ms = retry_after(&response);
        let body = self.body(response).await?;
        Ok(Answer { status, retry_after_ms, body })
    }

    /// The head of the first answer to come. As long as none does the question is sent again, a few times at most.
    async fn first_head(&self, question: &Question<'_>) -> Result<Response, Failure> {
        let begun = Instant::now();
        let patience = self.patience.ends_after().unwrap_or(self.settings.total);
        let mut sendings = FuturesUnordered::from_iter([self.sending(question, false)]);
        let mut left = SENDINGS_MAX - 1;
        loop {
            tokio::select! {
                Some(answer) = sendings.next() => {
                    if answer.is_ok() {
                        self.patience.answered(begun.elapsed());
                    }
                    if answer.is_ok() || sendings.is_empty() {
                        return answer;
                    }
                }
                () = tokio::time::sleep(patience), if left > 0 => {
                    left -= 1;
                    sendings.push(self.sending(question, true));
                }
            }
        }
    }

    async fn sending(&self, question: &Question<'_>, is_again: bool) -> Result<Response, Failure> {
        if is_again {
            self.slot(question.calls).await;
        }
        self.head(question).await
    }

    async fn head(&self, question: &Question<'_>) -> Result<Response, Failure> {
        let url = self.url.with_path(question.path);
        let request = self.client.post(url).header(header::CONTENT_TYPE, "application/json");
        let limit = self.settings.connect.saturating_add(self.settings.first_byte);
        tokio::time::timeout(limit, request.body(question.body.clone()).send())
            .await
            .map_err(|_| slow("the first byte"))?
            .map_err(transport)
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let max = self.settings.body_bytes_max;
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if announced > max {
            return Err(too_large(max));
        }
        let mut body = Vec::with_capacity(announced);
        loop {
            let chunk = tokio::time::timeout(self.settings.idle, response.chunk()).await;
            match chunk.map_err(|_| slow("the rest of the body"))?.map_err(transport)? {
                Some(chunk) if body.len() + chunk.len() > max => return Err(too_large(max)),
                Some(chunk) => body.extend_from_slice(&chunk),
                None => return Ok(body),
            }
        }
    }
}

fn headers(settings: &HttpSettings) -> Result<header::HeaderMap, HttpSetupError> {
    let mut headers = header::HeaderMap::new();
    for (name, value) in &settings.headers {
        let wrong = || HttpSetupError::Header(name.clone());
        let mut secret = header::HeaderValue::from_str(value).map_err(|_| wrong())?;
        secret.set_sensitive(true);
        headers.insert(header::HeaderName::from_str(name).map_err(|_| wrong())?, secret);
    }
    Ok(headers)
}

fn with_bundled_roots(builder: ClientBuilder) -> reqwest::Result<Client> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let roots: Vec<_> = roots.filter_map(|root| reqwest::Certificate::from_der(root).ok()).collect();
    builder.tls_certs_only(roots).build()
}

/// What is asked, as often as it is.
struct Question<'a> {
    path: &'a str,
    body: Vec<u8>,
    calls: u32,
}

/// Why an exchange failed, and whether the next one may well succeed.
struct Failure {
    doubt: Doubt,
    may_pass: bool,
}

/// Whether the server broke down over it: a 5xx status, or JSON-RPC's "internal error", which comes with status 200.
fn is_broken(answer: &Answer) -> bool {
    const INTERNAL: &[u8] = b"\"code\":-32603";
    let is_short = answer.body.len() <= ERROR_BYTES_MAX;
    let says_so = || is_short && answer.body.windows(INTERNAL.len()).any(|bytes| bytes == INTERNAL);
    answer.retry_after_ms.is_none() && (answer.status >= 500 || says_so())
}

fn slow(what: &str) -> Failure {
    let doubt = Doubt::Transport(format!("no answer in time while waiting for {what}"));
    Failure { doubt, may_pass: false }
}

fn too_large(max: usize) -> Failure {
    let doubt = Doubt::Malformed { method: "http", what: format!("the body is larger than {max} bytes") };
    Failure { doubt, may_pass: false }
}

/// The innermost cause says what happened; the outer texts only say that something did.
fn transport(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    // reqwest's own deadlines are ours: a host that is silent once is not asked again.
    Failure { doubt: Doubt::Transport(clean(&text)), may_pass: !error.is_timeout() }
}

/// At most 200 characters of `text`, without control characters: node texts end up in logs.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// `Retry-After` in seconds; the date form is ignored, no node sends it.
fn retry_after(response: &Response) -> Option<u64> {
    let seconds: u64 = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(seconds.min(RETRY_AFTER_SECONDS_MAX) * 1000)
}

/// What an HTTP status that is no success says by itself.
pub(crate) fn doubt_of_status(method: &'static str, answer: &Answer) -> Option<Doubt> {
    let status = StatusCode::from_u16(answer.status).ok()?;
    if status.is_success() {
        return None;
    }
    let slow_down = matches!(answer.status, 402 | 403 | 408 | 429) || status.is_server_error();
    Some(if slow_down {
        Doubt::Throttled { what: format!("HTTP status {}", answer.status), retry_after_ms: answer.retry_after_ms }
    } else {
        Doubt::Refused { method, code: i64::from(answer.status), message: "HTTP status".to_owned() }
    })
}

#[cfg(test)]
mod tests;
