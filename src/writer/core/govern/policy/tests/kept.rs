//! What is kept of a change: its record, across restarts, reloads and beside other changes.

use super::*;

#[test]
fn every_change_has_its_record_in_the_same_commit_and_a_repeat_has_none() {
    let mut world = World::at_tip(5, &[]);
    let sequence = world.commit();
    world.change("USDT * 0", Some("4"), false).unwrap();
    let again = PolicyChange {
        network: net(),
        scope: scope("USDT * 0"),
        need: Some(NeedWish { threshold: Some(need("4").threshold), second_source: None }),
        etag: None,
        dry_run: false,
        act: Act { by: "uid 8".into(), ..act("again") },
    };
    let told = world.change_as(again).unwrap();
    assert_eq!((told.credited.count, told.held_back.count), (0, 0));
    world.change("USDT * 0", Some("3"), true).unwrap();
    world.change("USDT * 0", None, false).unwrap();
    assert_eq!(world.commit() - sequence, 2, "one commit for each of the two changes");
    let told: Vec<_> = world
        .records()
        .iter()
        .map(|record| {
            let words =
                [&record.subject, &record.before, &record.after, &record.act.by, &record.act.why].map(String::as_str);
            format!("{} {}", record.action.word(), words.join(" | "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "policy.set net USDT from 0 |  | 4 confirmations (set by uid 7) | uid 7 | test",
            "policy.clear net USDT from 0 | 4 confirmations (set by uid 7) |  | uid 7 | test",
        ]
    );
}

#[test]
fn nothing_of_a_commit_that_failed_is_there_afterwards() {
    for (fault, survives) in [(crate::store::Fault::BeforeApply, false), (crate::store::Fault::AfterApply, true)] {
        let mut world = World::at_tip(5, &[]);
        world.engine.fail_next(fault);
        let change = PolicyChange {
            network: net(),
            scope: scope("* * 0"),
            need: Some(NeedWish { threshold: Some(need("4").threshold), second_source: None }),
            etag: None,
            dry_run: false,
            act: act("test"),
        };
        world.core.change_policy(&change).unwrap();
        world.core.commit().unwrap_err();
        let core = load(&world.engine, spec(1, &FILE)).unwrap();
        let records = core.store().reader().audit(0, 100).unwrap();
        let is_set = core.specs().now()[&net()].policy.base() == need("4");
        let is_told = records.iter().any(|record| record.action == Action::PolicySet);
        assert_eq!((is_set, is_told), (survives, survives), "the rule and its record, or neither: {fault:?}");
    }
}

#[test]
fn rules_set_while_running_survive_a_restart_and_are_refused_where_they_do_not_fit_any_more() {
    let mut world = World::at_tip(5, &[]);
    world.change("USDT shop 0", Some("4"), false).unwrap();
    world.change("* * 1000", Some("20"), false).unwrap();
    let policy = world.policy();
    let again = load(&world.engine, spec(1, &FILE)).unwrap();
    assert_eq!(again.specs().now()[&net()].policy, policy);
    assert_eq!(again.specs().now()[&net()].policy.etag(), policy.etag());
    for (floor, file, expected) in [
        (5, vec!["* * 0 6", "* * 1000 8"], "USDT of app shop from 0: 4 confirmations are below 5, the network's floor"),
        (1, vec!["* * 0 21", "* * 1000 22"], "from 0 on 21 confirmations are needed, from 1000 on only 20"),
    ] {
        let refused = load(&world.engine, spec(floor, &file)).unwrap_err().to_string();
        assert!(refused.starts_with("net: rules that were set while running do not fit"), "{refused}");
        assert!(refused.contains(expected), "{refused}");
        assert!(refused.ends_with("clear them with 'depositd policy clear'"), "{refused}");
    }
    assert!(load(&world.engine, spec(1, &FILE)).is_ok(), "with what was configured it starts again");
}

#[test]
fn a_change_decided_on_other_rules_is_refused() {
    let mut world = World::at_tip(5, &[]);
    let change = |etag: String, dry_run| PolicyChange {
        network: net(),
        scope: scope("* * 0"),
        need: Some(NeedWish { threshold: Some(need("5").threshold), second_source: None }),
        etag: Some(etag),
        dry_run,
        act: act("test"),
    };
    let (first, second) = (world.policy().etag(), {
        world.change("* * 1000", Some("9"), false).unwrap();
        world.policy().etag()
    });
    for dry_run in [true, false] {
        let refused = world.change_as(change(first.clone(), dry_run)).unwrap_err();
        assert!(refused.contains("the rules of net have changed since they were read"), "{refused}");
    }
    assert!(world.change_as(change(second.clone(), true)).is_ok());
    assert!(world.change_as(change(second.clone(), false)).is_ok());
    assert!(world.change_as(change(second, false)).is_err(), "its own change is one, too");
    let third = world.policy().etag();
    world.change("* * 1000", None, false).unwrap();
    world.change("* * 1000", Some("9"), false).unwrap();
    assert_eq!(world.policy().etag(), third, "the same rule by the same act");
    world
        .core
        .change_policy(&PolicyChange { act: Act { at: Millis(2_000), ..act("later") }, ..change(third.clone(), false) })
        .unwrap();
    assert_eq!(world.policy().etag(), third, "a repeat is no change");
}

#[test]
fn a_reload_takes_all_networks_or_none_and_says_what_it_credits() {
    let mut world = World::at_tip(5, &[]);
    world.change("USDT * 1000", Some("20"), false).unwrap();
    let by = Act { by: "SIGHUP".into(), ..act("") };
    assert_eq!(world.core.reload(&[spec(1, &FILE)], false, &by).unwrap(), [], "nothing has changed");
    let lower = spec(1, &["* * 0 4", "* * 1000 8"]);
    let tried = world.core.reload(std::slice::from_ref(&lower), true, &by).unwrap();
    assert_eq!(numbers(&tried[0].credited), BTreeSet::from([1, 2]));
    // A minimum that rises turns away what lies below it.
    let mut stricter = lower.clone();
    stricter.tokens.get_mut(&USDT).unwrap().minimum = TokenAmount::of(6_000_000);
    let tried = world.core.reload(&[stricter], true, &by).unwrap();
    assert_eq!(numbers(&tried[0].credited), BTreeSet::from([2]));
    let elsewhere = NetworkSpec { id: "elsewhere".parse().unwrap(), ..lower.clone() };
    world.core.reload(&[lower.clone(), elsewhere], false, &by).unwrap_err();
    for wrong in [
        NetworkSpec { window_blocks: 32, ..lower.clone() },
        NetworkSpec { tokens: BTreeMap::new(), ..lower.clone() },
        spec(1, &["* * 0 21", "* * 1000 22"]),
    ] {
        world.core.reload(&[wrong], false, &by).unwrap_err();
    }
    world.commit();
    assert_eq!((world.records().len(), world.policy().base()), (1, need("6")), "nothing was taken over");
    world.core.reload(&[lower], false, &by).unwrap();
    world.commit();
    let record = world.records().pop().unwrap();
    assert_eq!((record.subject.as_str(), record.act.by.as_str()), ("net", "SIGHUP"));
    assert_eq!(
        (record.before.as_str(), record.after.as_str()),
        ("every token from 0: 6 confirmations", "every token from 0: 4 confirmations")
    );
    assert_eq!(
        world.policy().need_for(USDT, &shop(), TokenAmount::of(5_000_000_000)),
        need("20"),
        "what was set stays"
    );
    assert_eq!(world.credit(), BTreeSet::from([1, 2]));
}

#[test]
fn a_reload_that_lowers_only_the_floor_is_recorded() {
    let mut world = World::at_tip(5, &[]);
    let by = Act { by: "SIGHUP".into(), ..act("") };
    world.core.reload(&[spec(3, &FILE)], false, &by).unwrap();
    world.core.reload(&[spec(2, &FILE)], false, &by).unwrap();
    world.commit();
    let told: Vec<_> = world.records().into_iter().map(|record| (record.before, record.after)).collect();
    let floor = |count: &str| format!("at least {count}");
    let (one, two, three) = (floor("1 confirmation"), floor("2 confirmations"), floor("3 confirmations"));
    assert_eq!(told, [(one, three.clone()), (three, two)]);
}
