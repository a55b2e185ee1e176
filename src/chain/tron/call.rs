//! One question to one face of a node: sent within the endpoint's limits, counted, and its answer looked at for all the
//! ways in which a node says no, most of them with status 200.

use super::{TronSettings, errors};
use crate::{
    chain::{
        Doubt, SourceError,
        http::{HttpClient, HttpSetupError},
    },
    domain::{Address, Height, NetworkId, TxHash},
};

/// Whom a constant call comes from: no account, the contract does not look.
const NOBODY: &str = "410000000000000000000000000000000000000000";

/// Which of a node's two interfaces is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// `/wallet`: the newest blocks, which may still be replaced.
    Full,
    /// `/walletsolidity`: what is solidified, and nothing above it.
    Solid,
}

impl Face {
    /// The call that gives a block of this face, to name it in doubts.
    pub(super) fn block_path(self) -> &'static str {
        Call::Block.path(self)
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Block,
    Range,
    Infos,
    InfoById,
    Transaction,
    Pending,
    Constant,
}

impl Call {
    /// The path below the face's URL.
    pub(super) fn path(self, face: Face) -> &'static str {
        match (self, face) {
            (Self::Block, Face::Full) => "/wallet/getblock",
            (Self::Block, Face::Solid) => "/walletsolidity/getblock",
            (Self::Range, Face::Full) => "/wallet/getblockbylimitnext",
            (Self::Range, Face::Solid) => "/walletsolidity/getblockbylimitnext",
            (Self::Infos, Face::Full) => "/wallet/gettransactioninfobyblocknum",
            (Self::Infos, Face::Solid) => "/walletsolidity/gettransactioninfobyblocknum",
            (Self::InfoById, Face::Full) => "/wallet/gettransactioninfobyid",
            (Self::InfoById, Face::Solid) => "/walletsolidity/gettransactioninfobyid",
            (Self::Transaction, Face::Full) => "/wallet/gettransactionbyid",
            (Self::Transaction, Face::Solid) => "/walletsolidity/gettransactionbyid",
            // Only a full node has transactions that are in no block.
            (Self::Pending, Face::Full | Face::Solid) => "/wallet/gettransactionfrompending",
            (Self::Constant, Face::Full) => "/wallet/triggerconstantcontract",
            (Self::Constant, Face::Solid) => "/walletsolidity/triggerconstantcontract",
        }
    }
}

/// A question and where it goes.
#[derive(Clone, Debug)]
pub(super) struct Question {
    call: Call,
    body: String,
}

impl Question {
    /// The header at a height, or of the head.
    pub(super) fn header(at: Option<Height>) -> Self {
        let body = match at {
            Some(at) => format!(r#"{{"id_or_num":"{at}","detail":false}}"#),
            None => r#"{"detail":false}"#.to_owned(),
        };
        Self { call: Call::Block, body }
    }

    /// The block at a height with its transactions.
    pub(super) fn block(at: Height) -> Self {
        Self { call: Call::Block, body: format!(r#"{{"id_or_num":"{at}","detail":true}}"#) }
    }

    /// The blocks `from..=to` with their transactions; the node takes at most 100.
    pub(super) fn range(from: Height, to: Height) -> Self {
        Self { call: Call::Range, body: format!(r#"{{"startNum":{from},"endNum":{}}}"#, to.next()) }
    }

    /// What became of the transactions of a block.
    pub(super) fn infos(at: Height) -> Self {
        Self { call: Call::Infos, body: format!(r#"{{"num":{at}}}"#) }
    }

    /// What became of one transaction.
    pub(super) fn info(tx: TxHash) -> Self {
        Self { call: Call::InfoById, body: format!(r#"{{"value":"{}"}}"#, hex::encode(tx.0)) }
    }

    /// One transaction that is in a block.
    pub(super) fn transaction(tx: TxHash) -> Self {
        Self { call: Call::Transaction, ..Self::info(tx) }
    }

    /// One transaction that waits for a block.
    pub(super) fn pending(tx: TxHash) -> Self {
        Self { call: Call::Pending, ..Self::info(tx) }
    }

    /// What a contract says about its decimals.
    pub(super) fn decimals(token: Address) -> Self {
        let contract = hex::encode(token.0);
        let body = format!(
            r#"{{"owner_address":"{NOBODY}","contract_address":"41{contract}","function_selector":"decimals()"}}"#
        );
        Self { call: Call::Constant, body }
    }

    /// What a contract says an address has.
    pub(super) fn balance(token: Address, address: Address) -> Self {
        let (contract, owner) = (hex::encode(token.0), hex::encode(address.0));
        let body = format!(
            r#"{{"owner_address":"{NOBODY}","contract_address":"41{contract}","function_selector":"balanceOf(address)","parameter":"{owner:0>64}"}}"#
        );
        Self { call: Call::Constant, body }
    }
}

/// Both faces of one endpoint.
#[derive(Debug)]
pub(super) struct Calls {
    network: NetworkId,
    name: String,
    full: HttpClient,
    solid: HttpClient,
    /// Where [`Call::Range`] goes: its answers take another time than the others, and each client learns what is usual.
    ranges: HttpClient,
}

impl Calls {
    /// Clients that share connections and limits.
    pub(super) fn new(settings: &TronSettings) -> Result<Self, HttpSetupError> {
        let full = HttpClient::new(settings.full_url.clone(), settings.http.clone())?;
        Ok(Self {
            network: settings.network.clone(),
            name: settings.name.clone(),
            solid: full.at(settings.solid_url.clone()),
            ranges: full.at(settings.solid_url.clone()),
            full,
        })
    }

    /// The client of the full face, to make others that share its limits.
    pub(super) fn full(&self) -> &HttpClient {
        &self.full
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn network(&self) -> &NetworkId {
        &self.network
    }

    /// `doubt` with its place.
    pub(super) fn error(&self, doubt: Doubt) -> SourceError {
        SourceError { network: self.network.clone(), endpoint: self.name.clone(), doubt }
    }

    /// The body of the answer, which is no error.
    ///
    /// # Errors
    /// As [`HttpClient::post`], and what [`errors::doubt_of`] finds in the answer.
    pub(super) async fn ask(&self, face: Face, question: Question) -> Result<Vec<u8>, Doubt> {
        let path = question.call.path(face);
        let http = match (question.call, face) {
            (Call::Range, Face::Solid) => &self.ranges,
            (_, Face::Solid) => &self.solid,
            (_, Face::Full) => &self.full,
        };
        let answer = http.post(path, question.body.into_bytes(), 1).await;
        self.count(path.trim_start_matches('/'), answer.as_ref().err());
        let answer = answer?;
        errors::doubt_of(path, &answer).map_or(Ok(answer.body), Err)
    }

    fn count(&self, method: &'static str, doubt: Option<&Doubt>) {
        let outcome = doubt.map_or("answered", Doubt::kind);
        metrics::counter!("depositd_source_requests_total", "network" => self.network.to_string(),
            "source" => self.name.clone(), "method" => method, "outcome" => outcome)
        .increment(1);
    }
}

#[cfg(test)]
mod tests;
