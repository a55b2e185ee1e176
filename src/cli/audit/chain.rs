//! Records as they are exported, and the chain they must make. Nothing here asks the daemon.

use serde::{Deserialize, Serialize};

use crate::{
    api::proto::v1,
    domain::{self, Act, Action, Millis, audit::GENESIS},
};

/// One line of an export. All of it is under the hash, or follows from what is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    number: u64,
    /// RFC 3339, to the second.
    time: String,
    /// Milliseconds since 1970.
    time_ms: u64,
    actor: String,
    action: String,
    subject: String,
    before: String,
    after: String,
    reason: String,
    previous_hash: String,
    hash: String,
}

impl Line {
    /// A record as the daemon answered it.
    pub(super) fn of(record: &v1::AuditRecord) -> Self {
        let at = record.time.as_ref();
        let ms = at.and_then(|at| {
            let seconds = u64::try_from(at.seconds).ok()?.checked_mul(1000)?;
            seconds.checked_add(u64::try_from(at.nanos).ok()? / 1_000_000)
        });
        let at = Millis(ms.unwrap_or_default());
        Self {
            number: record.number,
            time: at.seconds().to_string(),
            time_ms: at.0,
            actor: record.actor.clone(),
            action: record.action.clone(),
            subject: record.subject.clone(),
            before: record.before.clone(),
            after: record.after.clone(),
            reason: record.reason.clone(),
            previous_hash: record.previous_hash.clone(),
            hash: record.hash.clone(),
        }
    }

    /// Reads a line.
    ///
    /// # Errors
    /// What it is not.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("is no record: {error}"))
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts are JSON")
    }

    fn record(&self) -> Result<domain::AuditRecord, String> {
        let action =
            Action::of_word(&self.action).ok_or_else(|| format!("{:?} is no action known here", self.action))?;
        Ok(domain::AuditRecord {
            number: self.number,
            act: Act { by: self.actor.clone(), at: Millis(self.time_ms), why: self.reason.clone() },
            action,
            subject: self.subject.clone(),
            before: self.before.clone(),
            after: self.after.clone(),
            previous: hash(&self.previous_hash).ok_or("previous_hash is no hash")?,
        })
    }
}

/// The last line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ending {
    /// How many records.
    pub(super) count: u64,
    /// Hash of the last one; without one the hash before the first.
    pub(super) hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndLine {
    end: Ending,
}

impl Ending {
    /// `None`: some other line.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<EndLine>(text).ok().map(|line| line.end)
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(&EndLine { end: self.clone() }).expect("numbers and texts are JSON")
    }
}

/// What somebody kept of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    number: u64,
    hash: [u8; 32],
}

impl Checkpoint {
    /// `NUMBER:HASH`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, text) = text.split_once(':')?;
        Some(Self { number: number.parse().ok()?, hash: hash(text)? })
    }
}

/// Takes records in their order and says where they are not what was written.
#[derive(Debug)]
pub(super) struct Chain {
    last: Option<domain::AuditRecord>,
    against: Option<Checkpoint>,
}

impl Chain {
    pub(super) fn new(against: Option<Checkpoint>) -> Self {
        Self { last: None, against }
    }

    /// The next record.
    ///
    /// # Errors
    /// What is wrong with it, naming its number.
    pub(super) fn take(&mut self, line: &Line) -> Result<(), String> {
        let number = line.number;
        let wrong = |what: &str| Err(format!("record {number}: {what}"));
        let record = line.record().map_err(|what| format!("record {number}: {what}"))?;
        let found = record.hash();
        if hash(&line.hash) != Some(found) {
            return wrong("its content has another hash than it says");
        }
        if line.time != record.act.at.seconds().to_string() {
            return wrong("time is not what time_ms says");
        }
        if !record.follows(self.last.as_ref()) {
            let before =
                self.last.as_ref().map_or_else(|| "nothing".to_owned(), |last| format!("record {}", last.number));
            return wrong(&format!("it does not follow {before}, which stands before it"));
        }
        if self.against.is_some_and(|kept| kept.number == number && kept.hash != found) {
            return wrong("it is another one than the checkpoint names");
        }
        self.last = Some(record);
        Ok(())
    }

    /// Where the chain ends.
    ///
    /// # Errors
    /// It does not reach the checkpoint.
    pub(super) fn end(&self) -> Result<Ending, String> {
        let (count, hash) = self.last.as_ref().map_or((0, GENESIS), |last| (last.number, last.hash()));
        match self.against {
            Some(kept) if kept.number > count => {
                Err(format!("record {} is missing: there are only {count}", kept.number))
            }
            Some(kept) if kept.number == 0 && kept.hash != GENESIS => {
                Err("the checkpoint 0 has another hash".to_owned())
            }
            _ => Ok(Ending { count, hash: hex::encode(hash) }),
        }
    }
}

/// 64 lower-case hex digits.
fn hash(text: &str) -> Option<[u8; 32]> {
    let bytes: [u8; 32] = hex::decode(text).ok()?.try_into().ok()?;
    (hex::encode(bytes) == text).then_some(bytes)
}
