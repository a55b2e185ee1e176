//! Tokens we are told to watch. The contract is the identity; the symbol is only a label.

use super::{Address, Decimals, NetworkId, TokenAmount};

/// One contract on one network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId {
    /// Where it lives.
    pub network: NetworkId,
    /// Its contract.
    pub contract: Address,
}

/// An allow-listed token as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The contract; its identity on the network it is configured for.
    pub contract: Address,
    /// Label for people and payloads.
    pub symbol: String,
    /// Compared with the chain at start.
    pub decimals: Decimals,
    /// Deposits below this many base units are `below_minimum`.
    pub minimum: TokenAmount,
}
