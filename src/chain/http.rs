//! One HTTP client per endpoint: deadlines, a cap on what is read, pacing, and errors that never show the URL's path
//! or query, where providers put their keys. What may pass at once is tried again here; beyond that the pool decides who
//! is asked next.

mod budget;
mod settings;
mod timing;
mod url;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream::FuturesUnordered};
use reqwest::{Client, ClientBuilder, Response, StatusCode, header};
use tokio::sync::{Semaphore, SemaphorePermit};

use self::{
    budget::Budget,
    settings::headers,
    timing::{Pace, Patience},
};
pub use self::{
    settings::{HttpSettings, HttpSetupError},
    url::{EndpointUrl, EndpointUrlError},
};
use super::Doubt;

/// Longest `Retry-After` that is read, in seconds; more is taken as this.
const RETRY_AFTER_SECONDS_MAX: u64 = 3600;
/// How often a request is sent while nothing has come back.
const SENDINGS_MAX: u32 = 4;
/// Longer answers are not searched for errors; a batch of them fits.
const ERROR_BYTES_MAX: usize = 16 * 1024;
/// Pauses before a request is tried again: they add up to little where another endpoint could be asked instead.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(25), Duration::from_millis(100)];

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

/// The client of one endpoint, for one of its URLs.
#[derive(Debug)]
pub struct HttpClient {
    url: EndpointUrl,
    shared: Arc<Shared>,
    patience: Patience,
}

/// What all URLs of an endpoint have in common.
#[derive(Debug)]
struct Shared {
    client: Client,
    settings: HttpSettings,
    pace: Option<Pace>,
    budget: Option<Budget>,
    in_flight: Semaphore,
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
        let budget = settings.requests_per_day.map(Budget::new);
        let in_flight = Semaphore::new(settings.in_flight_max.clamp(1, Semaphore::MAX_PERMITS));
        Ok(Self::of(url, Arc::new(Shared { client, settings, pace, budget, in_flight })))
    }

    /// A client for another URL of the same endpoint, or for questions that take another time to answer: connections and
    /// every limit are shared.
    pub fn at(&self, url: EndpointUrl) -> Self {
        Self::of(url, Arc::clone(&self.shared))
    }

    fn of(url: EndpointUrl, shared: Arc<Shared>) -> Self {
        let patience = Patience::new(shared.pace.is_some() || shared.budget.is_some());
        Self { url, shared, patience }
    }

    /// Where it goes, as far as it may be printed.
    pub fn url(&self) -> &EndpointUrl {
        &self.url
    }

    /// Posts JSON to the URL with `path` appended. `calls` is how many calls the body holds, for the limits.
    ///
    /// Every request is a question, so it may be asked twice: a broken connection or server is tried again after a short
    /// pause, and where no answer has begun long after answers usually do, the same is sent once more and the first
    /// answer is taken. Every sending counts against the limits; none is made where they leave no room for it.
    ///
    /// # Errors
    /// [`Doubt::Transport`], [`Doubt::Malformed`] for bodies over the cap, and [`Doubt::Throttled`] where the day's
    /// requests are used up. Any status is an answer.
    pub async fn post(&self, path: &str, body: Vec<u8>, calls: u32) -> Result<Answer, Doubt> {
        let question = Question { path, body, calls };
        let mut pauses = AGAIN_AFTER.into_iter();
        let mut permit = self.permit().await;
        // Only now: a question that is given up while it waits costs nothing.
        self.take(calls)?;
        loop {
            self.slot(calls).await;
            let exchange = tokio::time::timeout(self.shared.settings.total, self.exchange(&question));
            let answer = exchange.await.unwrap_or_else(|_| Err(slow("the whole answer")));
            drop(permit);
            let may_pass = match &answer {
                Ok(answer) => is_broken(answer),
                Err(failure) => failure.may_pass,
            };
            match pauses.next().filter(|_| may_pass && self.take(calls).is_ok()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return answer.map_err(|failure| failure.doubt),
            }
            permit = self.permit().await;
        }
    }

    /// Takes a sending out of the day's requests.
    fn take(&self, calls: u32) -> Result<(), Doubt> {
        let Some(budget) = &self.shared.budget else { return Ok(()) };
        budget.take(self.weight(calls), Instant::now()).map_err(|wait| {
            let what = format!("our own budget of {} requests a day is used up", budget.per_day());
            let retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            Doubt::Throttled { what, retry_after_ms }
        })
    }

    /// What a sending of so many calls counts.
    fn weight(&self, calls: u32) -> u32 {
        if self.shared.settings.batch_counts_each { calls.max(1) } else { 1 }
    }

    /// Waits for its turn among the requests under way; `None` cannot be: the semaphore is never closed.
    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        self.shared.in_flight.acquire().await.ok()
    }

    /// Waits until the endpoint's limit lets a request leave.
    async fn slot(&self, calls: u32) {
        if let Some(pace) = &self.shared.pace {
            let leaves = pace.reserve(self.weight(calls), Instant::now());
            tokio::time::sleep_until(leaves.into()).await;
        }
    }

    async fn exchange(&self, question: &Question<'_>) -> Result<Answer, Failure> {
        let response = self.first_head(question).await?;
        let status = response.status().as_u16();
        let retry_after_ms = retry_after(&response);
        let body = self.body(response).await?;
        Ok(Answer { status, retry_after_ms, body })
    }

    /// The head of the first answer to come. As long as none does the question is sent again, a few times at most and
    /// only where the limits leave room.
    async fn first_head(&self, question: &Question<'_>) -> Result<Response, Failure> {
        let begun = Instant::now();
        let patience = self.patience.ends_after().unwrap_or(self.shared.settings.total);
        let mut sendings = FuturesUnordered::from_iter([self.sending(question, None)]);
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
                    if let Ok(permit) = self.shared.in_flight.try_acquire() && self.take(question.calls).is_ok() {
                        sendings.push(self.sending(question, Some(permit)));
                    }
                }
            }
        }
    }

    /// Sends the question; once more where it comes with a permit of its own.
    async fn sending(&self, question: &Question<'_>, again: Option<SemaphorePermit<'_>>) -> Result<Response, Failure> {
        if again.is_some() {
            self.slot(question.calls).await;
        }
        self.head(question).await
    }

    async fn head(&self, question: &Question<'_>) -> Result<Response, Failure> {
        let url = self.url.with_path(question.path);
        let request = self.shared.client.post(url).header(header::CONTENT_TYPE, "application/json");
        let limit = self.shared.settings.connect.saturating_add(self.shared.settings.first_byte);
        tokio::time::timeout(limit, request.body(question.body.clone()).send())
            .await
            .map_err(|_| slow("the first byte"))?
            .map_err(transport)
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let max = self.shared.settings.body_bytes_max;
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if announced > max {
            return Err(too_large(max));
        }
        let mut body = Vec::with_capacity(announced);
        loop {
            let chunk = tokio::time::timeout(self.shared.settings.idle, response.chunk()).await;
            match chunk.map_err(|_| slow("the rest of the body"))?.map_err(transport)? {
                Some(chunk) if body.len() + chunk.len() > max => return Err(too_large(max)),
                Some(chunk) => body.extend_from_slice(&chunk),
                None => return Ok(body),
            }
        }
    }
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
