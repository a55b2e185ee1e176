//! Forks above the solid block, and none below it.

use super::{check, expect};

#[test]
fn a_fork_of_one_block_moves_the_transaction() {
    check(
        "tron
        order o1 A 50
        final 2a
        on 0: 1a..19a, 20a[t1 A 50]
        on 19a: 20b, 21b[t1 A 50]
        final 20b
        on 21b: 22b..38b
        final 21b
        on 38b: 39b",
        expect![[r#"
            tron
            order o1 A 50
            final 2a
            on 0: 1a..19a, 20a[t1 A 50]
              t1.0 A 50 in 20a: detected (pending)
                -> detected t1.0 for o1, 1 conf
            on 19a: 20b, 21b[t1 A 50]
              t1.0 A 50 in 20a: orphaned (pending)
              t1.0 A 50 in 21b: detected (pending)
            final 20b
            on 21b: 22b..38b
            final 21b
            on 38b: 39b
                order o1 paid
              t1.0 A 50 in 21b: finalized (matched)
                -> deposit.confirmed v1 matched for o1, 19 conf
        "#]],
    );
}

#[test]
fn a_fork_of_two_blocks_executes_the_transaction_again_with_another_amount() {
    check(
        "tron
        order o1 A 50
        final 1a
        on 0: 1a..18a, 19a[t1 A 50], 20a
        on 18a: 19b, 20b[t1 A 49], 21b
        final 20a
        on 21b: 22b
        final 20b
        on 22b: 23b..38b",
        expect![[r#"
            tron
            order o1 A 50
            final 1a
            on 0: 1a..18a, 19a[t1 A 50], 20a
              t1.0 A 50 in 19a: detected (pending)
                -> detected t1.0 for o1, 2 conf
            on 18a: 19b, 20b[t1 A 49], 21b
              t1.0 A 50 in 19a: orphaned (pending)
              t1.0 A 49 in 20b: detected (pending)
            final 20a
            on 21b: 22b
            final 20b
            on 22b: 23b..38b
                order o1 paid
              t1.0 A 49 in 20b: finalized (under)
                -> deposit.confirmed v1 under for o1, 19 conf
        "#]],
    );
}

#[test]
fn a_fork_down_to_the_solid_block_pays_another_or_nobody() {
    check(
        "tron
        watch A
        watch B
        final 2a
        on 0: 1a..2a, 3a[t1 A 50; t2 A 60; t3 A 70; t3.1 B 70], 4a..19a
        on 2a: 3b[t1 B 50], 4b[t3 A 70], 5b..20b
        final 3b
        on 20b: 21b
        final 20b
        on 21b: 22b..38b",
        expect![[r#"
            tron
            watch A
            watch B
            final 2a
            on 0: 1a..2a, 3a[t1 A 50; t2 A 60; t3 A 70; t3.1 B 70], 4a..19a
              t1.0 A 50 in 3a: detected (pending)
              t2.0 A 60 in 3a: detected (pending)
              t3.0 A 70 in 3a: detected (pending)
              t3.1 B 70 in 3a: detected (pending)
                -> detected t1.0, 17 conf
                -> detected t2.0, 17 conf
                -> detected t3.0, 17 conf
                -> detected t3.1, 17 conf
            on 2a: 3b[t1 B 50], 4b[t3 A 70], 5b..20b
              t1.0 A 50 in 3a: orphaned (pending)
              t2.0 A 60 in 3a: orphaned (pending)
              t3.0 A 70 in 3a: orphaned (pending)
              t3.1 B 70 in 3a: orphaned (pending)
              t1.0 B 50 in 3b: detected (pending)
              t3.0 A 70 in 4b: detected (pending)
            final 3b
            on 20b: 21b
              t1.0 B 50 in 3b: finalized (matched)
                -> deposit.confirmed v1 matched, 19 conf
            final 20b
            on 21b: 22b..38b
              t3.0 A 70 in 4b: finalized (matched)
                -> deposit.confirmed v1 matched, 35 conf
        "#]],
    );
}

#[test]
fn nothing_at_or_below_the_solid_block_is_taken_back() {
    check(
        "tron
        watch A
        final 3a
        on 0: 1a..2a, 3a[t1 A 50], 4a..5a
        on 2a: 3b..6b
        down 2a
        on 3a: 4b..5b, 6b[t2 A 5]
        down 3a
        on 3a: 4c, 5c
        cursor",
        expect![[r#"
            tron
            watch A
            final 3a
            on 0: 1a..2a, 3a[t1 A 50], 4a..5a
              t1.0 A 50 in 3a: detected (pending)
              t1.0 A 50 in 3a: finalized (matched)
                -> deposit.confirmed v1 matched, 3 conf
            on 2a: 3b..6b
              refused: base 2 lies below what is kept or final (tip 5 (0x3561000000000000000000000000000000000000000000000000000000000000))
            down 2a
              refused: base 2 lies below what is kept or final (tip 5 (0x3561000000000000000000000000000000000000000000000000000000000000))
            on 3a: 4b..5b, 6b[t2 A 5]
              t2.0 A 5 in 6b: detected (pending)
                -> detected t2.0, 1 conf
            down 3a
              t2.0 A 5 in 6b: orphaned (pending)
            on 3a: 4c, 5c
            cursor
              at 5c, final 3a, headers from 0
        "#]],
    );
}
