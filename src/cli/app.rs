//! `depositd app …`: merchant integrations.

use std::path::PathBuf;

use clap::Subcommand;

use crate::api::proto::v1::{
    App, CreateAppRequest, GetAppRequest, ListAppsRequest, RotateSecretRequest, app_service_client::AppServiceClient,
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
    },
}

pub(super) async fn run(command: AppCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = AppServiceClient::new(args.open().await?);
    let shown = match command {
        AppCommand::Create { app_id, notify_url, notify_hosts, secret_file } => {
            let secret = secret_in(&secret_file, Existing::Reuse)?;
            let request = CreateAppRequest { app_id, notify_url, notify_hosts, secret: secret.to_string() };
            one(client.create_app(request).await?.into_inner().app)?
        }
        AppCommand::Get { app_id } => one(client.get_app(GetAppRequest { app_id }).await?.into_inner().app)?,
        AppCommand::List { page } => {
            let request = ListAppsRequest { page_size: page.limit, page_token: page.page_token };
            let answer = client.list_apps(request).await?.into_inner();
            args.hint_next(&answer.next_page_token);
            let apps = answer.apps.iter().map(show::app).collect();
            Shown::list("apps", apps, show::APP.to_vec(), Some(&answer.next_page_token))
        }
        AppCommand::RotateSecret { app_id, secret_file, overlap_seconds, repeat } => {
            let existing = if repeat { Existing::Reuse } else { Existing::Refuse };
            let secret = secret_in(&secret_file, existing)?;
            let overlap_seconds = Some(overlap_seconds);
            let request = RotateSecretRequest { app_id, secret: secret.to_string(), overlap_seconds };
            one(client.rotate_secret(request).await?.into_inner().app)?
        }
    };
    shown.print(args.json);
    Ok(())
}

fn one(app: Option<App>) -> Result<Shown, Failure> {
    app.as_ref().map(show::app).ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no app"))
}
