//! `AppService`.

use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    auth::Caller,
    convert::{Form, allowed_hosts, merchant::news, secret_text},
    door::caller_of,
    orders::seen_app,
    page,
    proto::v1::{self, app_service_server::AppService},
    status::Problem,
};
use crate::{
    domain::{App, AppId, LiveKey, News, NotifyUrl, Protocol, SigningKey, StoredKey},
    vault::{self, VaultError},
    writer::handle::{AppUpdate, Refusal, Rotation},
};

/// Length of secrets we draw, in bytes.
const DRAWN_SECRET_BYTES: usize = 32;

impl Api {
    /// What is there under this name, if it asks for the same; an error if it does not.
    async fn same_app(&self, new: &App) -> Result<Option<App>, Problem> {
        let name = new.id.clone();
        let content = |app: &App| {
            let told = (app.protocol, app.news, app.notify_url.clone(), app.notify_hosts.clone());
            (told, app.amount_policy, app.grace_s)
        };
        match self.read(move |reader| reader.app(&name)).await? {
            Some(app) if content(&app) == content(new) => Ok(Some(app)),
            Some(_) => Err(Problem::already_exists("app", new.id.as_str())),
            None => Ok(None),
        }
    }

    /// An app that is there.
    async fn app_there(&self, id: &AppId) -> Result<App, Problem> {
        let name = id.clone();
        let found = self.read(move |reader| reader.app(&name)).await?;
        found.ok_or_else(|| Problem::not_found("app", id.as_str()))
    }

    /// What a change says of how `known` is told: protocol, URL, hosts; `None`: as it is.
    fn told_otherwise(
        &self,
        form: &mut Form,
        asked: &v1::UpdateAppRequest,
        known: Option<&App>,
    ) -> (Option<Protocol>, Option<NotifyUrl>, Option<Vec<String>>) {
        let Some(known) = known else { return (None, None, None) };
        let is_said = asked.protocol != 0 || asked.protocol_options.is_some();
        let options = asked.protocol_options.as_ref();
        let protocol = if is_said { form.protocol(asked.protocol, options, Some(known.protocol)) } else { None };
        let notify_hosts = asked.notify_hosts.as_ref().map(|asked| form.notify_hosts(&asked.hosts));
        let hosts = notify_hosts.as_deref().unwrap_or(&known.notify_hosts);
        let url = asked.notify_url.as_str();
        let notify_url = form.own_url("notify_url", &self.0.url_check, url, &allowed_hosts(url, hosts));
        (protocol, notify_url, notify_hosts)
    }

    /// A key as it is stored.
    fn sealed(&self, app: &AppId, key: &SigningKey) -> Result<StoredKey, Problem> {
        let internal = |error: VaultError| Problem::new(tonic::Code::Internal, "NO_RANDOMNESS", error.to_string());
        self.0.vault.seal(app, key).map_err(internal)
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
        let protocol = form.protocol(asked.protocol, asked.protocol_options.as_ref(), None);
        let given = protocol.and_then(|protocol| form.secret(&asked.secret, protocol));
        let amount_policy = form.amount_policy(asked.amount_policy).unwrap_or_default();
        let grace_s = form.grace_s(asked.grace_seconds);
        let act = form.act_why_or_not(&caller, &asked.reason);
        form.finish()?;
        let ((id, notify_url), protocol) = id.zip(url).zip(protocol).ok_or_else(|| Problem::not_found("app", ""))?;
        caller.must_see(&id)?;
        let drawn = given.is_none();
        let key = given.map_or_else(|| draw(protocol), Ok)?;
        let sealed = self.sealed(&id, &key)?;
        let new = App {
            id,
            protocol,
            news: news(asked.news.as_ref(), News::default()),
            notify_url,
            notify_hosts: hosts,
            keys: vec![LiveKey { key: sealed, until: None }],
            amount_policy,
            grace_s,
            created: act.at,
        };
        if drawn && let Some(app) = self.same_app(&new).await? {
            return Ok(Response::new(v1::CreateAppResponse { app: Some(answer::app(&app)), secret: String::new() }));
        }
        let (app, secret) = match self.0.writer.create_app(new.clone(), act).await {
            Ok(app) => (app, shown(drawn, &key, protocol)),
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
        let app = self.app_there(&id).await?;
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
        let known = match asked.app_id.parse() {
            Ok(id) if caller.sees(&id) => Some(self.app_there(&id).await?),
            // Refused by the form, or below.
            Ok(_) | Err(_) => None,
        };
        let mut form = Form::default();
        let id = form.app_id(&asked.app_id);
        let (protocol, notify_url, notify_hosts) = self.told_otherwise(&mut form, &asked, known.as_ref());
        let amount_policy = form.amount_policy(asked.amount_policy);
        let grace_s = asked.grace_seconds.map(|seconds| form.grace_s(seconds));
        let act = form.act(&caller, &asked.reason);
        form.finish()?;
        let id = id.ok_or_else(|| Problem::not_found("app", ""))?;
        caller.must_see(&id)?;
        let known = known.ok_or_else(|| Problem::not_found("app", id.as_str()))?;
        let news = asked.news.map(|asked| news(Some(&asked), known.news));
        let update = AppUpdate { app: id, protocol, news, notify_url, notify_hosts, amount_policy, grace_s };
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
        let overlap_ms = form.overlap_ms(asked.overlap_seconds);
        let act = form.act_why_or_not(&caller, &asked.reason);
        form.finish()?;
        let id = id.ok_or_else(|| Problem::not_found("app", ""))?;
        caller.must_see(&id)?;
        // Which form a secret must have is the protocol's to say; no protocol is changed into one with another form.
        let protocol = self.app_there(&id).await?.protocol;
        let mut form = Form::default();
        let given = form.secret(&asked.secret, protocol);
        form.finish()?;
        let drawn = given.is_none();
        let key = given.map_or_else(|| draw(protocol), Ok)?;
        let sealed = self.sealed(&id, &key)?;
        let fingerprint = sealed.fingerprint().unwrap_or_default();
        let rotation = Rotation { app: id, key: sealed, overlap_ms };
        let app = self.0.writer.rotate_secret(rotation, act).await.map_err(Problem::from)?;
        tracing::info!(app = %app.id, caller = caller.name(), fingerprint, "secret rotated");
        Ok(Response::new(v1::RotateSecretResponse {
            app: Some(answer::app(&app)),
            secret: shown(drawn, &key, protocol),
        }))
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
fn draw(protocol: Protocol) -> Result<SigningKey, Problem> {
    let bytes = if protocol.has_text_secret() {
        vault::draw_text().ok().map(|text| text.as_bytes().to_vec())
    } else {
        let mut bytes = vec![0; DRAWN_SECRET_BYTES];
        getrandom::fill(&mut bytes).ok().map(|()| bytes)
    };
    let key = bytes.and_then(|bytes| SigningKey::for_protocol(protocol, bytes));
    key.ok_or_else(|| Problem::new(tonic::Code::Internal, "NO_RANDOMNESS", "the system gives no random bytes"))
}

/// Secrets are shown by the call that drew them and never again.
fn shown(drawn: bool, key: &SigningKey, protocol: Protocol) -> String {
    if drawn { secret_text(key, protocol).as_str().to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests;
