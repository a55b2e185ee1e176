//! One of two endpoints lies: nothing is missed, nothing false is credited, and the doubt has the liar's name on it.

use depositd::{
    api::proto::v1::NetworkState,
    devnet::{Failure, Garble, Hidden, Trouble},
    domain::TokenAmount,
};

use crate::harness::{PAYER, Plan, SHOP, TOKEN, World, account, counted, day, wait_until};

/// When the liar begins.
#[derive(Clone, Copy, PartialEq)]
enum From {
    /// Before the daemon is started.
    TheStart,
    /// When everything is registered.
    TheMorning,
}

/// Plays a day on two networks, in one of which the liar is asked first, in the other last.
async fn a_day_with(name: &str, begins: From, trouble: Trouble, kind: Option<&str>) {
    let (first, last) = (format!("{name}-first"), format!("{name}-last"));
    let plans = [Plan::new(&first).endpoints(&["liar", "honest"]), Plan::new(&last).endpoints(&["honest", "liar"])];
    let mut world = World::of(plans).await;
    let lie = |world: &World| world.nets.iter().for_each(|net| net.trouble("liar", trouble.clone()));
    if begins == From::TheStart {
        lie(&world);
    }
    let gateway = world.start().await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    let mut watched = Vec::new();
    for slug in [&first, &last] {
        gateway.begun(slug).await;
        watched.push(day::watch(&gateway, slug).await);
    }
    if begins == From::TheMorning {
        lie(&world);
    }

    day::play(&world.nets).await;
    world.balanced(&watched).await;

    let books = world.books();
    assert_eq!(books.standing().len(), 2 * day::PAYMENTS);
    assert_eq!(books.count("deposit.confirmed"), 2 * day::PAYMENTS, "each payment is told once");
    assert_eq!(books.count("deposit.reversed"), 0, "nothing false was credited");
    for slug in [&first, &last] {
        let doubts = |source, kind| {
            counted("depositd_source_doubts_total", &[("network", slug), ("source", source), ("kind", kind)])
        };
        if let Some(kind) = kind {
            assert!(doubts("liar", kind) > 0, "{slug}: no {kind} of the liar");
        }
        for lie in
            ["omitted_logs", "empty_against_bloom", "foreign_log", "malformed", "other_chain", "lagging", "throttled"]
        {
            assert_eq!(doubts("honest", lie), 0, "{slug}: {lie} is blamed on the honest endpoint");
        }
    }
    world.stop().await;
}

fn failing(failure: Failure) -> Trouble {
    Trouble { fail_every: 1, failure: Some(failure), ..Trouble::default() }
}

fn garbled(garble: Garble) -> Trouble {
    Trouble { garble, ..Trouble::default() }
}

macro_rules! liars {
    ($($name:ident: $begins:expr, $trouble:expr => $kind:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            a_day_with(&stringify!($name).replace('_', "-"), $begins, $trouble, $kind).await;
        }
    )*};
}

liars! {
    empty_logs: From::TheMorning, Trouble { hidden_logs: Hidden::All, ..Trouble::default() } => Some("empty_against_bloom");
    one_log_missing: From::TheMorning, Trouble { hidden_logs: Hidden::Nth(1), ..Trouble::default() } => Some("omitted_logs");
    logs_of_another_block: From::TheMorning, Trouble { foreign_logs: true, ..Trouble::default() } => Some("foreign_log");
    // Byte-identical doubles are no lie: they are dropped.
    every_log_twice: From::TheMorning, Trouble { duplicate_logs: true, ..Trouble::default() } => None;
    a_frozen_head: From::TheMorning, Trouble { frozen_at: Some(20), ..Trouble::default() } => Some("lagging");
    far_behind: From::TheMorning, Trouble { lag_blocks: 9, ..Trouble::default() } => Some("lagging");
    a_little_behind: From::TheMorning, Trouble { lag_blocks: 2, ..Trouble::default() } => Some("missing");
    another_chain_id: From::TheStart, Trouble { chain_id: Some(1), ..Trouble::default() } => Some("other_chain");
    another_genesis: From::TheStart, Trouble { genesis: Some("ab".repeat(32)), ..Trouble::default() } => Some("other_chain");
    json_cut_in_half: From::TheMorning, garbled(Garble::CutJson) => Some("malformed");
    html: From::TheMorning, garbled(Garble::Html) => Some("malformed");
    answers_to_other_ids: From::TheMorning, garbled(Garble::WrongId) => Some("malformed");
    too_many_requests: From::TheMorning, failing(Failure::Throttled { retry_after_s: None }) => Some("throttled");
    retry_after_a_second: From::TheMorning, failing(Failure::Throttled { retry_after_s: Some(1) }) => Some("throttled");
    every_request_500: From::TheMorning, failing(Failure::Http(500)) => Some("throttled");
    every_request_refused: From::TheMorning, failing(Failure::Rpc { code: -32000, message: "internal error".to_owned() }) => Some("refused");
    never_an_answer: From::TheMorning, Trouble { stall: true, ..Trouble::default() } => Some("transport");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_endpoint_that_omits_everything_stops_the_cursor_and_loses_nothing() {
    let (mut world, gateway) = World::open([Plan::new("alone").endpoints(&["only"])]).await;
    let watched = day::watch(&gateway, "alone").await;
    let net = world.net();
    let before = net.head();
    gateway.read_to("alone", before).await;
    net.trouble("only", Trouble { hidden_logs: Hidden::All, ..Trouble::default() });
    let (_, paid_in) = net.pay(account(0), 5_000_000);
    net.mine(5);

    let why = gateway.state("alone", NetworkState::Waiting).await;
    assert!(why.contains("bloom"), "{why}");
    // It is asked again and again, and still nothing moves.
    let asked = net.nodes[0].trouble.calls("eth_getLogs");
    wait_until("another try", async || net.nodes[0].trouble.calls("eth_getLogs") > asked).await;
    assert!(gateway.cursor("alone").await.is_some_and(|cursor| cursor < paid_in), "an unproved block was passed");
    assert!(world.merchant.received().is_empty());
    assert!(
        counted(
            "depositd_source_doubts_total",
            &[("network", "alone"), ("source", "only"), ("kind", "empty_against_bloom")]
        ) > 0
    );

    net.heal();
    world.balanced(&[watched]).await;
    assert_eq!(world.books().versions(), [(1, "deposit.confirmed".to_owned())]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn liars_are_found_out_in_old_blocks_too() {
    let lies = [
        ("old-all", Trouble { hidden_logs: Hidden::All, ..Trouble::default() }, "empty_against_bloom"),
        ("old-one", Trouble { hidden_logs: Hidden::Nth(1), ..Trouble::default() }, "omitted_logs"),
        ("old-foreign", Trouble { foreign_logs: true, ..Trouble::default() }, "foreign_log"),
    ];
    let (mut world, gateway) =
        World::open(lies.each_ref().map(|(slug, ..)| Plan::new(slug).endpoints(&["liar", "honest"]))).await;
    let mut watched = Vec::new();
    for (slug, ..) in &lies {
        watched.push(day::watch(&gateway, slug).await);
    }
    world.stop().await;
    // Long ago by the time the daemon is back: read by range, far below what is final.
    for (net, (_, trouble, _)) in world.nets.iter().zip(&lies) {
        for number in 0..day::BLOCKS {
            day::block(net, number);
        }
        net.mine(80);
        net.trouble("liar", trouble.clone());
    }
    world.start().await;
    world.balanced(&watched).await;
    assert_eq!(world.books().count("deposit.confirmed"), lies.len() * day::PAYMENTS);
    for (slug, _, kind) in &lies {
        let labels = [("network", *slug), ("source", "liar"), ("kind", *kind)];
        assert!(counted("depositd_source_doubts_total", &labels) > 0, "{slug}: no {kind} of the liar");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_endpoints_on_two_branches_are_waited_for() {
    let (mut world, gateway) = World::open([Plan::new("split").split()]).await;
    let watched = [(account(1), gateway.watch(SHOP, "split", account(1)).await)].into();
    let net = world.net();
    let before = net.head();
    gateway.read_to("split", before).await;
    // Neither may be believed about the blocks above.
    net.ledgers[1].lock().diverge(7);
    net.pay(account(1), 1_000_000);
    net.mine(5);
    net.ledgers[1].lock().extend(6);
    let why = gateway.state("split", NetworkState::Waiting).await;
    assert!(why.contains("disagree"), "{why}");
    let asked = net.nodes[1].trouble.requests();
    wait_until("further questions", async || net.nodes[1].trouble.requests() > asked + 5).await;
    assert_eq!(gateway.cursor("split").await, Some(before), "one of two branches was taken");
    assert!(world.merchant.received().is_empty());

    let right = net.ledger.lock().clone();
    *net.ledgers[1].lock() = right;
    world.balanced(&[watched]).await;
    world.stop().await;
}

/// One endpoint runs `ahead` blocks ahead of the real chain, on a branch with a payment that nobody made.
async fn an_inventor(slug: &str, setting: &str, ahead: u64, endpoints: [&'static str; 2]) {
    let plan = Plan::new(slug).endpoints(&endpoints).split().with(setting);
    let (mut world, gateway) = World::open([plan]).await;
    let watched = [(account(1), gateway.watch(SHOP, slug, account(1)).await)].into();
    let net = world.net();
    let place = |name| endpoints.iter().position(|endpoint| *endpoint == name).unwrap();
    let (honest, liar) = (&net.ledgers[place("honest")], &net.ledgers[place("liar")]);
    let node = &net.nodes[place("liar")];
    // Both were seen to move.
    let height = honest.lock().extend(2).height.0;
    liar.lock().extend(2);
    gateway.read_to(slug, height).await;
    {
        let mut invented = liar.lock();
        invented.diverge(7);
        let payment = invented.transfer(TOKEN, PAYER, account(1), TokenAmount::of(9_000_000));
        invented.mine(vec![payment]);
        invented.extend(ahead - 1);
    }
    let asked = node.trouble.requests();
    wait_until("the liar to be heard", async || node.trouble.requests() > asked + 20).await;
    assert!(world.merchant.received().is_empty(), "an invented payment was credited");

    // The real chain grows past it, and the liar is put right.
    {
        let mut real = honest.lock();
        let payment = real.transfer(TOKEN, PAYER, account(1), TokenAmount::of(1_000_000));
        real.mine(vec![payment]);
        real.extend(ahead + 3);
    }
    let asked = node.trouble.requests();
    wait_until("the liar to be heard again", async || node.trouble.requests() > asked + 10).await;
    assert!(world.merchant.received().is_empty(), "an invented payment was credited");
    let right = honest.lock().clone();
    *liar.lock() = right;
    world.balanced(&[watched]).await;
    assert_eq!(world.books().versions(), [(1, "deposit.confirmed".to_owned())]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_invented_blocks_credit_nothing() {
    an_inventor("invents-5", "", 5, ["honest", "liar"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_blocks_invented_by_the_endpoint_asked_first_credit_nothing() {
    an_inventor("invents-12", "", 12, ["liar", "honest"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invented_blocks_credit_nothing_where_a_second_source_must_agree() {
    an_inventor("invents-9", "second_source = true", 9, ["honest", "liar"]).await;
}
