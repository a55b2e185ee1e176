//! A receiver that is down for seven days.

use super::week::{DAY_MS, Week, fill};
use crate::{
    domain::{NetworkSpec, WhyParked},
    store::{MemoryEngine, Store},
    writer::Loading,
};

const DEPOSITS: u64 = 16_000;

#[test]
fn a_receiver_down_for_seven_days_costs_few_attempts_and_is_told_everything_afterwards() {
    let engine = MemoryEngine::new();
    let rows = fill(&mut Store::in_memory(&engine, |_| ()).unwrap(), DEPOSITS);
    let mut loading = Loading::of(Vec::<NetworkSpec>::new());
    let store = Store::in_memory(&engine, |row| loading.row(row)).unwrap();
    let mut week = Week::begin(loading.finish(store).unwrap(), DEPOSITS);

    week.run_to(4 * DAY_MS, false);
    assert_eq!(week.parked(), None);
    week.run_to(7 * DAY_MS, false);
    let (why, since) = week.parked().unwrap();
    assert!(why == WhyParked::Failing && (120..121).contains(&(since / 3_600_000)), "{why:?} {since}");
    // Ten to open the breaker and as many as were on their way; then at most one every ten minutes for 120 hours.
    assert!((700..=760).contains(&week.attempts), "{} attempts", week.attempts);
    assert_eq!((week.accepted, week.lanes_most), (0, 1));

    let before = week.attempts;
    week.resume_and_drain(8);
    assert_eq!((week.accepted, week.attempts - before, week.is_all_told()), (rows, rows, true));
}
