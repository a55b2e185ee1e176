//! A network as configured: what the core has to know about it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{Address, Family, NetworkId, Policy, Token};

/// One configured network, without its endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its slug.
    pub id: NetworkId,
    /// Which adapter reads it.
    pub family: Family,
    /// How Udun numbers its main coin (SLIP-44): 195 TRX, 60 ETH; `None`: Udun does not know the network.
    pub main_coin: Option<u32>,
    /// The allow-listed tokens, by contract.
    pub tokens: BTreeMap<Address, Token>,
    /// When a deposit is credited.
    pub policy: Policy,
    /// How many recent headers are kept: the deepest reorg that is routine, in blocks.
    pub window_blocks: u32,
}

impl NetworkSpec {
    /// The token with this symbol (case counts) or contract text.
    pub fn token_named(&self, text: &str) -> Option<&Token> {
        let by_contract = Address::parse(self.family, text).ok().and_then(|contract| self.tokens.get(&contract));
        by_contract.or_else(|| self.tokens.values().find(|token| token.symbol == text))
    }
}

/// The networks as they are configured now: the writer publishes what it has committed, everyone else reads. Cheap to
/// clone.
#[derive(Clone, Debug, Default)]
pub struct SpecBoard(Arc<RwLock<Arc<BTreeMap<NetworkId, NetworkSpec>>>>);

impl SpecBoard {
    /// A board with these networks.
    pub fn of(specs: impl IntoIterator<Item = NetworkSpec>) -> Self {
        let board = Self::default();
        board.publish(specs);
        board
    }

    /// All networks as they are now; what is held does not change any more.
    pub fn now(&self) -> Arc<BTreeMap<NetworkId, NetworkSpec>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces everything.
    pub fn publish(&self, specs: impl IntoIterator<Item = NetworkSpec>) {
        let specs = specs.into_iter().map(|spec| (spec.id.clone(), spec)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(specs);
    }
}
