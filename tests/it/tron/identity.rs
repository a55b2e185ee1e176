//! Endpoints of another chain are refused: at the start, and when they change while the daemon runs.

use depositd::{
    api::proto::v1::NetworkState,
    devnet::{Faces, Ledger, LedgerSpec, TronTrouble, Trouble},
    domain::TokenAmount,
};

use crate::harness::{PAYER, Plan, SHOP, TOKEN, World, account, counted, process::refusal, wait_until};

/// An id that block 0 of some other chain may have.
fn other_id() -> String {
    "00".repeat(8) + &"ab".repeat(24)
}

fn genesis(genesis_on: Faces) -> Trouble {
    let tron = TronTrouble { genesis_on, ..TronTrouble::default() };
    Trouble { genesis: Some(other_id()), tron, ..Trouble::default() }
}

/// A test network: the same token, the same payments, another genesis.
fn testnet() -> Ledger {
    let tron = LedgerSpec::tron();
    let mut ledger = Ledger::new(LedgerSpec { chain_id: tron.chain_id + 1, ..tron });
    ledger.extend(20);
    ledger
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_none_of_whose_endpoints_serves_the_configured_chain_is_refused() {
    let mut world = World::of([Plan::tron("foreign").two_ports()]).await;
    for faces in [Faces::Both, Faces::Full, Faces::Solid] {
        ["first", "second"].iter().for_each(|name| world.net().trouble(name, genesis(faces)));
        if faces == Faces::Both {
            let (code, text) = refusal(&world);
            assert_eq!(code, 78, "{text}");
            assert!(text.contains("foreign") && text.contains(&other_id()), "{text}");
        } else {
            // The faces of one endpoint serve two chains: it is nothing's endpoint.
            let gateway = world.start().await;
            let why = gateway.state("foreign", NetworkState::Waiting).await;
            assert!(why.contains("/walletsolidity"), "{faces:?}: {why}");
            assert_eq!(gateway.cursor("foreign").await, None);
            world.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_id_that_is_not_the_end_of_the_genesis_id_is_refused() {
    let mut world = World::of([Plan::tron("tail")]).await;
    world.nets[0].chain_id = 1;
    let (code, text) = refusal(&world);
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("chain_id"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_whose_json_rpc_names_another_chain_is_left_alone() {
    let mut world = World::of([Plan::tron("rpc-chain").receipts(true)]).await;
    world.net().trouble("first", Trouble { chain_id: Some(1), ..Trouble::default() });
    let gateway = world.start().await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.begun("rpc-chain").await;
    let watched = [(account(1), gateway.watch(SHOP, "rpc-chain", account(1)).await)].into();
    world.net().pay(account(1), 1_000_000);
    world.net().confirm();
    world.balanced(&[watched]).await;
    let labels = [("network", "rpc-chain"), ("source", "first"), ("kind", "other_chain")];
    assert!(counted("depositd_source_doubts_total", &labels) > 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_moved_to_another_chain_credits_nothing_from_there() {
    for (slug, endpoints) in [("moved-first", ["moved", "stays"]), ("moved-second", ["stays", "moved"])] {
        let (mut world, gateway) = World::open([Plan::tron(slug).endpoints(&endpoints).split()]).await;
        gateway.watch(SHOP, slug, account(1)).await;
        let net = world.net();
        let place = endpoints.iter().position(|name| *name == "moved").unwrap();
        let (moved, stays) = (&net.ledgers[place], &net.ledgers[1 - place]);
        // It pays on that chain, and is ahead there. No request of ours fails meanwhile.
        let mut other = testnet();
        let invented = other.transfer(TOKEN, PAYER, account(1), TokenAmount::of(9_000_000));
        other.mine(vec![invented]);
        other.extend(40);
        *moved.lock() = other;
        {
            let mut real = stays.lock();
            let payment = real.transfer(TOKEN, PAYER, account(1), TokenAmount::of(1_000_000));
            real.mine(vec![payment]);
            real.extend(18);
        }
        let labels = [("network", slug), ("source", "moved"), ("kind", "other_chain")];
        let refused = || counted("depositd_source_doubts_total", &labels) > 0;
        wait_until("the move to be noticed", async || refused()).await;
        wait_until("the real payment", async || world.books().standing().len() == 1).await;
        let standing = world.books().standing();
        assert!(standing.values().all(|(_, amount)| amount == "1000000"), "{standing:?}");
        world.stop().await;
    }
}
