//! What a token's contract says an address has.

use super::{TronSource, call::Question, whole};
use crate::{
    chain::{BalanceSource, Doubt, SourceError},
    domain::{Address, TokenAmount},
};

impl TronSource {
    async fn balance_of(&self, token: Address, address: Address) -> Result<TokenAmount, Doubt> {
        let body = self.calls.ask(self.face(), Question::balance(token, address)).await?;
        whole::balance(&body)
    }
}

impl BalanceSource for TronSource {
    async fn balance(&self, token: Address, address: Address) -> Result<TokenAmount, SourceError> {
        self.balance_of(token, address).await.map_err(|doubt| self.calls.error(doubt))
    }
}
