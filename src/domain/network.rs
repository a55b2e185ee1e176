//! A network as configured: what the core has to know about it.

use std::collections::BTreeMap;

use super::{Address, Family, FinalityPolicy, NetworkId, Token};

/// One configured network, without its endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its slug.
    pub id: NetworkId,
    /// Which adapter reads it.
    pub family: Family,
    /// The allow-listed tokens, by contract.
    pub tokens: BTreeMap<Address, Token>,
    /// When a deposit is credited.
    pub policy: FinalityPolicy,
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
