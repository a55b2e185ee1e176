//! Credit on the network's own word, as on TRON: the solidified block trails the head by about 18, blocks above it are
//! replaced as a matter of course, and it may stand still for hours while blocks go on.

use super::{check, expect};

#[test]
fn a_credit_waits_for_the_solid_block_eighteen_behind() {
    check(
        "tron
        order o1 A 50
        final 0
        on 0: 1a[t1 A 50], 2a..18a
        final 1a
        on 18a: 19a
        final 2a
        on 19a: 20a",
        expect![[r#"
            tron
            order o1 A 50
            final 0
            on 0: 1a[t1 A 50], 2a..18a
              t1.0 A 50 in 1a: detected (pending)
                -> detected t1.0 for o1, 18 conf
            final 1a
            on 18a: 19a
                order o1 paid
              t1.0 A 50 in 1a: finalized (matched)
                -> deposit.confirmed v1 matched for o1, 19 conf
            final 2a
            on 19a: 20a
        "#]],
    );
}

#[test]
fn a_solid_stall_holds_the_credit_and_nothing_is_lost_when_it_ends() {
    check(
        "tron
        watch A
        final 2a
        on 0: 1a..4a, 5a[t1 A 50], 6a..23a
        on 23a: 24a[t2 A 7], 25a..60a
        ask
        final 5a
        ask
        final 42a
        on 60a: 61a
        final 43a
        on 61a: 62a",
        expect![[r#"
            tron
            watch A
            final 2a
            on 0: 1a..4a, 5a[t1 A 50], 6a..23a
              t1.0 A 50 in 5a: detected (pending)
                -> detected t1.0, 19 conf
            on 23a: 24a[t2 A 7], 25a..60a
              t2.0 A 7 in 24a: detected (pending)
                -> detected t2.0, 37 conf
            ask
            final 5a
            ask
              t1.0 A 50 in 5a: finalized (matched)
                -> deposit.confirmed v1 matched, 56 conf
            final 42a
            on 60a: 61a
              t2.0 A 7 in 24a: finalized (matched)
                -> deposit.confirmed v1 matched, 38 conf
            final 43a
            on 61a: 62a
        "#]],
    );
}

#[test]
fn a_stall_longer_than_the_window_loses_nothing_either() {
    check(
        "tron
        window 6
        watch A
        watch B
        final 1a
        on 0: 1a, 2a[t1 A 50], 3a[t2 B 60; t3 z 9]
        on 3a: 4a..30a
        cursor
        restart
        on 30a: 31a[t4 A 8], 32a..40a
        hold
        final 3a
        on 40a: 41a
        elsewhere t1 2b
        ask
        cursor
        final 31a
        ask
        on 41a: 42a",
        expect![[r#"
            tron
            window 6
            watch A
            watch B
            final 1a
            on 0: 1a, 2a[t1 A 50], 3a[t2 B 60; t3 z 9]
              t1.0 A 50 in 2a: detected (pending)
              t2.0 B 60 in 3a: detected (pending)
                -> detected t1.0, 2 conf
                -> detected t2.0, 1 conf
            on 3a: 4a..30a
            cursor
              at 30a, final 1a, headers from 25
            restart
            on 30a: 31a[t4 A 8], 32a..40a
              t4.0 A 8 in 31a: detected (pending)
                -> detected t4.0, 10 conf
            hold
            final 3a
            on 40a: 41a
            elsewhere t1 2b
            ask
              t1.0 A 50 in 2a: finalized (matched)
              t2.0 B 60 in 3a: finalized (matched)
                -> deposit.confirmed v1 matched, 40 conf
                -> deposit.confirmed v1 matched, 39 conf
            cursor
              at 41a, final 3a, headers from 36
            final 31a
            ask
              t4.0 A 8 in 31a: finalized (matched)
                -> deposit.confirmed v1 matched, 11 conf
            on 41a: 42a
        "#]],
    );
}

#[test]
fn a_batch_longer_than_the_window_is_credited_from_end_to_end() {
    check(
        "tron
        window 3
        watch A
        hold
        final 12a
        on 0: 1a[t1 A 5], 2a..11a, 12a[t2 A 6]
        cursor
        ask",
        expect![[r#"
            tron
            window 3
            watch A
            hold
            final 12a
            on 0: 1a[t1 A 5], 2a..11a, 12a[t2 A 6]
              t1.0 A 5 in 1a: detected (pending)
              t2.0 A 6 in 12a: detected (pending)
            cursor
              at 12a, final 12a, headers from 10
            ask
              t1.0 A 5 in 1a: finalized (matched)
              t2.0 A 6 in 12a: finalized (matched)
                -> deposit.confirmed v1 matched, 12 conf
                -> deposit.confirmed v1 matched, 1 conf
        "#]],
    );
}

#[test]
fn while_catching_up_each_batch_is_final_to_its_top() {
    check(
        "tron
        window 4
        watch A
        final 3a
        on 0: 1a[t1 A 1000], 2a, 3a[t2 A 5]
        final 6a
        on 3a: 4a..5a, 6a[t3 A 6]
        final 9a
        on 6a: 7a[t4 A 7], 8a..9a
        cursor
        on 8a: 9b..10b",
        expect![[r#"
            tron
            window 4
            watch A
            final 3a
            on 0: 1a[t1 A 1000], 2a, 3a[t2 A 5]
              t1.0 A 1000 in 1a: detected (pending)
              t2.0 A 5 in 3a: detected (pending)
              t1.0 A 1000 in 1a: finalized (matched)
              t2.0 A 5 in 3a: finalized (matched)
                -> deposit.confirmed v1 matched, 3 conf
                -> deposit.confirmed v1 matched, 1 conf
            final 6a
            on 3a: 4a..5a, 6a[t3 A 6]
              t3.0 A 6 in 6a: detected (pending)
              t3.0 A 6 in 6a: finalized (matched)
                -> deposit.confirmed v1 matched, 1 conf
            final 9a
            on 6a: 7a[t4 A 7], 8a..9a
              t4.0 A 7 in 7a: detected (pending)
              t4.0 A 7 in 7a: finalized (matched)
                -> deposit.confirmed v1 matched, 3 conf
            cursor
              at 9a, final 9a, headers from 6
            on 8a: 9b..10b
              refused: base 8 lies below what is kept or final (tip 9 (0x3961000000000000000000000000000000000000000000000000000000000000))
        "#]],
    );
}
