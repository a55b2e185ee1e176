//! Names become addresses here, inside the connector, so that the address judged is the address dialled.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::domain::{
    EgressPolicy,
    egress::{Denial, is_loopback},
};

/// Addresses of one name that are tried; the rest of a giant answer is dropped.
const ADDRESSES_MAX: usize = 16;

/// Every address of the name was denied; this is the first one's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name leads to {0}")]
pub(super) struct Denied(pub(super) Denial);

/// The name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name has no address")]
pub(super) struct NoAddress;

/// Looking the name up failed.
#[derive(Debug, thiserror::Error)]
#[error("name look-up failed: {0}")]
pub(super) struct LookupFailed(io::Error);

/// Resolves names and lets only addresses through that the policy allows.
#[derive(Clone, Debug)]
pub(super) struct GuardedResolver(pub(super) EgressPolicy);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            // Port 0: the connector puts the URL's port in its place.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(LookupFailed)?;
            let (allowed, denied) = sort(&policy, found);
            match (allowed.is_empty(), denied) {
                (false, _) => Ok(Box::new(allowed.into_iter()) as Addrs),
                (true, Some(denial)) => Err(Denied(denial).into()),
                (true, None) => Err(NoAddress.into()),
            }
        })
    }
}

/// What may be dialled, and why the first other one may not.
fn sort(policy: &EgressPolicy, found: impl Iterator<Item = SocketAddr>) -> (Vec<SocketAddr>, Option<Denial>) {
    let mut allowed = Vec::new();
    let mut denied = None;
    for address in found.take(ADDRESSES_MAX) {
        match judge(policy, address.ip()) {
            Ok(()) => allowed.push(address),
            Err(denial) => denied = denied.or(Some(denial)),
        }
    }
    (allowed, denied)
}

/// The policy's judgement, and that the address is not one of this host's own.
pub(super) fn judge(policy: &EgressPolicy, address: IpAddr) -> Result<(), Denial> {
    policy.judge(address)?;
    if !is_loopback(address) && is_own(address) { Err(Denial::ThisHost) } else { Ok(()) }
}

/// Whether the kernel would deliver to itself: then it picks the address as its own source. Nothing is sent. No route
/// is no answer, and the connect that follows will fail by itself.
fn is_own(address: IpAddr) -> bool {
    let any = match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip().to_canonical() == address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn development() -> EgressPolicy {
        EgressPolicy { allow_insecure_loopback: true, ..EgressPolicy::default() }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_loopback_is_denied_unless_allowed() {
        let denied = GuardedResolver(EgressPolicy::default()).resolve("localhost".parse().unwrap()).await;
        let error = denied.err().expect("localhost is loopback");
        assert_eq!(error.downcast_ref::<Denied>(), Some(&Denied(Denial::Loopback)));

        let allowed = GuardedResolver(development()).resolve("localhost".parse().unwrap()).await.unwrap();
        let addresses: Vec<_> = allowed.collect();
        assert!(!addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
    }

    #[test]
    fn denied_addresses_are_dropped_from_a_mixed_answer() {
        let at = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        let answer = [at("10.0.0.1"), at("93.184.215.14"), at("169.254.169.254"), at("2606:2800:21f::1")];
        let (allowed, denied) = sort(&EgressPolicy::default(), answer.into_iter());
        assert_eq!((allowed, denied), (vec![answer[1], answer[3]], Some(Denial::Private)));
        let (allowed, denied) = sort(&development(), [answer[2], answer[0]].into_iter());
        assert_eq!((allowed, denied), (vec![], Some(Denial::Metadata)));
    }

    #[test]
    fn own_addresses_are_recognised_without_sending() {
        assert!(is_own("127.0.0.1".parse().unwrap()));
        assert!(!is_own("203.0.113.7".parse().unwrap()));
    }
}
