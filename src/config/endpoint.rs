//! Endpoints of a network: URLs that may hold keys, pace and timeouts.

use std::{fmt, net::IpAddr};

use url::{Host, Url};
use zeroize::Zeroizing;

use super::sheet::Section;

/// Where the key goes in an endpoint's URL.
const KEY_PLACE: &str = "{key}";

/// A node's URL. Prints as scheme, host and port: paths and queries carry keys.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeUrl {
    full: Zeroizing<String>,
    shown: String,
}

impl NodeUrl {
    /// The whole URL, for the HTTP client alone.
    pub fn expose(&self) -> &str {
        &self.full
    }

    fn parse(text: Zeroizing<String>, has_key: bool) -> Result<Self, String> {
        let url = Url::parse(&text).map_err(|error| format!("not a URL: {error}"))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err("must begin with https:// or http://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "must not carry a user name or password: put the key into a file and name it in `key_file`".to_owned()
            );
        }
        if url.fragment().is_some() {
            return Err("must not have a fragment".to_owned());
        }
        let Some(host) = url.host() else { return Err("names no host".to_owned()) };
        if has_key && url.scheme() == "http" && !is_loopback(&host) {
            return Err("would send the key unencrypted: use https".to_owned());
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let shown = format!("{}://{host}{port}", url.scheme());
        Ok(Self { full: Zeroizing::new(url.into()), shown })
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
        Host::Domain(name) => *name == "localhost",
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeUrl({})", self.shown)
    }
}

/// One node a network is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    /// Its name in logs and metrics, unique in the network.
    pub name: String,
    /// Where it is, key included.
    pub url: NodeUrl,
    /// Requests per second at most, 1 to 10 000; `None`: no limit of ours.
    pub requests_per_second: Option<u32>,
    /// Whether it takes several JSON-RPC calls in one request.
    pub batch: bool,
    /// Longest wait for a connection, in milliseconds, 100 to 60 000.
    pub connect_ms: u64,
    /// Longest wait for a whole answer, in milliseconds, 100 to 120 000.
    pub timeout_ms: u64,
}

/// What an endpoint has unless it says otherwise: `[endpoint]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndpointDefaults {
    batch: bool,
    connect_ms: u64,
    timeout_ms: u64,
}

const CONNECT_MS: std::ops::RangeInclusive<u64> = 100..=60_000;
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=120_000;

impl EndpointDefaults {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let batch = section.flag("batch");
        let connect_ms = section.number("connect_ms", CONNECT_MS);
        let timeout_ms = section.number("timeout_ms", TIMEOUT_MS);
        section.finish();
        Some(Self { batch: batch?, connect_ms: connect_ms?, timeout_ms: timeout_ms? })
    }
}

impl EndpointConfig {
    pub(super) fn read(mut section: Section<'_>, defaults: Option<EndpointDefaults>) -> Option<Self> {
        let name = section.text("name").and_then(|name| section.judged("name", short_name(name)));
        let url = read_url(&mut section);
        let requests_per_second = section.maybe_number("requests_per_second", 1..=10_000);
        let batch = section.maybe_flag("batch");
        let connect_ms = section.maybe_number("connect_ms", CONNECT_MS);
        let timeout_ms = section.maybe_number("timeout_ms", TIMEOUT_MS);
        section.finish();
        let defaults = defaults?;
        Some(Self {
            name: name?,
            url: url?,
            requests_per_second: requests_per_second?.and_then(|number| u32::try_from(number).ok()),
            batch: batch?.unwrap_or(defaults.batch),
            connect_ms: connect_ms?.unwrap_or(defaults.connect_ms),
            timeout_ms: timeout_ms?.unwrap_or(defaults.timeout_ms),
        })
    }
}

/// A name that can stand in logs and metric labels: 1 to 64 of `a-z 0-9 - _ .`.
pub(super) fn short_name(text: &str) -> Result<String, &'static str> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
    if fits { Ok(text.to_owned()) } else { Err("must be 1 to 64 characters of a-z, 0-9, '-', '_' and '.'") }
}

fn read_url(section: &mut Section<'_>) -> Option<NodeUrl> {
    let url = section.text("url");
    let key_file = section.maybe_text("key_file");
    let (url, key_file) = (url?, key_file?);
    match (url.contains(KEY_PLACE), key_file) {
        (true, None) => {
            section.wrong("url", "has a place for {key}, but no `key_file` says what to put there");
            None
        }
        (false, Some(_)) => {
            section.wrong("key_file", "is of no use: the URL has no {key} in it");
            None
        }
        (false, None) => section.judged("url", NodeUrl::parse(Zeroizing::new(url.to_owned()), false)),
        (true, Some(file)) => {
            let key = section.judged("key_file", section.sheet().vault.read(file))?;
            let key = key.unwrap_or_else(|| Zeroizing::new("unread".to_owned()));
            if !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b)) {
                section.wrong("key_file", "the key in it has characters that cannot stand in a URL");
                return None;
            }
            section.judged("url", NodeUrl::parse(Zeroizing::new(url.replace(KEY_PLACE, &key)), true))
        }
    }
}
