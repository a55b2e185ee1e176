//! Telling: deadlines, limits, and which receivers may be reached.

use super::sheet::Section;
use crate::domain::{Cidr, EgressPolicy};

/// `[notify]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotifyConfig {
    /// For one attempt from name resolution to the end of the answer, in milliseconds, 1 000 to 30 000.
    pub deadline_ms: u64,
    /// For the connection alone, in milliseconds, 100 to `deadline_ms`.
    pub connect_ms: u64,
    /// Attempts under way to one endpoint, 1 to 64.
    pub in_flight_per_endpoint: usize,
    /// Attempts under way in all, 1 to 4096, not below `in_flight_per_endpoint`.
    pub in_flight: usize,
}

impl NotifyConfig {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let deadline_ms = section.number("deadline_ms", 1_000..=30_000);
        let connect_ms = section.number("connect_ms", 100..=30_000);
        let in_flight_per_endpoint = section.small("in_flight_per_endpoint", 1..=64);
        let in_flight = section.small("in_flight", 1..=4096);
        if matches!((connect_ms, deadline_ms), (Some(connect), Some(deadline)) if connect > deadline) {
            section.wrong("connect_ms", "must not be above deadline_ms, which it is part of");
        }
        if matches!((in_flight_per_endpoint, in_flight), (Some(one), Some(all)) if one > all) {
            section.wrong("in_flight_per_endpoint", "must not be above in_flight, which it is part of");
        }
        section.finish();
        Some(Self {
            deadline_ms: deadline_ms?,
            connect_ms: connect_ms?,
            in_flight_per_endpoint: in_flight_per_endpoint?,
            in_flight: in_flight?,
        })
    }
}

/// Reads `[egress]`: which receivers may be reached.
pub(super) fn read_egress(mut section: Section<'_>) -> Option<EgressPolicy> {
    let allow_insecure_loopback = section.flag("allow_insecure_loopback");
    let ports = read_ports(&mut section);
    let allow = read_blocks(&mut section, "allow");
    let deny = read_blocks(&mut section, "deny");
    let nat64 = section.flag("nat64");
    if allow_insecure_loopback == Some(true) {
        section.sheet().warn("egress.allow_insecure_loopback: receivers over http and on this host are reached".into());
    }
    for block in allow.iter().flatten() {
        section
            .sheet()
            .warn(format!("egress.allow: receivers in {block} are reached, cloud metadata addresses excepted"));
    }
    section.finish();
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
