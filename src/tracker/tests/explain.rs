//! Explanations: the same scripts as the stories, then what is said of a transaction.
//!
//! What a node says: `t1 in 2a: A 50; A<A 5; 0 A; flaw 4; other; A 7 of x` (logs of the token unless `of` says another),
//! `t1 failed in 2a: …`, `t1 waits`, `t1 nowhere`, `t1 silent` (no node answers).

mod stories;

use super::{World, address, app, at, evidence_of, expect, network, tx};
use crate::{
    domain::{
        BlockRef, Explanation, Height, LogOrdinal, Millis, Need, Policy, Scan, ScanTarget, Since, Timestamp,
        TokenAmount, Transfer, TxHash, TxView,
        explain::{CheckOutcome, LogFlaw, LogKind, LogView, TxOutcome, TxPlace},
        policy::RuleSet,
    },
    tracker::explain::Facts,
};
use expect_test::Expect;

use super::TOKEN;

/// The logs of a transaction, counted per contract as an adapter counts them.
fn logs(tx: TxHash, text: &str) -> Vec<LogView> {
    let mut counts = std::collections::BTreeMap::new();
    let one = |text: &str| {
        let (text, contract) = match text.split_once(" of ") {
            Some((text, contract)) => (text, address(contract)),
            None => (text, TOKEN),
        };
        if text == "other" {
            return LogView { contract, kind: LogKind::Other };
        }
        let count = counts.entry(contract).or_insert(0_u32);
        let ordinal = LogOrdinal(*count);
        *count += 1;
        let kind = match text.split_once(' ').unwrap() {
            ("0", _) => LogKind::ZeroValue(ordinal),
            ("flaw", topics) => LogKind::Malformed(ordinal, LogFlaw::Topics(topics.parse().unwrap())),
            (who, amount) => {
                let (to, from) = who.split_once('<').unwrap_or((who, "z"));
                let amount = TokenAmount::parse_base_units(amount).unwrap();
                let (from, to) = (address(from), address(to));
                LogKind::Transfer(Transfer { tx, token: contract, ordinal, from, to, amount })
            }
        };
        LogView { contract, kind }
    };
    text.split("; ").filter(|text| !text.is_empty()).map(one).collect()
}

fn view(said: &str) -> (TxHash, Option<TxView>) {
    let (head, rest) = said.split_once(": ").unwrap_or((said, ""));
    let words: Vec<_> = head.split(' ').collect();
    let tx = tx(words[0]);
    let unknown = TxView::unknown(tx, "node");
    let in_block = |block: &str| {
        let at: BlockRef = at(block);
        TxPlace::Block { at, time: Timestamp(at.height.0 * 12), is_final: false }
    };
    let logs = logs(tx, rest);
    let view = match words[1..] {
        ["silent"] => return (tx, None),
        ["nowhere"] => unknown,
        ["waits"] => TxView { place: TxPlace::Waiting, ..unknown },
        ["in", block] => TxView { place: in_block(block), outcome: TxOutcome::Succeeded, logs, ..unknown },
        ["failed", "in", block] => {
            TxView { place: in_block(block), outcome: TxOutcome::Failed("REVERT".into()), logs, ..unknown }
        }
        _ => panic!("unknown view {said:?}"),
    };
    (tx, Some(view))
}

fn told(explained: &Explanation) -> String {
    let mut text = format!("block {}\n", explained.standing.word());
    for remark in &explained.remarks {
        text.push_str(&format!("note {}: {}\n", remark.reason, remark.text));
    }
    for one in &explained.transfers {
        let to = one
            .content
            .as_ref()
            .map_or_else(|| "?".to_owned(), |told| format!("{} {}", char::from(told.to.0[0]), told.amount));
        text.push_str(&format!("{}.{to}: {} ({}) {}\n", one.ordinal.0, one.verdict.word(), one.reason, one.text));
        let mark = |outcome| match outcome {
            CheckOutcome::Passed => "ok",
            CheckOutcome::Failed => "no",
            CheckOutcome::Waiting => "waits",
        };
        let checks: Vec<_> = one.checks.iter().map(|check| format!("{} {}", mark(check.outcome), check.name)).collect();
        text.push_str(&format!("  {}\n", checks.join(", ")));
        if let Some(missing) = &one.missing {
            text.push_str(&format!("  missing: {missing}\n"));
        }
    }
    text
}

impl World {
    fn explained(&self, said: &str, scans: &[Scan]) -> Explanation {
        let (tx, view) = view(said);
        let recorded: Vec<_> = self.rows.deposits.values().filter(|row| row.id.tx == tx).cloned().collect();
        let needs = self.tracker.needs_of_explanation(view.as_ref(), &recorded);
        let known = self.known(needs);
        let view = view.as_ref().ok_or("nobody answers");
        self.tracker.explain(Facts { tx, view, known: &known, scans })
    }
}

/// Plays the script, then explains what a node says of one transaction after the other.
fn explains(script: &str, said: &[&str], expected: Expect) {
    let mut world = World::new();
    script.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| world.step(line));
    let all: Vec<String> = said.iter().map(|said| format!("{said}\n{}", told(&world.explained(said, &[])))).collect();
    expected.assert_eq(&all.join("\n"));
}

#[test]
fn a_block_below_the_first_one_read_or_on_its_way_by_a_scan_says_so() {
    let mut world = World::new();
    let header = |name: &str| crate::domain::Header { at: at(name), ..*world.tracker.window().tip().unwrap() };
    let adopted = crate::tracker::Tracker::new(world.tracker.spec().clone()).plan_adopt(&[header("7a")]).unwrap();
    world.tracker = crate::tracker::Tracker::new(world.tracker.spec().clone());
    world.take(adopted);
    world.step("watch A");
    let below = world.explained("t1 in 3a: A 50", &[]);
    assert_eq!((below.standing.word(), below.transfers[0].reason), ("below_first", "below_first_height"));
    let scan = Scan {
        network: network(),
        target: ScanTarget::Address(address("A")),
        since: Since::Height(Height(1)),
        to: Height(6),
        next: Some(Height(2)),
        found: 0,
        created: Millis(0),
    };
    let on_its_way = world.explained("t1 in 3a: A 50", std::slice::from_ref(&scan));
    assert_eq!((on_its_way.transfers[0].verdict.word(), on_its_way.transfers[0].reason), ("waiting", "back_scan"));
    let of_another = Scan { target: ScanTarget::Address(address("B")), ..scan };
    assert_eq!(world.explained("t1 in 3a: A 50", &[of_another]).transfers[0].reason, "below_first_height");
}

#[test]
fn strangers_are_listed_up_to_a_limit_and_our_own_always() {
    let mut world = World::new();
    world.step("watch A");
    let many = vec!["Z 5"; 150].join("; ");
    let explained = world.explained(&format!("t1 in 1a: {many}; A 7"), &[]);
    assert_eq!(explained.transfers.len(), 101);
    let last = explained.transfers.last().unwrap();
    assert_eq!((last.ordinal.0, last.reason, last.owner.clone()), (150, "not_read", Some(app())));
    assert_eq!(explained.remarks.iter().filter(|remark| remark.reason == "transfers_left_out").count(), 1);
}

#[test]
fn a_second_source_is_said_to_be_missing() {
    let mut world = World::new();
    let two = Need { second_source: true, ..world.tracker.spec().policy.base() };
    world.tracker.spec.policy = Policy::compile(RuleSet::flat(two), &world.tracker.spec().tokens).unwrap();
    for line in ["watch A", "hold", "on 0: 1a[t1 A 50], 2a"] {
        world.step(line);
    }
    let explained = world.explained("t1 in 1a: A 50", &[]);
    assert_eq!((explained.transfers[0].verdict.word(), explained.transfers[0].reason), ("waiting", "second_source"));
}

#[test]
fn the_rule_told_is_the_one_that_decides() {
    // Whatever is due by the tracker waits for evidence alone, and nothing else does.
    let mut world = World::new();
    for line in [
        "tiers 2 100:5",
        "watch A",
        "order o1 B 50",
        "hold",
        "on 0: 1a[t1 A 150; t2 A 99; t3 B 50; t4 A 100], 2a[t5 A 9]",
    ] {
        world.step(line);
    }
    let due: Vec<_> = world.tracker.due(100).into_iter().map(|due| due.deposit.id).collect();
    for (name, block, log) in
        [("t1", "1a", "A 150"), ("t2", "1a", "A 99"), ("t3", "1a", "B 50"), ("t4", "1a", "A 100"), ("t5", "2a", "A 9")]
    {
        let explained = world.explained(&format!("{name} in {block}: {log}"), &[]);
        let one = &explained.transfers[0];
        let is_due = due.contains(&one.deposit.as_ref().unwrap().id);
        assert_eq!(one.reason == "evidence", is_due, "{name}: {}", one.text);
        let plan_credits = world.tracker.plan_verify(
            &[evidence_of(one.deposit.as_ref().unwrap())],
            None,
            world.known(world.tracker.needs_of_evidence(&[evidence_of(one.deposit.as_ref().unwrap())])),
        );
        assert_eq!(plan_credits.unwrap().events.len() == 1, is_due, "{name}");
    }
}
