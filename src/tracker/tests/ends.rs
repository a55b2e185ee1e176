//! Ends that must not come too early, twice, or in the way of others.

use super::{Change, Changeset, World, address, app, at, evidence_of, network, tx};
use crate::{
    domain::{Deposit, DepositId, DepositState, Height, LogOrdinal, Millis, OrderId, OrderState, UserMark, Watch},
    tracker::{Tracker, tests::TOKEN},
};

fn play(lines: &[&str]) -> World {
    let mut world = World::new();
    lines.iter().for_each(|line| world.step(line));
    world
}

fn state_of(world: &World, id: &str) -> OrderState {
    world.rows.orders[&(app(), OrderId::parse(id).unwrap())].state.clone()
}

fn deposit_of(world: &World, name: &str) -> Deposit {
    world.rows.deposits[&DepositId { network: network(), tx: tx(name), token: TOKEN, ordinal: LogOrdinal(0) }].clone()
}

fn bind(world: &mut World, name: &str, order: &str) {
    let (deposit, order) = (deposit_of(world, name), OrderId::parse(order).unwrap());
    let known = world.known(Tracker::needs_of_bind(&deposit, &app(), &order));
    let order = world.rows.orders[&(app(), order)].clone();
    let plan = world.tracker.plan_bind(&deposit, &order, known);
    world.take(plan.unwrap());
}

#[test]
fn an_order_of_a_token_that_is_configured_no_more_does_not_stop_its_network() {
    let mut world = play(&["policy 1", "order o1 A 50 until 24 0", "on 0: 1a"]);
    let token = world.tracker.spec.tokens.remove(&TOKEN).unwrap();
    world.restart();
    world.step("on 1a: 2a, 3a, 4a");
    assert_eq!(world.tracker.cursor().unwrap().tip, at("4a"), "{}", world.story);
    assert_eq!(state_of(&world, "o1"), OrderState::Open, "nothing could be told of it");
    world.tracker.spec.tokens.insert(TOKEN, token);
    world.step("on 4a: 5a");
    assert_eq!(state_of(&world, "o1"), OrderState::Expired);
}

#[test]
fn an_order_that_ended_and_was_paid_by_hand_never_waits_again() {
    let mut world = play(&["policy 1", "order o1 A 50 until 24 0", "on 0: 1a, 2a, 3a, 4a", "on 4a: 5a[t1 A 50]"]);
    bind(&mut world, "t1", "o1");
    for line in ["on 4a: 5b", "on 5b: 6b[t1 A 50]", "on 5b: 6c, 7c"] {
        world.step(line);
    }
    assert!(matches!(state_of(&world, "o1"), OrderState::Reversed(_)), "{}", world.story);
    assert_eq!(world.story.matches("order.expired").count(), 1);
    assert_eq!(world.rows.holdings[&(network(), address("A"))].open_order, None, "the address is free");
    world.step("on 7c: 8c[t1 A 50]");
    assert!(matches!(state_of(&world, "o1"), OrderState::Paid(_)), "it returns to its order");
}

#[test]
fn a_withdrawn_order_that_was_paid_by_hand_never_waits_again() {
    let mut world = play(&["policy 1", "order o1 A 50 strict", "on 0: 1a, 2a[t1 A 49]"]);
    let key = (app(), OrderId::parse("o1").unwrap());
    world.rows.orders.get_mut(&key).unwrap().state = OrderState::Cancelled;
    let holding = world.rows.holdings.get_mut(&(network(), address("A"))).unwrap();
    holding.last_order = holding.open_order.take();
    bind(&mut world, "t1", "o1");
    for line in ["on 1a: 2b", "on 2b: 3b[t1 A 49]", "on 2b: 3c, 4c"] {
        world.step(line);
    }
    assert!(matches!(state_of(&world, "o1"), OrderState::Reversed(_)), "{}", world.story);
}

#[test]
fn a_payment_seen_before_the_order_that_looks_back_to_it_keeps_the_order_waiting() {
    // The watch saw it first, so it names no order; it needs five blocks, the order's end two.
    let world = play(&[
        "tiers 2 50:5",
        "watch A",
        "on 0: 1a[t1 A 50]",
        "order o1 A 50 since 1 until 24 0",
        "on 1a: 2a, 3a",
        "on 3a: 4a",
        "on 4a: 5a",
    ]);
    assert!(matches!(state_of(&world, "o1"), OrderState::Paid(_)), "{}", world.story);
    assert!(!world.story.contains("order.expired"), "{}", world.story);
}

/// The one way blocks with a settled deposit are read again is a person's word. Meanwhile the address may be another's.
#[test]
fn a_deposit_of_the_owner_before_is_not_credited_to_the_one_who_has_the_address_now() {
    let mut world = play(&["policy 1", "watch A", "on 0: 1a, 2a[t1 A 50], 3a..20a"]);
    let own = world.rows.holdings[&(network(), address("A"))].clone();
    let watch = Watch { since: None, effective_from: Height(21) };
    let (user_mark, standing) = (UserMark::parse("another").unwrap(), Some(watch));
    let now = crate::domain::Holding { user_mark: user_mark.clone(), standing, created: Millis(9), ..own };
    world.take(Changeset { changes: vec![Change::Holding(now)], events: vec![] });
    for line in ["on 20a: 21a[t2 A 7]", "back 1a", "on 1a: 2a[t1 A 50], 3a..20a", "on 20a: 21a[t2 A 7]"] {
        world.step(line);
    }
    let (old, new) = (deposit_of(&world, "t1"), deposit_of(&world, "t2"));
    assert_eq!(old.state, DepositState::Unmatched, "{}", world.story);
    assert_eq!((new.is_credited(), new.user_mark), (true, user_mark), "his own is");
    let evidence = evidence_of(&old);
    assert_eq!(evidence.at, at("2a"));
}
