//! Finality, the window, evidence, and what counts for nobody.

use super::{check, expect};

#[test]
fn an_old_stray_payment_does_not_pay_a_new_order_after_a_reorg() {
    check(
        "order o1 A 50
        on 0: 1a[t1 A 50], 2a
        on 2a: 3a[t9 A 70]
        order o2 A 70
        on 2a: 3b, 4b[t9 A 70], 5b",
        expect![[r#"
            order o1 A 50
            on 0: 1a[t1 A 50], 2a
              t1.0 A 50 in 1a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
            on 2a: 3a[t9 A 70]
              t9.0 A 70 in 3a: detected (no_open_order)
                -> detected t9.0, 1 conf
            order o2 A 70
            on 2a: 3b, 4b[t9 A 70], 5b
              t9.0 A 70 in 3a: orphaned (no_open_order)
              t9.0 A 70 in 4b: detected (no_open_order)
              t9.0 A 70 in 4b: unmatched (no_open_order)
                -> deposit.unmatched v0 no_open_order, 2 conf
        "#]],
    );
}

#[test]
fn a_payment_moved_below_its_order_s_first_height_still_counts() {
    check(
        "policy 4
        on 0: 1a, 2a
        order o1 A 50
        on 2a: 3a[t1 A 50]
        on 0: 1b, 2b[t1 A 50], 3b, 4b
        on 4b: 5b",
        expect![[r#"
            policy 4
            on 0: 1a, 2a
            order o1 A 50
            on 2a: 3a[t1 A 50]
              t1.0 A 50 in 3a: detected (pending)
                -> detected t1.0 for o1, 1 conf
            on 0: 1b, 2b[t1 A 50], 3b, 4b
              t1.0 A 50 in 3a: orphaned (pending)
              t1.0 A 50 in 2b: detected (pending)
            on 4b: 5b
                order o1 paid
              t1.0 A 50 in 2b: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 4 conf
        "#]],
    );
}

#[test]
fn dust_and_payments_to_oneself_are_kept_but_not_credited() {
    check(
        "watch A
        on 0: 1a[t1 A 1; t2 A<A 50; t3 A 2], 2a",
        expect![[r#"
            watch A
            on 0: 1a[t1 A 1; t2 A<A 50; t3 A 2], 2a
              t1.0 A 1 in 1a: detected (below_minimum)
              t2.0 A 50 in 1a: detected (self_transfer)
              t3.0 A 2 in 1a: detected (pending)
              t1.0 A 1 in 1a: unmatched (below_minimum)
              t2.0 A 50 in 1a: unmatched (self_transfer)
              t3.0 A 2 in 1a: confirmed (matched)
                -> deposit.unmatched v0 below_minimum, 2 conf
                -> deposit.unmatched v0 self_transfer, 2 conf
                -> deposit.confirmed v1 matched, 2 conf
        "#]],
    );
}

#[test]
fn unmatched_money_is_told_once_even_if_it_moves() {
    check(
        "order o1 A 50
        on 0: 1a[t1 A 50], 2a
        on 2a: 3a[t2 A 7], 4a
        on 2a: 3b[t2 A 7], 4b, 5b",
        expect![[r#"
            order o1 A 50
            on 0: 1a[t1 A 50], 2a
              t1.0 A 50 in 1a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
            on 2a: 3a[t2 A 7], 4a
              t2.0 A 7 in 3a: detected (no_open_order)
              t2.0 A 7 in 3a: unmatched (no_open_order)
                -> deposit.unmatched v0 no_open_order, 2 conf
            on 2a: 3b[t2 A 7], 4b, 5b
              t2.0 A 7 in 3a: orphaned (no_open_order)
              t2.0 A 7 in 3b: detected (no_open_order)
              t2.0 A 7 in 3b: unmatched (no_open_order)
        "#]],
    );
}

#[test]
fn finalized_is_the_networks_word_and_must_be_on_our_chain() {
    check(
        "policy final
        watch A
        on 0: 1a[t1 A 5], 2a, 3a
        final 2b
        on 3a: 4a
        final 1a
        on 4a: 5a
        on 5a: 6a",
        expect![[r#"
            policy final
            watch A
            on 0: 1a[t1 A 5], 2a, 3a
              t1.0 A 5 in 1a: detected (pending)
                -> detected t1.0, 3 conf
            final 2b
            on 3a: 4a
            final 1a
            on 4a: 5a
              t1.0 A 5 in 1a: finalized (matched)
                -> deposit.confirmed v1 matched, 5 conf
            on 5a: 6a
        "#]],
    );
}

#[test]
fn a_reorg_below_the_final_block_or_the_window_is_refused() {
    check(
        "window 4
        watch A
        final 2a
        on 0: 1a[t1 A 5], 2a, 3a
        on 1a: 2b, 3b, 4b
        on 3a: 4a, 5a, 6a, 7a
        on 3a: 4c, 5c",
        expect![[r#"
            window 4
            watch A
            final 2a
            on 0: 1a[t1 A 5], 2a, 3a
              t1.0 A 5 in 1a: detected (pending)
              t1.0 A 5 in 1a: finalized (matched)
                -> deposit.confirmed v1 matched, 3 conf
            on 1a: 2b, 3b, 4b
              refused: base 1 lies below what is kept or final (tip 3 (0x3361000000000000000000000000000000000000000000000000000000000000))
            on 3a: 4a, 5a, 6a, 7a
            on 3a: 4c, 5c
              refused: base 3 lies below what is kept or final (tip 7 (0x3761000000000000000000000000000000000000000000000000000000000000))
        "#]],
    );
}

#[test]
fn a_batch_on_a_block_that_is_not_ours_is_refused() {
    check(
        "watch A
        on 0: 1a, 2a
        on 2b: 3b",
        expect![[r#"
            watch A
            on 0: 1a, 2a
            on 2b: 3b
              refused: base 2 (0x3262000000000000000000000000000000000000000000000000000000000000) is not one of our blocks, the tip is 2 (0x3261000000000000000000000000000000000000000000000000000000000000)
        "#]],
    );
}

#[test]
fn no_evidence_no_credit_and_forged_evidence_neither() {
    check(
        "watch A
        hold
        on 0: 1a[t1 A 5], 2a, 3a
        forge t1 9
        forge t1 5
        ask",
        expect![[r#"
            watch A
            hold
            on 0: 1a[t1 A 5], 2a, 3a
              t1.0 A 5 in 1a: detected (pending)
            forge t1 9
            forge t1 5
              t1.0 A 5 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched, 3 conf
            ask
        "#]],
    );
}

#[test]
fn the_first_payment_in_the_chain_takes_the_order_whichever_evidence_comes_first() {
    check(
        "order o1 A 50
        order o2 B 7
        hold
        on 0: 1a[t1 A 50], 2a[t2 A 50; t3 B 7], 3a
        forge t2 50
        forge t3 7
        forge t1 50
        forge t2 50
        on 1a: 2b, 3b, 4b",
        expect![[r#"
            order o1 A 50
            order o2 B 7
            hold
            on 0: 1a[t1 A 50], 2a[t2 A 50; t3 B 7], 3a
              t1.0 A 50 in 1a: detected (pending)
              t2.0 A 50 in 2a: detected (pending)
              t3.0 B 7 in 2a: detected (pending)
            forge t2 50
            forge t3 7
                order o2 paid
              t3.0 B 7 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched for o2, 2 conf
            forge t1 50
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 3 conf
            forge t2 50
              t2.0 A 50 in 2a: unmatched (duplicate)
                -> deposit.unmatched v0 duplicate for o1, 2 conf
            on 1a: 2b, 3b, 4b
              t2.0 A 50 in 2a: orphaned (duplicate)
                order o2 open
              t3.0 B 7 in 2a: orphaned (reversed)
                -> deposit.reversed v2 reversed for o2, 0 conf
        "#]],
    );
}

#[test]
fn evidence_may_come_after_the_block_has_left_the_window() {
    check(
        "window 3
        watch A
        hold
        on 0: 1a[t1 A 5], 2a, 3a, 4a, 5a
        on 5a: 6a
        ask",
        expect![[r#"
            window 3
            watch A
            hold
            on 0: 1a[t1 A 5], 2a, 3a, 4a, 5a
              t1.0 A 5 in 1a: detected (pending)
            on 5a: 6a
            ask
              t1.0 A 5 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched, 6 conf
        "#]],
    );
}

#[test]
fn a_transfer_cannot_be_in_two_blocks_of_one_chain() {
    check(
        "watch A
        on 0: 1a[t1 A 5]
        on 1a: 2a[t1 A 5]",
        expect![[r#"
            watch A
            on 0: 1a[t1 A 5]
              t1.0 A 5 in 1a: detected (pending)
                -> detected t1.0, 1 conf
            on 1a: 2a[t1 A 5]
              refused: transfer dep_3as5fuamkuwosvizfgnj2xqg3j2lvlq4 appears in 2 (0x3261000000000000000000000000000000000000000000000000000000000000) although it is in 1 (0x3161000000000000000000000000000000000000000000000000000000000000) of the same chain
        "#]],
    );
}

#[test]
fn a_watch_covers_what_comes_after_it() {
    check(
        "policy 1
        on 0: 1a[t1 A 5]
        watch A
        on 1a: 2a[t2 A 5]",
        expect![[r#"
            policy 1
            on 0: 1a[t1 A 5]
            watch A
            on 1a: 2a[t2 A 5]
              t2.0 A 5 in 2a: detected (pending)
              t2.0 A 5 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched, 1 conf
        "#]],
    );
}

#[test]
fn finality_that_lags_behind_the_window_still_counts() {
    check(
        "policy final
        window 3
        watch A
        on 0: 1a[t1 A 5], 2a[t2 A 6], 3a, 4a, 5a, 6a
        final 1a
        on 6a: 7a",
        expect![[r#"
            policy final
            window 3
            watch A
            on 0: 1a[t1 A 5], 2a[t2 A 6], 3a, 4a, 5a, 6a
              t1.0 A 5 in 1a: detected (pending)
              t2.0 A 6 in 2a: detected (pending)
                -> detected t1.0, 6 conf
                -> detected t2.0, 5 conf
            final 1a
            on 6a: 7a
              t1.0 A 5 in 1a: finalized (matched)
                -> deposit.confirmed v1 matched, 7 conf
        "#]],
    );
}
