//! One simulated chain: a canonical line of blocks, and the blocks that fell off it.
//!
//! Invariants: `line` is never empty, starts with genesis and is linked; `finalized` never moves back unless deep reorgs
//! were asked for. Nothing here draws a random number or reads a clock: the same verbs give the same hashes. A clone is
//! a second node's own view, which may take another branch from there.

mod balance;
mod handle;
mod made;
mod spec;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::domain::{Address, BlockHash, BlockRef, Family, Height, Timestamp, TokenAmount, TxHash};

pub use self::{
    handle::LedgerHandle,
    spec::{LedgerError, LedgerSpec, Orphans, SimToken},
};
use super::{
    block::{Draft, SimBlock},
    tron::Filling,
    tx::Tx,
};

/// One simulated chain.
#[derive(Clone, Debug)]
pub struct Ledger {
    spec: LedgerSpec,
    /// The canonical blocks; the place is the height.
    line: Vec<Arc<SimBlock>>,
    /// Blocks that left the line.
    orphans: BTreeMap<BlockHash, Arc<SimBlock>>,
    /// Heights of canonical blocks.
    heights: BTreeMap<BlockHash, Height>,
    /// Where canonical transactions are: height, and place in the block.
    places: BTreeMap<TxHash, (Height, usize)>,
    pending: VecDeque<Tx>,
    nonce: u64,
    branch: u64,
    finalized: Height,
    deep_reorgs: bool,
    is_finality_stalled: bool,
    filling: Option<Filling>,
    /// When the newest TRON transaction was made, in milliseconds: each is made later than the one before.
    last_made_ms: u64,
}

impl Ledger {
    /// A chain with its genesis block only.
    pub fn new(spec: LedgerSpec) -> Self {
        let genesis = SimBlock::mine(Draft {
            family: spec.family,
            chain_id: spec.chain_id,
            branch: 0,
            height: Height(0),
            parent: BlockHash::default(),
            timestamp: spec.genesis_time(),
            txs: Vec::new(),
            hash: spec.genesis,
            producers: spec.producers,
            filler: None,
        });
        Self {
            spec,
            heights: BTreeMap::from([(genesis.at.hash, Height(0))]),
            line: vec![Arc::new(genesis)],
            orphans: BTreeMap::new(),
            places: BTreeMap::new(),
            pending: VecDeque::new(),
            nonce: 0,
            branch: 0,
            finalized: Height(0),
            deep_reorgs: false,
            is_finality_stalled: false,
            filling: None,
            last_made_ms: 0,
        }
    }

    /// A chain with `blocks` blocks above genesis, each with `logs_per_block` transfers of the spec's first token (or
    /// of contract `0x11…`) between made-up accounts, one per transaction.
    pub fn with_blocks(spec: LedgerSpec, blocks: u64, logs_per_block: u64) -> Self {
        let mut ledger = Self::new(spec);
        let token = ledger.first_token();
        for block in 1..=blocks {
            let account = |mark: u8, number: u64| {
                let mut bytes = [mark; 20];
                bytes[4..12].copy_from_slice(&block.to_be_bytes());
                bytes[12..].copy_from_slice(&number.to_be_bytes());
                Address(bytes)
            };
            let txs = (0..logs_per_block)
                .map(|n| ledger.transfer(token, account(0xaa, n), account(0xbb, n), TokenAmount::of(n + 1)))
                .collect();
            ledger.mine(txs);
        }
        ledger
    }

    fn first_token(&self) -> Address {
        self.spec.tokens.first().map_or(Address([0x11; 20]), |token| token.contract)
    }

    /// What the chain was made from.
    pub fn spec(&self) -> &LedgerSpec {
        &self.spec
    }

    /// What `eth_chainId` answers: the spec's number, or on TRON the last four bytes of the genesis id.
    pub fn chain_id(&self) -> u64 {
        let [.., a, b, c, d] = self.genesis().hash.0;
        match self.spec.family {
            Family::Evm => self.spec.chain_id,
            Family::Tron => u64::from(u32::from_be_bytes([a, b, c, d])),
        }
    }

    /// The newest block.
    pub fn head(&self) -> &Arc<SimBlock> {
        self.line.last().expect("the line always holds genesis")
    }

    /// Block 0.
    pub fn genesis(&self) -> BlockRef {
        self.line[0].at
    }

    /// The canonical block at `height`.
    pub fn block(&self, height: Height) -> Option<&Arc<SimBlock>> {
        self.line.get(usize::try_from(height.0).ok()?)
    }

    /// The canonical blocks `from..=to`, as far as they exist.
    pub fn range(&self, from: Height, to: Height) -> &[Arc<SimBlock>] {
        let end = usize::try_from(to.0.saturating_add(1)).unwrap_or(usize::MAX).min(self.line.len());
        let start = usize::try_from(from.0).unwrap_or(usize::MAX).min(end);
        &self.line[start..end]
    }

    /// The canonical block with this hash.
    pub fn by_hash(&self, hash: BlockHash) -> Option<&Arc<SimBlock>> {
        self.heights.get(&hash).and_then(|height| self.block(*height))
    }

    /// A block that left the chain.
    pub fn orphan(&self, hash: BlockHash) -> Option<&Arc<SimBlock>> {
        self.orphans.get(&hash)
    }

    /// The canonical block that includes a transaction, and its place there.
    pub fn find(&self, tx: TxHash) -> Option<(&Arc<SimBlock>, usize)> {
        let (height, place) = *self.places.get(&tx)?;
        self.block(height).map(|block| (block, place))
    }

    /// The newest block the chain calls final: the configured lag below the highest head so far.
    pub fn finalized(&self) -> &Arc<SimBlock> {
        self.block(self.finalized).expect("final blocks stay on the line")
    }

    /// Changes how far finality lags behind the head; it never moves back.
    pub fn set_finality_lag(&mut self, blocks: u64) {
        self.spec.finality_lag = blocks;
        self.finalize();
    }

    /// Lets finality stand still while the head moves on, or catch up with it again.
    pub fn stall_finality(&mut self, is_stalled: bool) {
        self.is_finality_stalled = is_stalled;
        self.finalize();
    }

    /// From here on even final blocks may be replaced: the catastrophe a follower must survive by halting.
    pub fn allow_deep_reorgs(&mut self) {
        self.deep_reorgs = true;
    }

    /// Leaves a transaction for the next block.
    pub fn pend(&mut self, tx: Tx) {
        self.pending.push_back(tx);
    }

    /// One block, with what is pending and then `txs`.
    pub fn mine(&mut self, txs: Vec<Tx>) -> BlockRef {
        let last = self.head().timestamp.max(self.spec.base_time);
        let time = Timestamp(last.0 + self.spec.block_time_s);
        self.mine_at(time, txs)
    }

    /// One block at a time of one's own choice.
    pub fn mine_at(&mut self, timestamp: Timestamp, txs: Vec<Tx>) -> BlockRef {
        let txs: Vec<Tx> = self.pending.drain(..).chain(txs).collect();
        let below = self.head().at;
        let block = SimBlock::mine(Draft {
            family: self.spec.family,
            chain_id: self.spec.chain_id,
            branch: self.branch,
            height: below.height.next(),
            parent: below.hash,
            timestamp,
            txs,
            hash: None,
            producers: self.spec.producers,
            filler: self.filler(timestamp),
        });
        let at = block.at;
        for (number, tx) in block.txs.iter().enumerate() {
            self.places.insert(tx.hash, (at.height, block.place_of(number)));
        }
        self.heights.insert(at.hash, at.height);
        self.orphans.remove(&at.hash);
        self.line.push(Arc::new(block));
        self.finalize();
        at
    }

    /// `blocks` blocks, the first with what is pending.
    pub fn extend(&mut self, blocks: u64) -> BlockRef {
        for _ in 0..blocks {
            self.mine(Vec::new());
        }
        self.head().at
    }

    /// Replaces the top `depth` blocks by `blocks` others.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing has changed then.
    pub fn fork(&mut self, depth: u64, blocks: u64, orphans: Orphans) -> Result<BlockRef, LedgerError> {
        let include_in = match orphans {
            Orphans::Drop => None,
            Orphans::Include(at) if at >= blocks => return Err(LedgerError::NoSuchBlock(at)),
            Orphans::Include(at) => Some(at),
        };
        let mut fallen = self.rollback(depth)?;
        for block in 0..blocks {
            let txs = if include_in == Some(block) { std::mem::take(&mut fallen) } else { Vec::new() };
            self.mine(txs);
        }
        Ok(self.head().at)
    }

    /// Replaces the top `depth` blocks by one block for each list of transactions.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing has changed then.
    pub fn fork_with(&mut self, depth: u64, blocks: Vec<Vec<Tx>>) -> Result<BlockRef, LedgerError> {
        self.rollback(depth)?;
        for txs in blocks {
            self.mine(txs);
        }
        Ok(self.head().at)
    }

    /// Takes the top `depth` blocks away and gives back their transactions, oldest first. Blocks mined from here on
    /// have other hashes than the ones taken away, even with the same content.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing has changed then.
    pub fn rollback(&mut self, depth: u64) -> Result<Vec<Tx>, LedgerError> {
        let above_genesis = self.head().at.height.0;
        let base = above_genesis.checked_sub(depth).ok_or(LedgerError::TooShort(above_genesis))?;
        if base < self.finalized.0 && !self.deep_reorgs {
            return Err(LedgerError::Final(self.finalized));
        }
        let keep = self.range(Height(0), Height(base)).len();
        let gone = self.line.split_off(keep);
        let mut fallen = Vec::new();
        for block in gone {
            self.heights.remove(&block.at.hash);
            for tx in &block.txs {
                self.places.remove(&tx.hash);
            }
            fallen.extend(block.txs.iter().cloned());
            self.orphans.insert(block.at.hash, block);
        }
        self.finalized = self.finalized.min(Height(base));
        self.branch += 1;
        Ok(fallen)
    }

    /// Starts another branch from the head on: two clones of one ledger mine different blocks after it.
    pub fn diverge(&mut self, salt: u64) {
        self.branch = self.branch.wrapping_add(salt);
    }

    fn finalize(&mut self) {
        if self.is_finality_stalled {
            return;
        }
        self.finalized = self.finalized.max(self.head().at.height.down(self.spec.finality_lag));
    }
}

#[cfg(test)]
mod tests;
