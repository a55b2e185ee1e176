use proptest::prelude::*;

use super::*;

#[test]
fn a_burst_then_the_rate() {
    let rules = PaceRules { per_second: 100, burst: 20 };
    let mut pace = Pace::default();
    let now = Millis(1_000_000);
    for left in (0..20).rev() {
        pace.take(&rules, now);
        assert_eq!(pace.room(&rules, now), left);
    }
    assert_eq!(pace.next(&rules, now), now.plus(10));
    assert_eq!((pace.room(&rules, now.plus(9)), pace.room(&rules, now.plus(10))), (0, 1));
    assert_eq!((pace.room(&rules, now.plus(55)), pace.room(&rules, now.plus(5000))), (5, 20));
    assert!(!pace.is_full(&rules, now.plus(199)) && pace.is_full(&rules, now.plus(200)));
}

#[test]
fn no_limit_and_a_clock_set_back() {
    let none = PaceRules { per_second: 0, burst: 0 };
    let mut pace = Pace::default();
    (0..1000).for_each(|_| pace.take(&none, Millis(5)));
    assert_eq!((pace.room(&none, Millis(5)), pace.next(&none, Millis(5))), (usize::MAX, Millis(5)));

    let rules = PaceRules { per_second: 1, burst: 2 };
    let mut pace = Pace::default();
    pace.take(&rules, Millis(900_000_000));
    assert_eq!(pace.next(&rules, Millis(10)), Millis(1010), "not in ten days");
}

proptest! {
    /// However it is asked, no span of time sees more than the burst and the rate.
    #[test]
    fn never_more_than_burst_and_rate(per_second in 1_u32..5000, burst in 1_u32..50,
                                      steps in prop::collection::vec((0_u64..40, 0_usize..60), 1..200)) {
        let rules = PaceRules { per_second, burst };
        let (mut pace, mut now, mut taken) = (Pace::default(), Millis(1_000_000), Vec::new());
        for (pause, wish) in steps {
            now = now.plus(pause);
            for _ in 0..wish.min(pace.room(&rules, now)) {
                pace.take(&rules, now);
                taken.push(now);
            }
            let next = pace.next(&rules, now);
            prop_assert!(pace.room(&rules, next) >= 1);
            prop_assert_eq!(next == now, pace.room(&rules, now) >= 1);
        }
        for (first, begin) in taken.iter().enumerate().step_by(7) {
            for (last, end) in taken.iter().enumerate().skip(first) {
                let count = u64::try_from(last - first + 1).unwrap();
                let most = u64::from(burst) + (end.since(*begin) + 1) * u64::from(per_second) / 1000 + 1;
                prop_assert!(count <= most, "{} in {} ms", count, end.since(*begin));
            }
        }
    }
}
