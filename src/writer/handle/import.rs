//! What an import brings back, and what becomes of it.

use crate::domain::{Act, App, Holding, Order};

/// Something that was registered, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportRecord {
    /// An app without keys, to be compared with the one that is there.
    App(App),
    /// An address. Its `open_order` is left out: the order brings it back.
    Address(Holding),
    /// An order.
    Order(Order),
}

impl ImportRecord {
    /// Most rows it changes, indexes included.
    pub fn rows_max(&self) -> usize {
        match self {
            Self::App(_) => 0,
            Self::Address(_) => 1,
            // The order; for each line the address and the deadline.
            Self::Order(order) => 1 + 2 * order.lines.len(),
        }
    }
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportVerdict {
    /// It was there already.
    Unchanged,
    /// It was not, and is there now.
    Written,
    /// Something else is there, which stays as it is; what, for people.
    Conflict(String),
    /// The app has to be created first.
    AppMissing,
    /// It cannot be kept; why, for people.
    Refused(String),
}

/// An import that has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRun {
    /// SHA-256 of the file's lines.
    pub sha256: [u8; 32],
    /// Records in it.
    pub records: u64,
    /// Of these, written now.
    pub written: u64,
    /// Of these, not taken.
    pub troubles: u64,
    /// Who, when and why.
    pub act: Act,
}
