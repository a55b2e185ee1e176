//! The stored deposits against the chain: nothing is found on honest days, and every planted difference is.

use std::{fs, path::Path, process::ExitCode};

use clap::Parser;
use depositd::{
    api::proto::v1::{
        self, BalanceKind, DepositState, DifferenceKind, reconcile_response::News,
        reconcile_service_client::ReconcileServiceClient,
    },
    cli::{Cli, dispatch},
    devnet::{Hidden, Trouble},
    domain::{Cursor, Deposit, Header, NetworkId, TokenAmount, TxHash},
    store::{Store, StoreOptions},
    tracker::{Change, Changeset},
};
use tonic::{Code, Status};

use crate::harness::{
    PAYER, Plan, SHOP, TOKEN, World, account, counted, day,
    gateway::{Gateway, code},
    wait_until,
};

/// What one comparison told.
#[derive(Debug, Default)]
struct Outcome {
    differences: Vec<v1::Difference>,
    balances: Vec<v1::BalanceCheck>,
    summary: v1::ReconcileSummary,
}

impl Outcome {
    fn kinds(&self) -> Vec<DifferenceKind> {
        self.differences.iter().map(v1::Difference::kind).collect()
    }
}

async fn reconcile(gateway: &Gateway, request: v1::ReconcileRequest) -> Result<Outcome, Status> {
    let mut client = ReconcileServiceClient::new(gateway.channel.clone());
    let mut told = client.reconcile(request).await?.into_inner();
    let mut outcome = Outcome::default();
    while let Some(news) = told.message().await? {
        match news.news.expect("news hold something") {
            News::Progress(at) => assert!(at.blocks_done <= at.blocks_total, "{at:?}"),
            News::Difference(difference) => outcome.differences.push(difference),
            News::Balance(balance) => outcome.balances.push(balance),
            News::Summary(summary) => outcome.summary = summary,
        }
    }
    let told = outcome.differences.len() + outcome.balances.len();
    assert!(outcome.summary.differences <= told as u64, "{outcome:?}");
    Ok(outcome)
}

fn range(slug: &str, to: u64) -> v1::ReconcileRequest {
    v1::ReconcileRequest { network: slug.to_owned(), from_height: 1, to_height: to, ..Default::default() }
}

/// Mines until everything up to now is final and read; the last height of that.
async fn settled(world: &World, gateway: &Gateway) -> u64 {
    let (net, slug) = (world.net(), &world.net().plan.slug);
    let last = net.head();
    let head = net.mine(70);
    gateway.read_to(slug, head).await;
    let final_height = async || gateway.network(slug).await.final_height;
    wait_until("finality", async || final_height().await.is_some_and(|height| height >= last)).await;
    last
}

fn options(world: &World) -> StoreOptions {
    let dir = world.dir.path();
    StoreOptions { dir: dir.join("store"), witness: dir.join("witness"), cache_bytes: 1 << 24 }
}

/// Writes rows into the store of a daemon that does not run.
fn plant(world: &World, changes: Vec<Change>) {
    let mut store = Store::open(&options(world), |_| ()).expect("nobody else has it open");
    store.stage(&Changeset { changes, events: Vec::new() }).unwrap();
    store.commit().unwrap();
}

fn stored(world: &World, id: &str) -> Deposit {
    let store = Store::open(&options(world), |_| ()).expect("nobody else has it open");
    store.reader().deposit(id).unwrap().expect("a stored deposit")
}

/// The command, on this world's socket.
async fn command(world: &World, words: &[&str]) -> ExitCode {
    let server = format!("unix:{}", world.socket().display());
    let line = ["depositd", "reconcile", "--server", &server].into_iter().chain(words.iter().copied());
    Box::pin(dispatch(Cli::parse_from(line))).await
}

async fn finds_nothing_on_an_honest_day(plan: Plan) {
    let slug = plan.slug.clone();
    let (mut world, gateway) = World::open([plan]).await;
    let watched = day::watch(&gateway, &slug).await;
    day::play(&world.nets).await;
    world.balanced(&[watched]).await;
    let to = settled(&world, &gateway).await;
    for endpoint in ["", "first", "second"] {
        let wish = v1::ReconcileRequest { endpoint: endpoint.to_owned(), balances: true, ..range(&slug, to) };
        let wish = v1::ReconcileRequest { nothing_flows_out: true, ..wish };
        let Outcome { differences, balances, summary } = reconcile(&gateway, wish).await.unwrap();
        assert_eq!((differences, balances, summary.differences), (vec![], vec![], 0));
        assert_eq!(summary.endpoint, if endpoint.is_empty() { "second" } else { endpoint });
        let payments = u64::try_from(day::PAYMENTS).unwrap();
        assert_eq!((summary.blocks, summary.transfers_on_chain, summary.transfers_in_store), (to, payments, payments));
        assert_eq!((summary.balances, summary.sums.len(), &summary.sums[0].chain), (5, 1, &summary.sums[0].store));
        assert_ne!(summary.sums[0].chain, "0");
    }
    assert_eq!(counted("depositd_reconcile_differences", &[("network", &slug)]), 0);
    let to = to.to_string();
    let exit = command(&world, &[&slug, "--from", "1", "--to", &to, "--balances"]).await;
    assert_eq!(exit, ExitCode::SUCCESS);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_found_on_an_honest_day_of_ethereum() {
    finds_nothing_on_an_honest_day(Plan::new("honest-evm")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_found_on_an_honest_day_of_tron() {
    finds_nothing_on_an_honest_day(Plan::tron("honest-tron")).await;
}

/// Five payments, final and credited, in the order of their amounts.
async fn five_payments(world: &World, gateway: &Gateway) -> (Vec<v1::Deposit>, u64) {
    gateway.watch(SHOP, &world.net().plan.slug, account(1)).await;
    for amount in 1..=5 {
        world.net().pay(account(1), amount * 1_000_000);
    }
    let to = settled(world, gateway).await;
    wait_until("five final deposits", async || {
        let deposits = gateway.deposits().await;
        deposits.len() == 5 && deposits.iter().all(|deposit| deposit.state() == DepositState::Finalized)
    })
    .await;
    (gateway.deposits().await, to)
}

async fn finds_what_was_planted(plan: Plan) {
    let slug = plan.slug.clone();
    let (mut world, gateway) = World::open([plan]).await;
    let (deposits, to) = five_payments(&world, &gateway).await;
    world.stop().await;
    let rows: Vec<Deposit> = deposits.iter().map(|deposit| stored(&world, &deposit.deposit_id)).collect();
    let mut planted = rows.clone();
    planted[0].amount = TokenAmount::of(999);
    planted[1].from = account(77);
    planted[2].included_at.hash.0[31] ^= 1;
    planted[3].state = depositd::domain::DepositState::Orphaned;
    planted[4].id.tx = TxHash([9; 32]);
    plant(&world, planted.iter().cloned().map(Change::Deposit).collect());

    let gateway = world.start().await;
    let outcome = reconcile(&gateway, range(&slug, to)).await.unwrap();
    let expected = [
        DifferenceKind::Amount,
        DifferenceKind::Parties,
        DifferenceKind::Block,
        DifferenceKind::State,
        DifferenceKind::NotOnChain,
    ];
    assert_eq!(outcome.kinds(), expected);
    assert_eq!((outcome.summary.transfers_on_chain, outcome.summary.differences), (5, 5));
    let amount = &outcome.differences[0];
    let side = |side: &Option<v1::TransferSide>| side.as_ref().map(|side| side.amount.clone()).unwrap_or_default();
    assert_eq!((side(&amount.chain), side(&amount.store)), ("1000000".to_owned(), "999".to_owned()));
    assert_eq!((&amount.deposit_id, amount.store_state.as_str()), (&deposits[0].deposit_id, "finalized"));
    let gone = &outcome.differences[4];
    assert_eq!((&gone.chain, side(&gone.store)), (&None, "5000000".to_owned()));
    // The sum of the chain, and that of the rows as they were planted.
    let sums = &outcome.summary.sums[0];
    let stored = 999 + 2_000_000 + 3_000_000 + 5_000_000 + 5_000_000;
    assert_eq!((sums.chain.as_str(), sums.store.as_str()), ("15000000", stored.to_string().as_str()));
    assert_eq!(counted("depositd_reconcile_differences", &[("network", &slug)]), 5);
    let to = to.to_string();
    assert_eq!(command(&world, &[&slug, "--from", "1", "--to", &to]).await, ExitCode::from(1));
    // A range that ends below them is not concerned.
    assert_eq!(command(&world, &[&slug, "--from", "1", "--to", "20"]).await, ExitCode::SUCCESS);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_differences_are_found_on_ethereum() {
    finds_what_was_planted(Plan::new("planted-evm")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_differences_are_found_on_tron() {
    finds_what_was_planted(Plan::tron("planted-tron")).await;
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

/// A store from before a payment, made to say that everything up to now was read: the row is gone, and nothing that the
/// store knows of itself shows it.
async fn finds_a_row_that_was_removed(plan: Plan) {
    let slug = plan.slug.clone();
    let (mut world, gateway) = World::open([plan]).await;
    gateway.watch(SHOP, &slug, account(1)).await;
    world.net().pay(account(1), 1_000_000);
    let old = settled(&world, &gateway).await;
    let known = gateway.deposits().await;
    world.stop().await;
    let dir = world.dir.path().to_owned();
    for part in ["store", "witness"] {
        copy(&dir.join(part), &dir.join("older").join(part));
    }

    let gateway = world.start().await;
    let (_, height) = world.net().pay(account(1), 2_000_000);
    let to = settled(&world, &gateway).await;
    gateway.deposit("the second payment", |deposit| deposit.amount == "2000000").await;
    assert_eq!(reconcile(&gateway, range(&slug, to)).await.unwrap().summary.differences, 0);
    world.stop().await;

    fs::remove_dir_all(dir.join("store")).unwrap();
    fs::remove_file(dir.join("witness")).unwrap();
    for part in ["store", "witness"] {
        copy(&dir.join("older").join(part), &dir.join(part));
    }
    skip_to_the_head(&world, &slug);
    let gateway = world.start().await;
    assert_eq!(gateway.deposits().await.len(), known.len(), "the row is not there");

    let outcome = reconcile(&gateway, range(&slug, to)).await.unwrap();
    assert_eq!(outcome.kinds(), [DifferenceKind::MissingInStore]);
    let missing = &outcome.differences[0];
    assert_eq!((&missing.store, missing.store_state.as_str()), (&None, ""));
    let chain = missing.chain.as_ref().unwrap();
    assert_eq!((chain.block.as_ref().unwrap().height, chain.amount.as_str()), (height, "2000000"));
    assert_eq!((outcome.summary.transfers_on_chain, outcome.summary.transfers_in_store), (2, 1));
    let wish = v1::ReconcileRequest { balances: true, ..range(&slug, to) };
    let weighed = reconcile(&gateway, wish).await.unwrap();
    assert_eq!(weighed.balances[0].kind(), BalanceKind::Unexplained);
    assert_eq!((weighed.balances[0].balance.as_str(), weighed.summary.differences), ("3000000", 2));
    let (old, to) = (old.to_string(), to.to_string());
    assert_eq!(command(&world, &[&slug, "--from", "1", "--to", &to, "--json"]).await, ExitCode::from(1));
    assert_eq!(command(&world, &[&slug, "--from", "1", "--to", &old]).await, ExitCode::SUCCESS);
    world.stop().await;
}

/// Moves the cursor of a stopped daemon's store to the head, without looking at what lies between.
fn skip_to_the_head(world: &World, slug: &str) {
    let network: NetworkId = slug.parse().unwrap();
    let store = Store::open(&options(world), |_| ()).unwrap();
    let before = store.reader().cursor(&network).unwrap().unwrap();
    drop(store);
    let ledger = world.net().ledger.lock();
    let head = ledger.head();
    let mut changes: Vec<Change> = ledger
        .range(before.tip.height.next(), head.at.height)
        .iter()
        .map(|block| Header { at: block.at, parent: block.parent, time: block.timestamp })
        .map(|header| Change::Header(network.clone(), header))
        .collect();
    assert!(changes.len() > 70);
    let cursor = Cursor {
        tip: head.at,
        tip_time: head.timestamp,
        peak: head.at.height,
        finalized: Some(ledger.finalized().at),
        take_back_above: None,
    };
    changes.push(Change::Cursor(network, cursor));
    plant(world, changes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_row_is_found_on_ethereum() {
    finds_a_row_that_was_removed(Plan::new("removed-evm")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_row_is_found_on_tron() {
    finds_a_row_that_was_removed(Plan::tron("removed-tron")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn balances_tell_what_came_unseen_and_what_went() {
    let (mut world, gateway) = World::open([Plan::new("weighed")]).await;
    // Paid before anybody watched.
    world.net().pay(account(2), 500_000);
    let head = world.net().head();
    gateway.read_to("weighed", head).await;
    gateway.watch(SHOP, "weighed", account(1)).await;
    gateway.watch(SHOP, "weighed", account(2)).await;
    world.net().pay(account(1), 1_000_000);
    world.net().pay(account(2), 2_000_000);
    let to = settled(&world, &gateway).await;
    {
        let mut ledger = world.net().ledger.lock();
        let out = ledger.transfer(TOKEN, account(1), PAYER, TokenAmount::of(300_000));
        ledger.mine(vec![out]);
    }
    let wish = v1::ReconcileRequest { balances: true, ..range("weighed", to) };
    let outcome = reconcile(&gateway, wish.clone()).await.unwrap();
    assert_eq!((outcome.differences.len(), outcome.summary.not_covered), (0, 1));
    let mut found: Vec<_> =
        outcome.balances.iter().map(|b| (b.kind(), b.balance.as_str(), b.deposited.as_str())).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [(BalanceKind::Unexplained, "2500000", "2000000"), (BalanceKind::FlowedOut, "700000", "1000000")]
    );
    assert_eq!(outcome.summary.differences, 1, "money may flow out");
    let one = v1::ReconcileRequest {
        addresses: vec![account(1).text(depositd::domain::Family::Evm)],
        nothing_flows_out: true,
        ..range("weighed", to)
    };
    let outcome = reconcile(&gateway, one).await.unwrap();
    assert_eq!((outcome.balances.len(), outcome.summary.differences, outcome.summary.balances), (1, 1, 1));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_compared_is_refused_and_doubt_is_no_difference() {
    let (mut world, gateway) = World::open([Plan::new("refused-range")]).await;
    gateway.watch(SHOP, "refused-range", account(1)).await;
    world.net().pay(account(1), 1_000_000);
    let to = settled(&world, &gateway).await;
    let head = world.net().head();
    let ask = async |change: &dyn Fn(&mut v1::ReconcileRequest)| {
        let mut request = range("refused-range", to);
        change(&mut request);
        code(reconcile(&gateway, request).await)
    };
    assert_eq!(ask(&|wish| wish.to_height = head).await, Code::FailedPrecondition);
    assert_eq!(ask(&|wish| wish.network = "elsewhere".to_owned()).await, Code::InvalidArgument);
    assert_eq!(ask(&|wish| wish.endpoint = "third".to_owned()).await, Code::InvalidArgument);
    assert_eq!(ask(&|wish| wish.from_height = to + 1).await, Code::InvalidArgument);
    assert_eq!(ask(&|wish| wish.addresses = vec!["nonsense".to_owned()]).await, Code::InvalidArgument);
    let exit = command(&world, &["refused-range", "--from", "1", "--to", &head.to_string()]).await;
    assert_eq!(exit, ExitCode::from(4));

    // One at a time, until it is done or called off.
    world.net().trouble("second", Trouble { stall: true, ..Trouble::default() });
    let mut client = ReconcileServiceClient::new(gateway.channel.clone());
    let waiting = client.reconcile(range("refused-range", to)).await.unwrap();
    assert_eq!(ask(&|wish| wish.endpoint = "first".to_owned()).await, Code::ResourceExhausted);
    drop(waiting);
    let first = v1::ReconcileRequest { endpoint: "first".to_owned(), ..range("refused-range", to) };
    wait_until(
        "its place to be free",
        async || matches!(reconcile(&gateway, first.clone()).await, Ok(outcome) if outcome.summary.differences == 0),
    )
    .await;

    // An endpoint that leaves out logs is in doubt: the stored deposits are not called wrong.
    world.net().trouble("second", Trouble { hidden_logs: Hidden::All, ..Trouble::default() });
    assert_eq!(ask(&|_| ()).await, Code::Unavailable);
    assert_eq!(reconcile(&gateway, first).await.unwrap().summary.differences, 0);
    world.net().heal();
    assert_eq!(reconcile(&gateway, range("refused-range", to)).await.unwrap().summary.differences, 0);
    world.stop().await;
}
