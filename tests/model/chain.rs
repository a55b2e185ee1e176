//! A chain that reorgs: what really happened.

use std::collections::BTreeMap;

use depositd::domain::{
    Address, Block, BlockHash, BlockRef, Header, Height, LogOrdinal, Timestamp, TokenAmount, Transfer, TxHash,
};

pub const TOKEN: Address = Address([0xee; 20]);
/// Blocks below the head that never leave the chain.
pub const FINAL_LAG: u64 = 7;

/// A payment that is sent.
#[derive(Clone, Copy, Debug)]
pub struct Pay {
    pub to: u8,
    pub amount: u64,
    pub to_self: bool,
}

#[derive(Debug)]
pub struct Chain {
    pub blocks: Vec<Block>,
    next_tx: u64,
    next_hash: u64,
    /// Sent transactions that are in no block now.
    mempool: BTreeMap<TxHash, Transfer>,
}

pub fn payee(number: u8) -> Address {
    Address([0xa0 + number; 20])
}

impl Chain {
    pub fn new() -> Self {
        let mut chain = Self { blocks: Vec::new(), next_tx: 0, next_hash: 0, mempool: BTreeMap::new() };
        chain.push(1_000, Vec::new());
        chain
    }

    fn push(&mut self, gap_s: u64, transfers: Vec<Transfer>) {
        self.next_hash += 1;
        let mut hash = [0x11; 32];
        hash[..8].copy_from_slice(&self.next_hash.to_be_bytes());
        let below = self.blocks.last().map(|block| block.header);
        let height = Height(below.map_or(0, |header| header.at.height.0 + 1));
        let header = Header {
            at: BlockRef { height, hash: BlockHash(hash) },
            parent: below.map_or(BlockHash([0; 32]), |header| header.at.hash),
            time: Timestamp(below.map_or(0, |header| header.time.0) + gap_s),
        };
        self.blocks.push(Block { header, transfers });
    }

    fn sent(&mut self, pays: &[Pay]) -> Vec<Transfer> {
        let mut transfers = Vec::new();
        for pay in pays {
            self.next_tx += 1;
            let mut tx = [0x22; 32];
            tx[..8].copy_from_slice(&self.next_tx.to_be_bytes());
            let to = payee(pay.to);
            let from = if pay.to_self { to } else { Address([1; 20]) };
            let amount = TokenAmount::of(pay.amount);
            transfers.push(Transfer { tx: TxHash(tx), token: TOKEN, ordinal: LogOrdinal(0), from, to, amount });
        }
        transfers
    }

    pub fn mine(&mut self, pays: &[Pay], gap_s: u64) {
        let mut transfers = self.sent(pays);
        transfers.extend(std::mem::take(&mut self.mempool).into_values());
        self.push(gap_s, transfers);
    }

    /// Replaces `depth` blocks by that many and `more`; `keep` decides which of their payments are in the new ones at
    /// once, bit by bit. What is left waits for the next block.
    pub fn reorg(&mut self, depth: usize, more: usize, keep: u64, pays: &[Pay]) {
        let loose = self.blocks.len().saturating_sub(1 + FINAL_LAG as usize);
        let depth = depth.min(self.blocks.len() - 1).min(if loose == 0 { 0 } else { FINAL_LAG as usize });
        if depth == 0 {
            return;
        }
        let gone = self.blocks.split_off(self.blocks.len() - depth);
        let mut again: Vec<Vec<Transfer>> = vec![Vec::new(); depth + more];
        let mut bit = 0;
        for transfer in gone.iter().flat_map(|block| &block.transfers) {
            let place = (keep >> (bit % 60)) & 7;
            bit += 3;
            match again.get_mut(place as usize) {
                Some(block) => block.push(*transfer),
                None => drop(self.mempool.insert(transfer.tx, *transfer)),
            }
        }
        let fresh = self.sent(pays);
        if let Some(first) = again.first_mut() {
            first.extend(fresh);
        }
        for (number, transfers) in again.into_iter().enumerate() {
            self.push(5 + 7 * number as u64, transfers);
        }
    }

    pub fn tip(&self) -> &Block {
        self.blocks.last().unwrap()
    }

    pub fn holds(&self, at: BlockRef) -> bool {
        self.blocks.get(at.height.0 as usize).is_some_and(|block| block.header.at == at)
    }

    /// The newest block that never leaves.
    pub fn last_final(&self) -> Option<BlockRef> {
        let height = (self.tip().header.at.height.0).checked_sub(FINAL_LAG)?;
        Some(self.blocks[height as usize].header.at)
    }

    /// Every transfer with its block.
    pub fn transfers(&self) -> impl Iterator<Item = (&Header, &Transfer)> {
        self.blocks.iter().flat_map(|block| block.transfers.iter().map(move |transfer| (&block.header, transfer)))
    }
}
