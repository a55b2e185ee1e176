//! Pages, lanes and the index rows behind them.

use super::*;
use crate::domain::{Attempt, OrderLine, OrderState, Outcome, notification::EndpointId};

fn order(owner: &str, id: &str) -> Order {
    Order {
        app: app_id(owner),
        id: OrderId::parse(id).unwrap(),
        user_mark: UserMark::default(),
        username: None,
        address: address(1),
        lines: vec![OrderLine { network: network(), token: address(0), effective_from: Height(1) }],
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
