//! A private CA, certificates that are wrong in every way, and receivers that speak TLS with them.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};

use super::stage::request;

/// A certificate and its key, as a server shows them.
pub(super) type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A certificate authority of our own.
pub(super) struct Ca {
    /// Its certificate, as `roots` takes it.
    pub(super) der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut wish = CertificateParams::new(Vec::new()).unwrap();
        wish.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let der = wish.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(wish, key) }
    }

    /// A certificate for these names, as `change` makes it.
    pub(super) fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Shown {
        let key = KeyPair::generate().unwrap();
        let wish = wish(names, change);
        shown(wish.signed_by(&key, &self.issuer).unwrap().der().clone(), &key)
    }

    /// A good one.
    pub(super) fn good(&self, name: &str) -> Shown {
        self.issue(&[name], |_| ())
    }

    /// A certificate signed by one that may sign none.
    pub(super) fn issue_by_leaf(&self, name: &str) -> Shown {
        let key = KeyPair::generate().unwrap();
        let leaf = wish(&["leaf.example"], |_| ());
        let middle = leaf.signed_by(&key, &self.issuer).unwrap().der().clone();
        let issuer = Issuer::new(leaf, key);
        let key = KeyPair::generate().unwrap();
        let (mut chain, key) = shown(wish(&[name], |_| ()).signed_by(&key, &issuer).unwrap().der().clone(), &key);
        chain.push(middle);
        (chain, key)
    }
}

fn wish(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut wish = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    wish.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    change(&mut wish);
    wish
}

fn shown(certificate: CertificateDer<'static>, key: &KeyPair) -> Shown {
    (vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

/// A certificate that vouches for itself.
pub(super) fn self_signed(name: &str) -> Shown {
    let key = KeyPair::generate().unwrap();
    shown(wish(&[name], |_| ()).self_signed(&key).unwrap().der().clone(), &key)
}

pub(super) fn expired(wish: &mut CertificateParams) {
    wish.not_before = date_time_ymd(2019, 1, 1);
    wish.not_after = date_time_ymd(2020, 1, 1);
}

pub(super) fn not_yet(wish: &mut CertificateParams) {
    wish.not_before = date_time_ymd(2090, 1, 1);
}

pub(super) fn for_clients(wish: &mut CertificateParams) {
    wish.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

/// TLS as a receiver does it with this certificate.
pub(super) fn config(shown: Shown, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_protocol_versions(versions).with_no_client_auth();
    Arc::new(builder.with_single_cert(shown.0, shown.1).unwrap())
}

/// The same, and it wants to see the client's certificate.
pub(super) fn wants_clients(shown: Shown, ca: &Ca) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der.clone().into()).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let builder = ServerConfig::builder().with_client_cert_verifier(verifier);
    Arc::new(builder.with_single_cert(shown.0, shown.1).unwrap())
}

/// An https receiver on `address` that says these bytes; `ends`: whether TLS is closed in order.
pub(super) fn serve(
    address: impl Into<IpAddr>,
    port: u16,
    config: Arc<ServerConfig>,
    says: &'static [u8],
    ends: bool,
) -> SocketAddr {
    let listener = TcpListener::bind((address.into(), port)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, config) = (stream.unwrap(), Arc::clone(&config));
            thread::spawn(move || answer(stream, config, says, ends));
        }
    });
    address
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>, says: &[u8], ends: bool) {
    let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    if request(&mut tls).is_empty() {
        return;
    }
    let _ = tls.write_all(says);
    if ends {
        tls.conn.send_close_notify();
        let _ = tls.flush();
    }
}
