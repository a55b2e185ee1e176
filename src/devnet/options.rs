//! The manner of a simulated node.

/// The manner of a node, fixed at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOptions {
    /// Port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// Most logs in one answer; more is error -32005.
    pub logs_max: usize,
    /// Most blocks in one range of `eth_getLogs`, if limited; more is error -32005.
    pub range_blocks_max: Option<u64>,
    /// Whether blocks that left the chain are still served by their hash, as geth does for a while.
    pub remembers_orphans: bool,
    /// Whether the `dev_…` methods are there.
    pub control: bool,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self { port: 0, logs_max: 10_000, range_blocks_max: None, remembers_orphans: false, control: true }
    }
}
