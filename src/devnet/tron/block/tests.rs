//! Roots, turns, and what a block says of its transactions.

use super::*;
use crate::devnet::{Filling, Ledger, LedgerSpec};

#[test]
fn the_tree_hashes_pairs_and_carries_an_odd_one_up() {
    let [a, b, c, d, e] = [1, 2, 3, 4, 5].map(|byte| [byte; 32]);
    let pair = |left: [u8; 32], right: [u8; 32]| sha256(&[left, right].concat());
    assert_eq!(merkle_root(vec![]), [0; 32]);
    assert_eq!(merkle_root(vec![a]), a);
    assert_eq!(merkle_root(vec![a, b, c]), pair(pair(a, b), c));
    assert_eq!(merkle_root(vec![a, b, c, d, e]), pair(pair(pair(a, b), pair(c, d)), e));
}

#[test]
fn solid_is_what_the_rule_of_seven_tenths_gives() {
    for (producers, lag) in [(0, 0), (1, 0), (2, 1), (3, 2), (10, 6), (27, 18), (100, 69)] {
        assert_eq!(solid_lag(producers), lag, "{producers} producers");
        let mut newest: Vec<u64> = (0..producers).map(|ago| 1000 - ago).collect();
        newest.sort_unstable();
        let place = usize::try_from(producers * 30 / 100).unwrap();
        assert_eq!(newest.get(place).map_or(0, |solid| 1000 - solid), lag);
    }
}

#[test]
fn producers_take_turns() {
    let mut ledger = Ledger::new(LedgerSpec::tron().with_producers(5));
    ledger.extend(15);
    let witness = |height| ledger.block(Height(height)).unwrap().tron().header.witness;
    let turn: std::collections::BTreeSet<Address> = (1..=5).map(witness).collect();
    assert_eq!(turn.len(), 5);
    assert!((1..=10).all(|height| witness(height) == witness(height + 5)));
}

#[test]
fn a_changed_result_is_another_root_and_another_block() {
    let mut one = Ledger::new(LedgerSpec::tron());
    let mut other = one.clone();
    let tx = one.failed(Address([1; 20]), Address([2; 20]));
    let worse = tx.clone().with_result(super::super::TronResult::OutOfTime);
    assert_eq!(tx.hash, worse.hash);
    one.mine(vec![tx]);
    other.mine(vec![worse]);
    assert_ne!(one.head().tron().header.tx_root, other.head().tron().header.tx_root);
    assert_ne!(one.head().at.hash, other.head().at.hash);
}

#[test]
fn the_size_is_that_of_the_whole_block() {
    let mut ledger = Ledger::new(LedgerSpec::tron());
    ledger.fill(1, Filling { txs: 9, transfers: 3 });
    let block = ledger.head();
    let field = |number: u8, bytes: &[u8]| {
        let mut length = Vec::new();
        prost::encoding::encode_varint(bytes.len() as u64, &mut length);
        [&[number << 3 | 2], length.as_slice(), bytes].concat()
    };
    let mut whole: Vec<u8> = Vec::new();
    for tx in block.all_txs() {
        whole.extend(field(1, &encode::transaction(&tx.raw_data(), &tx.signature(), tx.tron().result.number())));
    }
    let header = [field(1, &block.tron().header.encode()), field(2, &block.witness_signature())].concat();
    whole.extend(field(2, &header));
    assert_eq!(block.tron().bytes, whole.len());
}
