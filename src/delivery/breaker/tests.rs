use super::*;
use crate::domain::{AttemptNo, EventId, Trigger};

const RULES: BreakerRules = BreakerRules { failures: 3, rest_ms: 100, rest_ms_max: 350 };

fn attempt(outcome: Outcome, status: Option<u16>) -> Attempt {
    Attempt {
        event: EventId::parse("dep_a_1").unwrap(),
        number: AttemptNo(1),
        trigger: Trigger::Schedule,
        peer: None,
        started: Millis(0),
        took_ms: 0,
        status,
        outcome,
        detail: String::new(),
        excerpt: String::new(),
    }
}

#[test]
fn what_counts_as_a_failure() {
    let refused = Outcome::Refused { retry_after_s: None, slow_down: false };
    for (outcome, status, sign) in [
        (Outcome::Accepted, Some(200), Sign::Accepted),
        (Outcome::Gone, Some(410), Sign::Answered),
        (refused.clone(), Some(200), Sign::Answered),
        (refused.clone(), Some(302), Sign::Answered),
        (refused.clone(), Some(400), Sign::Answered),
        (refused.clone(), Some(428), Sign::Answered),
        (refused.clone(), Some(429), Sign::Failed),
        (refused.clone(), Some(430), Sign::Answered),
        (refused.clone(), Some(499), Sign::Answered),
        (refused.clone(), Some(500), Sign::Failed),
        (refused.clone(), Some(599), Sign::Failed),
        (refused, Some(600), Sign::Answered),
        (Outcome::Unreachable(Unreached::Connect), None, Sign::Failed),
        (Outcome::Unreachable(Unreached::Dns), None, Sign::Failed),
        (Outcome::Unreachable(Unreached::Tls), None, Sign::Failed),
        (Outcome::Unreachable(Unreached::TimedOut), None, Sign::Failed),
        (Outcome::Unreachable(Unreached::Broken), None, Sign::Failed),
        (Outcome::Unreachable(Unreached::Request), None, Sign::Nothing),
        (Outcome::Blocked, None, Sign::Nothing),
    ] {
        assert_eq!(Sign::of(&attempt(outcome.clone(), status)), sign, "{outcome:?} {status:?}");
    }
}

/// A breaker that has just opened at time 1000.
fn open() -> Breaker {
    let mut breaker = Breaker::default();
    assert_eq!(breaker.ended(Sign::Failed, &RULES, Millis(1)), None);
    assert_eq!(breaker.ended(Sign::Failed, &RULES, Millis(2)), None);
    assert_eq!(breaker.gate(Millis(2)), Gate::Free);
    assert_eq!(breaker.ended(Sign::Failed, &RULES, Millis(1000)), Some(Turn::Opened));
    breaker
}

#[test]
fn it_rests_twice_as_long_each_time_up_to_the_longest_rest() {
    let mut breaker = open();
    let mut now = 1000;
    for rest in [100, 200, 350, 350] {
        assert_eq!(breaker.gate(Millis(now)), Gate::Rest(Millis(now + rest)));
        assert_eq!(breaker.gate(Millis(now + rest - 1)), Gate::Rest(Millis(now + rest)));
        now += rest;
        assert_eq!(breaker.gate(Millis(now)), Gate::Probe);
        breaker.begun();
        assert_eq!(breaker.ended(Sign::Failed, &RULES, Millis(now)), None, "no second line in the log");
    }
    breaker.begun();
    assert_eq!(breaker.ended(Sign::Accepted, &RULES, Millis(now)), Some(Turn::Closed));
    assert_eq!(breaker, Breaker::default());
}

#[test]
fn only_failures_in_a_row_count() {
    for between in [Sign::Accepted, Sign::Answered] {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            assert_eq!(breaker.ended(Sign::Failed, &RULES, Millis(1)), None);
            assert_eq!(breaker.ended(Sign::Failed, &RULES, Millis(1)), None);
            assert_eq!(breaker.ended(between, &RULES, Millis(1)), None);
        }
    }
    let mut breaker = Breaker::default();
    let signs = [Sign::Failed, Sign::Nothing, Sign::Failed, Sign::Nothing, Sign::Failed];
    let turns: Vec<Option<Turn>> = signs.into_iter().map(|sign| breaker.ended(sign, &RULES, Millis(1))).collect();
    assert_eq!(turns, [None, None, None, None, Some(Turn::Opened)], "what was not asked neither counts nor helps");
}

#[test]
fn failures_that_were_on_their_way_prolong_nothing_and_an_answer_ends_the_rest() {
    let mut breaker = open();
    assert_eq!(breaker.ended(Sign::Failed, &RULES, Millis(1050)), None);
    assert_eq!(breaker.ended(Sign::Nothing, &RULES, Millis(1050)), None);
    assert_eq!(breaker.gate(Millis(1050)), Gate::Rest(Millis(1100)));
    assert_eq!(breaker.ended(Sign::Answered, &RULES, Millis(1060)), Some(Turn::Closed));
    assert_eq!(breaker.gate(Millis(1060)), Gate::Free);
}

#[test]
fn a_probe_that_was_not_sent_rests_as_long_again() {
    let mut breaker = open();
    breaker.begun();
    assert_eq!(breaker.ended(Sign::Nothing, &RULES, Millis(1100)), None);
    assert_eq!(breaker.gate(Millis(1100)), Gate::Rest(Millis(1200)));
}

#[test]
fn a_clock_set_back_does_not_prolong_a_rest() {
    let breaker = open();
    assert_eq!(breaker.gate(Millis(1)), Gate::Probe);
}
