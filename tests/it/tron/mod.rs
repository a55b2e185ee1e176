//! TRON: networks whose nodes answer over their own HTTP interface, and whose blocks become final by a word of their own.

mod credits;
mod faces;
mod identity;
mod liars;
mod reorgs;
mod restart;
mod stalls;
mod unsettled;
