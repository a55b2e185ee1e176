//! The defaults document every key; the shipped files are good.

use std::collections::BTreeSet;

use super::*;
use crate::{
    devnet::{Ledger, LedgerSpec},
    domain::{Address, Family, StallLimits, Threshold},
};

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
    let ca = super::egress::written_ca();
    let text = whole_default().replace("/etc/depositd/receivers-ca.pem", ca.path().to_str().unwrap());
    let vault = Vault { credentials: None, names_only: true };
    let (config, mut asked) = interpret(Some((Path::new("whole.toml"), &text)), vec![], vault);
    let config = config.unwrap_or_else(|errors| panic!("{}", errors.text()));
    let families: Vec<Family> = config.networks.iter().map(|network| network.spec.family).collect();
    assert_eq!(families, [Family::Evm, Family::Tron]);
    assert_eq!(config.api.tokens.len(), 1);
    let mut written = BTreeSet::new();
    written_keys("", &text.parse().unwrap(), &mut written);
    asked.insert("networks.*".to_owned());
    assert_eq!(written, asked);
}

fn shipped(name: &str, text: &str) -> Config {
    // What the reader is told to make first.
    let key = vault().credentials.expect("a directory").join("master.key").display().to_string();
    let text = text.replace("/var/tmp/depositd-local/master.key", &key);
    let text = text.replace("/var/tmp/depositd-devnet/master.key", &key);
    let vault = Vault { credentials: None, names_only: true };
    let outcome = interpret(Some((Path::new(name), &text)), vec![], vault).0;
    outcome.unwrap_or_else(|errors| panic!("{}", errors.text()))
}

/// What a network's first token needs, from the lowest tier up.
fn tiers(network: &NetworkConfig) -> Vec<(String, String)> {
    let ladder = network.spec.policy.ladders().values().next().expect("a token has a ladder");
    ladder.iter().map(|rung| (rung.from_text.to_string(), rung.need.to_string())).collect()
}

/// A text with the endpoints that are commented out switched on: what a reader does next must be good as well.
fn with_more(text: &str) -> String {
    let (mut inside, mut lines) = (false, vec![]);
    for line in text.lines() {
        inside = line.starts_with("# [[") || (inside && line.starts_with("# "));
        lines.push(line.strip_prefix("# ").filter(|_| inside).unwrap_or(line));
    }
    lines.join("\n")
}

#[test]
fn the_shipped_files_are_good() {
    let mainnet = shipped("ethereum-mainnet.toml", include_str!("../../../config/ethereum-mainnet.toml"));
    let network = &mainnet.networks[0];
    assert_eq!((network.chain_id, network.spec.family, network.spec.tokens.len()), (1, Family::Evm, 2));
    assert!(!network.agree && !network.second_source, "one endpoint has no second");
    assert_eq!(
        tiers(network),
        [("0".to_owned(), "12 confirmations".to_owned()), ("10000".to_owned(), "32 confirmations".to_owned())]
    );
    assert_eq!(mainnet.warnings, Vec::<String>::new());
    let local = shipped("local-node.toml", include_str!("../../../config/local-node.toml"));
    assert_eq!(local.networks[0].genesis, None);
    assert_eq!(local.warnings.len(), 2, "{:?}", local.warnings);
}

#[test]
fn the_shipped_tron_files_are_good() {
    for (name, text, chain_id, mode, token, two) in [
        (
            "tron-mainnet.toml",
            include_str!("../../../config/tron-mainnet.toml"),
            728_126_428,
            ReadMode::Solid,
            "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
            true,
        ),
        (
            "tron-nile.toml",
            include_str!("../../../config/tron-nile.toml"),
            3_448_148_188,
            ReadMode::Solid,
            "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf",
            false,
        ),
        (
            "tron-own-node.toml",
            include_str!("../../../config/tron-own-node.toml"),
            728_126_428,
            ReadMode::HeadAndSolid,
            "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
            true,
        ),
    ] {
        let config = shipped(name, text);
        let unread = config
            .warnings
            .iter()
            .all(|warning| warning.starts_with("api_key_file = ") && warning.contains("not looked at"));
        assert!(unread && config.warnings.len() <= 1, "{name}: {:?}", config.warnings);
        let network = &config.networks[0];
        assert_eq!((network.spec.family, network.chain_id), (Family::Tron, chain_id), "{name}");
        assert_eq!(network.spec.policy.base().threshold, Threshold::Finalized, "{name}");
        let Adapter::Tron(adapter) = &network.adapter else { panic!("{name}") };
        assert_eq!((adapter.mode, adapter.block_id), (mode, BlockIdCheck::Advisory), "{name}");
        let tokens: Vec<String> = network.spec.tokens.keys().map(|contract| contract.text(Family::Tron)).collect();
        assert_eq!(tokens, [token], "{name}");
        let more = shipped(name, &with_more(text));
        assert_eq!(more.networks[0].endpoints().len(), if two { 2 } else { 1 }, "{name}");
        let large = ("10000".to_owned(), "finalized and a second source".to_owned());
        assert_eq!(tiers(&more.networks[0]).contains(&large), two, "{name}");
    }
    let own = shipped("tron-own-node.toml", include_str!("../../../config/tron-own-node.toml"));
    let Adapter::Tron(adapter) = &own.networks[0].adapter else { panic!("a TRON network") };
    assert_eq!(adapter.endpoints[0].solid_url.to_string(), "http://127.0.0.1:8091");
}

#[test]
fn the_devnet_file_has_a_network_of_each_family_and_the_same_token_on_both() {
    let config = shipped("local-devnet.toml", include_str!("../../../config/local-devnet.toml"));
    assert_eq!(config.warnings.len(), 3, "two networks of any genesis, receivers on this host: {:?}", config.warnings);
    let place = |network: &NetworkConfig| (network.spec.family, network.endpoints()[0].url.to_string());
    let places: Vec<_> = config.networks.iter().map(place).collect();
    let expected = [(Family::Evm, "http://127.0.0.1:18545"), (Family::Tron, "http://127.0.0.1:18090")];
    assert_eq!(places, expected.map(|(family, url)| (family, url.to_owned())));
    for network in &config.networks {
        assert_eq!(network.genesis, None);
        assert_eq!(network.stall, StallLimits::default(), "simulated blocks have times of their own");
        let tokens: Vec<Address> = network.spec.tokens.keys().copied().collect();
        assert_eq!(tokens, [Address([0x11; 20])]);
    }
    let chain_ids: Vec<u64> = config.networks.iter().map(|network| network.chain_id).collect();
    let simulated = [LedgerSpec::default(), LedgerSpec::tron()].map(|spec| Ledger::new(spec).chain_id());
    assert_eq!(chain_ids, simulated, "right: what the simulated networks are as they come");
}
