//! When a deposit is credited is data: read again while the daemon runs, and held where a second source does not agree.

use std::{fs, os::unix::net::UnixDatagram, time::Duration};

use depositd::{
    api::proto::v1::{DepositState, required_confirmations::Rule},
    app::Reloaded,
    devnet::{Failure, Trouble},
};

use crate::harness::{
    Plan, SHOP, World, account, counted_in,
    gateway::Gateway,
    process::{Binary, page},
    wait_until,
};

/// One whole token.
const USDT: u64 = 1_000_000;

async fn states(gateway: &Gateway) -> Vec<(String, DepositState)> {
    let mut found: Vec<_> =
        gateway.deposits().await.into_iter().map(|deposit| (deposit.amount.clone(), deposit.state())).collect();
    found.sort();
    found
}

async fn required(gateway: &Gateway, amount: u64) -> Option<Rule> {
    let deposits = gateway.deposits().await;
    let deposit = deposits.into_iter().find(|deposit| deposit.amount == amount.to_string()).expect("a deposit");
    deposit.required.expect("a configured network").rule
}

async fn credited(gateway: &Gateway, amount: u64) {
    let amount = amount.to_string();
    gateway
        .deposit("the deposit to be credited", |deposit| {
            deposit.amount == amount && deposit.state() == DepositState::Confirmed
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lower_threshold_credits_at_once_what_it_said_and_a_higher_one_takes_nothing_back() {
    let (mut world, gateway) = World::open([Plan::new("policy").confirmations(9)]).await;
    gateway.watch(SHOP, "policy", account(1)).await;
    let (_, height) = world.net().pay(account(1), 5 * USDT);
    world.net().pay(account(1), 7 * USDT);
    world.net().mine(2);
    gateway.read_to("policy", height + 3).await;
    gateway.deposit("a deposit", |deposit| deposit.confirmations == 4).await;
    assert_eq!(required(&gateway, 5 * USDT).await, Some(Rule::Confirmations(9)));

    // Both lie deep enough for 3; no block comes that would show it.
    world.nets[0].plan.confirmations = Some(3);
    let outcome = world.reload().await;
    let Reloaded::Done(keys, previews) = outcome else { panic!("{outcome:?}") };
    assert_eq!(keys, ["networks.policy.confirmations"]);
    let [preview] = &previews[..] else { panic!("{previews:?}") };
    let sums: Vec<String> = preview.credited.sums.iter().map(|(token, sum)| sum.decimal(token.decimals)).collect();
    assert_eq!((preview.credited.count, sums, preview.held_back.count), (2, vec!["12.000000".to_owned()], 0));
    credited(&gateway, 5 * USDT).await;
    credited(&gateway, 7 * USDT).await;
    assert_eq!(world.net().head(), height + 3, "without another block");

    world.nets[0].plan.confirmations = Some(20);
    let outcome = world.reload().await;
    assert!(matches!(&outcome, Reloaded::Done(_, previews) if previews[0].credited.count == 0), "{outcome:?}");
    let (_, height) = world.net().pay(account(1), 6 * USDT);
    world.net().mine(10);
    gateway.read_to("policy", height + 10).await;
    assert_eq!(required(&gateway, 6 * USDT).await, Some(Rule::Confirmations(20)));
    let confirmed = |amount: u64| ((amount * USDT).to_string(), DepositState::Confirmed);
    let waiting = ((6 * USDT).to_string(), DepositState::Detected);
    assert_eq!(states(&gateway).await, [confirmed(5), waiting, confirmed(7)]);
    world.net().mine(9);
    credited(&gateway, 6 * USDT).await;
    wait_until("the merchant to be told", async || world.books().count("deposit.confirmed") == 3).await;
    assert_eq!(world.books().count("deposit.reversed"), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_amount_is_held_while_the_second_source_is_silent_and_a_small_one_is_not() {
    let tier = "[[networks.silent.tiers]]\nfrom = \"1000\"\nsecond_source = true";
    let (mut world, gateway) = World::open([Plan::new("silent").with(tier)]).await;
    gateway.watch(SHOP, "silent", account(1)).await;
    let receipts = vec!["eth_getTransactionReceipt".to_owned()];
    let failing = Failure::Rpc { code: -32000, message: "not today".to_owned() };
    let trouble = Trouble { fail_every: 1, failure: Some(failing), only_methods: receipts, ..Trouble::default() };
    world.net().trouble("second", trouble);
    world.net().pay(account(1), 999 * USDT);
    world.net().pay(account(1), 1000 * USDT);
    world.net().confirm();
    credited(&gateway, 999 * USDT).await;
    wait_until("the deposit to be held", async || gateway.network("silent").await.credits_held == 1).await;
    let (status, metrics) = page(world.pages, "/metrics");
    let held = |why| counted_in(&metrics, "depositd_credits_held", &[("network", "silent"), ("why", why)]);
    assert_eq!((status, held("no_second_source"), held("contradicted")), (200, 1, 0));
    let (_, ready) = page(world.pages, "/readyz?verbose");
    assert!(ready.contains("network silent failed: following, but credits held: 1"), "{ready}");
    assert_eq!(world.books().count("deposit.confirmed"), 1);

    world.net().heal();
    credited(&gateway, 1000 * USDT).await;
    wait_until("nothing to be held", async || gateway.network("silent").await.credits_held == 0).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_source_that_disagrees_holds_the_credit_and_agreement_releases_it() {
    let (mut world, gateway) = World::open([Plan::new("discord").split().with("agree = false")]).await;
    gateway.watch(SHOP, "discord", account(1)).await;
    let (net, before) = (world.net(), world.net().head());
    gateway.read_to("discord", before).await;
    // The second endpoint has other blocks from here on, up to the same height.
    net.ledgers[1].lock().diverge(7);
    net.pay(account(1), 5 * USDT);
    net.mine(4);
    net.ledgers[1].lock().extend(5);
    wait_until("the deposit to be held", async || gateway.network("discord").await.credits_held == 1).await;
    let (_, metrics) = page(world.pages, "/metrics");
    let labels = [("network", "discord"), ("why", "contradicted")];
    assert_eq!(counted_in(&metrics, "depositd_credits_held", &labels), 1);
    let asked = net.nodes[1].trouble.requests();
    wait_until("further questions", async || net.nodes[1].trouble.requests() > asked + 5).await;
    assert_eq!(states(&gateway).await, [((5 * USDT).to_string(), DepositState::Detected)]);
    assert!(world.merchant.received().is_empty(), "credited on the word of one of two");

    let right = net.ledger.lock().clone();
    *net.ledgers[1].lock() = right;
    credited(&gateway, 5 * USDT).await;
    wait_until("nothing to be held", async || gateway.network("discord").await.credits_held == 0).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_over_as_a_whole_changes_nothing() {
    let (mut world, gateway) = World::open([Plan::new("whole").confirmations(9)]).await;
    gateway.watch(SHOP, "whole", account(1)).await;
    let (_, height) = world.net().pay(account(1), 5 * USDT);
    world.net().mine(3);
    gateway.read_to("whole", height + 3).await;
    let is_as_before = async |world: &World| {
        assert_eq!(required(&gateway, 5 * USDT).await, Some(Rule::Confirmations(9)));
        assert!(world.merchant.received().is_empty());
    };

    // A lower threshold beside a key that needs a restart.
    world.nets[0].plan.confirmations = Some(2);
    world.nets[0].plan.poll_ms = 150;
    let refused = world.reload().await;
    assert_eq!(refused, Reloaded::RestartOnly(vec!["networks.whole.poll_interval_ms".to_owned()]));
    is_as_before(&world).await;

    // A file that is no TOML, and one with two wrong rules.
    let file = world.configure();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[half")).unwrap();
    assert!(matches!(world.read_again().await, Reloaded::Invalid(errors) if errors.0.len() == 1));
    let wrong = text.replace("confirmations = 2", "confirmations = 33\nconfirmations_floor = 0");
    fs::write(&file, wrong.replace("poll_interval_ms = 150", "poll_interval_ms = 100")).unwrap();
    let outcome = world.read_again().await;
    assert!(matches!(&outcome, Reloaded::Invalid(errors) if errors.0.len() == 2), "{outcome:?}");
    fs::remove_file(&file).unwrap();
    assert!(matches!(world.read_again().await, Reloaded::Invalid(_)));
    is_as_before(&world).await;

    world.nets[0].plan.poll_ms = 100;
    assert!(matches!(world.reload().await, Reloaded::Done(..)));
    credited(&gateway, 5 * USDT).await;
    world.stop().await;
}

/// What the service manager is told of one reload, up to the message that ends it.
fn told_of_reload(manager: &UnixDatagram) -> Vec<String> {
    let mut told = Vec::new();
    let mut buffer = [0; 4096];
    while told.last().is_none_or(|last: &String| !last.contains("READY=1")) {
        let len = manager.recv(&mut buffer).expect("the manager is told within its patience");
        told.push(String::from_utf8_lossy(&buffer[..len]).into_owned());
    }
    told.retain(|message| !message.starts_with("EXTEND_TIMEOUT_USEC="));
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_reads_the_file_again_and_the_log_says_everything_that_is_wrong_with_it() {
    let mut world = World::of([Plan::new("sighup").confirmations(9)]).await;
    let manager = UnixDatagram::bind(world.dir.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (binary, gateway) = Binary::start(&world).await;
    assert_eq!(told_of_reload(&manager), ["READY=1\nSTATUS=watching\n"], "of the start, nothing is reloaded");
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.begun("sighup").await;
    gateway.watch(SHOP, "sighup", account(1)).await;
    let (_, height) = world.net().pay(account(1), 5 * USDT);
    world.net().mine(3);
    gateway.read_to("sighup", height + 3).await;
    let reloads = async |outcome: &str, count| {
        wait_until(&format!("a reload that is {outcome}"), async || {
            let (_, metrics) = page(world.pages, "/metrics");
            counted_in(&metrics, "depositd_reloads_total", &[("outcome", outcome)]) == count
        })
        .await;
    };

    let file = world.configure();
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, good.replace("confirmations = 9", "confirmations = 0\nfloor = 1")).unwrap();
    binary.hangup();
    reloads("invalid", 1).await;
    let told = told_of_reload(&manager);
    assert!(told[0].starts_with("RELOADING=1\nMONOTONIC_USEC="), "{told:?}");
    assert!(told[1].starts_with("READY=1\nSTATUS=watching; the configuration is not taken over: "), "{told:?}");
    let log = fs::read_to_string(world.dir.path().join("log")).unwrap();
    for said in ["networks.sighup.confirmations: must be a whole number", "networks.sighup.floor: unknown key"] {
        assert!(log.contains(said), "{said} is missing in {log}");
    }
    fs::write(&file, good.replace("grace_ms = 6000", "grace_ms = 7000")).unwrap();
    binary.hangup();
    reloads("restart_only", 1).await;
    let log = fs::read_to_string(world.dir.path().join("log")).unwrap();
    assert!(log.contains("these keys need a restart: stop.grace_ms"), "{log}");
    assert!(world.merchant.received().is_empty());

    world.nets[0].plan.confirmations = Some(3);
    world.configure();
    binary.hangup();
    credited(&gateway, 5 * USDT).await;
    let log = fs::read_to_string(world.dir.path().join("log")).unwrap();
    assert!(log.contains("credited at once: 1 deposit, 5.000000 USDT; held back: none"), "{log}");
    assert!(binary.terminate().success());
}
