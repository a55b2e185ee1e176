//! `RegistrationService`.

mod record;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    pin::Pin,
};

use futures::{Stream, StreamExt, TryStreamExt, stream};
use tonic::{Request, Response, Status};

use super::{
    Api,
    convert::{Form, allowed_hosts},
    door::caller_of,
    orders::{batch_len, seen_app},
    proto::v1::{self, ImportOutcome, registration_service_server::RegistrationService},
    status::Problem,
    streams::place_of,
};
use crate::{
    domain::{Address, AppId, NetworkId, NetworkSpec, OrderId},
    store::{Reader, StoreError},
    writer::handle::{ImportRecord, ImportRun, ImportVerdict},
};

/// Rows read for one message of an export: between two of them a commit may pass.
const PAGE_ROWS: usize = 500;
/// Rows one command changes at most, indexes included; as many as the writer puts into one commit.
const COMMAND_ROWS_MAX: usize = 200;
/// Commands of one call that wait for the writer at the same time.
const COMMANDS_IN_FLIGHT: usize = 8;

type Networks = BTreeMap<NetworkId, NetworkSpec>;
type Exported = Pin<Box<dyn Stream<Item = Result<v1::ExportResponse, Status>> + Send>>;

/// Where an export goes on.
#[derive(Clone, Debug)]
enum Step {
    Apps(Option<AppId>),
    Addresses(Option<(NetworkId, Address)>),
    /// Behind this order of this app; `None`: of the next app behind this one.
    Orders(Option<AppId>, Option<OrderId>),
    Done,
}

impl Api {
    /// The hosts that orders among `records` may be told on, by app; of an app that is not there: none.
    async fn hosts_of(&self, records: &[v1::Registration]) -> Result<BTreeMap<AppId, Vec<String>>, Problem> {
        let named = records.iter().filter_map(record::app_with_own_url);
        let apps: BTreeSet<AppId> = named.filter_map(|app| app.parse().ok()).collect();
        let mut hosts = BTreeMap::new();
        for app in apps {
            let id = app.clone();
            let found = self.read(move |reader| reader.app(&id)).await?;
            let allowed = found.map(|app| allowed_hosts(app.notify_url.as_str(), &app.notify_hosts));
            hosts.insert(app, allowed.unwrap_or_default());
        }
        Ok(hosts)
    }
}

#[tonic::async_trait]
impl RegistrationService for Api {
    type ExportStream = Exported;

    async fn export(&self, request: Request<v1::ExportRequest>) -> Result<Response<Exported>, Status> {
        let (caller, place) = (caller_of(&request)?, place_of(&request)?);
        let asked = request.into_inner().app_id;
        let only = match asked.is_empty() {
            false => Some(seen_app(&caller, &asked)?),
            true => caller.only_app().cloned(),
        };
        if let Some(app) = only.clone() {
            let name = app.to_string();
            let found = self.read(move |reader| reader.app(&app)).await?;
            found.ok_or_else(|| Problem::not_found("app", &name))?;
        }
        let counts = self.read(|reader| Ok(reader.counts())).await?;
        let all = ["apps", "holdings", "orders"].iter().filter_map(|kind| counts.get(kind)).sum();
        let total = if only.is_some() { 0 } else { all };
        let api = self.clone();
        let pages = stream::try_unfold(Step::Apps(None), move |step| {
            // The stream's place is free again when the stream is gone.
            let (api, only, _place) = (api.clone(), only.clone(), place.clone());
            async move {
                if matches!(step, Step::Done) {
                    return Ok(None);
                }
                let networks = api.0.networks.now();
                let (records, next) = api.read(move |reader| page(reader, &networks, step, only.as_ref())).await?;
                Ok::<_, Status>(Some((v1::ExportResponse { records, total }, next)))
            }
        });
        // An app among many may have none of a whole page: there is nothing to be said then.
        let pages = pages.try_filter(|page| std::future::ready(!page.records.is_empty()));
        Ok(Response::new(pages.boxed()))
    }

    async fn import(&self, request: Request<v1::ImportRequest>) -> Result<Response<v1::ImportResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        batch_len("records", asked.records.len())?;
        let hosts = self.hosts_of(&asked.records).await?;
        let networks = self.0.networks.now();
        let read = record::Reading { networks: &networks, hosts: &hosts, url_check: &self.0.url_check };
        let (mut answer, mut taken) = (v1::ImportResponse::default(), Vec::with_capacity(asked.records.len()));
        for (place, wire) in (0_u32..).zip(&asked.records) {
            match read.record(wire) {
                Ok(record) if caller.sees(record::app_of(&record)) => taken.push((place, record)),
                Ok(_) => answer.troubles.push(trouble(place, ImportOutcome::AppMissing, "the app does not exist")),
                Err(why) => answer.troubles.push(trouble(place, ImportOutcome::Refused, why)),
            }
        }
        let dry_run = asked.dry_run;
        let verdicts = stream::iter(commands(taken))
            .map(|(places, records)| {
                let writer = self.0.writer.clone();
                async move { Ok::<_, Problem>((places, writer.import(records, dry_run).await?)) }
            })
            .buffered(COMMANDS_IN_FLIGHT)
            .try_collect::<Vec<_>>()
            .await?;
        for (place, verdict) in verdicts.into_iter().flat_map(|(places, verdicts)| places.into_iter().zip(verdicts)) {
            note(&mut answer, place, verdict);
        }
        answer.troubles.sort_by_key(|trouble| trouble.place);
        Ok(Response::new(answer))
    }

    async fn finish_import(
        &self,
        request: Request<v1::FinishImportRequest>,
    ) -> Result<Response<v1::FinishImportResponse>, Status> {
        let caller = caller_of(&request)?;
        let asked = request.into_inner();
        let mut form = Form::default();
        let act = form.act(&caller, &asked.reason);
        let mut sha256 = [0; 32];
        if hex::decode_to_slice(&asked.sha256, &mut sha256).is_err() {
            form.refuse("sha256", "HASH_FORM", "must be 64 hex digits");
        }
        form.finish()?;
        let (records, written, troubles) = (asked.records, asked.written, asked.troubles);
        let run = ImportRun { sha256, records, written, troubles, act };
        self.0.writer.finish_import(run).await.map_err(Problem::from)?;
        Ok(Response::new(v1::FinishImportResponse {}))
    }
}

/// One message of an export, and where the next one begins.
fn page(
    reader: &Reader,
    networks: &Networks,
    step: Step,
    only: Option<&AppId>,
) -> Result<(Vec<v1::Registration>, Step), StoreError> {
    let is_asked = |app: &AppId| only.is_none_or(|only| only == app);
    match step {
        Step::Apps(after) => {
            let apps = match only {
                Some(only) => reader.app(only)?.into_iter().collect(),
                None => reader.apps(after.as_ref(), PAGE_ROWS)?,
            };
            let next = match apps.last().filter(|_| apps.len() == PAGE_ROWS) {
                Some(last) => Step::Apps(Some(last.id.clone())),
                None => Step::Addresses(None),
            };
            Ok((apps.iter().map(record::of_app).collect(), next))
        }
        Step::Addresses(after) => {
            let from = after.as_ref().map(|(network, address)| (network, *address));
            let rows = reader.holdings(from, PAGE_ROWS)?;
            let next = match rows.last().filter(|_| rows.len() == PAGE_ROWS) {
                Some(last) => Step::Addresses(Some((last.network.clone(), last.address))),
                None => Step::Orders(None, None),
            };
            let asked = rows.iter().filter(|holding| is_asked(&holding.app));
            Ok((asked.map(|holding| record::of_holding(networks, holding)).collect(), next))
        }
        Step::Orders(app, after) => {
            let Some(of) = app_at(reader, app, after.is_some(), only)? else { return Ok((Vec::new(), Step::Done)) };
            let orders = reader.orders(&of, after.as_ref(), PAGE_ROWS)?;
            let next = match orders.last().filter(|_| orders.len() == PAGE_ROWS) {
                Some(last) => Step::Orders(Some(of), Some(last.id.clone())),
                None if only.is_some() => Step::Done,
                None => Step::Orders(Some(of), None),
            };
            Ok((orders.iter().map(|order| record::of_order(networks, order)).collect(), next))
        }
        Step::Done => Ok((Vec::new(), Step::Done)),
    }
}

/// The app whose orders come next: `app` itself in the middle of them, else the one behind it.
fn app_at(
    reader: &Reader,
    app: Option<AppId>,
    is_within: bool,
    only: Option<&AppId>,
) -> Result<Option<AppId>, StoreError> {
    match (app, only) {
        (Some(app), _) if is_within => Ok(Some(app)),
        (None, Some(only)) => Ok(Some(only.clone())),
        (Some(_), Some(_)) => Ok(None),
        (app, None) => Ok(reader.apps(app.as_ref(), 1)?.into_iter().next().map(|app| app.id)),
    }
}

/// Records in commands of at most [`COMMAND_ROWS_MAX`] rows, in their order.
fn commands(records: Vec<(u32, ImportRecord)>) -> VecDeque<(Vec<u32>, Vec<ImportRecord>)> {
    let (mut commands, mut rows) = (VecDeque::<(Vec<u32>, Vec<ImportRecord>)>::new(), 0);
    for (place, record) in records {
        rows += record.rows_max();
        if commands.is_empty() || rows > COMMAND_ROWS_MAX {
            commands.push_back((Vec::new(), Vec::new()));
            rows = record.rows_max();
        }
        if let Some((places, last)) = commands.back_mut() {
            places.push(place);
            last.push(record);
        }
    }
    commands
}

fn note(answer: &mut v1::ImportResponse, place: u32, verdict: ImportVerdict) {
    let missing = "the app does not exist: create it with its old secret ('depositd app create NAME --notify-url URL \
                   --secret-file FILE'), then import again";
    match verdict {
        ImportVerdict::Unchanged => answer.unchanged += 1,
        ImportVerdict::Written => answer.written += 1,
        ImportVerdict::Conflict(what) => answer.troubles.push(trouble(place, ImportOutcome::Conflict, what)),
        ImportVerdict::AppMissing => answer.troubles.push(trouble(place, ImportOutcome::AppMissing, missing)),
        ImportVerdict::Refused(why) => answer.troubles.push(trouble(place, ImportOutcome::Refused, why)),
    }
}

fn trouble(place: u32, outcome: ImportOutcome, message: impl Into<String>) -> v1::ImportTrouble {
    v1::ImportTrouble { place, outcome: outcome.into(), message: message.into() }
}
