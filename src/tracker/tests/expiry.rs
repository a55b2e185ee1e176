//! Deadlines of orders, told by block time: block `n` has the time 12 × n.

use super::{World, check, expect};

#[test]
fn an_order_expires_when_a_block_younger_than_its_deadline_lies_as_deep_as_a_deposit_must() {
    check(
        "policy 3
        order o1 A 50 until 20 4
        on 0: 1a, 2a
        on 2a: 3a, 4a
        on 4a: 5a
        on 5a: 6a[t1 A 50]
        on 6a: 7a, 8a",
        expect![[r#"
            policy 3
            order o1 A 50 until 20 4
            on 0: 1a, 2a
            on 2a: 3a, 4a
            on 4a: 5a
                order o1 expired
                -> order.expired o1 by 3a
            on 5a: 6a[t1 A 50]
              t1.0 A 50 in 6a: detected (late)
                -> detected t1.0, 1 conf
            on 6a: 7a, 8a
              t1.0 A 50 in 6a: unmatched (late)
                -> deposit.unmatched v0 late for o1, 3 conf
        "#]],
    );
}

#[test]
fn the_last_block_of_the_grace_is_in_time_and_the_next_is_late() {
    check(
        "policy 2
        order o1 A 50 until 20 4
        order o2 B 50 until 20 3
        on 0: 1a, 2a[t1 A 50; t2 B 50]
        on 2a: 3a, 4a",
        expect![[r#"
            policy 2
            order o1 A 50 until 20 4
            order o2 B 50 until 20 3
            on 0: 1a, 2a[t1 A 50; t2 B 50]
              t1.0 A 50 in 2a: detected (pending)
              t2.0 B 50 in 2a: detected (late)
                -> detected t1.0 for o1, 1 conf
                -> detected t2.0 for o2, 1 conf
            on 2a: 3a, 4a
                order o2 expired
                -> order.expired o2 by 2a
                order o1 paid
              t1.0 A 50 in 2a: confirmed (matched)
              t2.0 B 50 in 2a: unmatched (late)
                -> deposit.confirmed v1 matched for o1, 3 conf
                -> deposit.unmatched v0 late for o2, 3 conf
        "#]],
    );
}

#[test]
fn a_payment_on_its_way_keeps_its_order_open_beyond_the_deadline() {
    check(
        "tiers 1 100:4
        order o1 A 150 until 12 0
        on 0: 1a[t1 A 150]
        on 1a: 2a, 3a
        on 3a: 4a",
        expect![[r#"
            tiers 1 100:4
            order o1 A 150 until 12 0
            on 0: 1a[t1 A 150]
              t1.0 A 150 in 1a: detected (pending)
                -> detected t1.0 for o1, 1 conf
            on 1a: 2a, 3a
            on 3a: 4a
                order o1 paid
              t1.0 A 150 in 1a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 4 conf
        "#]],
    );
}

#[test]
fn a_payment_in_time_that_a_reorg_brings_is_credited_although_late_blocks_were_seen() {
    check(
        "policy 3
        order o1 A 50 until 30 0
        on 0: 1a, 2a, 3a
        on 1a: 2b[t1 A 50], 3b, 4b
        on 4b: 5b",
        expect![[r#"
            policy 3
            order o1 A 50 until 30 0
            on 0: 1a, 2a, 3a
            on 1a: 2b[t1 A 50], 3b, 4b
              t1.0 A 50 in 2b: detected (pending)
                order o1 paid
              t1.0 A 50 in 2b: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 3 conf
            on 4b: 5b
        "#]],
    );
}

#[test]
fn a_credit_that_returns_in_a_younger_block_is_not_late() {
    check(
        "policy 1
        order o1 A 50 until 24 0
        on 0: 1a, 2a[t1 A 50]
        on 1a: 2b, 3b[t1 A 50]
        on 3b: 4b",
        expect![[r#"
            policy 1
            order o1 A 50 until 24 0
            on 0: 1a, 2a[t1 A 50]
              t1.0 A 50 in 2a: detected (pending)
                order o1 paid
              t1.0 A 50 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 1 conf
            on 1a: 2b, 3b[t1 A 50]
                order o1 open
              t1.0 A 50 in 2a: orphaned (reversed)
              t1.0 A 50 in 3b: detected (pending)
                -> deposit.reversed v2 reversed for o1, 0 conf
                order o1 paid
              t1.0 A 50 in 3b: confirmed (matched)
                -> deposit.confirmed v3 matched for o1, 1 conf
            on 3b: 4b
        "#]],
    );
}

#[test]
fn an_order_of_two_networks_expires_only_when_both_have_passed() {
    check(
        "policy 1
        order o1 A 50 until 12 0 also other
        on 0: 1a, 2a
        on 2a: 3a[t1 A 50]",
        expect![[r#"
            policy 1
            order o1 A 50 until 12 0 also other
            on 0: 1a, 2a
                order o1 open
            on 2a: 3a[t1 A 50]
              t1.0 A 50 in 3a: detected (late)
              t1.0 A 50 in 3a: unmatched (late)
                -> deposit.unmatched v0 late for o1, 1 conf
        "#]],
    );
}

#[test]
fn an_order_of_a_token_that_is_not_configured_any_more_waits_and_stops_nobody() {
    let mut world = World::new();
    for line in ["policy 1", "order o1 A 50 until 12 0"] {
        world.step(line);
    }
    world.tracker.spec.tokens.clear();
    world.step("on 0: 1a, 2a");
    world.step("on 2a: 3a");
    expect![[r#"
        policy 1
        order o1 A 50 until 12 0
        on 0: 1a, 2a
        on 2a: 3a
    "#]]
    .assert_eq(&world.story);
}
