//! Wrong files by table, with the place and key each error must name; the defaults and the shipped files.

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;
use crate::domain::{Family, Threshold};

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

fn load_text(text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    interpret(Some((Path::new("f.toml"), text)), variables(pairs), Vault::default()).0
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
fn a_wrong_line_is_named_with_its_place_and_key() {
    let rows: &[(&str, &str, &str)] = &[
        ("family", "family = \"evn\"", "f.toml:2:10: networks.main.family: must be \"evm\" or \"tron\""),
        ("family", "family = \"tron\"", "f.toml:2:10: networks.main.family: TRON comes with a later release"),
        ("family", "family = 1", "f.toml:2:10: networks.main.family: must be text in quotes"),
        ("family", "", "f.toml:1:1: networks.main.family: must be set"),
        ("chain_id", "chain_id = 0", "f.toml:3:12: networks.main.chain_id: must be a whole number of at least 1"),
        ("chain_id", "chain_id = -1", "f.toml:3:12: networks.main.chain_id: must be a whole number of at least 1"),
        ("chain_id", "chain_id = 1.0", "f.toml:3:12: networks.main.chain_id: must be a whole number of at least 1"),
        ("chain_id", "chain_id = \"1\"", "f.toml:3:12: networks.main.chain_id: must be a whole number of at least 1"),
        ("genesis", "genesis = \"0xd4\"", "f.toml:4:11: networks.main.genesis: a hash is 64 hex digits"),
        ("genesis", "genesis = \"Any\"", "f.toml:4:11: networks.main.genesis: a hash is 64 hex digits"),
        (
            "confirmations",
            "confirmations = 0",
            "f.toml:5:17: networks.main.confirmations: must be a whole number from 1 to 2048",
        ),
        (
            "confirmations",
            "confirmations = \"final\"",
            "f.toml:5:17: networks.main.confirmations: must be a whole number from 1 to 2048, or \"finalized\"",
        ),
        (
            "confirmations",
            "confirmations = 129",
            "f.toml:5:17: networks.main.confirmations: must be at most half of window_blocks (256): a reorg that deep could not be taken back",
        ),
        (
            "confirmations",
            "confirmations = 12\nwindow_blocks = 20",
            "f.toml:5:17: networks.main.confirmations: must be at most half of window_blocks (20): a reorg that deep could not be taken back",
        ),
        (
            "confirmations",
            "confirmations = 12\nwindow_blocks = 5000",
            "f.toml:6:17: networks.main.window_blocks: must be a whole number from 2 to 4096",
        ),
        (
            "confirmations",
            "confirmations = 12\nbloom = \"yes\"",
            "f.toml:6:9: networks.main.bloom: must be \"strict\" or \"advisory\" or \"off\"",
        ),
        (
            "confirmations",
            "confirmations = 12\nstart = \"now\"",
            "f.toml:6:9: networks.main.start: must be \"head\" or a block's height",
        ),
        (
            "confirmations",
            "confirmations = 12\nagree = true",
            "f.toml:6:9: networks.main.agree: needs at least two endpoints",
        ),
        (
            "confirmations",
            "confirmations = 12\nsecond_source = 1",
            "f.toml:6:17: networks.main.second_source: must be true or false",
        ),
        ("confirmations", "confirmations = 12\nnonsense = true", "f.toml:6:1: networks.main.nonsense: unknown key"),
        (
            "symbol",
            "symbol = \"US DT\"",
            "f.toml:8:10: networks.main.tokens[0].symbol: must be 1 to 16 characters of A-Z, a-z, 0-9, '.', '_' and '-'",
        ),
        ("symbol", "symbol = \"\"", "f.toml:8:10: networks.main.tokens[0].symbol: must not be empty"),
        (
            "contract",
            "contract = \"0xDAC17F958D2ee523a2206206994597C13D831ec7\"",
            "f.toml:9:12: networks.main.tokens[0].contract: the address checksum does not hold: a character is wrong",
        ),
        (
            "contract",
            "contract = \"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\"",
            "f.toml:9:12: networks.main.tokens[0].contract: not an EVM address: this looks like a TRON address",
        ),
        (
            "decimals",
            "decimals = 78",
            "f.toml:10:12: networks.main.tokens[0].decimals: must be a whole number from 0 to 77",
        ),
        ("minimum", "minimum = 0.5", "f.toml:11:11: networks.main.tokens[0].minimum: must be text in quotes"),
        (
            "minimum",
            "minimum = \"0.0000001\"",
            "f.toml:11:11: networks.main.tokens[0].minimum: the amount has more decimals than the token (6)",
        ),
        (
            "name",
            "name = \"Own Node\"",
            "f.toml:14:8: networks.main.endpoints[0].name: must be 1 to 64 characters of a-z, 0-9, '-', '_' and '.'",
        ),
        (
            "url",
            "url = \"ftp://node.example\"",
            "f.toml:15:7: networks.main.endpoints[0].url: must begin with https:// or http://",
        ),
        (
            "url",
            "url = \"https://me:pw@node.example\"",
            "f.toml:15:7: networks.main.endpoints[0].url: must not carry a user name or password: put the key into a file and name it in `key_file`",
        ),
        (
            "url",
            "url = \"https://node.example/{key}\"",
            "f.toml:15:7: networks.main.endpoints[0].url: has a place for {key}, but no `key_file` says what to put there",
        ),
        (
            "url",
            "url = \"https://node.example\"\nkey_file = \"k\"",
            "f.toml:16:12: networks.main.endpoints[0].key_file: is of no use: the URL has no {key} in it",
        ),
        (
            "url",
            "url = \"https://node.example/{key}\"\nkey_file = \"a/b\"",
            "f.toml:16:12: networks.main.endpoints[0].key_file: \"a/b\" is neither an absolute path nor a bare file name",
        ),
        (
            "url",
            "url = \"https://node.example/{key}\"\nkey_file = \"k\"",
            "f.toml:16:12: networks.main.endpoints[0].key_file: \"k\" is a bare name, but $CREDENTIALS_DIRECTORY is not set: use LoadCredential= or an absolute path",
        ),
        (
            "url",
            "url = \"https://node.example\"\napi_key = \"k\"",
            "f.toml:16:1: networks.main.endpoints[0].api_key: a secret is never written into the configuration",
        ),
        (
            "url",
            "url = \"https://node.example\"\ntimeout_ms = 1",
            "f.toml:16:14: networks.main.endpoints[0].timeout_ms: must be a whole number from 100 to 120000",
        ),
        (
            "url",
            "url = \"https://node.example\"\nrequests_per_second = 0",
            "f.toml:16:23: networks.main.endpoints[0].requests_per_second: must be a whole number from 1 to 10000",
        ),
    ];
    for (key, line, expected) in rows {
        assert_eq!(with_line(key, line), [*expected], "{line}");
    }
}

#[test]
fn a_wrong_section_is_named_with_its_place_and_key() {
    let hash = "ab".repeat(32);
    let token = |name: &str, hash: &str| {
        format!("[[api.tokens]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nscopes = [\"read\"]\n")
    };
    let twice = token("a", &hash) + &token("a", &"cd".repeat(32));
    let same_hash = token("a", &hash) + &token("b", &hash);
    let no_scope = format!("[[api.tokens]]\nname = \"a\"\nsha256 = \"{hash}\"\nscopes = [\"root\"]\n");
    // The good file has 15 lines, the section begins at line 16.
    let rows: &[(&str, &str)] = &[
        ("[stoer]\ndir = \"/x\"", "f.toml:16:2: stoer: unknown key"),
        ("[store]\ndir = \"store\"", "f.toml:17:7: store.dir: must be an absolute path"),
        (
            "[store]\ndir = \"/d\"\nwitness = \"/d/w\"",
            "f.toml:18:11: store.witness: must lie outside `dir`: a lost directory would take its witness with it",
        ),
        ("[store]\ncache_mb = 8", "f.toml:17:12: store.cache_mb: must be a whole number from 16 to 65536"),
        ("[api]\ntcp = \"0.0.0.0:7701\"", "f.toml:17:7: api.tcp: must be a loopback address: this listener has no TLS"),
        (
            "[api]\ntcp = \"localhost\"",
            "f.toml:17:7: api.tcp: must be an address and a port, for example \"127.0.0.1:9090\"",
        ),
        (
            "[api]\ntcp = \"127.0.0.1:7701\"",
            "f.toml:17:7: api.tcp: needs at least one [[api.tokens]]: every user of this host can reach it",
        ),
        ("[api]\ntoken = \"abc\"", "f.toml:17:1: api.token: a secret is never written into the configuration"),
        (&twice, "f.toml:21:8: api.tokens[1].name: another token has this name"),
        (&same_hash, "f.toml:22:10: api.tokens[1].sha256: another token has this hash"),
        (&no_scope, "f.toml:19:10: api.tokens[0].scopes: \"root\" is not one of: orders, read, admin"),
        (
            "[notify]\ndeadline_ms = 60000",
            "f.toml:17:15: notify.deadline_ms: must be a whole number from 1000 to 30000",
        ),
        (
            "[notify]\nconnect_ms = 16000",
            "f.toml:17:14: notify.connect_ms: must not be above deadline_ms, which it is part of",
        ),
        ("[egress]\nports = []", "f.toml:17:9: egress.ports: must list at least one port from 1 to 65535"),
        ("[egress]\nports = 443", "f.toml:17:9: egress.ports: must be a list in brackets"),
        (
            "[egress]\nallow = [\"10.0.0.1/8\"]",
            "f.toml:17:9: egress.allow: \"10.0.0.1/8\" has bits set behind the prefix",
        ),
        (
            "[egress]\ndeny = [\"10.0.0.0\"]",
            "f.toml:17:8: egress.deny: \"10.0.0.0\" must be an address range like \"10.0.0.0/8\" or \"fd00::/8\"",
        ),
        (
            "[http]\npages = \"192.168.1.1:80\"",
            "f.toml:17:9: http.pages: must be a loopback address: this listener has no TLS",
        ),
        (
            "[log]\nformat = \"xml\"",
            "f.toml:17:10: log.format: must be \"auto\" or \"text\" or \"json\" or \"journal\"",
        ),
        (
            "[log]\nfilter = \"info,a=b=c\"",
            "f.toml:17:10: log.filter: error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5",
        ),
        ("[stop]\ngrace_ms = 1", "f.toml:17:12: stop.grace_ms: must be a whole number from 100 to 300000"),
        ("[stop]\ngrace_ms = 1000\ngrace_ms = 2000", "f.toml:18:1: not TOML: duplicate key"),
        ("[stop\n", "f.toml:16:6: not TOML: unclosed table, expected `]`"),
    ];
    for (section, expected) in rows {
        assert_eq!(summaries(load_text(&format!("{GOOD}{section}"), &[])), [*expected], "{section}");
    }
    assert_eq!(
        summaries(load_text("stop = 3\n[store]\n", &[]))[0],
        "f.toml: networks: at least one network must be configured"
    );
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
    let url = &config.networks[0].endpoints[0].url;
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
        network.spec.policy.threshold,
        Threshold::Confirmations(crate::domain::Confirmations(20.try_into().unwrap()))
    );
    assert_eq!(network.start, Start::At(crate::domain::Height(17)));
    assert_eq!(network.genesis.map(|hash| hash.0[0]), Some(0x11));
    assert_eq!(config.egress.ports, [443, 8443]);
    assert!(config.egress.nat64);
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
    assert_eq!(config.networks[0].endpoints[0].url.expose(), "https://node.example/s3cret");
    let http = absolute.replace("https://", "http://");
    assert!(problem(load_text(&http, &[])).contains("would send the key unencrypted"));

    // systemd opens credentials to the group on some versions: the mode is its business there.
    write("s3cret\n", 0o440);
    let file = directory.path().join("depositd.toml");
    fs::write(&file, text("node.key")).unwrap();
    let directory_variable = [(CREDENTIALS_VARIABLE, directory.path().to_str().unwrap())];
    let config = load(Some(&file), variables(&directory_variable).into_iter()).expect("a credential");
    assert_eq!(config.networks[0].endpoints[0].url.expose(), "https://node.example/s3cret");
    assert!(check(Some(&file), std::iter::empty()).is_ok(), "check-config reads no credentials");
    assert!(load(Some(&file), std::iter::empty()).is_err());
}

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
            _ => (),
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
    let mainnet = shipped("ethereum-mainnet.toml", include_str!("../../config/ethereum-mainnet.toml"));
    let network = &mainnet.networks[0];
    assert_eq!((network.chain_id, network.spec.family, network.spec.tokens.len()), (1, Family::Evm, 2));
    assert!(!network.agree && !network.second_source, "one endpoint has no second");
    assert_eq!(mainnet.warnings, Vec::<String>::new());
    let local = shipped("local-node.toml", include_str!("../../config/local-node.toml"));
    assert_eq!(local.networks[0].genesis, None);
    assert_eq!(local.warnings.len(), 2, "{:?}", local.warnings);
}

#[test]
fn two_endpoints_are_compared_unless_it_is_switched_off() {
    let second = "[[networks.main.endpoints]]\nname = \"other\"\nurl = \"https://node.example\"\n";
    let network = load_text(&format!("{GOOD}{second}"), &[]).expect("two endpoints").networks.remove(0);
    assert!(network.agree && network.second_source);
    let text = format!("{GOOD}{second}").replace("confirmations = 12", "confirmations = \"finalized\"\nagree = false");
    let network = load_text(&text, &[]).expect("two endpoints").networks.remove(0);
    assert!(!network.agree && network.second_source);
    assert_eq!(network.spec.policy.threshold, Threshold::Finalized);
    let same = second.replace("other", "own");
    assert_eq!(
        summaries(load_text(&format!("{GOOD}{same}"), &[])),
        ["f.toml:17:8: networks.main.endpoints[1].name: another endpoint of this network has this name"]
    );
}
