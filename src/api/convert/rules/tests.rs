//! What is taken, and what is refused by which name.

use super::*;

fn wire(seconds: i64, nanos: i32) -> WireTime {
    WireTime { seconds, nanos }
}

#[test]
fn times_are_whole_seconds_of_this_era() {
    for (seconds, nanos, expected) in [
        (0, 0, Some(0)),
        (1_763_627_052, 0, Some(1_763_627_052)),
        (253_402_300_799, 0, Some(253_402_300_799)),
        (253_402_300_800, 0, None),
        (i64::MAX, 0, None),
        (-1, 0, None),
        (5, 1, None),
        (5, -1, None),
    ] {
        let mut form = Form::default();
        let time = wire(seconds, nanos);
        assert_eq!(form.expire_time(Some(&time)), expected.map(Timestamp), "{seconds} {nanos}");
        let since = form.since(Some(SinceAsked::Time(&time)));
        assert_eq!(since, expected.map(|seconds| Since::Time(Timestamp(seconds))), "{seconds} {nanos}");
        let refused = [("expire_time", "TIME_FORM"), ("from_time", "TIME_FORM")];
        match form.finish() {
            Ok(()) => assert!(expected.is_some(), "{seconds} {nanos}"),
            Err(problem) => assert_eq!((problem.refused(), expected), (refused.to_vec(), None), "{seconds} {nanos}"),
        }
    }
    let mut form = Form::default();
    assert_eq!((form.expire_time(None), form.since(None)), (None, None));
    assert_eq!(form.since(Some(SinceAsked::Block(7))), Some(Since::Height(Height(7))));
    assert_eq!(form.refused(), 0);
}

#[test]
fn deposit_ids_are_looked_at_before_the_store_is() {
    let good = "dep_37gw6pfa2nz4fnpwvxe6jei7mbxturbf";
    assert_eq!(Form::default().deposit_id(good).as_deref(), Some(good));
    for bad in ["", "dep_", "37gw6pfa2nz4fnpwvxe6jei7mbxturbf", &good.to_uppercase(), &format!("{good}a"), &good[..35]]
    {
        let mut form = Form::default();
        assert_eq!(form.deposit_id(bad), None, "{bad}");
        assert_eq!(form.finish().unwrap_err().refused(), [("deposit_id", "DEPOSIT_ID_FORM")]);
    }
}
