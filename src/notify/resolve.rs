//! Names become addresses here, inside the connector, so that the address judged is the address dialled.

use std::{
    collections::BTreeSet,
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::domain::{
    EgressPolicy, EgressProxy,
    egress::{Denial, is_loopback},
};

/// Addresses of one answer that are judged; the rest of a giant one is dropped.
const JUDGED_MAX: usize = 64;
/// Addresses of one name that are tried.
const TRIED_MAX: usize = 16;
/// Addresses of the proxy that are remembered.
const PROXY_ADDRESSES_MAX: usize = 256;

/// Look-ups at once. One that nobody answers goes on far beyond the attempt's deadline, and it holds a thread of the pool
/// that reads of the store run on as well (512): receivers' dead name servers must not take them all.
const LOOKUPS_MAX: usize = 256;

tokio::task_local! {
    /// Set for the length of one attempt: the first address the connector was handed in it.
    pub(super) static ASKED: Arc<OnceLock<IpAddr>>;
}

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

/// With a proxy the connector looks up nothing but the proxy's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another name than the proxy's was looked up")]
pub(super) struct NotTheProxy;

/// Turns names into addresses. The system's, or a test's own.
pub trait LookUp: fmt::Debug + Send + Sync {
    /// The addresses of `name`, in the order they are to be tried; ports do not count. An empty answer and an error
    /// differ only in the attempt's words.
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// `getaddrinfo`, on the pool of blocking threads.
#[derive(Clone, Debug)]
pub struct SystemLookUp(Arc<Semaphore>);

impl Default for SystemLookUp {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS_MAX)))
    }
}

impl LookUp for SystemLookUp {
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let places = Arc::clone(&self.0);
        Box::pin(async move {
            // Who waits may go away; the look-up keeps its place until it is really over.
            let place = places.acquire_owned().await.map_err(io::Error::other)?;
            let looked = spawn_blocking(move || {
                let _place = place;
                let found = (name.as_str(), 0).to_socket_addrs()?;
                Ok(found.take(JUDGED_MAX).map(|address| address.ip()).collect())
            });
            looked.await.map_err(io::Error::other)?
        })
    }
}

/// What became of a name: who may be dialled, and why the first other one may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) allowed: Vec<IpAddr>,
    pub(super) denied: Option<Denial>,
}

/// Looks names up and judges every address.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    policy: EgressPolicy,
    look_up: Arc<dyn LookUp>,
}

impl Guard {
    pub(super) fn new(policy: EgressPolicy, look_up: Arc<dyn LookUp>) -> Self {
        Self { policy, look_up }
    }

    /// The addresses of `name`, judged.
    pub(super) async fn judged(&self, name: &str) -> Result<Judged, LookupFailed> {
        let found = self.look_up.look_up(name.to_owned()).await.map_err(LookupFailed)?;
        Ok(sort(&self.policy, found.into_iter().take(JUDGED_MAX)))
    }
}

/// Resolves receivers' names and lets only addresses through that the policy allows.
#[derive(Clone, Debug)]
pub(super) struct GuardedResolver(pub(super) Guard);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let Judged { allowed, denied } = guard.judged(name.as_str()).await?;
            match (allowed.is_empty(), denied) {
                (false, _) => Ok(handed(allowed)),
                (true, Some(denial)) => Err(Denied(denial).into()),
                (true, None) => Err(NoAddress.into()),
            }
        })
    }
}

/// The way through a proxy: its addresses are known, whatever they are, but as the proxy's alone.
#[derive(Clone, Debug)]
pub(super) struct Way {
    proxy: EgressProxy,
    look_up: Arc<dyn LookUp>,
    known: Arc<Mutex<BTreeSet<IpAddr>>>,
}

impl Way {
    pub(super) fn through(proxy: EgressProxy, look_up: Arc<dyn LookUp>) -> Self {
        let known = proxy.address().into_iter().collect();
        Self { proxy, look_up, known: Arc::new(Mutex::new(known)) }
    }

    /// Whether an answer from there came from the proxy.
    pub(super) fn is_proxy(&self, peer: SocketAddr) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        peer.port() == self.proxy.port() && known.contains(&peer.ip())
    }

    /// Its address where the configuration gives one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.proxy.address()
    }
}

impl Resolve for Way {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { proxy, look_up, known } = self.clone();
        Box::pin(async move {
            if proxy.name() != Some(name.as_str()) {
                return Err(NotTheProxy.into());
            }
            let found = look_up.look_up(name.as_str().to_owned()).await.map_err(LookupFailed)?;
            let found: Vec<IpAddr> = found.into_iter().take(TRIED_MAX).collect();
            if found.is_empty() {
                return Err(NoAddress.into());
            }
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() > PROXY_ADDRESSES_MAX {
                known.clear();
            }
            known.extend(&found);
            Ok(handed(found))
        })
    }
}

/// Addresses for the connector, which tries them in this order and puts the URL's port behind them.
fn handed(mut addresses: Vec<IpAddr>) -> Addrs {
    addresses.truncate(TRIED_MAX);
    if let Some(first) = addresses.first() {
        // Outside an attempt nobody asks: the pool may finish a connection after its attempt took another one.
        let _ = ASKED.try_with(|asked| asked.set(*first));
    }
    Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)))
}

/// What may be dialled, and why the first other one may not.
fn sort(policy: &EgressPolicy, found: impl Iterator<Item = IpAddr>) -> Judged {
    let (mut allowed, mut denied) = (Vec::new(), None);
    for address in found {
        match judge(policy, address) {
            Ok(()) => allowed.push(address),
            Err(denial) => denied = denied.or(Some(denial)),
        }
    }
    Judged { allowed, denied }
}

/// The policy's judgement, and that the address is not one of this host's own.
pub(super) fn judge(policy: &EgressPolicy, address: IpAddr) -> Result<(), Denial> {
    policy.judge(address)?;
    let is_ours = |address| !is_loopback(address) && is_own(address);
    if is_ours(address) || is_ours(policy.meant(address)) { Err(Denial::ThisHost) } else { Ok(()) }
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

    fn resolver(policy: EgressPolicy) -> GuardedResolver {
        GuardedResolver(Guard::new(policy, Arc::new(SystemLookUp::default())))
    }

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_name_that_leads_to_loopback_is_denied_unless_allowed() {
        let denied = resolver(EgressPolicy::default()).resolve("localhost".parse().unwrap()).await;
        let error = denied.err().expect("localhost is loopback");
        assert_eq!(error.downcast_ref::<Denied>(), Some(&Denied(Denial::Loopback)));

        let allowed = resolver(development()).resolve("localhost".parse().unwrap()).await.unwrap();
        let addresses: Vec<_> = allowed.collect();
        assert!(!addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
    }

    #[test]
    fn denied_addresses_are_dropped_from_a_mixed_answer() {
        let answer = [at("10.0.0.1"), at("93.184.215.14"), at("169.254.169.254"), at("2606:2800:21f::1")];
        let judged = sort(&EgressPolicy::default(), answer.into_iter());
        assert_eq!(judged, Judged { allowed: vec![answer[1], answer[3]], denied: Some(Denial::Private) });
        let judged = sort(&development(), [answer[2], answer[0]].into_iter());
        assert_eq!(judged, Judged { allowed: vec![], denied: Some(Denial::Metadata) });
    }

    /// The address this host would use to reach the world, if it has one.
    fn own() -> Option<IpAddr> {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).unwrap();
        socket.connect(("203.0.113.7", 9)).ok()?;
        Some(socket.local_addr().unwrap().ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
    }

    #[test]
    fn own_addresses_are_recognised_without_sending() {
        assert!(is_own(at("127.0.0.1")));
        assert!(!is_own(at("203.0.113.7")));
        let Some(own) = own() else { return };
        let open = EgressPolicy { allow: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()], ..development() };
        assert_eq!(judge(&open, own), Err(Denial::ThisHost), "{own}");
        let IpAddr::V4(v4) = own else { return };
        assert_eq!(judge(&open, v4.to_ipv6_mapped().into()), Err(Denial::ThisHost), "mapped {own}");
        let [a, b, c, d] = v4.octets().map(u16::from);
        let translated = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d).into();
        let nat64 = EgressPolicy { nat64: true, ..open };
        assert_eq!(judge(&nat64, translated), Err(Denial::ThisHost), "through NAT64 {own}");
    }

    #[tokio::test]
    async fn the_way_knows_the_proxy_and_nobody_else() {
        let way = Way::through("http://localhost:3128".parse().unwrap(), Arc::new(SystemLookUp::default()));
        assert!(!way.is_proxy("127.0.0.1:3128".parse().unwrap()), "not looked up yet");
        let other = way.resolve("m.example".parse().unwrap()).await.err().expect("not the proxy");
        assert_eq!(other.downcast_ref::<NotTheProxy>(), Some(&NotTheProxy));
        assert!(way.resolve("localhost".parse().unwrap()).await.is_ok());
        assert!(way.is_proxy("127.0.0.1:3128".parse().unwrap()));
        assert!(!way.is_proxy("127.0.0.1:3129".parse().unwrap()), "another port");
        assert!(!way.is_proxy("127.0.0.2:3128".parse().unwrap()), "another address");
    }
}
