//! The manner of a simulated TRON node.

/// Where `/walletsolidity` is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SolidPort {
    /// On the port of `/wallet` only, as providers do.
    #[default]
    Shared,
    /// On the port of `/wallet`, and on this one of its own.
    Also(u16),
    /// On this one only, as java-tron does: each port answers 404 to the calls of the other.
    Only(u16),
}

/// The manner of a TRON node, fixed at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TronOptions {
    /// Port of `/wallet` on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// Where `/walletsolidity` is; 0 takes any free one.
    pub solid: SolidPort,
    /// Whether `/jsonrpc` is there; java-tron has it switched off.
    pub jsonrpc: bool,
    /// Whether `eth_getBlockReceipts` is known: java-tron before 4.8.1 does not.
    pub knows_receipts: bool,
    /// Most connections open at once on each port; further ones wait until one closes.
    pub connections_max: usize,
    /// Whether the `dev_…` methods are there, over POST to `/` and `/jsonrpc`.
    pub control: bool,
}

impl Default for TronOptions {
    fn default() -> Self {
        Self {
            port: 0,
            solid: SolidPort::Shared,
            jsonrpc: false,
            knows_receipts: true,
            connections_max: 50,
            control: true,
        }
    }
}
