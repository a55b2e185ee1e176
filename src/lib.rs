#![doc = include_str!("../README.md")]
//!
//! # Modules, in the direction of the data
//!
//! - [`domain`]: the words everyone speaks in
//! - [`chain`]: what nodes say, checked; several endpoints as one
//! - [`follow`]: one follower per network, which hands linked blocks to the writer
//! - [`writer`]: the one thread that changes state: plan, commit, answer
//! - [`tracker`]: pure: what a batch of blocks changes
//! - [`store`]: what is kept, and that it is on disk
//! - [`delivery`]: pure: bytes, signatures, retry times
//! - [`notify`]: due rows to their receivers, one lane per endpoint
//! - [`api`]: gRPC for gateways and operators
//! - [`vault`]: the master key, which closes merchants' signing keys
//! - [`config`]: layers, checks, every error at once
//! - [`metrics`], [`telemetry`], [`supervise`], [`service`]: pages, log, tasks, systemd
//! - [`devnet`]: simulated nodes for the demo and the tests
//! - [`app`], [`cli`]: the composition root and the commands

// A driver shared with a benchmark names the library as the benchmark does.
#[cfg(test)]
extern crate self as depositd;

pub mod api;
pub mod app;
pub mod chain;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod devnet;
pub mod domain;
pub mod follow;
pub mod metrics;
pub mod notify;
pub mod service;
pub mod store;
pub mod supervise;
pub mod telemetry;
pub mod tracker;
pub mod vault;
pub mod writer;
