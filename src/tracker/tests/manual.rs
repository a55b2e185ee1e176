//! What a person decides: holds and bindings, and what becomes of them in a reorg.
//!
//! Beside the script's own lines: `stop t1` / `go t1` (hold and release, as an operator asks for it) · `bind t1 o1`.

use super::{Act, Deposit, DepositId, Expect, LogOrdinal, Millis, TOKEN, World, app, expect, network, tx};
use crate::domain::{OrderId, UserMark};
use crate::tracker::Tracker;

fn deposit_of(world: &World, name: &str) -> Deposit {
    let id = DepositId { network: network(), tx: tx(name), token: TOKEN, ordinal: LogOrdinal(0) };
    world.rows.deposits[&id].clone()
}

fn act() -> Act {
    Act { by: "uid 0".to_owned(), at: Millis(7), why: "asked by the payer".to_owned() }
}

fn step(world: &mut World, line: &str) {
    let words: Vec<_> = line.split(' ').collect();
    let plan = match words[..] {
        ["stop", name] => world.tracker.plan_hold(&deposit_of(world, name), act()),
        ["go", name] => world.tracker.plan_release(&deposit_of(world, name)),
        ["bind", name, order] => {
            let (deposit, order) = (deposit_of(world, name), OrderId::parse(order).unwrap());
            let known = world.known(Tracker::needs_of_bind(&deposit, &app(), &order));
            let order = world.rows.orders[&(app(), order)].clone();
            world.tracker.plan_bind(&deposit, &order, known)
        }
        _ => return world.step(line),
    };
    world.story.push_str(line);
    world.story.push('\n');
    // The ids are digests: of no interest in a story.
    let named = |text: String| {
        text.split(' ').map(|word| if word.starts_with("dep_") { "dep_…" } else { word }).collect::<Vec<_>>().join(" ")
    };
    match plan {
        Err(error) => world.story.push_str(&format!("  refused: {}\n", named(error.to_string()))),
        Ok(changes) => world.take(changes),
    }
}

pub(super) fn check(script: &str, story: Expect) {
    let mut world = World::new();
    script.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| step(&mut world, line));
    story.assert_eq(&world.story);
}

#[test]
fn a_late_payment_is_bound_and_pays_its_order() {
    check(
        "policy 1
        order o1 A 50 until 24 0
        on 0: 1a, 2a, 3a, 4a
        on 4a: 5a[t1 A 40]
        bind t1 o1
        bind t1 o1
        on 5a: 6a[t2 A 50]",
        expect![[r#"
            policy 1
            order o1 A 50 until 24 0
            on 0: 1a, 2a, 3a, 4a
                order o1 expired
                -> order.expired o1 by 3a
            on 4a: 5a[t1 A 40]
              t1.0 A 40 in 5a: detected (late)
              t1.0 A 40 in 5a: unmatched (late)
                -> deposit.unmatched v0 late for o1, 1 conf
            bind t1 o1
                order o1 paid
              t1.0 A 40 in 5a: confirmed (manual)
                -> deposit.confirmed v1 manual for o1, 1 conf
            bind t1 o1
              refused: deposit dep_… is confirmed: only an unmatched one can be bound
            on 5a: 6a[t2 A 50]
              t2.0 A 50 in 6a: detected (no_open_order)
              t2.0 A 50 in 6a: unmatched (no_open_order)
                -> deposit.unmatched v0 no_open_order, 1 conf
        "#]],
    );
}

#[test]
fn a_duplicate_is_bound_to_another_order_of_the_same_owner_at_another_address() {
    check(
        "policy 1
        order o1 A 50
        order o2 B 70
        on 0: 1a[t1 A 50], 2a[t2 A 70]
        bind t2 o1
        bind t2 o2
        on 2a: 3a[t3 B 70]",
        expect![[r#"
            policy 1
            order o1 A 50
            order o2 B 70
            on 0: 1a[t1 A 50], 2a[t2 A 70]
              t1.0 A 50 in 1a: detected (pending)
              t2.0 A 70 in 2a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
              t2.0 A 70 in 2a: unmatched (duplicate)
                -> deposit.confirmed v1 matched for o1, 2 conf
                -> deposit.unmatched v0 duplicate for o1, 1 conf
            bind t2 o1
              refused: order o1 is paid by dep_…
            bind t2 o2
                order o2 paid
              t2.0 A 70 in 2a: confirmed (manual)
                -> deposit.confirmed v1 manual for o2, 1 conf
            on 2a: 3a[t3 B 70]
              t3.0 B 70 in 3a: detected (no_open_order)
              t3.0 B 70 in 3a: unmatched (no_open_order)
                -> deposit.unmatched v0 no_open_order, 1 conf
        "#]],
    );
}

#[test]
fn a_bound_payment_that_leaves_is_reversed_and_credited_again_when_it_returns() {
    check(
        "policy 1
        window 8
        order o1 A 50 strict
        on 0: 1a, 2a[t1 A 49]
        bind t1 o1
        on 1a: 2b, 3b
        on 3b: 4b[t1 A 49]
        bind t1 o1",
        expect![[r#"
            policy 1
            window 8
            order o1 A 50 strict
            on 0: 1a, 2a[t1 A 49]
              t1.0 A 49 in 2a: detected (under)
              t1.0 A 49 in 2a: unmatched (under)
                -> deposit.unmatched v0 under for o1, 1 conf
            bind t1 o1
                order o1 paid
              t1.0 A 49 in 2a: confirmed (manual)
                -> deposit.confirmed v1 manual for o1, 1 conf
            on 1a: 2b, 3b
                order o1 reversed
              t1.0 A 49 in 2a: orphaned (reversed)
                -> deposit.reversed v2 reversed for o1, 0 conf
            on 3b: 4b[t1 A 49]
              t1.0 A 49 in 4b: detected (pending)
                order o1 paid
              t1.0 A 49 in 4b: confirmed (manual)
                -> deposit.confirmed v3 manual for o1, 1 conf
            bind t1 o1
              refused: deposit dep_… is confirmed: only an unmatched one can be bound
        "#]],
    );
}

#[test]
fn another_payment_may_be_bound_in_place_of_one_that_left_and_then_the_first_is_a_duplicate() {
    check(
        "policy 1
        order o1 A 50 strict
        on 0: 1a, 2a[t1 A 49]
        bind t1 o1
        on 1a: 2b, 3b[t2 A 48]
        bind t2 o1
        on 3b: 4b[t1 A 49]",
        expect![[r#"
            policy 1
            order o1 A 50 strict
            on 0: 1a, 2a[t1 A 49]
              t1.0 A 49 in 2a: detected (under)
              t1.0 A 49 in 2a: unmatched (under)
                -> deposit.unmatched v0 under for o1, 1 conf
            bind t1 o1
                order o1 paid
              t1.0 A 49 in 2a: confirmed (manual)
                -> deposit.confirmed v1 manual for o1, 1 conf
            on 1a: 2b, 3b[t2 A 48]
                order o1 reversed
              t1.0 A 49 in 2a: orphaned (reversed)
              t2.0 A 48 in 3b: detected (no_open_order)
                -> deposit.reversed v2 reversed for o1, 0 conf
              t2.0 A 48 in 3b: unmatched (no_open_order)
                -> deposit.unmatched v0 no_open_order, 1 conf
            bind t2 o1
                order o1 paid
              t2.0 A 48 in 3b: confirmed (manual)
                -> deposit.confirmed v1 manual for o1, 1 conf
            on 3b: 4b[t1 A 49]
              t1.0 A 49 in 4b: detected (duplicate)
              t1.0 A 49 in 4b: unmatched (duplicate)
        "#]],
    );
}

#[test]
fn what_does_not_fit_is_refused_and_says_why() {
    check(
        "policy 1
        order o1 A 50
        on 0: 1a[t1 B 50; t2 A<A 50; t3 A 50]
        bind t3 o1
        bind t2 o1
        watch B
        order o2 C 50 strict
        on 1a: 2a[t4 C 49; t5 B 50]
        bind t5 o2
        policy 3
        bind t4 o2
        on 2a: 3a
        bind t4 o2
        on 3a: 4a
        bind t4 o2",
        expect![[r#"
            policy 1
            order o1 A 50
            on 0: 1a[t1 B 50; t2 A<A 50; t3 A 50]
              t2.0 A 50 in 1a: detected (self_transfer)
              t3.0 A 50 in 1a: detected (pending)
              t2.0 A 50 in 1a: unmatched (self_transfer)
                order o1 paid
              t3.0 A 50 in 1a: confirmed (matched)
                -> deposit.unmatched v0 self_transfer, 1 conf
                -> deposit.confirmed v1 matched for o1, 1 conf
            bind t3 o1
              refused: deposit dep_… is confirmed: only an unmatched one can be bound
            bind t2 o1
              refused: deposit dep_… came from the address it went to: no money arrived
            watch B
            order o2 C 50 strict
            on 1a: 2a[t4 C 49; t5 B 50]
              t4.0 C 49 in 2a: detected (under)
              t5.0 B 50 in 2a: detected (pending)
              t4.0 C 49 in 2a: unmatched (under)
              t5.0 B 50 in 2a: confirmed (matched)
                -> deposit.unmatched v0 under for o2, 1 conf
                -> deposit.confirmed v1 matched, 1 conf
            bind t5 o2
              refused: deposit dep_… is confirmed: only an unmatched one can be bound
            policy 3
            bind t4 o2
              refused: deposit dep_… needs 3 confirmations, has 1
            on 2a: 3a
            bind t4 o2
              refused: deposit dep_… needs 3 confirmations, has 2
            on 3a: 4a
            bind t4 o2
                order o2 paid
              t4.0 C 49 in 2a: confirmed (manual)
                -> deposit.confirmed v1 manual for o2, 3 conf
        "#]],
    );
}

#[test]
fn an_order_of_another_user_takes_nothing() {
    let mut world = World::new();
    for line in ["policy 1", "order o1 A 50 strict", "on 0: 1a[t1 A 49]"] {
        step(&mut world, line);
    }
    let foreign = OrderId::parse("o1").unwrap();
    let order = world.rows.orders.get_mut(&(app(), foreign)).unwrap();
    order.user_mark = UserMark::parse("somebody else").unwrap();
    step(&mut world, "bind t1 o1");
    assert!(world.story.ends_with("belongs to another app or user mark than order o1\n"), "{}", world.story);
}

#[test]
fn only_what_waits_is_held_and_a_hold_outlives_a_reorg() {
    check(
        "policy 2
        order o1 A 50
        on 0: 1a[t1 A 50]
        stop t1
        stop t1
        on 1a: 2a, 3a
        on 0: 1b, 2b, 3b, 4b
        stop t1
        on 4b: 5b[t1 A 50], 6b, 7b
        bind t1 o1
        go t1
        go t1
        on 7b: 8b
        stop t1",
        expect![[r#"
            policy 2
            order o1 A 50
            on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (pending)
                -> detected t1.0 for o1, 1 conf
            stop t1
              t1.0 A 50 in 1a: detected (pending)
            stop t1
              refused: deposit dep_… is held already by uid 0: asked by the payer
            on 1a: 2a, 3a
            on 0: 1b, 2b, 3b, 4b
              t1.0 A 50 in 1a: orphaned (pending)
            stop t1
              refused: deposit dep_… is held already by uid 0: asked by the payer
            on 4b: 5b[t1 A 50], 6b, 7b
              t1.0 A 50 in 5b: detected (pending)
            bind t1 o1
              refused: deposit dep_… is detected: only an unmatched one can be bound
            go t1
              t1.0 A 50 in 5b: detected (pending)
            go t1
              refused: deposit dep_… is not held
            on 7b: 8b
                order o1 paid
              t1.0 A 50 in 5b: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 4 conf
            stop t1
              refused: deposit dep_… is confirmed: only one that waits for its credit can be held
        "#]],
    );
}

#[test]
fn what_was_bound_returns_as_bound_however_often_it_leaves_and_its_order_waits_for_nobody_else() {
    check(
        "policy 1
        order o1 A 50 strict until 24 0
        on 0: 1a, 2a, 3a
        on 3a: 4a[t1 A 40]
        bind t1 o1
        on 3a: 4b, 5b[t1 A 40]
        on 4b: 5c[t2 A 50], 6c
        on 6c: 7c[t1 A 40]",
        expect![[r#"
            policy 1
            order o1 A 50 strict until 24 0
            on 0: 1a, 2a, 3a
                order o1 expired
                -> order.expired o1 by 3a
            on 3a: 4a[t1 A 40]
              t1.0 A 40 in 4a: detected (late)
              t1.0 A 40 in 4a: unmatched (late)
                -> deposit.unmatched v0 late for o1, 1 conf
            bind t1 o1
                order o1 paid
              t1.0 A 40 in 4a: confirmed (manual)
                -> deposit.confirmed v1 manual for o1, 1 conf
            on 3a: 4b, 5b[t1 A 40]
                order o1 reversed
              t1.0 A 40 in 4a: orphaned (reversed)
              t1.0 A 40 in 5b: detected (pending)
                -> deposit.reversed v2 reversed for o1, 0 conf
                order o1 paid
              t1.0 A 40 in 5b: confirmed (manual)
                -> deposit.confirmed v3 manual for o1, 1 conf
            on 4b: 5c[t2 A 50], 6c
                order o1 reversed
              t1.0 A 40 in 5b: orphaned (reversed)
              t2.0 A 50 in 5c: detected (no_open_order)
                -> deposit.reversed v4 reversed for o1, 0 conf
              t2.0 A 50 in 5c: unmatched (no_open_order)
                -> deposit.unmatched v0 no_open_order, 2 conf
            on 6c: 7c[t1 A 40]
              t1.0 A 40 in 7c: detected (pending)
                order o1 paid
              t1.0 A 40 in 7c: confirmed (manual)
                -> deposit.confirmed v5 manual for o1, 1 conf
        "#]],
    );
}
