//! An upgrade on a real disk, in a process of its own that is killed again and again.

use std::{env, path::Path, process::Command, thread, time::Duration};

use super::{
    disk::Place,
    upgrade::{assert_upgraded, larger, on_disk},
    *,
};
use crate::store::seal::SCHEMA;

/// Says to the process this test starts which store it is to open.
const DIR: &str = "DEPOSITD_TEST_UPGRADE";
/// Kills, at the most.
const KILLS: u32 = 12;

fn options(dir: &Path) -> StoreOptions {
    StoreOptions { dir: dir.join("store"), witness: dir.join("witness"), cache_bytes: 8 << 20 }
}

/// Whether a commit of the new schema has been witnessed.
fn is_begun(place: &Place) -> bool {
    let bytes = std::fs::read(place.options().witness).unwrap();
    bytes.chunks(512).any(|slot| slot.get(8..10) == Some(&SCHEMA.to_be_bytes()[..]))
}

#[test]
fn an_upgrade_that_is_killed_again_and_again_loses_nothing() {
    if let Some(dir) = env::var_os(DIR) {
        drop(Store::open(&options(Path::new(&dir)), |_| ()).expect("the store opens"));
        return;
    }
    let (place, old) = (Place::new(), larger(4000, 2000));
    on_disk(&place, &old);
    let test = "store::tests::killed::an_upgrade_that_is_killed_again_and_again_loses_nothing";
    let mut halves = 0;
    for kill in 1..=KILLS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test])
            .env(DIR, place.temp.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Once in the check before it, then later and later in the upgrade itself.
        let is_first = kill == 1;
        while !is_first && !is_begun(&place) && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(u64::from(kill - 1) / 2 * 20));
        let _ = child.kill();
        let ended = child.wait().unwrap();
        assert!(ended.success() || ended.code().is_none(), "it ended by itself: {ended}");
        halves += u32::from(is_begun(&place) && !ended.success());
        if ended.success() {
            break;
        }
    }
    assert!(halves > 0, "it was never killed halfway");
    assert_upgraded(&old, &rows_of(&place.open().unwrap()));
}
