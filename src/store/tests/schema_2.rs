//! A store of schema 2 becomes one of schema 3: no row but the first and the seal is touched, and all are read.
//!
//! `tests/golden/store/schema-2.rows` was written by the last program of schema 2.

use super::{
    disk::Place,
    upgrade::{content, engine_of, larger, on_disk, parsed, refused, rows_in, sealed, table, witnessed},
    *,
};
use crate::{
    domain::{
        AmountPolicy, Attempt, News, NotificationState, OrderState, Outcome, SigningKey, Since, StoredKey, Trigger,
        notification::Unreached,
    },
    store::{codec::Row, engine::SledEngine, keys::Table, load, seal::SCHEMA},
};

const GOLDEN: &str = include_str!("../../../tests/golden/store/schema-2.rows");

fn golden() -> Rows {
    parsed(GOLDEN)
}

fn assert_renumbered(old: &Rows, new: &Rows) {
    let (before, after) = [old, new].map(|rows| Meta::decode(&rows[Key::meta().as_bytes()]).unwrap()).into();
    assert_eq!((before.schema, after.schema, before.store), (2, SCHEMA, after.store));
    let but_meta = |rows: &Rows| {
        let mut rows = content(rows);
        rows.remove(Key::meta().as_bytes());
        rows
    };
    assert_eq!(but_meta(old), but_meta(new), "every other row stays as it is");
    load::check(&engine_of(new), &mut |_| ()).unwrap();
}

#[test]
fn the_golden_store_is_upgraded_in_one_commit() {
    let old = golden();
    let engine = engine_of(&old);
    let (mut places, mut acts, mut rules) = (Vec::new(), 0, 0);
    let store = Store::in_memory(&engine, |row| match row {
        LoadedRow::Event(place) => places.push(place),
        LoadedRow::Audit(_) => acts += 1,
        LoadedRow::Override(_) => rules += 1,
        LoadedRow::Deposit(_) | LoadedRow::Holding(_) | LoadedRow::Cursor(..) | LoadedRow::Header(..) => {}
    })
    .unwrap();
    assert_renumbered(&old, &rows_in(&engine));
    let sequence = Seal::decode(&old[Key::seal().as_bytes()]).unwrap().sequence;
    assert_eq!(store.shared.seal().sequence, sequence + 1);
    places.sort();
    assert_eq!((places, acts, rules), ((1..=8).map(EventPlace).collect(), 2, 1), "each row is handed over once");
    let counts = store.reader().counts();
    let told = ["apps", "orders", "holdings", "deposits", "notifications", "feed", "attempts", "endpoints", "untold"];
    assert_eq!(told.map(|kind| counts[kind]), [2, 8, 10, 7, 8, 8, 11, 0, 0]);
}

#[test]
fn apps_and_orders_of_version_2_are_read() {
    let engine = engine_of(&golden());
    let reader = Store::in_memory(&engine, |_| ()).unwrap().reader();
    let keys = |app: &App| -> Vec<(StoredKey, Option<Millis>)> {
        app.keys.iter().map(|live| (live.key.clone(), live.until)).collect()
    };
    let clear = |bytes: std::ops::Range<u8>| StoredKey::Clear(SigningKey::kept(bytes.collect()));
    let shop = reader.app(&app_id("shop")).unwrap().unwrap();
    assert_eq!(keys(&shop), [(clear(0x41..0x61), None)]);
    assert_eq!((shop.amount_policy, shop.grace_s, shop.news), (AmountPolicy::StrictExact, 300, News::default()));
    let bank = reader.app(&app_id("bank")).unwrap().unwrap();
    let until = Some(Millis(1_763_000_500_000));
    assert_eq!(keys(&bank), [(clear(0xa0..0xe0), None), (clear(0x10..0x28), until)]);
    let orders = reader.orders(&app_id("shop"), None, 10).unwrap();
    let words: Vec<_> = orders.iter().map(|order| (order.id.as_str(), order.state.word())).collect();
    let expected = [
        ("o-again", "paid"),
        ("o-back", "reversed"),
        ("o-gone", "cancelled"),
        ("o-late", "expired"),
        ("o-open", "open"),
        ("o-paid", "paid"),
        ("o-seen", "open"),
    ];
    assert_eq!(words, expected);
    let open = &orders[4];
    assert!(orders.iter().all(|order| order.fail_url.is_none() && order.serial.is_none()));
    assert_eq!(open.lines[0].since, Some(Since::Height(Height(99))));
    assert_eq!((open.amount_policy, open.expiry.unwrap().grace_s), (AmountPolicy::AtLeast, 60));
    assert!(matches!(orders[3].state, OrderState::Expired) && orders[3].lines[0].closed);
}

#[test]
fn what_was_told_under_version_2_is_read_with_the_reasons_that_were_only_words() {
    let engine = engine_of(&golden());
    drop(Store::in_memory(&engine, |_| ()).unwrap());
    let rows = rows_in(&engine);
    let mut states = Vec::new();
    for (_, row) in table(&rows, Table::Notifications) {
        let Row::Notification(told) = row else { panic!("{row:?}") };
        assert_eq!(told.tries, told.attempts.0, "every attempt was one of the schedule");
        assert_eq!((told.trigger, told.trade, told.protocol), (Trigger::Schedule, None, Protocol::StandardWebhooks));
        states.push((told.place.0, told.state.word(), told.attempts.0));
    }
    states.sort_unstable();
    let expected = [
        (1, "delivered", 1),
        (2, "dead_letter", 2),
        (3, "due", 3),
        (4, "delivered", 4),
        (5, "due", 11),
        (6, "waiting", 6),
        (7, "dead_letter", 7),
        (8, "due", 8),
    ];
    assert_eq!(states, expected);
    let attempts = table(&rows, Table::Attempts).into_iter().map(|(_, row)| {
        let Row::Attempt(attempt) = row else { panic!("{row:?}") };
        attempt
    });
    let attempts: Vec<Attempt> = attempts.collect();
    assert!(attempts.iter().all(|attempt| attempt.trigger == Trigger::Schedule && attempt.peer.is_none()));
    let outcomes: Vec<(u32, Outcome)> = attempts.into_iter().map(|made| (made.number.0, made.outcome)).collect();
    let unreached = Outcome::Unreachable;
    let expected = [
        (1, Outcome::Refused { retry_after_s: Some(7), slow_down: true }),
        (2, unreached(Unreached::TimedOut)),
        (3, unreached(Unreached::TimedOut)),
        (4, unreached(Unreached::Dns)),
        (5, unreached(Unreached::Tls)),
        (6, unreached(Unreached::Connect)),
        (7, unreached(Unreached::Broken)),
        (8, Outcome::Gone),
        (9, Outcome::Blocked),
        (10, Outcome::Refused { retry_after_s: None, slow_down: false }),
        (11, Outcome::Accepted),
    ];
    assert_eq!(outcomes, expected);
}

#[test]
fn rows_of_version_2_are_written_anew_like_any_other() {
    let engine = engine_of(&golden());
    let mut store = Store::in_memory(&engine, |_| ()).unwrap();
    for (_, row) in table(&rows_in(&engine), Table::Notifications) {
        let Row::Notification(told) = row else { panic!("{row:?}") };
        commit(
            &mut store,
            [Change::Notification(Notification { state: NotificationState::Untold(Millis(9)), ..told })],
        );
    }
    for (_, row) in table(&rows_in(&engine), Table::Attempts) {
        let Row::Attempt(attempt) = row else { panic!("{row:?}") };
        commit(&mut store, [Change::Attempt(attempt)]);
    }
    assert_eq!(load::check(&engine, &mut |_| ()).unwrap(), store.shared.seal().clone());
    let counts = store.reader().counts();
    assert_eq!(["untold", "due", "dead_letters"].map(|kind| counts[kind]), [8, 0, 0]);
    let reasons = table(&rows_in(&engine), Table::Attempts);
    assert!(reasons.iter().any(
        |(_, row)| matches!(row, Row::Attempt(made) if made.outcome == Outcome::Unreachable(Unreached::TimedOut))
    ));
}

#[test]
fn killed_at_its_only_commit_it_is_upgraded_at_the_next_open() {
    let old = golden();
    for (fault, schema) in [(Fault::BeforeApply, 2), (Fault::AfterApply, SCHEMA)] {
        let engine = engine_of(&old);
        engine.fail_after(0, fault);
        let error = Store::in_memory(&engine, |_| ()).expect_err("interrupted");
        assert!(matches!(error, StoreError::NotDurable { .. }), "{error}");
        assert_eq!(Meta::decode(&rows_in(&engine)[Key::meta().as_bytes()]).unwrap().schema, schema);
        drop(Store::in_memory(&engine, |_| ()).unwrap());
        assert_renumbered(&old, &rows_in(&engine));
    }
}

/// The program of schema 2 was killed while it upgraded a store of schema 1, and this one goes on where it was.
#[test]
fn an_upgrade_that_the_program_before_began_is_finished() {
    let old = larger(500, 200);
    let whole = engine_of(&old);
    drop(Store::in_memory(&whole, |_| ()).unwrap());
    let mut interrupted = 0;
    for commits in 1..20 {
        let engine = engine_of(&old);
        engine.fail_after(commits, Fault::AfterApply);
        if Store::in_memory(&engine, |_| ()).is_ok() {
            break;
        }
        let mut half = rows_in(&engine);
        if !half.contains_key(Key::upgrade().as_bytes()) {
            continue;
        }
        // As that program would have left it: the number in the first row and in the seal is the only difference.
        let meta = Meta { schema: 2, ..Meta::decode(&half[Key::meta().as_bytes()]).unwrap() };
        half.insert(Key::meta().into_bytes(), meta.encode());
        let seal = Seal { schema: 2, ..Seal::decode(&half[Key::seal().as_bytes()]).unwrap() };
        half.insert(Key::seal().into_bytes(), seal.encode());
        let engine = engine_of(&sealed(half));
        drop(Store::in_memory(&engine, |_| ()).unwrap());
        assert_eq!(content(&rows_in(&engine)), content(&rows_in(&whole)), "after {commits} commits");
        interrupted += 1;
    }
    assert!(interrupted >= 6, "only {interrupted} interruptions");
}

#[test]
fn damage_is_refused_before_anything_is_written() {
    let whole = golden();
    for key in whole.keys() {
        let mut gone = whole.clone();
        gone.remove(key);
        assert!(matches!(refused(&gone), StoreError::Damaged { .. }), "{} gone", hex::encode(key));
        let mut flipped = whole.clone();
        flipped.get_mut(key).unwrap()[2] ^= 1;
        assert!(matches!(refused(&flipped), StoreError::Damaged { .. }), "{} changed", hex::encode(key));
    }
    // A first row of schema 2 over a seal of schema 3.
    let mut mixed = whole.clone();
    let seal = Seal { schema: SCHEMA, ..Seal::decode(&mixed[Key::seal().as_bytes()]).unwrap() };
    mixed.insert(Key::seal().into_bytes(), seal.encode());
    assert!(matches!(refused(&mixed), StoreError::Damaged { .. }));
}

#[test]
fn a_store_on_disk_is_upgraded_and_its_witness_goes_with_it() {
    let (place, old) = (Place::new(), golden());
    on_disk(&place, &old);
    assert_eq!(witnessed(&place), 2);
    let store = place.open().unwrap();
    assert_eq!(witnessed(&place), SCHEMA);
    let new = rows_of(&store);
    assert_renumbered(&old, &new);
    drop(store);
    assert_eq!(rows_of(&place.open().unwrap()), new, "the second open finds nothing to do");
}

#[test]
fn a_store_its_witness_does_not_know_is_not_upgraded() {
    let (place, old) = (Place::new(), golden());
    on_disk(&place, &old);
    std::fs::remove_file(place.options().witness).unwrap();
    let error = place.open().expect_err("the witness is missing");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    let options = place.options();
    let engine = SledEngine::open(&options.dir, options.cache_bytes).unwrap();
    let mut rows = Rows::new();
    engine
        .scan(everything(), &mut |key, value| {
            rows.insert(key.to_vec(), value.to_vec());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(rows, old, "untouched");
}
