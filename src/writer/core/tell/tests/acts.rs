//! What people do with single events and endpoints.

use super::*;
use crate::{
    domain::{AttemptNo, Trigger, WhyParked},
    writer::{Fault, Refusal},
};

fn precondition<T: std::fmt::Debug>(outcome: Result<T, Fault>) -> String {
    match outcome {
        Err(Fault::Refused(Refusal::Precondition(why))) => why,
        other => panic!("a precondition is missing: {other:?}"),
    }
}

#[test]
fn a_dead_letter_sent_again_has_a_new_schedule_and_holds_the_next_version_back() {
    let mut core = core();
    let (one, two) = (money("shop", 1, 1), money("shop", 1, 2));
    tell(&mut core, vec![event("shop", 1, 1), event("shop", 1, 2)], 1);
    for at in 1..=10 {
        post(&mut core, &one, refused(), at * 100_000_000);
    }
    let on_its_way = attempt(&row(&core, &two), refused(), 1_100_000_000);
    let at = 2_000_000_000;
    let audit = count(&core, "audit");
    let again = core.resend(&one, &act(at)).unwrap();
    core.commit().unwrap();
    assert_eq!((again.state, again.tries), (NotificationState::Due(Millis(at)), 0));
    assert_eq!((again.attempts, again.trigger), (AttemptNo(10), Trigger::Manual), "numbers go on");
    assert_eq!(state(&core, &two), NotificationState::Waiting, "the order of versions");
    assert_eq!(count(&core, "audit"), audit + 1);

    core.settle(&Settlement { event: two.clone(), attempt: on_its_way, ended: Millis(at + 1) }).unwrap();
    core.commit().unwrap();
    assert_eq!(state(&core, &two), NotificationState::Waiting, "it was on its way, and it still waits");
    post(&mut core, &one, refused(), at + 2);
    assert!(matches!(state(&core, &one), NotificationState::Due(due) if due > Millis(at + 3)), "a new schedule");
    post(&mut core, &one, Outcome::Accepted, at + 4);
    assert_eq!(state(&core, &two), NotificationState::Due(Millis(at + 5)), "never lost");
}

#[test]
fn a_delivered_one_is_sent_once_more_and_stays_delivered_whatever_comes() {
    for outcome in [Outcome::Accepted, refused(), Outcome::Gone, Outcome::Blocked] {
        let mut core = core();
        let id = money("shop", 1, 1);
        tell(&mut core, vec![event("shop", 1, 1)], 1);
        post(&mut core, &id, Outcome::Accepted, 5);
        let again = core.resend(&id, &act(9)).unwrap();
        core.commit().unwrap();
        assert_eq!(again.state, NotificationState::Resend { delivered: Millis(6), due: Millis(9) });
        let due = core.store().reader().due(again.endpoint(), Millis(9), 9).unwrap();
        assert_eq!(due.as_slice(), std::slice::from_ref(&id));
        post(&mut core, &id, outcome, 10);
        assert_eq!(state(&core, &id), NotificationState::Delivered(Millis(6)));
        assert_eq!(row(&core, &id).attempts, AttemptNo(2));
        assert_eq!(count(&core, "due"), 0);
    }
}

#[test]
fn a_due_one_is_due_now_and_asking_again_changes_nothing() {
    let mut core = core();
    let id = money("shop", 1, 1);
    tell(&mut core, vec![event("shop", 1, 1)], 1);
    post(&mut core, &id, refused(), 2);
    assert!(core.resend(&id, &act(4)).unwrap().due() == Some(Millis(4)));
    core.commit().unwrap();
    let (before, audit) = (row(&core, &id), count(&core, "audit"));
    core.resend(&id, &act(9)).unwrap();
    core.commit().unwrap();
    assert_eq!((row(&core, &id), count(&core, "audit")), (before, audit));

    post(&mut core, &id, Outcome::Accepted, 10);
    core.resend(&id, &act(11)).unwrap();
    core.commit().unwrap();
    let (before, audit) = (row(&core, &id), count(&core, "audit"));
    core.resend(&id, &act(12)).unwrap();
    core.commit().unwrap();
    assert_eq!((row(&core, &id), count(&core, "audit")), (before, audit), "it is about to be sent once more");
}

#[test]
fn what_cannot_be_sent_says_why_and_is_not_recorded() {
    use NotificationState::{Closed, Silent, Untold};
    let mut core = core();
    let id = |version| money("shop", 1, version);
    tell(&mut core, vec![event("shop", 1, 1), event("shop", 1, 2)], 1);
    let audit = count(&core, "audit");
    let why = precondition(core.resend(&id(2), &act(2)));
    assert!(why.contains("waits") && why.contains(id(1).as_str()), "{why}");
    let cases =
        [(Silent(Silence::NoWords), "no_words"), (Untold(Millis(3)), "no words"), (Closed(Millis(3)), "closed")];
    for (state, word) in cases {
        force(&mut core, &id(1), state);
        let why = precondition(core.resend(&id(1), &act(2)));
        assert!(why.contains(word), "{why}");
    }
    core.commit().unwrap();
    assert_eq!(count(&core, "audit"), audit);
    assert!(matches!(core.resend(&money("shop", 9, 1), &act(2)), Err(Fault::Refused(Refusal::NotFound { .. }))));
}

#[test]
fn closing_ends_what_waits_for_a_person_and_nothing_else() {
    use NotificationState::{Closed, DeadLetter, Delivered, Due, Silent, Untold, Waiting};
    let mut core = core();
    let id = money("shop", 1, 1);
    tell(&mut core, vec![event("shop", 1, 1)], 1);
    for state in [Due(Millis(1)), Delivered(Millis(1)), Silent(Silence::Dust)] {
        force(&mut core, &id, state);
        assert!(precondition(core.close_delivery(&id, &act(2))).contains("nothing to close"));
    }
    for open in [DeadLetter(Millis(1)), Untold(Millis(1))] {
        force(&mut core, &id, open);
        let audit = count(&core, "audit");
        assert_eq!(core.close_delivery(&id, &act(5)).unwrap().state, Closed(Millis(5)));
        core.commit().unwrap();
        assert_eq!(count(&core, "dead_letters") + count(&core, "untold"), 0);
        core.close_delivery(&id, &act(6)).unwrap();
        core.commit().unwrap();
        assert_eq!(state(&core, &id), Closed(Millis(5)));
        assert_eq!(count(&core, "audit"), audit + 1, "again changes nothing");
    }
    force(&mut core, &id, Waiting);
    assert!(precondition(core.close_delivery(&id, &act(2))).contains("waiting"));
}

#[test]
fn parking_holds_rows_and_resuming_rings_for_them() {
    let mut core = core();
    let id = money("shop", 1, 1);
    tell(&mut core, vec![event("shop", 1, 1)], 1);
    let lane = row(&core, &id).endpoint();
    let audit = count(&core, "audit");
    core.take_touched();
    for (at, is_new) in [(5, true), (6, false)] {
        let parked = core.park_endpoint(lane, &act(at)).unwrap().parked.unwrap();
        core.commit().unwrap();
        assert_eq!((parked.since, parked.why), (Millis(5), WhyParked::Operator(act(5))));
        assert_eq!(core.take_touched().contains(&lane), is_new);
    }
    assert_eq!(count(&core, "audit"), audit + 1);
    assert!(core.alarms.is_empty(), "a person did it");
    tell(&mut core, vec![event("shop", 2, 1)], 7);
    assert!(core.store().endpoint(lane).unwrap().unwrap().parked.is_some(), "an event does not resume it");
    assert_eq!(core.store().reader().pending(lane, 9).unwrap(), 2, "held, not lost");
    core.take_touched();
    for is_new in [true, false] {
        assert_eq!(core.resume_endpoint(lane, &act(8)).unwrap().parked, None);
        core.commit().unwrap();
        assert_eq!(core.take_touched().contains(&lane), is_new, "the bell rings");
    }
    assert_eq!(count(&core, "audit"), audit + 2);
    let nobody = crate::domain::EndpointId([1; 8]);
    assert!(matches!(core.park_endpoint(nobody, &act(9)), Err(Fault::Refused(Refusal::NotFound { .. }))));
}

#[test]
fn a_resumed_endpoint_has_its_five_days_again() {
    let mut core = core();
    tell(&mut core, (1..=12).map(|number| event("shop", number, 1)).collect(), 1);
    let day = 86_400_000;
    for number in 1..=11_u8 {
        post(&mut core, &money("shop", number, 1), refused(), u64::from(number) * day);
    }
    let lane = row(&core, &money("shop", 1, 1)).endpoint();
    assert!(core.store().endpoint(lane).unwrap().unwrap().parked.is_some());
    core.resume_endpoint(lane, &act(12 * day)).unwrap();
    post(&mut core, &money("shop", 12, 1), refused(), 13 * day);
    let after = core.store().endpoint(lane).unwrap().unwrap();
    assert_eq!((after.parked, after.failures), (None, 1));
}

#[test]
fn a_test_is_recorded_outside_of_the_feed_and_takes_no_event_s_place() {
    for (outcome, word) in [(Outcome::Accepted, "delivered"), (refused(), "closed"), (Outcome::Gone, "closed")] {
        let mut core = core();
        let real = money("shop", 1, 1);
        tell(&mut core, vec![event("shop", 1, 1)], 1);
        let audit = count(&core, "audit");
        let id = EventId::test(&[3; 20]);
        let test = Notification {
            id: id.clone(),
            place: EventPlace::default(),
            trigger: Trigger::Test,
            then: None,
            ..row(&core, &real)
        };
        let tried = attempt(&test, outcome, 5);
        core.record_test(&test, &tried, Millis(6), &act(6)).unwrap();
        core.commit().unwrap();
        assert_eq!(state(&core, &id).word(), word);
        assert_eq!(count(&core, "feed"), 1);
        assert_eq!(count(&core, "due"), 1, "the real one only");
        assert_eq!(count(&core, "audit"), audit + 1);
        let endpoint = core.store().endpoint(test.endpoint()).unwrap().unwrap();
        assert_eq!((endpoint.parked, endpoint.failures), (None, 0), "a test parks nobody");
        precondition(core.record_test(&test, &tried, Millis(7), &act(7)));

        let before = row(&core, &real);
        let forged = Notification { body: b"{}".to_vec(), ..before.clone() };
        precondition(core.record_test(&forged, &attempt(&forged, refused(), 8), Millis(9), &act(9)));
        assert_eq!(row(&core, &real), before, "an event is never overwritten");
    }
}
