//! The daemon between simulated nodes and a simulated merchant, over real HTTP, gRPC and a real store.
//!
//! One file, one behaviour. `RUST_LOG=depositd=info cargo test --test it NAME -- --nocapture` shows the daemon's log.

#![expect(unreachable_pub, reason = "a test has no public surface")]
#![expect(clippy::unwrap_used, reason = "a test: it panics")]

mod harness;

mod catalogue;
mod isolation;
mod liars;
mod orders;
mod reorgs;
mod restart;
mod telling;
mod tron;
