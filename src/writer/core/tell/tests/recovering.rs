//! Sending a range again, in steps.

use super::*;
use crate::{
    domain::{EndpointId, Trigger},
    store::ToldPosition,
    writer::handle::Recover,
};

fn ask(owner: &str) -> Recover {
    Recover {
        app: owner.parse().unwrap(),
        endpoint: None,
        since: Millis(0),
        until: None,
        delivered_too: false,
        after: None,
    }
}

/// Rows of an app straight into the store, made at `created` = their number.
fn fill(core: &mut Core, owner: &str, numbers: std::ops::Range<u32>, state: NotificationState) {
    let model = delivery::compose(&event(owner, 1, 1), EventPlace(1), None, &app(owner), Millis(0)).unwrap();
    for number in numbers {
        let id = EventId::parse(&format!("{owner}_{number:05}")).unwrap();
        let (place, created) = (core.last_event.next(), Millis(u64::from(number)));
        let row = Notification { id, place, created, state, tries: 10, ..model.clone() };
        core.stage_one(Change::Notification(row)).unwrap();
    }
    core.commit().unwrap();
}

/// All steps; how many each put back.
fn whole(core: &mut Core, mut ask: Recover) -> Vec<usize> {
    let mut steps = Vec::new();
    loop {
        let step = core.recover(&ask, &act(99_999)).unwrap();
        core.commit().unwrap();
        steps.push(step.count);
        assert!(steps.len() < 100, "it comes to an end");
        match step.next {
            Some(next) => ask.after = Some(next),
            None => return steps,
        }
    }
}

const DEAD: NotificationState = NotificationState::DeadLetter(Millis(50_000));
const DONE: NotificationState = NotificationState::Delivered(Millis(50_000));

#[test]
fn dead_letters_go_again_fifty_a_commit_and_each_commit_has_its_record() {
    let mut core = core();
    fill(&mut core, "shop", 0..120, DEAD);
    fill(&mut core, "shop", 200..230, DONE);
    fill(&mut core, "bank", 0..7, DEAD);
    let audit = count(&core, "audit");
    assert_eq!(whole(&mut core, ask("shop")), [50, 50, 20]);
    assert_eq!((count(&core, "dead_letters"), count(&core, "due")), (7, 120));
    assert_eq!(count(&core, "audit"), audit + 3);
    let records = core.store().reader().audit(0, 99).unwrap();
    let last = records.iter().max_by_key(|record| record.number).unwrap();
    assert_eq!(
        (last.subject.as_str(), last.after.as_str()),
        ("app shop since 1970-01-01T00:00:00Z", "20 to be sent again")
    );
    let again = row(&core, &EventId::parse("shop_00007").unwrap());
    assert_eq!((again.state, again.tries), (NotificationState::Due(Millis(99_999)), 0));
    assert_eq!(again.trigger, Trigger::Recover);

    assert_eq!(whole(&mut core, ask("shop")), [0], "nothing is left");
    assert_eq!(count(&core, "audit"), audit + 3, "a step that finds nothing leaves no record");
}

#[test]
fn a_step_looks_at_a_thousand_rows_at_most() {
    let mut core = core();
    fill(&mut core, "bank", 0..1100, DEAD);
    fill(&mut core, "shop", 0..3, DEAD);
    assert_eq!(whole(&mut core, ask("shop")), [0, 3]);
    fill(&mut core, "shop", 10..1010, NotificationState::Closed(Millis(1)));
    fill(&mut core, "shop", 2000..2001, DONE);
    assert_eq!(whole(&mut core, Recover { delivered_too: true, ..ask("shop") }), [0, 1]);
}

#[test]
fn a_range_is_a_range_by_the_time_of_the_commit() {
    for (since, until, count) in [(0, None, 20), (5, None, 15), (5, Some(10), 5), (0, Some(0), 0), (20, None, 0)] {
        let mut core = core();
        fill(&mut core, "shop", 0..20, DEAD);
        let ask = Recover { since: Millis(since), until: until.map(Millis), ..ask("shop") };
        assert_eq!(whole(&mut core, ask), [count], "since {since} until {until:?}");
    }
}

#[test]
fn delivered_ones_go_again_only_if_asked_for_and_stay_delivered() {
    let mut core = core();
    fill(&mut core, "shop", 0..60, DONE);
    fill(&mut core, "shop", 60..65, DEAD);
    let others = [NotificationState::Silent(Silence::Dust), NotificationState::Untold(Millis(1))];
    fill(&mut core, "shop", 70..75, others[0]);
    fill(&mut core, "shop", 80..85, others[1]);
    fill(&mut core, "bank", 0..5, DONE);
    assert_eq!(whole(&mut core, Recover { delivered_too: true, ..ask("shop") }), [50, 15]);
    let again = state(&core, &EventId::parse("shop_00003").unwrap());
    assert_eq!(again, NotificationState::Resend { delivered: Millis(50_000), due: Millis(99_999) });
    assert_eq!((count(&core, "due"), count(&core, "untold")), (65, 5));
}

#[test]
fn one_endpoint_of_an_app_can_be_meant() {
    let mut core = core();
    fill(&mut core, "shop", 0..4, DEAD);
    let (own, elsewhere) = (EndpointId::of(&app("shop").id, &app("shop").notify_url), EndpointId([7; 8]));
    assert_eq!(whole(&mut core, Recover { endpoint: Some(elsewhere), ..ask("shop") }), [0]);
    assert_eq!(whole(&mut core, Recover { endpoint: Some(own), ..ask("shop") }), [4]);
}

#[test]
fn versions_that_go_again_together_keep_their_order() {
    let mut core = core();
    tell(&mut core, (1..=3).map(|version| event("shop", 1, version)).collect(), 1);
    for version in 1..=3 {
        force(&mut core, &money("shop", 1, version), DEAD);
    }
    assert_eq!(whole(&mut core, ask("shop")), [3]);
    let states = [1, 2, 3].map(|version| state(&core, &money("shop", 1, version)).word());
    assert_eq!(states, ["due", "waiting", "waiting"]);
}

#[test]
fn foreign_positions_only_choose_where() {
    let mut core = core();
    fill(&mut core, "shop", 0..4, DEAD);
    for bytes in [vec![], vec![0xff; 40], vec![0], b"\0\0\0\0\0\0\xc3\x50shop_00001\0".to_vec()] {
        let after = Some(ToldPosition(bytes));
        core.recover(&Recover { after: after.clone(), ..ask("shop") }, &act(1)).unwrap();
        core.recover(&Recover { after, delivered_too: true, ..ask("bank") }, &act(1)).unwrap();
    }
    assert!(core.store().reader().healthy().is_ok());
}

#[test]
fn pages_of_what_waits_for_a_person_go_on_where_they_ended() {
    let mut core = core();
    fill(&mut core, "shop", 0..5, DEAD);
    fill(&mut core, "bank", 0..3, NotificationState::Untold(Millis(4)));
    let reader = core.store().reader();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = reader.dead_letters(after.as_ref(), 2).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        seen.extend(page.into_iter().map(|(_, row)| row.id.to_string()));
    }
    assert_eq!(seen, ["shop_00000", "shop_00001", "shop_00002", "shop_00003", "shop_00004"]);
    assert_eq!(reader.untold(None, 99).unwrap().len(), 3);
    assert_eq!(reader.untold(None, 2).unwrap().len(), 2);
}

#[test]
fn the_oldest_due_row_is_found_by_lane_and_over_all_lanes() {
    let mut core = core();
    let reader = core.store().reader();
    assert_eq!(reader.oldest_pending(&[]).unwrap(), None);
    fill(&mut core, "shop", 0..2, NotificationState::Due(Millis(9)));
    fill(&mut core, "bank", 0..2, NotificationState::Due(Millis(5)));
    let lane = |id: &str| EndpointId::of(&app(id).id, &app(id).notify_url);
    assert_eq!(reader.oldest_due(lane("shop")).unwrap(), Some(Millis(9)));
    assert_eq!(reader.oldest_due(EndpointId([0; 8])).unwrap(), None);
    assert_eq!(reader.oldest_pending(&[]).unwrap(), Some(Millis(5)));
    assert_eq!(reader.oldest_pending(&[lane("bank")]).unwrap(), Some(Millis(9)));
    assert_eq!(reader.oldest_pending(&[lane("bank"), lane("shop")]).unwrap(), None);
}
