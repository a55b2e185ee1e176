//! Stores in real directories.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::*;

/// A directory with a place for a store and its witness.
pub(super) struct Place {
    pub(super) temp: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { temp: TempDir::new().unwrap() }
    }

    pub(super) fn options(&self) -> StoreOptions {
        StoreOptions {
            dir: self.temp.path().join("store"),
            witness: self.temp.path().join("witness"),
            cache_bytes: 8 << 20,
        }
    }

    pub(super) fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.options(), |_| ())
    }

    fn dir(&self) -> PathBuf {
        self.options().dir
    }
}

/// Copies the files of a directory and of those in it.
pub(super) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn everything_is_there_after_closing() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    commit(&mut store, [Change::App(app("shop")), Change::Holding(holding("shop", 1))]);
    commit(&mut store, (1..50).map(|number| Change::Deposit(deposit("shop", number, number))));
    let cursor =
        Cursor { take_back_above: None, tip: block(9), tip_time: Timestamp(9), peak: Height(9), finalized: None };
    let header = Header { at: block(9), parent: BlockHash([1; 32]), time: Timestamp(9) };
    let last = commit(&mut store, [Change::Cursor(network(), cursor), Change::Header(network(), header)]);
    let rows = rows_of(&store);
    drop(store);

    assert!(!is_opening());
    let mut kinds = Vec::new();
    let store = Store::open(&place.options(), |row| {
        assert!(is_opening());
        kinds.push(match row {
            LoadedRow::Holding(found) => {
                assert_eq!(found, holding("shop", 1));
                'h'
            }
            LoadedRow::Cursor(_, found) => {
                assert_eq!(found, cursor);
                'c'
            }
            LoadedRow::Header(_, found) => {
                assert_eq!(found, header);
                'w'
            }
            LoadedRow::Deposit(_) => 'd',
            LoadedRow::Override(_) | LoadedRow::Event(_) | LoadedRow::Audit(_) => 'x',
        });
    })
    .unwrap();
    assert!(!is_opening());
    assert_eq!(rows_of(&store), rows);
    assert_eq!(store.reader().sequence(), last);
    assert_eq!(store.reader().cursor(&network()).unwrap(), Some(cursor));
    assert_eq!(kinds.iter().collect::<String>(), format!("hcw{}", "d".repeat(49)), "in key order");
}

#[test]
fn memory_and_disk_hold_the_same_bytes() {
    let place = Place::new();
    let mut on_disk = place.open().unwrap();
    let (_, mut in_memory) = in_memory();
    for store in [&mut on_disk, &mut in_memory] {
        commit(store, (1..30).map(|number| Change::Deposit(deposit("shop", number, number))));
        commit(store, (1..9).map(|number| Change::Deposit(deposit("bank", number, number + 3))));
    }
    let content = |store: &Store| {
        let mut rows = rows_of(store);
        rows.retain(|key, _| key[0] > 0x01);
        rows
    };
    assert_eq!(content(&on_disk), content(&in_memory));
}

#[test]
fn a_second_process_is_refused_before_it_opens_anything() {
    let place = Place::new();
    let store = place.open().unwrap();
    let refused = place.open().unwrap_err();
    let expected = std::process::id();
    assert!(matches!(refused, StoreError::Locked { pid: Some(pid), .. } if pid == expected), "{refused}");
    assert_eq!(refused.exit_code(), 75);
    let reader = store.reader();
    drop(store);
    assert!(matches!(place.open(), Err(StoreError::Locked { .. })), "a reader still has it open");
    drop(reader);
    place.open().unwrap();
}

#[test]
fn the_directory_must_be_private() {
    let place = Place::new();
    drop(place.open().unwrap());
    assert_eq!(fs::metadata(place.dir()).unwrap().permissions().mode() & 0o777, 0o700);
    for mode in [0o750, 0o701, 0o755] {
        fs::set_permissions(place.dir(), fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(place.open(), Err(StoreError::NotPrivate { .. })), "{mode:o}");
    }
    fs::set_permissions(place.dir(), fs::Permissions::from_mode(0o700)).unwrap();
    place.open().unwrap();

    let link = Place::new();
    std::os::unix::fs::symlink(place.dir(), link.dir()).unwrap();
    assert!(matches!(link.open(), Err(StoreError::NotPrivate { .. })));
    let file = Place::new();
    fs::write(file.dir(), "x").unwrap();
    assert!(matches!(file.open(), Err(StoreError::NotPrivate { .. })));
}

#[test]
fn an_older_copy_is_behind_its_witness() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    commit(&mut store, [Change::App(app("shop"))]);
    drop(store);
    let copy = place.temp.path().join("copy");
    copy_dir(&place.dir(), &copy);
    let mut store = place.open().unwrap();
    commit(&mut store, [Change::App(app("bank"))]);
    drop(store);

    fs::remove_dir_all(place.dir()).unwrap();
    copy_dir(&copy, &place.dir());
    let refused = place.open().unwrap_err();
    assert!(matches!(refused, StoreError::BehindWitness { store: 2, witness: 3, .. }), "{refused}");
    assert_eq!(refused.exit_code(), 65);

    fs::remove_dir_all(place.dir()).unwrap();
    let refused = place.open().unwrap_err();
    assert!(matches!(refused, StoreError::BehindWitness { store: 0, witness: 3, .. }), "nothing left: {refused}");
}

#[test]
fn a_handle_of_this_process_that_is_still_letting_go_is_waited_for() {
    let place = Place::new();
    drop(place.open().unwrap());
    let held = fs::File::open(place.dir().join("db")).unwrap();
    // sled lets go of its lock in a thread of its own, now and then after its handle is gone.
    while fs4::fs_std::FileExt::try_lock_exclusive(&held).is_ok_and(|locked| !locked) {}
    let letting_go = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(held);
    });
    place.open().unwrap();
    letting_go.join().unwrap();
}

#[test]
fn a_store_ahead_of_its_witness_goes_on() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    commit(&mut store, [Change::App(app("shop"))]);
    let before = fs::read(place.options().witness).unwrap();
    commit(&mut store, [Change::App(app("bank"))]);
    drop(store);
    fs::write(place.options().witness, before).unwrap();
    let store = place.open().unwrap();
    assert_eq!(store.reader().sequence(), 3);
    drop(store);
    place.open().unwrap();
}

#[test]
fn a_torn_witness_leaves_the_mark_before_it() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    for name in ["a", "b", "c"] {
        commit(&mut store, [Change::App(app(name))]);
    }
    drop(store);
    let whole = fs::read(place.options().witness).unwrap();
    for slot in [0, 512] {
        let mut torn = whole.clone();
        torn[slot + 40] ^= 0xff;
        fs::write(place.options().witness, torn).unwrap();
        place.open().unwrap();
    }
    fs::write(place.options().witness, vec![0; 1024]).unwrap();
    assert!(matches!(place.open(), Err(StoreError::Damaged { .. })), "no mark at all");
    fs::remove_file(place.options().witness).unwrap();
    assert!(matches!(place.open(), Err(StoreError::Damaged { .. })), "no witness");
    fs::write(place.options().witness, whole).unwrap();
    place.open().unwrap();
}

#[test]
fn another_stores_witness_is_refused() {
    let (one, two) = (Place::new(), Place::new());
    for place in [&one, &two] {
        commit(&mut place.open().unwrap(), [Change::App(app("shop"))]);
    }
    fs::copy(two.options().witness, one.options().witness).unwrap();
    assert!(matches!(one.open(), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_newer_store_is_refused_untouched() {
    let place = Place::new();
    commit(&mut place.open().unwrap(), [Change::App(app("shop"))]);
    // A newer version marks its schema in the witness, which is read before sled is opened.
    let witness = place.options().witness;
    let mut bytes = fs::read(&witness).unwrap();
    for slot in bytes.chunks_mut(512) {
        slot[8..10].copy_from_slice(&4_u16.to_be_bytes());
        let sum = crc32c::crc32c(&slot[..66]);
        slot[66..70].copy_from_slice(&sum.to_be_bytes());
    }
    fs::write(&witness, bytes).unwrap();
    let names = |dir: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
        let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    };
    let before = names(&place.dir());
    let refused = place.open().unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 4, known: 3 }), "{refused}");
    assert_eq!(refused.exit_code(), 65);
    assert_eq!(names(&place.dir()), before, "not a byte is different");
}

#[test]
fn a_newer_first_row_is_refused_without_a_witness_too() {
    let (engine, store) = in_memory();
    let newer = Meta { schema: 4, store: store.meta.store }.encode();
    engine.tamper(|rows| drop(rows.insert(Key::meta().into_bytes(), newer)));
    let refused = Store::in_memory(&engine, |_| ()).unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 4, known: 3 }));
}

#[test]
fn a_witness_that_cannot_be_written_ends_the_store() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    store.witness.as_mut().unwrap().make_read_only();
    store.stage(&changeset([Change::App(app("shop"))])).unwrap();
    assert!(matches!(store.commit(), Err(StoreError::NotDurable { .. })));
    assert!(matches!(store.reader().app(&app_id("shop")), Err(StoreError::Poisoned)));
    drop(store);
    assert!(place.open().unwrap().app(&app_id("shop")).unwrap().is_some(), "ahead of its witness, and whole");
}

#[test]
fn leftovers_of_a_killed_process_do_no_harm() {
    let place = Place::new();
    commit(&mut place.open().unwrap(), [Change::App(app("shop"))]);
    let unfinished = place.dir().join("snap.00000000000000AB.generating");
    fs::write(&unfinished, "half").unwrap();
    let store = place.open().unwrap();
    assert!(!unfinished.exists());
    assert!(store.app(&app_id("shop")).unwrap().is_some());
}

#[test]
fn large_rows_and_groups_make_no_side_files() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    for round in 0..3 {
        let rows = (0..200).map(|number| {
            let mut told = notification(number, NotificationState::Due(Millis(round)));
            told.body = vec![u8::try_from(round).unwrap(); 3600];
            Change::Notification(told)
        });
        commit(&mut store, rows);
    }
    drop(store);
    assert_eq!(fs::read_dir(place.dir().join("blobs")).unwrap().count(), 0);
    place.open().unwrap();
    fs::write(place.dir().join("blobs/1"), "x").unwrap();
    assert!(matches!(place.open(), Err(StoreError::Damaged { .. })));
}
