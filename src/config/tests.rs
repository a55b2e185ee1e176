//! One good file, and what becomes of it.

mod egress;
mod policy;
mod secrets;
mod shipped;
mod tron;
mod wrong;

use std::{fs, os::unix::fs::PermissionsExt, sync::LazyLock};

use super::*;
use crate::domain::Threshold;

const GOOD: &str = r#"[networks.main]
family = "evm"
chain_id = 1
genesis = "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
confirmations = 12

[[networks.main.tokens]]
symbol = "USDT"
contract = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
decimals = 6
minimum = "0.5"

[[networks.main.endpoints]]
name = "own"
url = "http://127.0.0.1:8545"
"#;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The base64 of 32 bytes.
pub(super) const MASTER_KEY: &str = "wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t8=";

/// A directory of credentials with nothing but the master key in it.
pub(super) fn vault() -> Vault {
    static DIRECTORY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("master.key");
        fs::write(&file, MASTER_KEY).expect("the key is written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("and closed");
        directory
    });
    Vault { credentials: Some(DIRECTORY.path().to_owned()), names_only: false }
}

fn load_text(text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let mut variables = variables(pairs);
    if !text.contains("[secrets]") {
        let file = vault().credentials.expect("a directory").join("master.key");
        variables.push(("DEPOSITD_SECRETS__MASTER_KEY_FILE".to_owned(), file.display().to_string()));
    }
    interpret(Some((Path::new("f.toml"), text)), variables, Vault::default()).0
}

fn summaries(outcome: Result<Config, ConfigErrors>) -> Vec<String> {
    outcome.expect_err("must be refused").0.iter().map(ConfigError::summary).collect()
}

/// `GOOD` with `line` instead of the line that begins with `key`; all errors it then has.
fn with_line(key: &str, line: &str) -> Vec<String> {
    let replaced = |old: &'static str| if old.starts_with(key) { line } else { old };
    assert!(GOOD.lines().any(|old| old.starts_with(key)), "{key} is not in the good file");
    let text: Vec<&str> = GOOD.lines().map(replaced).collect();
    summaries(load_text(&text.join("\n"), &[]))
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file() {
    let text = GOOD.replace("chain_id = 1", "chain_idd = 1").replace("decimals = 6", "decimals = \"six\"")
        + "[stop]\ngrace = 5\n";
    let errors = load_text(&text, &[("DEPOSITD_LOG__FORMAT", "loud")]).expect_err("four mistakes");
    let lines: Vec<String> = errors.0.iter().map(ConfigError::summary).collect();
    assert_eq!(
        lines,
        [
            "f.toml:1:1: networks.main.chain_id: must be set",
            "f.toml:3:1: networks.main.chain_idd: unknown key",
            "f.toml:10:12: networks.main.tokens[0].decimals: must be a whole number from 0 to 77",
            "f.toml:17:1: stop.grace: unknown key",
            "DEPOSITD_LOG__FORMAT: log.format: must be \"auto\" or \"text\" or \"json\" or \"journal\"",
        ]
    );
    let shown = errors.text();
    assert!(shown.contains("3 | chain_idd = 1\n  | ^^^^^^^^^\n  = help: did you mean `chain_id`?"), "{shown}");
    assert!(shown.ends_with("5 errors; nothing was started\n"), "{shown}");
    let json = errors.json();
    assert_eq!(json[1]["line"], 3);
    assert_eq!(json[1]["key"], "networks.main.chain_idd");
    assert_eq!(json[4]["variable"], "DEPOSITD_LOG__FORMAT");
}

#[test]
fn secrets_and_urls_are_never_quoted() {
    for (line, secret) in [
        ("url = \"https://node.example/v2/hunter2\"\ntimeout_ms = 1", "hunter2"),
        ("url = \"ftp://node.example/hunter2\"", "hunter2"),
        ("url = \"https://node.example/hunter2", "hunter2"),
        ("url = \"https://node.example\"\napi_key = \"hunter2\"", "hunter2"),
        ("url = \"https://node.example\"\napi_key = \"hunter2", "hunter2"),
    ] {
        let text = GOOD.replace("url = \"http://127.0.0.1:8545\"", line);
        let errors = load_text(&text, &[]).expect_err(line);
        let all = format!("{}{}{errors:?}{errors}", errors.text(), errors.json());
        assert!(!all.contains(secret), "{all}");
    }
    let text = GOOD.replace("http://127.0.0.1:8545", "https://node.example:8443/v2/hunter2?key=hunter2");
    let config = load_text(&text, &[]).expect("a good file");
    let url = &config.networks[0].endpoints()[0].url;
    assert_eq!(url.to_string(), "https://node.example:8443");
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(url.expose(), "https://node.example:8443/v2/hunter2?key=hunter2");
}

#[test]
fn the_environment_overrides_and_its_digits_may_be_text() {
    let config = load_text(
        GOOD,
        &[
            ("DEPOSITD_NETWORKS__MAIN__CONFIRMATIONS", "20"),
            ("DEPOSITD_NETWORKS__MAIN__START", "17"),
            ("DEPOSITD_STORE__DIR", "/1234"),
            ("DEPOSITD_LOG__FILTER", "7"),
            ("DEPOSITD_EGRESS__PORTS", "443, 8443"),
            ("DEPOSITD_EGRESS__NAT64", "true"),
            ("DEPOSITD_CONFIG", "/elsewhere"),
            ("HOME", "/root"),
        ],
    );
    let config = config.expect("a good environment");
    assert_eq!(config.log.filter, "7", "digits stay text where text is wanted");
    assert_eq!(config.store.dir, Path::new("/1234"));
    let config = load_text(
        GOOD,
        &[
            ("DEPOSITD_NETWORKS__MAIN__CONFIRMATIONS", "20"),
            ("DEPOSITD_NETWORKS__MAIN__START", "17"),
            ("DEPOSITD_NETWORKS__MAIN__GENESIS", &"1".repeat(64)),
            ("DEPOSITD_EGRESS__PORTS", "443, 8443"),
            ("DEPOSITD_EGRESS__NAT64", "true"),
        ],
    )
    .expect("a good environment");
    let network = &config.networks[0];
    assert_eq!(
        network.spec.policy.base().threshold,
        Threshold::Confirmations(crate::domain::Confirmations(20.try_into().unwrap()))
    );
    assert_eq!(network.start, Start::At(crate::domain::Height(17)));
    assert_eq!(network.genesis.map(|hash| hash.0[0]), Some(0x11));
    assert_eq!(config.egress.policy.ports, [443, 8443]);
    assert!(config.egress.policy.nat64);
    for (name, value, expected) in [
        ("DEPOSITD_STOPP__GRACE_MS", "5", "DEPOSITD_STOPP__GRACE_MS: stopp: unknown key"),
        ("DEPOSITD_STOP__GRACE", "5", "DEPOSITD_STOP__GRACE: stop.grace: unknown key"),
        ("DEPOSITD_STOP", "5", "DEPOSITD_STOP: stop: must be a table"),
        (
            "DEPOSITD_STOP__GRACE_MS",
            "soon",
            "DEPOSITD_STOP__GRACE_MS: stop.grace_ms: must be a whole number from 100 to 300000",
        ),
        (
            "DEPOSITD_API__TOKEN",
            "abc",
            "DEPOSITD_API__TOKEN: api.token: a secret is never written into the configuration",
        ),
    ] {
        assert_eq!(summaries(load_text(GOOD, &[(name, value)])), [expected]);
    }
}

#[test]
fn key_files_are_closed_whole_and_put_into_the_url() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node.key");
    let write = |text: &str, mode: u32| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let text = |name: &str| {
        GOOD.replace("http://127.0.0.1:8545\"", &format!("https://node.example/{{key}}\"\nkey_file = \"{name}\""))
    };
    let absolute = text(path.to_str().unwrap());
    let problem = |outcome| summaries(outcome).join("\n");
    assert!(problem(load_text(&absolute, &[])).contains("cannot be read"));
    write("s3cret\n", 0o640);
    assert!(problem(load_text(&absolute, &[])).contains("is open to others (mode 0640)"));
    write(" \n", 0o600);
    assert!(problem(load_text(&absolute, &[])).contains("is empty"));
    write("a b/c", 0o600);
    assert!(problem(load_text(&absolute, &[])).contains("cannot stand in a URL"));
    write("s3cret\n", 0o600);
    let config = load_text(&absolute, &[]).expect("a closed file");
    assert_eq!(config.networks[0].endpoints()[0].url.expose(), "https://node.example/s3cret");
    let http = absolute.replace("https://", "http://");
    assert!(problem(load_text(&http, &[])).contains("would send the key unencrypted"));

    // systemd opens credentials to the group on some versions: the mode is its business there.
    write("s3cret\n", 0o440);
    fs::write(directory.path().join("master.key"), MASTER_KEY).unwrap();
    let file = directory.path().join("depositd.toml");
    fs::write(&file, text("node.key")).unwrap();
    let directory_variable = [(CREDENTIALS_VARIABLE, directory.path().to_str().unwrap())];
    let config = load(Some(&file), variables(&directory_variable).into_iter()).expect("a credential");
    assert_eq!(config.networks[0].endpoints()[0].url.expose(), "https://node.example/s3cret");
    assert!(check(Some(&file), std::iter::empty()).is_ok(), "check-config reads no credentials");
    assert!(load(Some(&file), std::iter::empty()).is_err());
}

#[test]
fn two_endpoints_are_compared_unless_it_is_switched_off() {
    let second = "[[networks.main.endpoints]]\nname = \"other\"\nurl = \"https://node.example\"\n";
    let network = load_text(&format!("{GOOD}{second}"), &[]).expect("two endpoints").networks.remove(0);
    assert!(network.agree && !network.second_source);
    let text = format!("{GOOD}{second}").replace("confirmations = 12", "confirmations = \"finalized\"\nagree = false");
    let network = load_text(&text, &[]).expect("two endpoints").networks.remove(0);
    assert!(!network.agree && !network.second_source);
    assert_eq!(network.spec.policy.base().threshold, Threshold::Finalized);
    let same = second.replace("other", "own");
    assert_eq!(
        summaries(load_text(&format!("{GOOD}{same}"), &[])),
        ["f.toml:17:8: networks.main.endpoints[1].name: another endpoint of this network has this name"]
    );
}
