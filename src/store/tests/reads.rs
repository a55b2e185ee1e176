//! Pages, lanes and the index rows behind them.

use super::*;
use crate::domain::{Attempt, EndpointId, Expiry, OrderLine, OrderState, Outcome};

fn order(owner: &str, id: &str) -> Order {
    Order {
        fail_url: None,
        serial: None,
        amount_policy: crate::domain::AmountPolicy::AcceptActual,
        expiry: None,
        own_amount_policy: None,
        app: app_id(owner),
        id: OrderId::parse(id).unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: address(1),
        lines: vec![OrderLine {
            closed: false,
            since: None,
            network: network(),
            token: address(0),
            effective_from: Height(1),
        }],
        expected: TokenAmount::of(5),
        notify_url: None,
        created: Millis(1),
        state: OrderState::Open,
    }
}

#[test]
fn apps_and_orders_come_in_pages() {
    let (_, mut store) = in_memory();
    commit(&mut store, ["b", "a", "c", "a-1"].map(|name| Change::App(app(name))));
    commit(&mut store, ["3", "1", "2"].map(|id| Change::Order(order("a", id))));
    commit(&mut store, [Change::Order(order("a-1", "0"))]);
    let reader = store.reader();

    let names = |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(app_id);
        reader.apps(after.as_ref(), limit).unwrap().into_iter().map(|app| app.id.to_string()).collect()
    };
    assert_eq!(names(None, 10), ["a", "a-1", "b", "c"]);
    assert_eq!(names(None, 2), ["a", "a-1"]);
    assert_eq!(names(Some("a-1"), 2), ["b", "c"]);
    assert_eq!(names(Some("aa"), 1), ["b"], "a name that is not there is a place too");
    assert!(names(Some("c"), 2).is_empty() && names(None, 0).is_empty());

    let after = OrderId::parse("1").unwrap();
    let page = reader.orders(&app_id("a"), Some(&after), 10).unwrap();
    assert_eq!(page, [order("a", "2"), order("a", "3")], "another app's orders are not among them");
    assert_eq!(reader.order(&app_id("a"), &after).unwrap(), Some(order("a", "1")));
    assert_eq!(reader.order(&app_id("b"), &after).unwrap(), None);
}

#[test]
fn holdings_come_by_address_and_name_their_owner() {
    let (_, mut store) = in_memory();
    commit(&mut store, (0..5).map(|number| Change::Holding(holding("shop", number))));
    let reader = store.reader();
    let page = reader.holdings(Some((&network(), address(1))), 2).unwrap();
    assert_eq!(page, [holding("shop", 2), holding("shop", 3)]);

    commit(&mut store, [Change::Holding(holding("bank", 2))]);
    assert_eq!(reader.holdings(None, 10).unwrap().len(), 5);
    assert_eq!(reader.counts()["holdings"], 5);
    assert_eq!(reader.holding(&network(), address(2)).unwrap(), Some(holding("bank", 2)));
}

#[test]
fn an_order_is_read_with_its_deposits_and_always_with_the_one_that_paid_it() {
    let (_, mut store) = in_memory();
    let named = |owner: &str, number, at, order: &str| {
        let order = Some(OrderId::parse(order).unwrap());
        Deposit { order, ..deposit(owner, number, at) }
    };
    let payer = named("shop", 9, 90, "1");
    let paid = Order { state: OrderState::Paid(payer.id.clone()), ..order("shop", "1") };
    commit(&mut store, [paid.clone(), order("shop", "11"), order("bank", "1")].map(Change::Order));
    commit(&mut store, [(1, 30), (2, 10), (3, 20)].map(|(n, at)| Change::Deposit(named("shop", n, at, "1"))));
    let others = [named("shop", 4, 5, "11"), named("bank", 5, 6, "1"), deposit("shop", 6, 7), payer];
    commit(&mut store, others.map(Change::Deposit));
    let (reader, shop, id) = (store.reader(), app_id("shop"), OrderId::parse("1").unwrap());

    let amounts = |found: &[Deposit]| -> Vec<_> { found.iter().map(|deposit| deposit.amount.to_string()).collect() };
    let (found, deposits) = reader.order_with_deposits(&shop, &id, 10).unwrap().unwrap();
    assert_eq!((found, amounts(&deposits)), (paid, ["2", "3", "1", "9"].map(String::from).to_vec()), "by block time");
    let (_, few) = reader.order_with_deposits(&shop, &id, 1).unwrap().unwrap();
    assert_eq!(amounts(&few), ["1", "9"], "one, and the payer");
    assert_eq!(reader.order_with_deposits(&shop, &OrderId::parse("2").unwrap(), 10).unwrap(), None);

    let mut after = None;
    for expected in ["1", "2", "3", "9"] {
        let page = reader.deposits_of_order(&shop, &id, after.as_ref(), 1).unwrap();
        let (position, found) = page.into_iter().next().unwrap();
        assert_eq!(found.amount.to_string(), expected, "by transaction");
        after = Some(position);
    }
    assert!(reader.deposits_of_order(&shop, &id, after.as_ref(), 1).unwrap().is_empty());
    let foreign = DepositPosition(vec![0xff; 200]);
    assert!(reader.deposits_of_order(&shop, &id, Some(&foreign), 9).unwrap().is_empty());

    let pages = reader.orders_with_deposits(&shop, None, 10, 10).unwrap();
    let pages: Vec<_> = pages.iter().map(|(order, deposits)| (order.id.as_str(), deposits.len())).collect();
    assert_eq!(pages, [("1", 4), ("11", 1)]);
    assert_eq!(reader.orders_with_deposits(&shop, Some(&id), 10, 10).unwrap().len(), 1);
}

#[test]
fn deposits_come_by_block_time_and_by_printed_id() {
    let (_, mut store) = in_memory();
    commit(&mut store, [(1, 30), (2, 10), (3, 20), (4, 20)].map(|(n, at)| Change::Deposit(deposit("shop", n, at))));
    commit(&mut store, [Change::Deposit(deposit("bank", 5, 15))]);
    let reader = store.reader();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = reader.deposits(&app_id("shop"), after.as_ref(), 1).unwrap();
        let Some((position, found)) = page.into_iter().next() else { break };
        seen.push(found.amount);
        after = Some(position);
    }
    assert_eq!(seen, [2, 3, 4, 1].map(TokenAmount::of));

    commit(&mut store, [Change::Deposit(deposit("shop", 2, 40))]);
    let all = reader.deposits(&app_id("shop"), None, 10).unwrap();
    assert_eq!(all.iter().map(|(_, d)| d.block_time.0).collect::<Vec<_>>(), [20, 20, 30, 40], "moved, not doubled");
    assert_eq!(reader.counts()["deposits_by_app"], 5);

    let moved = deposit("shop", 2, 40);
    assert_eq!(reader.deposit(&moved.text()).unwrap(), Some(moved.clone()));
    assert_eq!(store.deposit(&moved.id).unwrap(), Some(moved));
    assert_eq!(reader.deposit("dep_nonsense").unwrap(), None);
    assert_eq!(reader.deposit(&deposit("shop", 99, 1).text()).unwrap(), None);
    for foreign in [vec![], vec![0], vec![0xff; 200]] {
        let page = reader.deposits(&app_id("shop"), Some(&DepositPosition(foreign)), 10).unwrap();
        assert!(page.iter().all(|(_, deposit)| deposit.app == app_id("shop")));
    }
}

#[test]
fn the_due_index_follows_the_notification() {
    use NotificationState::{DeadLetter, Delivered, Due, Waiting};
    let (_, mut store) = in_memory();
    let reader = store.reader();
    let lane = notification(1, Waiting).endpoint();
    let mut check = |state, due: Option<u64>, dead| {
        commit(&mut store, [Change::Notification(notification(1, state))]);
        assert_eq!(reader.next_lane(None).unwrap(), due.map(|at| (lane, Millis(at))), "{state:?}");
        let counts = reader.counts();
        assert_eq!((counts["due"], counts["dead_letters"]), (u64::from(due.is_some()), dead), "{state:?}");
        assert_eq!(reader.notification(&event(1)).unwrap().unwrap().state, state);
    };
    check(Waiting, None, 0);
    check(Due(Millis(10)), Some(10), 0);
    check(Due(Millis(300)), Some(300), 0);
    check(DeadLetter(Millis(400)), None, 1);
    check(Due(Millis(u64::MAX)), Some(u64::MAX), 0);
    check(Delivered(Millis(500)), None, 0);
}

#[test]
fn lanes_and_their_due_events_come_in_order() {
    let (_, mut store) = in_memory();
    let lanes = 3_u64;
    let on_lane = |lane: u64, number: u64, at: u64| {
        let mut told = notification(lane * 10 + number, NotificationState::Due(Millis(at)));
        told.url = url(&format!("https://lane{lane}.example/"));
        told
    };
    for lane in 0..lanes {
        commit(&mut store, [(0, 256), (1, 7), (2, 255)].map(|(n, at)| Change::Notification(on_lane(lane, n, at))));
    }
    let reader = store.reader();
    let mut met = Vec::new();
    let mut after = None;
    while let Some((lane, at)) = reader.next_lane(after).unwrap() {
        assert_eq!(at, Millis(7));
        met.push(lane);
        after = Some(lane);
    }
    let mut expected: Vec<EndpointId> = (0..lanes).map(|lane| on_lane(lane, 0, 0).endpoint()).collect();
    expected.sort();
    assert_eq!(met, expected);

    let lane = on_lane(1, 0, 0).endpoint();
    let due = |now, limit| reader.due(lane, Millis(now), limit).unwrap();
    assert_eq!(due(6, 10), []);
    assert_eq!(due(7, 10), [event(11)]);
    assert_eq!(due(u64::MAX, 10), [event(11), event(12), event(10)]);
    assert_eq!(due(u64::MAX, 2), [event(11), event(12)]);
    assert_eq!(reader.next_lane(Some(EndpointId([0xff; 8]))).unwrap(), None);
}

#[test]
fn the_last_attempts_come_oldest_first() {
    let (_, mut store) = in_memory();
    let attempt = |number| Attempt {
        peer: None,
        trigger: Default::default(),
        event: event(1),
        number: AttemptNo(number),
        started: Millis(1),
        took_ms: 2,
        status: Some(500),
        outcome: Outcome::Refused { retry_after_s: None, slow_down: false },
        detail: String::new(),
        excerpt: String::new(),
    };
    commit(&mut store, (1..=300).map(|number| Change::Attempt(attempt(number))));
    let last = store.reader().attempts(&event(1), 3).unwrap();
    assert_eq!(last, [attempt(298), attempt(299), attempt(300)]);
    assert_eq!(store.reader().attempts(&event(2), 3).unwrap(), []);
    assert_eq!(store.reader().attempts(&event(1), 0).unwrap(), []);
}

#[test]
fn every_kind_has_a_count() {
    let (_, store) = in_memory();
    let counts = store.reader().counts();
    for kind in ["apps", "orders", "holdings", "deposits", "notifications", "due", "dead_letters", "attempts"] {
        assert_eq!(counts[kind], 0, "{kind}");
    }
}

#[test]
fn orders_are_overdue_by_deadline_only_while_they_wait_and_only_where_they_wait() {
    let (_, mut store) = in_memory();
    let other: NetworkId = "other".parse().unwrap();
    let waiting = |id: &str, at: u64, grace_s: u32| {
        let mut order = order("shop", id);
        order.expiry = Some(Expiry { at: Timestamp(at), grace_s });
        order.lines.push(OrderLine { network: other.clone(), ..order.lines[0].clone() });
        order
    };
    let overdue = |store: &Store, network: &NetworkId, time, limit| -> Vec<String> {
        let found = store.overdue(network, Timestamp(time), limit).unwrap();
        found.into_iter().map(|(app, order)| format!("{app}/{order}")).collect()
    };
    let orders =
        [waiting("late", 90, 10), waiting("soon", 20, 0), waiting("grüße ", 20, 0), waiting("last", u64::MAX, 9)];
    commit(&mut store, orders.iter().cloned().map(Change::Order));
    assert_eq!(overdue(&store, &network(), 20, 9), [""; 0], "the deadline itself is not late");
    assert_eq!(overdue(&store, &network(), 21, 9), ["shop/grüße ", "shop/soon"]);
    assert_eq!(overdue(&store, &network(), 100, 9), ["shop/grüße ", "shop/soon"]);
    assert_eq!(overdue(&store, &network(), 101, 2), ["shop/grüße ", "shop/soon"], "the earliest first");
    assert_eq!(overdue(&store, &network(), u64::MAX, 9), ["shop/grüße ", "shop/soon", "shop/late"]);
    assert_eq!(store.reader().counts()["expiries"], 8);

    let mut closed = orders[1].clone();
    closed.lines[0].closed = true;
    let paid = Order { state: OrderState::Expired, ..orders[2].clone() };
    commit(&mut store, [Change::Order(closed), Change::Order(paid)]);
    assert_eq!(overdue(&store, &network(), 101, 9), ["shop/late"]);
    assert_eq!(overdue(&store, &other, 101, 9), ["shop/soon", "shop/late"]);
}
