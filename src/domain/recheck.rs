//! Comparing what is stored with what the chain says, transfer by transfer. Nothing here asks anybody or changes
//! anything.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Address, Block, BlockHash, BlockRef, Deposit, DepositId, DepositState, Height, Holding, NetworkId, Order, Scan,
    Since, Timestamp, TokenAmount, Transfer,
};

/// What is known of an owned address on one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Whose it is, and what watches it.
    pub holding: Holding,
    /// The order it expects, or the one it expected last.
    pub order: Option<Order>,
    /// The scan of its past that is not done yet.
    pub scan: Option<Scan>,
}

/// How a transfer and a stored deposit differ. Where they differ in several ways, it is the first of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// A transfer to an address that was watched at that height is not stored.
    MissingInStore,
    /// A stored deposit is not on the chain.
    NotOnChain,
    /// On the chain; the stored deposit says that it left it.
    State,
    /// Different amounts.
    Amount,
    /// Different senders or recipients.
    Parties,
    /// Different blocks.
    Block,
}

/// A transfer as the chain has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The block.
    pub at: BlockRef,
    /// Time of that block.
    pub time: Timestamp,
    /// Who paid.
    pub from: Address,
    /// Who was paid.
    pub to: Address,
    /// How much.
    pub amount: TokenAmount,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The transfer.
    pub id: DepositId,
    /// How both sides differ.
    pub mismatch: Mismatch,
    /// What the chain says; `None` if it is not there.
    pub chain: Option<Seen>,
    /// What the store says; `None` if it is not there.
    pub store: Option<Deposit>,
}

/// Sums of one token, in base units; they end at 2^256 − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sums {
    /// What the chain says was paid to watched addresses.
    pub chain: TokenAmount,
    /// What the stored deposits say.
    pub store: TokenAmount,
}

/// What was compared so far.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Totals {
    /// Blocks.
    pub blocks: u64,
    /// Transfers on the chain that are, or should be, stored.
    pub on_chain: u64,
    /// Stored deposits that did not leave the chain.
    pub in_store: u64,
    /// Transfers to owned addresses that need not be stored: they are older than the watch, or a scan has yet to reach
    /// them.
    pub not_covered: u64,
    /// Differences.
    pub differences: u64,
    /// Sums by the token's contract.
    pub sums: BTreeMap<Address, Sums>,
}

/// What the store holds about the transfers of some blocks.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// The stored deposits among them.
    pub deposits: BTreeMap<DepositId, Deposit>,
    /// The owned addresses among their recipients.
    pub watched: BTreeMap<Address, Watched>,
}

/// Blocks that do not continue what was compared before: the endpoint tells another history now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block {0} does not continue the blocks read before it")]
pub struct Torn(pub Height);

/// A comparison under way: blocks are given to it one after the other, each with what the store holds about it.
#[derive(Clone, Debug)]
pub struct Recheck {
    network: NetworkId,
    from: Height,
    to: Height,
    next: Height,
    last: Option<BlockHash>,
    /// Deposits stored in the range that have not been met on the chain.
    unmet: BTreeSet<DepositId>,
    /// Watched addresses that were paid in the range.
    paid: BTreeSet<Address>,
    totals: Totals,
}

impl Recheck {
    /// A comparison of the blocks `from..=to`; nothing is stored in them yet.
    pub fn new(network: NetworkId, from: Height, to: Height) -> Self {
        let (unmet, paid, totals) = (BTreeSet::new(), BTreeSet::new(), Totals::default());
        Self { network, from, to, next: from, last: None, unmet, paid, totals }
    }

    /// Takes note of a stored deposit, which must be met on the chain if it lies in the range.
    pub fn expect(&mut self, deposit: &Deposit) {
        if self.is_inside(deposit) {
            self.paid.insert(deposit.to);
            self.unmet.insert(deposit.id.clone());
        }
    }

    fn is_inside(&self, deposit: &Deposit) -> bool {
        let range = self.from..=self.to;
        deposit.state != DepositState::Orphaned && range.contains(&deposit.included_at.height)
    }

    /// How many deposits have been expected and not met.
    pub fn unmet(&self) -> impl ExactSizeIterator<Item = &DepositId> {
        self.unmet.iter()
    }

    /// Watched addresses that were paid, by the chain or by the store.
    pub fn paid(&self) -> &BTreeSet<Address> {
        &self.paid
    }

    /// What was compared so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The next height to compare; `None` when all are.
    pub fn next(&self) -> Option<Height> {
        (self.next <= self.to).then_some(self.next)
    }

    /// Compares the next blocks.
    ///
    /// # Errors
    /// [`Torn`]: they do not continue those before; start again.
    pub fn step(&mut self, blocks: &[Block], held: &Held) -> Result<Vec<Difference>, Torn> {
        let mut found = Vec::new();
        for block in blocks {
            let header = &block.header;
            let is_next = header.at.height == self.next && self.last.is_none_or(|last| last == header.parent);
            if !is_next {
                return Err(Torn(header.at.height));
            }
            (self.next, self.last) = (header.at.height.next(), Some(header.at.hash));
            self.totals.blocks += 1;
            found.extend(block.transfers.iter().filter_map(|transfer| self.compare(block, transfer, held)));
        }
        self.totals.differences += found.len() as u64;
        Ok(found)
    }

    fn compare(&mut self, block: &Block, transfer: &Transfer, held: &Held) -> Option<Difference> {
        let id = DepositId::of(&self.network, transfer);
        let (stored, watched) = (held.deposits.get(&id), held.watched.get(&transfer.to));
        let mismatch = match stored {
            Some(deposit) => {
                self.unmet.remove(&id);
                mismatch(block.header.at, transfer, deposit, watched)?
            }
            None if watched?.covers(block) => Some(Mismatch::MissingInStore),
            None => {
                self.totals.not_covered += 1;
                return None;
            }
        };
        self.paid.insert(transfer.to);
        self.totals.on_chain += 1;
        add(&mut self.totals.sums.entry(transfer.token).or_default().chain, transfer.amount);
        if let Some(deposit) = stored.filter(|deposit| deposit.state != DepositState::Orphaned) {
            self.count_stored(deposit);
        }
        let Transfer { from, to, amount, .. } = *transfer;
        let chain = Some(Seen { at: block.header.at, time: block.header.time, from, to, amount });
        mismatch.map(|mismatch| Difference { id, mismatch, chain, store: stored.cloned() })
    }

    fn count_stored(&mut self, deposit: &Deposit) {
        self.totals.in_store += 1;
        add(&mut self.totals.sums.entry(deposit.id.token).or_default().store, deposit.amount);
    }

    /// Ends the comparison. `left` are the rows of what was not met, as they are now.
    pub fn finish(&mut self, left: Vec<Deposit>) -> Vec<Difference> {
        let left: Vec<Deposit> = left.into_iter().filter(|deposit| self.is_inside(deposit)).collect();
        left.iter().for_each(|deposit| self.count_stored(deposit));
        self.totals.differences += left.len() as u64;
        let lost = |deposit: Deposit| {
            let id = deposit.id.clone();
            Difference { id, mismatch: Mismatch::NotOnChain, chain: None, store: Some(deposit) }
        };
        left.into_iter().map(lost).collect()
    }
}

/// How a stored deposit differs from its transfer, if it does. `None`: the transfer is nobody's any more, and the deposit
/// says so.
#[expect(clippy::option_option, reason = "the outer one says whether there is anything to compare")]
fn mismatch(
    at: BlockRef,
    transfer: &Transfer,
    deposit: &Deposit,
    watched: Option<&Watched>,
) -> Option<Option<Mismatch>> {
    if deposit.state == DepositState::Orphaned {
        return watched.map(|_| Some(Mismatch::State));
    }
    let ways = [
        (deposit.amount != transfer.amount, Mismatch::Amount),
        ((deposit.from, deposit.to) != (transfer.from, transfer.to), Mismatch::Parties),
        (deposit.included_at != at, Mismatch::Block),
    ];
    Some(ways.into_iter().find(|(differs, _)| *differs).map(|(_, mismatch)| mismatch))
}

impl Watched {
    /// Whether a transfer in `block` must be stored: following the chain covers it, or a scan that is done.
    fn covers(&self, block: &Block) -> bool {
        let network = &self.holding.network;
        let line =
            self.order.as_ref().and_then(|order| order.line(network)).map(|line| (line.effective_from, line.since));
        let watch = self.holding.standing.map(|watch| (watch.effective_from, watch.since));
        let (height, time) = (block.header.at.height, block.header.time);
        let is_old = |since: Option<Since>| since.is_some_and(|since| since.covers(height, time));
        let is_read = |from: Height, since: Option<Since>| from <= height || (is_old(since) && self.is_scanned(height));
        line.into_iter().chain(watch).any(|(from, since)| is_read(from, since))
    }

    /// Whether no scan has yet to reach this height.
    fn is_scanned(&self, height: Height) -> bool {
        self.scan.as_ref().is_none_or(|scan| height > scan.to || scan.next.is_some_and(|next| height < next))
    }
}

/// What an address has by its stored deposits of one token, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Deposited {
    /// Everything that is on the chain, credited or not.
    pub all: TokenAmount,
    /// What of it stands credited.
    pub credited: TokenAmount,
}

impl Deposited {
    /// Adds a stored deposit. One that left the chain, or that somebody sent to himself, moved nothing.
    pub fn add(&mut self, deposit: &Deposit) {
        if deposit.state == DepositState::Orphaned || deposit.from == deposit.to {
            return;
        }
        add(&mut self.all, deposit.amount);
        if deposit.is_credited() {
            add(&mut self.credited, deposit.amount);
        }
    }
}

/// How a balance compares with the stored deposits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighed {
    /// It is their sum.
    Equal,
    /// It is higher: money the store does not know of.
    Unexplained,
    /// It is lower: money flowed out.
    FlowedOut,
}

impl Weighed {
    /// Compares.
    pub fn of(balance: TokenAmount, deposited: Deposited) -> Self {
        match balance.cmp(&deposited.all) {
            std::cmp::Ordering::Less => Self::FlowedOut,
            std::cmp::Ordering::Equal => Self::Equal,
            std::cmp::Ordering::Greater => Self::Unexplained,
        }
    }

    /// Whether this is a difference, where it is known whether anything is ever sent from the address.
    pub fn is_difference(self, nothing_flows_out: bool) -> bool {
        match self {
            Self::Equal => false,
            Self::Unexplained => true,
            Self::FlowedOut => nothing_flows_out,
        }
    }
}

fn add(sum: &mut TokenAmount, amount: TokenAmount) {
    *sum = sum.checked_add(amount).unwrap_or(TokenAmount::MAX);
}

#[cfg(test)]
mod tests;
