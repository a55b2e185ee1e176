//! `/jsonrpc` of a TRON node: what it has of Ethereum's calls. `eth_getLogs` only answers errors here: it can lose logs
//! silently, so nobody may build on it.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    devnet::{
        block::SimBlock,
        call::{Call, RpcError, block_hash, param, refusal, text},
        control,
        trouble::{Garble, Trouble},
    },
    domain::{Height, TxHash},
};

use super::{
    face::{Face, Side, View},
    render_rpc,
};

/// An id nobody asked under.
const WRONG_ID: &str = "987654321";

/// What one call was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// `/`: control calls only.
    Control,
    /// `/jsonrpc`.
    Rpc,
}

/// The answer to one call, as text with its id.
pub(super) fn answer(face: &Face, door: Door, call: &Call<'_>, trouble: &Trouble) -> String {
    let id = match trouble.garble {
        Garble::WrongId => WRONG_ID,
        Garble::Nothing | Garble::CutJson | Garble::Html | Garble::CutBody => call.id_text(),
    };
    let outcome = match call.method.strip_prefix("dev_") {
        Some(verb) if face.options.control => control::run(&face.ledger, &face.trouble, verb, &call.params),
        Some(_) | None if door == Door::Rpc => ask(face, &call.method, &call.params, trouble),
        Some(_) | None => Err(unknown(&call.method)),
    };
    match outcome {
        Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
        Err(error) => refusal(id, error.code, &error.message),
    }
}

fn unknown(method: &str) -> RpcError {
    RpcError { code: -32601, message: format!("the method {method} does not exist/is not available") }
}

fn ask(face: &Face, method: &str, params: &[Value], trouble: &Trouble) -> Result<String, RpcError> {
    let view = face.view(trouble, Side::Full);
    let chain_id = || trouble.chain_id.unwrap_or_else(|| face.ledger.lock().chain_id());
    match method {
        // The same number in the same form: other chains answer `net_version` in decimal.
        "eth_chainId" | "net_version" => Ok(format!("\"{:#x}\"", chain_id())),
        "eth_blockNumber" => Ok(format!("\"{:#x}\"", view.head().at.height.0)),
        "eth_getBlockByNumber" => header(&view, by_number(&view, param(params, 0)?)?, params),
        "eth_getBlockByHash" => header(&view, view.by_id(block_hash(param(params, 0)?)?), params),
        "eth_getTransactionReceipt" => {
            let hash = text(param(params, 0)?).and_then(|text| TxHash::parse(text).ok());
            let hash = hash.ok_or_else(|| RpcError::params("invalid hash value"))?;
            let found = view.including(hash.0);
            Ok(found.map_or("null".into(), |(block, place)| render_rpc::receipt(&block, place)))
        }
        "eth_getBlockReceipts" if face.options.knows_receipts => {
            let which = param(params, 0)?;
            let block = match text(which).filter(|text| text.len() == 66) {
                Some(_) => view.by_id(block_hash(which)?),
                None => by_number(&view, which)?,
            };
            let block = block.filter(|block| block.at.height > Height(0));
            Ok(block.map_or("null".into(), |block| render_rpc::receipts(&block)))
        }
        "eth_getLogs" => Err(RpcError { code: -32000, message: "eth_getLogs is not served: it may lose logs".into() }),
        method => Err(unknown(method)),
    }
}

fn by_number(view: &View<'_>, which: &Value) -> Result<Option<Arc<SimBlock>>, RpcError> {
    let which = text(which).ok_or_else(|| RpcError::params("invalid block number"))?;
    match which {
        "latest" => Ok(Some(view.head())),
        "earliest" => Ok(view.at(0)),
        "finalized" => Ok(Some(View { side: Side::Solid, ..*view }.head())),
        "pending" | "safe" => Err(RpcError::params(format!("TAG {which} not supported"))),
        number => {
            let digits = number.strip_prefix("0x").ok_or_else(|| RpcError::params("invalid block number"))?;
            let height = i64::from_str_radix(digits, 16).map_err(|_| RpcError::params("invalid block number"))?;
            Ok(view.at(height))
        }
    }
}

/// A block with the hashes of its transactions; nobody here needs them whole.
fn header(view: &View<'_>, block: Option<Arc<SimBlock>>, params: &[Value]) -> Result<String, RpcError> {
    if params.get(1).and_then(Value::as_bool).unwrap_or(false) {
        return Err(RpcError::params("whole transactions are not served"));
    }
    let Some(block) = block else { return Ok("null".into()) };
    let told = render_rpc::block(&block);
    let (own, shown) = (hex::encode(block.at.hash.0), view.id_of(block.at));
    Ok(if own == shown { told } else { told.replacen(&own, &shown, 1) })
}
