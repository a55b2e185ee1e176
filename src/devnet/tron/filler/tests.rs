//! Made-up traffic is the same whenever it is made, exactly as much as asked for, and leaves room for real payments.

use std::collections::BTreeSet;

use super::*;
use crate::{
    devnet::{Ledger, LedgerSpec, Orphans, tx::TRANSFER_TOPIC},
    domain::Height,
};

const SHOP: Address = Address([0x33; 20]);

fn filled(blocks: u64, txs: u32, transfers: u32) -> Ledger {
    let mut ledger = Ledger::new(LedgerSpec::tron());
    ledger.fill(blocks, Filling { txs, transfers });
    ledger
}

#[test]
fn places_of_real_and_made_up_transactions_are_all_different() {
    for real in 0..20 {
        for total in real..60 {
            let mix = Mix { real, total };
            let mut seen = BTreeSet::new();
            let mut filler = 0..;
            for place in 0..total {
                match mix.at(place) {
                    Place::Real(number) => {
                        assert_eq!((mix.place_of(number), seen.len()), (place, number));
                        seen.insert(number);
                    }
                    Place::Filler(number) => assert_eq!(Some(number), filler.next(), "in order, none left out"),
                }
            }
            assert_eq!((seen.len(), filler.start), (real, total - real), "{mix:?}");
        }
    }
}

#[test]
fn a_block_has_exactly_the_transfers_asked_for() {
    for (txs, transfers) in [(0, 0), (1, 0), (1, 1), (7, 3), (40, 10), (40, 40), (40, 99)] {
        let ledger = filled(2, txs, transfers);
        for block in ledger.range(Height(1), Height(2)) {
            let token = ledger.spec().tokens.first().map_or(Address([0x11; 20]), |token| token.contract);
            let logs = block.all_txs().flat_map(|tx| tx.logs.clone()).filter(|log| log.address == token);
            assert_eq!(block.tx_count(), txs as usize);
            assert_eq!(logs.filter(|log| log.topics[0] == TRANSFER_TOPIC).count(), transfers.min(txs) as usize);
            assert!(block.txs.is_empty(), "nothing of it is kept");
        }
    }
}

#[test]
fn there_is_more_than_transfers() {
    let ledger = filled(1, 200, 50);
    let txs: Vec<Tx> = ledger.head().all_txs().map(Cow::into_owned).collect();
    let count = |is: fn(&Tx) -> bool| txs.iter().filter(|tx| is(tx)).count();
    assert!(count(|tx| matches!(tx.tron().contract, Contract::Trx { .. })) > 50);
    assert!(count(|tx| matches!(tx.tron().contract, Contract::Asset { .. })) > 5);
    assert!(count(|tx| !tx.succeeded) > 5);
    let ids: BTreeSet<_> = txs.iter().map(|tx| tx.hash).collect();
    assert_eq!(ids.len(), 200);
}

#[test]
fn equal_verbs_make_equal_traffic_and_every_block_its_own() {
    let (one, other) = (filled(3, 20, 5), filled(3, 20, 5));
    assert_eq!(one.head().at, other.head().at);
    let read = |ledger: &Ledger| ledger.head().all_txs().map(Cow::into_owned).collect::<Vec<Tx>>();
    assert_eq!(read(&one), read(&other));
    assert_eq!(read(&one), read(&one), "read twice");

    let ids: BTreeSet<_> =
        one.range(Height(1), Height(3)).iter().flat_map(|block| block.all_txs().map(|tx| tx.hash)).collect();
    assert_eq!(ids.len(), 60);
    let mut forked = one.clone();
    forked.set_filling(Some(Filling { txs: 20, transfers: 5 }));
    forked.fork(1, 1, Orphans::Drop).unwrap();
    let old: BTreeSet<_> = read(&one).iter().map(|tx| tx.hash).collect();
    assert!(read(&forked).iter().all(|tx| !old.contains(&tx.hash)), "another branch has other strangers");
}

#[test]
fn real_payments_among_strangers_are_found_in_their_places() {
    let mut ledger = Ledger::new(LedgerSpec::tron());
    ledger.set_filling(Some(Filling { txs: 30, transfers: 10 }));
    let paid: Vec<Tx> = (1..=4)
        .map(|units| ledger.transfer(Address([0x11; 20]), Address([0x22; 20]), SHOP, TokenAmount::of(units)))
        .collect();
    ledger.mine(paid.clone());
    let block = ledger.head();
    assert_eq!((block.tx_count(), block.txs.len()), (34, 4));
    for tx in &paid {
        let (at, place) = ledger.find(tx.hash).unwrap();
        assert_eq!(at.tx_at(place).unwrap().as_ref(), tx);
    }
    let places: Vec<usize> = paid.iter().map(|tx| ledger.find(tx.hash).unwrap().1).collect();
    assert!(places.windows(2).all(|pair| pair[1] > pair[0] + 1), "spread: {places:?}");
    assert!(block.tx_at(34).is_none());
    ledger.set_filling(None);
    ledger.extend(1);
    assert_eq!(ledger.head().tx_count(), 0);
}
