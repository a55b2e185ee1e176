//! Acts at the door: who, why, for what.

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::domain::{Confirmations, Decimals, Family, Policy, Scope, Threshold, Token, TokenAmount, TokenGrant};

fn token(only: Option<&str>) -> Caller {
    Caller::Token(Arc::new(TokenGrant {
        name: "x".repeat(80),
        sha256: [0; 32],
        scopes: [Scope::Admin].into(),
        app: only.map(|app| app.parse().unwrap()),
    }))
}

fn spec() -> NetworkSpec {
    let token = |mark, symbol: &str| {
        let (contract, decimals) = (Address([mark; 20]), Decimals::new(6).unwrap());
        (contract, Token { contract, symbol: symbol.into(), decimals, minimum: TokenAmount::ZERO })
    };
    NetworkSpec {
        main_coin: None,
        id: "ethereum-mainnet".parse().unwrap(),
        family: Family::Evm,
        tokens: BTreeMap::from([token(1, "USDT"), token(2, "TWICE"), token(3, "TWICE")]),
        policy: Policy::flat(Threshold::Confirmations(Confirmations::ONE)),
        window_blocks: 64,
    }
}

#[test]
fn an_act_has_an_actor_and_a_reason() {
    for (reason, expected) in [
        ("fees are high", None),
        ("", Some("EMPTY")),
        (" \t", Some("EMPTY")),
        (&*"€".repeat(200), None),
        (&*"€".repeat(201), Some("TOO_LONG")),
        ("two\nlines", Some("CONTROL_CHARACTER")),
    ] {
        let mut form = Form::default();
        let act = form.act(&Caller::Local { uid: Some(7) }, reason);
        let problem = form.finish().err();
        let refused = problem.as_ref().map(|problem| problem.refused()[0].1);
        assert_eq!(refused, expected, "{reason:?}");
        assert_eq!((act.by.as_str(), act.why.as_str()), ("uid 7", reason));
    }
    let mut form = Form::default();
    let act = form.act_why_or_not(&token(None), "");
    assert_eq!((act.by.chars().count(), form.finish()), (ACTOR_CHARS_MAX, Ok(())));
}

#[test]
fn who_is_bound_to_an_app_decides_nothing_for_all() {
    assert_eq!(must_be_unbound(&token(None)), Ok(()));
    assert_eq!(must_be_unbound(&Caller::Local { uid: None }), Ok(()));
    assert_eq!(must_be_unbound(&token(Some("shop"))).unwrap_err().code(), Code::PermissionDenied);
}

#[test]
fn a_scope_names_what_there_is_and_bad_fields_are_told_at_once() {
    let mut form = Form::default();
    let everything = form.policy_scope(&spec(), "", "", "");
    assert_eq!(everything, PolicyScope::network());
    let (contract, app) = (Address([2; 20]), "shop".parse().unwrap());
    let narrow = form.policy_scope(&spec(), &contract.text(Family::Evm), "shop", "10000.50");
    assert_eq!((narrow.token, narrow.app, narrow.from.as_str()), (Some(contract), Some(app), "10000.5"));
    assert_eq!(form.policy_scope(&spec(), "USDT", "", "0").token, Some(Address([1; 20])));
    form.finish().unwrap();
    let long = "1".repeat(101);
    for (token, app, from, expected) in [
        ("TWICE", "a b", "1e3", vec![("token", "TOKEN_AMBIGUOUS"), ("app_id", "APP_ID_FORM"), ("from", "AMOUNT_FORM")]),
        ("usdt", "", &*long, vec![("token", "UNKNOWN_TOKEN"), ("from", "AMOUNT_TOO_LARGE")]),
        ("0x09", "", "-1", vec![("token", "UNKNOWN_TOKEN"), ("from", "AMOUNT_FORM")]),
    ] {
        let mut form = Form::default();
        form.policy_scope(&spec(), token, app, from);
        assert_eq!(form.finish().unwrap_err().refused(), expected, "{token} {app} {from}");
    }
}

#[test]
fn app_rules_are_words_and_seconds_within_a_day() {
    let mut form = Form::default();
    for policy in AmountPolicy::ALL {
        assert_eq!(form.amount_policy(amount_policy(policy).into()), Some(policy));
    }
    assert_eq!((form.amount_policy(0), form.grace_s(86_400), form.refused()), (None, 86_400, 0));
    form.amount_policy(9);
    form.grace_s(86_401);
    let problem = form.finish().unwrap_err();
    assert_eq!(problem.refused(), [("amount_policy", "AMOUNT_POLICY_UNKNOWN"), ("grace_seconds", "GRACE_TOO_LONG")]);
}
