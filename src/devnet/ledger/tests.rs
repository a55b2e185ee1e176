//! The verbs of the ledger.

mod tron;

use super::{super::tx::Log, *};

const TOKEN: Address = Address([0x11; 20]);
const PAYER: Address = Address([0x22; 20]);
const SHOP: Address = Address([0x33; 20]);

fn ledger(finality_lag: u64) -> Ledger {
    Ledger::new(LedgerSpec { finality_lag, ..LedgerSpec::default() })
}

/// Asserts every link, and that heights, hashes and transactions are found where they are.
fn assert_sound(ledger: &Ledger) {
    for pair in ledger.line.windows(2) {
        assert_eq!((pair[1].parent, pair[1].at.height), (pair[0].at.hash, pair[0].at.height.next()));
    }
    assert_eq!(ledger.heights.len(), ledger.line.len());
    for block in &ledger.line {
        assert_eq!(ledger.by_hash(block.at.hash).unwrap().at, block.at);
        for (place, tx) in block.txs.iter().enumerate() {
            let (found, at) = ledger.find(tx.hash).unwrap();
            assert_eq!((found.at, at), (block.at, place));
        }
    }
    assert_eq!(ledger.places.len(), ledger.line.iter().map(|block| block.txs.len()).sum::<usize>());
}

#[test]
fn equal_specs_share_genesis_and_equal_verbs_give_equal_chains() {
    let run = || {
        let mut ledger = Ledger::with_blocks(LedgerSpec::default(), 5, 3);
        ledger.fork(2, 3, Orphans::Include(1)).unwrap();
        ledger
    };
    assert_eq!(run().head().at, run().head().at);
    assert_eq!(run().genesis(), ledger(64).genesis());
    let other = Ledger::new(LedgerSpec { chain_id: 1, ..LedgerSpec::default() });
    assert_ne!(other.genesis(), ledger(64).genesis());
    let named = LedgerSpec { genesis: Some(BlockHash([9; 32])), ..LedgerSpec::default() };
    assert_eq!(Ledger::new(named).genesis().hash, BlockHash([9; 32]));
}

#[test]
fn a_fork_keeps_the_base_and_moves_a_transaction_under_its_own_hash() {
    let mut ledger = ledger(64);
    ledger.extend(3);
    let base = ledger.head().at;
    let other = ledger.transfer(TOKEN, PAYER, PAYER, TokenAmount::of(1));
    let paid = ledger.transfer(TOKEN, PAYER, SHOP, TokenAmount::of(5));
    let hash = paid.hash;
    let first = ledger.mine(vec![other.clone(), paid.clone()]);
    assert_eq!(ledger.find(hash).map(|(block, place)| (block.at, place)), Some((first, 1)));

    ledger.fork(1, 2, Orphans::Include(1)).unwrap();
    assert_sound(&ledger);
    assert_eq!(ledger.block(base.height).unwrap().at, base);
    assert_eq!(ledger.head().at.height, Height(5));
    assert_eq!(ledger.find(hash).unwrap().0.at, ledger.head().at);
    assert!(ledger.by_hash(first.hash).is_none());
    assert_eq!(ledger.orphan(first.hash).unwrap().at, first);

    let moved = ledger.fork_with(2, vec![vec![paid, other]]).unwrap();
    assert_sound(&ledger);
    let (block, place) = ledger.find(hash).unwrap();
    assert_eq!((block.at, place), (moved, 0), "same transaction, other block, other log index");
    assert_ne!(moved.hash, first.hash);
    assert!(block.log_json(0).contains(&hash.to_string()) && block.log_json(0).contains(r#""logIndex":"0x0""#));
    assert!(block.log_json(1).contains(r#""logIndex":"0x1""#));
}

#[test]
fn dropped_transactions_are_gone_and_a_rollback_shortens() {
    let mut ledger = ledger(64);
    let tx = ledger.transfer(TOKEN, PAYER, SHOP, TokenAmount::of(5));
    let hash = tx.hash;
    let included = ledger.mine(vec![tx]);
    ledger.fork(1, 1, Orphans::Drop).unwrap();
    assert!(ledger.find(hash).is_none());
    assert_ne!(ledger.head().at.hash, included.hash, "an empty twin is another block");
    assert_eq!(ledger.rollback(1), Ok(vec![]));
    assert_eq!(ledger.head().at, ledger.genesis());
    assert_eq!(ledger.rollback(1), Err(LedgerError::TooShort(0)));
    assert_eq!(ledger.fork(0, 2, Orphans::Include(2)), Err(LedgerError::NoSuchBlock(2)));
    assert_sound(&ledger);
}

#[test]
fn final_blocks_stay_unless_asked() {
    let mut ledger = ledger(2);
    ledger.extend(5);
    assert_eq!(ledger.finalized().at.height, Height(3));
    assert_eq!(ledger.rollback(3), Err(LedgerError::Final(Height(3))));
    ledger.rollback(2).unwrap();
    assert_eq!(ledger.finalized().at.height, Height(3), "finality does not move back with the head");
    ledger.extend(2);
    ledger.allow_deep_reorgs();
    ledger.fork(4, 1, Orphans::Drop).unwrap();
    assert_eq!(ledger.finalized().at.height, Height(1));
    assert_sound(&ledger);
}

#[test]
fn clones_diverge_only_when_told() {
    let mut here = ledger(64);
    here.extend(2);
    let mut there = here.clone();
    assert_eq!(here.mine(vec![]), there.mine(vec![]));
    there.diverge(1);
    assert_ne!(here.mine(vec![]), there.mine(vec![]));
}

#[test]
fn the_bloom_holds_every_address_and_topic_and_an_empty_block_none() {
    let mut ledger = ledger(64);
    let log = Log::transfer(TOKEN, PAYER, SHOP, TokenAmount::of(5));
    let tx = ledger.tx(PAYER, TOKEN, vec![log.clone(), Log::approval(TOKEN, PAYER, SHOP, TokenAmount::of(9))]);
    ledger.mine(vec![tx]);
    let bloom = &ledger.head().bloom;
    assert!(bloom.may_contain(&TOKEN.0));
    assert!(ledger.head().logs().flat_map(|log| &log.topics).all(|topic| bloom.may_contain(topic)));
    assert!(!bloom.may_contain(&Address([0x44; 20]).0));
    let failed = ledger.failed(PAYER, TOKEN);
    assert!(!failed.succeeded && failed.logs.is_empty());
    ledger.mine(vec![failed]);
    assert_eq!(ledger.head().bloom, super::super::bloom::Bloom::EMPTY);
}

#[test]
fn pending_transactions_go_first_and_time_can_be_given() {
    let mut ledger = ledger(64);
    let pending = ledger.transfer(TOKEN, PAYER, SHOP, TokenAmount::of(1));
    let direct = ledger.transfer(TOKEN, PAYER, SHOP, TokenAmount::of(1));
    ledger.pend(pending.clone());
    ledger.mine_at(Timestamp(1_800_000_000), vec![direct.clone()]);
    assert_eq!(ledger.head().txs, [pending, direct]);
    ledger.extend(1);
    assert_eq!(ledger.head().timestamp, Timestamp(1_800_000_012));
    assert!(ledger.head().txs.is_empty());
}

#[test]
fn a_prepared_chain_is_complete() {
    let ledger = Ledger::with_blocks(LedgerSpec::default(), 200, 10);
    assert_sound(&ledger);
    assert_eq!(ledger.range(Height(1), Height(999)).iter().map(|block| block.log_count()).sum::<usize>(), 2_000);
    assert_eq!(ledger.finalized().at.height, Height(136));
    assert!(ledger.range(Height(300), Height(400)).is_empty());
}
