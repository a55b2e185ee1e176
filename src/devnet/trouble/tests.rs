//! How requests are chosen, counted and spoiled.

use std::time::{Duration, Instant};

use super::*;

#[test]
fn a_rate_is_counted_over_the_last_second_and_refused_requests_do_not_use_it_up() {
    let node = TroubleHandle::default();
    node.set(Trouble { requests_per_s: Some(2), ..Trouble::default() });
    let start = Instant::now();
    let refused = |ms| node.judge(&["eth_chainId"], start + Duration::from_millis(ms)).failure.is_some();
    assert_eq!([0, 400, 500, 999, 1_000, 1_001, 1_400].map(refused), [false, false, true, true, false, true, false]);
    assert_eq!((node.requests(), node.calls("eth_chainId")), (7, 7));
}

#[test]
fn control_calls_are_neither_judged_nor_counted() {
    let node = TroubleHandle::default();
    node.set(Trouble { stall: true, ..Trouble::default() });
    assert_eq!(node.judge(&["dev_mine"], Instant::now()).failure, None);
    assert_eq!(node.judge(&["dev_mine", "eth_chainId"], Instant::now()).failure, Some(Failure::Hang));
    assert_eq!(node.requests(), 1);
}

#[test]
fn a_view_is_never_above_the_head() {
    let view = |trouble: Trouble| trouble.view(Height(10)).0;
    assert_eq!(view(Trouble { frozen_at: Some(99), ..Trouble::default() }), 10);
    assert_eq!(view(Trouble { frozen_at: Some(8), lag_blocks: 3, ..Trouble::default() }), 5);
    assert_eq!(view(Trouble { lag_blocks: 30, ..Trouble::default() }), 0);
}
