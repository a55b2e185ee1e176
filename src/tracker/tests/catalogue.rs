//! Rows of the false-deposit catalogue that the core answers for, on a TRON network; each test is named after its row.

use super::{check, expect};

#[test]
fn row_09_dust_from_look_alike_addresses_is_told_once_and_never_credited() {
    check(
        "tron
        watch A
        order o1 B 50
        final 1a
        on 0: 1a[t1 A 1; t1.1 A 1; t2 B 1; t3 A 2], 2a
        final 2a
        on 2a: 3a[t4 B 50]
        final 3a
        on 3a: 4a",
        expect![[r#"
            tron
            watch A
            order o1 B 50
            final 1a
            on 0: 1a[t1 A 1; t1.1 A 1; t2 B 1; t3 A 2], 2a
              t1.0 A 1 in 1a: detected (below_minimum)
              t1.1 A 1 in 1a: detected (below_minimum)
              t2.0 B 1 in 1a: detected (below_minimum)
              t3.0 A 2 in 1a: detected (pending)
              t1.0 A 1 in 1a: unmatched (below_minimum)
              t1.1 A 1 in 1a: unmatched (below_minimum)
              t2.0 B 1 in 1a: unmatched (below_minimum)
              t3.0 A 2 in 1a: finalized (matched)
                -> deposit.unmatched v0 below_minimum, 2 conf
                -> deposit.unmatched v0 below_minimum, 2 conf
                -> deposit.unmatched v0 below_minimum, 2 conf
                -> deposit.confirmed v1 matched, 2 conf
            final 2a
            on 2a: 3a[t4 B 50]
              t4.0 B 50 in 3a: detected (pending)
                -> detected t4.0 for o1, 1 conf
            final 3a
            on 3a: 4a
                order o1 paid
              t4.0 B 50 in 3a: finalized (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
        "#]],
    );
}

#[test]
fn row_14_a_small_reorg_before_the_credit_tells_nothing() {
    check(
        "tron
        order o1 A 50
        final 1a
        on 0: 1a, 2a[t1 A 50], 3a
        on 1a: 2b..4b
        final 4b
        on 4b: 5b..22b",
        expect![[r#"
            tron
            order o1 A 50
            final 1a
            on 0: 1a, 2a[t1 A 50], 3a
              t1.0 A 50 in 2a: detected (pending)
                -> detected t1.0 for o1, 2 conf
            on 1a: 2b..4b
              t1.0 A 50 in 2a: orphaned (pending)
            final 4b
            on 4b: 5b..22b
        "#]],
    );
}

#[test]
fn row_15_the_same_transaction_again_in_another_block_is_credited_once() {
    check(
        "tron
        watch A
        final 1a
        on 0: 1a, 2a[t1 A 50], 3a[t2 A 60; t1.1 A 5]
        on 1a: 2b[t2 A 60], 3b, 4b[t1 A 50; t1.1 A 5]
        final 4b
        on 4b: 5b
        on 5b: 6b[t1 A 50]",
        expect![[r#"
            tron
            watch A
            final 1a
            on 0: 1a, 2a[t1 A 50], 3a[t2 A 60; t1.1 A 5]
              t1.0 A 50 in 2a: detected (pending)
              t2.0 A 60 in 3a: detected (pending)
              t1.1 A 5 in 3a: detected (pending)
                -> detected t1.0, 2 conf
                -> detected t2.0, 1 conf
                -> detected t1.1, 1 conf
            on 1a: 2b[t2 A 60], 3b, 4b[t1 A 50; t1.1 A 5]
              t1.0 A 50 in 2a: orphaned (pending)
              t1.1 A 5 in 3a: orphaned (pending)
              t2.0 A 60 in 3a: orphaned (pending)
              t2.0 A 60 in 2b: detected (pending)
              t1.0 A 50 in 4b: detected (pending)
              t1.1 A 5 in 4b: detected (pending)
            final 4b
            on 4b: 5b
              t2.0 A 60 in 2b: finalized (matched)
              t1.0 A 50 in 4b: finalized (matched)
              t1.1 A 5 in 4b: finalized (matched)
                -> deposit.confirmed v1 matched, 4 conf
                -> deposit.confirmed v1 matched, 2 conf
                -> deposit.confirmed v1 matched, 2 conf
            on 5b: 6b[t1 A 50]
              refused: transfer dep_pdzqqishtfo3lw2a4wsdxmle4nzkqmzv appears in 6 (0x3662000000000000000000000000000000000000000000000000000000000000) although it is in 4 (0x3462000000000000000000000000000000000000000000000000000000000000) of the same chain
        "#]],
    );
}

#[test]
fn row_18_several_transfers_to_one_address_in_one_transaction_are_a_deposit_each() {
    check(
        "tron
        watch A
        order o1 B 50
        final 1a
        on 0: 1a[t1 A 5; t1.1 A 5; t1.2 B 50; t1.3 B 50; t1.4 A 6]",
        expect![[r#"
            tron
            watch A
            order o1 B 50
            final 1a
            on 0: 1a[t1 A 5; t1.1 A 5; t1.2 B 50; t1.3 B 50; t1.4 A 6]
              t1.0 A 5 in 1a: detected (pending)
              t1.1 A 5 in 1a: detected (pending)
              t1.2 B 50 in 1a: detected (pending)
              t1.3 B 50 in 1a: detected (pending)
              t1.4 A 6 in 1a: detected (pending)
              t1.0 A 5 in 1a: finalized (matched)
              t1.1 A 5 in 1a: finalized (matched)
                order o1 paid
              t1.2 B 50 in 1a: finalized (matched)
              t1.3 B 50 in 1a: unmatched (duplicate)
              t1.4 A 6 in 1a: finalized (matched)
                -> deposit.confirmed v1 matched, 1 conf
                -> deposit.confirmed v1 matched, 1 conf
                -> deposit.confirmed v1 matched for o1, 1 conf
                -> deposit.unmatched v0 duplicate for o1, 1 conf
                -> deposit.confirmed v1 matched, 1 conf
        "#]],
    );
}

#[test]
fn row_19_a_transfer_to_oneself_is_no_deposit_and_a_mint_is_one() {
    check(
        "tron
        order o1 A 50
        watch B
        final 1a
        on 0: 1a[t1 A<A 50; t2 A<0 50; t3 B<B 7; t4 B<0 7]",
        expect![[r#"
            tron
            order o1 A 50
            watch B
            final 1a
            on 0: 1a[t1 A<A 50; t2 A<0 50; t3 B<B 7; t4 B<0 7]
              t1.0 A 50 in 1a: detected (self_transfer)
              t2.0 A 50 in 1a: detected (pending)
              t3.0 B 7 in 1a: detected (self_transfer)
              t4.0 B 7 in 1a: detected (pending)
              t1.0 A 50 in 1a: unmatched (self_transfer)
                order o1 paid
              t2.0 A 50 in 1a: finalized (matched)
              t3.0 B 7 in 1a: unmatched (self_transfer)
              t4.0 B 7 in 1a: finalized (matched)
                -> deposit.unmatched v0 self_transfer, 1 conf
                -> deposit.confirmed v1 matched for o1, 1 conf
                -> deposit.unmatched v0 self_transfer, 1 conf
                -> deposit.confirmed v1 matched, 1 conf
        "#]],
    );
}

#[test]
fn row_23_the_largest_value_is_carried_without_a_loss() {
    check(
        "tron
        order o1 A 50
        watch B
        final 1a
        on 0: 1a[t1 A 115792089237316195423570985008687907853269984665640564039457584007913129639935; t2 B 18446744073709551616]",
        expect![[r#"
            tron
            order o1 A 50
            watch B
            final 1a
            on 0: 1a[t1 A 115792089237316195423570985008687907853269984665640564039457584007913129639935; t2 B 18446744073709551616]
              t1.0 A 115792089237316195423570985008687907853269984665640564039457584007913129639935 in 1a: detected (pending)
              t2.0 B 18446744073709551616 in 1a: detected (pending)
                order o1 paid
              t1.0 A 115792089237316195423570985008687907853269984665640564039457584007913129639935 in 1a: finalized (over)
              t2.0 B 18446744073709551616 in 1a: finalized (matched)
                -> deposit.confirmed v1 over for o1, 1 conf
                -> deposit.confirmed v1 matched, 1 conf
        "#]],
    );
}
