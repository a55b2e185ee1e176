//! The proxy that receivers may be reached through.

use std::{fmt, net::IpAddr, str::FromStr};

use url::{Host, Url};

/// An HTTP proxy that is asked to CONNECT: `http://host:port`. Chosen by the operator, so it may be inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressProxy {
    host: Host<String>,
    port: u16,
}

/// Why a text is not a proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not a URL with a host.
    #[error("not a URL: {0}")]
    Form(String),
    /// Another scheme.
    #[error("must begin with http://: the proxy is asked to CONNECT, and TLS to the receiver goes through it")]
    Scheme,
    /// A user name or password.
    #[error("must not carry a user name or password")]
    UserInfo,
    /// Something behind the port.
    #[error("must end behind the port: http://host:port")]
    Path,
}

impl EgressProxy {
    /// Its host name; `None` for an address.
    pub fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Domain(name) => Some(name),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    /// Its address; `None` for a host name.
    pub fn address(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Domain(_) => None,
            Host::Ipv4(v4) => Some(IpAddr::V4(*v4)),
            Host::Ipv6(v6) => Some(IpAddr::V6(*v6)),
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for EgressProxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ProxyError::Form("blanks or control characters".to_owned()));
        }
        let url = Url::parse(text).map_err(|error| ProxyError::Form(error.to_string()))?;
        if url.scheme() != "http" {
            return Err(ProxyError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ProxyError::UserInfo);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyError::Path);
        }
        let host = url.host().ok_or_else(|| ProxyError::Form("it has no host".to_owned()))?.to_owned();
        let port = url.port_or_known_default().filter(|port| *port > 0);
        Ok(Self { host, port: port.ok_or_else(|| ProxyError::Form("it has no port".to_owned()))? })
    }
}

impl fmt::Display for EgressProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_scheme_host_and_port() {
        for (text, shown) in [
            ("http://proxy.internal:3128", "http://proxy.internal:3128"),
            ("http://10.0.0.1:8080/", "http://10.0.0.1:8080"),
            ("HTTP://[::1]:1", "http://[::1]:1"),
            ("http://proxy", "http://proxy:80"),
        ] {
            assert_eq!(text.parse::<EgressProxy>().map(|proxy| proxy.to_string()).as_deref(), Ok(shown));
        }
        for (text, error) in [
            ("https://proxy:443", ProxyError::Scheme),
            ("socks5://proxy:1080", ProxyError::Scheme),
            ("http://u:p@proxy:3128", ProxyError::UserInfo),
            ("http://u@proxy:3128", ProxyError::UserInfo),
            ("http://proxy:3128/x", ProxyError::Path),
            ("http://proxy:3128?x", ProxyError::Path),
            ("http://proxy:3128#x", ProxyError::Path),
        ] {
            assert_eq!(text.parse::<EgressProxy>(), Err(error), "{text}");
        }
        for text in ["", "proxy:3128x", "http://", "http://a b:1", "http://proxy:0", "http://proxy:99999"] {
            assert!(text.parse::<EgressProxy>().is_err(), "{text:?}");
        }
    }
}
