//! The past read again, and a halted network let go on.

use super::{Applied, Command, Refusal, WriterHandle};
use crate::domain::{Act, Block, DepositId, Header, Height, NetworkId, Scan, Timestamp};

/// What a network's scans want next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanWork {
    /// A time whose first height some of them do not know.
    pub time: Option<Timestamp>,
    /// The lowest heights that are not read, both ends included, at or below our tip.
    pub range: Option<(Height, Height)>,
}

/// How a halted network goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// It looks again and believes nothing new: an endpoint was repaired.
    LookAgain,
    /// Everything above a height is taken back, and the chain is read again from there.
    TakeBack {
        /// The height: the last one that both chains share, or a lower one.
        above: Height,
    },
}

/// What a person wants of a halted network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// Look again.
    LookAgain,
    /// Take back everything above this height.
    TakeBack(Height),
}

/// A step of taking back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reanchored {
    /// Deposits taken back in this step.
    pub taken_back: u64,
    /// Where the next step goes on.
    pub after: Option<DepositId>,
    /// After the last step: the network's new progress.
    pub applied: Option<Applied>,
}

impl WriterHandle {
    /// What the network's scans want read next, in steps of `len` blocks.
    ///
    /// # Errors
    /// [`Refusal`], as for every method below.
    pub async fn scans(&self, network: NetworkId, len: u64) -> Result<ScanWork, Refusal> {
        self.wait_for_room(|reply| Command::Scans { network, len, reply }).await
    }

    /// Tells the scans that look back to `time` their first height; `None`: no block of ours is that young.
    ///
    /// # Errors
    /// As above.
    pub async fn resolve_scans(
        &self,
        network: NetworkId,
        time: Timestamp,
        first: Option<Height>,
    ) -> Result<(), Refusal> {
        self.wait_for_room(|reply| Command::ResolveScans { network, time, first, reply }).await
    }

    /// Looks into blocks of our chain for what the network's scans want: linked, lowest first, without gaps.
    ///
    /// # Errors
    /// As above; [`Refusal::Stale`]: they are not ours.
    pub async fn apply_scan(&self, network: NetworkId, blocks: Vec<Block>) -> Result<Applied, Refusal> {
        self.wait_for_room(|reply| Command::ApplyScan { network, blocks, reply }).await
    }

    /// Reads a range again for every owned address. One at a time.
    ///
    /// # Errors
    /// As above; [`Refusal::Precondition`]: one is under way, or the range ends above what is read.
    pub async fn rescan(&self, network: NetworkId, from: Height, to: Height, act: Act) -> Result<Scan, Refusal> {
        self.or_busy(|reply| Command::Rescan { network, from, to, act, reply }).await
    }

    /// Lets a halted network go on. Gives back above which height everything is taken back, if anything is.
    ///
    /// # Errors
    /// As above; [`Refusal::Precondition`]: not that height, or it is being taken back already.
    pub async fn resume(&self, network: NetworkId, how: Resume, act: Act) -> Result<Option<Height>, Refusal> {
        self.or_busy(|reply| Command::Resume { network, how, act, reply }).await
    }

    /// What a person wants of a halted network. A wish to look again is handed out once.
    ///
    /// # Errors
    /// As above.
    pub async fn resumption(&self, network: NetworkId) -> Result<Option<Resumption>, Refusal> {
        self.wait_for_room(|reply| Command::Resumption { network, reply }).await
    }

    /// Takes back some of the deposits behind `after`; once there are none left the network begins again at `header`.
    ///
    /// # Errors
    /// As above; [`Refusal::Stale`]: nobody asked for it, or for another height.
    pub async fn reanchor(
        &self,
        network: NetworkId,
        header: Header,
        after: Option<DepositId>,
    ) -> Result<Reanchored, Refusal> {
        self.wait_for_room(|reply| Command::Reanchor { network, header, after, reply }).await
    }
}
