use std::fs;

use super::*;
use crate::{
    config,
    domain::{Family, Height},
};

/// One network of each family, with everything the TRON one can say.
const BOTH: &str = r#"
[networks.eth]
family = "evm"
chain_id = 1
genesis = "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
confirmations = 12
bloom = "advisory"
[[networks.eth.tokens]]
symbol = "USDT"
contract = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
decimals = 6
[[networks.eth.endpoints]]
name = "own"
url = "http://127.0.0.1:8545"
batch = false

[networks.tron]
family = "tron"
genesis = "00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc"
mode = "solid"
block_id = "strict"
start = 7
poll_interval_ms = 6000
[[networks.tron.tokens]]
symbol = "USDT"
contract = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
decimals = 6
[[networks.tron.endpoints]]
name = "own"
url = "http://127.0.0.1:8090"
solid_url = "http://127.0.0.1:8091"
jsonrpc_url = "http://127.0.0.1:8545/jsonrpc"
requests_per_day = 100000
connections = 4
timeout_ms = 9000
[[networks.tron.endpoints]]
name = "provider"
url = "https://tron.example"
api_key_file = "tron.key"
"#;

fn both() -> (NetworkConfig, NetworkConfig) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("tron.key"), "0b1c-2d\n").unwrap();
    fs::write(directory.path().join("master.key"), Vault::draw().unwrap().as_bytes()).unwrap();
    let file = directory.path().join("depositd.toml");
    fs::write(&file, BOTH).unwrap();
    let credentials = ("CREDENTIALS_DIRECTORY".to_owned(), directory.path().to_str().unwrap().to_owned());
    let config = config::load(Some(&file), std::iter::once(credentials));
    let mut networks = config.unwrap_or_else(|errors| panic!("{}", errors.text())).networks;
    let tron = networks.remove(1);
    (networks.remove(0), tron)
}

#[test]
fn each_family_gets_its_own_adapter() {
    let (eth, tron) = both();
    assert!(nodes(&eth).unwrap().iter().all(|node| matches!(node, Node::Evm(_))));
    let found = nodes(&tron).unwrap();
    assert!(found.len() == 2 && found.iter().all(|node| matches!(node, Node::Tron(_))));
    assert!(pool(&eth).is_ok() && pool(&tron).is_ok());
}

#[test]
fn what_is_configured_for_tron_reaches_its_adapter() {
    let (eth, tron) = both();
    let Adapter::Tron(adapter) = &tron.adapter else { panic!("a TRON network") };
    let own = tron_settings(&tron, adapter, &adapter.endpoints[0]).unwrap();
    assert_eq!((own.mode, own.block_ids, own.name.as_str()), (TronMode::Solid, BlockIds::Strict, "own"));
    assert_eq!(own.full_url.to_string(), "http://127.0.0.1:8090");
    assert_eq!(own.solid_url.to_string(), "http://127.0.0.1:8091");
    assert_eq!(own.jsonrpc_url.map(|url| url.to_string()).as_deref(), Some("http://127.0.0.1:8545"));
    assert_eq!(own.tokens, tron.spec.tokens.keys().copied().collect::<Vec<_>>());
    assert_eq!(own.http.requests_per_day.map(|limit| limit.get()), Some(100_000));
    assert_eq!((own.http.in_flight_max, own.http.total), (4, Duration::from_secs(9)));
    assert_eq!(own.http.headers, []);

    let provider = tron_settings(&tron, adapter, &adapter.endpoints[1]).unwrap();
    assert_eq!(provider.solid_url, provider.full_url, "a provider serves both in one place");
    assert_eq!(provider.jsonrpc_url, None);
    assert_eq!(provider.http.headers, [("TRON-PRO-API-KEY".to_owned(), "0b1c-2d".to_owned())]);
    assert_eq!((provider.http.requests_per_day, provider.http.in_flight_max), (None, 16));
    assert!(!format!("{provider:?}{:?}", tron.adapter).contains("0b1c"), "a key is never printed");

    let Adapter::Evm(adapter) = &eth.adapter else { panic!("an EVM network") };
    let own = evm_settings(&eth, adapter, &adapter.endpoints[0]).unwrap();
    assert_eq!((own.bloom, own.batch_len), (BloomMode::Advisory, 1));
    assert_eq!(own.http.headers, []);
}

#[test]
fn tron_is_followed_by_its_own_rules() {
    let (eth, tron) = both();
    let (eth, tron) = (follow_settings(&eth), follow_settings(&tron));
    assert!(eth.follows_ties && !eth.ranges_are_final);
    assert!(!tron.follows_ties && tron.ranges_are_final);
    assert_eq!((tron.range_blocks, tron.ranges_ahead), (20, 8));
    assert_eq!((tron.poll_interval, tron.start), (Duration::from_secs(6), Some(Height(7))));
}

#[test]
fn the_board_knows_every_network_and_its_limits_from_the_start() {
    let (eth, tron) = both();
    assert_eq!((eth.spec.family, tron.spec.family), (Family::Evm, Family::Tron));
    let board = board(&[eth.clone(), tron.clone()], Millis(1_000_000));
    for network in [eth, tron] {
        let status = board.of(&network.spec.id).unwrap();
        assert_eq!((status.limits, status.watched_since), (network.stall, Some(Millis(1_000_000))));
        assert!(network.stall.head_s.is_some() && network.stall.finality_s.is_some());
        assert!(!status.conditions(Millis(1_000_000)).head_stalled);
        assert!(status.conditions(Millis(9_000_000)).head_stalled, "no endpoint ever answered");
    }
}
