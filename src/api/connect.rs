//! The client's end: for the command line and for tests.

use std::{io, path::PathBuf, time::Duration};

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
    transport::{Channel, Endpoint},
};
use tower::service_fn;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither `unix:/path` nor `http://127.0.0.1:port`.
    #[error("{0:?} is not unix:/path or http://127.0.0.1:port")]
    Target(String),
    /// Nobody answers there.
    #[error("nobody answers at {target}: {}", innermost(source))]
    Unreachable {
        /// Where.
        target: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// The token holds characters that a header cannot carry.
    #[error("the token holds characters that cannot be sent")]
    Token,
}

/// What a chain of errors comes down to: the transport's own words say only that it failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Connects to a daemon: `unix:/path` or `http://127.0.0.1:port`.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect(target: &str) -> Result<Channel, ConnectError> {
    let unreachable = |source| ConnectError::Unreachable { target: target.to_owned(), source };
    if let Some(path) = target.strip_prefix("unix:") {
        let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
        let dial = service_fn(move |_| {
            let path = path.clone();
            async move { Ok::<_, io::Error>(TokioIo::new(UnixStream::connect(path).await?)) }
        });
        let endpoint = Endpoint::from_static("http://localhost").connect_timeout(CONNECT_TIMEOUT);
        return endpoint.connect_with_connector(dial).await.map_err(unreachable);
    }
    if !is_loopback(target) {
        return Err(ConnectError::Target(target.to_owned()));
    }
    let endpoint = Endpoint::from_shared(target.to_owned()).map_err(|_| ConnectError::Target(target.to_owned()))?;
    endpoint.connect_timeout(CONNECT_TIMEOUT).connect().await.map_err(unreachable)
}

/// Whether `target` is plain HTTP to this host: a token must not cross a network in clear.
fn is_loopback(target: &str) -> bool {
    let url = url::Url::parse(target).ok().filter(|url| url.scheme() == "http");
    url.and_then(|url| url.host().map(|host| host.to_owned())).is_some_and(|host| match host {
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
        url::Host::Domain(name) => name == "localhost",
    })
}

/// Puts a bearer token on every call, if there is one.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// With this token; `None` sends none.
    ///
    /// # Errors
    /// A token with characters that a header cannot carry.
    pub fn new(token: Option<&str>) -> Result<Self, ConnectError> {
        let header = token.map(|token| format!("Bearer {token}").parse::<MetadataValue<Ascii>>()).transpose();
        let header = header.map_err(|_| ConnectError::Token)?;
        Ok(Self(header.map(|mut value| {
            value.set_sensitive(true);
            value
        })))
    }
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Bearer(…)" } else { "Bearer(none)" })
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}
