//! `AppService`.

use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    auth::Caller,
    convert::{Form, allowed_hosts, secret_text},
    door::caller_of,
    orders::seen_app,
    page,
    proto::v1::{self, app_service_server::AppService},
    status::Problem,
};
use crate::{
    domain::{App, AppId, Protocol, SigningKey, app::LiveKey},
    writer::handle::{AppUpdate, Refusal, Rotation},
};

/// Length of secrets we draw, in bytes.
const DRAWN_SECRET_BYTES: usize = 32;

impl Api {
    /// What is there under this name, if it asks for the same; an error if it does not.
    async fn same_app(&self, new: &App) -> Result<Option<App>, Problem> {
        let name = new.id.clone();
        let content = |app: &App| (app.notify_url.clone(), app.notify_hosts.clone(), app.amount_policy, app.grace_s);
        match self.read(move |reader| reader.app(&name)).await? {
            Some(app) if content(&app) == content(new) => Ok(Some(app)),
            Some(_) => Err(Problem::already_exists("app", new.id.as_str())),
            None => Ok(None),
        }
    }
}

#[tonic::async_trait]
impl AppService for Api {
    async fn create_app(
        &self,
        request: Request<v1::CreateAppRequest>,
    ) -> Result<Response<v1::CreateAppResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let mut form = Form::default();
        let id = form.app_id(&asked.app_id);
        let hosts = form.notify_hosts(&asked.notify_hosts);
        let allowed = allowed_hosts(&asked.notify_url, &hosts);
        let url = form.notify_url(&self.0.url_check, &asked.notify_url, &allowed);
        let given = form.secret(&asked.secret);
        let amount_policy = form.amount_policy(asked.amount_policy).unwrap_or_default();
        let grace_s = form.grace_s(asked.grace_seconds);
        let act = form.act_why_or_not(&caller, &asked.reason);
        form.finish()?;
        let (id, notify_url) = id.zip(url).ok_or_else(|| Problem::not_found("app", ""))?;
        caller.must_see(&id)?;
        let drawn = given.is_none();
        let key = given.map_or_else(draw, Ok)?;
        let new = App {
            id,
            protocol: Protocol::StandardWebhooks,
            notify_url,
            notify_hosts: hosts,
            keys: vec![LiveKey { key: key.clone(), until: None }],
            amount_policy,
            grace_s,
            created: act.at,
        };
        if drawn && let Some(app) = self.same_app(&new).await? {
            return Ok(Response::new(v1::CreateAppResponse { app: Some(answer::app(&app)), secret: String::new() }));
        }
        let (app, secret) = match self.0.writer.create_app(new.clone(), act).await {
            Ok(app) => (app, shown(drawn, &key)),
            // Two calls at once drew two secrets, and the other one was first.
            Err(refusal @ Refusal::AlreadyExists { .. }) if drawn => {
                let there = self.same_app(&new).await?;
                (there.ok_or_else(|| Problem::from(refusal))?, String::new())
            }
            Err(refusal) => return Err(Problem::from(refusal).into()),
        };
        tracing::info!(app = %app.id, caller = caller.name(), "app created");
        Ok(Response::new(v1::CreateAppResponse { app: Some(answer::app(&app)), secret }))
    }

    async fn get_app(&self, request: Request<v1::GetAppRequest>) -> Result<Response<v1::GetAppResponse>, Status> {
        let caller = caller_of(&request)?;
        let id = seen_app(&caller, &request.into_inner().app_id)?;
        let name = id.clone();
        let found = self.read(move |reader| reader.app(&name)).await?;
        let app = found.ok_or_else(|| Problem::not_found("app", id.as_str()))?;
        Ok(Response::new(v1::GetAppResponse { app: Some(answer::app(&app)) }))
    }

    async fn list_apps(&self, request: Request<v1::ListAppsRequest>) -> Result<Response<v1::ListAppsResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let size = page::size(asked.page_size)?;
        let question = ["apps", caller.only_app().map(AppId::as_str).unwrap_or_default()];
        let position = self.0.pager.position(&question, &asked.page_token)?;
        let mut apps = list(self, &caller, position, size).await?;
        let next_page_token = self.0.pager.next(&question, &mut apps, size, |app| app.id.as_str().into());
        Ok(Response::new(v1::ListAppsResponse { apps: apps.iter().map(answer::app).collect(), next_page_token }))
    }

    async fn update_app(
        &self,
        request: Request<v1::UpdateAppRequest>,
    ) -> Result<Response<v1::UpdateAppResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let mut form = Form::default();
        let id = form.app_id(&asked.app_id);
        let amount_policy = form.amount_policy(asked.amount_policy);
        let grace_s = asked.grace_seconds.map(|seconds| form.grace_s(seconds));
        let act = form.act(&caller, &asked.reason);
        form.finish()?;
        let id = id.ok_or_else(|| Problem::not_found("app", ""))?;
        caller.must_see(&id)?;
        let update = AppUpdate { app: id, amount_policy, grace_s };
        let app = self.0.writer.update_app(update, act).await.map_err(Problem::from)?;
        tracing::info!(app = %app.id, caller = caller.name(), "app updated");
        Ok(Response::new(v1::UpdateAppResponse { app: Some(answer::app(&app)) }))
    }

    async fn rotate_secret(
        &self,
        request: Request<v1::RotateSecretRequest>,
    ) -> Result<Response<v1::RotateSecretResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let mut form = Form::default();
        let id = form.app_id(&asked.app_id);
        let given = form.secret(&asked.secret);
        let overlap_ms = form.overlap_ms(asked.overlap_seconds);
        let act = form.act_why_or_not(&caller, &asked.reason);
        form.finish()?;
        let id = id.ok_or_else(|| Problem::not_found("app", ""))?;
        caller.must_see(&id)?;
        let drawn = given.is_none();
        let key = given.map_or_else(draw, Ok)?;
        let rotation = Rotation { app: id, key: key.clone(), overlap_ms };
        let app = self.0.writer.rotate_secret(rotation, act).await.map_err(Problem::from)?;
        tracing::info!(app = %app.id, caller = caller.name(), fingerprint = key.fingerprint(), "secret rotated");
        Ok(Response::new(v1::RotateSecretResponse { app: Some(answer::app(&app)), secret: shown(drawn, &key) }))
    }
}

/// A page of apps and one more; a caller bound to an app gets that one.
async fn list(api: &Api, caller: &Caller, position: Option<Vec<u8>>, size: usize) -> Result<Vec<App>, Problem> {
    if let Some(own) = caller.only_app().cloned() {
        return Ok(api.read(move |reader| reader.app(&own)).await?.into_iter().collect());
    }
    let after = position.and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<AppId>().ok());
    api.read(move |reader| reader.apps(after.as_ref(), size + 1)).await
}

/// A secret for an owner who did not bring one.
fn draw() -> Result<SigningKey, Problem> {
    let mut bytes = vec![0; DRAWN_SECRET_BYTES];
    let filled = getrandom::fill(&mut bytes).ok();
    let key = filled.and_then(|()| SigningKey::new(bytes));
    key.ok_or_else(|| Problem::new(tonic::Code::Internal, "NO_RANDOMNESS", "the system gives no random bytes"))
}

/// Secrets are shown by the call that drew them and never again.
fn shown(drawn: bool, key: &SigningKey) -> String {
    if drawn { secret_text(key).as_str().to_owned() } else { String::new() }
}
