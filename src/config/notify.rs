//! Telling: deadlines, limits, and which receivers may be reached.

use std::{fmt, net::IpAddr, str::FromStr};

use super::sheet::Section;

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

/// A range of addresses (`10.0.0.0/8`), with no bit set behind the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    /// Its first address.
    pub first: IpAddr,
    /// How many leading bits count, 0 to 32 or 128.
    pub prefix: u8,
}

/// Why a text is not a range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IpRangeError {
    /// Not address and prefix.
    #[error("must be an address range like \"10.0.0.0/8\" or \"fd00::/8\"")]
    Form,
    /// An address within the range, not its first one.
    #[error("has bits set behind the prefix")]
    HostBits,
}

impl FromStr for IpRange {
    type Err = IpRangeError;

    fn from_str(text: &str) -> Result<Self, IpRangeError> {
        let (address, prefix) = text.split_once('/').ok_or(IpRangeError::Form)?;
        let first: IpAddr = address.parse().map_err(|_| IpRangeError::Form)?;
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(IpRangeError::Form);
        }
        let prefix: u8 = prefix.parse().map_err(|_| IpRangeError::Form)?;
        let (bits, width) = match first {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        if prefix > width {
            return Err(IpRangeError::Form);
        }
        if bits.checked_shl(u32::from(prefix)).unwrap_or(0) != 0 {
            return Err(IpRangeError::HostBits);
        }
        Ok(Self { first, prefix })
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// `[egress]`: which receivers may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressConfig {
    /// Allows http and loopback receivers; for development.
    pub allow_insecure_loopback: bool,
    /// Ports a receiver's URL may name; never empty.
    pub ports: Vec<u16>,
    /// Private ranges that are opened; metadata addresses stay shut.
    pub allow: Vec<IpRange>,
    /// Further ranges that are shut.
    pub deny: Vec<IpRange>,
    /// Whether IPv4 is reached through NAT64 (`64:ff9b::/96`).
    pub nat64: bool,
}

impl EgressConfig {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let allow_insecure_loopback = section.flag("allow_insecure_loopback");
        let ports = read_ports(&mut section);
        let allow = read_ranges(&mut section, "allow");
        let deny = read_ranges(&mut section, "deny");
        let nat64 = section.flag("nat64");
        if allow_insecure_loopback == Some(true) {
            section
                .sheet()
                .warn("egress.allow_insecure_loopback: receivers over http and on this host are reached".into());
        }
        for range in allow.iter().flatten() {
            section.sheet().warn(format!("egress.allow: receivers in {range} are reached"));
        }
        section.finish();
        Some(Self {
            allow_insecure_loopback: allow_insecure_loopback?,
            ports: ports?,
            allow: allow?,
            deny: deny?,
            nat64: nat64?,
        })
    }
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

fn read_ranges(section: &mut Section<'_>, key: &'static str) -> Option<Vec<IpRange>> {
    let items = section.list(key)?;
    let range = |item: &String| item.parse::<IpRange>().map_err(|error| format!("{item:?} {error}"));
    section.judged(key, items.iter().map(range).collect::<Result<Vec<IpRange>, String>>())
}
