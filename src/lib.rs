//! depositd.

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
pub mod writer;
