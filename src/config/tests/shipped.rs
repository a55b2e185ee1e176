//! The defaults document every key; the shipped files are good.

use std::collections::BTreeSet;

use super::*;
use crate::domain::Family;

/// `default.toml` with its commented-out settings switched on.
fn whole_default() -> String {
    let switch_on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|first: char| first.is_ascii_lowercase() || first == '[') => rest.to_owned(),
        _ => line.to_owned(),
    };
    DEFAULT_TOML.lines().map(switch_on).collect::<Vec<_>>().join("\n")
}

fn written_keys(at: &str, table: &toml::Table, keys: &mut BTreeSet<String>) {
    for (key, value) in table {
        let path = match at {
            "" => key.clone(),
            "networks" => "networks.*".to_owned(),
            _ => format!("{at}.{key}"),
        };
        match value {
            toml::Value::Table(inner) => written_keys(&path, inner, keys),
            toml::Value::Array(items) => {
                items.iter().filter_map(toml::Value::as_table).for_each(|inner| written_keys(&path, inner, keys))
            }
            toml::Value::String(_)
            | toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_) => (),
        }
        keys.insert(path);
    }
}

#[test]
fn default_toml_documents_every_key_and_no_other() {
    let text = whole_default();
    let vault = Vault { credentials: None, names_only: true };
    let (config, mut asked) = interpret(Some((Path::new("whole.toml"), &text)), vec![], vault);
    let config = config.unwrap_or_else(|errors| panic!("{}", errors.text()));
    assert_eq!(config.networks.len(), 1);
    assert_eq!(config.api.tokens.len(), 1);
    let mut written = BTreeSet::new();
    written_keys("", &text.parse().unwrap(), &mut written);
    asked.insert("networks.*".to_owned());
    assert_eq!(written, asked);
}

#[test]
fn the_shipped_files_are_good() {
    let shipped = |name: &str, text: &str| {
        let outcome = interpret(Some((Path::new(name), text)), vec![], Vault::default()).0;
        outcome.unwrap_or_else(|errors| panic!("{}", errors.text()))
    };
    let mainnet = shipped("ethereum-mainnet.toml", include_str!("../../../config/ethereum-mainnet.toml"));
    let network = &mainnet.networks[0];
    assert_eq!((network.chain_id, network.spec.family, network.spec.tokens.len()), (1, Family::Evm, 2));
    assert!(!network.agree && !network.second_source, "one endpoint has no second");
    assert_eq!(mainnet.warnings, Vec::<String>::new());
    let local = shipped("local-node.toml", include_str!("../../../config/local-node.toml"));
    assert_eq!(local.networks[0].genesis, None);
    assert_eq!(local.warnings.len(), 2, "{:?}", local.warnings);
}
