//! `depositd app …`: merchant integrations.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::api::proto::v1::{
    AmountPolicy, App, CreateAppRequest, GetAppRequest, ListAppsRequest, RotateSecretRequest, UpdateAppRequest,
    app_service_client::AppServiceClient,
};

use super::{
    client::{ClientArgs, PageArgs},
    exit::{FAILURE, Failure},
    secret::{Existing, secret_in},
    show::{self, Shown},
};

/// What to do with apps.
#[derive(Clone, Debug, Subcommand)]
pub enum AppCommand {
    /// Create an app. Its signing secret is drawn here and written to a file; the same command again is harmless
    Create {
        /// Its name: A-Z a-z 0-9 _ -
        app_id: String,
        /// Where it is told
        #[arg(long)]
        notify_url: String,
        /// A further host an order's own notify URL may name; may be repeated
        #[arg(long = "notify-host")]
        notify_hosts: Vec<String>,
        /// File the secret is written to (mode 0600); if it exists, the secret in it is used
        #[arg(long)]
        secret_file: PathBuf,
        /// What its orders do with another amount than the expected one, unless they say so themselves
        #[arg(long, value_enum, default_value_t = AmountWord::AcceptActual)]
        amount_policy: AmountWord,
        /// How long its orders wait beyond their expiry, in seconds, at most 86400
        #[arg(long, default_value_t = 0)]
        grace_seconds: u32,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Change what an app's new orders do; orders that are registered keep what they have
    Update {
        /// Its name
        app_id: String,
        /// What they do with another amount than the expected one, unless they say so themselves
        #[arg(long, value_enum, required_unless_present = "grace_seconds")]
        amount_policy: Option<AmountWord>,
        /// How long they wait beyond their expiry, in seconds, at most 86400
        #[arg(long)]
        grace_seconds: Option<u32>,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
    },
    /// Show one app
    Get {
        /// Its name
        app_id: String,
    },
    /// List apps
    List {
        /// Which page
        #[command(flatten)]
        page: PageArgs,
    },
    /// Give an app a new signing secret; the old one signs beside it for a while
    RotateSecret {
        /// Its name
        app_id: String,
        /// New file the secret is written to (mode 0600)
        #[arg(long)]
        secret_file: PathBuf,
        /// How long the old secret still signs, in seconds; 0 after a leak
        #[arg(long, default_value_t = 86_400)]
        overlap_seconds: u32,
        /// The file exists and its secret is sent again, after an uncertain answer
        #[arg(long)]
        repeat: bool,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
}

/// What an order does with another amount than the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AmountWord {
    /// Whatever arrives is credited as it arrived
    AcceptActual,
    /// The expected amount or more is credited
    AtLeast,
    /// Only the expected amount is credited
    StrictExact,
}

impl AmountWord {
    /// As the contract has it.
    pub(super) fn proto(self) -> AmountPolicy {
        match self {
            Self::AcceptActual => AmountPolicy::AcceptActual,
            Self::AtLeast => AmountPolicy::AtLeast,
            Self::StrictExact => AmountPolicy::StrictExact,
        }
    }
}

pub(super) async fn run(command: AppCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = AppServiceClient::new(args.open().await?);
    let shown = match command {
        AppCommand::Create { app_id, notify_url, notify_hosts, secret_file, amount_policy, grace_seconds, reason } => {
            let secret = secret_in(&secret_file, Existing::Reuse)?.to_string();
            let amount_policy = amount_policy.proto().into();
            let request =
                CreateAppRequest { app_id, notify_url, notify_hosts, secret, amount_policy, grace_seconds, reason };
            one(client.create_app(request).await?.into_inner().app)?
        }
        AppCommand::Update { app_id, amount_policy, grace_seconds, reason } => {
            let amount_policy = amount_policy.map_or(AmountPolicy::Unspecified, AmountWord::proto).into();
            let request = UpdateAppRequest { app_id, amount_policy, grace_seconds, reason };
            one(client.update_app(request).await?.into_inner().app)?
        }
        AppCommand::Get { app_id } => one(client.get_app(GetAppRequest { app_id }).await?.into_inner().app)?,
        AppCommand::List { page } => {
            let request = ListAppsRequest { page_size: page.limit, page_token: page.page_token };
            let answer = client.list_apps(request).await?.into_inner();
            args.hint_next(&answer.next_page_token);
            let apps = answer.apps.iter().map(show::app).collect();
            Shown::list("apps", apps, show::APP.to_vec(), Some(&answer.next_page_token))
        }
        AppCommand::RotateSecret { app_id, secret_file, overlap_seconds, repeat, reason } => {
            let existing = if repeat { Existing::Reuse } else { Existing::Refuse };
            let secret = secret_in(&secret_file, existing)?;
            let overlap_seconds = Some(overlap_seconds);
            let request = RotateSecretRequest { app_id, secret: secret.to_string(), overlap_seconds, reason };
            one(client.rotate_secret(request).await?.into_inner().app)?
        }
    };
    shown.print(args.json);
    Ok(())
}

fn one(app: Option<App>) -> Result<Shown, Failure> {
    app.as_ref().map(show::app).ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no app"))
}
