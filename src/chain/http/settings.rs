//! What an endpoint's client is told, and the one way it can be told wrong.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use reqwest::header;

use super::url::EndpointUrlError;

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
    /// Requests a day this endpoint allows us, or we allow ourselves; `None`: no limit. What is over is not sent.
    pub requests_per_day: Option<NonZeroU32>,
    /// Most requests under way at once, at least 1.
    pub in_flight_max: usize,
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
            requests_per_day: None,
            in_flight_max: 64,
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
            .field("requests_per_day", &self.requests_per_day)
            .field("in_flight_max", &self.in_flight_max)
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

/// The headers to send along, marked as secrets.
pub(super) fn headers(settings: &HttpSettings) -> Result<header::HeaderMap, HttpSetupError> {
    let mut headers = header::HeaderMap::new();
    for (name, value) in &settings.headers {
        let wrong = || HttpSetupError::Header(name.clone());
        let mut secret = header::HeaderValue::from_str(value).map_err(|_| wrong())?;
        secret.set_sensitive(true);
        headers.insert(header::HeaderName::from_str(name).map_err(|_| wrong())?, secret);
    }
    Ok(headers)
}
