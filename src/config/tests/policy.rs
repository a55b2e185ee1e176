//! Confirmation policies: what becomes of them, and wrong ones by table.

use super::*;
use crate::domain::{Address, AppId, Confirmations, Family, Need, Threshold, TokenAmount};

const USDT: &str = "0xdAC17F958D2ee523a2206206994597C13D831ec7";
const GROUND: &str = r#"[networks.main]
family = "evm"
chain_id = 1
genesis = "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
confirmations = 12
confirmations_floor = 2
[[networks.main.endpoints]]
name = "own"
url = "http://127.0.0.1:8545"
[[networks.main.endpoints]]
name = "other"
url = "https://node.example"
[[networks.main.tokens]]
symbol = "DAI"
contract = "0x6B175474E89094C44Da98b954EedeAC495271d0F"
decimals = 18
[[networks.main.tokens]]
symbol = "USDT"
contract = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
decimals = 6
"#;

/// `GROUND`, whose 20 lines end inside the second token, and `more` below it.
fn network(more: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    load_text(&format!("{GROUND}{more}"), pairs)
}

fn token(text: &str) -> Address {
    Address::parse(Family::Evm, text).unwrap()
}

fn need(text: &str) -> Need {
    let threshold = match text.trim_end_matches('+') {
        "final" => Threshold::Finalized,
        count => Threshold::Confirmations(Confirmations::new(count.parse().unwrap()).unwrap()),
    };
    Need { threshold, second_source: text.ends_with('+') }
}

const EVERYTHING: &str = r#"
confirmations = 15
[[networks.main.tokens.tiers]]
from = "50000"
confirmations = 64
second_source = true

[[networks.main.tiers]]
from = "10000.50"
confirmations = 32
second_source = true

[[networks.main.policies]]
app = "shop"
confirmations = "finalized"
second_source = true

[[networks.main.policies]]
app = "kiosk"
token = "USDT"
second_source = true

[[networks.main.policies]]
app = "bank"
token = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
[[networks.main.policies.tiers]]
from = "100"
second_source = true
"#;

#[test]
fn every_place_a_rule_may_stand_in_counts_with_what_it_inherits_and_says_where_it_is() {
    let second_source =
        "[[networks.main.policies]]\napp = \"shop\"\ntoken = \"USDT\"\nconfirmations = 128\nsecond_source = false\n";
    let shop_falls = network(&format!("{EVERYTHING}{second_source}"), &[]);
    assert!(shop_falls.is_err(), "from 10000 on the network asks for less than that");
    let config = network(EVERYTHING, &[]);
    assert!(config.is_err(), "finalized for shop, and from 10000.5 on the network's 32");
    let tiers = "[[networks.main.policies.tiers]]\nfrom = \"10000.5\"\nconfirmations = \"finalized\"\n\
                 [[networks.main.policies.tiers]]\nfrom = \"50000\"\nconfirmations = \"finalized\"\n";
    let text = EVERYTHING.replace(
        "app = \"shop\"\nconfirmations = \"finalized\"\nsecond_source = true\n",
        &format!("app = \"shop\"\nconfirmations = \"finalized\"\nsecond_source = true\n{tiers}"),
    );
    let config = network(&text, &[]).unwrap_or_else(|errors| panic!("{}", errors.text()));
    let policy = &config.networks[0].spec.policy;
    for (contract, app, whole, expected, origin) in [
        ("0x6B175474E89094C44Da98b954EedeAC495271d0F", "any", "1", "12", "f.toml:5"),
        ("0x6B175474E89094C44Da98b954EedeAC495271d0F", "any", "10000.499999", "12", "f.toml:5"),
        ("0x6B175474E89094C44Da98b954EedeAC495271d0F", "any", "10000.5", "32+", "f.toml:30"),
        (USDT, "any", "1", "15", "f.toml:22"),
        (USDT, "any", "10000.5", "32+", "f.toml:30"),
        (USDT, "any", "50000", "64+", "f.toml:25"),
        (USDT, "shop", "1", "final+", "f.toml:35"),
        (USDT, "shop", "49999", "final+", "f.toml:39"),
        (USDT, "shop", "50000", "final+", "f.toml:42"),
        (USDT, "kiosk", "1", "15+", "f.toml:47"),
        (USDT, "bank", "99.999999", "15", "f.toml:22"),
        (USDT, "bank", "100", "15+", "f.toml:54"),
    ] {
        let decimals = config.networks[0].spec.tokens[&token(contract)].decimals;
        let app: AppId = app.parse().unwrap();
        let amount = TokenAmount::parse_decimal(whole, decimals).unwrap();
        let rung = policy.rung_for(token(contract), &app, amount).expect("a configured token");
        assert_eq!((rung.need, rung.origin.to_string().as_str()), (need(expected), origin), "{contract} {app} {whole}");
    }
    assert_eq!(policy.rules().limits.floor, Confirmations::new(2).unwrap());
    assert_eq!((policy.rules().limits.ceiling.get(), policy.rules().limits.endpoints), (128, 2));
}

#[test]
fn what_a_variable_sets_or_nobody_says_names_its_origin() {
    let config = network("", &[("DEPOSITD_NETWORKS__MAIN__CONFIRMATIONS", "20")]).expect("a good file");
    let rules = config.networks[0].spec.policy.rules();
    assert_eq!(rules.file.len(), 1);
    assert_eq!(rules.file[0].origin.to_string(), "DEPOSITD_NETWORKS__MAIN__CONFIRMATIONS");
    let tron = r#"[networks.tron]
family = "tron"
genesis = "00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc"
[[networks.tron.tokens]]
symbol = "USDT"
contract = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
decimals = 6
[[networks.tron.endpoints]]
name = "own"
url = "http://127.0.0.1:8090"
"#;
    let config = load_text(tron, &[]).unwrap_or_else(|errors| panic!("{}", errors.text()));
    let rule = &config.networks[0].spec.policy.rules().file[0];
    assert_eq!((rule.need, rule.origin.to_string().as_str()), (need("final"), "default"));
    assert_eq!(config.warnings.len(), 0);
    // On TRON a number is taken with a warning, wherever it stands.
    let counted = format!("{tron}[[networks.tron.policies]]\napp = \"shop\"\nconfirmations = 20\n");
    let config = load_text(&counted, &[]).unwrap_or_else(|errors| panic!("{}", errors.text()));
    let begin = "network tron: every token of app shop from 0: confirmations = 20: a TRON block can be replaced";
    assert!(config.warnings.len() == 1 && config.warnings[0].starts_with(begin), "{:?}", config.warnings);
}

/// What stands below the ground, from line 21 on, and every error.
const WRONG: &[(&str, &[&str])] = &[
    (
        "confirmations = 0",
        &["f.toml:21:17: networks.main.tokens[1].confirmations: must be a whole number from 1 to 2048"],
    ),
    (
        "confirmations = 1",
        &["f.toml:21:17: networks.main.tokens[1].confirmations: must be at least 2, the network's floor"],
    ),
    (
        "confirmations = 129",
        &[
            "f.toml:21:17: networks.main.tokens[1].confirmations: must be at most half of window_blocks (256): a reorg that deep could not be taken back",
        ],
    ),
    ("[[networks.main.tiers]]\nconfirmations = 20", &["f.toml:21:1: networks.main.tiers[0].from: must be set"]),
    (
        "[[networks.main.tiers]]\nfrom = 10000\nconfirmations = 20",
        &["f.toml:22:8: networks.main.tiers[0].from: must be text in quotes"],
    ),
    (
        "[[networks.main.tiers]]\nfrom = \"0.0\"\nconfirmations = 20",
        &[
            "f.toml:22:8: networks.main.tiers[0].from: must be above 0: what smaller amounts need is written beside the tiers",
        ],
    ),
    (
        "[[networks.main.tiers]]\nfrom = \"10000\"",
        &["f.toml:21:1: networks.main.tiers[0]: says nothing: set `confirmations` or `second_source`"],
    ),
    (
        "[[networks.main.tiers]]\nfrom = \"0.0000001\"\nconfirmations = 20",
        &[
            "f.toml:22:8: networks.main.tiers[0].from: USDT has no such amount: the amount has more decimals than the token (6)",
        ],
    ),
    (
        "[[networks.main.tiers]]\nfrom = \"10000\"\nconfirmations = 2",
        &[
            "f.toml:23:17: networks.main.tiers[0].confirmations: must be at least 3, the least a tier above the first may ask for",
        ],
    ),
    (
        "[[networks.main.tiers]]\nfrom = \"10000\"\nconfirmations = 11",
        &[
            "f.toml:23:17: networks.main.tiers[0].confirmations: DAI: from 0 on 12 confirmations are needed, from 10000 on only 11 confirmations: set that one as well",
            "f.toml:23:17: networks.main.tiers[0].confirmations: USDT: from 0 on 12 confirmations are needed, from 10000 on only 11 confirmations: set that one as well",
        ],
    ),
    (
        "second_source = true\n[[networks.main.tiers]]\nfrom = \"10000\"\nconfirmations = 20",
        &[
            "f.toml:23:8: networks.main.tiers[0].from: USDT: from 0 on 12 confirmations and a second source are needed, from 10000 on only 20 confirmations: set that one as well",
        ],
    ),
    (
        "[[networks.main.tiers]]\nfrom = \"10\"\nconfirmations = 20\n[[networks.main.tiers]]\nfrom = \"10.0\"\nconfirmations = 30",
        &["f.toml:25:8: networks.main.tiers[1].from: there is another rule for every token from 10"],
    ),
    (
        "[[networks.main.tiers]]\nfrom = \"10\"\nconfirmations = 20\nform = \"20\"",
        &["f.toml:24:1: networks.main.tiers[0].form: unknown key"],
    ),
    (
        "[networks.main.tiers]\nfrom = \"10\"",
        &["f.toml:21:1: networks.main.tiers: must be a list of tables, written as [[networks.main.tiers]] in the file"],
    ),
    ("[[networks.main.policies]]\nconfirmations = 20", &["f.toml:21:1: networks.main.policies[0].app: must be set"]),
    (
        "[[networks.main.policies]]\napp = \"shop\"",
        &["f.toml:21:1: networks.main.policies[0]: says nothing: set `confirmations`, `second_source` or `tiers`"],
    ),
    (
        "[[networks.main.policies]]\napp = \"shop\"\ntoken = \"USDC\"\nconfirmations = 20",
        &["f.toml:23:9: networks.main.policies[0].token: is no token of this network: known here: DAI, USDT"],
    ),
    (
        "[[networks.main.policies]]\napp = \"shop\"\nconfirmations = 1\n[[networks.main.policies]]\napp = \"kiosk\"\nconfirmations = 500",
        &[
            "f.toml:23:17: networks.main.policies[0].confirmations: must be at least 2, the network's floor",
            "f.toml:26:17: networks.main.policies[1].confirmations: must be at most half of window_blocks (256): a reorg that deep could not be taken back",
        ],
    ),
    (
        "[[networks.main.policies]]\napp = \"shop\"\nconfirmations = 20\n[[networks.main.policies]]\napp = \"shop\"\nconfirmations = 21",
        &["f.toml:24:1: networks.main.policies[1]: there is another rule for every token of app shop from 0"],
    ),
];

#[test]
fn a_wrong_policy_is_named_with_its_place_and_key() {
    for (more, expected) in WRONG {
        assert_eq!(summaries(network(more, &[])), *expected, "{more}");
    }
}

#[test]
fn a_second_source_needs_a_second_endpoint_and_the_floor_must_fit_the_window() {
    let end = GROUND.find("[[networks.main.endpoints]]\nname = \"other\"").unwrap();
    let rest = GROUND.find("[[networks.main.tokens]]").unwrap();
    let alone = format!("{}{}", &GROUND[..end], &GROUND[rest..]);
    let tier = "[[networks.main.tiers]]\nfrom = \"10\"\nsecond_source = true\n";
    assert_eq!(
        summaries(load_text(&format!("{alone}second_source = true\n{tier}"), &[])),
        [
            "f.toml:18:17: networks.main.tokens[1].second_source: needs at least two endpoints",
            "f.toml:21:17: networks.main.tiers[0].second_source: needs at least two endpoints",
        ]
    );
    let base = alone.replace("confirmations = 12", "confirmations = 12\nsecond_source = true");
    assert_eq!(
        summaries(load_text(&base, &[])),
        ["f.toml:6:17: networks.main.second_source: needs at least two endpoints"]
    );
    let deep = GROUND.replace("confirmations_floor = 2", "confirmations_floor = 129");
    let most = "must be at most half of window_blocks (256): a reorg that deep could not be taken back";
    assert_eq!(summaries(load_text(&deep, &[])), [format!("f.toml:6:23: networks.main.confirmations_floor: {most}")]);
    let high = GROUND.replace("confirmations_floor = 2", "confirmations_floor = 20");
    assert_eq!(
        summaries(load_text(&high, &[])),
        ["f.toml:5:17: networks.main.confirmations: must be at least 20, the network's floor"]
    );
}

#[test]
fn a_wrong_policy_and_a_wrong_token_are_told_together() {
    let text = format!("{GROUND}[[networks.main.tiers]]\nfrom = \"10\"\nconfirmations = 500\n");
    assert_eq!(
        summaries(load_text(&text.replace("decimals = 18", "decimals = 78"), &[])),
        [
            "f.toml:16:12: networks.main.tokens[0].decimals: must be a whole number from 0 to 77",
            "f.toml:23:17: networks.main.tiers[0].confirmations: must be at most half of window_blocks (256): a reorg that deep could not be taken back",
        ]
    );
}
