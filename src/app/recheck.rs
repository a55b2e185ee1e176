//! The endpoints of all networks, one by one, for comparisons.

use std::{collections::BTreeMap, fmt, sync::Arc};

use futures::future::BoxFuture;

use crate::{
    api::recheck::{NoAnswer, RecheckDesk, Voice},
    chain::{SourceError, node::Node, pool::Pool},
    domain::{Address, Block, Head, Height, NetworkId, TokenAmount},
};

/// The pools by network.
pub(super) struct Pools(BTreeMap<NetworkId, Arc<Pool<Node>>>);

impl Pools {
    /// A desk over these pools.
    pub(super) fn of(pools: &[Arc<Pool<Node>>]) -> Arc<Self> {
        Arc::new(Self(pools.iter().map(|pool| (pool.network().clone(), Arc::clone(pool))).collect()))
    }

    /// Asks the pool of `voice` with the endpoint's name.
    fn ask<T, F>(
        &self,
        voice: &Voice,
        ask: impl FnOnce(Arc<Pool<Node>>, String) -> F + Send + 'static,
    ) -> BoxFuture<'static, Result<T, NoAnswer>>
    where
        F: Future<Output = Result<T, SourceError>> + Send,
    {
        let (pool, voice) = (self.0.get(&voice.network).cloned(), voice.clone());
        Box::pin(async move {
            let pool = pool.ok_or_else(|| NoAnswer(format!("network {} is not configured", voice.network)))?;
            ask(pool, voice.endpoint).await.map_err(|error| NoAnswer(error.to_string()))
        })
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl RecheckDesk for Pools {
    fn endpoints(&self, network: &NetworkId) -> Vec<String> {
        self.0.get(network).map(|pool| pool.endpoint_names()).unwrap_or_default()
    }

    fn head(&self, voice: &Voice) -> BoxFuture<'static, Result<Head, NoAnswer>> {
        self.ask(voice, |pool, endpoint| async move { pool.head_from(&endpoint).await })
    }

    fn blocks(&self, voice: &Voice, from: Height, to: Height) -> BoxFuture<'static, Result<Vec<Block>, NoAnswer>> {
        self.ask(voice, move |pool, endpoint| async move { pool.blocks_from(&endpoint, from, to).await })
    }

    fn balance(
        &self,
        voice: &Voice,
        token: Address,
        address: Address,
    ) -> BoxFuture<'static, Result<TokenAmount, NoAnswer>> {
        self.ask(voice, move |pool, endpoint| async move { pool.balance_from(&endpoint, token, address).await })
    }
}
