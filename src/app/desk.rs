//! The API's way to the nodes: the pools that the followers read from.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::BoxFuture;

use crate::{
    api::{ChainDesk, Desk, Postman},
    chain::{node::Node, pool::Pool},
    delivery,
    domain::{App, Attempt, EventId, Millis, NetworkId, Notification, Protocol, TxHash, TxView, clock},
    notify::Client,
};

/// The pools by network.
struct Pools(BTreeMap<NetworkId, Arc<Pool<Node>>>);

/// A desk over these pools.
pub(super) fn over(pools: &[Arc<Pool<Node>>]) -> Desk {
    let pools = pools.iter().map(|pool| (pool.network().clone(), Arc::clone(pool)));
    Arc::new(Pools(pools.collect()))
}

impl ChainDesk for Pools {
    fn inspect<'a>(&'a self, network: &'a NetworkId, tx: TxHash) -> BoxFuture<'a, Result<TxView, String>> {
        Box::pin(async move {
            let pool = self.0.get(network).ok_or_else(|| format!("network {network} has no endpoints"))?;
            pool.inspect(tx).await.map_err(|error| error.to_string())
        })
    }
}

/// The notifier's client, for tests.
pub(super) struct Post(pub(super) Arc<Client>);

impl Postman for Post {
    fn test<'a>(&'a self, event: EventId, app: &'a App) -> BoxFuture<'a, Option<(Notification, Attempt, Millis)>> {
        Box::pin(async move {
            if app.protocol != Protocol::StandardWebhooks {
                return None;
            }
            let row = delivery::compose_test(event, app, clock::now());
            let attempt = self.0.post(&row, Some(app)).await;
            Some((row, attempt, clock::now()))
        })
    }
}
