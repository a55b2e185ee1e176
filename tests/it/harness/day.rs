//! A scripted day: 40 blocks, 30 payments, a few strangers, two reorgs that no credited payment notices.

use std::{collections::BTreeMap, time::Duration};

use depositd::{
    devnet::{Orphans, Tx},
    domain::TokenAmount,
};

use super::{Net, PAYER, SHOP, TOKEN, account, books::Watched, gateway::Gateway};

/// Blocks of a day.
pub const BLOCKS: u64 = 40;
/// Payments of a day.
pub const PAYMENTS: usize = 30;
/// Addresses they go to.
const ADDRESSES: u8 = 5;
/// From one block to the next.
const PACE: Duration = Duration::from_millis(40);

/// Watches the day's addresses on `slug`.
pub async fn watch(gateway: &Gateway, slug: &str) -> Watched {
    let mut watched = BTreeMap::new();
    for mark in 0..ADDRESSES {
        watched.insert(account(mark), gateway.watch(SHOP, slug, account(mark)).await);
    }
    watched
}

/// Block `number` of the day, 0 to 39, reorgs included.
pub fn block(net: &Net, number: u64) {
    let mut ledger = net.ledger.lock();
    let mut txs: Vec<Tx> = Vec::new();
    for stranger in [200, 201] {
        txs.push(ledger.transfer(TOKEN, PAYER, account(stranger), TokenAmount::of(number + 1)));
    }
    if number % 4 != 3 {
        let to = account(u8::try_from(number).unwrap_or(0) % ADDRESSES);
        txs.insert(1, ledger.transfer(TOKEN, PAYER, to, TokenAmount::of(1_000_000 + number)));
    }
    ledger.mine(txs);
    // Shallower than the three confirmations a payment needs, so nothing credited is ever taken back.
    match number {
        12 => drop(ledger.fork(1, 2, Orphans::Include(1)).expect("a shallow reorg")),
        27 => drop(ledger.fork(2, 3, Orphans::Include(0)).expect("a shallow reorg")),
        _ => {}
    }
}

/// The whole day on all of `nets`, then as many blocks as confirm its last payment also for an endpoint far behind.
pub async fn play(nets: &[Net]) {
    for number in 0..BLOCKS {
        nets.iter().for_each(|net| block(net, number));
        tokio::time::sleep(PACE).await;
    }
    for net in nets {
        net.mine(net.plan.depth() + 12);
    }
}
