use super::*;
use crate::domain::Token;
use std::collections::BTreeMap;

const USDT: Address = Address([1; 20]);
const DAI: Address = Address([2; 20]);

fn tokens() -> BTreeMap<Address, Token> {
    let token = |contract, symbol: &str, decimals| Token {
        contract,
        symbol: symbol.to_owned(),
        decimals: Decimals::new(decimals).unwrap(),
        minimum: TokenAmount::ZERO,
    };
    BTreeMap::from([(USDT, token(USDT, "USDT", 6)), (DAI, token(DAI, "DAI", 18))])
}

fn need(text: &str) -> Need {
    let (threshold, second_source) = match text.split_once('+') {
        Some((threshold, _)) => (threshold, true),
        None => (text, false),
    };
    let threshold = match threshold {
        "final" => Threshold::Finalized,
        count => Threshold::Confirmations(Confirmations::new(count.parse().unwrap()).unwrap()),
    };
    Need { threshold, second_source }
}

/// `token app from need`, `*` for any.
fn rule(text: &str) -> Rule {
    let words: Vec<&str> = text.split_whitespace().collect();
    let token = match words[0] {
        "USDT" => Some(USDT),
        "DAI" => Some(DAI),
        "other" => Some(Address([9; 20])),
        _ => None,
    };
    let app = (words[1] != "*").then(|| words[1].parse().unwrap());
    let scope = Scope { token, app, from: TierFrom::parse(words[2]).unwrap() };
    Rule { scope, need: need(words[3]), origin: Origin::File(text.to_owned()) }
}

fn rules(file: &[&str], runtime: &[&str]) -> RuleSet {
    let limits =
        Limits { floor: Confirmations::new(2).unwrap(), ceiling: Confirmations::new(64).unwrap(), endpoints: 2 };
    let runtime = runtime.iter().map(|text| {
        let rule = rule(text);
        let act = Act { by: "uid 0".into(), at: Millis(0), why: String::new() };
        let set = PolicyOverride { network: "net".parse().unwrap(), scope: rule.scope.clone(), need: rule.need, act };
        (rule.scope, set)
    });
    RuleSet { limits, file: file.iter().map(|text| rule(text)).collect(), runtime: runtime.collect() }
}

#[test]
fn of_rules_for_the_same_amount_the_most_specific_counts_and_what_was_set_last() {
    let file = ["* * 0 12", "* * 10000 20+", "USDT * 0 10", "* shop 0 14", "USDT shop 0 13", "DAI * 0.5 16"];
    for (runtime, token, app, amount, expected) in [
        (vec![], USDT, "any", 1, "10"),
        (vec![], DAI, "any", 1, "12"),
        (vec![], DAI, "any", 500_000_000_000_000_000, "16"),
        (vec![], DAI, "any", 499_999_999_999_999_999, "12"),
        (vec![], DAI, "shop", 1, "14"),
        (vec![], USDT, "shop", 1, "13"),
        (vec![], USDT, "shop", 9_999_999_999, "13"),
        (vec![], USDT, "shop", 10_000_000_000, "20+"),
        (vec!["USDT * 0 11"], USDT, "any", 1, "11"),
        (vec!["USDT * 0 11"], USDT, "shop", 1, "13"),
        (vec!["* * 0 9"], USDT, "any", 1, "10"),
        (vec!["USDT other 0 final", "USDT other 10000 final+"], USDT, "other", 1, "final"),
    ] {
        let policy = Policy::compile(rules(&file, &runtime), &tokens()).unwrap();
        let found = policy.need_for(token, &app.parse().unwrap(), TokenAmount::of(amount));
        assert_eq!(found, need(expected), "{runtime:?} {token:?} {app} {amount}");
    }
}

#[test]
fn rules_that_cannot_stand_are_named_all_at_once() {
    let problems = |file: &[&str]| -> Vec<String> {
        let problems = Policy::compile(rules(file, &[]), &tokens()).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    };
    for (file, expected) in [
        (vec!["USDT * 0 12"], vec!["there is no rule for the whole network"]),
        (vec!["* * 0 1"], vec!["every token from 0: 1 confirmations are below 2, the network's floor"]),
        (
            vec!["* * 0 12", "* * 100 2", "other * 0 70"],
            vec![
                "every token from 100: 2 confirmations are below 3, the least a tier above the first may ask for",
                "0x0909090909090909090909090909090909090909 from 0: the token is not configured on this network",
                "0x0909090909090909090909090909090909090909 from 0: 70 confirmations are above 64, half of \
                 window_blocks: a reorg that deep could not be taken back",
            ],
        ),
        (vec!["* * 0 12", "* * 0 13"], vec!["every token from 0: there are two rules for it"]),
        (
            vec!["* * 0 12", "* * 0.0000001 13"],
            vec![
                "every token from 0.0000001: USDT has no such amount: the amount has more decimals than the token (6)",
            ],
        ),
        (
            vec!["* * 0 12", "* * 1000 20", "* shop 0 30"],
            vec![
                "USDT for app shop: from 0 on 30 confirmations are needed, from 1000 on only 20 confirmations: set that \
                 one as well",
                "DAI for app shop: from 0 on 30 confirmations are needed, from 1000 on only 20 confirmations: set that \
                 one as well",
            ],
        ),
        (
            vec!["* * 0 12+", "DAI * 1000 20"],
            vec![
                "DAI: from 0 on 12 confirmations and a second source are needed, from 1000 on only 20 confirmations: \
                 set that one as well",
            ],
        ),
        (vec!["* * 0 12", "* * 1000 final", "* * 5000 final+"], vec![]),
    ] {
        assert_eq!(problems(&file), expected, "{file:?}");
    }
    let one_endpoint = |rules: RuleSet| RuleSet { limits: Limits { endpoints: 1, ..rules.limits }, ..rules };
    let refused = Policy::compile(one_endpoint(rules(&["* * 0 12+"], &[])), &tokens()).unwrap_err();
    assert_eq!(refused, [PolicyProblem::OneEndpoint { place: "every token from 0".into() }]);
}

#[test]
fn the_networks_word_never_gives_less_than_the_floor() {
    let policy = Policy::compile(rules(&["* * 0 final"], &[]), &tokens()).unwrap();
    let standing =
        |confirmations, finalized| Standing { confirmations: Confirmations::new(confirmations).unwrap(), finalized };
    assert!(!policy.is_met(policy.base(), standing(1, true)));
    assert!(policy.is_met(policy.base(), standing(2, true)));
    assert!(!policy.is_met(policy.base(), standing(60, false)));
}

#[test]
fn tiers_are_written_one_way() {
    for (text, expected) in [("0", "0"), ("0.0", "0"), ("10000", "10000"), ("0.50", "0.5"), ("12.0", "12")] {
        assert_eq!(TierFrom::parse(text).unwrap().as_str(), expected, "{text}");
    }
    for wrong in ["", ".5", "5.", "1e3", "-1", "00", "1,000"] {
        assert!(TierFrom::parse(wrong).is_err(), "{wrong}");
    }
}
