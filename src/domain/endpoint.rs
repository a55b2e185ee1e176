//! Endpoints: who is told, and whether anything is sent to him now.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use sha2::{Digest, Sha256};

use super::{Act, AppId, Millis, NotifyUrl};

/// One app's receiver: a lane of its own, so that one slow receiver delays only himself. A receiver is scheme, host and
/// port: an order's own path or query (`/paid?order=17`) does not make another one, or a slow shop with a thousand
/// orders would hold a thousand lanes and all attempts under way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub [u8; 8]);

impl EndpointId {
    /// The lane of `app` and the receiver in `url`.
    pub fn of(app: &AppId, url: &NotifyUrl) -> Self {
        let digest = Sha256::new().chain_update(app.as_str()).chain_update([0]).chain_update(url.receiver()).finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self(id)
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why an endpoint is parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyParked {
    /// It answered 410.
    Gone,
    /// It accepted nothing for [`FAILING_MS_MAX`].
    Failing,
    /// A person wanted it.
    Operator(Act),
}

impl WhyParked {
    /// The word used in answers.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
            Self::Operator(_) => "operator",
        }
    }
}

/// An endpoint that is sent nothing until a person says so; its rows are held, none is discarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Since when.
    pub since: Millis,
    /// Why.
    pub why: WhyParked,
}

/// An endpoint that accepts nothing for so long is parked, in milliseconds: 120 hours.
pub const FAILING_MS_MAX: u64 = 120 * 60 * 60 * 1000;
/// And it must have had so many attempts in that time.
pub const FAILING_ATTEMPTS_MIN: u32 = 10;

/// One app's receiver, with a row of its own from its first event on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its lane.
    pub id: EndpointId,
    /// Whose.
    pub app: AppId,
    /// Scheme, host and port.
    pub receiver: String,
    /// Whether it is parked.
    pub parked: Option<Parked>,
    /// The end of the first of the failed attempts since anything was accepted.
    pub failing_since: Option<Millis>,
    /// How many there were.
    pub failures: u32,
}

impl Endpoint {
    /// A new one.
    pub fn of(app: &AppId, url: &NotifyUrl) -> Self {
        Self {
            id: EndpointId::of(app, url),
            app: app.clone(),
            receiver: url.receiver().to_owned(),
            parked: None,
            failing_since: None,
            failures: 0,
        }
    }
}

/// What the notifier knows of a lane, beside the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// POSTs on their way.
    pub in_flight: u32,
    /// Until when it rests after a row of failures; `None`: it does not.
    pub resting_until: Option<Millis>,
}

/// The lanes as the notifier sees them: it publishes, everyone else reads. Lanes that are not here are idle.
#[derive(Clone, Debug, Default)]
pub struct LaneBoard(Arc<RwLock<BTreeMap<EndpointId, LaneStatus>>>);

impl LaneBoard {
    /// One lane.
    pub fn of(&self, endpoint: EndpointId) -> Option<LaneStatus> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&endpoint).copied()
    }

    /// How many lanes rest at `now`.
    pub fn resting(&self, now: Millis) -> usize {
        let lanes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        lanes.values().filter(|lane| lane.resting_until.is_some_and(|until| now < until)).count()
    }

    /// Sets or, with `None`, forgets one lane.
    pub fn set(&self, endpoint: EndpointId, status: Option<LaneStatus>) {
        let mut lanes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match status {
            Some(status) => drop(lanes.insert(endpoint, status)),
            None => drop(lanes.remove(&endpoint)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_an_app_and_a_receiver_whatever_the_path() {
        let lane =
            |app: &str, url: &str| EndpointId::of(&app.parse().unwrap(), &NotifyUrl::checked(url.to_owned()).unwrap());
        let shop = lane("shop", "https://shop.example/paid");
        for same in ["https://shop.example/", "https://shop.example/paid?order=17", "https://shop.example/a/b//c"] {
            assert_eq!(lane("shop", same), shop, "{same}");
        }
        for other in ["https://shop.example:8443/paid", "http://shop.example/paid", "https://b.shop.example/paid"] {
            assert_ne!(lane("shop", other), shop, "{other}");
        }
        assert_ne!(lane("other", "https://shop.example/paid"), shop);
    }
}
