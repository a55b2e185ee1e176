//! Questions where the number of endpoints counts: evidence before a credit, and where our chain left theirs.

use std::time::Instant;

use futures::future::join_all;

use super::Pool;
use crate::{
    chain::{ChainSource, Doubt, SourceError},
    domain::{BlockRef, Deposit, Evidence, Need, Threshold},
};

/// Most endpoints asked for evidence of one deposit.
const WITNESSES_MAX: usize = 2;

/// What the endpoints say about a deposit that is about to be credited.
#[derive(Clone, Debug)]
pub enum EvidenceVerdict {
    /// Enough endpoints hold the receipt just as the deposit says, and none that was asked contradicts.
    Agreed(Evidence),
    /// An endpoint that has a block at that height has another one, no such receipt, or another content. Credit nothing;
    /// ask again after the next blocks: a reorg explains it, or a lying endpoint.
    Contradicted(String),
    /// Too few answered, or one that keeps moving is not at the block yet. Unreachable and frozen endpoints count
    /// neither way. Ask again.
    NotYet(SourceError),
}

/// What the endpoints report at the height of one of our blocks. Resting endpoints are not asked and count as silent.
/// Lagging ones have no voice: what stopped on a branch that the others left would hold us there for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForkVote {
    /// Report our hash.
    pub ours: usize,
    /// Report another hash.
    pub others: usize,
    /// Say that they have no block there.
    pub missing: usize,
    /// Gave no usable answer, or rest.
    pub silent: usize,
}

/// One endpoint's word.
enum Word {
    Supports(Evidence),
    Contradicts(String),
    /// It is on its way to the block, and will say then whether it has it too.
    NotThereYet(SourceError),
    Nothing(SourceError),
}

impl<S: ChainSource> Pool<S> {
    /// Reads the receipt of `deposit` again: from endpoints in order until two gave an answer that counts, or all were
    /// asked. [`EvidenceVerdict::Agreed`] needs one that supports it (two where a second source is needed) and none that
    /// contradicts among those asked. It waits for an endpoint whose head moves but is still below the block: otherwise
    /// one that runs ahead with invented blocks would be its own and only witness.
    pub async fn evidence(&self, deposit: &Deposit, need: Need) -> EvidenceVerdict {
        let threshold = need.threshold;
        let needed = if need.second_source { 2 } else { 1 };
        let mut supports = Vec::new();
        let mut silence = None;
        for i in self.ready() {
            match self.word(i, deposit, threshold).await {
                Word::Supports(evidence) => supports.push(evidence),
                Word::Contradicts(what) => return EvidenceVerdict::Contradicted(what),
                Word::NotThereYet(error) => return EvidenceVerdict::NotYet(error),
                Word::Nothing(error) => silence = Some(error),
            }
            if supports.len() == WITNESSES_MAX {
                break;
            }
        }
        let under = Need { threshold, second_source: supports.len() >= WITNESSES_MAX };
        if supports.len() >= needed
            && let Some(evidence) = supports.pop()
        {
            return EvidenceVerdict::Agreed(Evidence { under, ..evidence });
        }
        EvidenceVerdict::NotYet(silence.unwrap_or_else(|| self.nobody()))
    }

    async fn word(&self, i: usize, deposit: &Deposit, threshold: Threshold) -> Word {
        let name = self.endpoints[i].source.name();
        let answer = self.ask(i, &|source: &S| receipt(source, deposit.clone(), threshold)).await;
        match answer {
            Ok(Some(evidence)) if evidence.supports(deposit) => Word::Supports(evidence),
            Ok(Some(evidence)) => {
                Word::Contradicts(format!("{name} has the transfer in another form or in block {}", evidence.at))
            }
            Ok(None) => self.absence(i, deposit).await,
            Err(error) if self.is_on_its_way(i, &error) => Word::NotThereYet(error),
            Err(error) => Word::Nothing(error),
        }
    }

    /// No receipt is a contradiction only from an endpoint that has the block.
    async fn absence(&self, i: usize, deposit: &Deposit) -> Word {
        let name = self.endpoints[i].source.name();
        let at = deposit.included_at;
        match self.ask(i, &|source: &S| source.headers(at.height, at.height)).await {
            Ok(headers) if headers.iter().any(|header| header.at == at) => {
                Word::Contradicts(format!("{name} has block {at} but not the transfer"))
            }
            Ok(_) => Word::Contradicts(format!("{name} has another block at {}", at.height)),
            Err(error) if self.is_on_its_way(i, &error) => Word::NotThereYet(error),
            Err(error) => Word::Nothing(error),
        }
    }

    /// Whether an endpoint that does not have the block will have it.
    fn is_on_its_way(&self, i: usize, error: &SourceError) -> bool {
        let is_missing = matches!(error.doubt, Doubt::Missing(_));
        is_missing && self.endpoints[i].is_moving(Instant::now(), self.settings.moving_for)
    }

    /// How many endpoints report `at` at its height, those included that lag: one far behind the head still knows what
    /// is old.
    pub async fn holders(&self, at: BlockRef) -> usize {
        let asked = self.ready().into_iter();
        let asked = asked.map(|i| async move { self.ask(i, &|source: &S| source.headers(at.height, at.height)).await });
        let answers = join_all(asked).await;
        answers.iter().flatten().filter(|headers| headers.iter().any(|header| header.at == at)).count()
    }

    pub(super) async fn fork_vote(&self, at: BlockRef) -> ForkVote {
        let ready = self.ready();
        let resting = self.endpoints.len() - ready.len();
        let in_step = ready.into_iter().filter(|i| !self.endpoints[*i].is_lagging());
        let asked =
            in_step.map(|i| async move { self.ask(i, &|source: &S| source.headers(at.height, at.height)).await });
        let answers = join_all(asked).await;
        let mut vote = ForkVote { silent: resting, ..ForkVote::default() };
        for answer in answers {
            match answer {
                Ok(headers) if headers.iter().any(|header| header.at == at) => vote.ours += 1,
                Ok(_) => vote.others += 1,
                Err(SourceError { doubt: Doubt::Missing(_), .. }) => vote.missing += 1,
                Err(_) => vote.silent += 1,
            }
        }
        vote
    }
}

/// Owns its question, so that the future does not borrow from the caller's closure.
async fn receipt<S: ChainSource>(
    source: &S,
    deposit: Deposit,
    threshold: Threshold,
) -> Result<Option<Evidence>, SourceError> {
    source.evidence(&deposit, threshold).await
}
