//! Where an order stands, by what its deposits are.

use std::collections::BTreeMap;

use super::*;
use crate::domain::{
    Act, AmountPolicy, BlockHash, BlockRef, Cursor, DepositId, EventVersion, Expiry, Height, LogOrdinal, Millis,
    OrderId, Timestamp, TxHash, UserMark,
};

const TIP: u64 = 100;

fn network() -> NetworkId {
    "net".parse().unwrap()
}

fn at(height: u64) -> BlockRef {
    BlockRef { height: Height(height), hash: BlockHash([1; 32]) }
}

/// The `n`-th deposit of the order, in the block at this height.
fn deposit(n: u8, height: u64, state: DepositState, reason: Reason) -> Deposit {
    let version = EventVersion(u32::from(matches!(state, DepositState::Confirmed | DepositState::Finalized)));
    Deposit {
        by_hand: false,
        id: DepositId { network: network(), tx: TxHash([n; 32]), token: Address([2; 20]), ordinal: LogOrdinal(0) },
        family: Family::Evm,
        from: Address([3; 20]),
        to: Address([4; 20]),
        amount: TokenAmount::of(u64::from(n)),
        included_at: at(height),
        block_time: Timestamp(height),
        state,
        version,
        unmatched_told: false,
        first_seen: Height(height),
        app: "shop".parse().unwrap(),
        user_mark: UserMark::default(),
        order: Some(OrderId::parse("o-1").unwrap()),
        reason,
        hold: None,
    }
}

fn order_in(state: OrderState) -> Order {
    Order {
        fail_url: None,
        serial: None,
        app: "shop".parse().unwrap(),
        id: OrderId::parse("o-1").unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: Address([4; 20]),
        lines: vec![OrderLine {
            network: network(),
            token: Address([2; 20]),
            effective_from: Height(5),
            since: Some(Since::Height(Height(3))),
            closed: false,
        }],
        expected: TokenAmount::of(5),
        notify_url: None,
        amount_policy: AmountPolicy::AtLeast,
        own_amount_policy: None,
        expiry: Some(Expiry { at: Timestamp(900), grace_s: 60 }),
        created: Millis(0),
        state,
    }
}

fn answered(order: &Order, deposits: &[Deposit]) -> v1::Order {
    let cursor =
        Cursor { tip: at(TIP), tip_time: Timestamp(TIP), peak: Height(TIP), finalized: None, take_back_above: None };
    let status = NetworkStatus { cursor: Some(cursor), ..NetworkStatus::default() };
    let of = |_: &NetworkId| Some(status.clone());
    let networks = BTreeMap::new();
    super::order(&Surroundings { networks: &networks, status: &of }, order, deposits, true)
}

#[test]
fn while_it_waits_an_order_stands_where_its_deposits_stand() {
    use DepositState::{Detected, Orphaned, Unmatched};
    use v1::OrderState::{Confirming, Mismatched, Open, Reversed, Seen};
    let newest = || deposit(1, TIP, Detected, Reason::Pending);
    let deeper = || deposit(2, TIP - 1, Detected, Reason::Pending);
    let under = || deposit(3, 50, Unmatched, Reason::Under);
    let over = || deposit(4, 50, Unmatched, Reason::Over);
    let gone = || deposit(5, 60, Orphaned, Reason::Reversed);
    let never = || deposit(6, 60, Orphaned, Reason::Pending);
    let late = || deposit(7, TIP, Detected, Reason::Late);
    for (deposits, expected) in [
        (vec![], Open),
        (vec![newest()], Seen),
        (vec![deeper()], Confirming),
        (vec![newest(), deeper()], Confirming),
        (vec![under()], Mismatched),
        (vec![over()], Mismatched),
        (vec![gone()], Reversed),
        (vec![gone(), under()], Mismatched),
        (vec![gone(), under(), newest()], Seen),
        (vec![never()], Open),
        (vec![late()], Open),
        (vec![deposit(8, 50, Unmatched, Reason::Late)], Open),
    ] {
        let answer = answered(&order_in(OrderState::Open), &deposits);
        assert_eq!((answer.state(), answer.received.as_str()), (expected, "0"), "{deposits:?}");
    }
}

#[test]
fn what_is_decided_stands_whatever_else_arrives() {
    let coming = deposit(1, TIP, DepositState::Detected, Reason::Pending);
    let by = coming.id.clone();
    for (state, expected) in [
        (OrderState::Paid(by.clone()), v1::OrderState::Paid),
        (OrderState::Reversed(by), v1::OrderState::Reversed),
        (OrderState::Cancelled, v1::OrderState::Cancelled),
        (OrderState::Expired, v1::OrderState::Expired),
    ] {
        assert_eq!(answered(&order_in(state), std::slice::from_ref(&coming)).state(), expected);
    }
}

#[test]
fn an_answer_adds_up_what_is_credited_and_always_names_the_payer() {
    let mut deposits: Vec<_> =
        (1..=30).map(|n| deposit(n, u64::from(n), DepositState::Unmatched, Reason::Duplicate)).collect();
    deposits[27].state = DepositState::Confirmed;
    deposits[0].hold = Some(Act { by: "uid 0".into(), at: Millis(0), why: "w".into() });
    let paid = order_in(OrderState::Paid(deposits[27].id.clone()));
    let answer = answered(&paid, &deposits);
    assert_eq!((answer.received.as_str(), answer.display_received.as_str()), ("28", ""));
    assert_eq!((answer.deposits.len(), answer.deposits[19].deposit_id == answer.paid_by), (TOLD_MAX, true));
    assert_eq!((answer.deposits[0].held, answer.deposits[1].held), (true, false));
    assert_eq!(answer.deposits[0].confirmations, 100);
    assert_eq!(answer.amount_policy(), v1::AmountPolicy::AtLeast);
    assert_eq!((answer.expire_time.map(|time| time.seconds), answer.grace_seconds), (Some(900), 60));
    assert_eq!(answer.lines[0].since, Some(v1::order_line::Since::FromBlock(3)));
    let early = order_in(OrderState::Paid(deposits[3].id.clone()));
    let named: Vec<_> = answered(&early, &deposits).deposits.into_iter().map(|deposit| deposit.deposit_id).collect();
    assert_eq!(named, deposits[..TOLD_MAX].iter().map(Deposit::text).collect::<Vec<_>>());
}
