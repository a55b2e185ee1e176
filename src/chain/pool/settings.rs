//! What a pool is told: what its endpoints must be, and how they are treated.

use std::time::Duration;

use crate::domain::{Address, BlockHash, Family, NetworkId};

/// What every endpoint of the network must say about itself.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The network's family.
    pub family: Family,
    /// The chain id it must report.
    pub chain_id: u64,
    /// Hash of block 0; `None` for local test nodes, whose genesis changes with every start.
    pub genesis: Option<BlockHash>,
    /// Decimals of each allow-listed token.
    pub decimals: Vec<(Address, u8)>,
}

/// How a pool treats its endpoints.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// Whether blocks are read from a second endpoint too and compared. Has no effect with one endpoint.
    pub agree: bool,
    /// Whether what is final must be named by two endpoints; what it is at first. How many a deposit's evidence needs is
    /// told with each question.
    pub second_source: bool,
    /// Blocks an endpoint may be behind the best before it counts as lagging.
    pub lag_blocks_max: u64,
    /// First rest of an endpoint that failed; doubled with every failure in a row.
    pub rest_min: Duration,
    /// Longest rest.
    pub rest_max: Duration,
    /// Longest `Retry-After` that is honoured.
    pub retry_after_max: Duration,
    /// Longest wait for an endpoint's rest to end when all rest; then the last doubt is returned.
    pub wait_max: Duration,
    /// How long an identity check holds.
    pub identity_every: Duration,
    /// Longest wait for one endpoint's head.
    pub head_deadline: Duration,
    /// Longest wait for a second endpoint's blocks near the head once the first has answered; then one voice is enough.
    pub witness_max: Duration,
    /// The same for ranges far below the head, which are large and of which several wait for an endpoint's pace.
    pub witness_far_max: Duration,
    /// How long after its head last rose an endpoint still counts as moving: a credit waits for it to reach the block.
    pub moving_for: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            agree: true,
            second_source: false,
            lag_blocks_max: 5,
            rest_min: Duration::from_millis(500),
            rest_max: Duration::from_secs(60),
            retry_after_max: Duration::from_secs(300),
            wait_max: Duration::from_secs(2),
            identity_every: Duration::from_secs(600),
            head_deadline: Duration::from_secs(10),
            witness_max: Duration::from_secs(10),
            witness_far_max: Duration::from_secs(60),
            moving_for: Duration::from_secs(120),
        }
    }
}

/// Why a network must not be started: what is configured and what the chain says differ. For a person to look at.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PoolRefusal {
    /// Every endpoint that answered serves another chain.
    #[error("{network}: no endpoint serves the configured chain ({configured}): {found}")]
    OtherChain {
        /// The network.
        network: NetworkId,
        /// What is configured.
        configured: String,
        /// What was found, by endpoint.
        found: String,
    },
    /// The chain says other decimals than the configuration.
    #[error("{network}, endpoint {endpoint}: token {token:?} has {found} decimals, {configured} are configured")]
    Decimals {
        /// The network.
        network: NetworkId,
        /// Who said so.
        endpoint: String,
        /// The contract.
        token: Address,
        /// What the chain says.
        found: u8,
        /// What is configured.
        configured: u8,
    },
}
