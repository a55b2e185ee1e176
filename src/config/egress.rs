//! Which receivers may be reached, and by which way.

use std::fs;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{sheet::Section, store::read_path};
use crate::domain::{Cidr, EgressPolicy, EgressProxy};

/// `[egress]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressConfig {
    /// Which receivers may be reached.
    pub policy: EgressPolicy,
    /// The proxy they are reached through.
    pub proxy: Option<EgressProxy>,
    /// Root certificates beside the system's, as DER.
    pub roots: Vec<Vec<u8>>,
}

impl EgressConfig {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let policy = read_policy(&mut section);
        let proxy = read_proxy(&mut section);
        let roots = read_roots(&mut section);
        if let (Some(policy), Some(Some(proxy))) = (&policy, &proxy) {
            if policy.allow_insecure_loopback {
                section.wrong("proxy", "cannot stand beside allow_insecure_loopback: a proxy's loopback is not ours");
            }
            section.sheet().warn(format!(
                "egress.proxy: receivers are reached through {proxy}; names that do not resolve here are judged by the proxy alone"
            ));
        }
        section.finish();
        Some(Self { policy: policy?, proxy: proxy?, roots: roots? })
    }
}

fn read_policy(section: &mut Section<'_>) -> Option<EgressPolicy> {
    let allow_insecure_loopback = section.flag("allow_insecure_loopback");
    let ports = read_ports(section);
    let allow = read_blocks(section, "allow");
    let deny = read_blocks(section, "deny");
    let nat64 = section.flag("nat64");
    if allow_insecure_loopback == Some(true) {
        section.sheet().warn("egress.allow_insecure_loopback: receivers over http and on this host are reached".into());
    }
    for block in allow.iter().flatten() {
        section
            .sheet()
            .warn(format!("egress.allow: receivers in {block} are reached, cloud metadata addresses excepted"));
    }
    Some(EgressPolicy {
        allow_insecure_loopback: allow_insecure_loopback?,
        ports: ports?,
        allow: allow?,
        deny: deny?,
        nat64: nat64?,
    })
}

fn read_ports(section: &mut Section<'_>) -> Option<Vec<u16>> {
    let items = section.list("ports")?;
    let ports: Option<Vec<u16>> = items.iter().map(|item| item.parse().ok().filter(|port| *port > 0)).collect();
    let ports = ports.filter(|ports| !ports.is_empty());
    if ports.is_none() {
        section.wrong("ports", "must list at least one port from 1 to 65535");
    }
    ports
}

fn read_blocks(section: &mut Section<'_>, key: &'static str) -> Option<Vec<Cidr>> {
    let items = section.list(key)?;
    let block = |item: &String| item.parse::<Cidr>().map_err(|error| format!("{item:?}: {error}"));
    section.judged(key, items.iter().map(block).collect::<Result<Vec<Cidr>, String>>())
}

fn read_proxy(section: &mut Section<'_>) -> Option<Option<EgressProxy>> {
    match section.maybe_text("proxy")? {
        None => Some(None),
        Some(text) => section.judged("proxy", text.parse()).map(Some),
    }
}

/// The certificates of `ca_file`; none if it is not written.
fn read_roots(section: &mut Section<'_>) -> Option<Vec<Vec<u8>>> {
    if section.maybe_text("ca_file")?.is_none() {
        return Some(Vec::new());
    }
    let path = read_path(section, "ca_file")?;
    let text = section.judged("ca_file", fs::read(&path).map_err(|cause| format!("cannot be read: {cause}")))?;
    section.judged("ca_file", roots(&text))
}

/// Every certificate of a PEM text, each one a root that rustls takes.
fn roots(text: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut store = RootCertStore::empty();
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(|error| format!("is not PEM: {error}"))?;
        store.add(certificate.clone()).map_err(|error| format!("certificate {}: {error}", found.len() + 1))?;
        found.push(certificate.to_vec());
    }
    if found.is_empty() { Err("holds no certificate".to_owned()) } else { Ok(found) }
}
