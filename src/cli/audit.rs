//! `depositd audit …`: the log of what people did, and whether it still is what was written.

mod chain;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use serde_json::json;

use crate::api::proto::v1::{
    AuditRecord, ExportAuditRequest, GetCheckpointRequest, ListAuditRequest, audit_service_client::AuditServiceClient,
};

use self::chain::{Chain, Checkpoint, Ending, Line};
use super::{
    client::{ClientArgs, PageArgs, Service},
    exit::{CONFLICT, FAILURE, Failure, USAGE},
    show::{self, Shown},
};

/// What to do with the audit log.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// List records, oldest first
    List {
        /// Only records above this number
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// Which page
        #[command(flatten)]
        page: PageArgs,
    },
    /// Write every record to a file as JSON lines; the last line says how many, and the last hash
    Export {
        /// A new file
        #[arg(long)]
        file: PathBuf,
    },
    /// Compute every hash again and compare; exit code 1 names the first record that is not what was written
    Verify {
        /// An export; without it the daemon is asked
        #[arg(long)]
        file: Option<PathBuf>,
        /// What an earlier 'audit checkpoint' said: the log must still hold that record
        #[arg(long, value_name = "NUMBER:HASH")]
        against: Option<Checkpoint>,
    },
    /// Print NUMBER:HASH of the last record; kept elsewhere it shows later that nothing was cut off or rewritten
    Checkpoint,
}

pub(super) async fn run(command: AuditCommand, args: &ClientArgs) -> Result<(), Failure> {
    match command {
        AuditCommand::Verify { file: Some(path), against } => {
            let named = |what: &str| format!("{}: {what}", path.display());
            let file = File::open(&path).map_err(|error| Failure::new(USAGE, named(&error.to_string())))?;
            let ending = verify(BufReader::new(file), against).map_err(|what| broken(&named(&what)))?;
            verified(&ending, args.json);
        }
        AuditCommand::Verify { file: None, against } => {
            let mut chain = Chain::new(against);
            each(args, |record| chain.take(&Line::of(&record)).map_err(|what| broken(&what))).await?;
            verified(&chain.end().map_err(|what| broken(&what))?, args.json);
        }
        AuditCommand::Export { file } => export(&file, args).await?,
        AuditCommand::List { after, page } => list(after, page, args).await?,
        AuditCommand::Checkpoint => {
            let answer = client(args).await?.get_checkpoint(GetCheckpointRequest {}).await?.into_inner();
            let time = show::time(answer.time.as_ref());
            if args.json {
                show::line(&json!({ "number": answer.number, "hash": answer.hash, "time": time }).to_string());
            } else {
                show::line(&format!("{}:{}", answer.number, answer.hash));
            }
        }
    }
    Ok(())
}

async fn client(args: &ClientArgs) -> Result<AuditServiceClient<Service>, Failure> {
    Ok(AuditServiceClient::new(args.open().await?))
}

fn broken(what: &str) -> Failure {
    Failure::new(FAILURE, format!("the audit log is not what was written: {what}"))
}

fn verified(ending: &Ending, as_json: bool) {
    if as_json {
        show::line(&json!({ "count": ending.count, "hash": ending.hash }).to_string());
    } else {
        show::line(&format!("{} records, unbroken; the last is {}:{}", ending.count, ending.count, ending.hash));
    }
}

/// Gives every record of the daemon to `take`.
async fn each(args: &ClientArgs, mut take: impl FnMut(AuditRecord) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut stream = client(args).await?.export_audit(ExportAuditRequest { after: 0 }).await?.into_inner();
    while let Some(answer) = stream.message().await? {
        take(answer.record.ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no record"))?)?;
    }
    Ok(())
}

/// Writes the export; a file that did not become whole is removed.
async fn export(path: &Path, args: &ClientArgs) -> Result<(), Failure> {
    let fails = |error: io::Error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            Failure::new(CONFLICT, format!("{} exists: name a new file", path.display()))
        } else {
            Failure::new(FAILURE, format!("{}: {error}", path.display()))
        }
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(fails)?;
    let written = write_export(BufWriter::new(file), args, fails).await;
    if written.is_err() {
        // What is there is no export; that it is there is of less weight than why.
        let _ = fs::remove_file(path);
    }
    verified(&written?, args.json);
    Ok(())
}

async fn write_export(
    mut to: BufWriter<File>,
    args: &ClientArgs,
    fails: impl Fn(io::Error) -> Failure,
) -> Result<Ending, Failure> {
    let mut chain = Chain::new(None);
    each(args, |record| {
        let line = Line::of(&record);
        chain.take(&line).map_err(|what| broken(&what))?;
        writeln!(to, "{}", line.text()).map_err(&fails)
    })
    .await?;
    let ending = chain.end().map_err(|what| broken(&what))?;
    writeln!(to, "{}", ending.text()).map_err(&fails)?;
    let file = to.into_inner().map_err(|error| fails(error.into_error()))?;
    file.sync_all().map_err(&fails)?;
    Ok(ending)
}

/// Verifies an export.
///
/// # Errors
/// What is the first thing wrong with it, naming the record or line.
fn verify(export: impl BufRead, against: Option<Checkpoint>) -> Result<Ending, String> {
    let mut chain = Chain::new(against);
    let mut stated: Option<Ending> = None;
    for (number, text) in (1_u64..).zip(export.lines()) {
        let text = text.map_err(|error| format!("line {number}: {error}"))?;
        if stated.is_some() {
            return Err(format!("line {number}: something stands behind the end"));
        }
        match Ending::parse(&text) {
            Some(ending) => stated = Some(ending),
            None => chain.take(&Line::parse(&text).map_err(|what| format!("line {number}: {what}"))?)?,
        }
    }
    let stated = stated.ok_or("the last line is not its end: it has been cut, or never became whole")?;
    let ending = chain.end()?;
    if ending == stated {
        Ok(ending)
    } else {
        Err(format!(
            "its end names {} records and {}, it holds {} and {}",
            stated.count, stated.hash, ending.count, ending.hash
        ))
    }
}

async fn list(after: u64, page: PageArgs, args: &ClientArgs) -> Result<(), Failure> {
    let request = ListAuditRequest { page_size: page.limit, page_token: page.page_token, after };
    let answer = client(args).await?.list_audit(request).await?.into_inner();
    args.hint_next(&answer.next_page_token);
    let records = answer.records.iter().map(record).collect();
    Shown::list("records", records, RECORD.to_vec(), Some(&answer.next_page_token)).print(args.json);
    Ok(())
}

const RECORD: [&str; 8] = ["NUMBER", "TIME", "ACTOR", "ACTION", "SUBJECT", "BEFORE", "AFTER", "REASON"];

fn record(record: &AuditRecord) -> Shown {
    let time = show::time(record.time.as_ref());
    let texts = [&record.actor, &record.action, &record.subject, &record.before, &record.after, &record.reason];
    let mut row = vec![record.number.to_string(), time.clone().unwrap_or_default()];
    row.extend(texts.into_iter().cloned());
    let json = json!({
        "number": record.number, "time": time, "actor": record.actor, "action": record.action,
        "subject": record.subject, "before": record.before, "after": record.after, "reason": record.reason,
        "previous_hash": record.previous_hash, "hash": record.hash,
    });
    Shown { json, header: RECORD.to_vec(), rows: vec![row] }
}

impl std::str::FromStr for Checkpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| "must be NUMBER:HASH as 'audit checkpoint' prints it".to_owned())
    }
}

#[cfg(test)]
mod tests;
