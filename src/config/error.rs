//! Everything wrong with a configuration, each error with its place.
//!
//! A line that may hold a secret (a URL, a key written where none belongs) is never quoted.

use std::{fmt, path::PathBuf};

use serde::Serialize;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a file; lines and columns count from 1, columns in characters.
    Line {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// Characters to underline, at least 1.
        width: usize,
        /// The line itself, unless it may hold a secret.
        text: Option<String>,
    },
    /// A file as a whole.
    File(PathBuf),
    /// An environment variable, by its name.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line, column, .. } => write!(f, "{}:{line}:{column}", file.display()),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Variable(name) => write!(f, "{name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// Path of the key (`networks.ethereum-mainnet.chain_id`); empty if the file cannot be read at all.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to write instead, where that is known.
    pub help: Option<String>,
}

/// Everything that is wrong: at least one error, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has {} error(s), the first: {}", .0.len(), .0.first().map(|e| e.summary()).unwrap_or_default())]
pub struct ConfigErrors(pub Vec<ConfigError>);

#[derive(Serialize)]
struct JsonError<'a> {
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    variable: Option<&'a str>,
    key: &'a str,
    problem: &'a str,
    help: Option<&'a str>,
}

impl ConfigError {
    /// One line: place, key and problem.
    pub fn summary(&self) -> String {
        if self.key.is_empty() {
            return format!("{}: {}", self.place, self.problem);
        }
        format!("{}: {}: {}", self.place, self.key, self.problem)
    }

    fn render(&self, out: &mut String) {
        let title = if self.key.is_empty() { String::new() } else { format!("{}: ", self.key) };
        out.push_str(&format!("error: {title}{}\n  --> {}\n", self.problem, self.place));
        if let Place::Line { line, column, width, text: Some(text), .. } = &self.place {
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            let (before, carets) = (" ".repeat(column.saturating_sub(1)), "^".repeat(*width));
            out.push_str(&format!("{margin} |\n{number} | {text}\n{margin} | {before}{carets}\n"));
        }
        if let Some(help) = &self.help {
            out.push_str(&format!("  = help: {help}\n"));
        }
    }

    fn json(&self) -> JsonError<'_> {
        let (mut file, mut at, mut variable) = (None, None, None);
        match &self.place {
            Place::Line { file: path, line, column, .. } => {
                file = Some(path.display().to_string());
                at = Some((*line, *column));
            }
            Place::File(path) => file = Some(path.display().to_string()),
            Place::Variable(name) => variable = Some(name.as_str()),
        }
        JsonError {
            file,
            line: at.map(|(line, _)| line),
            column: at.map(|(_, column)| column),
            variable,
            key: &self.key,
            problem: &self.problem,
            help: self.help.as_deref(),
        }
    }

    fn order(&self) -> (PathBuf, usize, usize, String) {
        match &self.place {
            Place::Line { file, line, column, .. } => (file.clone(), *line, *column, self.key.clone()),
            Place::File(file) => (file.clone(), 0, 0, self.key.clone()),
            Place::Variable(name) => (PathBuf::from("~environment"), 0, 0, name.clone()),
        }
    }
}

impl ConfigErrors {
    /// Sorted by place, without repetitions.
    pub(super) fn sorted(mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by_cached_key(ConfigError::order);
        errors.dedup();
        Self(errors)
    }

    /// Text for a terminal or the journal: every error with its line and a caret under the place.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for error in &self.0 {
            error.render(&mut out);
            out.push('\n');
        }
        let plural = if self.0.len() == 1 { "" } else { "s" };
        out.push_str(&format!("{} error{plural}; nothing was started\n", self.0.len()));
        out
    }

    /// The errors as a JSON array of objects: `file`, `line`, `column`, `variable`, `key`, `problem`, `help`.
    pub fn json(&self) -> serde_json::Value {
        let errors: Vec<JsonError<'_>> = self.0.iter().map(ConfigError::json).collect();
        serde_json::to_value(errors).expect("an error of plain strings and numbers is JSON")
    }
}
