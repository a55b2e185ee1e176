//! The built binary is stopped and killed while it reads TRON, near the head and among old blocks, and goes on.

use std::time::Duration;

use depositd::devnet::{Filling, Trouble};

use crate::harness::{Plan, SHOP, World, day, gateway::Gateway, process::Binary, wait_until};

async fn open(slug: &str) -> (World, Binary, Gateway) {
    let few = "connections = 2";
    let world = World::of([Plan::tron(slug).with_of("first", few).with_of("second", few)]).await;
    let (binary, gateway) = Binary::start(&world).await;
    gateway.create_app(SHOP, &world.merchant.url).await;
    gateway.begun(slug).await;
    (world, binary, gateway)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_near_the_head_lose_nothing_and_tell_nothing_under_two_names() {
    let (world, mut binary, gateway) = open("tron-killed").await;
    let watched = day::watch(&gateway, "tron-killed").await;
    for kill in 0..5 {
        for number in kill * 8..kill * 8 + 8 {
            day::block(world.net(), number);
            tokio::time::sleep(Duration::from_millis(20 + 13 * kill)).await;
        }
        binary.kill();
        binary = Binary::start(&world).await.0;
    }
    world.net().mine(19);
    world.balanced(&[watched]).await;
    let books = world.books();
    assert_eq!(books.count("deposit.confirmed"), day::PAYMENTS, "one id for each payment");
    assert_eq!(books.count("deposit.reversed"), 0);
    assert!(binary.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_and_stops_among_old_blocks_lose_nothing_and_tell_nothing_under_two_names() {
    let (world, binary, gateway) = open("tron-old").await;
    let watched = day::watch(&gateway, "tron-old").await;
    assert!(binary.terminate().success());
    let net = world.net();
    let begin = net.head();
    for number in 0..day::BLOCKS {
        day::block(net, number);
        net.ledger.lock().fill(6, Filling { txs: 6, transfers: 2 });
    }
    net.mine(60);
    // Slow enough that each end comes in the middle.
    net.nodes.iter().for_each(|node| node.trouble.set(Trouble { delay_ms: 25, ..Trouble::default() }));
    for step in 1..4 {
        let (binary, gateway) = Binary::start(&world).await;
        let cursor = async || gateway.cursor("tron-old").await.unwrap_or(0);
        wait_until("some blocks", async || cursor().await >= begin + 60 * step).await;
        assert!(cursor().await < net.head() - 50, "it was not in the middle");
        if step % 2 == 0 {
            assert!(binary.terminate().success());
        } else {
            binary.kill();
        }
    }
    net.heal();
    let (binary, _) = Binary::start(&world).await;
    world.balanced(&[watched]).await;
    let books = world.books();
    assert_eq!(books.count("deposit.confirmed"), day::PAYMENTS, "one id for each payment");
    assert_eq!(books.count("deposit.reversed"), 0);
    assert!(net.nodes[0].trouble.calls("walletsolidity/getblockbylimitnext") > 10);
    assert!(binary.terminate().success());
}
