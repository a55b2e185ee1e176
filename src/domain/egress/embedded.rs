//! IPv4 addresses that stand inside IPv6 addresses: a translator or a tunnel on the way would go there.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::cidr::within_v6;

/// How the IPv4 is found in an address of a block.
#[derive(Clone, Copy)]
enum Form {
    /// Four bytes in a row, from this byte on.
    At(usize),
    /// RFC 6052 behind a prefix of this many bytes: byte 8 is skipped.
    Split(usize),
    /// Teredo's client (RFC 4380): the last four bytes, each bit turned.
    Turned,
}

const fn block(a: u16, b: u16, c: u16, d: u16, e: u16, f: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, d, e, f, 0, 0)
}

/// Blocks whose addresses name an IPv4: IPv4-compatible (RFC 4291), mapped, translated (RFC 2765), NAT64's well-known
/// prefix, NAT64's local block with every prefix length that fits into it (RFC 8215, RFC 6052), 6to4 (RFC 3056), Teredo's
/// server and client (RFC 4380).
const FORMS: [(Ipv6Addr, u8, Form); 11] = [
    (block(0, 0, 0, 0, 0, 0), 96, Form::At(12)),
    (block(0, 0, 0, 0, 0, 0xffff), 96, Form::At(12)),
    (block(0, 0, 0, 0, 0xffff, 0), 96, Form::At(12)),
    (block(0x64, 0xff9b, 0, 0, 0, 0), 96, Form::At(12)),
    (block(0x64, 0xff9b, 1, 0, 0, 0), 48, Form::At(12)),
    (block(0x64, 0xff9b, 1, 0, 0, 0), 48, Form::Split(6)),
    (block(0x64, 0xff9b, 1, 0, 0, 0), 48, Form::Split(7)),
    (block(0x64, 0xff9b, 1, 0, 0, 0), 48, Form::Split(8)),
    (block(0x2002, 0, 0, 0, 0, 0), 16, Form::At(2)),
    (block(0x2001, 0, 0, 0, 0, 0), 32, Form::At(4)),
    (block(0x2001, 0, 0, 0, 0, 0), 32, Form::Turned),
];

/// Every IPv4 that `address` may name.
pub(super) fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let bytes = address.octets();
    FORMS.into_iter().filter(move |(net, prefix, _)| within_v6(address, *net, *prefix)).map(move |(.., form)| {
        let picked = |at: [usize; 4]| at.map(|place| bytes[place]);
        match form {
            Form::At(first) => picked([first, first + 1, first + 2, first + 3]).into(),
            Form::Split(first) => {
                let behind = |place: usize| if place >= 8 { place + 1 } else { place };
                picked([first, first + 1, first + 2, first + 3].map(behind)).into()
            }
            Form::Turned => picked([12, 13, 14, 15]).map(|byte| !byte).into(),
        }
    })
}
