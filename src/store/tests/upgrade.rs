//! A store of schema 1 becomes one of schema 3, whatever happens on the way.
//!
//! `tests/golden/store/schema-1.rows` was written by the last program of schema 1.

use proptest::prelude::*;

use super::{disk::Place, *};
use crate::{
    domain::OrderState,
    store::{
        codec,
        engine::SledEngine,
        group::decode_bytes,
        index::indexes_of,
        keys::Table,
        load,
        seal::{SCHEMA, Tallies},
    },
};

const GOLDEN: &str = include_str!("../../../tests/golden/store/schema-1.rows");

fn golden() -> Rows {
    parsed(GOLDEN)
}

/// The rows of a golden file.
pub(super) fn parsed(golden: &str) -> Rows {
    let row = |line: &str| {
        let (key, value) = line.split_once(' ').unwrap();
        (hex::decode(key).unwrap(), hex::decode(value).unwrap())
    };
    golden.lines().map(row).collect()
}

pub(super) fn engine_of(rows: &Rows) -> MemoryEngine {
    let engine = MemoryEngine::new();
    engine.tamper(|there| there.clone_from(rows));
    engine
}

pub(super) fn rows_in(engine: &MemoryEngine) -> Rows {
    let mut rows = Rows::new();
    engine.tamper(|there| rows.clone_from(there));
    rows
}

/// The golden store with so many more deposits and events, as the old program would have written them.
pub(super) fn larger(deposits: u64, events: u64) -> Rows {
    let mut rows = golden();
    let mut put = |row: Row, new_bytes: usize| {
        for (index, value) in indexes_of(&row) {
            let is_old = !matches!(
                Table::of_key(index.as_bytes()),
                Some(Table::DepositsByOrder | Table::Feed | Table::FeedByApp)
            );
            if is_old {
                rows.insert(index.into_bytes(), value);
            }
        }
        let value = row.encode();
        let body = &value[1..value.len() - 4 - new_bytes];
        rows.insert(row.key().into_bytes(), codec::wrap_for_all(|to| to.fixed(body)));
    };
    for number in 0..deposits {
        // Two of three name an order. Of the new fields there are two bytes: nobody holds it, nobody bound it.
        let order = (number % 3 != 0).then(|| OrderId::parse(&format!("bulk-{}", number % 7)).unwrap());
        put(Row::Deposit(Deposit { order, ..deposit("shop", 1000 + number, number) }), 2);
    }
    for number in 0..events {
        // New: its place (8 bytes), its tries (4), why it is sent, and no trade.
        let created = Millis(1_763_000_399_000 + number * 7919 % 97);
        put(Row::Notification(Notification { created, ..notification(1000 + number, NotificationState::Waiting) }), 14);
    }
    sealed(rows)
}

/// Sealed as schema 1 would.
pub(super) fn sealed(mut rows: Rows) -> Rows {
    let key = Key::seal().into_bytes();
    let mut seal = Seal::decode(&rows[&key]).unwrap();
    rows.remove(&key);
    seal.tallies = Tallies::default();
    for (key, value) in &rows {
        seal.tallies.of_mut(Table::of_key(key).unwrap()).add(key, value);
    }
    rows.insert(key, seal.encode());
    rows
}

/// Rows but the seal, whose history differs from run to run.
pub(super) fn content(rows: &Rows) -> Rows {
    rows.iter().filter(|(key, _)| **key != Key::seal().into_bytes()).map(|(k, v)| (k.clone(), v.clone())).collect()
}

pub(super) fn table(rows: &Rows, table: Table) -> Vec<(Vec<u8>, Row)> {
    let of_table = rows.iter().filter(|(key, _)| Table::of_key(key) == Some(table));
    of_table.map(|(key, value)| (key.clone(), decode_bytes(key, value).unwrap())).collect()
}

fn events_of(rows: &Rows) -> Vec<Notification> {
    let all = table(rows, Table::Notifications).into_iter();
    all.map(|(_, row)| if let Row::Notification(told) = row { told } else { panic!("{row:?}") }).collect()
}

/// What every upgraded store must be.
pub(super) fn assert_upgraded(old: &Rows, new: &Rows) {
    let meta = Meta::decode(&new[Key::meta().as_bytes()]).unwrap();
    assert_eq!((meta.schema, meta.store), (SCHEMA, Meta::decode(&old[Key::meta().as_bytes()]).unwrap().store));
    assert!(!new.contains_key(Key::upgrade().as_bytes()), "the upgrade is over");
    for kind in
        [Table::Apps, Table::Orders, Table::Holdings, Table::Cursors, Table::Headers, Table::Deposits, Table::Attempts]
    {
        let bytes = |rows: &Rows| -> Rows {
            rows.iter()
                .filter(|(key, _)| Table::of_key(key) == Some(kind))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        };
        assert_eq!(bytes(old), bytes(new), "{kind:?} stay as they are");
    }
    let mut by_age = events_of(old);
    by_age.sort_by(|one, two| (one.created, &one.id).cmp(&(two.created, &two.id)));
    let placed = (1..).zip(by_age).map(|(place, told)| Notification { place: EventPlace(place), ..told });
    let expected: Vec<_> = placed.collect();
    let feed: Vec<EventId> = expected.iter().map(|told| told.id.clone()).collect();
    let mut found = events_of(new);
    found.sort_by_key(|told| told.place);
    assert_eq!(found, expected, "every event has its place and is otherwise the same");
    let keys = |table: Table| new.keys().filter(move |key| Table::of_key(key) == Some(table)).count();
    assert_eq!((keys(Table::Feed), keys(Table::FeedByApp)), (feed.len(), feed.len()));
    for (place, event) in (1..).zip(&feed) {
        let value = &new[Key::feed(EventPlace(place)).as_bytes()];
        assert_eq!(codec::unwrap(value, |from| from.text().map(str::to_owned)).unwrap(), event.as_str());
    }
    let named =
        table(old, Table::Deposits).into_iter().filter(|(_, row)| matches!(row, Row::Deposit(d) if d.order.is_some()));
    assert_eq!(keys(Table::DepositsByOrder), named.count());
    load::check(&engine_of(new), &mut |_| ()).unwrap();
}

#[test]
fn the_golden_store_is_upgraded_and_read_back() {
    let old = golden();
    let engine = engine_of(&old);
    let (mut places, mut deposits, mut holdings) = (Vec::new(), 0, 0);
    let store = Store::in_memory(&engine, |row| match row {
        LoadedRow::Event(place) => places.push(place),
        LoadedRow::Deposit(_) => deposits += 1,
        LoadedRow::Holding(_) => holdings += 1,
        LoadedRow::Cursor(..) | LoadedRow::Header(..) | LoadedRow::Override(_) | LoadedRow::Audit(_) => {}
    })
    .unwrap();
    assert_upgraded(&old, &rows_in(&engine));
    places.sort();
    assert_eq!(places, (1..=8).map(EventPlace).collect::<Vec<_>>(), "each row is handed over once");
    assert_eq!((deposits, holdings), (7, 10));

    let reader = store.reader();
    let counts = reader.counts();
    let told = ["apps", "orders", "holdings", "deposits", "deposits_by_order", "notifications", "feed", "attempts"];
    assert_eq!(told.map(|kind| counts[kind]), [2, 7, 10, 7, 5, 8, 8, 5]);
    assert!(!counts.contains_key("upgrade"));
    let shop = app_id("shop");
    let states: Vec<_> =
        reader.orders(&shop, None, 10).unwrap().into_iter().map(|o| (o.id.to_string(), o.state)).collect();
    let words: Vec<_> = states.iter().map(|(id, state)| (id.as_str(), state.word())).collect();
    let expected = [
        ("o-again", "paid"),
        ("o-back", "reversed"),
        ("o-gone", "cancelled"),
        ("o-open", "open"),
        ("o-paid", "paid"),
        ("o-seen", "open"),
    ];
    assert_eq!(words, expected);
    let OrderState::Paid(by) = &states[0].1 else { panic!("{states:?}") };
    assert_eq!(store.deposit(by).unwrap().unwrap().version, EventVersion(3));
    assert_eq!(reader.app(&app_id("bank")).unwrap().unwrap().keys.len(), 2);
    let holding = store.holding(&network(), address(9)).unwrap().unwrap();
    assert_eq!((holding.standing.unwrap().effective_from, holding.last_order), (Height(90), None));
}

#[test]
fn an_upgraded_store_is_worked_with_like_any_other() {
    let engine = engine_of(&larger(20, 5));
    let mut store = Store::in_memory(&engine, |_| ()).unwrap();
    let old: Vec<Deposit> = table(&rows_in(&engine), Table::Deposits)
        .into_iter()
        .map(|(_, row)| if let Row::Deposit(deposit) = row { deposit } else { panic!("{row:?}") })
        .collect();
    // Rows with bodies of version 1, written anew with other indexes, or the same ones.
    for (number, deposit) in (0..).zip(old) {
        let order = (number % 2 == 0).then(|| OrderId::parse("other").unwrap());
        commit(&mut store, [Change::Deposit(Deposit { order, block_time: Timestamp(number), ..deposit })]);
    }
    for told in events_of(&rows_in(&engine)) {
        commit(&mut store, [Change::Notification(Notification { state: NotificationState::Due(Millis(1)), ..told })]);
    }
    commit(&mut store, [Change::Notification(notification(14, NotificationState::Waiting))]);
    assert_eq!(load::check(&engine, &mut |_| ()).unwrap(), store.shared.seal().clone());
    assert_eq!(store.reader().counts()["feed"], 14);
}

#[test]
fn killed_at_any_commit_it_goes_on_at_the_next_open() {
    let old = larger(500, 200);
    let whole = engine_of(&old);
    drop(Store::in_memory(&whole, |_| ()).unwrap());
    let done = rows_in(&whole);
    assert_upgraded(&old, &done);
    let mut commits = 0;
    loop {
        let mut was_interrupted = false;
        for fault in [Fault::BeforeApply, Fault::AfterApply] {
            let engine = engine_of(&old);
            engine.fail_after(commits, fault);
            if let Err(error) = Store::in_memory(&engine, |_| ()) {
                was_interrupted = true;
                assert!(matches!(error, StoreError::NotDurable { .. }), "{error}");
                let schema = Meta::decode(&rows_in(&engine)[Key::meta().as_bytes()]).unwrap().schema;
                let is_begun = commits > 0 || fault == Fault::AfterApply;
                assert_eq!(
                    schema,
                    if is_begun { SCHEMA } else { 1 },
                    "older programs refuse it from the first commit on"
                );
                drop(Store::in_memory(&engine, |_| ()).unwrap());
            }
            assert_eq!(content(&rows_in(&engine)), content(&done), "{fault:?} at commit {commits}");
        }
        if !was_interrupted {
            break;
        }
        commits += 1;
    }
    assert!(commits >= 8, "only {commits} commits: nothing was interrupted");
}

#[test]
fn killed_at_every_commit_it_still_comes_to_an_end() {
    let old = larger(500, 200);
    for fault in [Fault::AfterApply, Fault::BeforeApply] {
        let engine = engine_of(&old);
        let mut tries = 0;
        loop {
            engine.fail_after(u32::from(fault == Fault::BeforeApply), fault);
            tries += 1;
            assert!(tries < 50, "it never ends");
            if Store::in_memory(&engine, |_| ()).is_ok() {
                break;
            }
        }
        assert_upgraded(&old, &rows_in(&engine));
    }
}

pub(super) fn refused(rows: &Rows) -> StoreError {
    let engine = engine_of(rows);
    let error = Store::in_memory(&engine, |_| ()).expect_err("refused");
    assert_eq!(rows_in(&engine), *rows, "untouched: {error}");
    error
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
    // Each valid in itself, and not what was sealed.
    let index = Key::deposit_by_order(&app_id("shop"), &OrderId::parse("o-paid").unwrap(), &deposit("shop", 2, 1).id);
    let mut ahead = whole.clone();
    ahead.insert(index.clone().into_bytes(), codec::empty());
    assert!(matches!(refused(&ahead), StoreError::Damaged { .. }));
    // Not even with a seal that fits: schema 1 had no such index.
    assert!(matches!(refused(&sealed(ahead)), StoreError::Damaged { .. }));
}

#[test]
fn damage_halfway_is_refused_before_it_goes_on() {
    let engine = engine_of(&larger(300, 100));
    engine.fail_after(4, Fault::AfterApply);
    Store::in_memory(&engine, |_| ()).unwrap_err();
    let half = rows_in(&engine);
    assert!(half.contains_key(Key::upgrade().as_bytes()));
    for table in [
        Table::Upgrade,
        Table::Seal,
        Table::Meta,
        Table::Deposits,
        Table::DepositsByOrder,
        Table::Feed,
        Table::Notifications,
    ] {
        let keys: Vec<_> = half.keys().filter(|key| Table::of_key(key) == Some(table)).cloned().collect();
        for key in [keys.first().unwrap(), keys.last().unwrap()] {
            let mut damaged = half.clone();
            damaged.remove(key);
            assert!(matches!(refused(&damaged), StoreError::Damaged { .. }), "{table:?}");
        }
    }
    drop(Store::in_memory(&engine, |_| ()).unwrap());
}

#[test]
fn a_newer_schema_is_refused_untouched_and_so_is_one_there_never_was() {
    for schema in [0, 4, u16::MAX] {
        let mut rows = golden();
        let meta = Meta { schema, ..Meta::decode(&rows[Key::meta().as_bytes()]).unwrap() };
        rows.insert(Key::meta().into_bytes(), meta.encode());
        match (schema, refused(&sealed(rows))) {
            (0, StoreError::Damaged { .. }) => {}
            (_, StoreError::Newer { found, known: 3 }) if found == schema => {}
            (_, error) => panic!("{schema}: {error}"),
        }
    }
}

/// Version 1, the schema, sixteen bytes, the checksum: what the first program reads before anything else. From the first
/// commit of an upgrade on it finds a schema it does not know.
#[test]
fn the_first_row_keeps_the_form_that_every_program_reads() {
    for rows in [golden(), rows_in(&in_memory().0), larger(1, 1)] {
        let engine = engine_of(&rows);
        drop(Store::in_memory(&engine, |_| ()).unwrap());
        let value = rows_in(&engine)[&[0_u8][..]].clone();
        assert_eq!((value.len(), value[0], &value[1..3]), (23, 1, &[0, 3][..]));
        assert_eq!(value[19..], crc32c::crc32c(&value[..19]).to_be_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_store_of_any_size_is_upgraded(deposits in 0_u64..420, events in 0_u64..200, kills in prop::collection::vec(0_u32..6, 0..4)) {
        let old = larger(deposits, events);
        let engine = engine_of(&old);
        for commits in kills {
            engine.fail_after(commits, Fault::AfterApply);
            let _ = Store::in_memory(&engine, |_| ());
        }
        // The last fault may still be waiting for its commit.
        while Store::in_memory(&engine, |_| ()).is_err() {}
        assert_upgraded(&old, &rows_in(&engine));
    }
}

/// Writes rows as a store on disk, with the witness an old program would have left.
pub(super) fn on_disk(place: &Place, rows: &Rows) {
    let options = place.options();
    durable::private_dir(&options.dir).unwrap();
    let engine = SledEngine::open(&options.dir, options.cache_bytes).unwrap();
    engine.apply(&rows.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect()).unwrap();
    engine.sync_names(&options.dir).unwrap();
    let meta = Meta::decode(&rows[Key::meta().as_bytes()]).unwrap();
    let seal = Seal::decode(&rows[Key::seal().as_bytes()]).unwrap();
    Witness::open(&options.witness).unwrap().mark(&meta, &seal).unwrap();
}

/// The schema in the newest mark.
pub(super) fn witnessed(place: &Place) -> u16 {
    let bytes = std::fs::read(place.options().witness).unwrap();
    let slots = bytes.chunks(512).filter(|slot| slot.starts_with(b"DPWITN01"));
    let newest = slots.max_by_key(|slot| slot[26..34].to_vec()).unwrap();
    u16::from_be_bytes([newest[8], newest[9]])
}

#[test]
fn a_store_on_disk_is_upgraded_and_its_witness_goes_with_it() {
    let (place, old) = (Place::new(), larger(300, 100));
    on_disk(&place, &old);
    assert_eq!(witnessed(&place), 1);
    let store = place.open().unwrap();
    assert_eq!(witnessed(&place), SCHEMA);
    let new = rows_of(&store);
    assert_upgraded(&old, &new);
    drop(store);
    assert_eq!(rows_of(&place.open().unwrap()), new, "the second open finds nothing to do");
}
