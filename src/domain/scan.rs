//! Reading the past: for an address that was registered for it, or for everything by an operator's wish.

use super::{Address, Height, Millis, NetworkId, Since};

/// What a scan looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScanTarget {
    /// Every owned address: an operator's wish. One at a time per network.
    Everything,
    /// One address: its registration's wish.
    Address(Address),
}

/// A scan that is not done yet: the row goes when it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The network.
    pub network: NetworkId,
    /// What it looks for.
    pub target: ScanTarget,
    /// Where it begins: a time as long as its first height is not known, then that height.
    pub since: Since,
    /// The last height to read.
    pub to: Height,
    /// The next height to read. Beside a time: the lowest height that is known to be unread anyway, if there is one.
    pub next: Option<Height>,
    /// Deposits found so far.
    pub found: u64,
    /// When it was asked for.
    pub created: Millis,
}
