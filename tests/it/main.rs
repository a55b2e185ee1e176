//! The daemon between simulated nodes and a simulated merchant, over real HTTP, gRPC and a real store.
//!
//! One file, one behaviour. `RUST_LOG=depositd=info cargo test --test it NAME -- --nocapture` shows the daemon's log.

#![expect(unreachable_pub, reason = "a test has no public surface")]
#![expect(clippy::unwrap_used, reason = "a test: it panics")]

mod harness;

mod backscan;
mod catalogue;
mod deliveries;
mod detected;
mod exchange;
mod explain;
mod feed;
mod govern;
mod isolation;
mod liars;
mod orders;
mod orders_life;
mod policy;
mod reconcile;
mod reorgs;
mod restart;
mod resume;
mod secrets;
mod telling;
mod tron;
