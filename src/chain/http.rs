//! One HTTP client per endpoint: deadlines, a cap on what is read, pacing, and errors that never show the URL's path
//! or query, where providers put their keys. Retrying is not done here: the pool decides who is asked next.

use std::{
    fmt,
    num::NonZeroU32,
    str::FromStr,
    sync::Mutex,
    time::{Duration, Instant},
};

use reqwest::{Client, ClientBuilder, Response, StatusCode, Url, header};

use super::Doubt;

/// Longest `Retry-After` that is read, in seconds; more is taken as this.
const RETRY_AFTER_SECONDS_MAX: u64 = 3600;

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
        Ok(Self { client, url, settings, pace })
    }

    /// Where it goes, as far as it may be printed.
    pub fn url(&self) -> &EndpointUrl {
        &self.url
    }

    /// Posts JSON to the URL with `path` appended. `calls` is how many calls the body holds, for pacing.
    ///
    /// # Errors
    /// [`Doubt::Transport`], and [`Doubt::Malformed`] for bodies over the cap. Any status is an answer.
    pub async fn post(&self, path: &str, body: Vec<u8>, calls: u32) -> Result<Answer, Doubt> {
        if let Some(pace) = &self.pace {
            let weight = if self.settings.batch_counts_each { calls.max(1) } else { 1 };
            tokio::time::sleep_until(pace.reserve(weight, Instant::now()).into()).await;
        }
        let exchange = self.exchange(path, body);
        tokio::time::timeout(self.settings.total, exchange).await.map_err(|_| slow("the whole answer"))?
    }

    async fn exchange(&self, path: &str, body: Vec<u8>) -> Result<Answer, Doubt> {
        let request =
            self.client.post(self.url.with_path(path)).header(header::CONTENT_TYPE, "application/json").body(body);
        let limit = self.settings.connect.saturating_add(self.settings.first_byte);
        let response = tokio::time::timeout(limit, request.send())
            .await
            .map_err(|_| slow("the first byte"))?
            .map_err(transport)?;
        let status = response.status().as_u16();
        let retry_after_ms = retry_after(&response);
        let body = self.body(response).await?;
        Ok(Answer { status, retry_after_ms, body })
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Doubt> {
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

fn slow(what: &str) -> Doubt {
    Doubt::Transport(format!("no answer in time while waiting for {what}"))
}

fn too_large(max: usize) -> Doubt {
    Doubt::Malformed { method: "http", what: format!("the body is larger than {max} bytes") }
}

/// The innermost cause says what happened; the outer texts only say that something did.
fn transport(error: reqwest::Error) -> Doubt {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    Doubt::Transport(clean(&text))
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

/// Spaces requests evenly. Reservations are made ahead, so waiting callers use every slot; an idle client saves up one.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    fn new(per_second: NonZeroU32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.get(), next: Mutex::new(None) }
    }

    /// When `weight` requests may leave.
    fn reserve(&self, weight: u32, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let saved = now.checked_sub(self.interval).unwrap_or(now);
        let start = next.map_or(now, |next| next.max(saved));
        *next = Some(start + self.interval * weight);
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_printed_without_their_secrets() {
        let url: EndpointUrl = "https://user:pw@node.example:8545/v3/s3cret?key=s3cret".parse().unwrap();
        assert_eq!(url.to_string(), "https://node.example:8545");
        assert_eq!(format!("{url:?}"), "https://node.example:8545");
        assert!("ftp://node".parse::<EndpointUrl>().is_err());
    }

    #[test]
    fn paths_are_appended_before_the_query() {
        let url: EndpointUrl = "https://node.example/base/?k=1".parse().unwrap();
        assert_eq!(url.with_path("/wallet/x").as_str(), "https://node.example/base/wallet/x?k=1");
        assert_eq!(url.with_path("").as_str(), "https://node.example/base/?k=1");
    }

    #[test]
    fn the_pace_uses_every_slot_and_no_more() {
        let pace = Pace::new(NonZeroU32::new(10).unwrap());
        let start = Instant::now();
        let leaves: Vec<_> = (0..10).map(|_| (pace.reserve(1, start) - start).as_millis()).collect();
        assert_eq!(leaves, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        assert_eq!((pace.reserve(5, start) - start).as_millis(), 1000);
        assert_eq!((pace.reserve(1, start) - start).as_millis(), 1500);
        let later = start + Duration::from_secs(60);
        assert!(pace.reserve(1, later) <= later);
        assert!(pace.reserve(1, later) <= later);
        assert!(pace.reserve(1, later) > later, "an idle minute saves up one request, not six hundred");
    }

    /// Serves one connection: `head`, then `chunk` so often, then closes.
    async fn post_to(head: &'static str, chunk: &'static [u8], times: usize, settings: HttpSettings) -> Doubt {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let serve = async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(head.as_bytes()).await;
            for _ in 0..times {
                if socket.write_all(chunk).await.is_err() {
                    break;
                }
            }
            // Held open for those who only say a part of what they announced, until the client gives up.
            let _ = tokio::time::timeout(Duration::from_secs(2), socket.read(&mut request)).await;
        };
        let client = HttpClient::new(url, settings).unwrap();
        let (answer, ()) = futures::join!(client.post("", b"{}".to_vec(), 1), serve);
        answer.unwrap_err()
    }

    #[tokio::test]
    async fn bodies_without_end_and_bodies_that_stall_are_given_up() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let small = HttpSettings { body_bytes_max: 1000, ..HttpSettings::default() };
        let doubt = post_to(chunked, b"10\r\n0123456789abcdef\r\n", 100_000, small).await;
        assert_eq!(doubt.to_string(), "malformed answer to http: the body is larger than 1000 bytes");
        let hasty = HttpSettings { idle: Duration::from_millis(50), ..HttpSettings::default() };
        let doubt = post_to("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", b"12", 1, hasty).await;
        assert!(doubt.to_string().contains("the rest of the body"), "{doubt}");
        let hasty = HttpSettings { total: Duration::from_millis(50), ..HttpSettings::default() };
        let doubt = post_to("HTTP/1.1 200 OK\r\n", b"x: y\r\n", 1, hasty).await;
        assert_eq!(doubt.kind(), "transport");
    }
}
