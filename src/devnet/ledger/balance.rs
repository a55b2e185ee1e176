//! What accounts have, counted from what was moved: payers need no money here.

use super::Ledger;
use crate::{
    devnet::{block::SimBlock, tx::TRANSFER_TOPIC},
    domain::{Address, TokenAmount},
};

impl Ledger {
    /// What `account` has of `token` at the end of the chain: what it received less what it sent, and nothing if it sent
    /// more. Every block is looked at.
    pub fn balance(&self, token: Address, account: Address) -> TokenAmount {
        let (mut received, mut sent) = (TokenAmount::ZERO, TokenAmount::ZERO);
        for block in &self.line {
            for (from, to, amount) in moved(block, token) {
                for (sum, _) in [(&mut received, to), (&mut sent, from)].into_iter().filter(|(_, who)| *who == account)
                {
                    *sum = sum.checked_add(amount).unwrap_or(TokenAmount::MAX);
                }
            }
        }
        received.checked_sub(sent).unwrap_or_default()
    }
}

/// Sender, recipient and amount of each transfer of `token`.
fn moved(block: &SimBlock, token: Address) -> impl Iterator<Item = (Address, Address, TokenAmount)> {
    let good = block.txs.iter().filter(|tx| tx.succeeded).flat_map(|tx| &tx.logs);
    good.filter(move |log| log.address == token).filter_map(|log| {
        let ([topic, from, to], Ok(amount)) = (log.topics.as_slice(), log.data.as_slice().try_into()) else {
            return None;
        };
        let address = |word: &[u8; 32]| word.last_chunk().copied().map(Address);
        (*topic == TRANSFER_TOPIC).then_some((address(from)?, address(to)?, TokenAmount::from_bytes(amount)))
    })
}
