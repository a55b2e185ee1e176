//! Orders that come back from an export with the payment they had.

use super::{check, expect};

#[test]
fn the_payment_of_an_imported_order_is_credited_to_it_again() {
    check(
        "policy 2
        order o1 A 50 paid t1
        on 0: 1a[t1 A 50]
        on 1a: 2a[t2 A 50]
        on 2a: 3a, 4a",
        expect![[r#"
            policy 2
            order o1 A 50 paid t1
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                -> detected t1.0, 1 conf
            on 1a: 2a[t2 A 50]
              t2.0 A 50 in 2a: detected (no_open_order)
                -> detected t2.0, 1 conf
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
            on 2a: 3a, 4a
              t2.0 A 50 in 2a: unmatched (no_open_order)
                -> deposit.unmatched v0 no_open_order, 3 conf
        "#]],
    );
}

#[test]
fn it_is_so_for_what_is_below_the_minimum_or_late_by_now_and_although_the_address_is_watched() {
    check(
        "policy 1
        order o1 A 50 until 5 0 paid t1
        watch A
        order o2 B 50 paid t2
        on 0: 1a[t1 A 1; t2 B 60]",
        expect![[r#"
            policy 1
            order o1 A 50 until 5 0 paid t1
            watch A
            order o2 B 50 paid t2
            on 0: 1a[t1 A 1; t2 B 60]
              t1.0 A 1 in 1a: detected (pending)
              t2.0 B 60 in 1a: detected (pending)
                order o1 paid
              t1.0 A 1 in 1a: confirmed (under)
                order o2 paid
              t2.0 B 60 in 1a: confirmed (over)
                -> deposit.confirmed v1 under for o1, 1 conf
                -> deposit.confirmed v1 over for o2, 1 conf
        "#]],
    );
}

#[test]
fn another_order_that_is_opened_before_the_threshold_does_not_take_it() {
    check(
        "policy 3
        order o1 A 50 paid t1
        on 0: 1a[t1 A 50]
        order o2 A 50
        on 1a: 2a, 3a",
        expect![[r#"
            policy 3
            order o1 A 50 paid t1
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                -> detected t1.0, 1 conf
            order o2 A 50
            on 1a: 2a, 3a
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 3 conf
        "#]],
    );
}

#[test]
fn a_reorg_takes_it_back_and_opens_the_order() {
    check(
        "policy 1
        order o1 A 50 paid t1
        on 0: 1a[t1 A 50]
        on 0: 1b, 2b
        on 2b: 3b[t3 A 50]",
        expect![[r#"
            policy 1
            order o1 A 50 paid t1
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 1 conf
            on 0: 1b, 2b
                order o1 open
              t1.0 A 50 in 1a: orphaned (reversed)
                -> deposit.reversed v2 reversed for o1, 0 conf
            on 2b: 3b[t3 A 50]
              t3.0 A 50 in 3b: detected (pending)
                order o1 paid
              t3.0 A 50 in 3b: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 1 conf
        "#]],
    );
}
