//! Where notifications may go: which addresses are receivers on the open internet, and which are somebody's inside.
//!
//! Pure. The same judgement is made when a URL is registered and again, on every resolved address, when it is dialled.

mod cidr;
mod embedded;
mod proxy;
#[cfg(test)]
mod tests;
mod url;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use self::cidr::{Cidr, CidrError};
pub use self::proxy::{EgressProxy, ProxyError};
pub use self::url::{UrlRefusal, check_url, host_of};

/// The port of https, the only one a receiver may use unless an operator adds others.
pub const HTTPS_PORT: u16 = 443;

/// What the operator decided about outgoing notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressPolicy {
    /// Development only: `http`, `localhost`, 127.0.0.0/8 and ::1 on any port.
    pub allow_insecure_loopback: bool,
    /// Ports a receiver may use.
    pub ports: Vec<u16>,
    /// Networks opened although they are not public. Never outranks metadata addresses or `deny`.
    pub allow: Vec<Cidr>,
    /// Networks closed although they are public, such as our own.
    pub deny: Vec<Cidr>,
    /// Whether this host reaches IPv4 through NAT64: the IPv4 inside 64:ff9b::/96 is judged instead.
    pub nat64: bool,
}

impl Default for EgressPolicy {
    fn default() -> Self {
        Self {
            allow_insecure_loopback: false,
            ports: vec![HTTPS_PORT],
            allow: Vec::new(),
            deny: Vec::new(),
            nat64: false,
        }
    }
}

/// Why an address is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Denial {
    /// A cloud's instance metadata or host agent.
    #[error("a cloud metadata address")]
    Metadata,
    /// This host, by its loopback.
    #[error("a loopback address")]
    Loopback,
    /// This host, by one of its own addresses.
    #[error("an address of this host")]
    ThisHost,
    /// A private network: RFC 1918, carrier NAT, unique local.
    #[error("a private address")]
    Private,
    /// Link-local or site-local.
    #[error("a link-local address")]
    LinkLocal,
    /// Multicast or broadcast.
    #[error("a multicast address")]
    Multicast,
    /// Reserved, documentation, translation or tunnelling: no receiver lives there.
    #[error("a reserved address")]
    Reserved,
    /// In the operator's own list.
    #[error("an address the operator denies")]
    Operator,
}

impl Denial {
    /// The word used as a metric label.
    pub fn word(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Loopback => "loopback",
            Self::ThisHost => "this_host",
            Self::Private => "private",
            Self::LinkLocal => "link_local",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::Operator => "operator",
        }
    }
}

/// Addresses that hand out credentials; no setting opens them. 168.63.129.16 is Azure's host agent, a public address.
const METADATA_V4: [Ipv4Addr; 5] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];
/// As [`METADATA_V4`].
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// IANA's special IPv4 blocks: network, prefix length, what it is.
const SPECIAL_V4: [([u8; 4], u8, Denial); 20] = [
    ([0, 0, 0, 0], 8, Denial::Reserved),
    ([10, 0, 0, 0], 8, Denial::Private),
    ([100, 64, 0, 0], 10, Denial::Private),
    ([127, 0, 0, 0], 8, Denial::Loopback),
    ([169, 254, 0, 0], 16, Denial::LinkLocal),
    ([172, 16, 0, 0], 12, Denial::Private),
    ([192, 0, 0, 0], 24, Denial::Reserved),
    ([192, 0, 2, 0], 24, Denial::Reserved),
    ([192, 31, 196, 0], 24, Denial::Reserved),
    ([192, 52, 193, 0], 24, Denial::Reserved),
    ([192, 88, 99, 0], 24, Denial::Reserved),
    ([192, 168, 0, 0], 16, Denial::Private),
    ([192, 175, 48, 0], 24, Denial::Reserved),
    ([198, 18, 0, 0], 15, Denial::Reserved),
    ([198, 51, 100, 0], 24, Denial::Reserved),
    ([203, 0, 113, 0], 24, Denial::Reserved),
    ([224, 0, 0, 0], 4, Denial::Multicast),
    ([255, 255, 255, 255], 32, Denial::Multicast),
    ([240, 0, 0, 0], 4, Denial::Reserved),
    ([168, 63, 129, 16], 32, Denial::Metadata),
];

/// Blocks outside 2000::/3 that have a better name than "reserved"; the rest out there is reserved.
const OUTSIDE_V6: [(Ipv6Addr, u8, Denial); 5] = [
    (Ipv6Addr::LOCALHOST, 128, Denial::Loopback),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Denial::LinkLocal),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Denial::LinkLocal),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Denial::Multicast),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Denial::Private),
];

/// Special blocks inside 2000::/3: IETF protocols (Teredo, benchmarking, AMT, ORCHID, DRIP), documentation, 6to4, AS112,
/// the returned 6bone, documentation again.
const INSIDE_V6: [(Ipv6Addr, u8); 6] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// The only block of public IPv6 unicast.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// NAT64's well-known prefix.
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

impl EgressPolicy {
    /// Whether `address` may be dialled.
    ///
    /// # Errors
    /// [`Denial`] says what the address is. Metadata comes before `deny`, `deny` before `allow`, `allow` before the table.
    pub fn judge(&self, address: IpAddr) -> Result<(), Denial> {
        let judged = self.meant(address);
        // An `allow` that opens a tunnel's or a translator's block must not open what is shut behind it.
        let inside: Vec<IpAddr> = match address {
            IpAddr::V4(_) => Vec::new(),
            IpAddr::V6(v6) => embedded::embedded(v6).map(IpAddr::V4).collect(),
        };
        let mut every = [judged, address].into_iter().chain(inside);
        if every.clone().any(is_metadata) {
            return Err(Denial::Metadata);
        }
        if every.any(|address| self.deny.iter().any(|net| net.contains(address))) {
            return Err(Denial::Operator);
        }
        if self.allow.iter().any(|net| net.contains(judged)) {
            return Ok(());
        }
        match special(judged) {
            None => Ok(()),
            Some(Denial::Loopback) if self.allow_insecure_loopback => Ok(()),
            Some(denial) => Err(denial),
        }
    }

    /// The address that is really meant: IPv4 inside `::ffff:0:0/96`, and inside NAT64's prefix where that is in use.
    pub fn meant(&self, address: IpAddr) -> IpAddr {
        let IpAddr::V6(v6) = address else { return address };
        if let Some(v4) = v6.to_ipv4_mapped() {
            return IpAddr::V4(v4);
        }
        if self.nat64 && cidr::within_v6(v6, NAT64.0, NAT64.1) {
            let [.., a, b, c, d] = v6.octets();
            return IpAddr::V4(Ipv4Addr::new(a, b, c, d));
        }
        address
    }
}

/// Whether `address` is the loopback of this host, however it is written.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => METADATA_V6.contains(&v6),
    }
}

/// What an address is, if it is not a public unicast address.
fn special(address: IpAddr) -> Option<Denial> {
    match address {
        IpAddr::V4(v4) => SPECIAL_V4
            .iter()
            .find(|(net, prefix, _)| cidr::within_v4(v4, Ipv4Addr::from(*net), *prefix))
            .map(|(_, _, denial)| *denial),
        IpAddr::V6(v6) if cidr::within_v6(v6, GLOBAL_V6.0, GLOBAL_V6.1) => {
            INSIDE_V6.iter().any(|(net, prefix)| cidr::within_v6(v6, *net, *prefix)).then_some(Denial::Reserved)
        }
        IpAddr::V6(v6) => OUTSIDE_V6
            .iter()
            .find(|(net, prefix, _)| cidr::within_v6(v6, *net, *prefix))
            .map(|(_, _, denial)| *denial)
            .or(Some(Denial::Reserved)),
    }
}
