//! The published vectors (protocols.md F), met by the code that signs: pure, so a host can check its own binary.

mod refusals;
mod signatures;
mod tables;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

pub use refusals::LEFT_TO_DOORS;

/// The vectors as they are published.
pub const VECTORS: &str = include_str!("../../tests/golden/vectors.json");

/// Each group and how many vectors it holds (protocols.md F): one that is missing is a failure too.
pub const GROUPS: [(&str, usize); 14] = [
    ("crossingpay_v1_hmac_request", 23),
    ("crossingpay_v1_hmac_callback", 19),
    ("crossingpay_v1_sha1_request", 22),
    ("crossingpay_v1_sha1_callback", 19),
    ("crossingpay_v2_md5_request", 19),
    ("crossingpay_v2_md5_callback_a", 18),
    ("crossingpay_v2_md5_callback_b", 18),
    ("crossingpay_v2_md5_query", 14),
    ("udun_envelope", 31),
    ("standard_webhooks_v1", 20),
    ("usdtcnpay_callback", 12),
    ("refusals", 33 - LEFT_TO_DOORS.len()),
    ("identifiers", 7),
    ("amounts", 17),
];

/// What came of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Vectors met.
    pub passed: usize,
    /// Vectors not met: which, and what was wrong.
    pub failed: Vec<(String, String)>,
}

/// What came of all vectors, by the group's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The groups of [`GROUPS`], and any other that the data holds.
    pub groups: BTreeMap<String, Group>,
}

impl Report {
    /// Everything that was not met: group, vector, what was wrong.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.groups.iter().flat_map(|(name, group)| {
            group.failed.iter().map(move |(id, what)| (name.as_str(), id.as_str(), what.as_str()))
        })
    }

    fn record(&mut self, group: &str, id: &str, met: Result<(), String>) {
        let group = self.groups.entry(group.to_owned()).or_default();
        match met {
            Ok(()) => group.passed += 1,
            Err(what) => group.failed.push((id.to_owned(), what)),
        }
    }

    fn count(&mut self) {
        for (name, expected) in GROUPS {
            let group = self.groups.entry(name.to_owned()).or_default();
            let found = group.passed + group.failed.len();
            if found != expected {
                group.failed.push((name.to_owned(), format!("{found} vectors, {expected} expected")));
            }
        }
    }
}

/// The file of vectors.
#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
    refusals: Vec<refusals::Refused>,
    identifiers: Vec<Value>,
    amounts: Vec<Value>,
}

/// One vector of a signature.
#[derive(Deserialize)]
struct Vector {
    id: String,
    scheme: String,
    secrets: Vec<String>,
    inputs: Value,
    canonical: String,
    expected: String,
    wire: Vec<Wire>,
}

/// A whole body.
#[derive(Deserialize)]
struct Wire {
    content_type: String,
    body: String,
}

/// Runs all vectors of `data`, which is [`VECTORS`] but for tests of this very function.
///
/// # Errors
/// The data is not a file of vectors.
pub fn run(data: &str) -> Result<Report, String> {
    let file: File = serde_json::from_str(data).map_err(|error| format!("the vectors cannot be read: {error}"))?;
    let mut report = Report::default();
    for vector in &file.vectors {
        report.record(&vector.scheme, &vector.id, signatures::check(vector));
    }
    for refused in file.refusals.iter().filter(|refused| !LEFT_TO_DOORS.contains(&refused.id())) {
        report.record("refusals", refused.id(), refusals::check(refused));
    }
    for (number, vector) in file.identifiers.iter().enumerate() {
        report.record("identifiers", &format!("identifiers[{number}]"), tables::identifiers(vector));
    }
    for (number, vector) in file.amounts.iter().enumerate() {
        report.record("amounts", &format!("amounts[{number}]"), tables::amounts(vector));
    }
    report.count();
    Ok(report)
}

/// The text `name` of an object.
fn text<'a>(object: &'a Value, name: &str) -> Result<&'a str, String> {
    object.get(name).and_then(Value::as_str).ok_or_else(|| format!("no text {name:?}"))
}

/// All members of an object, numbers as they are written.
fn texts(object: &Value) -> Result<Vec<(String, String)>, String> {
    let members = object.as_object().ok_or("not an object")?;
    members.iter().map(|(name, value)| Ok((name.clone(), literal(value)?))).collect()
}

/// A text, or a number as it is written.
fn literal(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(format!("{value} is no text")),
    }
}

/// Names and values as the signing functions take them.
fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Says what differs; signatures and texts of the vectors are no secrets.
fn equal(what: &str, ours: &str, theirs: &str) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{what} is {ours:?}, not {theirs:?}")) }
}

#[cfg(test)]
mod tests;
