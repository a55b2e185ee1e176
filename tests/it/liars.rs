//! One of two endpoints lies: nothing is missed, nothing false is credited, and the doubt has the liar's name on it.

use depositd::{
    api::proto::v1::NetworkState,
    devnet::{Failure, Garble, Hidden, Trouble},
};

use crate::harness::{Plan, SHOP, World, account, counted, day};

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
    crate::harness::wait_until("another try", async || net.nodes[0].trouble.calls("eth_getLogs") > asked).await;
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
