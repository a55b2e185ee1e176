//! Endpoints of a network: where they are, pace and timeouts; what each family's own have beside that.

use std::num::NonZeroU32;

use super::{
    node_url::{ApiKey, NodeUrl, read_api_key, read_urls},
    sheet::Section,
};

/// What every endpoint has, whatever its network's family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    /// Its name in logs and metrics, unique in the network.
    pub name: String,
    /// Where it is, key included.
    pub url: NodeUrl,
    /// Requests per second at most, 1 to 10 000; `None`: no limit of ours.
    pub requests_per_second: Option<NonZeroU32>,
    /// Longest wait for a connection, in milliseconds, 100 to 60 000.
    pub connect_ms: u64,
    /// Longest wait for a whole answer, in milliseconds, 100 to 120 000.
    pub timeout_ms: u64,
    /// Largest answer that is read, in MiB, 8 to 1024.
    pub answer_mb: usize,
}

/// One node an EVM network is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvmEndpoint {
    /// What every endpoint has.
    pub shared: EndpointConfig,
    /// Whether it takes several JSON-RPC calls in one request.
    pub batch: bool,
}

/// One node a TRON network is read from. Its `url` is where `/wallet` is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TronEndpoint {
    /// What every endpoint has.
    pub shared: EndpointConfig,
    /// Where `/walletsolidity` is served.
    pub solid_url: NodeUrl,
    /// Where its JSON-RPC is served, path included; `None`: it is not used.
    pub jsonrpc_url: Option<NodeUrl>,
    /// Sent as `TRON-PRO-API-KEY` to all of them; only over https or to this host.
    pub api_key: Option<ApiKey>,
    /// Requests in any 24 hours at most, 1 to 100 000 000; `None`: no limit of ours.
    pub requests_per_day: Option<NonZeroU32>,
    /// Requests under way at most, 1 to 50.
    pub connections: usize,
}

/// What an endpoint has unless it says otherwise: `[endpoint]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndpointDefaults {
    batch: bool,
    connections: usize,
    connect_ms: u64,
    timeout_ms: u64,
    answer_mb: usize,
}

const CONNECT_MS: std::ops::RangeInclusive<u64> = 100..=60_000;
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=120_000;
const ANSWER_MB: std::ops::RangeInclusive<u64> = 8..=1024;
const REQUESTS_PER_SECOND: std::ops::RangeInclusive<u64> = 1..=10_000;
const REQUESTS_PER_DAY: std::ops::RangeInclusive<u64> = 1..=100_000_000;
/// A node of one's own serves 50 at once as it comes.
const CONNECTIONS: std::ops::RangeInclusive<u64> = 1..=50;
/// Keys that only endpoints of EVM networks have.
const EVM_KEYS: [&str; 1] = ["batch"];
/// Keys that only endpoints of TRON networks have.
const TRON_KEYS: [&str; 5] = ["solid_url", "jsonrpc_url", "api_key_file", "requests_per_day", "connections"];

impl EndpointDefaults {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let batch = section.flag("batch");
        let connections = section.small("connections", CONNECTIONS);
        let connect_ms = section.number("connect_ms", CONNECT_MS);
        let timeout_ms = section.number("timeout_ms", TIMEOUT_MS);
        let answer_mb = section.small("answer_mb", ANSWER_MB);
        section.finish();
        Some(Self {
            batch: batch?,
            connections: connections?,
            connect_ms: connect_ms?,
            timeout_ms: timeout_ms?,
            answer_mb: answer_mb?,
        })
    }
}

impl EvmEndpoint {
    pub(super) fn read(mut section: Section<'_>, defaults: Option<EndpointDefaults>) -> Option<Self> {
        section.foreign(&TRON_KEYS, "tron", "evm");
        let urls = read_urls(&mut section, "url", [], false);
        let shared = Limits::read(&mut section, defaults);
        let batch = section.maybe_flag("batch");
        section.finish();
        let (url, []) = urls?;
        Some(Self { shared: shared?.with(url), batch: batch?.unwrap_or(defaults?.batch) })
    }
}

impl TronEndpoint {
    pub(super) fn read(mut section: Section<'_>, defaults: Option<EndpointDefaults>) -> Option<Self> {
        section.foreign(&EVM_KEYS, "evm", "tron");
        let has_header_key = section.has("api_key_file");
        let urls = read_urls(&mut section, "url", ["solid_url", "jsonrpc_url"], has_header_key);
        let api_key = read_api_key(&mut section, "api_key_file");
        let shared = Limits::read(&mut section, defaults);
        let requests_per_day = section.maybe_number("requests_per_day", REQUESTS_PER_DAY);
        let connections = section.maybe_number("connections", CONNECTIONS);
        let urls = urls.filter(|(url, [solid_url, _])| are_bases(&section, url, solid_url.as_ref()));
        if let (true, Some((url, others))) = (has_header_key, &urls) {
            warn_of_key(&section, url, others);
        }
        if has_header_key && !section.has("requests_per_second") {
            // A catch-up asks as fast as it may; where every burst is cut off, no range would ever be whole.
            section.sheet().warn(format!(
                "the endpoint {:?} has a key but no `requests_per_second`: name what the key allows",
                shared.as_ref().map_or("", |shared| shared.name.as_str())
            ));
        }
        section.finish();
        let (url, [solid_url, jsonrpc_url]) = urls?;
        let connections = connections?.and_then(|number| usize::try_from(number).ok());
        Some(Self {
            solid_url: solid_url.unwrap_or_else(|| url.clone()),
            jsonrpc_url,
            api_key: api_key?,
            requests_per_day: requests_per_day?.and_then(limit),
            connections: connections.unwrap_or(defaults?.connections),
            shared: shared?.with(url),
        })
    }
}

/// The key goes to every URL of the endpoint, also to those of somebody else.
fn warn_of_key(section: &Section<'_>, url: &NodeUrl, others: &[Option<NodeUrl>; 2]) {
    for other in others.iter().flatten().filter(|other| !other.is_at_host_of(url)) {
        section.sheet().warn(format!("the key in `api_key_file` of the endpoint at {url} is sent to {other} too"));
    }
}

/// Whether the URLs are those the calls' own paths are appended to.
fn are_bases(section: &Section<'_>, url: &NodeUrl, solid_url: Option<&NodeUrl>) -> bool {
    let mut good = true;
    for (key, url) in [("url", Some(url)), ("solid_url", solid_url)] {
        let path = url.map_or("", |url| url.expose().trim_end_matches('/'));
        if let Some(end) = ["/wallet", "/walletsolidity"].into_iter().find(|end| path.ends_with(end)) {
            section.wrong(key, format!("must not end with {end}: the calls' own paths are appended"));
            good = false;
        }
    }
    good
}

/// What every endpoint has beside its URL.
struct Limits {
    name: String,
    requests_per_second: Option<NonZeroU32>,
    connect_ms: u64,
    timeout_ms: u64,
    answer_mb: usize,
}

impl Limits {
    fn read(section: &mut Section<'_>, defaults: Option<EndpointDefaults>) -> Option<Self> {
        let name = section.text("name").and_then(|name| section.judged("name", short_name(name)));
        let requests_per_second = section.maybe_number("requests_per_second", REQUESTS_PER_SECOND);
        let connect_ms = section.maybe_number("connect_ms", CONNECT_MS);
        let timeout_ms = section.maybe_number("timeout_ms", TIMEOUT_MS);
        let answer_mb = section.maybe_number("answer_mb", ANSWER_MB);
        let defaults = defaults?;
        Some(Self {
            name: name?,
            requests_per_second: requests_per_second?.and_then(limit),
            connect_ms: connect_ms?.unwrap_or(defaults.connect_ms),
            timeout_ms: timeout_ms?.unwrap_or(defaults.timeout_ms),
            answer_mb: answer_mb?.and_then(|number| usize::try_from(number).ok()).unwrap_or(defaults.answer_mb),
        })
    }

    fn with(self, url: NodeUrl) -> EndpointConfig {
        let Self { name, requests_per_second, connect_ms, timeout_ms, answer_mb } = self;
        EndpointConfig { name, url, requests_per_second, connect_ms, timeout_ms, answer_mb }
    }
}

/// A limit whose range was checked: above zero and far below 2^32.
fn limit(number: u64) -> Option<NonZeroU32> {
    u32::try_from(number).ok().and_then(NonZeroU32::new)
}

/// A name that can stand in logs and metric labels: 1 to 64 of `a-z 0-9 - _ .`.
pub(super) fn short_name(text: &str) -> Result<String, &'static str> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
    if fits { Ok(text.to_owned()) } else { Err("must be 1 to 64 characters of a-z, 0-9, '-', '_' and '.'") }
}
