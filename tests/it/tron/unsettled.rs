//! Lies that cannot be settled at once: two endpoints of which each could be right, or one endpoint alone. Nothing is
//! credited before they end, and nothing is lost by the waiting.

use depositd::{
    api::proto::v1::NetworkState,
    devnet::{BlockLie, Failure, Garble, Inflated, InfoLie, TronRefusal, TronTrouble, Trouble},
};

use crate::harness::{Plan, SHOP, World, account, counted, wait_until};

fn tron(tron: TronTrouble) -> Trouble {
    Trouble { tron, ..Trouble::default() }
}

fn inflated(inflated: Inflated) -> Trouble {
    tron(TronTrouble { inflated, ..TronTrouble::default() })
}

/// Answers everything but where a transaction is.
fn denies() -> Trouble {
    Trouble {
        fail_every: 1,
        failure: Some(Failure::Tron(TronRefusal::EmptyObject)),
        only_methods: vec!["walletsolidity/gettransactioninfobyid".to_owned()],
        ..Trouble::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_word_against_another_credits_nothing() {
    let lies = [
        ("by-block", inflated(Inflated::ByBlock)),
        ("by-id", inflated(Inflated::ById)),
        ("everywhere", inflated(Inflated::Everywhere)),
        ("denied", denies()),
    ];
    let mut plans = Vec::new();
    for (name, _) in &lies {
        for (place, endpoints) in [("first", ["liar", "honest"]), ("second", ["honest", "liar"])] {
            plans.push(Plan::tron(&format!("{name}-{place}")).endpoints(&endpoints));
        }
    }
    let (mut world, gateway) = World::open(plans).await;
    let mut watched = Vec::new();
    for (net, (_, lie)) in world.nets.iter().zip(lies.iter().flat_map(|lie| [lie, lie])) {
        watched.push([(account(1), gateway.watch(SHOP, &net.plan.slug, account(1)).await)].into());
        gateway.read_to(&net.plan.slug, net.head()).await;
        net.trouble("liar", lie.clone());
        net.pay(account(1), 7_000_000);
        net.confirm();
    }
    for net in &world.nets {
        let node = &net.node("liar").trouble;
        let asked = || {
            let disagreed =
                counted("depositd_source_doubts_total", &[("network", &net.plan.slug), ("kind", "disagreement")]);
            disagreed + node.calls("walletsolidity/gettransactioninfobyid")
        };
        wait_until(&format!("{}: the lie to be heard twice", net.plan.slug), async || asked() >= 2).await;
    }
    assert!(world.merchant.received().is_empty(), "credited on one of two words");
    world.nets.iter().for_each(|net| net.heal());
    // A credit that was contradicted is looked at again with the next block.
    for net in &world.nets {
        net.mine(1);
    }
    world.balanced(&watched).await;
    assert_eq!(world.books().count("deposit.confirmed"), world.nets.len());
    assert_eq!(world.books().count("deposit.reversed"), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_endpoints_the_one_with_larger_amounts_is_outvoted() {
    let endpoints = [["liar", "one", "two"], ["one", "liar", "two"]];
    let plans = endpoints.iter().zip(["outvoted-first", "outvoted-second"]);
    let (mut world, gateway) = World::open(plans.map(|(names, slug)| Plan::tron(slug).endpoints(names))).await;
    let mut watched = Vec::new();
    for net in &world.nets {
        watched.push([(account(1), gateway.watch(SHOP, &net.plan.slug, account(1)).await)].into());
        gateway.read_to(&net.plan.slug, net.head()).await;
        net.trouble("liar", inflated(Inflated::ByBlock));
        net.pay(account(1), 7_000_000);
        net.confirm();
    }
    world.balanced(&watched).await;
    for net in &world.nets {
        let labels = [("network", net.plan.slug.as_str()), ("source", "liar"), ("kind", "foreign_log")];
        assert!(counted("depositd_source_doubts_total", &labels) > 0, "{}", net.plan.slug);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_endpoint_that_lies_for_a_while_is_waited_for_and_loses_nothing() {
    let infos = |infos| tron(TronTrouble { infos, ..TronTrouble::default() });
    let blocks = |blocks| tron(TronTrouble { blocks, ..TronTrouble::default() });
    let refusing = |refusal| Trouble { fail_every: 1, failure: Some(Failure::Tron(refusal)), ..Trouble::default() };
    let lies = [
        ("alone-partial", infos(InfoLie::Partial)),
        ("alone-missing", infos(InfoLie::Missing)),
        ("alone-branch", infos(InfoLie::OtherBranch)),
        ("alone-stripped", blocks(BlockLie::Stripped)),
        ("alone-tampered", blocks(BlockLie::TamperedTx)),
        ("alone-empty", refusing(TronRefusal::EmptyObject)),
        ("alone-list", refusing(TronRefusal::EmptyList)),
        ("alone-lite", refusing(TronRefusal::LiteNode)),
        ("alone-overloaded", refusing(TronRefusal::Overloaded)),
        ("alone-cut", Trouble { garble: Garble::CutJson, ..Trouble::default() }),
        ("alone-hangs", Trouble { stall: true, ..Trouble::default() }),
    ];
    let plans = lies.iter().map(|(slug, _)| Plan::tron(slug).endpoints(&["only"]));
    let (mut world, gateway) = World::open(plans).await;
    let mut watched = Vec::new();
    let mut paid_in = Vec::new();
    for (net, (slug, lie)) in world.nets.iter().zip(&lies) {
        watched.push([(account(1), gateway.watch(SHOP, slug, account(1)).await)].into());
        gateway.read_to(slug, net.head()).await;
        net.trouble("only", lie.clone());
        paid_in.push(net.pay(account(1), 5_000_000).1);
        net.confirm();
    }
    for (slug, _) in &lies {
        gateway.state(slug, NetworkState::Waiting).await;
    }
    for ((slug, _), paid_in) in lies.iter().zip(paid_in) {
        assert!(gateway.cursor(slug).await.is_some_and(|cursor| cursor < paid_in), "{slug} passed an unproved block");
    }
    assert!(world.merchant.received().is_empty());

    world.nets.iter().for_each(|net| net.heal());
    world.balanced(&watched).await;
    assert_eq!(world.books().count("deposit.confirmed"), lies.len());
    world.stop().await;
}
