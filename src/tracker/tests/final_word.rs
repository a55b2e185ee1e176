//! Which of the final blocks a node claims are believed.

use super::{check, expect};

#[test]
fn a_final_block_that_is_not_ours_is_not_believed() {
    check(
        "tron
        watch A
        final 1a
        on 0: 1a, 2a[t1 A 50], 3a
        final 2b
        on 3a: 4a
        ask
        final 9a
        ask
        final 1b
        ask
        cursor
        final 2a
        ask
        final 2b
        ask
        cursor",
        expect![[r#"
            tron
            watch A
            final 1a
            on 0: 1a, 2a[t1 A 50], 3a
              t1.0 A 50 in 2a: detected (pending)
                -> detected t1.0, 2 conf
            final 2b
            on 3a: 4a
            ask
            final 9a
            ask
            final 1b
            ask
            cursor
              at 4a, final 1a, headers from 0
            final 2a
            ask
              t1.0 A 50 in 2a: finalized (matched)
                -> deposit.confirmed v1 matched, 3 conf
            final 2b
            ask
            cursor
              at 4a, final 2a, headers from 0
        "#]],
    );
}

#[test]
fn a_final_block_below_the_window_is_not_believed_against_a_deposit_that_knows_its_block() {
    check(
        "tron
        window 3
        watch A
        final 1a
        on 0: 1a, 2a[t1 A 50], 3a..9a
        cursor
        final 2b
        ask
        on 9a: 10a
        cursor
        final 2a
        ask
        final 2b
        on 10a: 11a
        cursor",
        expect![[r#"
            tron
            window 3
            watch A
            final 1a
            on 0: 1a, 2a[t1 A 50], 3a..9a
              t1.0 A 50 in 2a: detected (pending)
                -> detected t1.0, 8 conf
            cursor
              at 9a, final 1a, headers from 7
            final 2b
            ask
            on 9a: 10a
            cursor
              at 10a, final 1a, headers from 8
            final 2a
            ask
              t1.0 A 50 in 2a: finalized (matched)
                -> deposit.confirmed v1 matched, 9 conf
            final 2b
            on 10a: 11a
            cursor
              at 11a, final 2a, headers from 9
        "#]],
    );
}

#[test]
fn the_final_block_never_moves_back_and_may_be_told_again() {
    check(
        "tron
        watch A
        hold
        final 5a
        on 0: 1a..4a, 5a[t1 A 50], 6a..8a
        final 3a
        on 8a: 9a
        on 4a: 5b..10b
        cursor
        final 5a
        ask
        ask
        on 9a: 10a
        on 10a: 11a
        cursor",
        expect![[r#"
            tron
            watch A
            hold
            final 5a
            on 0: 1a..4a, 5a[t1 A 50], 6a..8a
              t1.0 A 50 in 5a: detected (pending)
            final 3a
            on 8a: 9a
            on 4a: 5b..10b
              refused: base 4 lies below what is kept or final (tip 9 (0x3961000000000000000000000000000000000000000000000000000000000000))
            cursor
              at 9a, final 5a, headers from 0
            final 5a
            ask
              t1.0 A 50 in 5a: finalized (matched)
                -> deposit.confirmed v1 matched, 5 conf
            ask
            on 9a: 10a
            on 10a: 11a
            cursor
              at 11a, final 5a, headers from 0
        "#]],
    );
}

#[test]
fn a_final_block_ahead_of_us_counts_once_we_reach_it() {
    check(
        "tron
        watch A
        final 9a
        on 0: 1a[t1 A 5], 2a..8a
        cursor
        on 8a: 9a
        cursor",
        expect![[r#"
            tron
            watch A
            final 9a
            on 0: 1a[t1 A 5], 2a..8a
              t1.0 A 5 in 1a: detected (pending)
                -> detected t1.0, 8 conf
            cursor
              at 8a, final none, headers from 0
            on 8a: 9a
              t1.0 A 5 in 1a: finalized (matched)
                -> deposit.confirmed v1 matched, 9 conf
            cursor
              at 9a, final 9a, headers from 0
        "#]],
    );
}
