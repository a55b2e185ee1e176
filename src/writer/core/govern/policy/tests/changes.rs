//! What a change credits, holds back, or is refused for.

use super::*;

#[test]
fn what_a_dry_run_says_is_what_then_is_credited() {
    // At block 5 what is in block 2 has four confirmations, what is in block 3 three. Of the two payments of the order
    // only the first counts, nobody waits for the fourth, and what is held stays held.
    type Case = (&'static [u8], &'static [(&'static str, &'static str)], &'static [&'static [u8]]);
    let cases: [Case; 10] = [
        (&[], &[("* * 0", "5")], &[&[]]),
        (&[], &[("* * 0", "4")], &[&[1, 2]]),
        (&[], &[("* * 0", "3")], &[&[1, 2, 5]]),
        (&[5], &[("* * 0", "3")], &[&[1, 2]]),
        // The first payment of the order is held: the second waits for it.
        (&[2], &[("* * 0", "3")], &[&[1, 5]]),
        (&[], &[("USDT * 0", "4"), ("USDT * 0", "3")], &[&[1, 2], &[5]]),
        (&[], &[("DAI * 0", "3")], &[&[]]),
        (&[], &[("* shop 0", "3"), ("* * 0", "2")], &[&[1, 2, 5], &[]]),
        (&[], &[("* other 0", "3")], &[&[]]),
        (&[], &[("* * 0", "3"), ("* * 1000", "4"), ("USDT shop 1000", "3")], &[&[1, 2, 5], &[], &[6]]),
    ];
    for (held, changes, expected) in cases {
        let mut world = World::at_tip(5, held);
        assert_eq!(world.credit(), BTreeSet::new(), "nothing is due under the file's rules");
        for ((place, asked), expected) in changes.iter().zip(expected) {
            let place_of = format!("held {held:?}, {place} {asked}");
            let (rules, records) = (world.policy(), world.records());
            let tried = world.change(place, Some(asked), true).unwrap();
            assert_eq!((world.policy(), world.records()), (rules, records), "{place_of}: trying changes nothing");
            let done = world.change(place, Some(asked), false).unwrap();
            assert_eq!(tried, done, "{place_of}");
            assert_eq!(world.policy(), done.policy, "{place_of}");
            assert!(is_added_up(&done.credited), "{place_of}: {:?}", done.credited);
            let credited = world.credit();
            assert_eq!(numbers(&done.credited), credited, "{place_of}");
            assert_eq!(credited, expected.iter().copied().collect(), "{place_of}");
            assert_eq!(done.held_back, Credits::default(), "{place_of}");
        }
    }
}

#[test]
fn raising_holds_back_what_is_not_credited_and_takes_nothing_back() {
    // At block 7 what is in block 2 has the six confirmations it needs.
    for (change, expected) in [("7", vec![1, 2]), ("32", vec![1, 2]), ("final", vec![1, 2]), ("6", vec![])] {
        let mut world = World::at_tip(7, &[]);
        world.change("* * 1000", Some("final"), false).unwrap();
        let preview = world.change("* * 0", Some(change), false).unwrap();
        assert_eq!(numbers(&preview.held_back), expected.iter().copied().collect(), "{change}");
        assert!(is_added_up(&preview.held_back) && preview.credited.count == 0, "{change}");
        assert_eq!(world.credit().is_empty(), !expected.is_empty(), "{change}");
    }
    let mut world = World::at_tip(7, &[]);
    assert_eq!(world.credit(), BTreeSet::from([1, 2]));
    world.change("* * 1000", Some("32"), false).unwrap();
    let preview = world.change("* * 0", Some("32"), false).unwrap();
    assert_eq!((preview.credited.count, preview.held_back.count), (0, 0));
    for number in [1, 2] {
        assert_eq!(world.core.store().deposit(&id(number)).unwrap().unwrap().state, DepositState::Confirmed);
    }
}

#[test]
fn clearing_brings_the_configured_rule_back() {
    let mut world = World::at_tip(5, &[]);
    let before = world.policy();
    assert_eq!(
        world.change("* * 0", None, false),
        Err("policy override \"every token from 0\" does not exist".to_owned())
    );
    world.change("* * 0", Some("4"), false).unwrap();
    let tried = world.change("* * 0", None, true).unwrap();
    assert_eq!(numbers(&tried.held_back), BTreeSet::from([1, 2]));
    assert_eq!(world.change("* * 0", None, false), Ok(tried));
    assert_eq!((world.policy(), world.credit()), (before, BTreeSet::new()));
    // The configured tier would stand below the one that stays.
    world.change("* * 1000", Some("20"), false).unwrap();
    world.change("* * 0", Some("10"), false).unwrap();
    let refused = world.change("* * 1000", None, false).unwrap_err();
    assert!(refused.contains("from 0 on 10 confirmations are needed, from 1000 on only 8"), "{refused}");
}

#[test]
fn rules_that_cannot_stand_are_refused_and_leave_nothing_behind() {
    let mut world = World::at_tip(5, &[]);
    let before = world.policy();
    for (place, asked, expected) in [
        ("* * 0", "9", "from 0 on 9 confirmations are needed, from 1000 on only 8 confirmations: set that one as well"),
        ("* * 5000", "2", "2 confirmations are below 3"),
        ("* * 0", "33", "33 confirmations are above 32"),
        ("* * 0", "final", "from 0 on finalized are needed"),
        ("USDT * 0.0000001", "9", "USDT has no such amount"),
        ("* nobody 0", "5", "app \"nobody\" does not exist"),
    ] {
        for dry_run in [true, false] {
            let refused = world.change(place, Some(asked), dry_run).unwrap_err();
            assert!(refused.contains(expected), "{place} {asked}: {refused}");
        }
    }
    assert_eq!((world.policy(), world.records().len()), (before, 0));
    let elsewhere = PolicyChange {
        network: "elsewhere".parse().unwrap(),
        scope: scope("* * 0"),
        need: None,
        etag: None,
        dry_run: false,
        act: act("x"),
    };
    assert_eq!(world.change_as(elsewhere), Err("network elsewhere is not configured".to_owned()));
}

#[test]
fn what_is_not_said_stays_as_it_is_or_must_be_said() {
    let file = ["* * 0 6", "USDT * 0 10", "* * 1000 12+"];
    let (deeper, second) = (Some(need("7").threshold), Some(true));
    for (place, threshold, second_source, expected) in [
        ("* * 0", None, second, Ok("6+")),
        ("USDT * 0", None, second, Ok("10+")),
        ("USDT shop 0", None, second, Ok("10+")),
        ("USDT shop 50", None, second, Ok("10+")),
        ("DAI shop 0", deeper, None, Ok("7")),
        ("DAI shop 2000", None, Some(false), Ok("12")),
        ("* * 1000", Some(Threshold::Finalized), None, Ok("final+")),
        ("* shop 0", deeper, None, Ok("7")),
        // The rule would outrank both tokens' own: neither's depth may become the other's unsaid.
        ("* shop 0", None, second, Err("every token of app shop from 0: how deep a deposit must lie")),
    ] {
        let wish = NeedWish { threshold, second_source };
        let found = wished(&spec(1, &file), &scope(place), wish).map_err(|refusal| refusal.to_string());
        match expected {
            Ok(text) => assert_eq!(found, Ok(need(text)), "{place}"),
            Err(text) => assert!(found.as_ref().is_err_and(|found| found.starts_with(text)), "{place}: {found:?}"),
        }
    }
}
