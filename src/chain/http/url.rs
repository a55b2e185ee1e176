//! Where a node is. URLs hold keys, so they are printed in part only.

use std::{fmt, str::FromStr};

use reqwest::Url;

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
    pub(super) fn with_path(&self, path: &str) -> Url {
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
