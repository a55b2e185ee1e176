//! What is argued about: amounts, thresholds, and a person's hand.

use super::{check, expect};

#[test]
fn at_least_and_strict_turn_away_one_base_unit_and_still_take_the_right_amount() {
    check(
        "policy 1
        order o1 A 50 least
        order o2 B 50 strict
        order o3 C 50 strict
        on 0: 1a[t1 A 49; t2 B 49; t3 C 51]
        on 1a: 2a[t4 A 51; t5 B 50; t6 C 50]",
        expect![[r#"
            policy 1
            order o1 A 50 least
            order o2 B 50 strict
            order o3 C 50 strict
            on 0: 1a[t1 A 49; t2 B 49; t3 C 51]
              t1.0 A 49 in 1a: detected (under)
              t2.0 B 49 in 1a: detected (under)
              t3.0 C 51 in 1a: detected (over)
              t1.0 A 49 in 1a: unmatched (under)
              t2.0 B 49 in 1a: unmatched (under)
              t3.0 C 51 in 1a: unmatched (over)
                -> deposit.unmatched v0 under for o1, 1 conf
                -> deposit.unmatched v0 under for o2, 1 conf
                -> deposit.unmatched v0 over for o3, 1 conf
            on 1a: 2a[t4 A 51; t5 B 50; t6 C 50]
              t4.0 A 51 in 2a: detected (pending)
              t5.0 B 50 in 2a: detected (pending)
              t6.0 C 50 in 2a: detected (pending)
                order o1 paid
              t4.0 A 51 in 2a: confirmed (over)
                order o2 paid
              t5.0 B 50 in 2a: confirmed (matched)
                order o3 paid
              t6.0 C 50 in 2a: confirmed (matched)
                -> deposit.confirmed v1 over for o1, 1 conf
                -> deposit.confirmed v1 matched for o2, 1 conf
                -> deposit.confirmed v1 matched for o3, 1 conf
        "#]],
    );
}

#[test]
fn a_split_payment_is_the_first_part_where_any_amount_is_taken_and_nothing_where_it_is_not() {
    check(
        "policy 1
        order o1 A 50
        order o2 B 50 least
        on 0: 1a[t1 A 30; t2 A 20; t3 B 30; t4 B 20]",
        expect![[r#"
            policy 1
            order o1 A 50
            order o2 B 50 least
            on 0: 1a[t1 A 30; t2 A 20; t3 B 30; t4 B 20]
              t1.0 A 30 in 1a: detected (pending)
              t2.0 A 20 in 1a: detected (pending)
              t3.0 B 30 in 1a: detected (under)
              t4.0 B 20 in 1a: detected (under)
                order o1 paid
              t1.0 A 30 in 1a: confirmed (under)
              t2.0 A 20 in 1a: unmatched (duplicate)
              t3.0 B 30 in 1a: unmatched (under)
              t4.0 B 20 in 1a: unmatched (under)
                -> deposit.confirmed v1 under for o1, 1 conf
                -> deposit.unmatched v0 duplicate for o1, 1 conf
                -> deposit.unmatched v0 under for o2, 1 conf
                -> deposit.unmatched v0 under for o2, 1 conf
        "#]],
    );
}

#[test]
fn what_a_finished_order_is_sent_is_never_silent() {
    check(
        "policy 1
        order o1 A 50
        on 0: 1a[t1 A 50]
        on 1a: 2a[t2 A 50]
        order o2 B 50 until 12 0
        on 2a: 3a
        on 3a: 4a[t3 B 50]",
        expect![[r#"
            policy 1
            order o1 A 50
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 1 conf
            on 1a: 2a[t2 A 50]
              t2.0 A 50 in 2a: detected (no_open_order)
              t2.0 A 50 in 2a: unmatched (no_open_order)
                -> deposit.unmatched v0 no_open_order, 1 conf
            order o2 B 50 until 12 0
            on 2a: 3a
                order o2 expired
                -> order.expired o2 by 2a
            on 3a: 4a[t3 B 50]
              t3.0 B 50 in 4a: detected (late)
              t3.0 B 50 in 4a: unmatched (late)
                -> deposit.unmatched v0 late for o2, 1 conf
        "#]],
    );
}

#[test]
fn a_standing_watch_takes_what_an_order_turns_away() {
    check(
        "policy 1
        watch A
        order o1 A 50 strict
        on 0: 1a[t1 A 49]
        on 1a: 2a[t2 A 50]",
        expect![[r#"
            policy 1
            watch A
            order o1 A 50 strict
            on 0: 1a[t1 A 49]
              t1.0 A 49 in 1a: detected (pending)
              t1.0 A 49 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched, 1 conf
            on 1a: 2a[t2 A 50]
              t2.0 A 50 in 2a: detected (pending)
                order o1 paid
              t2.0 A 50 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 1 conf
        "#]],
    );
}

#[test]
fn a_larger_amount_waits_for_its_own_tier_at_one_base_unit() {
    check(
        "tiers 1 100:3 1000:final
        watch A
        on 0: 1a[t1 A 99; t2 A 100; t3 A 999; t4 A 1000]
        on 1a: 2a, 3a
        final 1a
        on 3a: 4a",
        expect![[r#"
            tiers 1 100:3 1000:final
            watch A
            on 0: 1a[t1 A 99; t2 A 100; t3 A 999; t4 A 1000]
              t1.0 A 99 in 1a: detected (pending)
              t2.0 A 100 in 1a: detected (pending)
              t3.0 A 999 in 1a: detected (pending)
              t4.0 A 1000 in 1a: detected (pending)
                -> detected t2.0, 1 conf
                -> detected t3.0, 1 conf
                -> detected t4.0, 1 conf
              t1.0 A 99 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched, 1 conf
            on 1a: 2a, 3a
              t2.0 A 100 in 1a: confirmed (matched)
              t3.0 A 999 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched, 3 conf
                -> deposit.confirmed v1 matched, 3 conf
            final 1a
            on 3a: 4a
              t1.0 A 99 in 1a: finalized (matched)
              t2.0 A 100 in 1a: finalized (matched)
              t3.0 A 999 in 1a: finalized (matched)
              t4.0 A 1000 in 1a: finalized (matched)
                -> deposit.confirmed v1 matched, 4 conf
        "#]],
    );
}

#[test]
fn a_lower_policy_credits_what_waits_and_a_higher_one_takes_nothing_back() {
    check(
        "policy 4
        watch A
        on 0: 1a[t1 A 50], 2a[t2 A 50]
        policy 2
        ask
        policy 6
        on 2a: 3a[t3 A 50], 4a
        on 4a: 5a, 6a, 7a
        on 7a: 8a",
        expect![[r#"
            policy 4
            watch A
            on 0: 1a[t1 A 50], 2a[t2 A 50]
              t1.0 A 50 in 1a: detected (pending)
              t2.0 A 50 in 2a: detected (pending)
                -> detected t1.0, 2 conf
                -> detected t2.0, 1 conf
            policy 2
            ask
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched, 2 conf
            policy 6
            on 2a: 3a[t3 A 50], 4a
              t3.0 A 50 in 3a: detected (pending)
                -> detected t3.0, 2 conf
            on 4a: 5a, 6a, 7a
              t2.0 A 50 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched, 6 conf
            on 7a: 8a
              t3.0 A 50 in 3a: confirmed (matched)
                -> deposit.confirmed v1 matched, 6 conf
        "#]],
    );
}

#[test]
fn what_a_person_holds_waits_and_so_does_what_came_later_for_the_same_order() {
    check(
        "policy 2
        order o1 A 50
        on 0: 1a[t1 A 50], 2a[t2 A 50]
        held t1
        on 2a: 3a
        restart
        on 3a: 4a
        free t1",
        expect![[r#"
            policy 2
            order o1 A 50
            on 0: 1a[t1 A 50], 2a[t2 A 50]
              t1.0 A 50 in 1a: detected (pending)
              t2.0 A 50 in 2a: detected (pending)
                -> detected t2.0 for o1, 1 conf
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
            held t1
              t1.0 A 50 in 1a: confirmed (matched)
            on 2a: 3a
              t2.0 A 50 in 2a: unmatched (duplicate)
                -> deposit.unmatched v0 duplicate for o1, 2 conf
            restart
            on 3a: 4a
            free t1
              t1.0 A 50 in 1a: confirmed (matched)
        "#]],
    );
}

#[test]
fn a_held_deposit_that_leaves_and_returns_is_still_held() {
    check(
        "policy 2
        watch A
        on 0: 1a[t1 A 50]
        held t1
        on 0: 1b, 2b[t1 A 50]
        on 2b: 3b, 4b
        free t1",
        expect![[r#"
            policy 2
            watch A
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                -> detected t1.0, 1 conf
            held t1
              t1.0 A 50 in 1a: detected (pending)
            on 0: 1b, 2b[t1 A 50]
              t1.0 A 50 in 1a: orphaned (pending)
              t1.0 A 50 in 2b: detected (pending)
            on 2b: 3b, 4b
            free t1
              t1.0 A 50 in 2b: detected (pending)
              t1.0 A 50 in 2b: confirmed (matched)
                -> deposit.confirmed v1 matched, 3 conf
        "#]],
    );
}

#[test]
fn evidence_that_was_asked_for_under_weaker_rules_credits_nothing() {
    check(
        "tiers 1 100:final 1000:final+
        watch A
        hold
        on 0: 1a[t1 A 50; t2 A 100; t3 A 1000]
        final 1a
        on 1a: 2a
        weak t1
        weak t2
        weak t3
        ask",
        expect![[r#"
            tiers 1 100:final 1000:final+
            watch A
            hold
            on 0: 1a[t1 A 50; t2 A 100; t3 A 1000]
              t1.0 A 50 in 1a: detected (pending)
              t2.0 A 100 in 1a: detected (pending)
              t3.0 A 1000 in 1a: detected (pending)
                -> detected t2.0, 1 conf
                -> detected t3.0, 1 conf
            final 1a
            on 1a: 2a
            weak t1
              t1.0 A 50 in 1a: finalized (matched)
                -> deposit.confirmed v1 matched, 2 conf
            weak t2
            weak t3
            ask
              t2.0 A 100 in 1a: finalized (matched)
              t3.0 A 1000 in 1a: finalized (matched)
                -> deposit.confirmed v1 matched, 2 conf
                -> deposit.confirmed v1 matched, 2 conf
        "#]],
    );
}
