//! Payments, orders and reorgs: what is told, and in which version.

use super::{check, expect};

#[test]
fn a_payment_is_credited_at_its_depth_and_not_before() {
    check(
        "policy 3
        order o1 A 50
        on 0: 1a[t1 A 50]
        on 1a: 2a
        on 2a: 3a",
        expect![[r#"
            policy 3
            order o1 A 50
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                -> detected t1.0 for o1, 1 conf
            on 1a: 2a
            on 2a: 3a
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 3 conf
        "#]],
    );
}

#[test]
fn one_base_unit_decides_under_matched_and_over() {
    check(
        "policy 1
        order o1 A 50
        order o2 B 50
        order o3 C 50
        on 0: 1a[t1 A 49; t2 B 50; t3 C 51]",
        expect![[r#"
            policy 1
            order o1 A 50
            order o2 B 50
            order o3 C 50
            on 0: 1a[t1 A 49; t2 B 50; t3 C 51]
              t1.0 A 49 in 1a: detected (pending)
              t2.0 B 50 in 1a: detected (pending)
              t3.0 C 51 in 1a: detected (pending)
                order o1 paid
              t1.0 A 49 in 1a: confirmed (under)
                order o2 paid
              t2.0 B 50 in 1a: confirmed (matched)
                order o3 paid
              t3.0 C 51 in 1a: confirmed (over)
                -> deposit.confirmed v1 under for o1, 1 conf
                -> deposit.confirmed v1 matched for o2, 1 conf
                -> deposit.confirmed v1 over for o3, 1 conf
        "#]],
    );
}

#[test]
fn a_reorg_before_the_depth_tells_nothing() {
    check(
        "order o1 A 50
        on 0: 1a[t1 A 50]
        on 0: 1b, 2b
        on 2b: 3b",
        expect![[r#"
            order o1 A 50
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                -> detected t1.0 for o1, 1 conf
            on 0: 1b, 2b
              t1.0 A 50 in 1a: orphaned (pending)
            on 2b: 3b
        "#]],
    );
}

#[test]
fn a_credited_payment_that_leaves_is_reversed_and_credited_again_when_it_returns() {
    check(
        "order o1 A 50
        on 0: 1a[t1 A 50], 2a
        on 0: 1b, 2b, 3b
        on 3b: 4b[t1 A 50], 5b",
        expect![[r#"
            order o1 A 50
            on 0: 1a[t1 A 50], 2a
              t1.0 A 50 in 1a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
            on 0: 1b, 2b, 3b
                order o1 open
              t1.0 A 50 in 1a: orphaned (reversed)
                -> deposit.reversed v2 reversed for o1, 0 conf
            on 3b: 4b[t1 A 50], 5b
              t1.0 A 50 in 4b: detected (pending)
                order o1 paid
              t1.0 A 50 in 4b: confirmed (matched)
                -> deposit.confirmed v3 matched for o1, 2 conf
        "#]],
    );
}

#[test]
fn the_same_transaction_with_another_amount_is_a_new_version() {
    check(
        "watch A
        on 0: 1a[t1 A 50], 2a
        on 0: 1b[t1 A 30], 2b, 3b",
        expect![[r#"
            watch A
            on 0: 1a[t1 A 50], 2a
              t1.0 A 50 in 1a: detected (pending)
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched, 2 conf
            on 0: 1b[t1 A 30], 2b, 3b
              t1.0 A 50 in 1a: orphaned (reversed)
              t1.0 A 30 in 1b: detected (pending)
                -> deposit.reversed v2 reversed, 0 conf
              t1.0 A 30 in 1b: confirmed (matched)
                -> deposit.confirmed v3 matched, 3 conf
        "#]],
    );
}

#[test]
fn there_and_back_again_is_credited_once_if_nothing_was_told_between() {
    check(
        "policy 3
        watch A
        on 0: 1a[t1 A 5], 2a
        on 0: 1b, 2b, 3b
        on 0: 1a[t1 A 5], 2a, 3a, 4a",
        expect![[r#"
            policy 3
            watch A
            on 0: 1a[t1 A 5], 2a
              t1.0 A 5 in 1a: detected (pending)
                -> detected t1.0, 2 conf
            on 0: 1b, 2b, 3b
              t1.0 A 5 in 1a: orphaned (pending)
            on 0: 1a[t1 A 5], 2a, 3a, 4a
              t1.0 A 5 in 1a: detected (pending)
              t1.0 A 5 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched, 4 conf
        "#]],
    );
}

#[test]
fn a_shorter_chain_takes_back_what_it_lost() {
    check(
        "watch A
        on 0: 1a, 2a[t1 A 5], 3a
        down 1a
        on 1a: 2b[t1 A 5], 3b",
        expect![[r#"
            watch A
            on 0: 1a, 2a[t1 A 5], 3a
              t1.0 A 5 in 2a: detected (pending)
              t1.0 A 5 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched, 2 conf
            down 1a
              t1.0 A 5 in 2a: orphaned (reversed)
                -> deposit.reversed v2 reversed, 0 conf
            on 1a: 2b[t1 A 5], 3b
              t1.0 A 5 in 2b: detected (pending)
              t1.0 A 5 in 2b: confirmed (matched)
                -> deposit.confirmed v3 matched, 2 conf
        "#]],
    );
}

#[test]
fn two_logs_of_one_transaction_are_two_deposits() {
    check(
        "watch A
        on 0: 1a[t1 A 5; t1.1 A 5], 2a",
        expect![[r#"
            watch A
            on 0: 1a[t1 A 5; t1.1 A 5], 2a
              t1.0 A 5 in 1a: detected (pending)
              t1.1 A 5 in 1a: detected (pending)
              t1.0 A 5 in 1a: confirmed (matched)
              t1.1 A 5 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched, 2 conf
                -> deposit.confirmed v1 matched, 2 conf
        "#]],
    );
}

#[test]
fn an_order_takes_one_payment_and_the_next_is_told_as_duplicate() {
    check(
        "order o1 A 50
        on 0: 1a[t1 A 50; t2 A 50], 2a
        on 2a: 3a[t3 A 50], 4a",
        expect![[r#"
            order o1 A 50
            on 0: 1a[t1 A 50; t2 A 50], 2a
              t1.0 A 50 in 1a: detected (pending)
              t2.0 A 50 in 1a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
              t2.0 A 50 in 1a: unmatched (duplicate)
                -> deposit.confirmed v1 matched for o1, 2 conf
                -> deposit.unmatched v0 duplicate for o1, 2 conf
            on 2a: 3a[t3 A 50], 4a
              t3.0 A 50 in 3a: detected (no_open_order)
              t3.0 A 50 in 3a: unmatched (no_open_order)
                -> deposit.unmatched v0 no_open_order, 2 conf
        "#]],
    );
}

#[test]
fn when_the_payer_of_an_order_vanishes_the_order_waits_again() {
    check(
        "order o1 A 50
        on 0: 1a[t1 A 50], 2a
        on 0: 1b, 2b[t2 A 50], 3b
        on 3b: 4b[t1 A 50], 5b",
        expect![[r#"
            order o1 A 50
            on 0: 1a[t1 A 50], 2a
              t1.0 A 50 in 1a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
            on 0: 1b, 2b[t2 A 50], 3b
                order o1 open
              t1.0 A 50 in 1a: orphaned (reversed)
              t2.0 A 50 in 2b: detected (pending)
                -> deposit.reversed v2 reversed for o1, 0 conf
                order o1 paid
              t2.0 A 50 in 2b: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
            on 3b: 4b[t1 A 50], 5b
              t1.0 A 50 in 4b: detected (duplicate)
              t1.0 A 50 in 4b: unmatched (duplicate)
                -> deposit.unmatched v0 duplicate for o1, 2 conf
        "#]],
    );
}

#[test]
fn a_return_finds_its_own_order_although_the_address_expects_another() {
    check(
        "order o1 A 50
        on 0: 1a[t1 A 50], 2a
        order o2 A 70
        on 0: 1b, 2b, 3b
        on 3b: 4b[t1 A 50], 5b",
        expect![[r#"
            order o1 A 50
            on 0: 1a[t1 A 50], 2a
              t1.0 A 50 in 1a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
            order o2 A 70
            on 0: 1b, 2b, 3b
                order o1 reversed
              t1.0 A 50 in 1a: orphaned (reversed)
                -> deposit.reversed v2 reversed for o1, 0 conf
            on 3b: 4b[t1 A 50], 5b
              t1.0 A 50 in 4b: detected (pending)
                order o1 paid
              t1.0 A 50 in 4b: confirmed (matched)
                -> deposit.confirmed v3 matched for o1, 2 conf
        "#]],
    );
}

#[test]
fn the_same_transaction_to_another_payee_does_not_pay_the_first_ones_order() {
    check(
        "order o1 A 50
        watch B
        on 0: 1a[t1 A 50], 2a
        on 0: 1b[t1 B 50], 2b, 3b",
        expect![[r#"
            order o1 A 50
            watch B
            on 0: 1a[t1 A 50], 2a
              t1.0 A 50 in 1a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
            on 0: 1b[t1 B 50], 2b, 3b
                order o1 open
              t1.0 A 50 in 1a: orphaned (reversed)
              t1.0 B 50 in 1b: detected (pending)
                -> deposit.reversed v2 reversed for o1, 0 conf
              t1.0 B 50 in 1b: confirmed (matched)
                -> deposit.confirmed v3 matched, 3 conf
        "#]],
    );
}
