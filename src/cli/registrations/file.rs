//! The file of an export: JSON, one line each. First what it is, then the records, last how many there were and the
//! SHA-256 of every byte before that line.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::exit::{FAILURE, Failure, USAGE};
use crate::api::proto::v1::{Registration, registration::Record};

/// What the first line says.
const FORMAT: &str = "depositd registrations";
/// The newest version of the format; older ones are read too.
const VERSION: u32 = 2;
/// Longest line, in bytes: the records' own limits are far below it.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Most records in one call.
const BATCH_LEN_MAX: usize = 1000;
/// Lines of one call take at most about so many bytes: the daemon takes messages of 1 MiB.
const BATCH_BYTES_MAX: usize = 256 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    /// Milliseconds since 1970.
    created_ms: u64,
    /// Version of the program that wrote it.
    depositd: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    end: End,
}

/// The end of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    /// Records.
    pub(super) count: u64,
    /// Of everything before, in hex.
    pub(super) sha256: String,
}

/// A file being written: under another name until it is whole.
pub(super) struct Writing {
    path: PathBuf,
    partial: PathBuf,
    out: BufWriter<File>,
    hash: Sha256,
    count: u64,
}

impl Writing {
    /// Begins it, readable for its owner only.
    pub(super) fn begin(path: &Path, now_ms: u64) -> Result<Self, Failure> {
        let mut name = path.as_os_str().to_owned();
        name.push(".partial");
        let partial = PathBuf::from(name);
        // What an earlier export left is not written over: it might be readable for others, or lead elsewhere.
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &partial, &error)),
            Ok(()) | Err(_) => {}
        }
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&partial);
        let out = BufWriter::new(file.map_err(|error| failed("create", &partial, &error))?);
        let mut writing = Self { path: path.to_owned(), partial, out, hash: Sha256::new(), count: 0 };
        let (format, depositd) = (FORMAT.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        writing.line(&Header { format, version: VERSION, created_ms: now_ms, depositd })?;
        Ok(writing)
    }

    /// Adds a record.
    pub(super) fn record(&mut self, record: &Record) -> Result<(), Failure> {
        self.line(record)?;
        self.count += 1;
        Ok(())
    }

    /// Records so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Ends it and gives it its name, once it is on disk.
    pub(super) fn finish(mut self) -> Result<End, Failure> {
        let end = End { count: self.count, sha256: hex::encode(self.hash.clone().finalize()) };
        self.line(&Last { end: end.clone() })?;
        let kept = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        kept.and_then(|()| fs::rename(&self.partial, &self.path))
            .and_then(|()| match self.path.parent() {
                Some(dir) if !dir.as_os_str().is_empty() => File::open(dir)?.sync_all(),
                Some(_) | None => File::open(".")?.sync_all(),
            })
            .map_err(|error| failed("write", &self.path, &error))?;
        Ok(end)
    }

    fn line(&mut self, content: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(content).map_err(|error| Failure::new(FAILURE, error.to_string()))?;
        let line = format!("{text}\n");
        self.hash.update(&line);
        self.out.write_all(line.as_bytes()).map_err(|error| failed("write", &self.partial, &error))
    }
}

/// What a file holds that is whole.
#[derive(Debug)]
pub(super) struct Whole {
    /// Its end.
    pub(super) end: End,
    /// Apps it tells of.
    pub(super) apps: Vec<Registration>,
    /// Names of all apps its records belong to.
    pub(super) app_ids: BTreeSet<String>,
}

/// Reads a file from beginning to end: every line must be one that is known, and the last one must fit the others.
pub(super) fn check(path: &Path) -> Result<Whole, Failure> {
    let mut lines = Lines::open(path)?;
    let (mut apps, mut app_ids) = (Vec::new(), BTreeSet::new());
    while let Some((_, _, record)) = lines.next_record()? {
        let app = app_of(&record);
        if !app_ids.contains(app) {
            app_ids.insert(app.to_owned());
        }
        if matches!(record, Record::App(_)) {
            apps.push(Registration { record: Some(record) });
        }
    }
    Ok(Whole { end: lines.end()?, apps, app_ids })
}

/// The records of a file that has been checked, in batches, each with its line.
pub(super) struct Batches {
    lines: Lines,
    end: End,
    next: Option<(u64, usize, Record)>,
    is_over: bool,
}

/// Records of one call, and the line of each.
pub(super) type Batch = (Vec<u64>, Vec<Registration>);

impl Batches {
    /// From the beginning; `end` is what the check has found, and must be found again.
    pub(super) fn of(path: &Path, end: &End) -> Result<Self, Failure> {
        Ok(Self { lines: Lines::open(path)?, end: end.clone(), next: None, is_over: false })
    }

    fn batch(&mut self) -> Result<Batch, Failure> {
        let (mut numbers, mut records, mut bytes) = (Vec::new(), Vec::new(), 0);
        while records.len() < BATCH_LEN_MAX && bytes < BATCH_BYTES_MAX {
            let Some((number, len, record)) =
                self.next.take().map_or_else(|| self.lines.next_record(), |r| Ok(Some(r)))?
            else {
                self.is_over = true;
                if self.lines.end()? != self.end {
                    return Err(Failure::new(FAILURE, "the file was changed while it was read"));
                }
                break;
            };
            numbers.push(number);
            records.push(Registration { record: Some(record) });
            bytes += len;
        }
        Ok((numbers, records))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let batch = self.batch();
        self.is_over |= batch.is_err();
        Some(batch).filter(|batch| !matches!(batch, Ok((_, records)) if records.is_empty()))
    }
}

struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    hash: Sha256,
    number: u64,
    count: u64,
    end: Option<End>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| failed("open", path, &error))?;
        let file = BufReader::with_capacity(1 << 16, file);
        let mut lines = Self { path: path.to_owned(), file, hash: Sha256::new(), number: 0, count: 0, end: None };
        let first = lines.line()?;
        let header = serde_json::from_slice::<Header>(&first).ok().filter(|header| header.format == FORMAT);
        let header = header.ok_or_else(|| lines.wrong("is not the first line of an export"))?;
        if !(1..=VERSION).contains(&header.version) {
            let (version, by) = (header.version, header.depositd);
            return Err(lines.wrong(&format!("has version {version}: import it with depositd {by} or newer")));
        }
        lines.hash.update(&first);
        Ok(lines)
    }

    /// The next record, its line and the bytes of it; `None` behind the last.
    fn next_record(&mut self) -> Result<Option<(u64, usize, Record)>, Failure> {
        let line = self.line()?;
        if let Ok(record) = serde_json::from_slice::<Record>(&line) {
            self.hash.update(&line);
            self.count += 1;
            return Ok(Some((self.number, line.len(), record)));
        }
        let Ok(Last { end }) = serde_json::from_slice::<Last>(&line) else {
            return Err(self.wrong("holds nothing this program knows"));
        };
        let sha256 = hex::encode(self.hash.clone().finalize());
        if (end.count, &end.sha256) != (self.count, &sha256) {
            return Err(self.wrong("does not fit the lines before it: the file was changed"));
        }
        let mut rest = [0];
        match self.file.read(&mut rest).map_err(|error| failed("read", &self.path, &error))? {
            0 => self.end = Some(end),
            _ => return Err(self.wrong("is the last one, and more follow")),
        }
        Ok(None)
    }

    fn end(&self) -> Result<End, Failure> {
        self.end.clone().ok_or_else(|| self.wrong("is not the last one"))
    }

    /// The next line, with its end.
    fn line(&mut self) -> Result<Vec<u8>, Failure> {
        let mut line = Vec::with_capacity(512);
        let read = (&mut self.file).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.map_err(|error| failed("read", &self.path, &error))?;
        self.number += 1;
        if line.last() == Some(&b'\n') {
            Ok(line)
        } else {
            Err(self.wrong("is missing or cut off: the file is not whole"))
        }
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::new(FAILURE, format!("{}: line {} {what}; nothing was imported", self.path.display(), self.number))
    }
}

fn app_of(record: &Record) -> &str {
    match record {
        Record::App(app) => &app.app_id,
        Record::Address(address) => &address.app_id,
        Record::Order(order) => &order.app_id,
    }
}

fn failed(action: &str, path: &Path, error: &io::Error) -> Failure {
    // A file that cannot be had was named wrongly; a disk that fails half-way was not.
    let code = if matches!(action, "read" | "write") { FAILURE } else { USAGE };
    Failure::new(code, format!("cannot {action} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
