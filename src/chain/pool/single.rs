//! One endpoint of a network, by its configured name: for those who compare what it says with what is stored. Only its
//! identity is checked; it need not agree with anybody, and how it answers is not held against it, so that a comparison
//! does not disturb the following of the chain.

use std::future::Future;

use super::Pool;
use crate::{
    chain::{BalanceSource, ChainSource, Doubt, SourceError},
    domain::{Address, Block, Head, Height, TokenAmount},
};

impl<S: ChainSource> Pool<S> {
    /// The endpoints' configured names, the preferred first.
    pub fn endpoint_names(&self) -> Vec<String> {
        self.endpoints.iter().map(|endpoint| endpoint.source.name().to_owned()).collect()
    }

    /// What the endpoint of this name claims to be its newest blocks.
    ///
    /// # Errors
    /// What the endpoint's answer lacks; [`Doubt::OtherChain`] if it serves another network. So for every method here.
    pub async fn head_from(&self, endpoint: &str) -> Result<Head, SourceError> {
        self.ask_alone(endpoint, S::head).await
    }

    /// Blocks `from..=to` as the endpoint of this name has them, read by range.
    ///
    /// # Errors
    /// As [`Pool::head_from`].
    pub async fn blocks_from(&self, endpoint: &str, from: Height, to: Height) -> Result<Vec<Block>, SourceError> {
        self.ask_alone(endpoint, |source| source.blocks(from, to, false)).await
    }

    async fn ask_alone<'a, T, F, Fut>(&'a self, name: &str, ask: F) -> Result<T, SourceError>
    where
        F: FnOnce(&'a S) -> Fut + Send,
        Fut: Future<Output = Result<T, SourceError>> + Send,
        T: Send,
    {
        let Some(endpoint) = self.endpoints.iter().find(|endpoint| endpoint.source.name() == name) else {
            let doubt = Doubt::Transport("no endpoint of this name is configured".to_owned());
            return Err(SourceError { network: self.network.clone(), endpoint: name.to_owned(), doubt });
        };
        self.ensure_verified(endpoint).await?;
        ask(&endpoint.source).await
    }
}

impl<S: BalanceSource> Pool<S> {
    /// How much of a token the address has now, as the endpoint of this name says.
    ///
    /// # Errors
    /// As [`Pool::head_from`].
    pub async fn balance_from(
        &self,
        endpoint: &str,
        token: Address,
        address: Address,
    ) -> Result<TokenAmount, SourceError> {
        self.ask_alone(endpoint, |source| source.balance(token, address)).await
    }
}
