//! The world's truth: one chain that grows, forks, returns and shrinks, and whose finality may stand still. Shares no
//! code with the tracker.

use depositd::domain::{
    Address, Block, BlockHash, BlockRef, Head, Header, Height, LogOrdinal, Timestamp, TokenAmount, Transfer, TxHash,
};

use crate::rng::Rng;

pub const TOKEN: Address = Address([0xee; 20]);
pub const MINIMUM: u64 = 3;

/// A transaction: its logs stay together wherever it goes.
type Logs = Vec<Transfer>;

#[derive(Debug)]
pub struct Chain {
    blocks: Vec<Block>,
    mempool: Vec<Logs>,
    abandoned: Option<Vec<Block>>,
    salt: u64,
    /// How far the final block trails the head.
    final_lag: u64,
    /// Nothing at or below it ever leaves.
    final_height: u64,
    /// Finality stands still, or creeps, until the head is here.
    stalled_to: u64,
    /// No fork goes deeper below the highest block that ever was, although finality may lie deeper.
    fork_max: u64,
    highest: u64,
    pub mined: u64,
    pub longest_stall: u64,
}

impl Chain {
    pub fn new(salt: u64, final_lag: u64, fork_max: u64) -> Self {
        let mut chain = Self {
            blocks: Vec::new(),
            mempool: Vec::new(),
            abandoned: None,
            salt: salt << 32,
            final_lag,
            final_height: 0,
            stalled_to: 0,
            fork_max,
            highest: 0,
            mined: 0,
            longest_stall: 0,
        };
        chain.push(Vec::new());
        chain
    }

    pub fn head(&self) -> Head {
        Head::of(self.tip().header, self.at(Height(self.final_height)).map(|block| block.header))
    }

    pub fn at(&self, height: Height) -> Option<&Block> {
        self.blocks.get(usize::try_from(height.0).unwrap())
    }

    pub fn holds(&self, block: BlockRef) -> bool {
        self.at(block.height).is_some_and(|ours| ours.header.at == block)
    }

    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    pub fn tip(&self) -> &Block {
        self.blocks.last().unwrap()
    }

    /// How many blocks may leave.
    pub fn loose(&self) -> u64 {
        self.tip().header.at.height.0.saturating_sub(self.firm_height())
    }

    fn firm_height(&self) -> u64 {
        self.final_height.max(self.highest.saturating_sub(self.fork_max))
    }

    /// Whether the network itself calls it final.
    pub fn has_final(&self, block: BlockRef) -> bool {
        self.holds(block) && block.height.0 <= self.final_height
    }

    /// For the next `blocks` blocks finality stands still or creeps.
    pub fn stall(&mut self, blocks: u64) {
        self.stalled_to = self.tip().header.at.height.0 + blocks;
    }

    pub fn end_stall(&mut self) {
        self.stalled_to = 0;
    }

    fn finalize(&mut self, rng: &mut Rng) {
        let top = self.tip().header.at.height.0;
        let most = top.saturating_sub(self.final_lag);
        if top >= self.stalled_to {
            self.final_height = self.final_height.max(most);
        } else if self.final_height < most && rng.chance(10) {
            self.final_height += 1;
        }
        self.longest_stall = self.longest_stall.max(top.saturating_sub(self.final_height));
    }

    /// One more block: what waits, and new payments to some of `payees`.
    pub fn mine(&mut self, rng: &mut Rng, payees: &[Address]) {
        let mut logs: Logs = Vec::new();
        self.mempool.retain(|waiting| {
            let stays = rng.chance(40);
            if !stays {
                logs.extend(waiting);
            }
            stays
        });
        for _ in 0..rng.below(3) {
            logs.extend(self.payment(rng, payees));
        }
        self.push(logs);
        self.finalize(rng);
    }

    fn payment(&mut self, rng: &mut Rng, payees: &[Address]) -> Logs {
        self.salt += 1;
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&self.salt.to_be_bytes());
        hash[31] = 1;
        let logs = if rng.chance(20) { 1 + rng.below(3) } else { 1 };
        (0..u32::try_from(logs).unwrap())
            .map(|ordinal| {
                let stranger = Address([rng.below(200) as u8 + 1; 20]);
                let to = if rng.chance(40) { stranger } else { rng.pick(payees).copied().unwrap_or(stranger) };
                let from = if rng.chance(3) { to } else { Address([0xaa; 20]) };
                let amount = if rng.chance(5) { 1 + rng.below(MINIMUM) } else { MINIMUM + rng.below(1000) };
                let amount = TokenAmount::of(amount);
                Transfer { tx: TxHash(hash), token: TOKEN, ordinal: LogOrdinal(ordinal), from, to, amount }
            })
            .collect()
    }

    /// The top `depth` blocks leave; `length` others come. What they held is mined again, or changed, or dropped.
    pub fn reorg(&mut self, rng: &mut Rng, depth: u64, length: u64, payees: &[Address]) {
        let left = self.cut(depth);
        self.abandoned = (!left.is_empty()).then(|| left.clone());
        for logs in left.into_iter().flat_map(by_transaction) {
            match rng.below(10) {
                0..=5 => self.mempool.push(logs),
                6 => self.mempool.push(executed_again(logs, rng)),
                _ => {}
            }
        }
        for _ in 0..length {
            self.mine(rng, payees);
        }
    }

    /// The branch that was left last becomes the chain again, if it still fits.
    pub fn return_to_abandoned(&mut self, rng: &mut Rng, payees: &[Address]) {
        let Some(branch) = self.abandoned.take() else { return };
        let first = branch[0].header.at.height.0;
        let top = self.tip().header.at.height.0;
        let fits = first > self.firm_height()
            && first <= top + 1
            && self.at(Height(first - 1)).is_some_and(|below| branch[0].header.is_on(below.header.at));
        if !fits {
            return;
        }
        let left = self.cut(top + 1 - first);
        self.mempool.clear();
        self.blocks.extend(branch);
        let held: Vec<TxHash> = self.blocks.iter().flat_map(|b| &b.transfers).map(|transfer| transfer.tx).collect();
        let homeless = left.into_iter().flat_map(by_transaction).filter(|logs| !held.contains(&logs[0].tx));
        self.mempool.extend(homeless);
        self.mine(rng, payees);
    }

    /// The chain gets shorter; what it loses waits to be mined again.
    pub fn shrink(&mut self, depth: u64) {
        let left = self.cut(depth);
        self.mempool.extend(left.into_iter().flat_map(by_transaction));
    }

    fn cut(&mut self, depth: u64) -> Vec<Block> {
        let keep = self.blocks.len() - usize::try_from(depth.min(self.loose())).unwrap();
        self.blocks.split_off(keep)
    }

    fn push(&mut self, transfers: Logs) {
        self.salt += 1;
        self.mined += 1;
        let height = self.blocks.len() as u64;
        self.highest = self.highest.max(height);
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&height.to_be_bytes());
        hash[8..16].copy_from_slice(&self.salt.to_be_bytes());
        let parent = self.blocks.last().map_or(BlockHash([0xff; 32]), |below| below.header.at.hash);
        let at = BlockRef { height: Height(height), hash: BlockHash(hash) };
        self.blocks.push(Block { header: Header { at, parent, time: Timestamp(height * 12) }, transfers });
    }
}

fn by_transaction(block: Block) -> Vec<Logs> {
    let mut transactions: Vec<Logs> = Vec::new();
    for transfer in block.transfers {
        match transactions.last_mut() {
            Some(logs) if logs[0].tx == transfer.tx => logs.push(transfer),
            _ => transactions.push(vec![transfer]),
        }
    }
    transactions
}

/// A contract may pay differently when its transaction is executed on another branch.
fn executed_again(mut logs: Logs, rng: &mut Rng) -> Logs {
    if rng.chance(70) {
        logs[0].amount = TokenAmount::of(MINIMUM + rng.below(1000));
    } else {
        let payee = logs[0].to;
        let last = logs.len() - 1;
        logs[0].to = logs[last].to;
        logs[last].to = if last > 0 { payee } else { Address([1; 20]) };
    }
    logs
}
