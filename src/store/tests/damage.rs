//! Damage to the files of a store: harmless, or refused; never silently another content.

use std::{fs, path::PathBuf};

use super::{
    disk::{Place, copy_dir},
    *,
};

/// Damages per state of the store.
const FLIPS: u64 = 44;
const CUTS: u64 = 8;
const ZEROED: u64 = 8;
const PAGE: usize = 4096;

/// A small generator, so that a failing damage has a number.
fn draw(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below.max(1)).unwrap()).unwrap()
    }
}

fn fill(store: &mut Store, from: u64, to: u64) {
    for group in from..to {
        let rows = (0..6).flat_map(|place| {
            let number = group * 6 + place;
            let due = NotificationState::Due(Millis(number));
            [
                Change::Holding(holding("shop", number)),
                Change::Deposit(deposit("shop", number % 120, number)),
                Change::Notification(notification(number % 100, due)),
            ]
        });
        commit(store, rows);
    }
}

/// Closed, opened again and, in production's state, written again.
fn prepare(written_again: bool) -> (Place, Rows) {
    let place = Place::new();
    let mut store = place.open().unwrap();
    fill(&mut store, 0, 40);
    drop(store);
    let mut store = place.open().unwrap();
    if written_again {
        fill(&mut store, 20, 60);
    }
    let rows = rows_of(&store);
    drop(store);
    (place, rows)
}

fn damage(files: &[PathBuf], number: u64) -> String {
    let mut draw = draw(number + 1);
    let file = &files[draw(files.len())];
    let mut bytes = fs::read(file).unwrap();
    let at = draw(bytes.len());
    let what = if number < FLIPS {
        bytes[at] ^= 1_u8 << draw(8);
        "flip"
    } else if number < FLIPS + CUTS {
        bytes.truncate(at);
        "cut"
    } else {
        let page = at / PAGE * PAGE;
        let end = (page + PAGE).min(bytes.len());
        bytes[page..end].fill(0);
        "zeroed page"
    };
    fs::write(file, bytes).unwrap();
    format!("{what} at {at} of {}", file.display())
}

fn every_damage_is_harmless_or_refused(written_again: bool) {
    let (place, rows) = prepare(written_again);
    let (mut harmless, mut refused) = (0, 0);
    for number in 0..FLIPS + CUTS + ZEROED {
        let copy = Place::new();
        copy_dir(place.temp.path(), copy.temp.path());
        let options = copy.options();
        let mut files: Vec<PathBuf> = fs::read_dir(&options.dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file() && path.file_name().is_some_and(|name| name != "lock"))
            .collect();
        files.sort();
        let db = options.dir.join("db");
        // Most of the bytes are in the database file.
        files.extend([db.clone(), db.clone(), db]);
        files.push(options.witness);
        let what = damage(&files, number);
        match copy.open() {
            Ok(store) => {
                assert_eq!(rows_of(&store), rows, "damage {number}, {what}: other content, unnoticed");
                harmless += 1;
            }
            Err(error) => {
                assert_eq!(error.exit_code(), 65, "damage {number}, {what}: {error}");
                refused += 1;
            }
        }
    }
    assert_eq!(harmless + refused, FLIPS + CUTS + ZEROED);
    assert!(refused > 0, "no damage was seen: the harness does not damage anything");
}

#[test]
fn a_store_opened_and_left_alone() {
    every_damage_is_harmless_or_refused(false);
}

#[test]
fn a_store_opened_and_written_again() {
    every_damage_is_harmless_or_refused(true);
}

#[test]
fn files_of_an_older_copy_among_newer_ones() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    fill(&mut store, 0, 20);
    drop(store);
    let old = Place::new();
    copy_dir(place.temp.path(), old.temp.path());
    let mut store = place.open().unwrap();
    fill(&mut store, 20, 40);
    let rows = rows_of(&store);
    drop(store);
    for name in ["db", "conf"] {
        let copy = Place::new();
        copy_dir(place.temp.path(), copy.temp.path());
        fs::copy(old.options().dir.join(name), copy.options().dir.join(name)).unwrap();
        match copy.open() {
            Ok(store) => assert_eq!(rows_of(&store), rows, "{name}"),
            Err(error) => assert_eq!(error.exit_code(), 65, "{name}: {error}"),
        }
    }
}

/// Snapshots are a shortcut: without them sled reads its whole log.
#[test]
fn a_damaged_snapshot_is_set_aside() {
    let (place, rows) = prepare(true);
    let snapshots = |prefix: &str| -> Vec<PathBuf> {
        let all = fs::read_dir(place.options().dir).unwrap().map(|entry| entry.unwrap());
        all.filter(|entry| entry.file_name().to_str().unwrap().starts_with(prefix)).map(|entry| entry.path()).collect()
    };
    let damaged = snapshots("snap.");
    assert!(!damaged.is_empty(), "nothing to damage");
    for path in &damaged {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let store = place.open().unwrap();
    assert_eq!(rows_of(&store), rows);
    assert_eq!(snapshots("aside.snap.").len(), damaged.len());
}
