//! Address blocks as an operator writes them: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A block of addresses. IPv4-mapped IPv6 blocks are kept as the IPv4 block they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr {
    net: IpAddr,
    prefix: u8,
}

/// Why a text is not an address block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// Not `address` or `address/length`.
    #[error("an address block is written as 192.0.2.0/24, 2001:db8::/32 or one address")]
    Form,
    /// More bits than the address has.
    #[error("the prefix length is 0 to {0}")]
    Length(u8),
    /// Bits set behind the prefix: a typing error either in the address or in the length.
    #[error("bits are set behind the prefix; the block would be {0}")]
    HostBits(Cidr),
}

impl Cidr {
    /// Whether `address` lies inside. An IPv4-mapped address is taken for its IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.net, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(address)) => within_v4(address, net, self.prefix),
            (IpAddr::V6(net), IpAddr::V6(address)) => within_v6(address, net, self.prefix),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| CidrError::Form)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match length {
            None => bits,
            Some(digits) if (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| CidrError::Length(bits))?
            }
            Some(_) => return Err(CidrError::Form),
        };
        if prefix > bits {
            return Err(CidrError::Length(bits));
        }
        let net = match address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask_v4(prefix))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask_v6(prefix))),
        };
        let block = Self { net, prefix };
        if net != address {
            return Err(CidrError::HostBits(block));
        }
        Ok(block.unmapped())
    }
}

impl Cidr {
    fn unmapped(self) -> Self {
        match (self.net.to_canonical(), self.prefix.checked_sub(96)) {
            (IpAddr::V4(v4), Some(prefix)) if self.net.is_ipv6() => Self { net: IpAddr::V4(v4), prefix },
            _ => self,
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.net, self.prefix)
    }
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

pub(super) fn within_v4(address: Ipv4Addr, net: Ipv4Addr, prefix: u8) -> bool {
    (u32::from(address) ^ u32::from(net)) & mask_v4(prefix) == 0
}

pub(super) fn within_v6(address: Ipv6Addr, net: Ipv6Addr, prefix: u8) -> bool {
    (u128::from(address) ^ u128::from(net)) & mask_v6(prefix) == 0
}
