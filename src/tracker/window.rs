//! Recent headers of one network, kept to recognise a reorg.
//!
//! Invariants: contiguous; linked; the highest one is the cursor.
//! Not here: fetching, storing, counting confirmations.

use std::collections::BTreeMap;

use crate::domain::{BlockRef, Header, Height};

/// The last headers, as deep as the deepest reorg that is routine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderWindow {
    headers: BTreeMap<Height, Header>,
}

impl HeaderWindow {
    /// The lowest height kept.
    pub fn floor(&self) -> Option<Height> {
        self.headers.first_key_value().map(|(height, _)| *height)
    }

    /// The highest header: the tip.
    pub fn tip(&self) -> Option<&Header> {
        self.headers.last_key_value().map(|(_, header)| header)
    }

    /// Our block at `height`, if it is kept.
    pub fn at(&self, height: Height) -> Option<&Header> {
        self.headers.get(&height)
    }

    /// Whether `block` is one of ours.
    pub fn holds(&self, block: BlockRef) -> bool {
        self.at(block.height).is_some_and(|header| header.at == block)
    }

    /// All of them, lowest first.
    pub fn headers(&self) -> impl Iterator<Item = &Header> {
        self.headers.values()
    }

    /// Headers above `height`, lowest first.
    pub fn above(&self, height: Height) -> impl Iterator<Item = &Header> {
        self.headers.range(height.next()..).map(|(_, header)| header)
    }

    /// Headers below `height`, lowest first.
    pub fn below(&self, height: Height) -> impl Iterator<Item = &Header> {
        self.headers.range(..height).map(|(_, header)| header)
    }

    /// How many headers are kept.
    pub fn len(&self) -> usize {
        self.headers.len()
    }

    /// Whether nothing is kept: the network has not been adopted.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// Takes in a header that has been committed, replacing any at its height.
    pub fn put(&mut self, header: Header) {
        self.headers.insert(header.at.height, header);
    }

    /// Lets a header go that has left the window.
    pub fn drop_at(&mut self, height: Height) {
        self.headers.remove(&height);
    }

    /// The first height at which the headers do not link, if there is one.
    pub fn broken_at(&self) -> Option<Height> {
        let above = self.headers.values().skip(1);
        self.headers.values().zip(above).find(|(below, above)| !above.is_on(below.at)).map(|(_, above)| above.at.height)
    }
}
