//! `PolicyService`.

use std::collections::BTreeMap;

use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    convert::Form,
    door::caller_of,
    govern::must_be_unbound,
    proto::v1::{self, policy_service_server::PolicyService, set_policy_request::Threshold as AskedThreshold},
    status::Problem,
};
use crate::{
    domain::{Act, AppId, Confirmations, NetworkId, NetworkSpec, Origin, Policy, PolicyScope, Threshold, policy::Rung},
    writer::handle::{Credits, NeedWish, PolicyChange, PolicyPreview},
};

type Networks = BTreeMap<NetworkId, NetworkSpec>;

/// Longest etag that is looked at, in bytes.
const ETAG_BYTES_MAX: usize = 64;

impl Api {
    /// Carries out a change, or tries it, and answers what follows.
    async fn change_policy(&self, change: PolicyChange) -> Result<v1::PolicyPreview, Problem> {
        let (network, scope, act, dry_run) =
            (change.network.clone(), change.scope.clone(), change.act.clone(), change.dry_run);
        let is_set = change.need.is_some();
        let preview = self.0.writer.change_policy(change).await.map_err(Problem::from)?;
        if !dry_run {
            tracing::info!(
                %network, ?scope, is_set, caller = act.by, reason = act.why, credited = preview.credited.count,
                held_back = preview.held_back.count, "policy changed"
            );
        }
        Ok(self.preview(&preview))
    }

    fn preview(&self, preview: &PolicyPreview) -> v1::PolicyPreview {
        // What a deposit needs is told by the rules of the preview, also while they are only tried.
        let mut networks = (*self.0.networks.now()).clone();
        if let Some(spec) = networks.get_mut(&preview.network) {
            spec.policy = preview.policy.clone();
        }
        let status = self.0.board.of(&preview.network);
        let sum = |credits: &Credits| {
            let spec = networks.get(&preview.network);
            let sums = credits.sums.iter().map(|(token, amount)| v1::TokenSum {
                token: spec.map(|spec| answer::token(Some(token), token.contract, spec.family)),
                amount: amount.to_string(),
                display_amount: amount.decimal(token.decimals),
            });
            let deposits = credits.listed.iter().map(|deposit| answer::deposit(&networks, status.as_ref(), deposit));
            v1::DepositSum { count: credits.count, sums: sums.collect(), deposits: deposits.collect() }
        };
        let spec = networks.get(&preview.network);
        v1::PolicyPreview {
            credited: Some(sum(&preview.credited)),
            held_back: Some(sum(&preview.held_back)),
            policy: spec.map(|spec| network_policy(spec, &preview.policy, None)),
        }
    }
}

#[tonic::async_trait]
impl PolicyService for Api {
    async fn show_policy(
        &self,
        request: Request<v1::ShowPolicyRequest>,
    ) -> Result<Response<v1::ShowPolicyResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let networks = self.0.networks.now();
        let mut form = Form::default();
        let app = if asked.app_id.is_empty() { caller.only_app().cloned() } else { form.app_id(&asked.app_id) };
        let only = if asked.network.is_empty() { None } else { spec_of(&mut form, &networks, &asked.network) };
        form.finish()?;
        if let Some(app) = &app {
            caller.must_see(app)?;
        }
        let shown = networks.values().filter(|spec| only.is_none_or(|only| only.id == spec.id));
        let networks = shown.map(|spec| network_policy(spec, &spec.policy, app.as_ref())).collect();
        Ok(Response::new(v1::ShowPolicyResponse { networks }))
    }

    async fn set_policy(
        &self,
        request: Request<v1::SetPolicyRequest>,
    ) -> Result<Response<v1::SetPolicyResponse>, Status> {
        let caller = caller_of(&request)?;
        must_be_unbound(&caller)?;
        let asked = request.into_inner();
        let mut form = Form::default();
        let act = form.act(&caller, &asked.reason);
        let wish = wish(&mut form, asked.threshold, asked.second_source);
        let place = [&asked.network, &asked.token, &asked.app_id, &asked.from].map(String::as_str);
        let (network, scope) = self.place(form, place, &asked.etag)?;
        let change = change(network, scope, Some(wish), &asked.etag, asked.dry_run, act);
        let preview = Some(self.change_policy(change).await?);
        Ok(Response::new(v1::SetPolicyResponse { preview }))
    }

    async fn clear_policy(
        &self,
        request: Request<v1::ClearPolicyRequest>,
    ) -> Result<Response<v1::ClearPolicyResponse>, Status> {
        let caller = caller_of(&request)?;
        must_be_unbound(&caller)?;
        let asked = request.into_inner();
        let mut form = Form::default();
        let act = form.act(&caller, &asked.reason);
        let place = [&asked.network, &asked.token, &asked.app_id, &asked.from].map(String::as_str);
        let (network, scope) = self.place(form, place, &asked.etag)?;
        let change = change(network, scope, None, &asked.etag, asked.dry_run, act);
        let preview = Some(self.change_policy(change).await?);
        Ok(Response::new(v1::ClearPolicyResponse { preview }))
    }
}

impl Api {
    /// Network and scope that a request names; all its refused fields at once.
    fn place(&self, mut form: Form, place: [&str; 4], etag: &str) -> Result<(NetworkId, PolicyScope), Problem> {
        let [network, token, app, from] = place;
        let networks = self.0.networks.now();
        if etag.len() > ETAG_BYTES_MAX {
            form.refuse("etag", "TOO_LONG", "is no etag of ours");
        }
        let found = spec_of(&mut form, &networks, network)
            .map(|spec| (spec.id.clone(), form.policy_scope(spec, token, app, from)));
        form.finish()?;
        found.ok_or_else(|| Problem::not_found("network", network))
    }
}

fn change(
    network: NetworkId,
    scope: PolicyScope,
    need: Option<NeedWish>,
    etag: &str,
    dry_run: bool,
    act: Act,
) -> PolicyChange {
    let etag = (!etag.is_empty()).then(|| etag.to_owned());
    PolicyChange { network, scope, need, etag, dry_run, act }
}

fn spec_of<'a>(form: &mut Form, networks: &'a Networks, name: &str) -> Option<&'a NetworkSpec> {
    let found = name.parse::<NetworkId>().ok().and_then(|id| networks.get(&id));
    if found.is_none() {
        let shown: String = name.chars().take(64).collect();
        form.refuse("network", "UNKNOWN_NETWORK", format!("{shown:?} is not a configured network"));
    }
    found
}

fn wish(form: &mut Form, asked: Option<AskedThreshold>, second_source: Option<bool>) -> NeedWish {
    if asked.is_none() && second_source.is_none() {
        form.refuse("threshold", "NOTHING_ASKED", "say confirmations, finalized or second_source");
    }
    let threshold = match asked {
        None => None,
        Some(AskedThreshold::Finalized(true)) => Some(Threshold::Finalized),
        Some(AskedThreshold::Finalized(false)) => {
            form.refuse("finalized", "FINALIZED_FALSE", "is true or not said");
            None
        }
        Some(AskedThreshold::Confirmations(count)) => {
            let count = Confirmations::new(count);
            if count.is_none() {
                form.refuse("confirmations", "CONFIRMATIONS_ZERO", "must be at least 1");
            }
            count.map(Threshold::Confirmations)
        }
    };
    NeedWish { threshold, second_source }
}

/// The tiers of a network under `policy`; of those for `app` only what counts for it.
fn network_policy(spec: &NetworkSpec, policy: &Policy, app: Option<&AppId>) -> v1::NetworkPolicy {
    let has_own = |token| app.is_some_and(|app| policy.ladders().contains_key(&(token, Some(app.clone()))));
    let ladders = policy.ladders().iter().filter(|((token, of), _)| match (app, of) {
        (None, _) => true,
        (Some(_), None) => !has_own(*token),
        (Some(app), Some(of)) => app == of,
    });
    let rungs = ladders.flat_map(|((token, of), ladder)| {
        ladder.iter().map(|rung| v1::PolicyRung {
            token: Some(answer::token(spec.tokens.get(token), *token, spec.family)),
            app_id: of.as_ref().map(ToString::to_string).unwrap_or_default(),
            from: rung.from_text.to_string(),
            from_base_units: rung.from.to_string(),
            required: Some(answer::required(rung.need.threshold)),
            second_source: rung.need.second_source,
            origin: Some(origin(&rung.origin)),
            scope: Some(scope(spec, rung)),
        })
    });
    v1::NetworkPolicy { network: spec.id.to_string(), etag: policy.etag(), rungs: rungs.collect() }
}

fn scope(spec: &NetworkSpec, rung: &Rung) -> v1::PolicyScope {
    v1::PolicyScope {
        token: rung.scope.token.map(|token| token.text(spec.family)).unwrap_or_default(),
        app_id: rung.scope.app.as_ref().map(ToString::to_string).unwrap_or_default(),
        from: rung.scope.from.to_string(),
    }
}

fn origin(origin: &Origin) -> v1::PolicyOrigin {
    use v1::policy_origin::Origin as Told;
    let told = match origin {
        Origin::Default => Told::Default(true),
        Origin::File(place) => Told::File(place.clone()),
        Origin::Runtime(act) => Told::Runtime(v1::PolicyAct {
            actor: act.by.clone(),
            time: Some(answer::millis(act.at)),
            reason: act.why.clone(),
        }),
    };
    v1::PolicyOrigin { origin: Some(told) }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(in crate::api) use self::tests::{api, ops};
