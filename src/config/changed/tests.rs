use std::path::Path;

use super::*;
use crate::config::{
    interpret,
    secret::Vault,
    tests::{MASTER_KEY, vault},
};

const OLD: &str = r#"[networks.main]
family = "evm"
chain_id = 1
genesis = "any"
confirmations = 12
[[networks.main.tiers]]
from = "10000"
confirmations = 20
[[networks.main.tokens]]
symbol = "USDT"
contract = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
decimals = 6
minimum = "0.5"
[[networks.main.endpoints]]
name = "own"
url = "https://node.example/hunter2"
"#;

fn load(text: &str, vault: Vault) -> Config {
    let outcome = interpret(Some((Path::new("f.toml"), text)), vec![], vault).0;
    outcome.unwrap_or_else(|errors| panic!("{}", errors.text()))
}

fn keys(list: &[&str]) -> Vec<String> {
    list.iter().map(|key| (*key).to_owned()).collect()
}

#[test]
fn keys_that_differ_are_named_by_whether_a_reload_takes_them_over() {
    let tier = "[[networks.main.tiers]]\nfrom = \"90000\"\nconfirmations = 30\n[[networks.main.tokens]]";
    let other = OLD.replace("networks.main", "networks.second").replace("chain_id = 1", "chain_id = 2");
    let rows: [(String, &[&str], &[&str]); 15] = [
        (OLD.to_owned(), &[], &[]),
        (format!("# a comment\n{OLD}\n"), &[], &[]),
        (OLD.replace("= 12", "= 14"), &["networks.main.confirmations"], &[]),
        (OLD.replace("= 12", "= 12\nconfirmations_floor = 2"), &["networks.main.confirmations_floor"], &[]),
        (OLD.replace("= 12", "= 12\nsecond_source = false"), &["networks.main.second_source"], &[]),
        (
            OLD.replace("\"10000\"\nconfirmations = 20", "\"9000\"\nconfirmations = 21"),
            &["networks.main.tiers[0].confirmations", "networks.main.tiers[0].from"],
            &[],
        ),
        (OLD.replace("[[networks.main.tokens]]", tier), &["networks.main.tiers[1]"], &[]),
        (
            OLD.replace("\"0.5\"", "\"0.7\"\nconfirmations = 13"),
            &["networks.main.tokens[0].confirmations", "networks.main.tokens[0].minimum"],
            &[],
        ),
        (OLD.replace("minimum = \"0.5\"\n", ""), &["networks.main.tokens[0].minimum"], &[]),
        (
            format!(
                "{OLD}[[networks.main.policies]]\napp = \"shop\"\nconfirmations = \"finalized\"\n[[networks.main.policies.tiers]]\nfrom = \"10000\"\nconfirmations = \"finalized\"\n"
            ),
            &["networks.main.policies[0]"],
            &[],
        ),
        (OLD.replace("chain_id = 1", "chain_id = 5"), &[], &["networks.main.chain_id"]),
        (
            OLD.replace("USDT", "USDC").replace("= 12", "= 13"),
            &["networks.main.confirmations"],
            &["networks.main.tokens[0].symbol"],
        ),
        (OLD.replace("hunter2", "hunter3"), &[], &["networks.main.endpoints[0].url"]),
        (format!("{OLD}{other}"), &[], &["networks.second"]),
        (
            format!("{OLD}[log]\nfilter = \"debug\"\n[egress]\nports = [443, 8443]\n"),
            &[],
            &["egress.ports[1]", "log.filter"],
        ),
    ];
    let old = load(OLD, vault());
    for (text, reloadable, restart_only) in rows {
        let new = load(&text, vault());
        let expected = ChangedKeys { reloadable: keys(reloadable), restart_only: keys(restart_only) };
        assert_eq!(changed_keys(&old, &new), expected, "{text}");
        assert!(!format!("{new:?}{expected:?}").contains("hunter"));
        let ChangedKeys { reloadable, restart_only } = changed_keys(&new, &old);
        assert_eq!((reloadable, restart_only), (expected.reloadable, expected.restart_only), "{text}: and back");
    }
}

#[test]
fn another_content_of_a_key_file_needs_a_restart_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("node.key");
    std::fs::write(directory.path().join("master.key"), MASTER_KEY).unwrap();
    let text = OLD.replace("hunter2\"", "{key}\"\nkey_file = \"node.key\"");
    let read = |content: &str| {
        std::fs::write(&file, content).unwrap();
        load(&text, Vault { credentials: Some(directory.path().to_owned()), names_only: false })
    };
    let (old, new) = (read("hunter2"), read("hunter3"));
    let changed = changed_keys(&old, &new);
    assert_eq!(changed.restart_only, ["networks.main.endpoints (the content of a key file)"]);
    assert_eq!(changed.reloadable, [""; 0]);
}

#[test]
fn another_master_key_needs_a_restart_and_is_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let other = "EBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8=";
    let read = |content: &str, more: &str| {
        std::fs::write(directory.path().join("master.key"), content).unwrap();
        std::fs::write(directory.path().join("older.key"), other).unwrap();
        let text = format!("{OLD}{more}");
        load(&text, Vault { credentials: Some(directory.path().to_owned()), names_only: false })
    };
    let old = read(MASTER_KEY, "");
    let content = read(other, "");
    let changed = changed_keys(&old, &content);
    let expected = ["secrets (the content of a master key's file)".to_owned()];
    assert_eq!((changed.reloadable.as_slice(), changed.restart_only.as_slice()), (&[][..], &expected[..]));
    let named = read(MASTER_KEY, "[secrets]\nprevious_master_key_files = [\"older.key\"]\n");
    let changed = changed_keys(&old, &named);
    assert_eq!(changed.reloadable, [""; 0]);
    assert_eq!(changed.restart_only, ["secrets.previous_master_key_files[0]"]);
    for config in [old, content, named] {
        let text = format!("{config:?}");
        assert!(!text.contains(MASTER_KEY) && !text.contains(other), "{text}");
    }
}
