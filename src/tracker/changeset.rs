//! What a plan wants to change, as rows. Thinking ends here; committing begins here.

use crate::domain::{
    Address, App, Attempt, AttemptNo, AuditRecord, Cursor, Deposit, Endpoint, Event, EventId, Header, Height, Holding,
    NetworkId, Notification, Order, PolicyOverride, PolicyScope, Scan, ScanTarget,
};

/// One row to write or remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An app, new or changed.
    App(App),
    /// An order, new or changed.
    Order(Order),
    /// An address, new or changed.
    Holding(Holding),
    /// A deposit, new or changed.
    Deposit(Deposit),
    /// A notification, new or changed.
    Notification(Notification),
    /// An attempt; never changed afterwards.
    Attempt(Attempt),
    /// An attempt that is older than those that are kept.
    DropAttempt(EventId, AttemptNo),
    /// An endpoint, new or changed.
    Endpoint(Endpoint),
    /// A Udun number and the deposit (as printed) it names, for ever.
    Trade(u64, String),
    /// A network's progress.
    Cursor(NetworkId, Cursor),
    /// A header that entered the window, replacing any at its height.
    Header(NetworkId, Header),
    /// An address that has no owner any more.
    DropHolding(NetworkId, Address),
    /// A rule set while running.
    Override(PolicyOverride),
    /// A rule that is not set any more.
    DropOverride(NetworkId, PolicyScope),
    /// A scan, new or further on.
    Scan(Scan),
    /// A scan that is done.
    DropScan(NetworkId, ScanTarget),
    /// What a person or a reload did.
    Audit(AuditRecord),
    /// A header that left the window.
    DropHeader(NetworkId, Height),
}

/// Everything one command changes. Committed whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changeset {
    /// Rows, in the order they are applied: a later one for the same key wins.
    pub changes: Vec<Change>,
    /// Facts to be told; the writer turns each into a notification row of the same commit.
    pub events: Vec<Event>,
}
