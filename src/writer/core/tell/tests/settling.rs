//! What attempts do to rows and endpoints.

use super::*;
use crate::domain::{
    AttemptNo, Parked, Trigger, WhyParked,
    endpoint::{FAILING_ATTEMPTS_MIN, FAILING_MS_MAX},
};

#[test]
fn an_attempt_on_what_changed_meanwhile_is_recorded_and_counts_only_if_accepted() {
    use NotificationState::{Closed, DeadLetter, Delivered, Resend, Silent, Untold, Waiting};
    let at = Millis(7);
    let cases = [
        Silent(Silence::Withdrawn),
        Closed(at),
        Untold(at),
        Waiting,
        DeadLetter(at),
        Delivered(at),
        Resend { delivered: at, due: Millis(8) },
    ];
    for before in cases {
        for (outcome, accepted) in [(Outcome::Accepted, true), (refused(), false), (Outcome::Gone, false)] {
            let mut core = core();
            let id = money("shop", 1, 2);
            tell(&mut core, vec![event("shop", 1, 1), event("shop", 1, 2)], 1);
            force(&mut core, &id, before);
            post(&mut core, &id, outcome.clone(), 20);
            let after = match before {
                Delivered(_) | Resend { .. } => Delivered(at),
                _ if accepted => Delivered(Millis(21)),
                Waiting | NotificationState::Due(_) | DeadLetter(_) | Silent(_) | Untold(_) | Closed(_) => before,
            };
            assert_eq!(state(&core, &id), after, "{before:?} {outcome:?}");
            assert_eq!(row(&core, &id).attempts, AttemptNo(1));
            assert_eq!(core.store().reader().attempts(&id, 9).unwrap().len(), 1);
            assert!(matches!(state(&core, &money("shop", 1, 1)), NotificationState::Due(_)));
        }
    }
}

#[test]
fn an_attempt_is_recorded_once() {
    let mut core = core();
    let id = money("shop", 1, 1);
    tell(&mut core, vec![event("shop", 1, 1)], 1);
    let attempt = attempt(&row(&core, &id), refused(), 2);
    let settlement = Settlement { event: id.clone(), attempt, ended: Millis(3) };
    core.settle(&settlement).unwrap();
    let before = row(&core, &id);
    assert!(core.settle(&settlement).is_err());
    assert_eq!(row(&core, &id), before);
}

#[test]
fn a_receiver_that_is_gone_is_parked_in_the_commit_of_the_attempt_and_its_row_is_not_spent() {
    let mut core = core();
    let id = money("shop", 1, 1);
    tell(&mut core, vec![event("shop", 1, 1)], 1);
    post(&mut core, &id, refused(), 2);
    let before = row(&core, &id);
    let sequence = core.store().reader().sequence();
    post(&mut core, &id, Outcome::Gone, 20_000);
    assert_eq!(core.store().reader().sequence(), sequence + 1, "one commit");
    let after = row(&core, &id);
    assert_eq!((after.state, after.tries, after.attempts), (before.state, before.tries, AttemptNo(2)));
    let endpoint = core.store().endpoint(after.endpoint()).unwrap().unwrap();
    assert_eq!(endpoint.parked, Some(Parked { since: Millis(20_001), why: WhyParked::Gone }));
    assert!(core.take_touched().contains(&endpoint.id));
    assert_eq!(core.store().reader().parked().unwrap(), std::slice::from_ref(&endpoint));
    assert_eq!(core.alarms.len(), 1, "a person is told");

    post(&mut core, &id, Outcome::Accepted, 30_000);
    let still = core.store().endpoint(endpoint.id).unwrap().unwrap();
    assert!(still.parked.is_some(), "only a person resumes it");
}

#[test]
fn accepting_nothing_for_five_days_parks_and_not_before_ten_attempts() {
    for (pause, parks_at) in [(FAILING_MS_MAX / 4, 10), (FAILING_MS_MAX / 20, 21)] {
        let mut core = core();
        let numbers: Vec<u8> = (1..=30).collect();
        tell(&mut core, numbers.iter().map(|number| event("shop", *number, 1)).collect(), 1);
        let mut failed = 0;
        for number in numbers {
            let id = money("shop", number, 1);
            post(&mut core, &id, refused(), u64::from(number) * pause);
            failed += 1;
            if core.store().endpoint(row(&core, &id).endpoint()).unwrap().unwrap().parked.is_some() {
                break;
            }
        }
        assert_eq!(failed, parks_at, "a pause of {pause} ms");
        assert!(failed >= FAILING_ATTEMPTS_MIN);
    }
}

#[test]
fn one_accepted_attempt_ends_the_row_of_failures() {
    let mut core = core();
    tell(&mut core, (1..=20).map(|number| event("shop", number, 1)).collect(), 1);
    for number in 1..=20_u8 {
        let outcome = if number == 10 { Outcome::Accepted } else { refused() };
        post(&mut core, &money("shop", number, 1), outcome, u64::from(number) * FAILING_MS_MAX / 11);
    }
    let endpoint = core.store().endpoint(row(&core, &money("shop", 1, 1)).endpoint()).unwrap().unwrap();
    assert_eq!((endpoint.parked, endpoint.failures), (None, 10));
}

#[test]
fn the_last_twenty_attempts_are_kept() {
    let mut core = core();
    let id = money("shop", 1, 1);
    tell(&mut core, vec![event("shop", 1, 1)], 1);
    for at in 0..33 {
        post(&mut core, &id, Outcome::Blocked, at * 1_000_000_000);
    }
    let kept: Vec<u32> = core.store().reader().attempts(&id, 99).unwrap().iter().map(|it| it.number.0).collect();
    assert_eq!(kept, (14..=33).collect::<Vec<u32>>());
    assert_eq!(count(&core, "attempts"), 20);
    assert_eq!(row(&core, &id).attempts, AttemptNo(33));
}

#[test]
fn a_dead_letter_lets_the_next_version_go_and_is_an_alarm() {
    let mut core = core();
    let (one, two) = (money("shop", 1, 1), money("shop", 1, 2));
    tell(&mut core, vec![event("shop", 1, 1), event("shop", 1, 2)], 1);
    for at in 1..=10 {
        assert_eq!(state(&core, &two), NotificationState::Waiting);
        assert!(core.alarms.is_empty());
        post(&mut core, &one, refused(), at * 10_000_000);
    }
    assert_eq!(state(&core, &one), NotificationState::DeadLetter(Millis(100_000_001)));
    assert_eq!(state(&core, &two), NotificationState::Due(Millis(100_000_001)));
    assert_eq!(core.alarms.len(), 1);
    let alarm = format!("{:?}", core.alarms);
    assert!(alarm.contains(one.as_str()) && !alarm.contains("http"), "{alarm}");
}

#[test]
fn an_attempt_that_began_before_a_person_asked_does_not_use_up_what_he_asked_for() {
    let mut core = core();
    let id = money("shop", 1, 1);
    tell(&mut core, vec![event("shop", 1, 1)], 1);
    let older = attempt(&row(&core, &id), refused(), 5);
    core.resend(&id, &act(6)).unwrap();
    core.settle(&Settlement { event: id.clone(), attempt: older, ended: Millis(9) }).unwrap();
    let after = row(&core, &id);
    assert_eq!((after.state, after.trigger), (NotificationState::Due(Millis(6)), Trigger::Manual));
    assert_eq!((after.tries, after.attempts), (0, AttemptNo(1)));
    post(&mut core, &id, refused(), 10);
    let after = row(&core, &id);
    assert_eq!((after.tries, after.trigger), (1, Trigger::Schedule), "his own counts");
    assert!(after.due() > Some(Millis(11)));
}

#[test]
fn an_attempt_that_began_before_a_person_asked_and_was_accepted_is_all_he_wanted() {
    let mut core = core();
    let id = money("shop", 1, 1);
    tell(&mut core, vec![event("shop", 1, 1)], 1);
    let older = attempt(&row(&core, &id), Outcome::Accepted, 5);
    core.resend(&id, &act(6)).unwrap();
    core.settle(&Settlement { event: id.clone(), attempt: older, ended: Millis(9) }).unwrap();
    assert_eq!(state(&core, &id), NotificationState::Delivered(Millis(9)));
}
