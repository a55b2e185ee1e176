//! What operators decide while the daemon runs: what a dry run says is what then happens, and the audit log shows it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use depositd::api::proto::v1::{
    self, DepositState, audit_service_client::AuditServiceClient, policy_service_client::PolicyServiceClient,
    set_policy_request::Threshold,
};
use tonic::transport::Channel;

use crate::harness::{
    Plan, SHOP, World, account,
    gateway::{Gateway, order},
    wait_until,
};

fn policies(gateway: &Gateway) -> PolicyServiceClient<Channel> {
    PolicyServiceClient::new(gateway.channel.clone())
}

async fn set(gateway: &Gateway, network: &str, count: u32, dry_run: bool) -> v1::PolicyPreview {
    let request = v1::SetPolicyRequest {
        network: network.to_owned(),
        threshold: Some(Threshold::Confirmations(count)),
        reason: "a test".to_owned(),
        dry_run,
        ..Default::default()
    };
    let answer = policies(gateway).set_policy(request).await.expect("the rule is sound");
    answer.into_inner().preview.expect("an answer holds a preview")
}

async fn policy(gateway: &Gateway) -> v1::NetworkPolicy {
    let answer = policies(gateway).show_policy(v1::ShowPolicyRequest::default()).await.expect("rules").into_inner();
    answer.networks.into_iter().next().expect("a network")
}

/// Count, sum and ids of what a preview names; the three agree.
fn named(sum: Option<v1::DepositSum>) -> (String, BTreeSet<String>) {
    let sum = sum.expect("a preview holds both sums");
    let ids: BTreeSet<String> = sum.deposits.into_iter().map(|deposit| deposit.deposit_id).collect();
    assert_eq!(sum.count, ids.len() as u64);
    (sum.sums.into_iter().map(|sum| sum.display_amount).collect(), ids)
}

async fn credited(gateway: &Gateway) -> BTreeSet<String> {
    let (confirmed, finalized) = (DepositState::Confirmed, DepositState::Finalized);
    in_state(gateway, confirmed).await.union(&in_state(gateway, finalized).await).cloned().collect()
}

async fn in_state(gateway: &Gateway, state: DepositState) -> BTreeSet<String> {
    let deposits = gateway.deposits().await.into_iter().filter(|deposit| deposit.state() == state);
    deposits.map(|deposit| deposit.deposit_id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dry_run_says_is_what_lowering_credits_and_raising_takes_nothing_back() {
    let (mut world, gateway) = World::open([Plan::new("govern").confirmations(8)]).await;
    gateway.watch(SHOP, "govern", account(1)).await;
    gateway.register(order("o-1", "govern", account(2), 2_000_000)).await.unwrap();
    world.net().pay(account(1), 5_000_000);
    world.net().pay(account(2), 2_000_000);
    world.net().pay(account(2), 2_000_000);
    world.net().mine(2);
    let (_, last) = world.net().pay(account(1), 1_000_000);
    gateway.read_to("govern", last).await;
    wait_until("four deposits", async || in_state(&gateway, DepositState::Detected).await.len() == 4).await;

    let before = policy(&gateway).await;
    let tried = set(&gateway, "govern", 4, true).await;
    assert_eq!((policy(&gateway).await, world.books().0.len()), (before.clone(), 0), "trying changes nothing");
    let done = set(&gateway, "govern", 4, false).await;
    assert_eq!((&tried.credited, &tried.held_back), (&done.credited, &done.held_back));
    let now = policy(&gateway).await;
    assert_ne!(now.etag, before.etag);
    assert_eq!(done.policy, Some(now.clone()), "who is told of a rule finds it");
    let is_waiting = |deposit: &v1::Deposit| deposit.state() == DepositState::Detected && deposit.confirmations > 4;
    assert!(done.credited.iter().flat_map(|sum| &sum.deposits).all(is_waiting), "as they stood before: {done:?}");
    let (sum, expected) = named(done.credited);
    assert_eq!((sum.as_str(), expected.len()), ("7.000000", 2), "the second payment of the order is no credit");
    // The last payment stays too young by one more block.
    let height = world.net().mine(1);
    gateway.read_to("govern", height).await;
    wait_until("the credits", async || world.books().count("deposit.confirmed") == 2).await;
    assert_eq!(credited(&gateway).await, expected);

    // Raised: what is credited stays, what is not waits longer.
    let (_, none) = named(set(&gateway, "govern", 12, false).await.held_back);
    assert!(none.is_empty(), "nothing was about to be credited");
    let height = world.net().mine(6);
    gateway.read_to("govern", height).await;
    assert_eq!(credited(&gateway).await, expected);
    assert_eq!(in_state(&gateway, DepositState::Detected).await.len(), 1, "it has eight of twelve");
    world.net().mine(4);
    wait_until("the last credit", async || world.books().count("deposit.confirmed") == 3).await;
    assert_eq!(world.books().count("deposit.reversed"), 0);

    // Rules outlive the process, and so does who set them.
    let before = policy(&gateway).await;
    world.stop().await;
    let gateway = world.start().await;
    let after = policy(&gateway).await;
    assert_eq!(after, before);
    let origin = after.rungs[0].origin.clone().and_then(|origin| origin.origin);
    let Some(v1::policy_origin::Origin::Runtime(act)) = origin else { panic!("{after:?}") };
    assert!(act.actor.starts_with("uid ") && act.reason == "a test", "{act:?}");
    let clear = v1::ClearPolicyRequest { network: "govern".into(), reason: "over".into(), ..Default::default() };
    policies(&gateway).clear_policy(clear).await.expect("there is a rule to clear");
    assert_eq!(
        policy(&gateway).await.rungs[0].required.unwrap().rule,
        Some(v1::required_confirmations::Rule::Confirmations(8))
    );
    world.stop().await;
}

/// The built command line, against the world's daemon.
async fn depositd(world: &World, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_depositd"));
    command.args(words).arg("--server").arg(format!("unix:{}", world.socket().display()));
    tokio::task::spawn_blocking(move || command.output().expect("the binary starts")).await.expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Puts another letter where `from` stands, and says where the file is.
fn forge(export: &Path, from: &str, to: &str) -> PathBuf {
    let whole = std::fs::read_to_string(export).expect("the export");
    assert!(whole.contains(from), "{whole}");
    let path = export.with_extension("forged");
    std::fs::write(&path, whole.replacen(from, to, 1)).expect("a file");
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_is_exported_verified_and_a_changed_byte_is_found() {
    let (mut world, gateway) = World::open([Plan::new("audited")]).await;
    let set = ["policy", "set", "audited", "--confirmations", "5", "--reason", "fees are high"];
    let tried = depositd(&world, &[&set[..], &["--dry-run", "--json"]].concat()).await;
    let preview: serde_json::Value = serde_json::from_slice(&tried.stdout).expect("JSON");
    assert_eq!((&preview["dry_run"], &preview["credited"]["count"]), (&true.into(), &0.into()));
    let done = depositd(&world, &set).await;
    assert!(done.status.success() && text(&done.stdout).contains("5 confirmations"), "{done:?}");
    let shown = depositd(&world, &["policy", "show", "--origin"]).await;
    assert!(text(&shown.stdout).contains("fees are high"), "{shown:?}");
    let updated =
        depositd(&world, &["app", "update", SHOP, "--amount-policy", "strict-exact", "--reason", "no more, no less"])
            .await;
    assert!(text(&updated.stdout).contains("strict_exact"), "{updated:?}");
    let unsound = depositd(&world, &["policy", "set", "audited", "--confirmations", "9999", "--reason", "x"]).await;
    assert_eq!(unsound.status.code(), Some(2), "{unsound:?}");
    let checkpoint = text(&depositd(&world, &["audit", "checkpoint"]).await.stdout).trim().to_owned();
    assert!(checkpoint.starts_with("3:"), "{checkpoint}");

    let export = world.dir.path().join("audit.jsonl");
    let file = export.to_str().expect("a text");
    let exported = depositd(&world, &["audit", "export", "--file", file]).await;
    assert!(exported.status.success(), "{exported:?}");
    let again = depositd(&world, &["audit", "export", "--file", file]).await;
    assert_eq!(again.status.code(), Some(4), "an export is never overwritten");
    for words in [vec!["audit", "verify"], vec!["audit", "verify", "--file", file]] {
        for against in [vec![], vec!["--against", &checkpoint]] {
            let verified = depositd(&world, &[&words[..], &against[..]].concat()).await;
            assert!(verified.status.success(), "{words:?}: {verified:?}");
            assert!(text(&verified.stdout).contains(&checkpoint), "{words:?}: {verified:?}");
        }
    }
    let forged = forge(&export, "fees are high", "fees are hugh");
    let found = depositd(&world, &["audit", "verify", "--file", forged.to_str().expect("a text")]).await;
    assert_eq!(found.status.code(), Some(1));
    assert!(text(&found.stderr).contains("record 2"), "{found:?}");
    let later = "4:".to_owned() + &checkpoint[2..];
    let cut = depositd(&world, &["audit", "verify", "--against", &later]).await;
    assert_eq!(cut.status.code(), Some(1));
    assert!(text(&cut.stderr).contains("record 4 is missing"), "{cut:?}");

    let mut audit = AuditServiceClient::new(gateway.channel.clone());
    let listed = audit.list_audit(v1::ListAuditRequest::default()).await.expect("the log").into_inner().records;
    let actions: Vec<&str> = listed.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions, ["app.create", "policy.set", "app.update"]);
    world.stop().await;
}
