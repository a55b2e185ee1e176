//! The built binary ends in every way there is, and goes on where it was.

use std::time::{Duration, Instant};

use depositd::{
    api::proto::v1::DepositState,
    devnet::{Answer, Sameness},
};

use crate::harness::{
    Plan, SHOP, World, account, day,
    gateway::{Gateway, order},
    process::{Binary, page, refusal},
    wait_until,
};

/// A world with the binary running, the app registered and its network begun.
async fn open(slug: &str) -> (World, Binary, Gateway) {
    let world = World::of([Plan::new(slug)]).await;
    let (binary, gateway) = Binary::start(&world).await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.begun(slug).await;
    (world, binary, gateway)
}

/// Pauses of 60 to 460 ms that look random; the same ones in every run.
fn pause(kill: u64) -> Duration {
    Duration::from_millis(60 + kill.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 400)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ordered_stop_finishes_what_is_on_its_way_and_the_next_start_goes_on() {
    let (world, binary, gateway) = open("polite").await;
    let watched = day::watch(&gateway, "polite").await;
    world.merchant.otherwise(Answer::Late(200, 300));
    for number in 0..day::BLOCKS / 2 {
        day::block(world.net(), number);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    world.merchant.wait_for(3, 30_000).await.expect("the first notifications");
    let status = binary.terminate();
    assert!(status.success(), "{status}");
    let told = world.merchant.received().len();

    // What comes meanwhile is found afterwards.
    for number in day::BLOCKS / 2..day::BLOCKS {
        day::block(world.net(), number);
    }
    world.net().mine(3);
    assert_eq!(world.merchant.received().len(), told, "a stopped daemon tells nobody anything");
    let (binary, _) = Binary::start(&world).await;
    world.balanced(&[watched]).await;
    // Every attempt that had begun was recorded before the end, so nothing came twice.
    assert!(world.merchant.received().iter().all(|request| request.sameness == Sameness::First));
    assert_eq!(world.books().standing().len(), day::PAYMENTS);
    assert!(binary.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_in_a_day_lose_nothing_and_tell_nothing_under_two_names() {
    let (world, mut binary, gateway) = open("killed").await;
    let watched = day::watch(&gateway, "killed").await;
    world.merchant.otherwise(Answer::Late(200, 20));
    for kill in 0..10 {
        for number in kill * 4..kill * 4 + 4 {
            day::block(world.net(), number);
            tokio::time::sleep(pause(kill) / 4).await;
        }
        binary.kill();
        binary = Binary::start(&world).await.0;
    }
    world.net().mine(3);
    world.balanced(&[watched]).await;
    let books = world.books();
    assert_eq!(books.count("deposit.confirmed"), day::PAYMENTS, "one id for each payment");
    assert_eq!(books.count("deposit.reversed"), 0);
    assert!(binary.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_acknowledged_before_a_kill_comes_again_under_the_same_id() {
    let (world, binary, gateway) = open("unsettled").await;
    gateway.watch(SHOP, "unsettled", account(1)).await;
    world.merchant.script([Answer::Hang]);
    world.net().pay(account(1), 4_000_000);
    world.net().confirm();
    world.merchant.wait_for(1, 30_000).await.expect("the first attempt");
    binary.kill();

    let (binary, gateway) = Binary::start(&world).await;
    let received = world.merchant.wait_for(2, 30_000).await.expect("the second attempt");
    assert_eq!(received[1].sameness, Sameness::Repeat);
    assert_eq!(world.books().versions(), [(1, "deposit.confirmed".to_owned())]);
    gateway.deposit("the credit", |deposit| deposit.state() == DepositState::Confirmed).await;
    assert!(binary.terminate().success());
}

/// Every file of the store and the witness, with its bytes.
fn files(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![world.dir.path().join("store")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
    }
    found.push(("witness".to_owned(), std::fs::read(world.dir.path().join("witness")).unwrap()));
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_is_turned_away_at_once_and_writes_nothing() {
    let (mut world, binary, gateway) = open("single").await;
    gateway.register(order("o-1", "single", account(1), 5)).await.unwrap();
    let pages = std::mem::replace(&mut world.pages, crate::harness::free_port());
    let mut before = files(&world);
    // The engine may still be writing what it was given; from then on nobody has a reason to.
    wait_until("the store to be at rest", async || {
        tokio::time::sleep(Duration::from_millis(600)).await;
        let now = files(&world);
        std::mem::replace(&mut before, now.clone()) == now
    })
    .await;

    let begun = Instant::now();
    let (code, text) = refusal(&world);
    assert_eq!(code, 75, "{text}");
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    assert!(text.contains("in use"), "{text}");
    assert!(before == files(&world), "the refused process wrote into the store");
    assert_eq!(page(pages, "/readyz").0, 200, "the first one goes on");
    assert_eq!(gateway.order("o-1").await.order_id, "o-1");
    assert!(binary.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_not_what_was_committed_is_refused() {
    let (world, binary, gateway) = open("damaged").await;
    gateway.register(order("order-to-be-damaged", "damaged", account(1), 5)).await.unwrap();
    assert!(binary.terminate().success());
    let db = world.dir.path().join("store/db");
    let whole = std::fs::read(&db).unwrap();

    // One letter of one row, wherever the engine keeps a copy of it.
    let mut changed = whole.clone();
    let places: Vec<usize> =
        whole.windows(19).enumerate().filter(|(_, seen)| seen == b"order-to-be-damaged").map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the row is in the file");
    for at in places {
        changed[at] = b'O';
    }
    std::fs::write(&db, changed).unwrap();
    let (code, text) = refusal(&world);
    assert_eq!(code, 65, "{text}");
    // What the engine makes of it is its own affair: it may drop the whole commit. Either way it is noticed.
    assert!(text.contains("damaged") || text.contains("commits are missing"), "{text}");

    // A store that is lost: the witness remembers that there was one.
    std::fs::remove_dir_all(world.dir.path().join("store")).unwrap();
    let (code, text) = refusal(&world);
    assert_eq!(code, 65, "{text}");
    assert!(text.contains("witness"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_is_not_the_configured_one_is_refused() {
    let mut world = World::of([Plan::new("misread")]).await;
    world.nets[0].chain_id = 1;
    let (code, text) = refusal(&world);
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("misread") && text.contains("chain id 31337"), "{text}");

    world.nets[0].chain_id = 31_337;
    world.nets[0].decimals = 18;
    let (code, text) = refusal(&world);
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("6 decimals, 18 are configured"), "{text}");

    world.nets[0].decimals = 6;
    let (binary, _) = Binary::start(&world).await;
    assert!(binary.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_cannot_be_read_or_that_others_can_read_is_refused() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let mut world = World::of([Plan::new("secret")]).await;
    let key = world.dir.path().join("node.key");
    let node = world.net().nodes[0].url.clone();
    let more = format!(
        "[[networks.secret.endpoints]]\nname = \"keyed\"\nurl = \"{node}/?key={{key}}\"\nkey_file = \"{}\"\n",
        key.display()
    );
    // Behind everything else, so that it is one more endpoint.
    world.api = more;
    let (code, text) = refusal(&world);
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("node.key") && text.contains("key_file"), "{text}");

    fs::write(&key, "S3CRET").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let (code, text) = refusal(&world);
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("0640") && !text.contains("S3CRET"), "{text}");

    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let (binary, gateway) = Binary::start(&world).await;
    gateway.begun("secret").await;
    assert!(binary.terminate().success());
    let log = fs::read_to_string(world.dir.path().join("log")).unwrap();
    assert!(!log.contains("S3CRET"), "the key is in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_say_what_is_well_and_what_is_not() {
    let (world, binary, gateway) = open("pages").await;
    gateway.read_to("pages", world.net().head()).await;
    wait_until("the network to be read", async || {
        let (status, text) = page(world.pages, "/readyz?verbose");
        status == 200 && text.contains("[+] network pages ok") && text.contains("[+] store ok")
    })
    .await;
    assert_eq!(page(world.pages, "/livez").0, 200);
    let (status, metrics) = page(world.pages, "/metrics");
    assert_eq!(status, 200);
    let cursor = format!("depositd_network_cursor_height{{network=\"pages\"}} {}", world.net().head());
    assert!(metrics.contains(&cursor), "{metrics}");

    for endpoint in ["first", "second"] {
        world.net().trouble(endpoint, depositd::devnet::Trouble { fail_every: 1, ..Default::default() });
    }
    // One network in trouble shows, and is no reason to take the process out of service.
    wait_until("the trouble to show", async || {
        let (status, text) = page(world.pages, "/readyz?verbose");
        assert_eq!(status, 200, "{text}");
        text.contains("[-] network pages failed")
    })
    .await;
    assert!(binary.terminate().success());
}
