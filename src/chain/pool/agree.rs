//! Two endpoints read the same blocks; what differs is settled by receipts, a third endpoint, or waiting.

use std::{num::NonZeroU32, pin::pin};

use futures::future::{Either, select};

use super::{Pool, Told};
use crate::{
    chain::{ChainSource, Doubt, SourceError},
    domain::{
        Block, BlockRef, Confirmations, Deposit, DepositId, DepositState, EventVersion, Header, Height, Reason,
        Threshold, Transfer, UserMark,
    },
};

/// What one side lacks: a transfer, with the header of its block.
type Lack = (Header, Transfer);

impl<S: ChainSource> Pool<S> {
    /// Blocks both of two endpoints tell, or one alone while no second one answers.
    pub(super) async fn agreed_blocks(&self, from: Height, to: Height, near_head: bool) -> Result<Told, SourceError> {
        let witness = self.ready().get(1).copied();
        let second = async {
            let answer = self.ask(witness?, &|source: &S| source.blocks(from, to, near_head)).await;
            witness.zip(answer.ok())
        };
        let first = self.first_good(|source| source.blocks(from, to, near_head));
        let patience = if near_head { self.settings.witness_max } else { self.settings.witness_far_max };
        let (first, second) = match select(pin!(first), pin!(second)).await {
            Either::Left((first, second)) => {
                let second = tokio::time::timeout(patience, second).await;
                if let (Err(_), Some(witness)) = (&second, witness) {
                    let endpoint = &self.endpoints[witness];
                    let doubt = Doubt::Transport("no second opinion in time".to_owned());
                    self.note(endpoint, &self.doubt_at(endpoint, doubt));
                }
                (first, second.ok().flatten())
            }
            Either::Right((second, first)) => (first.await, second),
        };
        let (teller, told) = first?;
        let Some((witness, seen)) = second.filter(|(witness, _)| *witness != teller) else {
            metrics::counter!("depositd_blocks_unwitnessed_total", "network" => self.network.to_string())
                .increment(u64::try_from(told.len()).unwrap_or(u64::MAX));
            return Ok(Told { blocks: told, is_settled: false });
        };
        let blocks = self.settled((teller, told), (witness, seen), near_head).await?;
        Ok(Told { blocks, is_settled: true })
    }

    /// What holds of two endpoints' blocks.
    async fn settled(
        &self,
        (teller, told): (usize, Vec<Block>),
        (witness, seen): (usize, Vec<Block>),
        near_head: bool,
    ) -> Result<Vec<Block>, SourceError> {
        if told == seen {
            return Ok(told);
        }
        let headers = |blocks: &[Block]| blocks.iter().map(|block| block.header).collect::<Vec<_>>();
        if headers(&told) != headers(&seen) {
            return Err(self.disagreement(teller, witness, &told, &seen));
        }
        let (told_lacks, seen_lacks) = (lacks(&told, &seen), lacks(&seen, &told));
        // A shorter list is an omission if the endpoint's own receipts hold what its list does not.
        if told_lacks.is_empty() && self.proves_all(witness, &seen_lacks).await {
            self.omitted(witness, &seen_lacks);
            return Ok(told);
        }
        if seen_lacks.is_empty() && self.proves_all(teller, &told_lacks).await {
            self.omitted(teller, &told_lacks);
            return Ok(seen);
        }
        self.majority((teller, told), (witness, seen), near_head).await
    }

    /// Two against one, if there is a third that answers. A third that lists less, but holds receipts of what its list
    /// lacks, speaks for the fuller list.
    async fn majority(
        &self,
        (teller, told): (usize, Vec<Block>),
        (witness, seen): (usize, Vec<Block>),
        near_head: bool,
    ) -> Result<Vec<Block>, SourceError> {
        let disagreement = || self.disagreement(teller, witness, &told, &seen);
        let ends = told.first().zip(told.last()).map(|(low, high)| (low.header.at.height, high.header.at.height));
        let third = self.ready().into_iter().find(|i| *i != teller && *i != witness);
        let Some(((from, to), third)) = ends.zip(third) else { return Err(disagreement()) };
        let Ok(third_told) = self.ask(third, &|source: &S| source.blocks(from, to, near_head)).await else {
            return Err(disagreement());
        };
        let (with, ally, loser, other) = match &third_told {
            blocks if *blocks == told => (&told, teller, witness, &seen),
            blocks if *blocks == seen => (&seen, witness, teller, &told),
            _ => return Err(disagreement()),
        };
        let lacked = lacks(with, other);
        if !lacked.is_empty() && self.proves_all(third, &lacked).await {
            if !lacks(other, with).is_empty() {
                return Err(disagreement());
            }
            self.omitted(third, &lacked);
            self.omitted(ally, &lacked);
            return Ok(other.clone());
        }
        if lacked.is_empty() {
            self.omitted(loser, &lacks(other, with));
        } else {
            let doubt = Doubt::ForeignLog("logs that two other endpoints do not have".to_owned());
            self.note(&self.endpoints[loser], &self.doubt_at(&self.endpoints[loser], doubt));
        }
        Ok(third_told)
    }

    /// Whether the endpoint's own receipts hold every one of `lacks`.
    async fn proves_all(&self, i: usize, lacks: &[Lack]) -> bool {
        for (header, transfer) in lacks {
            let probe = self.probe(header, transfer);
            let answer = self.ask(i, &|source: &S| evidence_of(source, probe.clone())).await;
            if !matches!(answer, Ok(Some(evidence)) if evidence.supports(&probe)) {
                return false;
            }
        }
        true
    }

    /// A deposit as it would be if `transfer` were one: only what a receipt is compared with counts.
    fn probe(&self, header: &Header, transfer: &Transfer) -> Deposit {
        Deposit {
            by_hand: false,
            id: DepositId::of(&self.network, transfer),
            family: self.expected.family,
            from: transfer.from,
            to: transfer.to,
            amount: transfer.amount,
            included_at: header.at,
            block_time: header.time,
            state: DepositState::Detected,
            version: EventVersion::default(),
            unmatched_told: false,
            first_seen: header.at.height,
            app: "probe".parse().expect("a plain word is an app id"),
            user_mark: UserMark::parse("").expect("nothing is a mark"),
            order: None,
            reason: Reason::Pending,
            hold: None,
        }
    }

    /// Names and rests an endpoint that kept logs back.
    fn omitted(&self, i: usize, lacks: &[Lack]) {
        let height = lacks.first().map_or(Height(0), |(header, _)| header.at.height);
        let endpoint = &self.endpoints[i];
        self.note(endpoint, &self.doubt_at(endpoint, Doubt::OmittedLogs(height)));
    }

    fn disagreement(&self, teller: usize, witness: usize, told: &[Block], seen: &[Block]) -> SourceError {
        let at = told
            .iter()
            .zip(seen)
            .find(|(told, seen)| told != seen)
            .map(|(told, seen)| (told.header.at, seen.header.at));
        // One of them may have been moved to another chain: both say first what they are.
        self.endpoints[teller].suspected();
        self.endpoints[witness].suspected();
        let names = (self.endpoints[teller].source.name(), self.endpoints[witness].source.name());
        let what = at.map_or_else(
            || format!("{} and {} tell of different heights", names.0, names.1),
            |(told, seen): (BlockRef, BlockRef)| {
                format!("{} has {told}, {} has {seen}, or the logs in it differ", names.0, names.1)
            },
        );
        let error = self.doubt_at(&self.endpoints[witness], Doubt::Disagreement(what));
        self.note(&self.endpoints[witness], &error);
        error
    }
}

/// Owns its question, so that the future does not borrow from the caller's closure.
async fn evidence_of<S: ChainSource>(
    source: &S,
    deposit: Deposit,
) -> Result<Option<crate::domain::Evidence>, SourceError> {
    source.evidence(&deposit, Threshold::Confirmations(Confirmations(NonZeroU32::MIN))).await
}

/// What `blocks` lacks of `other`; both have the same headers.
fn lacks(blocks: &[Block], other: &[Block]) -> Vec<Lack> {
    let pairs = blocks.iter().zip(other);
    let missing = pairs.flat_map(|(block, other)| {
        let absent = other.transfers.iter().filter(|transfer| !block.transfers.contains(transfer));
        absent.map(|transfer| (other.header, *transfer))
    });
    missing.collect()
}
