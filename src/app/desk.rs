//! The API's way to the nodes: the pools that the followers read from.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::BoxFuture;

use crate::{
    api::{ChainDesk, Desk},
    chain::{node::Node, pool::Pool},
    domain::{NetworkId, TxHash, TxView},
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
