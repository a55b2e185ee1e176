//! What is explained of each row of the false-deposit catalogue, through the whole daemon: the true reason, also of what
//! was never credited. Rows 22 (Omni) and 24 (forged notifications) are no transactions of a network that is watched.

use std::process::Command;

use depositd::{
    api::proto::v1::{
        self, DepositState, ExplainTransactionRequest, ExplainTransactionResponse, Verdict,
        explain_service_client::ExplainServiceClient,
    },
    devnet::{
        InfoLie, InternalCall, Ledger, LedgerSpec, Log, Orphans, TRANSFER_TOPIC, TronResult, TronTrouble, Trouble, Tx,
    },
    domain::{Address, Family, TokenAmount, TxHash},
};
use tokio::task::spawn_blocking;

use crate::harness::{
    PAYER, Plan, SHOP, TOKEN, World, account,
    gateway::{Gateway, order},
    net::Net,
    wait_until,
};

/// A contract that is not listed, however it calls itself.
const FAKE: Address = Address([0x66; 20]);
/// A contract that moves tokens for others.
const MIDDLEMAN: Address = Address([0x77; 20]);
/// The smallest amount that counts, of the networks with one.
const MINIMUM: u64 = 1_000_000;

fn paid() -> TokenAmount {
    TokenAmount::of(7_000_000)
}

fn log(token: Address, to: Address) -> Log {
    Log::transfer(token, PAYER, to, paid())
}

async fn explain(gateway: &Gateway, net: &Net, tx: TxHash) -> ExplainTransactionResponse {
    let mut client = ExplainServiceClient::new(gateway.channel.clone());
    let network = net.plan.slug.clone();
    let request = ExplainTransactionRequest { network, tx_hash: tx.text(net.plan.family()) };
    client.explain_transaction(request).await.expect("an explanation").into_inner()
}

/// `verdict reason` of each transfer, `note reason` of each remark.
fn gist(told: &ExplainTransactionResponse) -> Vec<String> {
    let one = |one: &v1::ExplainedTransfer| {
        let verdict = one.verdict().as_str_name().trim_start_matches("VERDICT_").to_lowercase();
        format!("{verdict} {}", one.reason)
    };
    let transfers = told.transfers.iter().map(one);
    transfers.chain(told.remarks.iter().map(|remark| format!("note {}", remark.reason))).collect()
}

/// One row: its number, on which family, how it is made, and what is said of each of its transactions.
struct Row {
    number: u8,
    on: &'static [Family],
    make: fn(&mut Ledger) -> Vec<Tx>,
    says: &'static [&'static [&'static str]],
}

const BOTH: &[Family] = &[Family::Evm, Family::Tron];
const TRON: &[Family] = &[Family::Tron];
const CREDITED: &str = "credited matched";
const UNLISTED: &str = "not_a_deposit token_not_listed";
const STRANGER: &str = "not_a_deposit not_registered";
const FAILED: &str = "not_a_deposit failed_transaction";
const MALFORMED: &str = "not_a_deposit malformed_log";
const NO_LISTED: &str = "note no_listed_token";
const NO_LOG: &str = "note no_transfer_log";
const NOTE_FAILED: &str = "note failed_transaction";

/// Every row whose transactions can stand in one chain. Those that need a chain of their own are tests below: 9, 13, 14,
/// 15, 20, 21.
fn rows() -> Vec<Row> {
    vec![
        Row {
            number: 1,
            on: BOTH,
            make: |ledger| vec![ledger.transfer(FAKE, PAYER, account(1), paid())],
            says: &[&[UNLISTED, NO_LISTED]],
        },
        Row {
            number: 2,
            on: BOTH,
            make: |ledger| {
                vec![
                    ledger.tx(PAYER, TOKEN, vec![log(FAKE, account(1))]),
                    ledger.tx(PAYER, FAKE, vec![log(FAKE, account(1)), log(TOKEN, account(2))]),
                ]
            },
            says: &[&[UNLISTED, "note call_without_transfer", NO_LISTED], &[UNLISTED, CREDITED]],
        },
        Row {
            number: 3,
            on: TRON,
            make: |ledger| {
                [TronResult::OutOfEnergy, TronResult::Revert]
                    .map(|result| ledger.failed_transfer(TOKEN, PAYER, account(1), paid(), result))
                    .to_vec()
            },
            says: &[&[NOTE_FAILED, NO_LOG], &[NOTE_FAILED, NO_LOG]],
        },
        // The same on EVM, where a failed transaction has no logs at all.
        Row {
            number: 3,
            on: &[Family::Evm],
            make: |ledger| vec![ledger.failed(PAYER, TOKEN)],
            says: &[&[NOTE_FAILED, NO_LOG]],
        },
        Row {
            number: 4,
            on: TRON,
            make: |ledger| {
                [TronResult::OutOfTime, TronResult::JvmStackOverflow]
                    .map(|result| ledger.transfer(TOKEN, PAYER, account(1), paid()).with_result(result))
                    .to_vec()
            },
            says: &[&[FAILED, NOTE_FAILED], &[FAILED, NOTE_FAILED]],
        },
        // Row 5: `result: true` of a broadcast is nowhere read; the transaction behind it failed.
        Row {
            number: 5,
            on: TRON,
            make: |ledger| vec![ledger.failed_transfer(TOKEN, PAYER, account(1), paid(), TronResult::Revert)],
            says: &[&[NOTE_FAILED, NO_LOG]],
        },
        Row {
            number: 6,
            on: BOTH,
            make: |ledger| vec![ledger.tx(PAYER, TOKEN, vec![Log::approval(TOKEN, PAYER, account(1), paid())])],
            says: &[&["note call_without_transfer", NO_LOG]],
        },
        Row {
            number: 7,
            on: BOTH,
            make: |ledger| {
                let net = Log::transfer(TOKEN, PAYER, account(1), TokenAmount::of(6_900_000));
                let fee = Log::transfer(TOKEN, PAYER, account(77), TokenAmount::of(1_000_000));
                vec![ledger.tx(PAYER, TOKEN, vec![net, fee]), ledger.tx(PAYER, FAKE, vec![log(FAKE, account(1))])]
            },
            says: &[&[CREDITED, STRANGER], &[UNLISTED, NO_LISTED]],
        },
        Row {
            number: 8,
            on: BOTH,
            make: |ledger| vec![ledger.transfer(TOKEN, account(2), account(1), TokenAmount::of(0))],
            says: &[&["not_a_deposit zero_value"]],
        },
        Row {
            number: 10,
            on: BOTH,
            make: |ledger| {
                let logs = [
                    Log::four_topics(TOKEN, PAYER, account(1), paid()),
                    Log::short_data(TOKEN, PAYER, account(1), paid(), 31),
                    Log::long_data(TOKEN, PAYER, account(1), paid()),
                    Log::dirty_recipient(TOKEN, PAYER, account(1), paid()),
                    Log { address: TOKEN, topics: vec![TRANSFER_TOPIC], data: paid().to_bytes().to_vec() },
                ];
                vec![ledger.tx(PAYER, TOKEN, logs.to_vec())]
            },
            says: &[&[MALFORMED, MALFORMED, MALFORMED, MALFORMED, MALFORMED]],
        },
        Row {
            number: 11,
            on: TRON,
            make: |ledger| vec![ledger.send_asset("USDT", PAYER, account(1), 7_000_000)],
            says: &[&["note asset_transfer", NO_LOG]],
        },
        Row {
            number: 12,
            on: TRON,
            make: |ledger| {
                let call = |rejected| InternalCall { caller: TOKEN, to: account(1), value: 7_000_000, rejected };
                vec![
                    ledger.tx(PAYER, MIDDLEMAN, vec![]).with_internal(call(true)),
                    ledger.send_trx(PAYER, account(1), 7_000_000),
                ]
            },
            says: &[&["note inner_calls", NO_LOG], &["note native_transfer", NO_LOG]],
        },
        // On EVM there is no such list of inner calls; the network's own coin is no token there either.
        Row {
            number: 12,
            on: &[Family::Evm],
            make: |ledger| vec![ledger.send_trx(PAYER, account(1), 7_000_000)],
            says: &[&["note native_transfer", NO_LOG]],
        },
        Row {
            number: 16,
            on: TRON,
            make: |ledger| {
                let mut word = [0; 32];
                word[11] = 0x41;
                word[12..].copy_from_slice(&account(2).0);
                let input = [[0xa9, 0x05, 0x9c, 0xbb].as_slice(), &word, &paid().to_bytes()].concat();
                vec![
                    ledger.tx(PAYER, TOKEN, vec![Log::tron_padded_recipient(TOKEN, PAYER, account(1), paid())]),
                    ledger.transfer(TOKEN, PAYER, account(1), paid()).with_call_data(input),
                ]
            },
            says: &[&[CREDITED], &[CREDITED]],
        },
        Row {
            number: 17,
            on: BOTH,
            make: |ledger| {
                let logs = vec![
                    Log::approval(TOKEN, PAYER, MIDDLEMAN, paid()),
                    log(TOKEN, account(200)),
                    log(FAKE, account(1)),
                    log(TOKEN, account(2)),
                ];
                vec![ledger.tx(account(56), MIDDLEMAN, logs)]
            },
            says: &[&[STRANGER, UNLISTED, CREDITED]],
        },
        Row {
            number: 18,
            on: BOTH,
            make: |ledger| vec![ledger.tx(PAYER, MIDDLEMAN, vec![log(TOKEN, account(1)); 3])],
            says: &[&[CREDITED, CREDITED, CREDITED]],
        },
        Row {
            number: 19,
            on: BOTH,
            make: |ledger| {
                let own = Log::transfer(TOKEN, account(1), account(1), paid());
                let minted = Log::transfer(TOKEN, Address([0; 20]), account(1), paid());
                vec![ledger.tx(PAYER, TOKEN, vec![own, minted])]
            },
            says: &[&["unmatched self_transfer", CREDITED]],
        },
        Row {
            number: 23,
            on: BOTH,
            make: |ledger| {
                let most = TokenAmount::from_bytes(&[0xff; 32]);
                vec![ledger.transfer(FAKE, PAYER, account(1), most), ledger.transfer(TOKEN, PAYER, account(1), most)]
            },
            says: &[&[UNLISTED, NO_LISTED], &[CREDITED]],
        },
    ]
}

async fn every_row(plan: Plan) {
    let family = plan.family();
    let slug = plan.slug.clone();
    let (mut world, gateway) = World::open([plan]).await;
    for mark in [1, 2, 9] {
        gateway.watch(SHOP, &slug, account(mark)).await;
    }
    let rows: Vec<Row> = rows().into_iter().filter(|row| row.on.contains(&family)).collect();
    let made: Vec<Vec<Tx>> = {
        let mut ledger = world.net().ledger.lock();
        let made: Vec<Vec<Tx>> = rows.iter().map(|row| (row.make)(&mut ledger)).collect();
        ledger.mine(made.concat());
        made
    };
    let last = TokenAmount::of(42_000_000);
    world.net().pay(account(9), 42_000_000);
    world.net().confirm();
    let is_credited = |deposit: &v1::Deposit| {
        deposit.amount == last.to_string()
            && matches!(deposit.state(), DepositState::Confirmed | DepositState::Finalized)
    };
    gateway.deposit("the last payment", is_credited).await;
    let mut wrong = Vec::new();
    for (row, txs) in rows.iter().zip(&made) {
        assert_eq!(txs.len(), row.says.len(), "row {}", row.number);
        for (tx, expected) in txs.iter().zip(row.says) {
            let told = explain(&gateway, world.net(), tx.hash).await;
            assert_eq!(told.block_standing(), v1::BlockStanding::Ours, "row {}", row.number);
            if gist(&told) != *expected {
                wrong.push(format!("row {}: {:?} instead of {expected:?}", row.number, gist(&told)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_the_catalogue_on_tron_says_its_true_reason() {
    every_row(Plan::tron("explain-tron").endpoints(&["only"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_the_catalogue_on_ethereum_says_its_true_reason() {
    every_row(Plan::new("explain-evm")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_14_and_15_a_transaction_says_where_it_stands_before_during_and_after_a_reorg() {
    for plan in [Plan::tron("explain-14"), Plan::new("explain-15").confirmations(8)] {
        let slug = plan.slug.clone();
        let (mut world, gateway) = World::open([plan]).await;
        gateway.watch(SHOP, &slug, account(1)).await;
        let (tx, _) = world.net().pay(account(1), 7_000_000);
        gateway.deposit("detection", |deposit| deposit.state() == DepositState::Detected).await;
        let told = explain(&gateway, world.net(), tx.hash).await;
        let waits = if slug == "explain-14" { "waiting final" } else { "waiting confirmations" };
        assert_eq!(gist(&told), [waits]);
        assert!(!told.transfers[0].missing.is_empty());
        if slug == "explain-15" {
            assert_eq!(told.transfers[0].missing, "7 more confirmations");
            assert!(told.transfers[0].text.starts_with("needs 8 confirmations (rule \"every token from 0\""));
        }

        let fallen = {
            let mut ledger = world.net().ledger.lock();
            let fallen = ledger.rollback(1).unwrap();
            ledger.extend(2);
            fallen
        };
        gateway.deposit("the reorg", |deposit| deposit.state() == DepositState::Orphaned).await;
        let told = explain(&gateway, world.net(), tx.hash).await;
        assert_eq!(gist(&told), ["orphaned orphaned", "note unknown_transaction"]);

        world.net().ledger.lock().mine(fallen);
        world.net().confirm();
        let is_credited = |state| matches!(state, DepositState::Confirmed | DepositState::Finalized);
        gateway.deposit("the credit", |deposit| is_credited(deposit.state())).await;
        let told = explain(&gateway, world.net(), tx.hash).await;
        assert_eq!(gist(&told), [CREDITED], "the same transaction in another block, once");
        assert_eq!(told.transfers[0].deposit.as_ref().map(|deposit| deposit.version), Some(1));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credit_that_was_taken_back_says_so() {
    let (mut world, gateway) = World::open([Plan::new("explain-back")]).await;
    gateway.watch(SHOP, "explain-back", account(1)).await;
    let (tx, _) = world.net().pay(account(1), 7_000_000);
    world.net().confirm();
    gateway.deposit("the credit", |deposit| deposit.state() == DepositState::Confirmed).await;
    world.net().ledger.lock().fork(3, 5, Orphans::Drop).unwrap();
    gateway.deposit("the reorg", |deposit| deposit.state() == DepositState::Orphaned).await;
    assert_eq!(gist(&explain(&gateway, world.net(), tx.hash).await)[0], "reversed reversed");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_09_dust_is_below_the_minimum_and_an_order_takes_what_it_takes() {
    for (slug, family) in [("explain-09", Family::Evm), ("explain-09-tron", Family::Tron)] {
        let plan = if family == Family::Tron { Plan::tron(slug) } else { Plan::new(slug) };
        let (mut world, gateway) = World::open([plan.minimum("1")]).await;
        gateway.watch(SHOP, slug, account(1)).await;
        if family == Family::Evm {
            gateway.register(order("o-1", slug, account(2), 5 * MINIMUM)).await.unwrap();
        }
        let (dust, _) = world.net().pay(account(1), MINIMUM - 1);
        let (enough, _) = world.net().pay(account(1), MINIMUM);
        let (under, _) = world.net().pay(account(2), 4 * MINIMUM);
        let (again, _) = world.net().pay(account(2), 5 * MINIMUM);
        let (last, _) = world.net().pay(account(1), 42 * MINIMUM);
        world.net().confirm();
        let is_last = |deposit: &v1::Deposit| {
            deposit.tx_hash == last.hash.text(family) && deposit.state() != DepositState::Detected
        };
        gateway.deposit("the last payment", is_last).await;
        let mut expected = vec![(dust, "unmatched below_minimum"), (enough, CREDITED)];
        match family {
            Family::Evm => expected.extend([(under, "credited under"), (again, "unmatched duplicate")]),
            Family::Tron => expected.extend([(under, STRANGER), (again, STRANGER)]),
        }
        for (tx, gist_of) in expected {
            assert_eq!(gist(&explain(&gateway, world.net(), tx.hash).await), [gist_of]);
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_13_what_no_block_holds_is_unknown() {
    for plan in [Plan::tron("explain-13"), Plan::new("explain-13-evm")] {
        let (mut world, gateway) = World::open([plan]).await;
        // Made and never included, as a transaction that lacks signatures.
        let tx = world.net().ledger.lock().transfer(TOKEN, PAYER, account(1), paid());
        let told = explain(&gateway, world.net(), tx.hash).await;
        assert_eq!((gist(&told), told.block), (vec!["note unknown_transaction".to_owned()], None));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_20_a_node_of_another_network_is_not_believed() {
    let plans = [Plan::tron("explain-20"), Plan::new("explain-20-evm")];
    for plan in plans.map(|plan| plan.endpoints(&["right", "wrong"]).split()) {
        let slug = plan.slug.clone();
        let mut world = World::of([plan]).await;
        let spec = world.net().ledger.lock().spec().clone();
        let mut testnet = Ledger::new(LedgerSpec { chain_id: spec.chain_id + 1, ..spec });
        testnet.extend(20);
        let coins = testnet.transfer(TOKEN, PAYER, account(1), paid());
        testnet.mine(vec![coins.clone()]);
        *world.net().ledgers[1].lock() = testnet;
        let gateway = world.start().await;
        gateway.create_app(SHOP, &world.merchant.url).await;
        gateway.begun(&slug).await;
        gateway.watch(SHOP, &slug, account(1)).await;
        let told = explain(&gateway, world.net(), coins.hash).await;
        assert_eq!((gist(&told), told.endpoint.as_str()), (vec!["note unknown_transaction".to_owned()], "right"));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_21_a_block_that_a_replica_tells_only_in_part_is_waited_for() {
    let (mut world, gateway) = World::open([Plan::tron("explain-21-part").endpoints(&["only"])]).await;
    gateway.watch(SHOP, "explain-21-part", account(1)).await;
    let tron = TronTrouble { infos: InfoLie::Missing, ..TronTrouble::default() };
    world.net().trouble("only", Trouble { tron, ..Trouble::default() });
    let (tx, height) = world.net().pay(account(1), 7_000_000);
    gateway.state("explain-21-part", v1::NetworkState::Waiting).await;
    let mut missing = String::new();
    // The endpoint rests now and then.
    wait_until("an explanation", async || {
        let told = explain(&gateway, world.net(), tx.hash).await;
        missing = told.transfers.first().map(|one| one.missing.clone()).unwrap_or_default();
        gist(&told) == ["waiting not_read"]
    })
    .await;
    assert_eq!(missing, format!("block {height} to be read"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_21_where_no_node_answers_what_is_recorded_is_told() {
    for plan in [Plan::tron("explain-21").endpoints(&["only"]), Plan::new("explain-21-evm").endpoints(&["only"])] {
        let slug = plan.slug.clone();
        let (mut world, gateway) = World::open([plan]).await;
        gateway.watch(SHOP, &slug, account(1)).await;
        let (tx, _) = world.net().pay(account(1), 7_000_000);
        gateway.deposit("detection", |deposit| deposit.state() == DepositState::Detected).await;
        world.net().trouble("only", Trouble { fail_every: 1, ..Trouble::default() });
        let told = explain(&gateway, world.net(), tx.hash).await;
        assert_eq!(told.endpoint, "");
        let told = gist(&told);
        assert!(told[0].starts_with("waiting ") && told[1] == "note chain_not_asked", "{told:?}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_made_before_its_address_was_registered_says_that_a_back_scan_would_find_it() {
    let (mut world, gateway) = World::open([Plan::new("explain-late")]).await;
    let (tx, height) = world.net().pay(account(1), 7_000_000);
    gateway.read_to("explain-late", height).await;
    assert_eq!(gist(&explain(&gateway, world.net(), tx.hash).await), [STRANGER]);
    gateway.watch(SHOP, "explain-late", account(1)).await;
    let told = explain(&gateway, world.net(), tx.hash).await;
    assert_eq!(gist(&told), ["not_a_deposit registered_later"]);
    assert!(told.transfers[0].text.contains("a back-scan would find it"), "{}", told.transfers[0].text);
    assert_eq!(told.transfers[0].verdict(), Verdict::NotADeposit);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_tells_it_to_people_and_to_programs() {
    let (mut world, gateway) = World::open([Plan::new("explain-cli").confirmations(20)]).await;
    gateway.watch(SHOP, "explain-cli", account(1)).await;
    let (tx, _) = world.net().pay(account(1), 7_000_000);
    gateway.deposit("detection", |deposit| deposit.state() == DepositState::Detected).await;
    world.net().mine(11);
    gateway.read_to("explain-cli", world.net().head()).await;
    let server = format!("unix:{}", world.socket().display());
    let hash = tx.hash.to_string();
    let said = |form: Option<&'static str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_depositd"));
        command.args(["deposit", "explain", "explain-cli", &hash, "--server", &server]).args(form);
        async move {
            let done = spawn_blocking(move || command.output()).await.unwrap().unwrap();
            assert!(done.status.success(), "{done:?}");
            String::from_utf8(done.stdout).unwrap()
        }
    };
    let text = said(None).await;
    assert!(text.contains("needs 20 confirmations (rule \"every token from 0\""), "{text}");
    assert!(text.contains("), has 12"), "{text}");
    assert!(text.contains("still missing: 8 more confirmations"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&said(Some("--json")).await).unwrap();
    assert_eq!(json["transfers"][0]["verdict"], "VERDICT_WAITING");
    assert_eq!(json["transfers"][0]["reason"], "confirmations");
    assert_eq!(json["transfers"][0]["deposit"]["state"], "DEPOSIT_STATE_DETECTED");
    world.stop().await;
}
