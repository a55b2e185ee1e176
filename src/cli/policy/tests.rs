use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

fn set(line: &str) -> Result<SetPolicyRequest, clap::Error> {
    let words = ["depositd", "policy", "set"].into_iter().chain(line.split(' '));
    let cli = Cli::try_parse_from(words)?;
    let Command::Policy(PolicyCommand::Set(set)) = cli.command else { panic!("{:?}", cli.command) };
    Ok(request(set))
}

#[test]
fn a_rule_says_what_it_is_for_what_it_asks_and_why() {
    let asked = set("net --token USDT --app shop --from 10000 --confirmations 20 --second-source --dry-run --reason r");
    let asked = asked.unwrap();
    assert_eq!(
        (asked.network, asked.token, asked.app_id, asked.from),
        ("net".into(), "USDT".into(), "shop".into(), "10000".into())
    );
    assert_eq!((asked.threshold, asked.second_source), (Some(Threshold::Confirmations(20)), Some(true)));
    assert!(asked.dry_run && asked.reason == "r" && asked.etag.is_empty());
    let asked = set("net --finalized --reason r").unwrap();
    assert_eq!((asked.threshold, asked.second_source), (Some(Threshold::Finalized(true)), None));
    let asked = set("net --no-second-source --reason r").unwrap();
    assert_eq!((asked.threshold, asked.second_source, asked.dry_run), (None, Some(false), false));
    for wrong in [
        "net --reason r",
        "net --confirmations 3",
        "net --confirmations 3 --finalized --reason r",
        "net --second-source --no-second-source --reason r",
        "--confirmations 3 --reason r",
    ] {
        assert!(set(wrong).is_err(), "{wrong}");
    }
}

fn preview() -> v1::PolicyPreview {
    let token = Some(v1::Token { contract: "0xab".into(), symbol: "USDT".into(), decimals: 6 });
    let sum = v1::TokenSum { token: token.clone(), amount: "15000000".into(), display_amount: "15.000000".into() };
    let deposit = |id: &str, order: &str| v1::Deposit {
        deposit_id: id.into(),
        token: token.clone(),
        amount: "7500000".into(),
        display_amount: "7.500000".into(),
        app_id: "shop".into(),
        order_id: order.into(),
        ..Default::default()
    };
    let deposits = vec![deposit("dep_a", "o-1\u{1b}[2J"), deposit("dep_b", "")];
    let act = v1::PolicyAct { actor: "uid 0".into(), time: None, reason: "fees".into() };
    let rung = |count, origin| v1::PolicyRung {
        token: token.clone(),
        from: "0".into(),
        from_base_units: "0".into(),
        required: Some(v1::RequiredConfirmations { rule: Some(Rule::Confirmations(count)) }),
        origin: Some(v1::PolicyOrigin { origin: Some(origin) }),
        scope: Some(v1::PolicyScope { from: "0".into(), ..Default::default() }),
        ..Default::default()
    };
    use v1::policy_origin::Origin;
    let own = v1::PolicyRung {
        app_id: "shop".into(),
        second_source: true,
        scope: Some(v1::PolicyScope { token: "0xab".into(), app_id: "shop".into(), from: "0".into() }),
        ..rung(1, Origin::Runtime(act))
    };
    let rungs = vec![rung(12, Origin::File("depositd.toml:9".into())), own];
    v1::PolicyPreview {
        credited: Some(v1::DepositSum { count: 2, sums: vec![sum], deposits }),
        held_back: Some(v1::DepositSum::default()),
        policy: Some(v1::NetworkPolicy { network: "net".into(), etag: "e".into(), rungs }),
    }
}

#[test]
fn a_preview_says_how_many_how_much_and_which() {
    let text = preview_text(&preview(), true);
    assert_eq!(
        text,
        [
            "would credit 2 deposits: 15.000000 USDT",
            "  dep_a 7.500000 USDT, app shop, order o-1\\u{1b}[2J",
            "  dep_b 7.500000 USDT, app shop",
            "would hold back 0 deposits",
        ]
    );
    assert_eq!(preview_text(&preview(), false)[0], "credits 2 deposits: 15.000000 USDT");
    let json = preview_json(&preview(), true);
    assert_eq!((&json["dry_run"], &json["credited"]["count"]), (&json!(true), &json!(2)));
    assert_eq!(json["credited"]["sums"][0]["amount"], "15000000");
    assert_eq!(json["credited"]["deposits"][1]["deposit_id"], "dep_b");
    assert_eq!(json["policy"]["rungs"][1]["origin"]["runtime"]["actor"], "uid 0");
}

#[test]
fn tiers_are_shown_with_and_without_their_origin() {
    let policy = preview().policy.unwrap();
    let shown = networks(std::slice::from_ref(&policy), true);
    assert_eq!(
        shown.rows[0],
        ["net", "USDT", "every", "0", "12 confirmations", "depositd.toml:9", "every token from 0"]
    );
    assert_eq!(
        shown.rows[1],
        [
            "net",
            "USDT",
            "shop",
            "0",
            "1 confirmation and a second source",
            "set by uid 0 at : fees",
            "USDT of app shop from 0",
        ]
    );
    assert_eq!(networks(&[policy], false).rows[0].len(), RUNG.len());
    assert_eq!(shown.json["networks"][0]["etag"], "e");
    assert_eq!(shown.json["networks"][0]["rungs"][0]["required"]["confirmations"], 12);
}
