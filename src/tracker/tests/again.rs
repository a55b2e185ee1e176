//! A transaction that a reorg executes again, with other content.

use super::{expect, manual::check};

#[test]
fn executed_again_with_another_amount_a_payment_is_judged_anew() {
    check(
        "policy 1
        order o1 A 50 strict
        on 0: 1a[t1 A 50]
        on 0: 1b, 2b[t1 A 49]
        order o2 B 50 strict
        on 2b: 3b[t2 B 49]
        bind t2 o2
        on 2b: 3c, 4c[t2 B 48]",
        expect![[r#"
            policy 1
            order o1 A 50 strict
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 1 conf
            on 0: 1b, 2b[t1 A 49]
                order o1 open
              t1.0 A 50 in 1a: orphaned (reversed)
              t1.0 A 49 in 2b: detected (under)
                -> deposit.reversed v2 reversed for o1, 0 conf
              t1.0 A 49 in 2b: unmatched (under)
                -> deposit.unmatched v0 under for o1, 1 conf
            order o2 B 50 strict
            on 2b: 3b[t2 B 49]
              t2.0 B 49 in 3b: detected (under)
              t2.0 B 49 in 3b: unmatched (under)
                -> deposit.unmatched v0 under for o2, 1 conf
            bind t2 o2
                order o2 paid
              t2.0 B 49 in 3b: confirmed (manual)
                -> deposit.confirmed v1 manual for o2, 1 conf
            on 2b: 3c, 4c[t2 B 48]
                order o2 reversed
              t2.0 B 49 in 3b: orphaned (reversed)
              t2.0 B 48 in 4c: detected (no_open_order)
                -> deposit.reversed v2 reversed for o2, 0 conf
              t2.0 B 48 in 4c: unmatched (no_open_order)
        "#]],
    );
}
