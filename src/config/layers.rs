//! The layers of the configuration: compiled-in defaults, the file, the environment.
//!
//! figment merges; this file keeps beside it where each key stands, because figment's errors carry no line. The TOML is
//! parsed once, with spans, and handed to figment as values. Environment values stay text until a reader knows which
//! type it wants, so an all-digit value of a text key remains text.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use figment::{
    Error, Figment, Metadata, Profile, Provider,
    value::{Dict, Empty, Map, Num, Tag, Value},
};
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Place};

/// What every variable of the configuration begins with.
pub(super) const VARIABLE_PREFIX: &str = "DEPOSITD_";
/// Variables of the command line, which are no configuration keys.
const VARIABLES_OF_THE_COMMAND_LINE: [&str; 3] = ["DEPOSITD_CONFIG", "DEPOSITD_SERVER", "DEPOSITD_TOKEN_FILE"];
/// What a key's own path ends with, beside that of its value.
const KEY_SUFFIX: &str = "#key";
/// Name of the environment layer inside figment.
const ENVIRONMENT: &str = "environment";

/// One parsed TOML text and where its keys stand.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    text: String,
    values: Dict,
    spans: BTreeMap<String, Range<usize>>,
}

impl Document {
    /// Parses `text`; all syntax errors at once.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Vec<ConfigError>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut document =
            Self { path: path.to_owned(), text: text.to_owned(), values: Dict::new(), spans: BTreeMap::new() };
        if !errors.is_empty() {
            let wrong = |error: &toml::de::Error| ConfigError {
                place: document.place(error.span().unwrap_or(0..0)),
                key: String::new(),
                problem: format!("not TOML: {}", error.message()),
                help: None,
            };
            return Err(errors.iter().map(wrong).collect());
        }
        document.values = table_values("", table.get_ref(), &mut document.spans);
        Ok(document)
    }

    /// Where `key` or, if it is not written here, the nearest table around it stands.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let mut path = key;
        loop {
            if let Some(span) = self.spans.get(path) {
                return self.place(span.clone());
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return Place::File(self.path.clone()),
            }
        }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let start = boundary(&self.text, span.start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let end = boundary(&self.text, span.end.min(line_end)).max(start);
        let line_text = &self.text[line_start..line_end];
        Place::Line {
            file: self.path.clone(),
            line: self.text[..line_start].matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            width: self.text[start..end].chars().count().max(1),
            text: may_be_quoted(line_text).then(|| line_text.trim_end().to_owned()),
        }
    }
}

/// The start of the character that holds the byte `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

/// Whether a line can be shown: it holds no URL and no key that looks like a secret.
fn may_be_quoted(line: &str) -> bool {
    let key = line.split('=').next().unwrap_or_default();
    !line.contains("://") && !super::secret::names_a_secret(key.trim().rsplit('.').next().unwrap_or_default())
}

fn table_values(at: &str, table: &DeTable<'_>, spans: &mut BTreeMap<String, Range<usize>>) -> Dict {
    let mut values = Dict::new();
    for (key, value) in table {
        let path = if at.is_empty() { key.get_ref().to_string() } else { format!("{at}.{}", key.get_ref()) };
        spans.insert(key_path(&path), key.span());
        let converted = convert(&path, value.get_ref(), value.span(), spans);
        values.insert(key.get_ref().to_string(), converted);
    }
    values
}

/// Under this path the span of the key itself is kept, beside that of its value.
pub(super) fn key_path(path: &str) -> String {
    format!("{path}{KEY_SUFFIX}")
}

fn convert(path: &str, value: &DeValue<'_>, span: Range<usize>, spans: &mut BTreeMap<String, Range<usize>>) -> Value {
    spans.insert(path.to_owned(), span);
    let tag = Tag::Default;
    match value {
        DeValue::String(text) => Value::String(tag, text.to_string()),
        DeValue::Integer(integer) => match i128::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Value::Num(tag, Num::I128(number)),
            Err(_) => Value::Empty(tag, Empty::Unit),
        },
        DeValue::Boolean(flag) => Value::Bool(tag, *flag),
        DeValue::Float(_) | DeValue::Datetime(_) => Value::Empty(tag, Empty::Unit),
        DeValue::Array(items) => {
            let item = |(at, item): (usize, &toml::Spanned<DeValue<'_>>)| {
                convert(&format!("{path}[{at}]"), item.get_ref(), item.span(), spans)
            };
            Value::Array(tag, items.iter().enumerate().map(item).collect())
        }
        DeValue::Table(table) => Value::Dict(tag, table_values(path, table, spans)),
    }
}

impl Provider for &Document {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.path.display().to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The variables that set keys: value text and variable name by key path.
#[derive(Debug, Default)]
pub(super) struct Environment {
    values: Dict,
    names: BTreeMap<String, String>,
}

impl Environment {
    /// Takes what begins with [`VARIABLE_PREFIX`]; `__` stands between levels. Names are lower-cased, and in a network's
    /// slug `_` stands for `-`, which a variable's name cannot hold.
    pub(super) fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else { continue };
            if VARIABLES_OF_THE_COMMAND_LINE.contains(&name.as_str()) {
                continue;
            }
            let mut levels: Vec<String> = rest.to_ascii_lowercase().split("__").map(str::to_owned).collect();
            if let [first, slug, ..] = &mut levels[..]
                && first == "networks"
            {
                *slug = slug.replace('_', "-");
            }
            environment.names.insert(levels.join("."), name.clone());
            insert(&mut environment.values, &levels, value);
        }
        environment
    }

    /// The variable that set `key` or something below or above it.
    pub(super) fn variable_of(&self, key: &str) -> Option<Place> {
        let below = format!("{key}.");
        let near = |(path, name): (&String, &String)| {
            (path == key
                || path.starts_with(&below)
                || key.starts_with(&format!("{path}."))
                || key.starts_with(&format!("{path}[")))
            .then(|| Place::Variable(name.clone()))
        };
        self.names.iter().find_map(near)
    }
}

fn insert(values: &mut Dict, levels: &[String], text: String) {
    match levels {
        [] => (),
        [last] => {
            values.insert(last.clone(), Value::String(Tag::Default, text));
        }
        [first, rest @ ..] => {
            let inner = values.entry(first.clone()).or_insert_with(|| Value::Dict(Tag::Default, Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, text);
            }
        }
    }
}

impl Provider for &Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named(ENVIRONMENT)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The merged layers.
#[derive(Debug)]
pub(super) struct Layers {
    defaults: Document,
    file: Option<Document>,
    environment: Environment,
    figment: Figment,
    merged: Dict,
}

impl Layers {
    /// Weakest first.
    pub(super) fn merge(defaults: Document, file: Option<Document>, environment: Environment) -> Self {
        let mut figment = Figment::from(&defaults);
        if let Some(file) = &file {
            figment = figment.merge(file);
        }
        figment = figment.merge(&environment);
        let data = figment.data().expect("our own providers do not fail");
        let merged = data.into_iter().find(|(profile, _)| *profile == Profile::Default).map(|(_, dict)| dict);
        Self { defaults, file, environment, figment, merged: merged.unwrap_or_default() }
    }

    /// The merged keys.
    pub(super) fn root(&self) -> &Dict {
        &self.merged
    }

    /// Where the value at `key` comes from.
    pub(super) fn place_of(&self, key: &str, tag: Tag) -> Place {
        let layer = self.figment.get_metadata(tag).map_or("", |metadata| metadata.name.as_ref());
        if layer == ENVIRONMENT {
            let key = key.strip_suffix(KEY_SUFFIX).unwrap_or(key);
            return self.environment.variable_of(key).unwrap_or_else(|| self.place_of_missing(key));
        }
        match &self.file {
            Some(file) if layer == file.path.display().to_string() => file.place_of(key),
            _ => self.defaults.place_of(key),
        }
    }

    /// Where a key that is nowhere should have been written.
    pub(super) fn place_of_missing(&self, key: &str) -> Place {
        match (&self.file, self.environment.variable_of(key)) {
            (_, Some(variable)) => variable,
            (Some(file), None) => file.place_of(key),
            (None, None) => Place::Variable(VARIABLE_PREFIX.to_owned() + &key.replace('.', "__").to_uppercase()),
        }
    }
}
