//! Groups: what lies over what, what is refused, what a failed commit does.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{arbitrary, *};
use crate::{
    domain::{Act, Need, PolicyScope, Since, Threshold},
    store::{codec::Row, keys::Table, load},
};

fn change(row: Row) -> Change {
    match row {
        Row::App(app) => Change::App(app),
        Row::Order(order) => Change::Order(order),
        Row::Holding(holding) => Change::Holding(holding),
        Row::Cursor(network, cursor) => Change::Cursor(network, cursor),
        Row::Header(network, header) => Change::Header(network, header),
        Row::Deposit(deposit) => Change::Deposit(deposit),
        Row::Notification(notification) => Change::Notification(notification),
        Row::Attempt(attempt) => Change::Attempt(attempt),
        Row::Endpoint(endpoint) => Change::Endpoint(endpoint),
        Row::Trade(number, deposit) => Change::Trade(number, deposit),
        Row::Override(set) => Change::Override(set),
        Row::Scan(scan) => Change::Scan(scan),
        Row::Audit(record) => Change::Audit(record),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Rows come in any order and grouping; the sums of every commit must fit what is there.
    #[test]
    fn every_commit_fits_its_seal(groups in prop::collection::vec(prop::collection::vec(arbitrary::row(), 0..6), 1..6)) {
        let (engine, mut store) = in_memory();
        let mut expected = BTreeMap::new();
        for group in groups {
            for row in group {
                store.stage(&changeset([change(row.clone())])).unwrap();
                expected.insert(row.key().into_bytes(), row.encode());
            }
            store.commit().unwrap();
            prop_assert_eq!(load::check(&engine, &mut |_| ()).unwrap(), store.shared.seal().clone());
        }
        let mut rows = rows_of(&store);
        rows.retain(|key, _| Table::of_key(key).is_some_and(|table| !table.is_index() && table > Table::Seal));
        prop_assert_eq!(rows, expected);
    }
}

#[test]
fn the_group_lies_over_what_is_committed() {
    let (_, mut store) = in_memory();
    let reader = store.reader();
    commit(&mut store, [Change::App(app("shop"))]);

    let mut later = app("shop");
    later.created = Millis(99);
    store.stage(&changeset([Change::App(app("bank")), Change::App(later.clone())])).unwrap();
    assert_eq!(store.app(&app_id("shop")).unwrap(), Some(later.clone()));
    assert_eq!(store.app(&app_id("bank")).unwrap(), Some(app("bank")));
    assert_eq!(reader.app(&app_id("shop")).unwrap(), Some(app("shop")), "readers see durable rows only");
    assert_eq!(reader.app(&app_id("bank")).unwrap(), None);
    assert_eq!(store.staged_rows(), 2);

    store.commit().unwrap();
    assert_eq!(store.staged_rows(), 0);
    assert_eq!(reader.app(&app_id("shop")).unwrap(), Some(later));
    assert_eq!(reader.counts()["apps"], 2);
}

#[test]
fn a_later_change_of_the_same_row_wins() {
    let (_, mut store) = in_memory();
    let header = |hash| Header {
        at: BlockRef { height: Height(5), hash: BlockHash([hash; 32]) },
        parent: BlockHash([0; 32]),
        time: Timestamp(5),
    };
    commit(&mut store, [Change::Header(network(), header(1)), Change::Header(network(), header(2))]);
    assert_eq!(store.reader().counts()["headers"], 1);
    commit(&mut store, [Change::DropHeader(network(), Height(5)), Change::Header(network(), header(3))]);
    assert_eq!(store.reader().counts()["headers"], 1);
    commit(&mut store, [Change::Header(network(), header(4)), Change::DropHeader(network(), Height(5))]);
    assert_eq!(store.reader().counts()["headers"], 0);
    let last = commit(&mut store, [Change::DropHeader(network(), Height(77))]);
    assert_eq!(last, store.reader().sequence(), "dropping what is not there is no change");
}

#[test]
fn what_is_dropped_is_gone_and_nothing_else() {
    let (engine, mut store) = in_memory();
    let act = Act { by: "uid 0".to_owned(), at: Millis(1), why: "test".to_owned() };
    let scope = |token: Option<Address>| PolicyScope { token, ..PolicyScope::network() };
    let set = |token| PolicyOverride {
        network: network(),
        scope: scope(token),
        need: Need::of(Threshold::Finalized),
        act: act.clone(),
    };
    let scan = |target| Scan {
        network: network(),
        target,
        since: Since::Height(Height(1)),
        to: Height(9),
        next: None,
        found: 0,
        created: Millis(1),
    };
    let one = ScanTarget::Address(address(1));
    let changes = [
        Change::Holding(holding("shop", 1)),
        Change::Holding(holding("shop", 2)),
        Change::Override(set(None)),
        Change::Override(set(Some(address(0)))),
        Change::Scan(scan(ScanTarget::Everything)),
        Change::Scan(scan(one)),
    ];
    commit(&mut store, changes);
    commit(
        &mut store,
        [
            Change::DropHolding(network(), address(1)),
            Change::DropOverride(network(), scope(None)),
            Change::DropScan(network(), ScanTarget::Everything),
        ],
    );
    let counts = store.reader().counts();
    assert_eq!((counts["holdings"], counts["overrides"], counts["scans"]), (1, 1, 1));
    assert_eq!(store.holding(&network(), address(1)).unwrap(), None);
    assert_eq!(store.holding(&network(), address(2)).unwrap(), Some(holding("shop", 2)));
    assert_eq!(store.scan(&network(), ScanTarget::Everything).unwrap(), None);
    assert_eq!(store.scan(&network(), one).unwrap(), Some(scan(one)));
    let mut overrides = Vec::new();
    Store::in_memory(&engine, |row| {
        if let LoadedRow::Override(set) = row {
            overrides.push(set);
        }
    })
    .unwrap();
    assert_eq!(overrides, [set(Some(address(0)))]);
}

#[test]
fn a_group_that_changes_nothing_costs_nothing() {
    let (engine, mut store) = in_memory();
    let first = commit(&mut store, [Change::App(app("shop"))]);
    engine.fail_next(Fault::BeforeApply);
    assert_eq!(store.commit().unwrap().sequence, first, "empty");
    assert_eq!(commit(&mut store, [Change::App(app("shop"))]), first, "the same rows again");
    store.stage(&changeset([Change::App(app("bank"))])).unwrap();
    assert!(store.commit().is_err(), "the fault was still armed: nothing had been applied");
}

#[test]
fn too_large_a_row_refuses_its_changeset_only() {
    let (_, mut store) = in_memory();
    store.stage(&changeset([Change::App(app("shop"))])).unwrap();
    let mut large = app("bank");
    large.notify_hosts = vec!["h".repeat(ROW_BYTES_MAX)];
    let refused = store.stage(&changeset([Change::Holding(holding("bank", 1)), Change::App(large.clone())]));
    assert!(matches!(refused, Err(StoreError::RowTooLarge { bytes, .. }) if bytes > ROW_BYTES_MAX), "{refused:?}");
    assert_eq!(store.staged_rows(), 1);
    assert_eq!(store.holding(&network(), address(1)).unwrap(), None);
    store.commit().unwrap();

    let rest = ROW_BYTES_MAX + large.notify_hosts[0].len()
        - Row::App(large.clone()).encode().len()
        - Key::app(&large.id).as_bytes().len();
    large.notify_hosts = vec!["h".repeat(rest)];
    commit(&mut store, [Change::App(large.clone())]);
    large.notify_hosts[0].push('h');
    assert!(matches!(
        store.stage(&changeset([Change::App(large)])),
        Err(StoreError::RowTooLarge { bytes, .. }) if bytes == ROW_BYTES_MAX + 1
    ));
}

#[test]
fn a_row_that_would_not_come_back_is_refused() {
    let (_, mut store) = in_memory();
    let mut told = notification(1, NotificationState::Waiting);
    told.id = EventId::money("no printed id", EventVersion(1));
    let refused = store.stage(&changeset([Change::App(app("shop")), Change::Notification(told)]));
    assert!(matches!(refused, Err(StoreError::RowUnreadable { .. })), "{refused:?}");
    assert_eq!(store.staged_rows(), 0);
}

#[test]
fn a_failed_commit_ends_the_store_and_the_rows_tell_what_happened() {
    for (fault, kept) in [(Fault::BeforeApply, false), (Fault::AfterApply, true)] {
        let (engine, mut store) = in_memory();
        let reader = store.reader();
        commit(&mut store, [Change::App(app("shop"))]);
        engine.fail_next(fault);
        store.stage(&changeset([Change::App(app("bank"))])).unwrap();
        let failed = store.commit().unwrap_err();
        assert!(matches!(failed, StoreError::NotDurable { sequence: 3, .. }), "{failed}");
        assert_eq!(failed.exit_code(), 74);

        let poisoned = |answer: Result<(), StoreError>| assert!(matches!(answer, Err(StoreError::Poisoned)));
        poisoned(store.commit().map(drop));
        poisoned(store.stage(&changeset([])));
        poisoned(store.app(&app_id("shop")).map(drop));
        poisoned(reader.app(&app_id("shop")).map(drop));
        drop(store);

        let store = Store::in_memory(&engine, |_| ()).unwrap();
        assert_eq!(store.app(&app_id("bank")).unwrap().is_some(), kept);
        assert_eq!(store.reader().sequence(), if kept { 3 } else { 2 });
    }
}

#[test]
fn an_unreadable_row_ends_the_store() {
    let (engine, mut store) = in_memory();
    commit(&mut store, [Change::App(app("shop")), Change::App(app("bank"))]);
    engine.tamper(|rows| rows.get_mut(Key::app(&app_id("shop")).as_bytes()).unwrap()[3] ^= 1);
    assert!(matches!(store.app(&app_id("shop")), Err(StoreError::Damaged { .. })));
    assert!(matches!(store.app(&app_id("bank")), Err(StoreError::Poisoned)));
}

#[test]
fn rows_changed_behind_its_back_are_seen_at_start() {
    let (engine, mut store) = in_memory();
    let changes = [
        Change::App(app("shop")),
        Change::Holding(holding("shop", 1)),
        Change::Deposit(deposit("shop", 1, 1)),
        Change::Notification(notification(1, NotificationState::Due(Millis(5)))),
    ];
    commit(&mut store, changes);
    let rows = rows_of(&store);
    let refused = |change: &dyn Fn(&mut Rows)| {
        let copy = engine.copy();
        copy.tamper(change);
        matches!(Store::in_memory(&copy, |_| ()), Err(StoreError::Damaged { .. }))
    };
    for key in rows.keys().filter(|key| **key != Key::meta().into_bytes()) {
        assert!(refused(&|rows| drop(rows.remove(key))), "{key:?} gone");
        assert!(refused(&|rows| drop(rows.insert(key.clone(), vec![1]))), "{key:?} rubbish");
    }
    let mut older = app("shop");
    older.created = Millis(77);
    let valid = Row::App(older);
    assert!(refused(&|rows| drop(rows.insert(valid.key().into_bytes(), valid.encode()))), "another valid row");
    assert!(refused(&|rows| drop(rows.insert(vec![0x99], vec![1]))), "a row of no table");
    assert!(!refused(&|_| ()), "untouched");
}
