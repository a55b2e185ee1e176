//! The pure half of the adapter, by the answers of nodes.

mod answers;
mod build;
mod catalogue;
mod checks;
mod errors;
mod golden;
mod mutations;
