//! One transaction, from whichever endpoint knows it.

use super::{Pool, health::Endpoint};
use crate::{
    chain::{ChainSource, Doubt, SourceError},
    domain::{TxHash, TxView, explain::TxPlace},
};

impl<S: ChainSource> Pool<S> {
    /// What the first endpoint that has the transaction in a block says of it; else the first that knows it at all; else
    /// the first that answers. Endpoints of another chain are not asked, nor those that rest. Which transaction is asked
    /// for is up to people, so that a strange answer is not held against the endpoint: whoever asks for enough of them
    /// would stop the following of the chain.
    ///
    /// # Errors
    /// The last doubt if nobody answers.
    pub async fn inspect(&self, tx: TxHash) -> Result<TxView, SourceError> {
        let mut best: Option<TxView> = None;
        let mut last = None;
        for i in self.ready() {
            match self.inspect_at(&self.endpoints[i], tx).await {
                Ok(view) if view.block().is_some() => return Ok(view),
                Ok(view) => {
                    let knows_more = |best: &TxView| best.place == TxPlace::Unknown && view.place != TxPlace::Unknown;
                    if best.as_ref().is_none_or(knows_more) {
                        best = Some(view);
                    }
                }
                Err(error) => last = Some(error),
            }
        }
        match (best, last) {
            (Some(view), _) => Ok(view),
            (None, Some(error)) => Err(error),
            (None, None) => Err(self.nobody()),
        }
    }

    async fn inspect_at(&self, endpoint: &Endpoint<S>, tx: TxHash) -> Result<TxView, SourceError> {
        self.ensure_verified(endpoint).await?;
        let answer = endpoint.source.inspect(tx).await;
        // A wish to be left alone is honoured whoever it was that asked.
        if let Err(error @ SourceError { doubt: Doubt::Throttled { .. }, .. }) = &answer {
            self.note(endpoint, error);
        }
        answer
    }
}

#[cfg(test)]
mod tests;
