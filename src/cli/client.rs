//! Which daemon, with which token, and how answers are shown.

use std::{fs, path::PathBuf};

use clap::Args;
use tonic::{service::interceptor::InterceptedService, transport::Channel};
use zeroize::Zeroizing;

use crate::api::{Bearer, connect};

use super::exit::{Failure, USAGE};

/// Options of every command that asks the daemon.
#[derive(Clone, Debug, Args)]
pub struct ClientArgs {
    /// The daemon: unix:/path or http://127.0.0.1:port
    #[arg(long, global = true, env = "DEPOSITD_SERVER", default_value = "unix:/run/depositd/api.sock")]
    pub server: String,
    /// File with the bearer token for calls over TCP
    #[arg(long, global = true, env = "DEPOSITD_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// JSON for programs instead of a table
    #[arg(long, global = true)]
    pub json: bool,
}

/// A page of a list.
#[derive(Clone, Debug, Args)]
pub struct PageArgs {
    /// Rows at most, 1 to 1000
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub limit: i32,
    /// Go on where an earlier page ended
    #[arg(long, default_value = "")]
    pub page_token: String,
}

pub(super) type Service = InterceptedService<Channel, Bearer>;

impl ClientArgs {
    /// Channel and token, as the generated clients take them.
    pub(super) async fn open(&self) -> Result<Service, Failure> {
        let token = match &self.token_file {
            None => None,
            Some(path) => {
                let text = fs::read_to_string(path)
                    .map_err(|error| Failure::new(USAGE, format!("{}: {error}", path.display())))?;
                Some(Zeroizing::new(Zeroizing::new(text).trim().to_owned()))
            }
        };
        let bearer = Bearer::new(token.as_ref().map(|token| token.as_str()))?;
        Ok(InterceptedService::new(connect(&self.server).await?, bearer))
    }

    /// Says on stderr how to go on, for people; programs find the token in the JSON.
    pub(super) fn hint_next(&self, next_page_token: &str) {
        if !self.json && !next_page_token.is_empty() {
            super::show::message(&format!("more follow: --page-token {next_page_token}"));
        }
    }
}
