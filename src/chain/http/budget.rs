//! How many requests a day an endpoint may be asked. Kept in memory: a restart begins with a full bucket again.

use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The length of a day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The part of a day's requests that may be saved up: one hour's.
const SHARES: u32 = 24;
/// After the last request a rest is long enough for so many. Whoever comes back asks who the node is and where its head
/// is, and then for eight ranges of TRON blocks at once, 21 requests each: with less than that no range is ever whole, all
/// is spent on parts that are thrown away, and the catch-up never ends.
const FEW: u32 = 256;

/// A bucket that holds one hour's share and fills so slowly that no 24 hours, a full bucket at their start included, see
/// more requests than a day has.
#[derive(Debug)]
pub(super) struct Budget {
    per_day: u32,
    capacity: u32,
    /// How long one request takes to come back.
    interval: Duration,
    /// When the bucket is full; in the past where it is.
    full_at: Mutex<Option<Instant>>,
}

impl Budget {
    pub(super) fn new(per_day: NonZeroU32) -> Self {
        let per_day = per_day.get();
        let capacity = (per_day / SHARES).max(1);
        // A full bucket and all that comes back within a day, whose last moment belongs to the next one.
        let refills = per_day - capacity + 1;
        let interval = DAY / refills + Duration::from_nanos(1);
        Self { per_day, capacity, interval, full_at: Mutex::new(None) }
    }

    /// The whole of it, for texts.
    pub(super) fn per_day(&self) -> u32 {
        self.per_day
    }

    /// Takes `weight` requests out. More than the bucket can hold (a batch under a budget below 2400 a day) are given
    /// when it is full, and owed.
    ///
    /// # Errors
    /// Too few are left, and nothing is taken: how long until there are a few again.
    pub(super) fn take(&self, weight: u32, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = full_at.map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now));
        if missing > self.room(weight) {
            let few = weight.max(FEW);
            return Err(missing.saturating_sub(self.room(few)));
        }
        *full_at = Some(now + missing + self.interval * weight);
        Ok(())
    }

    /// How much may be missing where `weight` requests are still there.
    fn room(&self, weight: u32) -> Duration {
        self.interval * self.capacity.saturating_sub(weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(per_day: u32) -> Budget {
        Budget::new(NonZeroU32::new(per_day).unwrap())
    }

    /// How many requests get through from `begin` on, asked for as often as possible, each of `weight`.
    fn spent(budget: &Budget, begin: Instant, lasting: Duration, weight: u32) -> u32 {
        let (mut now, mut spent) = (begin, 0);
        while now < begin + lasting {
            match budget.take(weight, now) {
                Ok(()) => spent += weight,
                Err(wait) => now += wait.max(Duration::from_nanos(1)),
            }
        }
        spent
    }

    #[test]
    fn no_day_sees_more_than_its_budget_and_nearly_all_of_it_can_be_used() {
        for per_day in [1, 2, 23, 24, 25, 1000, 100_000] {
            let budget = budget(per_day);
            let start = Instant::now();
            let first = spent(&budget, start, DAY, 1);
            assert!(first <= per_day, "{first} of {per_day}");
            assert!(first >= per_day - per_day / 20, "{first} of {per_day}");
            // An idle day fills the bucket; the day that begins then is no better off.
            let later = spent(&budget, start + 2 * DAY, DAY, 1);
            assert!(later <= per_day && later + 1 >= first, "{later} of {per_day}");
        }
    }

    #[test]
    fn what_is_used_up_says_when_there_is_some_again() {
        let (budget, start) = (budget(24_000), Instant::now());
        for _ in 0..1000 {
            assert_eq!(budget.take(1, start), Ok(()));
        }
        let wait = budget.take(1, start).unwrap_err();
        // 23 001 come back in a day, one in 3.76 seconds, 256 in a quarter of an hour.
        assert_eq!(wait.as_secs(), 961);
        assert_eq!(budget.take(1, start + wait / 2), Ok(()), "one is there before the few are");
        let then = start + wait;
        assert_eq!((0..300).filter(|_| budget.take(1, then).is_ok()).count(), 255);
    }

    #[test]
    fn after_every_rest_there_is_enough_for_all_that_a_catch_up_asks_at_once() {
        // The pool rests no longer than this, whatever it is asked for.
        let longest_rest = crate::chain::pool::PoolSettings::default().retry_after_max;
        // Identity, decimals and head; then eight ranges, each of one call and the infos of 20 blocks.
        let at_once = 5 + 8 * (1 + 20);
        for per_day in [60_000, 72_000, 100_000, 1_000_000] {
            let (budget, mut now) = (budget(per_day), Instant::now());
            for _ in 0..20 {
                let mut got = 0;
                let wait = loop {
                    match budget.take(1, now) {
                        Ok(()) => got += 1,
                        Err(wait) => break wait,
                    }
                };
                assert!(got >= at_once, "{per_day} a day: {got} requests between two rests");
                now += wait.min(longest_rest);
            }
        }
    }

    #[test]
    fn batches_weigh_as_much_as_their_calls_and_large_ones_are_owed() {
        let (budget, start) = (budget(240), Instant::now());
        assert_eq!(budget.take(11, start), Ok(()), "more than the bucket holds, but it is full");
        let wait = budget.take(1, start).unwrap_err();
        assert_eq!(wait.as_secs() / (DAY.as_secs() / 231), 11, "the one too many is paid back first: {wait:?}");
        assert!(spent(&budget, start, DAY, 11) + 11 <= 240);
    }
}
