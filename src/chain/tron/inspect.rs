//! One transaction as a node tells of it, to explain it: the transaction, its info and its block, each log judged by the
//! code that judges while following.

use serde::Deserialize;
use serde_json::Value;

use super::{
    TronMode, TronSource,
    call::{Face, Question},
    decode::{Digits, Scope},
    wire::{self, WireInfo, WireLog},
};
use crate::{
    chain::{
        Doubt,
        http::clean,
        transfer_log::{Skipped, flaw},
    },
    domain::{
        Address, Height, TxHash, TxView,
        explain::{LogKind, LogView, TxKind, TxOutcome, TxPlace},
    },
};

/// The call that gives a transaction.
const TRANSACTION: &str = "gettransactionbyid";
/// The call that gives its info.
const INFO: &str = "gettransactioninfobyid";
/// Longest word of a user's that is repeated, in characters.
const WORD_CHARS_MAX: usize = 40;

/// Calls between contracts, as far as they are looked at.
#[derive(Debug, Default, Deserialize)]
struct Inner {
    #[serde(default, rename = "internal_transactions")]
    calls: Vec<InnerCall>,
}

#[derive(Debug, Deserialize)]
struct InnerCall {
    #[serde(default)]
    rejected: bool,
}

impl TronSource {
    /// What this node says of a transaction.
    ///
    /// # Errors
    /// [`Doubt`]: parts that do not belong together prove nothing.
    pub(super) async fn view_of(&self, tx: TxHash) -> Result<TxView, Doubt> {
        let unknown = TxView::unknown(tx, self.calls.name());
        let face = self.face();
        let body = self.calls.ask(face, Question::transaction(tx)).await?;
        if wire::is_nothing(&body) {
            return Ok(self.waiting(tx).await.unwrap_or(unknown));
        }
        let transaction = read(TRANSACTION, tx, &body)?;
        let body = self.calls.ask(face, Question::info(tx)).await?;
        if wire::is_nothing(&body) {
            return Err(wire::malformed(INFO, "nothing of a transaction that the node has"));
        }
        let info: WireInfo<'_> = wire::read(INFO, format_args!("transaction {}", hex::encode(tx.0)), &body)?;
        if info.id.0 != tx.0 {
            return Err(wire::malformed(INFO, "another transaction"));
        }
        let Inner { calls } = wire::read(INFO, format_args!("inner calls"), &body)?;
        let count = |calls: usize| u32::try_from(calls).unwrap_or(u32::MAX);
        let height = Height(info.block_number);
        Ok(TxView {
            place: self.place_of(face, &info, height).await?,
            outcome: outcome(&transaction, &info),
            kind: kind(&transaction),
            logs: views(&info.logs, height, tx)?,
            inner_calls: count(calls.len()),
            inner_rejected: count(calls.iter().filter(|call| call.rejected).count()),
            ..unknown
        })
    }

    /// The transaction among those that wait for a block. Nodes that do not serve the question know none.
    async fn waiting(&self, tx: TxHash) -> Option<TxView> {
        if self.mode == TronMode::Solid {
            return None;
        }
        let body = self.calls.ask(Face::Full, Question::pending(tx)).await.ok()?;
        let found = Some(body).filter(|body| !wire::is_nothing(body))?;
        let transaction = read(TRANSACTION, tx, &found).ok()?;
        let kind = kind(&transaction);
        Some(TxView { place: TxPlace::Waiting, kind, ..TxView::unknown(tx, self.calls.name()) })
    }

    /// The block of an info, which names it by height and time only.
    async fn place_of(&self, face: Face, info: &WireInfo<'_>, height: Height) -> Result<TxPlace, Doubt> {
        let header = self.header_at(face, height).await?;
        if info.block_time / 1000 != header.time.0 {
            let what = format!("an info is of {} ms, the block {} of another time", info.block_time, header.at);
            return Err(Doubt::Disagreement(what));
        }
        let is_final = match face {
            Face::Solid => true,
            Face::Full => match self.header_at(Face::Solid, height).await {
                Ok(solid) => solid.at == header.at,
                Err(Doubt::Missing(_)) => false,
                Err(doubt) => return Err(doubt),
            },
        };
        Ok(TxPlace::Block { at: header.at, time: header.time, is_final })
    }
}

/// A transaction as loose JSON: most of it is what a user wrote, and may be absurd.
fn read(method: &'static str, tx: TxHash, body: &[u8]) -> Result<Value, Doubt> {
    let transaction: Value = wire::read(method, format_args!("transaction {}", hex::encode(tx.0)), body)?;
    let is_it = transaction["txID"].as_str() == Some(hex::encode(tx.0).as_str());
    if is_it { Ok(transaction) } else { Err(wire::malformed(method, "another transaction")) }
}

/// Both words must say success: what the block says, and what the node computed. A transaction that runs no code has
/// only the first.
fn outcome(transaction: &Value, info: &WireInfo<'_>) -> TxOutcome {
    let said = transaction["ret"][0]["contractRet"].as_str();
    let computed = info.receipt.result;
    let runs_code =
        matches!(contract(transaction)["type"].as_str(), Some("TriggerSmartContract" | "CreateSmartContract"));
    let computed_well = if runs_code { info.succeeded() } else { info.result != Some("FAILED") };
    if said == Some("SUCCESS") && computed_well {
        return TxOutcome::Succeeded;
    }
    let word = |word: Option<&str>| cut(word.unwrap_or("nothing"));
    let computed = computed.filter(|computed| *computed != "SUCCESS" || computed_well).or(info.result).or(computed);
    if said == computed {
        return TxOutcome::Failed(word(said));
    }
    TxOutcome::Failed(format!("{} in the block, {} in its info", word(said), word(computed)))
}

fn contract(transaction: &Value) -> &Value {
    &transaction["raw_data"]["contract"][0]
}

/// What the transaction asked for, leniently: a field that is not as it should be is left unsaid.
fn kind(transaction: &Value) -> TxKind {
    let contract = contract(transaction);
    let value = &contract["parameter"]["value"];
    let account = |field: &str| value[field].as_str().and_then(account);
    let name = contract["type"].as_str().map(cut);
    let known = match name.as_deref() {
        Some("TriggerSmartContract") => account("contract_address").map(TxKind::Call),
        Some("TransferContract") => account("to_address").map(TxKind::Coin),
        Some("TransferAssetContract") => {
            let asset = value["asset_name"].as_str().map(asset_name).unwrap_or_default();
            account("to_address").map(|to| TxKind::Asset(to, asset))
        }
        Some("CreateSmartContract") => Some(TxKind::Creation),
        _ => None,
    };
    known.or_else(|| name.map(TxKind::Other)).unwrap_or(TxKind::Unsaid)
}

/// 21 bytes in hex.
fn account(text: &str) -> Option<Address> {
    let mut bytes = [0; 20];
    hex::decode_to_slice(text.strip_prefix("41")?, &mut bytes).ok()?;
    Some(Address(bytes))
}

/// The name or number of a TRC-10 token, which nodes write in hex.
fn asset_name(text: &str) -> String {
    let decoded = hex::decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    cut(&decoded.unwrap_or_else(|| text.to_owned()))
}

fn cut(text: &str) -> String {
    clean(text).chars().take(WORD_CHARS_MAX).collect()
}

/// Every log of an info, as it would be judged were its contract listed.
fn views(logs: &[WireLog<'_>], at: Height, tx: TxHash) -> Result<Vec<LogView>, Doubt> {
    let address = |log: &WireLog<'_>| {
        let mut bytes = [0; 20];
        let fits = hex::decode_to_slice(log.address, &mut bytes);
        fits.map(|()| Address(bytes)).map_err(|_| wire::malformed(INFO, "a log address that is not 20 bytes of hex"))
    };
    let contracts = logs.iter().map(address).collect::<Result<Vec<_>, _>>()?;
    let mut tokens = contracts.clone();
    tokens.sort_unstable();
    tokens.dedup();
    let scope = Scope { digits: Digits::Bare, at, tokens: &tokens };
    let mut counts = Vec::new();
    let views = logs.iter().zip(contracts).map(|(log, contract)| {
        let kind = match scope.judge(log, tx, &mut counts)? {
            None => LogKind::Other,
            Some(judged) => match judged.found {
                Ok((transfer, _)) => LogKind::Transfer(transfer),
                Err(Skipped::ZeroValue) => LogKind::ZeroValue(judged.ordinal),
                Err(Skipped::Malformed) => LogKind::Malformed(judged.ordinal, flaw(judged.topics, judged.is_one_word)),
            },
        };
        Ok(LogView { contract, kind })
    });
    views.collect()
}

#[cfg(test)]
mod tests;
