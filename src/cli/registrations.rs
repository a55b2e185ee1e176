//! `depositd export` and `depositd import`: what was registered, out of one store and into another.

mod file;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tonic::Request;

use self::file::{Batch, Batches, End, Whole, Writing};
use super::{
    client::{ClientArgs, Service},
    exit::{CONFLICT, FAILURE, Failure, NOT_FOUND, USAGE},
    progress::Progress,
    show::{self, Shown},
};
use crate::{
    api::proto::v1::{
        ExportRequest, FinishImportRequest, ImportOutcome, ImportRequest, ImportResponse,
        registration_service_client::RegistrationServiceClient,
    },
    domain::{clock, policy::WHY_CHARS_MAX},
};

/// Calls that are under way at the same time.
const CALLS_IN_FLIGHT: usize = 4;
/// The time one call has: as much as the daemon gives.
const CALL_TIME: Duration = Duration::from_secs(30);
/// Records that were not taken and are told of one by one.
const TROUBLES_SHOWN_MAX: usize = 20;

/// What to export.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// The file to write (mode 0600); it appears under this name once it is whole
    #[arg(long)]
    pub file: PathBuf,
    /// Only what belongs to this app
    #[arg(long, default_value = "")]
    pub app: String,
}

/// What to import.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The file of an export
    #[arg(long)]
    pub file: PathBuf,
    /// Only say what would follow
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the audit log
    #[arg(long, required_unless_present = "dry_run", default_value = "")]
    pub reason: String,
}

type Client = RegistrationServiceClient<Service>;

pub(super) async fn export(asked: &ExportArgs, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = RegistrationServiceClient::new(args.open().await?);
    let mut pages = client.export(ExportRequest { app_id: asked.app.clone() }).await?.into_inner();
    let mut writing = Writing::begin(&asked.file, clock::now().0)?;
    let mut progress = Progress::new("export");
    while let Some(page) = pages.message().await? {
        for record in page.records.iter().filter_map(|registration| registration.record.as_ref()) {
            writing.record(record)?;
        }
        // How many there will be is not known for one app, and is a guess while others register.
        if writing.count() < page.total {
            progress.show(writing.count(), page.total);
        }
    }
    progress.show(writing.count(), writing.count());
    drop(progress);
    let written = writing.finish()?;
    // What cannot be read again would be no use on the day it is needed.
    if file::check(&asked.file)?.end != written {
        return Err(Failure::new(FAILURE, format!("{} is not what was written to it", asked.file.display())));
    }
    let End { count, sha256 } = written;
    Shown {
        json: json!({ "file": asked.file, "records": count, "sha256": sha256 }),
        header: vec!["RECORDS", "SHA256", "FILE"],
        rows: vec![vec![count.to_string(), sha256, asked.file.display().to_string()]],
    }
    .print(args.json);
    Ok(())
}

/// What became of a whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    unchanged: u64,
    written: u64,
    troubles: u64,
    /// The first of them.
    shown: Vec<String>,
}

impl Tally {
    fn add(&mut self, numbers: &[u64], answer: &ImportResponse) {
        self.unchanged += u64::from(answer.unchanged);
        self.written += u64::from(answer.written);
        for trouble in &answer.troubles {
            self.troubles += 1;
            if self.shown.len() < TROUBLES_SHOWN_MAX {
                let line = usize::try_from(trouble.place).ok().and_then(|place| numbers.get(place)).copied();
                self.shown.push(format!("line {}: {}", line.unwrap_or_default(), trouble.message));
            }
        }
    }

    fn done(&self) -> u64 {
        self.unchanged + self.written + self.troubles
    }
}

pub(super) async fn import(asked: &ImportArgs, args: &ClientArgs) -> Result<(), Failure> {
    // The daemon would say so too, but only at the end.
    if !asked.dry_run && !(1..=WHY_CHARS_MAX).contains(&asked.reason.chars().count()) {
        return Err(Failure::new(USAGE, format!("--reason must have 1 to {WHY_CHARS_MAX} characters")));
    }
    let whole = file::check(&asked.file)?;
    let client = RegistrationServiceClient::new(args.open().await?);
    apps_are_there(&client, &whole).await?;
    let tally =
        pass(&client, asked, &whole.end, asked.dry_run, if asked.dry_run { "dry run" } else { "import" }).await?;
    if !asked.dry_run {
        finish(client.clone(), asked, &whole.end, &tally).await?;
        let again = pass(&client, asked, &whole.end, true, "verify").await?;
        if again.written > 0 {
            let text = format!("{} records are not there although they were written", again.written);
            return Err(Failure::new(FAILURE, text));
        }
    }
    tally.shown.iter().for_each(|line| show::message(line));
    Shown {
        json: json!({
            "records": whole.end.count, "written": tally.written, "unchanged": tally.unchanged,
            "not_taken": tally.troubles, "dry_run": asked.dry_run, "sha256": whole.end.sha256,
        }),
        header: vec!["RECORDS", if asked.dry_run { "WOULD BE WRITTEN" } else { "WRITTEN" }, "UNCHANGED", "NOT TAKEN"],
        rows: vec![[whole.end.count, tally.written, tally.unchanged, tally.troubles].map(|n| n.to_string()).to_vec()],
    }
    .print(args.json);
    match tally.troubles {
        0 => Ok(()),
        count => Err(Failure::new(CONFLICT, format!("{count} records were not taken; what was there stays as it is"))),
    }
}

/// Refuses before anything is changed if an app has to be created first.
async fn apps_are_there(client: &Client, whole: &Whole) -> Result<(), Failure> {
    let mut missing = BTreeSet::new();
    let mut told = whole.app_ids.clone();
    for apps in whole.apps.chunks(1000) {
        let request = ImportRequest { records: apps.to_vec(), dry_run: true };
        let answer = client.clone().import(timed(request)).await?.into_inner();
        for trouble in answer.troubles.iter().filter(|trouble| trouble.outcome() == ImportOutcome::AppMissing) {
            let app = usize::try_from(trouble.place).ok().and_then(|place| apps.get(place));
            missing.extend(app.and_then(name_of).map(str::to_owned));
        }
        told.retain(|told| !apps.iter().any(|app| name_of(app) == Some(told)));
    }
    if let Some(name) = told.first() {
        let text = format!("the file has records of app {name:?}, but not the app itself; nothing was imported");
        return Err(Failure::new(FAILURE, text));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.into_iter().collect();
    Err(Failure::new(
        NOT_FOUND,
        format!(
            "nothing was imported: these apps are not there: {}. An export holds no secrets, so create each of them with \
             the secret it had ('depositd app create NAME --notify-url URL --secret-file FILE') and import again",
            names.join(", ")
        ),
    ))
}

fn name_of(registration: &crate::api::proto::v1::Registration) -> Option<&str> {
    use crate::api::proto::v1::registration::Record;
    match &registration.record {
        Some(Record::App(app)) => Some(&app.app_id),
        Some(Record::Address(_) | Record::Order(_)) | None => None,
    }
}

/// Sends the whole file once.
async fn pass(client: &Client, asked: &ImportArgs, end: &End, dry_run: bool, label: &str) -> Result<Tally, Failure> {
    let mut progress = Progress::new(label);
    let mut tally = Tally::default();
    let mut calls = stream::iter(Batches::of(&asked.file, end)?)
        .map(|batch| call(client.clone(), batch, dry_run))
        .buffered(CALLS_IN_FLIGHT);
    while let Some((numbers, answer)) = calls.try_next().await? {
        tally.add(&numbers, &answer);
        progress.show(tally.done(), end.count);
    }
    Ok(tally)
}

async fn call(
    mut client: Client,
    batch: Result<Batch, Failure>,
    dry_run: bool,
) -> Result<(Vec<u64>, ImportResponse), Failure> {
    let (numbers, records) = batch?;
    let first = numbers.first().copied().unwrap_or_default();
    let answer = client.import(timed(ImportRequest { records, dry_run })).await.map_err(|status| {
        let failure = Failure::from(status);
        let text = format!("from line {first} on: {failure}; import the same file again: what is there already stays");
        Failure::new(failure.code, text)
    })?;
    Ok((numbers, answer.into_inner()))
}

async fn finish(mut client: Client, asked: &ImportArgs, end: &End, tally: &Tally) -> Result<(), Failure> {
    let request = FinishImportRequest {
        reason: asked.reason.clone(),
        sha256: end.sha256.clone(),
        records: end.count,
        written: tally.written,
        troubles: tally.troubles,
    };
    client.finish_import(timed(request)).await?;
    Ok(())
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_TIME);
    request
}
