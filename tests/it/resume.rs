//! Halted networks go on: by looking again, or by taking back what the chain has left.

use std::time::Duration;

use depositd::{
    api::proto::v1::{
        NetworkState, ResumeMode, ResumeNetworkRequest, ResumeNetworkResponse,
        network_service_client::NetworkServiceClient,
    },
    devnet::{Orphans, Trouble},
};
use tonic::{Code, Status};

use crate::harness::{
    Plan, SHOP, World, account, counted,
    gateway::{Gateway, code},
    wait_until,
};

impl Gateway {
    async fn resume(
        &self,
        slug: &str,
        mode: ResumeMode,
        above_height: Option<u64>,
    ) -> Result<ResumeNetworkResponse, Status> {
        let mut client = NetworkServiceClient::new(self.channel.clone());
        let (network, reason) = (slug.to_owned(), "the chain has left ours".to_owned());
        let request = ResumeNetworkRequest { network, mode: mode.into(), above_height, reason };
        Ok(client.resume_network(request).await?.into_inner())
    }
}

fn is_halted(slug: &str) -> bool {
    counted("depositd_network_halted", &[("network", slug)]) == 1
}

/// Two credited payments on a network with a small window, which a deep reorg then leaves: one of them stays on the new
/// chain. The height where the chains part.
async fn leave(world: &World, gateway: &Gateway) -> u64 {
    let net = world.net();
    let slug = net.plan.slug.as_str();
    gateway.watch(SHOP, slug, account(1)).await;
    net.mine(2);
    let (gone, _) = net.pay(account(1), 1_000_001);
    let (stays, _) = net.pay(account(1), 1_000_002);
    let head = net.mine(12);
    gateway.read_to(slug, head).await;
    wait_until("both credits", async || world.books().standing().len() == 2).await;
    let mut branch: Vec<Vec<_>> = vec![Vec::new(); 18];
    branch[3].push(stays);
    net.ledger.lock().fork_with(15, branch).unwrap();
    gateway.state(slug, NetworkState::Halted).await;
    drop(gone);
    head - 15
}

/// One of the two payments stands again, the other was taken back for good.
async fn one_is_left(world: &World) {
    wait_until("one credit to stand", async || {
        let books = world.books();
        let kinds = |amount: &str| -> Vec<String> {
            let events = books.0.values().flatten().filter(|told| told.money.1 == amount);
            events.map(|told| told.kind.clone()).collect()
        };
        kinds("1000001") == ["deposit.confirmed", "deposit.reversed"]
            && kinds("1000002") == ["deposit.confirmed", "deposit.reversed", "deposit.confirmed"]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_chain_left_is_reversed_once_a_person_says_so_and_what_is_still_there_is_credited_again() {
    let (mut world, gateway) = World::open([Plan::new("taken").window(8), Plan::new("beside")]).await;
    gateway.watch(SHOP, "beside", account(2)).await;
    let base = leave(&world, &gateway).await;
    assert!(is_halted("taken"));
    let why = gateway.network("taken").await.why;
    assert!(why.contains("depositd network resume taken"), "it says how to go on: {why}");

    // The others go on, and only a halted one can be resumed.
    world.nets[1].pay(account(2), 5);
    world.nets[1].confirm();
    wait_until("the other network", async || world.books().standing().len() == 3).await;
    assert_eq!(code(gateway.resume("beside", ResumeMode::LookAgain, None).await), Code::FailedPrecondition);
    let tip = gateway.cursor("taken").await.unwrap();
    for above in [tip, tip + 1] {
        let refused = gateway.resume("taken", ResumeMode::TakeBack, Some(above)).await;
        assert_eq!(code(refused), Code::FailedPrecondition, "above {above}");
    }
    assert_eq!(code(gateway.resume("taken", ResumeMode::Unspecified, None).await), Code::InvalidArgument);
    assert_eq!(code(gateway.resume("taken", ResumeMode::LookAgain, Some(base)).await), Code::InvalidArgument);
    assert_eq!(code(gateway.resume("taken", ResumeMode::TakeBack, None).await), Code::InvalidArgument, "no height");
    assert_eq!(world.books().count("deposit.reversed"), 0, "nothing is taken back before");

    let resumed = gateway.resume("taken", ResumeMode::TakeBack, Some(base)).await.unwrap();
    assert_eq!(resumed.above_height, Some(base));
    assert!(resumed.note.contains("at or below this height stay"), "{}", resumed.note);
    one_is_left(&world).await;
    gateway.state("taken", NetworkState::Following).await;
    assert!(!is_halted("taken"));
    let head = world.net().ledger.lock().head().at;
    gateway.read_to("taken", head.height.0).await;
    assert_eq!(gateway.network("taken").await.cursor.unwrap().hash, head.hash.to_string());
    // And an ordinary reorg is one again.
    world.net().ledger.lock().fork(2, 4, Orphans::Drop).unwrap();
    let head = world.net().mine(2);
    gateway.read_to("taken", head).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_between_the_word_and_the_deed_changes_nothing() {
    let (mut world, gateway) = World::open([Plan::new("between").window(8)]).await;
    let base = leave(&world, &gateway).await;
    // Halted again after a restart, without a word.
    world.stop().await;
    let gateway = world.start().await;
    gateway.state("between", NetworkState::Halted).await;
    // Nothing can be read now, so the word stays unfulfilled.
    for endpoint in ["first", "second"] {
        world.net().trouble(endpoint, Trouble { fail_every: 1, ..Trouble::default() });
    }
    gateway.resume("between", ResumeMode::TakeBack, Some(base)).await.unwrap();
    gateway.state("between", NetworkState::Waiting).await;
    assert_eq!(world.books().count("deposit.reversed"), 0);
    world.stop().await;

    world.net().heal();
    let gateway = world.start().await;
    one_is_left(&world).await;
    gateway.state("between", NetworkState::Following).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_again_goes_on_once_the_endpoints_are_right_again_and_takes_nothing_back() {
    let (mut world, gateway) = World::open([Plan::new("repaired").window(8)]).await;
    gateway.watch(SHOP, "repaired", account(1)).await;
    let net = world.net();
    net.pay(account(1), 1_000_001);
    let head = net.mine(10);
    gateway.read_to("repaired", head).await;
    wait_until("the credit", async || world.books().standing().len() == 1).await;
    let mut right = net.ledger.lock().clone();
    net.ledger.lock().fork(14, 16, Orphans::Drop).unwrap();
    gateway.state("repaired", NetworkState::Halted).await;

    // Still wrong: it looks, and halts again.
    let asked = net.node("first").trouble.requests();
    let resumed = gateway.resume("repaired", ResumeMode::LookAgain, None).await.unwrap();
    assert_eq!(resumed.above_height, None);
    wait_until("another look", async || net.node("first").trouble.requests() > asked).await;
    gateway.state("repaired", NetworkState::Halted).await;
    right.extend(3);
    let head = right.head().at.height.0;
    *net.ledger.lock() = right;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(gateway.network("repaired").await.state(), NetworkState::Halted, "nobody has said so yet");
    gateway.resume("repaired", ResumeMode::LookAgain, None).await.unwrap();
    gateway.read_to("repaired", head).await;
    assert_eq!((world.books().count("deposit.reversed"), is_halted("repaired")), (0, false));
    world.stop().await;
}
