//! Registrations leave one store and come back in another: after damage, the same chain gives the same events.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use depositd::{
    api::proto::v1::{
        DepositState, ImportRequest, OrderState, Registration, registration::Record,
        registration_service_client::RegistrationServiceClient,
    },
    devnet::Trouble,
};
use serde_json::Value;

use crate::harness::{
    Plan, SHOP, World, account,
    gateway::{Gateway, order},
    process::Binary,
    wait_until,
};

/// The command line against this world's daemon: exit code, stdout as JSON, stderr.
fn cli(world: &World, words: &[&str]) -> (i32, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_depositd"))
        .args(words)
        .args(["--json", "--server", &format!("unix:{}", world.socket().display())])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), json, text(&output.stderr))
}

fn export(world: &World, name: &str) -> String {
    let path = world.dir.path().join(name);
    let (code, shown, said) = cli(world, &["export", "--file", path.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(shown["records"], text.lines().count() - 2);
    text
}

fn import(world: &World, name: &str, more: &[&str]) -> (i32, Value, String) {
    let path = world.dir.path().join(name);
    let words = ["import", "--file", path.to_str().unwrap(), "--reason", "the disk broke"];
    cli(world, &[&words, more].concat())
}

/// The lines between the first and the last.
fn records(file: &str) -> Vec<&str> {
    let lines: Vec<&str> = file.lines().collect();
    lines[1..lines.len() - 1].to_vec()
}

async fn open(plan: Plan) -> (World, Binary, Gateway) {
    let world = World::of([plan]).await;
    let (binary, gateway) = Binary::start(&world).await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    let slug = world.net().plan.slug.clone();
    gateway.begun(&slug).await;
    (world, binary, gateway)
}

/// The store is gone, and its witness with it.
fn lose_the_store(world: &World) {
    fs::remove_dir_all(world.dir.path().join("store")).unwrap();
    fs::remove_file(world.dir.path().join("witness")).unwrap();
}

/// Everything a gateway would book of its deposits, by id.
async fn booked(gateway: &Gateway) -> BTreeMap<String, (String, String, String, u32, i32)> {
    let all = gateway.deposits().await.into_iter();
    all.map(|d| (d.deposit_id, (d.order_id, d.address, d.amount, d.version, d.reason))).collect()
}

fn event_ids(world: &World, from: usize) -> BTreeSet<String> {
    world.merchant.received()[from..].iter().map(|request| request.id.clone().unwrap()).collect()
}

async fn credited(gateway: &Gateway, count: usize) {
    wait_until("the credits", async || {
        let all = gateway.deposits().await;
        all.iter().filter(|d| d.state() == DepositState::Confirmed || d.state() == DepositState::Finalized).count()
            == count
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_damage_the_same_chain_gives_the_same_deposits_and_events() {
    let (mut world, binary, gateway) = open(Plan::new("lost")).await;
    let start = gateway.cursor("lost").await.unwrap();
    gateway.watch(SHOP, "lost", account(1)).await;
    for (id, mark) in [("o-open", 2), ("o-paid", 3), ("o-gone", 4)] {
        gateway.register(order(id, "lost", account(mark), 5_000_000)).await.unwrap();
    }
    gateway.cancel("o-gone").await.unwrap();
    world.net().pay(account(3), 5_000_000);
    world.net().pay(account(1), 7);
    world.net().confirm();
    credited(&gateway, 2).await;
    let told = ["deposit", "order"].len();
    world.merchant.wait_for(told, 30_000).await.expect("both credits are told");
    wait_until("all to be told", async || event_ids(&world, 0).iter().filter(|id| id.starts_with("dep_")).count() == 2)
        .await;
    let (before, ids) = (booked(&gateway).await, event_ids(&world, 0));
    let paid_by = gateway.order("o-paid").await.paid_by;
    let first = export(&world, "first.jsonl");
    assert!(binary.terminate().success());
    lose_the_store(&world);

    // The nodes are silent until everything is back: what is read before that would be passed over.
    world.nets[0].plan.more.push_str(&format!("start = {start}\n"));
    for endpoint in ["first", "second"] {
        world.net().trouble(endpoint, Trouble { stall: true, ..Trouble::default() });
    }
    let heard = world.merchant.received().len();
    let (binary, gateway) = Binary::start(&world).await;
    let (code, _, said) = import(&world, "first.jsonl", &[]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("shop") && said.contains("depositd app create"), "{said}");

    gateway.create_app(SHOP, &world.merchant.url).await;
    let (code, shown, said) = import(&world, "first.jsonl", &["--dry-run"]);
    assert_eq!((code, &shown["written"]), (0, &7.into()), "{said}");
    let (code, shown, said) = import(&world, "first.jsonl", &[]);
    assert_eq!((code, &shown["written"], &shown["not_taken"]), (0, &7.into(), &0.into()), "{said}");
    let (code, shown, said) = import(&world, "first.jsonl", &[]);
    assert_eq!((code, &shown["written"], &shown["unchanged"]), (0, &0.into(), &8.into()), "{said}");
    let again = export(&world, "again.jsonl");
    let but_the_app = |file: &str| records(file)[1..].iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert_eq!(but_the_app(&again), but_the_app(&first), "byte for byte");

    world.net().heal();
    gateway.read_to("lost", world.net().head()).await;
    credited(&gateway, 2).await;
    assert_eq!(booked(&gateway).await, before);
    let paid = gateway.order("o-paid").await;
    assert_eq!((paid.state(), paid.paid_by), (OrderState::Paid, paid_by));
    let deposits: BTreeSet<String> = ids.into_iter().filter(|id| id.starts_with("dep_")).collect();
    wait_until("the same events", async || event_ids(&world, heard) == deposits).await;

    // And what was open is paid like any other.
    world.net().pay(account(2), 5_000_000);
    world.net().confirm();
    wait_until("the open order to be paid", async || gateway.order("o-open").await.state() == OrderState::Paid).await;
    assert!(binary.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_already_stays_and_the_rest_comes() {
    let (world, binary, gateway) = open(Plan::new("taken")).await;
    for mark in 1..5 {
        gateway.watch(SHOP, "taken", account(mark)).await;
    }
    gateway.register(order("o-1", "taken", account(9), 5)).await.unwrap();
    export(&world, "all.jsonl");
    assert!(binary.terminate().success());
    lose_the_store(&world);

    let (binary, gateway) = Binary::start(&world).await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.create_app("other", &world.merchant.url).await;
    gateway.begun("taken").await;
    gateway.watch("other", "taken", account(2)).await;
    gateway.register(order("o-1", "taken", account(8), 6)).await.unwrap();
    let (code, shown, said) = import(&world, "all.jsonl", &[]);
    assert_eq!((code, &shown["written"], &shown["not_taken"]), (4, &4.into(), &2.into()), "{said}");
    assert!(said.contains("another app") && said.contains("other content"), "{said}");
    assert_eq!(gateway.order("o-1").await.amount, "6");
    assert!(binary.terminate().success());
}

/// The records of a file as they are sent.
fn parsed(file: &str) -> Vec<Registration> {
    let read = |line: &&str| Registration { record: Some(serde_json::from_str::<Record>(line).unwrap()) };
    records(file).iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_cut_off_goes_on_where_it_was() {
    let (world, binary, gateway) = open(Plan::new("halfway")).await;
    for mark in 0..40 {
        gateway.watch(SHOP, "halfway", account(mark)).await;
    }
    let all = export(&world, "all.jsonl");
    assert!(binary.terminate().success());
    lose_the_store(&world);

    let (binary, gateway) = Binary::start(&world).await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    let mut client = RegistrationServiceClient::new(gateway.channel.clone());
    let half = ImportRequest { records: parsed(&all)[..16].to_vec(), dry_run: false };
    let answer = client.import(half).await.unwrap().into_inner();
    assert_eq!((answer.unchanged, answer.written, answer.troubles.len()), (1, 15, 0));
    binary.kill();

    let (binary, _) = Binary::start(&world).await;
    let (code, shown, said) = import(&world, "all.jsonl", &[]);
    assert_eq!((code, &shown["written"], &shown["unchanged"]), (0, &25.into(), &16.into()), "{said}");
    let again = export(&world, "again.jsonl");
    assert_eq!(records(&again)[1..], records(&all)[1..]);
    assert!(binary.terminate().success());
}

fn is_refused(world: &World, name: &str, bytes: &[u8], why: &str) {
    fs::write(world.dir.path().join(name), bytes).unwrap();
    let (code, _, said) = import(world, name, &[]);
    assert_eq!(code, 1, "{name}: {said}");
    assert!(said.contains(why) && said.contains("nothing was imported"), "{name}: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_whole_changes_nothing() {
    let (world, binary, gateway) = open(Plan::new("torn")).await;
    for mark in 0..10 {
        gateway.watch(SHOP, "torn", account(mark)).await;
    }
    let all = export(&world, "all.jsonl");
    let mode =
        |path: &Path| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777;
    assert_eq!(mode(&world.dir.path().join("all.jsonl")), 0o600);
    assert!(!all.contains("whsec") && !all.contains("BwcHBwcH"), "no secret is in it");
    assert!(binary.terminate().success());
    lose_the_store(&world);

    let (binary, gateway) = Binary::start(&world).await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    is_refused(&world, "cut", &all.as_bytes()[..all.len() / 2], "cut off");
    let without_end = &all[..all.trim_end().rfind('\n').unwrap() + 1];
    is_refused(&world, "endless", without_end.as_bytes(), "cut off");
    is_refused(&world, "changed", all.replacen("user-1", "user-2", 1).as_bytes(), "changed");
    is_refused(&world, "empty", b"", "cut off");
    let file = world.dir.path().join("all.jsonl");
    let (code, _, said) = cli(&world, &["import", "--file", file.to_str().unwrap(), "--reason", &"x".repeat(201)]);
    assert_eq!(code, 2, "{said}");
    let nothing = export(&world, "nothing.jsonl");
    assert_eq!(records(&nothing).len(), 1, "the app alone");
    assert!(binary.terminate().success());
}
