//! How the one HTTP client is made: which way, which roots, and everything that stays off.

use std::{sync::Arc, time::Duration};

use reqwest::{Certificate, Proxy, redirect, retry, tls};

use super::super::{
    NotifyError, NotifySettings,
    resolve::{Guard, GuardedResolver, LookUp, Way},
};

/// Idle connections are closed after this.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// Longest list of headers taken over HTTP/2, in bytes. Over HTTP/1 at most 100 headers in 400 KiB get in (hyper's own
/// bounds, which cannot be set); what is longer than this is refused when it is here.
pub(super) const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// The client and what it goes by.
#[derive(Debug)]
pub(super) struct Ways {
    pub(super) http: reqwest::Client,
    pub(super) guard: Guard,
    pub(super) way: Option<Way>,
}

impl Ways {
    /// No redirect, no proxy but the configured one, no cookie, no decompression, no second try; TLS as the system's roots
    /// and the extra ones say, always verified.
    pub(super) fn new(settings: &NotifySettings, look_up: Arc<dyn LookUp>) -> Result<Self, NotifyError> {
        let guard = Guard::new(settings.egress.clone(), Arc::clone(&look_up));
        let roots: Result<Vec<Certificate>, reqwest::Error> =
            settings.roots.iter().map(|der| Certificate::from_der(der)).collect();
        let builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .no_gzip()
            .referer(false)
            .https_only(!settings.egress.allow_insecure_loopback)
            .tls_version_min(tls::Version::TLS_1_2)
            .connect_timeout(settings.connect)
            .pool_idle_timeout(POOL_IDLE)
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .user_agent(concat!("depositd/", env!("CARGO_PKG_VERSION")));
        let builder = match roots.map_err(NotifyError::Client)? {
            roots if roots.is_empty() => builder,
            roots => builder.tls_certs_merge(roots),
        };
        let way = settings.proxy.clone().map(|proxy| Way::through(proxy, look_up));
        let builder = match (&settings.proxy, &way) {
            (Some(proxy), Some(way)) => {
                let through = Proxy::all(proxy.to_string()).map_err(NotifyError::Client)?;
                builder.proxy(through).dns_resolver(way.clone())
            }
            _ => builder.dns_resolver(GuardedResolver(guard.clone())),
        };
        Ok(Self { http: builder.build().map_err(NotifyError::Client)?, guard, way })
    }
}
