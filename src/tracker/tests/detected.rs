//! What is told when a deposit is first seen, and when nothing is.

use super::{check, expect};

#[test]
fn what_is_below_its_depth_is_told_once_when_it_is_first_seen() {
    check(
        "policy 3
        order o1 A 50
        watch B
        on 0: 1a[t1 A 50], 2a[t2 B 7; t3 C 5]
        on 2a: 3a, 4a",
        expect![[r#"
            policy 3
            order o1 A 50
            watch B
            on 0: 1a[t1 A 50], 2a[t2 B 7; t3 C 5]
              t1.0 A 50 in 1a: detected (pending)
              t2.0 B 7 in 2a: detected (pending)
                -> detected t1.0 for o1, 2 conf
                -> detected t2.0, 1 conf
            on 2a: 3a, 4a
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
              t2.0 B 7 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 4 conf
                -> deposit.confirmed v1 matched, 3 conf
        "#]],
    );
}

#[test]
fn what_a_reorg_moves_or_brings_back_is_not_told_again() {
    check(
        "policy 3
        order o1 A 50
        on 0: 1a[t1 A 50]
        on 0: 1b, 2b[t1 A 50]
        on 0: 1c, 2c, 3c
        on 3c: 4c[t1 A 49]
        on 4c: 5c, 6c",
        expect![[r#"
            policy 3
            order o1 A 50
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                -> detected t1.0 for o1, 1 conf
            on 0: 1b, 2b[t1 A 50]
              t1.0 A 50 in 1a: orphaned (pending)
              t1.0 A 50 in 2b: detected (pending)
            on 0: 1c, 2c, 3c
              t1.0 A 50 in 2b: orphaned (pending)
            on 3c: 4c[t1 A 49]
              t1.0 A 49 in 4c: detected (pending)
            on 4c: 5c, 6c
                order o1 paid
              t1.0 A 49 in 4c: confirmed (under)
                -> deposit.confirmed v1 under for o1, 3 conf
        "#]],
    );
}

#[test]
fn what_was_credited_and_reversed_is_not_told_as_seen_when_it_returns() {
    check(
        "watch A
        on 0: 1a[t1 A 50]
        on 1a: 2a
        on 0: 1b, 2b, 3b
        on 3b: 4b[t1 A 50]
        on 4b: 5b",
        expect![[r#"
            watch A
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                -> detected t1.0, 1 conf
            on 1a: 2a
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched, 2 conf
            on 0: 1b, 2b, 3b
              t1.0 A 50 in 1a: orphaned (reversed)
                -> deposit.reversed v2 reversed, 0 conf
            on 3b: 4b[t1 A 50]
              t1.0 A 50 in 4b: detected (pending)
            on 4b: 5b
              t1.0 A 50 in 4b: confirmed (matched)
                -> deposit.confirmed v3 matched, 2 conf
        "#]],
    );
}

#[test]
fn what_reaches_its_depth_in_the_same_plan_is_not_told_as_seen() {
    check(
        "policy 1
        watch A
        on 0: 1a[t1 A 50]
        policy 2
        on 1a: 2a[t2 A 50], 3a[t3 A 50]",
        expect![[r#"
            policy 1
            watch A
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched, 1 conf
            policy 2
            on 1a: 2a[t2 A 50], 3a[t3 A 50]
              t2.0 A 50 in 2a: detected (pending)
              t3.0 A 50 in 3a: detected (pending)
                -> detected t3.0, 1 conf
              t2.0 A 50 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched, 2 conf
        "#]],
    );
}

#[test]
fn on_a_network_with_final_blocks_all_that_is_seen_before_is_told() {
    check(
        "tron
        watch A
        on 0: 1a[t1 A 5], 2a[t2 A 5]
        final 3a
        on 2a: 3a[t3 A 5], 4a[t4 A 5]
        final 4a
        on 4a: 5a",
        expect![[r#"
            tron
            watch A
            on 0: 1a[t1 A 5], 2a[t2 A 5]
              t1.0 A 5 in 1a: detected (pending)
              t2.0 A 5 in 2a: detected (pending)
                -> detected t1.0, 2 conf
                -> detected t2.0, 1 conf
            final 3a
            on 2a: 3a[t3 A 5], 4a[t4 A 5]
              t3.0 A 5 in 3a: detected (pending)
              t4.0 A 5 in 4a: detected (pending)
                -> detected t4.0, 1 conf
              t1.0 A 5 in 1a: finalized (matched)
              t2.0 A 5 in 2a: finalized (matched)
              t3.0 A 5 in 3a: finalized (matched)
                -> deposit.confirmed v1 matched, 4 conf
                -> deposit.confirmed v1 matched, 3 conf
                -> deposit.confirmed v1 matched, 2 conf
            final 4a
            on 4a: 5a
              t4.0 A 5 in 4a: finalized (matched)
                -> deposit.confirmed v1 matched, 2 conf
        "#]],
    );
}

#[test]
fn who_is_credited_is_not_foretold() {
    check(
        "order o1 A 50
        on 0: 1a[t1 A 50]
        on 1a: 2a
        on 2a: 3a[t2 A 50; t3 A 1]
        order o2 B 50 strict
        on 3a: 4a[t4 B 49; t5 B<B 50]
        on 4a: 5a",
        expect![[r#"
            order o1 A 50
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                -> detected t1.0 for o1, 1 conf
            on 1a: 2a
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
            on 2a: 3a[t2 A 50; t3 A 1]
              t2.0 A 50 in 3a: detected (no_open_order)
              t3.0 A 1 in 3a: detected (below_minimum)
                -> detected t2.0, 1 conf
                -> detected t3.0, 1 conf
            order o2 B 50 strict
            on 3a: 4a[t4 B 49; t5 B<B 50]
              t4.0 B 49 in 4a: detected (under)
              t5.0 B 50 in 4a: detected (self_transfer)
                -> detected t4.0 for o2, 1 conf
                -> detected t5.0, 1 conf
              t2.0 A 50 in 3a: unmatched (no_open_order)
              t3.0 A 1 in 3a: unmatched (below_minimum)
                -> deposit.unmatched v0 no_open_order, 2 conf
                -> deposit.unmatched v0 below_minimum, 2 conf
            on 4a: 5a
              t4.0 B 49 in 4a: unmatched (under)
              t5.0 B 50 in 4a: unmatched (self_transfer)
                -> deposit.unmatched v0 under for o2, 2 conf
                -> deposit.unmatched v0 self_transfer, 2 conf
        "#]],
    );
}

#[test]
fn what_a_scan_of_the_past_finds_is_not_told_as_seen() {
    check(
        "policy 3
        on 0: 1a, 2a[t1 A 50]
        order o1 A 50 since 1
        scan A 1..2 on 0: 1a, 2a[t1 A 50]
        on 2a: 3a, 4a",
        expect![[r#"
            policy 3
            on 0: 1a, 2a[t1 A 50]
            order o1 A 50 since 1
            scan A 1..2 on 0: 1a, 2a[t1 A 50]
              t1.0 A 50 in 2a: detected (pending)
              found 1
            on 2a: 3a, 4a
                order o1 paid
              t1.0 A 50 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 3 conf
        "#]],
    );
}

#[test]
fn a_restart_tells_nothing_again() {
    check(
        "policy 3
        watch A
        on 0: 1a[t1 A 50]
        restart
        on 1a: 2a
        on 0: 1b[t1 A 50], 2b
        restart
        on 2b: 3b",
        expect![[r#"
            policy 3
            watch A
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                -> detected t1.0, 1 conf
            restart
            on 1a: 2a
            on 0: 1b[t1 A 50], 2b
              t1.0 A 50 in 1a: orphaned (pending)
              t1.0 A 50 in 1b: detected (pending)
            restart
            on 2b: 3b
              t1.0 A 50 in 1b: confirmed (matched)
                -> deposit.confirmed v1 matched, 3 conf
        "#]],
    );
}
