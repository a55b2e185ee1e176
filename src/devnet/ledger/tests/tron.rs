//! The verbs on a TRON chain: ids that follow, branches that differ, a solid head that trails or stands still.

use std::collections::BTreeSet;

use super::*;
use crate::devnet::{Contract, Filling, TronResult};

fn chain() -> Ledger {
    Ledger::new(LedgerSpec::tron())
}

#[test]
fn heights_lead_the_ids_and_every_block_follows_from_the_one_below() {
    let mut ledger = chain();
    ledger.set_filling(Some(Filling { txs: 3, transfers: 1 }));
    for units in 1..30 {
        let paid = ledger.transfer(TOKEN, PAYER, SHOP, TokenAmount::of(units));
        ledger.mine(vec![paid]);
    }
    ledger.fork(5, 9, Orphans::Include(0)).unwrap();
    for pair in ledger.line.windows(2) {
        assert_eq!((pair[1].parent, pair[1].at.height), (pair[0].at.hash, pair[0].at.height.next()));
        assert_eq!(pair[1].at.hash.0[..8], pair[1].at.height.0.to_be_bytes());
    }
    for (block, number) in ledger.line.iter().flat_map(|block| (0..block.txs.len()).map(move |number| (block, number)))
    {
        let tx = &block.txs[number];
        let (found, place) = ledger.find(tx.hash).unwrap();
        assert_eq!((found.at, found.tx_at(place).unwrap().as_ref()), (block.at, tx));
    }
}

#[test]
fn genesis_has_no_time_and_decides_the_chain_id() {
    let ledger = chain();
    assert_eq!(ledger.head().timestamp, Timestamp(0));
    let hash = ledger.genesis().hash.0;
    assert_eq!(ledger.chain_id(), u64::from(u32::from_be_bytes(hash[28..].try_into().unwrap())));
    let mut other = Ledger::new(LedgerSpec { chain_id: 2, ..LedgerSpec::tron() });
    assert_ne!(other.genesis(), ledger.genesis());
    assert_eq!(other.mine(vec![]).height, Height(1));
    assert_eq!(other.head().timestamp, Timestamp(LedgerSpec::default().base_time.0 + 3));

    let mainnet = BlockHash::parse("00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc").unwrap();
    let named = Ledger::new(LedgerSpec { genesis: Some(mainnet), ..LedgerSpec::tron() });
    assert_eq!(named.chain_id(), 728_126_428);
    assert_eq!(Ledger::new(LedgerSpec::default()).chain_id(), 31_337);
}

#[test]
fn branches_differ_however_many_there_are_and_whoever_produces() {
    for producers in [1, 2, 27] {
        let spec = LedgerSpec { finality_lag: 18, ..LedgerSpec::tron().with_producers(producers) };
        let mut ledger = Ledger::new(spec);
        ledger.extend(3);
        let mut tips = BTreeSet::from([ledger.head().at.hash]);
        for round in 0..70 {
            ledger.fork(1, 1, Orphans::Drop).unwrap();
            assert!(tips.insert(ledger.head().at.hash), "branch {round} of {producers} producers");
        }
        let mut twin = ledger.clone();
        twin.diverge(1);
        assert_ne!(ledger.mine(vec![]).hash, twin.mine(vec![]).hash);
    }
}

#[test]
fn a_payment_comes_back_under_its_own_id_even_with_other_logs() {
    let mut ledger = chain();
    ledger.extend(2);
    let paid = ledger.transfer(TOKEN, PAYER, SHOP, TokenAmount::of(5));
    let first = ledger.mine(vec![paid.clone()]);
    let mut again = paid.clone();
    again.logs = vec![Log::transfer(TOKEN, PAYER, SHOP, TokenAmount::of(4))];
    let moved = ledger.fork_with(1, vec![vec![], vec![again.clone()]]).unwrap();
    assert_ne!(moved, first);
    let (block, place) = ledger.find(paid.hash).unwrap();
    assert_eq!((block.at, block.tx_at(place).unwrap().into_owned()), (moved, again));
}

#[test]
fn solid_trails_by_the_producers_and_no_branch_goes_below_it() {
    let mut ledger = chain();
    ledger.extend(100);
    assert_eq!(ledger.finalized().at.height, Height(82));
    assert_eq!(ledger.fork(19, 20, Orphans::Drop), Err(LedgerError::Final(Height(82))));
    ledger.fork(18, 19, Orphans::Drop).unwrap();
    assert_eq!((ledger.head().at.height, ledger.finalized().at.height), (Height(101), Height(83)));
    let mut alone = Ledger::new(LedgerSpec::tron().with_producers(1));
    alone.extend(3);
    assert_eq!(alone.finalized().at, alone.head().at);
}

#[test]
fn a_stalled_solid_head_stands_while_the_head_moves_and_catches_up_at_once() {
    let mut ledger = chain();
    ledger.extend(50);
    ledger.stall_finality(true);
    ledger.extend(60);
    assert_eq!(ledger.finalized().at.height, Height(32));
    ledger.fork(78, 79, Orphans::Drop).unwrap();
    assert_eq!(ledger.fork(80, 81, Orphans::Drop), Err(LedgerError::Final(Height(32))));
    assert_eq!(ledger.finalized().at.height, Height(32));
    ledger.stall_finality(false);
    assert_eq!(ledger.finalized().at.height, Height(111 - 18));
}

#[test]
fn every_transaction_is_another_one_made_later() {
    let mut ledger = chain();
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        for _ in 0..5 {
            let tx = ledger.transfer(TOKEN, PAYER, SHOP, TokenAmount::of(1));
            assert!(ids.insert(tx.hash));
        }
        ledger.extend(1);
    }
    let tx = ledger.send_trx(PAYER, SHOP, 7);
    assert_eq!(tx.tron.as_ref().map(|tron| tron.contract().clone()), Some(Contract::Trx { amount: 7 }));
    let tx = ledger.failed_transfer(TOKEN, PAYER, SHOP, TokenAmount::of(9), TronResult::OutOfEnergy);
    let Some(Contract::Call { data, .. }) = tx.tron.as_ref().map(|tron| tron.contract().clone()) else {
        panic!("a call")
    };
    assert_eq!((data[..4].to_vec(), &data[16..36], data[67]), (vec![0xa9, 0x05, 0x9c, 0xbb], SHOP.0.as_slice(), 9));
    assert!(!tx.succeeded && tx.logs.is_empty());
    let failed = ledger.failed(PAYER, TOKEN);
    assert_eq!(failed.tron.map(|tron| tron.result()), Some(TronResult::Revert));
    let loud = ledger.transfer(TOKEN, PAYER, SHOP, TokenAmount::of(9)).with_result(TronResult::OutOfTime);
    assert!(!loud.succeeded && loud.logs.len() == 1, "a node may show the logs of such a one");
}

#[test]
fn another_familys_blocks_take_no_filling() {
    let mut ledger = Ledger::new(LedgerSpec::default());
    let mut plain = ledger.clone();
    assert_eq!(ledger.fill(2, Filling { txs: 5, transfers: 5 }), plain.extend(2));
    assert_eq!(ledger.head().tx_count(), 0);
}
