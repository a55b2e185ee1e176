//! Tells the notifier which lanes have something new, after the commit that put it there.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::domain::EndpointId;

/// Lanes with news, and a way to wait for them. Losing a ring is harmless: all lanes are looked at now and then.
#[derive(Debug, Default)]
pub struct Bell {
    heard: Notify,
    lanes: Mutex<BTreeSet<EndpointId>>,
}

impl Bell {
    /// Something of these lanes became due, or an endpoint is not what it was.
    pub fn ring(&self, lanes: impl IntoIterator<Item = EndpointId>) {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).extend(lanes);
        self.heard.notify_one();
    }

    /// Waits for the next ring; one that came before is not lost.
    pub async fn heard(&self) {
        self.heard.notified().await;
    }

    /// The lanes rung for since the last time.
    pub fn take(&self) -> BTreeSet<EndpointId> {
        std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
