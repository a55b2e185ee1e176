//! Reads the merged layers section by section, field by field, and collects every error.
//!
//! A reader that finds nothing usable says so and returns `None`; the caller goes on with the next field, so that one
//! run reports everything.

mod spot;

use std::{cell::RefCell, collections::BTreeSet, ops::RangeInclusive};

use figment::value::{Dict, Num, Tag, Value};

pub(super) use self::spot::Spot;
use super::{
    error::{ConfigError, Place},
    layers::{Layers, key_path},
    nearest::nearest,
    secret::{self, Vault},
};

/// What all sections of one load share.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) layers: Layers,
    pub(super) vault: Vault,
    errors: RefCell<Vec<ConfigError>>,
    warnings: RefCell<Vec<String>>,
    /// Every key a reader asked for, with `*` for a chosen name and without list places.
    asked: RefCell<BTreeSet<String>>,
}

impl Sheet {
    pub(super) fn new(layers: Layers, vault: Vault) -> Self {
        Self { layers, vault, errors: RefCell::default(), warnings: RefCell::default(), asked: RefCell::default() }
    }

    /// The whole tree.
    pub(super) fn root(&self) -> Section<'_> {
        Section::of(self, String::new(), String::new(), self.layers.root())
    }

    /// Something an operator should know at every start.
    pub(super) fn warn(&self, warning: String) {
        self.warnings.borrow_mut().push(warning);
    }

    /// Errors, warnings and the keys that were asked for.
    pub(super) fn into_findings(self) -> (Vec<ConfigError>, Vec<String>, BTreeSet<String>) {
        (self.errors.into_inner(), self.warnings.into_inner(), self.asked.into_inner())
    }

    fn report(&self, place: Place, key: &str, problem: String, help: Option<String>) {
        self.errors.borrow_mut().push(ConfigError { place, key: key.to_owned(), problem, help });
    }
}

/// One table. Dropped without [`Section::finish`], its unknown keys would go unnoticed: every reader calls it.
#[derive(Debug)]
pub(super) struct Section<'a> {
    sheet: &'a Sheet,
    path: String,
    pattern: String,
    table: &'a Dict,
    known: Vec<&'static str>,
    /// Keys that are said nothing more about: they belong elsewhere, or nobody can tell.
    passed: Vec<&'static str>,
}

impl<'a> Section<'a> {
    fn of(sheet: &'a Sheet, path: String, pattern: String, table: &'a Dict) -> Self {
        Self { sheet, path, pattern, table, known: vec![], passed: vec![] }
    }

    fn path_to(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", _) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, _) => format!("{path}.{key}"),
        }
    }

    fn pattern_to(&self, key: &str) -> String {
        if self.pattern.is_empty() { key.to_owned() } else { format!("{}.{key}", self.pattern) }
    }

    /// The shared sheet.
    pub(super) fn sheet(&self) -> &'a Sheet {
        self.sheet
    }

    /// Reports what is wrong with the value of `key`.
    pub(super) fn wrong(&self, key: &str, problem: impl Into<String>) {
        self.sheet.wrong_at(&self.spot(key), problem);
    }

    fn place_of_missing(&self, path: &str) -> Place {
        self.sheet.layers.place_of_missing(path)
    }

    /// The value of `key`, if it is written in any layer.
    fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.sheet.asked.borrow_mut().insert(self.pattern_to(key));
        self.table.get(key)
    }

    /// Makes `key` known without reading it.
    pub(super) fn note(&mut self, key: &'static str) {
        self.value(key);
    }

    /// Lets `keys` stand unread.
    pub(super) fn pass(&mut self, keys: &[&'static str]) {
        self.passed.extend(keys);
    }

    /// Refuses `keys`, which networks of the family `owner` have and this one, of the family `here`, has not.
    pub(super) fn foreign(&mut self, keys: &[&'static str], owner: &str, here: &str) {
        self.pass(keys);
        for key in keys.iter().filter(|key| self.has(key)) {
            self.wrong(key, format!("belongs to networks of the family \"{owner}\"; this one is \"{here}\""));
        }
    }

    /// Whether `key` is written in any layer.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether `key` is the text `word`.
    pub(super) fn is_word(&self, key: &str, word: &str) -> bool {
        matches!(self.table.get(key), Some(Value::String(_, text)) if text == word)
    }

    /// Whether `key` is text that is no number.
    pub(super) fn is_other_word(&self, key: &str) -> bool {
        matches!(self.table.get(key), Some(Value::String(_, text)) if text.parse::<u64>().is_err())
    }

    /// The text of `name`, to compare it with its neighbours'.
    pub(super) fn name(&self) -> Option<String> {
        match self.table.get("name") {
            Some(Value::String(_, text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// Reports that `key` must be there.
    pub(super) fn missing(&self, key: &str) {
        let path = self.path_to(key);
        self.sheet.report(self.place_of_missing(&path), &path, "must be set".to_owned(), None);
    }

    /// Text. `Some(None)`: not written.
    pub(super) fn maybe_text(&mut self, key: &'static str) -> Option<Option<&'a str>> {
        match self.value(key) {
            None => Some(None),
            Some(Value::String(_, text)) if text.is_empty() => {
                self.wrong(key, "must not be empty");
                None
            }
            Some(Value::String(_, text)) => Some(Some(text)),
            Some(_) => {
                self.wrong(key, "must be text in quotes");
                None
            }
        }
    }

    /// Text that must be there.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        self.maybe_text(key)?.or_else(|| {
            self.missing(key);
            None
        })
    }

    /// Reports an error as the problem of `key`.
    pub(super) fn judged<T, E: std::fmt::Display>(&self, key: &str, outcome: Result<T, E>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(key, error.to_string());
                None
            }
        }
    }

    /// One of a closed set of words.
    pub(super) fn one_of<T: Copy>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let all: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.wrong(key, format!("must be {}", all.join(" or ")));
        }
        found
    }

    /// [`Section::one_of`]. `Some(None)`: not written.
    pub(super) fn maybe_one_of<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<Option<T>> {
        if self.has(key) {
            return self.one_of(key, words).map(Some);
        }
        self.note(key);
        Some(None)
    }

    /// A whole number within `range`. `Some(None)`: not written.
    pub(super) fn maybe_number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<Option<u64>> {
        let value = match self.value(key) {
            None => return Some(None),
            Some(Value::Num(_, Num::I128(number))) => u64::try_from(*number).ok(),
            Some(Value::String(tag, text)) if self.is_environment(key, *tag) => text.trim().parse().ok(),
            Some(_) => None,
        };
        match value.filter(|number| range.contains(number)) {
            Some(number) => Some(Some(number)),
            None => {
                let problem = if *range.end() == u64::MAX {
                    format!("must be a whole number of at least {}", range.start())
                } else {
                    format!("must be a whole number from {} to {}", range.start(), range.end())
                };
                self.wrong(key, problem);
                None
            }
        }
    }

    /// A whole number within `range` that must be there.
    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.maybe_number(key, range)?.or_else(|| {
            self.missing(key);
            None
        })
    }

    /// [`Section::number`] in a narrower type; a range beyond the type is our own mistake.
    pub(super) fn small<T: TryFrom<u64>>(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<T> {
        T::try_from(self.number(key, range)?).ok()
    }

    /// Yes or no. `Some(None)`: not written.
    pub(super) fn maybe_flag(&mut self, key: &'static str) -> Option<Option<bool>> {
        let value = match self.value(key) {
            None => return Some(None),
            Some(Value::Bool(_, flag)) => Some(*flag),
            Some(Value::String(tag, text)) if self.is_environment(key, *tag) => text.trim().parse().ok(),
            Some(_) => None,
        };
        if value.is_none() {
            self.wrong(key, "must be true or false");
        }
        value.map(Some)
    }

    /// Yes or no that must be there.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.maybe_flag(key)?.or_else(|| {
            self.missing(key);
            None
        })
    }

    /// A list of texts or numbers, each as text; from the environment separated by commas. Not written: empty.
    pub(super) fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        let items = match self.value(key) {
            None => return Some(vec![]),
            Some(Value::Array(_, items)) => items.iter().map(item_text).collect(),
            Some(Value::String(tag, text)) if self.is_environment(key, *tag) => {
                Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
            }
            Some(_) => None,
        };
        if items.is_none() {
            self.wrong(key, "must be a list in brackets");
        }
        items
    }

    /// A table of its own. Not written: `None` and an error.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        match self.value(key) {
            None => {
                self.missing(key);
                None
            }
            Some(value) => self.inner(value, self.path_to(key), self.pattern_to(key)),
        }
    }

    /// Tables under names the operator chooses: `[networks.NAME]`. Not written: none.
    pub(super) fn named_sections(&mut self, key: &'static str) -> Vec<(String, Section<'a>)> {
        let Some(value) = self.value(key) else { return vec![] };
        let Some(outer) = self.inner(value, self.path_to(key), self.pattern_to(key)) else { return vec![] };
        let pattern = format!("{}.*", outer.pattern);
        let open = |(name, value): (&String, &'a Value)| {
            Some((name.clone(), self.inner(value, outer.path_to(name), pattern.clone())?))
        };
        outer.table.iter().filter_map(open).collect()
    }

    /// A list of tables: `[[networks.NAME.tokens]]`. Not written: none.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Section<'a>> {
        match self.value(key) {
            None => vec![],
            Some(Value::Array(_, items)) => {
                let pattern = self.pattern_to(key);
                let open = |(at, item)| self.inner(item, format!("{}[{at}]", self.path_to(key)), pattern.clone());
                items.iter().enumerate().filter_map(open).collect()
            }
            Some(_) => {
                self.wrong(key, format!("must be a list of tables, written as [[{}]] in the file", self.path_to(key)));
                vec![]
            }
        }
    }

    /// A list of tables that must not be empty; `otherwise` says so.
    pub(super) fn some_tables(&mut self, key: &'static str, otherwise: &str) -> Option<Vec<Section<'a>>> {
        let sections = self.tables(key);
        if sections.is_empty() {
            if self.has(key) {
                self.wrong(key, otherwise);
            } else {
                self.missing(key);
            }
            return None;
        }
        Some(sections)
    }

    fn inner(&self, value: &'a Value, path: String, pattern: String) -> Option<Section<'a>> {
        match value {
            Value::Dict(_, table) => Some(Section::of(self.sheet, path, pattern, table)),
            Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Array(..) => {
                let place = self.sheet.layers.place_of(&path, value.tag());
                self.sheet.report(place, &path, "must be a table".to_owned(), None);
                None
            }
        }
    }

    fn is_environment(&self, key: &str, tag: Tag) -> bool {
        matches!(self.sheet.layers.place_of(&self.path_to(key), tag), Place::Variable(_))
    }

    /// Reports every key nobody asked for, a secret among them by name.
    pub(super) fn finish(self) {
        for (key, value) in self.table {
            if self.known.contains(&key.as_str()) || self.passed.contains(&key.as_str()) {
                continue;
            }
            let path = self.path_to(key);
            let place = self.sheet.layers.place_of(&key_path(&path), value.tag());
            if secret::names_a_secret(key) {
                let own = format!("{}_file", key.to_ascii_lowercase());
                let help = self.known.iter().find(|known| **known == own);
                let help = help.or_else(|| self.known.iter().find(|known| known.ends_with("_file")));
                let help =
                    help.map(|known| format!("write it into a file of mode 0600 and name that file in `{known}`"));
                self.sheet.report(place, &path, "a secret is never written into the configuration".to_owned(), help);
                continue;
            }
            let help = match nearest(key, self.known.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            self.sheet.report(place, &path, "unknown key".to_owned(), Some(help));
        }
    }
}

/// A list's item as text: text itself, or a whole number.
fn item_text(item: &Value) -> Option<String> {
    match item {
        Value::String(_, text) => Some(text.clone()),
        Value::Num(_, Num::I128(number)) => Some(number.to_string()),
        Value::Num(..) | Value::Char(..) | Value::Bool(..) | Value::Empty(..) | Value::Dict(..) | Value::Array(..) => {
            None
        }
    }
}
