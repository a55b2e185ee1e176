//! URLs of nodes and the keys that belong to them: read from files, sent to nodes, never printed.

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

    /// Whether both are at the same host, whatever the port.
    pub(super) fn is_at_host_of(&self, other: &Self) -> bool {
        let host = |url: &Self| Url::parse(&url.shown).ok().and_then(|url| url.host_str().map(str::to_owned));
        host(self) == host(other)
    }

    /// `is_secret`: a key travels with every request, in the URL or in a header.
    fn parse(text: Zeroizing<String>, is_secret: bool) -> Result<Self, String> {
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
        if is_secret && url.scheme() == "http" && !is_loopback(&host) {
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

/// A key that is sent in a header. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// The key itself, for the HTTP client alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// Reads a key that is sent in a header. `Some(None)`: none is named.
pub(super) fn read_api_key(section: &mut Section<'_>, key: &'static str) -> Option<Option<ApiKey>> {
    let Some(secret) = read_secret(section, key)? else { return Some(None) };
    if !secret.bytes().all(|b| b.is_ascii_graphic()) {
        section.wrong(key, "the key in it has characters that cannot stand in an HTTP header");
        return None;
    }
    Some(Some(ApiKey(secret)))
}

/// Reads an endpoint's URLs, all of them filled from its one `key_file`. `first` must be there, each of `others` may.
/// `has_header_key`: a key goes along in a header.
pub(super) fn read_urls<const N: usize>(
    section: &mut Section<'_>,
    first: &'static str,
    others: [&'static str; N],
    has_header_key: bool,
) -> Option<(NodeUrl, [Option<NodeUrl>; N])> {
    let first_text = section.text(first);
    let other_texts = others.map(|key| section.maybe_text(key));
    let key_file = section.maybe_text("key_file");
    let (first_text, key_file) = (first_text?, key_file?);
    let needs_key = |text: &str| text.contains(KEY_PLACE);
    let is_needed = needs_key(first_text) || other_texts.iter().flatten().flatten().any(|text| needs_key(text));
    if key_file.is_some() && !is_needed {
        section.wrong("key_file", "is of no use: the URL has no {key} in it");
        return None;
    }
    let secret = if is_needed { read_url_key(section)? } else { None };
    let read = |key: &'static str, text: &str| {
        if !needs_key(text) {
            return section.judged(key, NodeUrl::parse(Zeroizing::new(text.to_owned()), has_header_key));
        }
        let Some(secret) = &secret else {
            section.wrong(key, "has a place for {key}, but no `key_file` says what to put there");
            return None;
        };
        section.judged(key, NodeUrl::parse(Zeroizing::new(text.replace(KEY_PLACE, secret)), true))
    };
    let first_url = read(first, first_text);
    let mut urls = [const { None }; N];
    let mut whole = true;
    for (place, (key, text)) in urls.iter_mut().zip(others.into_iter().zip(other_texts)) {
        match text {
            None => whole = false,
            Some(None) => {}
            Some(Some(text)) => {
                *place = read(key, text);
                whole &= place.is_some();
            }
        }
    }
    first_url.filter(|_| whole).map(|first_url| (first_url, urls))
}

/// The key that stands in URLs. `Some(None)`: no file is named.
fn read_url_key(section: &mut Section<'_>) -> Option<Option<Zeroizing<String>>> {
    let Some(secret) = read_secret(section, "key_file")? else { return Some(None) };
    if !secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b)) {
        section.wrong("key_file", "the key in it has characters that cannot stand in a URL");
        return None;
    }
    Some(Some(secret))
}

/// What stands in the file that `key` names; a stand-in where files may only be named, not read.
fn read_secret(section: &mut Section<'_>, key: &'static str) -> Option<Option<Zeroizing<String>>> {
    let Some(file) = section.maybe_text(key)? else { return Some(None) };
    let secret = section.judged(key, section.sheet().vault.read(file))?;
    if secret.is_none() {
        section
            .sheet()
            .warn(format!("{key} = {file:?} was not looked at: a bare name is the service manager's to open"));
    }
    Some(Some(secret.unwrap_or_else(|| Zeroizing::new("unread".to_owned()))))
}
