//! Names become addresses here, inside the connector, so that the address judged is the address dialled.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::domain::{
    EgressPolicy,
    egress::{Denial, is_loopback},
};

/// Addresses of one name that are tried; the rest of a giant answer is dropped.
const ADDRESSES_MAX: usize = 16;

/// Look-ups at once. One that nobody answers goes on far beyond the attempt's deadline, and it holds a thread of the pool
/// that reads of the store run on as well (512): receivers' dead name servers must not take them all.
const LOOKUPS_MAX: usize = 256;

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
pub(super) struct GuardedResolver {
    policy: EgressPolicy,
    lookups: Arc<Semaphore>,
}

impl GuardedResolver {
    /// For this policy.
    pub(super) fn new(policy: EgressPolicy) -> Self {
        Self { policy, lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { policy, lookups } = self.clone();
        Box::pin(async move {
            let found = look_up(name.as_str().to_owned(), lookups).await.map_err(LookupFailed)?;
            let (allowed, denied) = sort(&policy, found.into_iter());
            match (allowed.is_empty(), denied) {
                (false, _) => Ok(Box::new(allowed.into_iter()) as Addrs),
                (true, Some(denial)) => Err(Denied(denial).into()),
                (true, None) => Err(NoAddress.into()),
            }
        })
    }
}

/// The first addresses of `name`. Who waits may go away; the look-up keeps its place until it is really over.
async fn look_up(name: String, lookups: Arc<Semaphore>) -> io::Result<Vec<SocketAddr>> {
    let place = lookups.acquire_owned().await.map_err(io::Error::other)?;
    let looked = spawn_blocking(move || {
        let _place = place;
        // Port 0: the connector puts the URL's port in its place.
        (name.as_str(), 0).to_socket_addrs().map(|found| found.take(ADDRESSES_MAX).collect())
    });
    looked.await.map_err(io::Error::other)?
}

/// What may be dialled, and why the first other one may not.
fn sort(policy: &EgressPolicy, found: impl Iterator<Item = SocketAddr>) -> (Vec<SocketAddr>, Option<Denial>) {
    let mut allowed = Vec::new();
    let mut denied = None;
    for address in found {
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
        let denied = GuardedResolver::new(EgressPolicy::default()).resolve("localhost".parse().unwrap()).await;
        let error = denied.err().expect("localhost is loopback");
        assert_eq!(error.downcast_ref::<Denied>(), Some(&Denied(Denial::Loopback)));

        let allowed = GuardedResolver::new(development()).resolve("localhost".parse().unwrap()).await.unwrap();
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
