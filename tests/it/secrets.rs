//! Signing keys and the master key: nowhere in clear, and a master key that is replaced.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_STANDARD_NO_PAD};
use depositd::api::proto::v1;

use crate::harness::{
    KEY, MASTER_KEY, Plan, SHOP, World, account,
    gateway::Gateway,
    process::{Binary, page, refusal},
    secret_text, wait_until,
};

/// The second key of the app: bytes that nothing else consists of.
const NEW_KEY: [u8; 32] = *b"b6a8c0d2e4f6a8c0d2e4f6a8c0d2e4f6";
/// Another master key: the base64 of 32 bytes from 10 on.
const OTHER_MASTER_KEY: &str = "EBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8=";

/// A secret in every form it could stand somewhere in.
fn forms(key: &[u8]) -> Vec<Vec<u8>> {
    let base64 = BASE64_STANDARD_NO_PAD.encode(key);
    vec![
        key.to_vec(),
        hex(key).into_bytes(),
        hex(key).to_uppercase().into_bytes(),
        // Without what the end of a text before or behind it could change.
        base64.as_bytes()[..base64.len() - 2].to_vec(),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut all, mut dirs) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => dirs.push(entry.path()),
                kind if kind.is_file() => all.push(entry.path()),
                _ => {}
            }
        }
    }
    all
}

async fn rotate(gateway: &Gateway, key: &[u8]) -> v1::App {
    let request = v1::RotateSecretRequest {
        app_id: SHOP.to_owned(),
        secret: secret_text(key),
        overlap_seconds: Some(3600),
        reason: "a new one".to_owned(),
    };
    gateway.apps().rotate_secret(request).await.unwrap().into_inner().app.unwrap()
}

/// A payment, and the notification of it, verified by the merchant with `KEY`.
async fn told(world: &World, units: u64) {
    let before = world.books().standing().len();
    world.net().pay(account(1), units);
    world.net().confirm();
    wait_until("the merchant to be told", async || world.books().standing().len() == before + 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_stands_in_clear_in_the_store_the_log_or_the_pages() {
    let world = World::of([Plan::new("canary")]).await;
    let (binary, gateway) = Binary::start(&world).await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.begun("canary").await;
    gateway.watch(SHOP, "canary", account(1)).await;
    told(&world, 1_000_000).await;
    let app = rotate(&gateway, &NEW_KEY).await;
    told(&world, 2_000_000).await;
    let metrics = page(world.pages, "/metrics").1 + &page(world.pages, "/readyz?verbose").1;
    let mut texts = vec![(PathBuf::from("pages"), metrics.into_bytes())];
    texts.push((PathBuf::from("answer"), format!("{app:?}").into_bytes()));
    assert!(binary.terminate().success());
    let (binary, _) = Binary::start(&world).await;
    assert!(binary.terminate().success());

    let master = BASE64_STANDARD.decode(MASTER_KEY).unwrap();
    let is_own = |file: &Path| file.file_name().is_some_and(|name| name == "master-0.key");
    let own = fs::read(world.dir.path().join("master-0.key")).unwrap();
    assert!(forms(&master).iter().any(|form| holds(&own, form)), "or the scan sees nothing");
    let all = files(world.dir.path());
    assert!(all.iter().any(|file| file.ends_with("store/db")) && all.iter().any(|file| file.ends_with("log")));
    for file in all.into_iter().filter(|file| !is_own(file)) {
        let bytes = fs::read(&file).unwrap();
        texts.push((file, bytes));
    }
    let secrets = [KEY.as_slice(), &NEW_KEY, &master];
    for (place, bytes) in &texts {
        for form in secrets.iter().flat_map(|secret| forms(secret)) {
            assert!(!holds(bytes, &form), "{} holds {}", place.display(), String::from_utf8_lossy(&form));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_key_is_replaced_and_a_lost_one_refuses_the_start() {
    let mut world = World::of([Plan::new("master")]).await;
    let (binary, gateway) = Binary::start(&world).await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.begun("master").await;
    gateway.watch(SHOP, "master", account(1)).await;
    told(&world, 1_000_000).await;
    assert!(binary.terminate().success());

    world.master_keys = vec![OTHER_MASTER_KEY];
    let (code, text) = refusal(&world);
    assert_eq!(code, 78, "{text}");
    assert!(
        text.contains("app shop is sealed under master key") && text.contains("previous_master_key_files"),
        "{text}"
    );

    world.master_keys = vec![OTHER_MASTER_KEY, MASTER_KEY];
    let (binary, _) = Binary::start(&world).await;
    told(&world, 2_000_000).await;
    assert!(binary.terminate().success());

    world.master_keys = vec![OTHER_MASTER_KEY];
    let (binary, _) = Binary::start(&world).await;
    told(&world, 3_000_000).await;
    assert!(binary.terminate().success());

    world.master_keys = vec![MASTER_KEY];
    let (code, text) = refusal(&world);
    assert_eq!(code, 78, "what it closed is sealed under the other one now: {text}");
    world.master_keys = vec!["hunter2hunter2"];
    let (code, text) = refusal(&world);
    assert!(code == 78 && text.contains("secrets.master_key_file") && !text.contains("hunter2"), "{text}");
}
