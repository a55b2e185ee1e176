//! A store of the program before, which kept keys in clear, and what becomes of its keys.

use std::collections::BTreeMap;

use super::*;
use crate::{
    app::AppError,
    domain::{Act, AppId, Millis, SigningKey, StoredKey},
    store::{Fault, MemoryEngine, Store},
    writer::Loading,
};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

const GOLDEN: &str = include_str!("../../../tests/golden/store/schema-2.rows");
const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

fn old_store() -> MemoryEngine {
    let engine = MemoryEngine::new();
    engine.tamper(|rows| {
        for line in GOLDEN.lines() {
            let (key, value) = line.split_once(' ').unwrap();
            rows.insert(hex::decode(key).unwrap(), hex::decode(value).unwrap());
        }
    });
    engine
}

fn rows_in(engine: &MemoryEngine) -> Rows {
    let mut rows = Rows::new();
    engine.tamper(|there| rows.clone_from(there));
    rows
}

fn vault(current: &str, previous: &[&str]) -> Vault {
    Vault::new(current, previous.iter().copied()).unwrap()
}

/// A start: the store is opened and checked, and its keys are sealed.
fn start(engine: &MemoryEngine, vault: &Vault) -> Result<Core, AppError> {
    let mut core = Loading::of([]).finish(Store::in_memory(engine, |_| ())?)?;
    reseal(&mut core, vault)?;
    Ok(core)
}

fn apps(core: &Core) -> Vec<App> {
    core.store().reader().apps(None, 1000).unwrap()
}

fn opened(core: &Core, vault: &Vault) -> Vec<(String, SigningKey, Option<Millis>)> {
    let all = apps(core).into_iter().flat_map(|app| app.keys.into_iter().map(move |live| (app.id.clone(), live)));
    all.map(|(id, live)| (id.to_string(), vault.open(&id, &live.key).unwrap(), live.until)).collect()
}

/// The golden store's keys.
fn secrets() -> [Vec<u8>; 3] {
    [(0xa0..0xe0).collect(), (0x10..0x28).collect(), (0x41..0x61).collect()]
}

fn holding_a_secret(rows: &Rows) -> Vec<String> {
    let holds = |value: &[u8]| {
        secrets().iter().any(|secret| value.windows(12).any(|part| secret.windows(12).any(|it| it == part)))
    };
    rows.iter().filter(|(_, value)| holds(value)).map(|(key, _)| hex::encode(key)).collect()
}

#[test]
fn keys_in_clear_are_sealed_at_the_first_start_and_sign_as_before() {
    let engine = old_store();
    assert_eq!(holding_a_secret(&rows_in(&engine)).len(), 2, "both apps' rows, or the scan sees nothing");
    let vault = vault(ONE, &[]);
    let core = start(&engine, &vault).unwrap();
    assert_eq!(holding_a_secret(&rows_in(&engine)), [""; 0]);
    let [long, short, shop] = secrets().map(SigningKey::kept);
    let expected = [
        ("bank".to_owned(), long, None),
        ("bank".to_owned(), short, Some(Millis(1_763_000_500_000))),
        ("shop".to_owned(), shop, None),
    ];
    assert_eq!(opened(&core, &vault), expected);
    assert!(apps(&core).iter().flat_map(|app| &app.keys).all(|live| vault.is_current(&live.key)));
    drop(core);
    let sealed = rows_in(&engine);
    drop(start(&engine, &vault).unwrap());
    assert_eq!(rows_in(&engine), sealed, "the next start has nothing to do");
}

#[test]
fn a_new_master_key_takes_over_and_the_old_one_may_go() {
    let engine = old_store();
    drop(start(&engine, &vault(ONE, &[])).unwrap());
    let before = rows_in(&engine);
    let both = vault(TWO, &[ONE]);
    let core = start(&engine, &both).unwrap();
    let keys = opened(&core, &both);
    drop(core);
    assert_ne!(rows_in(&engine), before);
    let alone = vault(TWO, &[]);
    let core = start(&engine, &alone).unwrap();
    assert_eq!(opened(&core, &alone), keys);
    drop(core);
    let there = rows_in(&engine);
    let error = start(&engine, &vault(ONE, &[])).map(drop).expect_err("the old one opens nothing any more");
    assert_eq!(error.exit_code(), 78);
    assert_eq!(rows_in(&engine), there, "a refusal writes nothing");
}

#[test]
fn a_key_that_nobody_opens_refuses_the_start_and_names_app_and_master_key() {
    let engine = old_store();
    let lost = vault(ONE, &[]);
    drop(start(&engine, &lost).unwrap());
    let error = start(&engine, &vault(TWO, &[])).map(drop).expect_err("its master key is gone");
    let text = error.to_string();
    assert_eq!(error.exit_code(), 78);
    assert!(text.starts_with("secrets: a signing key of app bank is sealed under master key"), "{text}");
    assert!(text.contains(&lost.name()) && text.contains("secrets.previous_master_key_files"), "{text}");
}

#[test]
fn nothing_is_sealed_while_another_key_cannot_be_opened() {
    let engine = old_store();
    let mut core = Loading::of([]).finish(Store::in_memory(&engine, |_| ()).unwrap()).unwrap();
    let stranger = vault(TWO, &[]).seal(&app_id("zoo"), &SigningKey::kept(vec![3; 32])).unwrap();
    let zoo = App { id: app_id("zoo"), keys: vec![LiveKey { key: stranger, until: None }], ..apps(&core).remove(0) };
    core.reseal(vec![zoo]).unwrap();
    drop(core);
    let there = rows_in(&engine);
    let error = start(&engine, &vault(ONE, &[])).map(drop).expect_err("one key is sealed elsewhere");
    assert!(error.to_string().contains("app zoo"), "{error}");
    assert_eq!(rows_in(&engine), there, "the keys in clear stay, so that the start before can be repeated");
}

#[test]
fn an_interrupted_sealing_goes_on_at_the_next_start() {
    let many = |engine: &MemoryEngine| {
        let mut core = Loading::of([]).finish(Store::in_memory(engine, |_| ()).unwrap()).unwrap();
        let model = apps(&core).remove(0);
        for hundred in 0..3 {
            let named = |number: usize| App { id: app_id(&format!("app-{hundred}-{number}")), ..model.clone() };
            core.reseal((0..APPS_MAX).map(named).collect()).unwrap();
        }
    };
    let vault = vault(ONE, &[]);
    let mut stopped = 0;
    for commits in 0..8 {
        for fault in [Fault::BeforeApply, Fault::AfterApply] {
            let engine = old_store();
            many(&engine);
            engine.fail_after(commits, fault);
            if let Err(error) = start(&engine, &vault) {
                assert!(matches!(error, AppError::Store(_)), "{error}");
                stopped += 1;
            }
            let core = start(&engine, &vault).unwrap();
            assert_eq!(opened(&core, &vault).len(), 3 + 600);
            assert_eq!(holding_a_secret(&rows_in(&engine)), [""; 0], "{fault:?} at commit {commits}");
            if stopped > 0 && commits >= 4 {
                assert_eq!(stopped, 8, "four commits, each cut off before and after");
            }
        }
    }
    assert_eq!(stopped, 8);
}

#[test]
fn sealed_keys_are_told_apart_by_marks_that_stay_through_restarts() {
    let engine = old_store();
    let vault = vault(ONE, &[]);
    let fingerprints = |core: &Core| -> Vec<Option<String>> {
        apps(core).iter().flat_map(|app| &app.keys).map(|live| live.key.fingerprint()).collect()
    };
    let first = fingerprints(&start(&engine, &vault).unwrap());
    assert!(first.iter().all(Option::is_some) && first.len() == 3);
    let mut core = start(&engine, &vault).unwrap();
    assert_eq!(fingerprints(&core), first);
    // The same app with the same secret once more: sealed anew, and still the same.
    let app = apps(&core).remove(1);
    let key = vault.seal(&app.id, &SigningKey::kept((0x41..0x61).collect())).unwrap();
    let again = App { keys: vec![LiveKey { key, until: None }], ..app.clone() };
    let act = Act { by: "uid 0".to_owned(), at: Millis(1), why: String::new() };
    assert_eq!(core.create_app(again, &act).unwrap(), app);
}

fn app_id(name: &str) -> AppId {
    name.parse().unwrap()
}

/// What the store of the program before holds is what this test is about.
#[test]
fn the_golden_stores_keys_are_in_clear() {
    let core = Loading::of([]).finish(Store::in_memory(&old_store(), |_| ()).unwrap()).unwrap();
    assert!(apps(&core).iter().flat_map(|app| &app.keys).all(|live| matches!(live.key, StoredKey::Clear(_))));
}
