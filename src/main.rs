//! The daemon and its command line: parse, do, exit.

use std::process::ExitCode;

use clap::Parser;
use depositd::cli::{Cli, dispatch};

#[tokio::main]
async fn main() -> ExitCode {
    dispatch(Cli::parse()).await
}
