//! The Ethereum JSON-RPC face of a ledger: what each method answers.
//!
//! Answers are text put together from pieces rendered at mining, so that a long range costs little more than copying.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::{BlockHash, Height, TxHash};

use super::{
    block::SimBlock,
    call::{Call, RpcError, address, block_hash, param, refusal, text},
    control,
    filter::{Filter, Scope},
    ledger::LedgerHandle,
    options::NodeOptions,
    trouble::{Garble, Hidden, Trouble, TroubleHandle},
};

/// `decimals()`.
const SELECTOR_DECIMALS: &str = "0x313ce567";
/// `balanceOf(address)`, and the zeros in front of the address.
const BALANCE_OF: &str = "0x70a08231000000000000000000000000";
/// `symbol()`.
const SELECTOR_SYMBOL: &str = "0x95d89b41";

/// An id nobody asked under.
const WRONG_ID: &str = "987654321";

/// What a node answers from: its ledger, its manner, and its trouble.
#[derive(Debug)]
pub(super) struct Face {
    pub(super) ledger: LedgerHandle,
    pub(super) options: NodeOptions,
    pub(super) trouble: TroubleHandle,
}

impl Face {
    /// The answer to one call, as text with its id.
    pub(super) fn answer(&self, call: &Call<'_>, trouble: &Trouble) -> String {
        let id = match trouble.garble {
            Garble::WrongId => WRONG_ID,
            Garble::Nothing | Garble::CutJson | Garble::Html | Garble::CutBody => call.id_text(),
        };
        let outcome = match call.method.strip_prefix("dev_") {
            Some(verb) if self.options.control => control::run(&self.ledger, &self.trouble, verb, &call.params),
            Some(_) | None => self.call(&call.method, &call.params, trouble),
        };
        match outcome {
            Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
            Err(error) => refusal(id, error.code, &error.message),
        }
    }

    fn call(&self, method: &str, params: &[Value], trouble: &Trouble) -> Result<String, RpcError> {
        let view = View { face: self, trouble };
        match method {
            "eth_chainId" => Ok(format!("\"{:#x}\"", view.chain_id())),
            "net_version" => Ok(format!("\"{}\"", view.chain_id())),
            "web3_clientVersion" => Ok("\"depositd-devnet/1\"".into()),
            "eth_syncing" => Ok("false".into()),
            "eth_blockNumber" => Ok(format!("\"{:#x}\"", view.head().0)),
            "eth_getBlockByNumber" => {
                let block = view.height(param(params, 0)?)?.and_then(|height| view.block(height));
                Ok(block.map_or("null".into(), |block| view.header(&block, wants_full(params))))
            }
            "eth_getBlockByHash" => {
                let block = view.by_hash(block_hash(param(params, 0)?)?);
                Ok(block.map_or("null".into(), |block| view.header(&block, wants_full(params))))
            }
            "eth_getLogs" => view.logs(&Filter::parse(param(params, 0)?)?),
            "eth_getTransactionReceipt" => {
                let hash = text(param(params, 0)?).and_then(|text| TxHash::parse(text).ok());
                Ok(view.receipt(hash.ok_or_else(|| RpcError::params("invalid transaction hash"))?))
            }
            "eth_getTransactionByHash" => {
                let hash = text(param(params, 0)?).and_then(|text| TxHash::parse(text).ok());
                Ok(view.transaction(hash.ok_or_else(|| RpcError::params("invalid transaction hash"))?))
            }
            "eth_getBlockReceipts" => {
                let which = param(params, 0)?;
                let block = match text(which).filter(|text| text.len() == 66) {
                    Some(_) => view.by_hash(block_hash(which)?),
                    None => view.height(which)?.and_then(|height| view.block(height)),
                };
                Ok(block.map_or("null".into(), |block| block.receipts_json()))
            }
            "eth_call" => view.contract_call(param(params, 0)?),
            unknown => {
                Err(RpcError { code: -32601, message: format!("the method {unknown} does not exist/is not available") })
            }
        }
    }
}

/// The ledger as a node in some trouble sees it.
struct View<'a> {
    face: &'a Face,
    trouble: &'a Trouble,
}

impl View<'_> {
    fn chain_id(&self) -> u64 {
        self.trouble.chain_id.unwrap_or_else(|| self.face.ledger.lock().spec().chain_id)
    }

    fn head(&self) -> Height {
        self.trouble.view(self.face.ledger.lock().head().at.height)
    }

    /// The height a tag or number names; `None` where it is beyond `u64`.
    fn height(&self, which: &Value) -> Result<Option<Height>, RpcError> {
        let which = text(which).ok_or_else(|| RpcError::params("expected a block number or tag"))?;
        match which {
            "latest" | "pending" => Ok(Some(self.head())),
            "finalized" | "safe" => {
                let finalized = self.face.ledger.lock().finalized().at.height;
                Ok(Some(finalized.min(self.head())))
            }
            "earliest" => Ok(Some(Height(0))),
            number => {
                let digits = number.strip_prefix("0x").filter(|digits| !digits.is_empty());
                let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
                let digits = digits.ok_or_else(|| RpcError::params(format!("invalid block number {number}")))?;
                Ok(u64::from_str_radix(digits, 16).ok().map(Height))
            }
        }
    }

    fn block(&self, height: Height) -> Option<Arc<SimBlock>> {
        let ledger = self.face.ledger.lock();
        let seen = height <= self.trouble.view(ledger.head().at.height);
        if seen { ledger.block(height).cloned() } else { None }
    }

    fn by_hash(&self, hash: BlockHash) -> Option<Arc<SimBlock>> {
        let ledger = self.face.ledger.lock();
        let head = self.trouble.view(ledger.head().at.height);
        let orphan = || ledger.orphan(hash).filter(|_| self.face.options.remembers_orphans);
        let block = ledger.by_hash(hash).or_else(orphan)?;
        (block.at.height <= head).then(|| block.clone())
    }

    fn header(&self, block: &SimBlock, full: bool) -> String {
        let json = if full { block.full_json() } else { block.header_json.as_ref().to_owned() };
        match self.trouble.false_genesis() {
            Some(other) if block.at.height == Height(0) => {
                json.replacen(&block.at.hash.to_string(), &other.to_string(), 1)
            }
            Some(_) | None => json,
        }
    }

    fn transaction(&self, hash: TxHash) -> String {
        let ledger = self.face.ledger.lock();
        let head = self.trouble.view(ledger.head().at.height);
        match ledger.find(hash) {
            Some((block, place)) if block.at.height <= head => block.transaction_json(place),
            Some(_) | None => "null".into(),
        }
    }

    fn receipt(&self, hash: TxHash) -> String {
        let ledger = self.face.ledger.lock();
        let head = self.trouble.view(ledger.head().at.height);
        match ledger.find(hash) {
            Some((block, place)) if block.at.height <= head => block.receipt_json(place),
            Some(_) | None => "null".into(),
        }
    }

    /// The blocks a filter asks about, as far as this node has them.
    fn blocks(&self, filter: &Filter) -> Result<Vec<Arc<SimBlock>>, RpcError> {
        let (from, to) = match &filter.scope {
            Scope::Block(hash) => return Ok(vec![self.by_hash(*hash).ok_or_else(RpcError::unknown_block)?]),
            Scope::Range(from, to) => (self.height(from)?, self.height(to)?),
        };
        let (from, to) = (from.unwrap_or(Height(u64::MAX)), to.unwrap_or(Height(u64::MAX)));
        if from > to {
            return Err(RpcError::params("invalid block range params"));
        }
        if let Some(most) = self.face.options.range_blocks_max
            && to.0 - from.0 >= most
        {
            let message = format!("query exceeds max block range {most}");
            return Err(RpcError { code: -32005, message });
        }
        let ledger = self.face.ledger.lock();
        let head = self.trouble.view(ledger.head().at.height);
        Ok(ledger.range(from, to.min(head)).to_vec())
    }

    fn logs(&self, filter: &Filter) -> Result<String, RpcError> {
        let blocks = self.blocks(filter)?;
        let mut found: Vec<&str> = Vec::new();
        for block in blocks.iter().filter(|block| filter.may_match(&block.bloom)) {
            let matching = block.logs().enumerate().filter(|(_, log)| filter.matches(log));
            found.extend(matching.map(|(index, _)| block.log_json(index)));
        }
        let most = self.face.options.logs_max;
        if found.len() > most {
            return Err(RpcError { code: -32005, message: format!("query returned more than {most} results") });
        }
        match self.trouble.hidden_logs {
            Hidden::Nothing => (),
            Hidden::All => found.clear(),
            Hidden::Nth(place) if place < found.len() => drop(found.remove(place)),
            Hidden::Nth(_) => (),
        }
        if self.trouble.duplicate_logs {
            found = found.into_iter().flat_map(|log| [log, log]).collect();
        }
        let list = format!("[{}]", found.join(","));
        if !self.trouble.foreign_logs {
            return Ok(list);
        }
        let foreign = |list: String, block: &Arc<SimBlock>| {
            let other = BlockHash(super::bloom::keccak256(&[b"foreign", &block.at.hash.0]));
            list.replace(&block.at.hash.to_string(), &other.to_string())
        };
        Ok(blocks.iter().fold(list, foreign))
    }

    fn contract_call(&self, call: &Value) -> Result<String, RpcError> {
        let to = text(&call["to"]).and_then(address).ok_or_else(|| RpcError::params("invalid address"))?;
        let input = text(&call["input"]).or_else(|| text(&call["data"])).unwrap_or("0x");
        let ledger = self.face.ledger.lock();
        let Some(token) = ledger.spec().tokens.iter().find(|token| token.contract == to) else {
            return Ok("\"0x\"".into());
        };
        match input {
            SELECTOR_DECIMALS => Ok(format!("\"0x{:064x}\"", token.decimals.get())),
            SELECTOR_SYMBOL => {
                let symbol = hex::encode(&token.symbol);
                let padded = symbol.len().div_ceil(64) * 64;
                Ok(format!("\"0x{:064x}{:064x}{symbol:0<padded$}\"", 32, token.symbol.len()))
            }
            _ => match input.strip_prefix(BALANCE_OF).and_then(|owner| address(&format!("0x{owner}"))) {
                Some(owner) => Ok(format!("\"0x{}\"", hex::encode(ledger.balance(to, owner).to_bytes()))),
                None => Err(RpcError { code: 3, message: "execution reverted".into() }),
            },
        }
    }
}

fn wants_full(params: &[Value]) -> bool {
    params.get(1).and_then(Value::as_bool).unwrap_or(false)
}
