//! `depositd policy …`: when deposits are credited.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

use crate::api::proto::v1::{
    self, ClearPolicyRequest, SetPolicyRequest, ShowPolicyRequest, policy_service_client::PolicyServiceClient,
    required_confirmations::Rule, set_policy_request::Threshold,
};

use super::{
    client::ClientArgs,
    exit::{FAILURE, Failure},
    show::{self, Shown},
};

/// What to do with policies.
#[derive(Clone, Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show every rule that counts
    Show {
        /// Only of this network
        network: Option<String>,
        /// Only what counts for this app
        #[arg(long, default_value = "")]
        app: String,
        /// Also where each rule comes from
        #[arg(long)]
        origin: bool,
    },
    /// Set a rule, for everything that is not credited yet; what is credited stays so
    Set(SetArgs),
    /// Clear a rule that was set with 'policy set': the configured ones count again
    Clear {
        /// What it is for, and why
        #[command(flatten)]
        act: ActArgs,
    },
}

/// A rule.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("need").required(true).multiple(true)
    .args(["confirmations", "finalized", "second_source", "no_second_source"])))]
pub struct SetArgs {
    /// What it is for, and why
    #[command(flatten)]
    pub act: ActArgs,
    /// How deep a deposit's block must lie; not said: as now
    #[arg(long, conflicts_with = "finalized")]
    pub confirmations: Option<u32>,
    /// The network itself must call the block final
    #[arg(long)]
    pub finalized: bool,
    /// The receipt must be read from a second endpoint too; not said: as now
    #[arg(long, conflicts_with = "no_second_source")]
    pub second_source: bool,
    /// One endpoint is enough
    #[arg(long)]
    pub no_second_source: bool,
}

/// What a rule is for, and why it is changed.
#[derive(Clone, Debug, Args)]
pub struct ActArgs {
    /// The network
    pub network: String,
    /// Only this token, by symbol or contract
    #[arg(long, default_value = "")]
    pub token: String,
    /// Only this app
    #[arg(long, default_value = "")]
    pub app: String,
    /// Only from this amount on, in whole tokens: 10000
    #[arg(long, default_value = "")]
    pub from: String,
    /// Only say what would follow
    #[arg(long)]
    pub dry_run: bool,
    /// Only if the rules are still those that 'policy show --json' named so
    #[arg(long, default_value = "")]
    pub etag: String,
    /// Why, for the audit log
    #[arg(long)]
    pub reason: String,
}

pub(super) async fn run(command: PolicyCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = PolicyServiceClient::new(args.open().await?);
    let (preview, dry_run) = match command {
        PolicyCommand::Show { network, app, origin } => {
            let request = ShowPolicyRequest { network: network.unwrap_or_default(), app_id: app };
            let answer = client.show_policy(request).await?.into_inner();
            networks(&answer.networks, origin).print(args.json);
            return Ok(());
        }
        PolicyCommand::Set(set) => {
            let dry_run = set.act.dry_run;
            (client.set_policy(request(set)).await?.into_inner().preview, dry_run)
        }
        PolicyCommand::Clear { act } => {
            let ActArgs { network, token, app, from, dry_run, etag, reason } = act;
            let request = ClearPolicyRequest { network, token, app_id: app, from, dry_run, etag, reason };
            (client.clear_policy(request).await?.into_inner().preview, dry_run)
        }
    };
    let preview = preview.ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no preview"))?;
    if args.json {
        show::line(&preview_json(&preview, dry_run).to_string());
    } else {
        preview_text(&preview, dry_run).iter().for_each(|text| show::line(text));
        networks(preview.policy.as_slice(), true).print(false);
    }
    Ok(())
}

fn request(set: SetArgs) -> SetPolicyRequest {
    let ActArgs { network, token, app, from, dry_run, etag, reason } = set.act;
    let finalized = set.finalized.then_some(Threshold::Finalized(true));
    SetPolicyRequest {
        network,
        token,
        app_id: app,
        from,
        threshold: set.confirmations.map(Threshold::Confirmations).or(finalized),
        second_source: set.second_source.then_some(true).or(set.no_second_source.then_some(false)),
        dry_run,
        etag,
        reason,
    }
}

const RUNG: [&str; 5] = ["NETWORK", "TOKEN", "APP", "FROM", "NEEDS"];
const RUNG_AND_ORIGIN: [&str; 7] = ["NETWORK", "TOKEN", "APP", "FROM", "NEEDS", "ORIGIN", "RULE"];

/// The tiers of networks, one a row.
fn networks(networks: &[v1::NetworkPolicy], with_origin: bool) -> Shown {
    let mut rows = Vec::new();
    for network in networks {
        for rung in &network.rungs {
            let mut row = vec![
                network.network.clone(),
                rung.token.as_ref().map(|token| token.symbol.clone()).unwrap_or_default(),
                or_every(&rung.app_id),
                rung.from.clone(),
                needs(rung),
            ];
            if with_origin {
                row.extend([origin_text(rung.origin.as_ref()), rule_text(rung)]);
            }
            rows.push(row);
        }
    }
    let header = if with_origin { RUNG_AND_ORIGIN.to_vec() } else { RUNG.to_vec() };
    Shown { json: json!({ "networks": networks.iter().map(network_json).collect::<Vec<_>>() }), header, rows }
}

fn or_every(text: &str) -> String {
    if text.is_empty() { "every".to_owned() } else { text.to_owned() }
}

fn needs(rung: &v1::PolicyRung) -> String {
    let mut text = match rung.required.as_ref().and_then(|required| required.rule.as_ref()) {
        None => String::new(),
        Some(Rule::Confirmations(1)) => "1 confirmation".to_owned(),
        Some(Rule::Confirmations(count)) => format!("{count} confirmations"),
        Some(Rule::Finalized(_)) => "finalized".to_owned(),
    };
    if rung.second_source {
        text.push_str(" and a second source");
    }
    text
}

fn origin_text(origin: Option<&v1::PolicyOrigin>) -> String {
    use v1::policy_origin::Origin;
    match origin.and_then(|origin| origin.origin.as_ref()) {
        None => String::new(),
        Some(Origin::Default(_)) => "default".to_owned(),
        Some(Origin::File(place)) => place.clone(),
        Some(Origin::Runtime(act)) => {
            let at = show::time(act.time.as_ref()).unwrap_or_default();
            format!("set by {} at {at}: {}", act.actor, act.reason)
        }
    }
}

/// What the rule is for that a tier comes from.
fn rule_text(rung: &v1::PolicyRung) -> String {
    let Some(scope) = &rung.scope else { return String::new() };
    let token = match &rung.token {
        _ if scope.token.is_empty() => "every token",
        Some(token) => token.symbol.as_str(),
        None => scope.token.as_str(),
    };
    let app = if scope.app_id.is_empty() { String::new() } else { format!(" of app {}", scope.app_id) };
    format!("{token}{app} from {}", scope.from)
}

fn network_json(network: &v1::NetworkPolicy) -> Value {
    let rungs: Vec<Value> = network.rungs.iter().map(rung_json).collect();
    json!({ "network": network.network, "etag": network.etag, "rungs": rungs })
}

fn rung_json(rung: &v1::PolicyRung) -> Value {
    use v1::policy_origin::Origin;
    let required = match rung.required.as_ref().and_then(|required| required.rule.as_ref()) {
        None => Value::Null,
        Some(Rule::Confirmations(count)) => json!({ "confirmations": count }),
        Some(Rule::Finalized(finalized)) => json!({ "finalized": finalized }),
    };
    let origin = match rung.origin.as_ref().and_then(|origin| origin.origin.as_ref()) {
        None => Value::Null,
        Some(Origin::Default(is_default)) => json!({ "default": is_default }),
        Some(Origin::File(place)) => json!({ "file": place }),
        Some(Origin::Runtime(act)) => {
            let time = show::time(act.time.as_ref());
            json!({ "runtime": { "actor": act.actor, "time": time, "reason": act.reason } })
        }
    };
    let scope = rung
        .scope
        .as_ref()
        .map_or(Value::Null, |scope| json!({ "token": scope.token, "app_id": scope.app_id, "from": scope.from }));
    json!({
        "token": show::token_json(rung.token.as_ref()), "app_id": rung.app_id, "from": rung.from,
        "from_base_units": rung.from_base_units, "required": required, "second_source": rung.second_source,
        "origin": origin, "scope": scope,
    })
}

fn preview_json(preview: &v1::PolicyPreview, dry_run: bool) -> Value {
    let sum = |sum: Option<&v1::DepositSum>| {
        let sum = sum.cloned().unwrap_or_default();
        let sums = sum.sums.iter().map(|sum| {
            let token = show::token_json(sum.token.as_ref());
            json!({ "token": token, "amount": sum.amount, "display_amount": sum.display_amount })
        });
        let deposits = sum.deposits.iter().map(|deposit| show::deposit(deposit).json);
        json!({ "count": sum.count, "sums": sums.collect::<Vec<_>>(), "deposits": deposits.collect::<Vec<_>>() })
    };
    json!({
        "dry_run": dry_run, "credited": sum(preview.credited.as_ref()), "held_back": sum(preview.held_back.as_ref()),
        "policy": preview.policy.as_ref().map(network_json),
    })
}

/// What follows, a sentence a line, and the deposits.
fn preview_text(preview: &v1::PolicyPreview, dry_run: bool) -> Vec<String> {
    let told = |sum: Option<&v1::DepositSum>, verb: &str| {
        let sum = sum.cloned().unwrap_or_default();
        let noun = if sum.count == 1 { "deposit" } else { "deposits" };
        let sums: Vec<String> = sum.sums.iter().map(sum_text).collect();
        let sums = if sums.is_empty() { String::new() } else { format!(": {}", sums.join(", ")) };
        let mut lines = vec![format!("{verb} {} {noun}{sums}", sum.count)];
        for deposit in &sum.deposits {
            let symbol = deposit.token.as_ref().map_or("", |token| token.symbol.as_str());
            let amount = show::amount(&deposit.display_amount, &deposit.amount, symbol);
            let order =
                if deposit.order_id.is_empty() { String::new() } else { format!(", order {}", deposit.order_id) };
            lines.push(format!("  {} {amount}, app {}{order}", deposit.deposit_id, deposit.app_id));
        }
        lines
    };
    let verbs = if dry_run { ["would credit", "would hold back"] } else { ["credits", "holds back"] };
    let mut lines = told(preview.credited.as_ref(), verbs[0]);
    lines.extend(told(preview.held_back.as_ref(), verbs[1]));
    lines.into_iter().map(|line| show::plain(&line)).collect()
}

fn sum_text(sum: &v1::TokenSum) -> String {
    show::amount(&sum.display_amount, &sum.amount, sum.token.as_ref().map_or("", |token| token.symbol.as_str()))
}

#[cfg(test)]
mod tests;
