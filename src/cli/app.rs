//! `depositd app …`: merchant integrations.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use self::told::{ToldArgs, options_text};
use crate::api::proto::v1::{
    AmountPolicy, App, CreateAppRequest, GetAppRequest, ListAppsRequest, NotifyHosts, RotateSecretRequest,
    UpdateAppRequest, app_service_client::AppServiceClient,
};

mod told;

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
    Create(Box<CreateArgs>),
    /// Change how an app is told and what its new orders do; orders and events that are there keep what they have
    Update(Box<UpdateArgs>),
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

/// A new app.
#[derive(Clone, Debug, Args)]
pub struct CreateArgs {
    /// Its name: A-Z a-z 0-9 _ -
    pub app_id: String,
    /// Where it is told
    #[arg(long)]
    pub notify_url: String,
    /// A further host an order's own notify URL may name; may be repeated
    #[arg(long = "notify-host")]
    pub notify_hosts: Vec<String>,
    /// File the secret is written to (mode 0600); if it exists, the secret in it is used
    #[arg(long)]
    pub secret_file: PathBuf,
    /// How it is told
    #[command(flatten)]
    pub told: ToldArgs,
    /// What its orders do with another amount than the expected one, unless they say so themselves
    #[arg(long, value_enum, default_value_t = AmountWord::AcceptActual)]
    pub amount_policy: AmountWord,
    /// How long its orders wait beyond their expiry, in seconds, at most 86400
    #[arg(long, default_value_t = 0)]
    pub grace_seconds: u32,
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    pub reason: String,
}

/// What is to be otherwise.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args([
    "amount_policy", "grace_seconds", "notify_url", "notify_hosts", "no_notify_hosts", "protocol", "v1_scheme",
    "v1_format", "v2_sign", "events",
])))]
pub struct UpdateArgs {
    /// Its name
    pub app_id: String,
    /// Where new events are told; events that are there stay with the URL they have
    #[arg(long, default_value = "", hide_default_value = true)]
    pub notify_url: String,
    /// A further host an order's own notify URL may name, instead of those before; may be repeated
    #[arg(long = "notify-host", conflicts_with = "no_notify_hosts")]
    pub notify_hosts: Vec<String>,
    /// No further hosts from now on
    #[arg(long)]
    pub no_notify_hosts: bool,
    /// How it is told
    #[command(flatten)]
    pub told: ToldArgs,
    /// What new orders do with another amount than the expected one, unless they say so themselves
    #[arg(long, value_enum)]
    pub amount_policy: Option<AmountWord>,
    /// How long new orders wait beyond their expiry, in seconds, at most 86400
    #[arg(long)]
    pub grace_seconds: Option<u32>,
    /// Why, for the audit log
    #[arg(long)]
    pub reason: String,
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
        AppCommand::Create(new) => {
            let secret =
                secret_in(&new.secret_file, Existing::Reuse, told::secret_form(new.told.protocol()))?.to_string();
            one(client.create_app(create(*new, secret)).await?.into_inner().app)?
        }
        AppCommand::Update(changed) => one(client.update_app(update(*changed)).await?.into_inner().app)?,
        AppCommand::Get { app_id } => one(client.get_app(GetAppRequest { app_id }).await?.into_inner().app)?,
        AppCommand::List { page } => {
            let request = ListAppsRequest { page_size: page.limit, page_token: page.page_token };
            let answer = client.list_apps(request).await?.into_inner();
            args.hint_next(&answer.next_page_token);
            let apps = answer.apps.iter().map(shown).collect();
            Shown::list("apps", apps, HEADER.to_vec(), Some(&answer.next_page_token))
        }
        AppCommand::RotateSecret { app_id, secret_file, overlap_seconds, repeat, reason } => {
            let existing = if repeat { Existing::Reuse } else { Existing::Refuse };
            // Which form a secret has is the protocol's to say.
            let app = client.get_app(GetAppRequest { app_id: app_id.clone() }).await?.into_inner().app;
            let protocol = app.map(|app| app.protocol()).unwrap_or_default();
            let secret = secret_in(&secret_file, existing, told::secret_form(protocol))?;
            let overlap_seconds = Some(overlap_seconds);
            let request = RotateSecretRequest { app_id, secret: secret.to_string(), overlap_seconds, reason };
            one(client.rotate_secret(request).await?.into_inner().app)?
        }
    };
    shown.print(args.json);
    Ok(())
}

fn one(app: Option<App>) -> Result<Shown, Failure> {
    app.as_ref().map(shown).ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no app"))
}

fn create(new: CreateArgs, secret: String) -> CreateAppRequest {
    CreateAppRequest {
        app_id: new.app_id,
        notify_url: new.notify_url,
        notify_hosts: new.notify_hosts,
        secret,
        amount_policy: new.amount_policy.proto().into(),
        grace_seconds: new.grace_seconds,
        reason: new.reason,
        protocol: new.told.protocol().into(),
        protocol_options: new.told.options(),
        news: new.told.news(),
    }
}

fn update(changed: UpdateArgs) -> UpdateAppRequest {
    let is_said = changed.no_notify_hosts || !changed.notify_hosts.is_empty();
    UpdateAppRequest {
        app_id: changed.app_id,
        amount_policy: changed.amount_policy.map_or(AmountPolicy::Unspecified, AmountWord::proto).into(),
        grace_seconds: changed.grace_seconds,
        reason: changed.reason,
        protocol: changed.told.protocol().into(),
        protocol_options: changed.told.options(),
        news: changed.told.news(),
        notify_url: changed.notify_url,
        notify_hosts: is_said.then_some(NotifyHosts { hosts: changed.notify_hosts }),
    }
}

const HEADER: [&str; 8] = ["APP", "NOTIFY URL", "PROTOCOL", "NEWS", "AMOUNTS", "GRACE", "SECRETS", "CREATED"];

fn shown(app: &App) -> Shown {
    let secret_json =
        |fingerprint: &str, until: Option<String>| json!({ "fingerprint": fingerprint, "expire_time": until });
    let secrets = app.secrets.iter();
    let secrets: Vec<Value> =
        secrets.map(|secret| secret_json(&secret.fingerprint, show::time(secret.expire_time.as_ref()))).collect();
    let fingerprints: Vec<&str> = app.secrets.iter().map(|secret| secret.fingerprint.as_str()).collect();
    let created = show::time(app.create_time.as_ref());
    let (amount_policy, protocol) = (app.amount_policy().as_str_name(), app.protocol().as_str_name());
    let options = app.protocol_options.unwrap_or_default();
    let news = app.news.unwrap_or_default();
    let row = vec![
        app.app_id.clone(),
        app.notify_url.clone(),
        format!("{}{}", show::word(protocol, "PROTOCOL_"), options_text(options)),
        told::news_text(news),
        show::word(amount_policy, "AMOUNT_POLICY_"),
        format!("{} s", app.grace_seconds),
        fingerprints.join(" "),
        created.clone().unwrap_or_default(),
    ];
    let json = json!({
        "app_id": app.app_id, "notify_url": app.notify_url, "notify_hosts": app.notify_hosts, "secrets": secrets,
        "create_time": created, "amount_policy": amount_policy, "grace_seconds": app.grace_seconds,
        "protocol": protocol, "protocol_options": told::options_json(options), "news": told::news_json(news),
    });
    Shown { json, header: HEADER.to_vec(), rows: vec![row] }
}

#[cfg(test)]
mod tests;
