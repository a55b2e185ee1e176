//! The form of a receiver's URL. The parsed host is judged, never the text: decimal, octal, hex and short spellings of
//! IPv4 are one address to every client, so they are one address here.

use std::net::IpAddr;

use url::{Host, Url};

use super::{Denial, EgressPolicy, is_loopback};
use crate::domain::{NotifyUrl, app::NOTIFY_URL_BYTES_MAX};

/// Why a URL is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefusal {
    /// Not an absolute URL with a host, or blanks or control characters in it.
    #[error("not a URL: {0}")]
    Form(String),
    /// Longer than [`NOTIFY_URL_BYTES_MAX`].
    #[error("a notify URL has at most {NOTIFY_URL_BYTES_MAX} bytes")]
    TooLong,
    /// Another scheme than https.
    #[error("the scheme must be https")]
    Scheme,
    /// A user name or password in it.
    #[error("a user name or password in a notify URL is not accepted")]
    UserInfo,
    /// A fragment in it.
    #[error("a fragment (#…) in a notify URL is not accepted")]
    Fragment,
    /// A port the operator did not open.
    #[error("port {0} is not open for notifications")]
    Port(u16),
    /// A host the app does not list.
    #[error("the host is not among the app's notify hosts")]
    Host,
    /// An IP literal the app does not list.
    #[error("an IP address in place of a host name must be among the app's notify hosts")]
    Literal,
    /// A literal or `localhost` that is not a public address.
    #[error("the host is {0}")]
    Address(#[from] Denial),
}

impl UrlRefusal {
    /// The word used as a metric label.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Form(_) => "form",
            Self::TooLong => "too_long",
            Self::Scheme => "scheme",
            Self::UserInfo => "userinfo",
            Self::Fragment => "fragment",
            Self::Port(_) => "port",
            Self::Host => "host",
            Self::Literal => "literal",
            Self::Address(denial) => denial.word(),
        }
    }
}

/// Checks a receiver's URL for an app that lists `allowed_hosts`, and returns it as every client will read it
/// (WHATWG serialisation, no trailing dot behind the host). Host names are not resolved here.
///
/// # Errors
/// [`UrlRefusal`], typed for the field's error message.
pub fn check_url(policy: &EgressPolicy, text: &str, allowed_hosts: &[String]) -> Result<NotifyUrl, UrlRefusal> {
    let (url, host) = parse(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRefusal::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(UrlRefusal::Fragment);
    }
    let development = policy.allow_insecure_loopback && is_loopback_host(&host);
    match url.scheme() {
        "https" => (),
        "http" if development => (),
        _ => return Err(UrlRefusal::Scheme),
    }
    let port = url.port_or_known_default().ok_or(UrlRefusal::Scheme)?;
    if !development && !policy.ports.contains(&port) {
        return Err(UrlRefusal::Port(port));
    }
    judge_host(policy, &host)?;
    if !allowed_hosts.iter().any(|allowed| normal_host(allowed).as_ref() == Some(&host)) {
        return Err(if literal(&host).is_some() { UrlRefusal::Literal } else { UrlRefusal::Host });
    }
    NotifyUrl::checked(url.into()).ok_or(UrlRefusal::TooLong)
}

/// The host of a URL as it is compared with an app's list: lower case, punycode, no trailing dot. `None` if there is none.
pub fn host_of(text: &str) -> Option<String> {
    parse(text).ok().map(|(_, host)| host.to_string())
}

/// The URL with its host normalised, and that host.
fn parse(text: &str) -> Result<(Url, Host<String>), UrlRefusal> {
    // A WHATWG parser silently drops tabs and line ends and trims blanks; nobody means them in a URL.
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(UrlRefusal::Form("blanks or control characters".to_owned()));
    }
    let mut url = Url::parse(text).map_err(|error| UrlRefusal::Form(error.to_string()))?;
    let no_host = || UrlRefusal::Form("it has no host".to_owned());
    let host = url.host_str().filter(|host| !host.is_empty()).and_then(normal_host).ok_or_else(no_host)?;
    url.set_host(Some(&host.to_string())).map_err(|error| UrlRefusal::Form(error.to_string()))?;
    Ok((url, host))
}

/// A host as written in a list or a URL, in one spelling.
fn normal_host(text: &str) -> Option<Host<String>> {
    let host = Host::parse(text.strip_suffix('.').unwrap_or(text)).ok()?;
    match &host {
        Host::Domain(name) if name.is_empty() || name.ends_with('.') => None,
        Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_) => Some(host),
    }
}

fn literal(host: &Host<String>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(v4) => Some(IpAddr::V4(*v4)),
        Host::Ipv6(v6) => Some(IpAddr::V6(*v6)),
    }
}

/// `localhost` and everything below it are this host by RFC 6761; some resolvers know `localhost.localdomain` too.
fn is_localhost_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost") || name == "localhost.localdomain"
}

fn is_loopback_host(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => is_localhost_name(name),
        Host::Ipv4(v4) => v4.is_loopback(),
        Host::Ipv6(v6) => is_loopback(IpAddr::V6(*v6)),
    }
}

fn judge_host(policy: &EgressPolicy, host: &Host<String>) -> Result<(), Denial> {
    match host {
        Host::Domain(name) if is_localhost_name(name) && !policy.allow_insecure_loopback => Err(Denial::Loopback),
        Host::Domain(_) => Ok(()),
        Host::Ipv4(v4) => policy.judge(IpAddr::V4(*v4)),
        Host::Ipv6(v6) => policy.judge(IpAddr::V6(*v6)),
    }
}
