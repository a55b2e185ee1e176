//! TRON networks: one good file, what becomes of it, and wrong ones by table; families mixed in one file.

use super::*;
use crate::domain::{Address, Confirmations, Family, StallLimits, Threshold};

const GOOD_TRON: &str = r#"[networks.tron]
family = "tron"
chain_id = 728126428
genesis = "00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc"
mode = "head+solid"

[[networks.tron.tokens]]
symbol = "USDT"
contract = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
decimals = 6

[[networks.tron.endpoints]]
name = "own"
url = "http://127.0.0.1:8090"
solid_url = "http://127.0.0.1:8091"
"#;

/// Key of the line that is replaced, what stands there instead, the one error.
const WRONG_LINES: &[(&str, &str, &str)] = &[
    (
        "chain_id",
        "chain_id = 1",
        "f.toml:3:12: networks.tron.chain_id: is 1, but the last four bytes of `genesis` say 728126428: on TRON they are the same number",
    ),
    (
        "chain_id",
        "chain_id = 4294967296",
        "f.toml:3:12: networks.tron.chain_id: must be a whole number from 1 to 4294967295",
    ),
    (
        "genesis",
        "genesis = \"0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3\"",
        "f.toml:4:11: networks.tron.genesis: is no block 0 of TRON: a block id begins with the height, so that one with 16 zeros",
    ),
    ("genesis", "genesis = \"2b6653dc\"", "f.toml:4:11: networks.tron.genesis: a hash is 64 hex digits"),
    ("genesis", "", "f.toml:1:1: networks.tron.genesis: must be set"),
    ("mode", "mode = \"head\"", "f.toml:5:8: networks.tron.mode: must be \"head+solid\" or \"solid\""),
    ("mode", "block_id = \"off\"", "f.toml:5:12: networks.tron.block_id: must be \"strict\" or \"advisory\""),
    (
        "mode",
        "bloom = \"strict\"",
        "f.toml:5:9: networks.tron.bloom: belongs to networks of the family \"evm\"; this one is \"tron\"",
    ),
    (
        "mode",
        "confirmations = \"solid\"",
        "f.toml:5:17: networks.tron.confirmations: must be a whole number from 1 to 2048, or \"finalized\"",
    ),
    (
        "mode",
        "confirmations = 129",
        "f.toml:5:17: networks.tron.confirmations: must be at most half of window_blocks (256): a reorg that deep could not be taken back",
    ),
    (
        "mode",
        "poll_interval_ms = 60000\nhead_stall_after_s = 60",
        "f.toml:6:22: networks.tron.head_stall_after_s: must be above poll_interval_ms (60000): between two looks nothing is seen",
    ),
    ("mode", "agree = true", "f.toml:5:9: networks.tron.agree: needs at least two endpoints"),
    (
        "contract",
        "contract = \"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6T\"",
        "f.toml:9:12: networks.tron.tokens[0].contract: the address checksum does not hold: a character is wrong",
    ),
    (
        "url",
        "url = \"http://127.0.0.1:8090/wallet/\"",
        "f.toml:14:7: networks.tron.endpoints[0].url: must not end with /wallet: the calls' own paths are appended",
    ),
    (
        "solid_url",
        "solid_url = \"http://127.0.0.1:8091/walletsolidity\"",
        "f.toml:15:13: networks.tron.endpoints[0].solid_url: must not end with /walletsolidity: the calls' own paths are appended",
    ),
    (
        "solid_url",
        "solid_url = \"127.0.0.1:8091\"",
        "f.toml:15:13: networks.tron.endpoints[0].solid_url: not a URL: relative URL without a base",
    ),
    (
        "solid_url",
        "jsonrpc_url = \"ws://127.0.0.1:8545\"",
        "f.toml:15:15: networks.tron.endpoints[0].jsonrpc_url: must begin with https:// or http://",
    ),
    (
        "solid_url",
        "solid_url = \"https://tron.example/{key}\"",
        "f.toml:15:13: networks.tron.endpoints[0].solid_url: has a place for {key}, but no `key_file` says what to put there",
    ),
    (
        "solid_url",
        "key_file = \"k\"",
        "f.toml:15:12: networks.tron.endpoints[0].key_file: is of no use: the URL has no {key} in it",
    ),
    (
        "solid_url",
        "api_key_file = \"k\"",
        "f.toml:15:16: networks.tron.endpoints[0].api_key_file: \"k\" is a bare name, but $CREDENTIALS_DIRECTORY is not set: use LoadCredential= or an absolute path",
    ),
    ("solid_url", "api_key_file = 7", "f.toml:15:16: networks.tron.endpoints[0].api_key_file: must be text in quotes"),
    (
        "solid_url",
        "api_key = \"hunter2\"",
        "f.toml:15:1: networks.tron.endpoints[0].api_key: a secret is never written into the configuration",
    ),
    (
        "solid_url",
        "requests_per_day = 0",
        "f.toml:15:20: networks.tron.endpoints[0].requests_per_day: must be a whole number from 1 to 100000000",
    ),
    (
        "solid_url",
        "connections = 51",
        "f.toml:15:15: networks.tron.endpoints[0].connections: must be a whole number from 1 to 50",
    ),
    (
        "solid_url",
        "batch = false",
        "f.toml:15:9: networks.tron.endpoints[0].batch: belongs to networks of the family \"evm\"; this one is \"tron\"",
    ),
    ("solid_url", "full_url = \"x\"", "f.toml:15:1: networks.tron.endpoints[0].full_url: unknown key"),
    ("family", "", "f.toml:1:1: networks.tron.family: must be set"),
    ("family", "family = \"trx\"", "f.toml:2:10: networks.tron.family: must be \"evm\" or \"tron\""),
];

/// [`GOOD_TRON`] with `line` instead of the line that begins with `key`.
fn replaced(key: &str, line: &str) -> String {
    assert!(GOOD_TRON.lines().any(|old| old.starts_with(key)), "{key} is not in the good file");
    let lines: Vec<&str> = GOOD_TRON.lines().map(|old| if old.starts_with(key) { line } else { old }).collect();
    lines.join("\n")
}

fn good(text: &str) -> (NetworkConfig, TronAdapter, Vec<String>) {
    let config = load_text(text, &[]).unwrap_or_else(|errors| panic!("{}", errors.text()));
    let network = config.networks.into_iter().find(|network| network.spec.family == Family::Tron).expect("a network");
    let Adapter::Tron(adapter) = network.adapter.clone() else { panic!("a TRON network has a TRON adapter") };
    (network, adapter, config.warnings)
}

#[test]
fn a_wrong_line_is_named_with_its_place_and_key() {
    for (key, line, expected) in WRONG_LINES {
        assert_eq!(summaries(load_text(&replaced(key, line), &[])), [*expected], "{line}");
    }
}

#[test]
fn what_is_not_written_is_what_suits_tron() {
    let text: Vec<&str> = GOOD_TRON
        .lines()
        .filter(|line| !["chain_id", "mode", "solid_url"].iter().any(|key| line.starts_with(key)))
        .collect();
    let (network, adapter, warnings) = good(&text.join("\n"));
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(network.chain_id, 728_126_428, "it follows from the genesis");
    assert_eq!(network.spec.policy.base().threshold, Threshold::Finalized);
    assert_eq!((adapter.mode, adapter.block_id), (ReadMode::HeadAndSolid, BlockIdCheck::Advisory));
    let endpoint = &adapter.endpoints[0];
    assert_eq!((&endpoint.solid_url, &endpoint.jsonrpc_url), (&endpoint.shared.url, &None));
    assert_eq!((&endpoint.api_key, endpoint.requests_per_day, endpoint.connections), (&None, None, 16));
}

#[test]
fn a_genesis_may_have_its_prefix_and_a_contract_may_be_hex() {
    let text = GOOD_TRON
        .replace("\"0000", "\"0x0000")
        .replace("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "41a614f803b6fd780986a42c78ec9c7f77e6ded13c");
    let (network, ..) = good(&text);
    assert_eq!(network.genesis, good(GOOD_TRON).0.genesis);
    assert_eq!(network.spec.tokens, good(GOOD_TRON).0.spec.tokens);
}

#[test]
fn any_genesis_asks_for_a_chain_id_and_warns() {
    let text = replaced("genesis", "genesis = \"any\"");
    let (network, _, warnings) = good(&text);
    assert_eq!((network.chain_id, network.genesis), (728_126_428, None));
    assert!(warnings.len() == 1 && warnings[0].contains("genesis = \"any\""), "{warnings:?}");
    let text = text.replace("chain_id = 728126428\n", "");
    assert_eq!(
        summaries(load_text(&text, &[])),
        [
            "f.toml:1:1: networks.tron.chain_id: must be set: with genesis = \"any\" nothing else tells this network from another"
        ]
    );
}

#[test]
fn a_number_of_confirmations_is_taken_with_a_warning_that_says_what_it_means() {
    for (mode, means) in [
        ("head+solid", "a TRON block can be replaced until it is solidified, usually 19 blocks later"),
        ("solid", "every block that is read is final already, and the count begins there"),
    ] {
        let (network, _, warnings) = good(&replaced("mode", &format!("mode = \"{mode}\"\nconfirmations = 20")));
        assert_eq!(
            network.spec.policy.base().threshold,
            Threshold::Confirmations(Confirmations(20.try_into().unwrap()))
        );
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("network tron: confirmations = 20: "), "{warnings:?}");
        assert!(warnings[0].contains(means) && warnings[0].contains("\"finalized\""), "{warnings:?}");
    }
    assert_eq!(good(&replaced("mode", "confirmations = \"finalized\"")).2, Vec::<String>::new());
}

#[test]
fn a_window_that_forks_may_reach_below_is_taken_with_a_warning() {
    for (lines, warned) in
        [("window_blocks = 37", true), ("window_blocks = 38", false), ("mode = \"solid\"\nwindow_blocks = 10", false)]
    {
        let warnings = good(&replaced("mode", lines)).2;
        let is_warned = warnings.iter().any(|warning| warning.starts_with("network tron: window_blocks = 37: forks"));
        assert_eq!((is_warned, warnings.len()), (warned, usize::from(warned)), "{lines}: {warnings:?}");
    }
}

#[test]
fn stall_limits_follow_the_family_and_what_is_read() {
    let limits =
        |head: u32, finality: u32| StallLimits { head_s: head.try_into().ok(), finality_s: finality.try_into().ok() };
    for (lines, expected) in [
        ("mode = \"head+solid\"", limits(60, 120)),
        ("mode = \"solid\"", limits(120, 120)),
        ("head_stall_after_s = 0", limits(0, 120)),
        ("head_stall_after_s = 30\nfinality_stall_after_s = 0", limits(30, 0)),
        ("poll_interval_ms = 100000", limits(200, 200)),
        ("poll_interval_ms = 100000\nfinality_stall_after_s = 101", limits(200, 101)),
    ] {
        assert_eq!(good(&replaced("mode", lines)).0.stall, expected, "{lines}");
    }
    assert_eq!(load_text(GOOD, &[]).expect("a good file").networks[0].stall, limits(180, 1800));
}

#[test]
fn an_api_key_is_read_from_its_file_and_goes_over_https_or_to_this_host_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trongrid.key");
    let write = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let with = |urls: &str| {
        GOOD_TRON.replace("url = \"http://127.0.0.1:8090\"\nsolid_url = \"http://127.0.0.1:8091\"\n", urls)
            + &format!("api_key_file = \"{}\"\n", path.display())
    };
    write("hunter2-hunter2\n");
    for urls in ["url = \"https://tron.example\"\n", "url = \"http://127.0.0.1:1\"\n", "url = \"http://localhost:1\"\n"]
    {
        let (network, adapter, _) = good(&with(urls));
        assert_eq!(adapter.endpoints[0].api_key.as_ref().map(ApiKey::expose), Some("hunter2-hunter2"), "{urls}");
        assert!(!format!("{network:?}").contains("hunter2"));
    }
    let there = "url = \"https://tron.example\"\n";
    let same = format!("{there}solid_url = \"https://tron.example:8091/k\"\n");
    let unpaced = "the endpoint \"own\" has a key but no `requests_per_second`: name what the key allows";
    assert_eq!(good(&with(&same)).2, [unpaced]);
    let paced = format!("{there}requests_per_second = 10\n");
    assert_eq!(good(&with(&paced)).2, Vec::<String>::new());
    let elsewhere = format!("{paced}jsonrpc_url = \"https://other.example/secret\"\n");
    let warning =
        "the key in `api_key_file` of the endpoint at https://tron.example is sent to https://other.example too";
    assert_eq!(good(&with(&elsewhere)).2, [warning]);
    let wrong_key = |line: u32, key: &str, what: &str| {
        vec![format!("f.toml:{line}:{}: networks.tron.endpoints[0].{key}: {what}", key.len() + 4)]
    };
    let unencrypted = "would send the key unencrypted: use https";
    for (urls, expected) in [
        ("url = \"http://tron.example\"\n".to_owned(), wrong_key(14, "url", unencrypted)),
        (format!("{there}solid_url = \"http://10.0.0.1\"\n"), wrong_key(15, "solid_url", unencrypted)),
        (format!("{there}jsonrpc_url = \"http://10.0.0.1\"\n"), wrong_key(15, "jsonrpc_url", unencrypted)),
    ] {
        assert_eq!(summaries(load_text(&with(&urls), &[])), expected, "{urls}");
    }
    write("hunter2 hunter2\n");
    let what = "the key in it has characters that cannot stand in an HTTP header";
    let errors = load_text(&with(there), &[]).expect_err("a blank in a header");
    assert!(!errors.text().contains("hunter2"));
    assert_eq!(summaries(Err(errors)), wrong_key(15, "api_key_file", what));
}

#[test]
fn one_key_file_fills_all_urls_of_an_endpoint() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("k"), "s3cret").unwrap();
    fs::write(directory.path().join("master.key"), MASTER_KEY).unwrap();
    let text = replaced(
        "url",
        "url = \"https://tron.example/{key}\"\njsonrpc_url = \"https://tron.example/{key}/jsonrpc\"\nkey_file = \"k\"",
    );
    let vault = Vault { credentials: Some(directory.path().to_owned()), names_only: false };
    let config = interpret(Some((Path::new("f.toml"), &text)), vec![], vault).0.expect("a good file");
    let Adapter::Tron(adapter) = &config.networks[0].adapter else { panic!("a TRON network") };
    let endpoint = &adapter.endpoints[0];
    assert_eq!(endpoint.shared.url.expose(), "https://tron.example/s3cret");
    assert_eq!(endpoint.jsonrpc_url.as_ref().map(NodeUrl::expose), Some("https://tron.example/s3cret/jsonrpc"));
    assert_eq!(endpoint.solid_url.expose(), "http://127.0.0.1:8091/");
}

#[test]
fn both_families_stand_in_one_file() {
    let text = format!("{GOOD}\n{GOOD_TRON}");
    let config = load_text(&text, &[("DEPOSITD_NETWORK__MODE", "solid"), ("DEPOSITD_NETWORK__BLOOM", "off")]);
    let config = config.unwrap_or_else(|errors| panic!("{}", errors.text()));
    let [main, tron] = config.networks.as_slice() else { panic!("two networks") };
    assert!(
        matches!(&main.adapter, Adapter::Evm(EvmAdapter { bloom: BloomCheck::Off, .. })),
        "[network] speaks to both"
    );
    assert!(
        matches!(&tron.adapter, Adapter::Tron(TronAdapter { mode: ReadMode::HeadAndSolid, .. })),
        "its own word wins"
    );
    assert_eq!(
        main.spec.tokens.keys().next().map(|contract| contract.display(Family::Evm)).as_deref(),
        Some("0xdAC17F958D2ee523a2206206994597C13D831ec7")
    );
    assert_eq!(
        tron.spec.tokens.keys().next(),
        Address::parse(Family::Tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t").ok().as_ref()
    );
}

#[test]
fn a_contract_of_the_other_family_is_refused_with_a_hint() {
    let (evm, tron) = ("0xdAC17F958D2ee523a2206206994597C13D831ec7", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t");
    for (text, place, hint) in [
        (
            GOOD_TRON.replace(tron, evm),
            "f.toml:9:12: networks.tron.tokens[0].contract: ",
            "this looks like an EVM address",
        ),
        (GOOD.replace(evm, tron), "f.toml:9:12: networks.main.tokens[0].contract: ", "this looks like a TRON address"),
    ] {
        let found = summaries(load_text(&text, &[]));
        assert!(found.len() == 1 && found[0].starts_with(place) && found[0].contains(hint), "{found:?}");
    }
}
