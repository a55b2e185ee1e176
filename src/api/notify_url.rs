//! The seam to the egress policy: which notify URLs may be registered.

use std::sync::Arc;

use crate::domain::NotifyUrl;

/// Checks a URL against the egress policy; the second argument lists the hosts it may name. A refusal is a word for
/// programs (`private_address`) and a text for people.
pub type UrlCheck = Arc<dyn Fn(&str, &[String]) -> Result<NotifyUrl, (String, String)> + Send + Sync>;

/// The host `url` names, in lower case; `None` if it is not a URL with a host.
pub(super) fn host_of(url: &str) -> Option<String> {
    url::Url::parse(url).ok()?.host_str().map(str::to_ascii_lowercase)
}
