//! Single questions: who a node is, where its head is, and whether a deposit is still there.

use super::{
    TronMode, TronSource,
    call::{Face, Question},
    header, whole,
};
use crate::{
    chain::{Doubt, Identity},
    domain::{Address, BlockHash, Deposit, Evidence, Family, Head, Header, Height, Need, Threshold},
};

impl TronSource {
    /// Every face must serve the same chain, and its number must be the tail of its genesis id.
    pub(super) async fn identity(&self) -> Result<Identity, Doubt> {
        let genesis = self.genesis_id(Face::Solid).await?;
        if self.mode == TronMode::HeadAndSolid {
            let full = self.genesis_id(Face::Full).await?;
            if full != genesis {
                let what = format!("/wallet has genesis {}, /walletsolidity {}", plain(full), plain(genesis));
                return Err(Doubt::OtherChain(what));
            }
        }
        let [.., a, b, c, d] = genesis.0;
        let chain_id = u64::from(u32::from_be_bytes([a, b, c, d]));
        if let Some(receipts) = &self.receipts {
            let reported = receipts.chain_id().await?;
            if reported != chain_id {
                let what =
                    format!("JSON-RPC has chain id {reported}, the genesis {} ends in {chain_id}", plain(genesis));
                return Err(Doubt::OtherChain(what));
            }
        }
        Ok(Identity { chain_id, genesis })
    }

    async fn genesis_id(&self, face: Face) -> Result<BlockHash, Doubt> {
        Ok(self.header_at(face, Height(0)).await?.at.hash)
    }

    /// One after the other: a solidified block read first cannot lie above the head read after it, unless they come
    /// from two nodes of which one is behind.
    pub(super) async fn head_now(&self) -> Result<Head, Doubt> {
        let solid = self.newest(Face::Solid).await?;
        if self.mode == TronMode::Solid {
            return Ok(Head::of(solid, Some(solid)));
        }
        let best = self.newest(Face::Full).await?;
        if solid.at.height > best.at.height {
            return Err(Doubt::Lagging { head: best.at.height, verified: solid.at.height });
        }
        if solid.at.height == best.at.height && solid.at != best.at {
            let what = format!("the head {} is not the solidified block {}", best.at, solid.at);
            return Err(Doubt::Disagreement(what));
        }
        Ok(Head::of(best, Some(solid)))
    }

    async fn newest(&self, face: Face) -> Result<Header, Doubt> {
        let body = self.calls.ask(face, Question::header(None)).await?;
        Ok(header::read(face.block_path(), &body, None, self.block_ids)?.value)
    }

    /// An info names its block by height only, so the block at that height is read first. Another block there is an
    /// answer: it contradicts the deposit whatever the infos say.
    pub(super) async fn evidence_of(&self, deposit: &Deposit, threshold: Threshold) -> Result<Option<Evidence>, Doubt> {
        let face = match threshold {
            Threshold::Finalized => Face::Solid,
            Threshold::Confirmations(_) => self.face(),
        };
        let header = self.header_at(face, deposit.included_at.height).await?;
        let evidence = |from, to, amount| Evidence {
            under: Need::WEAKEST,
            id: deposit.id.clone(),
            at: header.at,
            from,
            to,
            amount,
        };
        if header.at != deposit.included_at {
            return Ok(Some(evidence(deposit.from, deposit.to, deposit.amount)));
        }
        let body = self.calls.ask(face, Question::info(deposit.id.tx)).await?;
        let found = whole::info(&body, &deposit.id, &header)?;
        Ok(found.map(|transfer| evidence(transfer.from, transfer.to, transfer.amount)))
    }

    pub(super) async fn decimals_of(&self, token: Address) -> Result<u8, Doubt> {
        let body = self.calls.ask(self.face(), Question::decimals(token)).await?;
        whole::decimals(&body).map_err(|doubt| {
            let Doubt::Malformed { method, what } = doubt else { return doubt };
            Doubt::Malformed { method, what: format!("token {}: {what}", token.text(Family::Tron)) }
        })
    }
}

/// As the network writes it.
fn plain(id: BlockHash) -> String {
    id.text(Family::Tron)
}

#[cfg(test)]
mod tests;
