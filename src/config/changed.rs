//! What differs between two configurations, and which of it takes effect without a restart.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use figment::value::{Dict, Num, Value};
use sha2::{Digest, Sha256};

use super::{Config, NetworkConfig};

/// Keys of a network that a reload takes over, with everything below them.
const OF_NETWORK: [&str; 5] = ["confirmations", "confirmations_floor", "second_source", "tiers", "policies"];
/// Keys of a token that a reload takes over, with everything below them.
const OF_TOKEN: [&str; 4] = ["confirmations", "second_source", "tiers", "minimum"];

/// What every key comes to once the layers are merged: a digest of each value by the key's path. Values themselves are
/// not kept, since a URL among them may hold a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyDigests(BTreeMap<String, [u8; 32]>);

impl fmt::Debug for KeyDigests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigests({} keys)", self.0.len())
    }
}

impl KeyDigests {
    /// Of the merged layers.
    pub(super) fn of(root: &Dict) -> Self {
        let mut digests = BTreeMap::new();
        for (key, value) in root {
            note(key, value, &mut digests);
        }
        Self(digests)
    }
}

fn note(path: &str, value: &Value, digests: &mut BTreeMap<String, [u8; 32]>) {
    let text = match value {
        Value::Dict(_, table) => {
            return table.iter().for_each(|(key, value)| note(&format!("{path}.{key}"), value, digests));
        }
        Value::Array(_, items) => {
            return items.iter().enumerate().for_each(|(at, item)| note(&format!("{path}[{at}]"), item, digests));
        }
        Value::String(_, text) => text.clone(),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, Num::I128(number)) => number.to_string(),
        // No reader takes anything else.
        Value::Num(..) | Value::Char(..) | Value::Empty(..) => String::new(),
    };
    digests.insert(path.to_owned(), Sha256::digest(text.as_bytes()).into());
}

/// The keys in which two configurations differ, each in the order of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedKeys {
    /// Those a reload takes over.
    pub reloadable: Vec<String>,
    /// Those that need a restart.
    pub restart_only: Vec<String>,
}

/// What differs between `old` and `new`, by key path: `networks.main.tiers[0].from`. A network or a list's table that
/// only one of them has is named as a whole. Values are never shown.
pub fn changed_keys(old: &Config, new: &Config) -> ChangedKeys {
    let (before, after) = (&old.keys.0, &new.keys.0);
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut named = BTreeSet::new();
    for path in paths.into_iter().filter(|path| before.get(*path) != after.get(*path)) {
        named.insert(whole(path, before, after));
    }
    let mut changed = ChangedKeys::default();
    for path in named {
        if is_reloadable(path) { &mut changed.reloadable } else { &mut changed.restart_only }.push(path.to_owned());
    }
    if old.secrets != new.secrets && !changed.restart_only.iter().any(|path| path.starts_with("secrets.")) {
        changed.restart_only.push("secrets (the content of a master key's file)".to_owned());
    }
    for network in &new.networks {
        let same = old.networks.iter().find(|other| other.spec.id == network.spec.id);
        if let Some(other) = same.filter(|other| has_other_secret(other, network, &changed)) {
            changed.restart_only.push(format!("networks.{}.endpoints (the content of a key file)", other.spec.id));
        }
    }
    changed
}

/// Whether only what a key's file holds can be what is different about the endpoints.
fn has_other_secret(old: &NetworkConfig, new: &NetworkConfig, changed: &ChangedKeys) -> bool {
    let own = format!("networks.{}", new.spec.id);
    let is_told =
        |path: &String| *path == own || path.starts_with(&format!("{own}.")) || !path.starts_with("networks.");
    old.adapter != new.adapter && !changed.restart_only.iter().any(is_told)
}

/// The outermost table around `path` that only one side has; else the key itself.
fn whole<'a>(path: &'a str, before: &BTreeMap<String, [u8; 32]>, after: &BTreeMap<String, [u8; 32]>) -> &'a str {
    let has = |side: &BTreeMap<String, [u8; 32]>, table: &str| {
        let below = |sign: char| {
            let begin = format!("{table}{sign}");
            side.range(begin.clone()..).next().is_some_and(|(key, _)| key.starts_with(&begin))
        };
        below('.') || below('[')
    };
    let ends = path.char_indices().filter(|(_, sign)| *sign == '.').map(|(at, _)| &path[..at]);
    // Sections are always there; what is under them may not be.
    let mut tables = ends.filter(|table| table.contains('.'));
    tables.find(|table| has(before, table) != has(after, table)).unwrap_or(path)
}

fn is_reloadable(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("networks.") else { return false };
    let Some((_, key)) = rest.split_once('.') else { return false };
    let is_one_of = |key: &str, names: &[&str]| {
        let name = key.split(['.', '[']).next().unwrap_or_default();
        names.contains(&name)
    };
    if let Some(token) = key.strip_prefix("tokens[") {
        return token.split_once("].").is_some_and(|(_, key)| is_one_of(key, &OF_TOKEN));
    }
    is_one_of(key, &OF_NETWORK)
}
