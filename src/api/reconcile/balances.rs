//! What the tokens' contracts say addresses have, against their stored deposits.
//!
//! The chain goes on while this reads, so a balance and a sum may be of different moments. What does not fit is looked
//! at again: only what still does not fit is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use tonic::Code;

use super::{Job, News, PAGE_ROWS};
use crate::{
    api::status::Problem,
    domain::{
        Address, TokenAmount,
        recheck::{Deposited, Weighed},
    },
};

/// Addresses whose balances one comparison asks for.
const ADDRESSES_MAX: usize = 10_000;
/// Balances asked for at once.
const AT_ONCE: usize = 8;
/// Progress is told after so many.
const TOLD_EVERY: usize = 64;
/// How often what does not fit is looked at.
const ROUNDS: u32 = 3;
/// The pause between two looks: about a block.
const PAUSE: Duration = Duration::from_secs(3);
/// Between two looks at our own cursor.
const LOOK: Duration = Duration::from_millis(200);
/// And how often it is looked at before it is taken as it is.
const LOOKS: u32 = 150;

/// A token and who has it.
type Pair = (Address, Address);

/// One balance, compared.
#[derive(Clone, Debug)]
pub(super) struct Weighing {
    pub(super) token: Address,
    pub(super) address: Address,
    pub(super) balance: TokenAmount,
    pub(super) deposited: Deposited,
}

impl Weighing {
    pub(super) fn kind(&self) -> Weighed {
        Weighed::of(self.balance, self.deposited)
    }
}

/// What came of all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weighings {
    pub(super) compared: u64,
    pub(super) differences: u64,
}

impl Job {
    /// Compares the balances of the addresses asked for, or else of those that were `paid`.
    pub(super) async fn weigh(&self, paid: &BTreeSet<Address>) -> Result<Weighings, Problem> {
        let addresses = if self.addresses.is_empty() { paid } else { &self.addresses };
        if addresses.len() > ADDRESSES_MAX {
            let text = format!("more than {ADDRESSES_MAX} addresses were paid in this range: compare smaller ones");
            return Err(Problem::new(Code::FailedPrecondition, "RANGE_TOO_LARGE", text));
        }
        let tokens = self.spec.tokens.keys();
        let mut open: Vec<Pair> =
            tokens.flat_map(|token| addresses.iter().map(move |address| (*token, *address))).collect();
        let mut outcome = Weighings { compared: open.len() as u64, differences: 0 };
        for round in 1..=ROUNDS {
            let weighings = self.weigh_once(&open).await?;
            let is_done = |found: &Weighing| round == ROUNDS || !found.kind().is_difference(self.nothing_flows_out);
            for found in weighings.iter().filter(|found| is_done(found) && found.kind() != Weighed::Equal) {
                outcome.differences += u64::from(found.kind().is_difference(self.nothing_flows_out));
                self.tell(News::Balance(self.balance(found))).await?;
            }
            open = weighings.iter().filter(|found| !is_done(found)).map(|found| (found.token, found.address)).collect();
            if open.is_empty() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(outcome)
    }

    /// The balances first, and the sums once our cursor has reached the blocks they may be of: what is paid in between
    /// is then in the sums, if anything.
    async fn weigh_once(&self, pairs: &[Pair]) -> Result<Vec<Weighing>, Problem> {
        let balances = self.balances_of(pairs).await?;
        let head = self.again(|| self.api.0.recheck.head(&self.voice)).await?;
        for _ in 0..LOOKS {
            let network = self.spec.id.clone();
            let cursor = self.api.read(move |reader| reader.cursor(&network)).await?;
            if cursor.is_some_and(|cursor| cursor.tip.height >= head.best.height) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let mut sums = self.sums_of(pairs).await?;
        let weighing = |((token, address), balance): (Pair, TokenAmount)| {
            let deposited = sums.remove(&(token, address)).unwrap_or_default();
            Weighing { token, address, balance, deposited }
        };
        Ok(balances.into_iter().map(weighing).collect())
    }

    async fn balances_of(&self, pairs: &[Pair]) -> Result<Vec<(Pair, TokenAmount)>, Problem> {
        let (of, blocks) = (pairs.len() as u64, (self.to.0 - self.from.0).saturating_add(1));
        let mut found = Vec::with_capacity(pairs.len());
        for part in pairs.chunks(TOLD_EVERY) {
            let asked: Vec<_> = part.iter().map(|pair| self.balance_of(*pair)).collect();
            let told: Vec<_> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
            found.extend(told);
            self.tell(News::Progress(self.progress(blocks, found.len() as u64, of))).await?;
        }
        Ok(found)
    }

    fn balance_of(&self, pair: Pair) -> BoxFuture<'_, Result<(Pair, TokenAmount), Problem>> {
        let asked = async move {
            let balance = self.again(|| self.api.0.recheck.balance(&self.voice, pair.0, pair.1)).await?;
            Ok((pair, balance))
        };
        asked.boxed()
    }

    /// What is stored of these pairs. There is no index by address: all deposits of the network are read.
    async fn sums_of(&self, pairs: &[Pair]) -> Result<BTreeMap<Pair, Deposited>, Problem> {
        let mut sums: BTreeMap<Pair, Deposited> = pairs.iter().map(|pair| (*pair, Deposited::default())).collect();
        let mut after = None;
        loop {
            let (network, from) = (self.spec.id.clone(), after.take());
            let page = self.api.read(move |reader| reader.deposits_on(&network, from.as_ref(), PAGE_ROWS)).await?;
            for deposit in &page {
                if let Some(sum) = sums.get_mut(&(deposit.id.token, deposit.to)) {
                    sum.add(deposit);
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE_ROWS => after = Some(last.id.clone()),
                _ => return Ok(sums),
            }
        }
    }
}
