//! Ethereum and chains that speak its JSON-RPC. The only module that names ethers.
//!
//! Near the head logs are asked for by block hash, where a node that does not have the block says so; below it by range.
//! Every log is checked against its header, an empty list against the header's bloom, and a suspicion is settled by the
//! block's receipts. What is left unsettled is a [`Doubt`], never an empty block.

mod balance;
mod check;
mod decode;
#[cfg(test)]
mod honest;
mod inspect;
mod range;
#[cfg(test)]
mod tests;

mod wire;

use std::sync::atomic::{AtomicU64, Ordering};

use ethers_core::types::{Filter, H160, H256};

pub use check::BloomMode;

use self::{
    check::TokenBlooms,
    decode::Decoded,
    wire::{Bytes, Quantity, WireHeader, WireLog, WireReceipt},
};
use super::{
    ChainSource, Doubt, Identity, SourceError,
    http::{EndpointUrl, HttpClient, HttpSettings, HttpSetupError},
    jsonrpc::JsonRpc,
};
use crate::domain::{
    Address, Block, BlockHash, BlockRef, Deposit, Evidence, Family, Head, Header, Height, Need, NetworkId, Threshold,
    TxHash, TxView, amount::DECIMALS_MAX,
};

/// Call data of `decimals()`.
const DECIMALS_SELECTOR: &str = "0x313ce567";

/// One endpoint of an EVM network, as configured.
#[derive(Clone, Debug)]
pub struct EvmSettings {
    /// Its network.
    pub network: NetworkId,
    /// Its name in logs and metrics.
    pub name: String,
    /// Where it is.
    pub url: EndpointUrl,
    /// Limits of its client.
    pub http: HttpSettings,
    /// The allow-listed contracts; at least one.
    pub tokens: Vec<Address>,
    /// How far header blooms are believed.
    pub bloom: BloomMode,
    /// Calls in one batch, 1 to 100.
    pub batch_len: usize,
    /// Most blocks in one `eth_getLogs`; the range adapts below it.
    pub range_blocks_max: u64,
    /// Whether to ask for the `finalized` tag at all.
    pub has_finalized: bool,
    /// Whether another endpoint's lists are compared with this one's. A suspicion of [`BloomMode::Strict`] that a node
    /// without receipts cannot settle is then left to that comparison, instead of waiting for a person.
    pub witnessed: bool,
}

impl EvmSettings {
    /// The usual limits.
    pub fn new(network: NetworkId, name: String, url: EndpointUrl, tokens: Vec<Address>) -> Self {
        Self {
            network,
            name,
            url,
            http: HttpSettings::default(),
            tokens,
            bloom: BloomMode::Strict,
            batch_len: 50,
            range_blocks_max: 1000,
            has_finalized: true,
            witnessed: false,
        }
    }
}

/// One endpoint of an EVM network.
#[derive(Debug)]
pub struct EvmSource {
    rpc: JsonRpc,
    network: NetworkId,
    /// Sorted, no contract twice.
    tokens: Vec<Address>,
    blooms: TokenBlooms,
    bloom: BloomMode,
    range_blocks_max: u64,
    /// Blocks the next `eth_getLogs` by range asks for.
    range_blocks: AtomicU64,
    has_finalized: bool,
    /// Heads for which the final block is not asked for: the node said that it does not know the tag.
    finalized_rest: AtomicU64,
    witnessed: bool,
    /// Suspicions for which the block's receipts are not asked for: the node said that it cannot give them.
    receipts_rest: AtomicU64,
}

/// After "not supported" so many occasions pass before the node is asked again: behind a load balancer it may have been
/// one of several.
const UNSUPPORTED_REST: u64 = 200;

/// Whether this occasion passes without asking.
fn rests(rest: &AtomicU64) -> bool {
    rest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

impl EvmSource {
    /// A source that connects when first asked.
    ///
    /// # Errors
    /// [`HttpSetupError`]: nothing a retry could help.
    pub fn new(settings: EvmSettings) -> Result<Self, HttpSetupError> {
        let http = HttpClient::new(settings.url, settings.http)?;
        let mut tokens = settings.tokens;
        tokens.sort_unstable();
        tokens.dedup();
        let range_blocks_max = settings.range_blocks_max.max(1);
        Ok(Self {
            rpc: JsonRpc::new(settings.network.clone(), settings.name, http, settings.batch_len),
            network: settings.network,
            blooms: TokenBlooms::new(&tokens),
            tokens,
            bloom: settings.bloom,
            range_blocks_max,
            range_blocks: AtomicU64::new(range_blocks_max),
            has_finalized: settings.has_finalized,
            finalized_rest: AtomicU64::new(0),
            witnessed: settings.witnessed,
            receipts_rest: AtomicU64::new(0),
        })
    }

    async fn headers_by_number(&self, from: Height, to: Height) -> Result<Vec<WireHeader>, Doubt> {
        let params: Vec<_> = (from.0..=to.0).map(|height| format!(r#"["0x{height:x}",false]"#)).collect();
        let found: Vec<Option<WireHeader>> =
            self.rpc.fetch_each("eth_getBlockByNumber", &params).await.map_err(|doubt| missing_or(doubt, to))?;
        let mut headers = Vec::with_capacity(found.len());
        for (height, header) in (from.0..=to.0).zip(found) {
            let header = header.ok_or(Doubt::Missing(Height(height)))?;
            if header.number.0 != height {
                let what = format!("block {} instead of {height}", header.number.0);
                return Err(Doubt::Malformed { method: "eth_getBlockByNumber", what });
            }
            headers.push(header);
        }
        for pair in headers.windows(2) {
            if pair[1].parent_hash != pair[0].hash {
                return Err(Doubt::BrokenChain(format!("block {} is not on the one below", pair[1].number.0)));
            }
        }
        Ok(headers)
    }

    fn filter(&self) -> Filter {
        let contracts: Vec<_> = self.tokens.iter().map(|token| H160(token.0)).collect();
        Filter::new().address(contracts).topic0(H256(decode::TRANSFER_TOPIC))
    }

    /// The logs a filter finds; `top` is the block to be named if the node does not have it.
    async fn logs(&self, filter: &Filter, top: Height) -> Result<Vec<WireLog>, Doubt> {
        let params = serde_json::to_string(&[filter]).expect("a filter is plain JSON");
        let reply = self.rpc.call("eth_getLogs", &params).await?;
        reply.read().map_err(|doubt| missing_or(doubt, top))
    }

    async fn logs_by_hash(&self, header: &WireHeader) -> Result<Vec<WireLog>, Doubt> {
        let filter = self.filter().at_block_hash(H256(header.hash.0));
        self.logs(&filter, Height(header.number.0)).await
    }

    /// The block, its list of logs checked for completeness as far as this endpoint's own words allow.
    async fn complete_block(&self, wire: &WireHeader, logs: Vec<WireLog>) -> Result<Block, Doubt> {
        let header = decode::header(wire);
        let suspects = self.bloom != BloomMode::Off && self.blooms.suspects(wire, &logs)?;
        let Decoded { transfers, skipped } = if suspects || check::may_be_cut(logs.len()) {
            let logs = self.settle(wire, logs, suspects).await?;
            decode::transfers(logs, header.at, &self.tokens)?
        } else {
            decode::transfers(logs, header.at, &self.tokens)?
        };
        for (token, why) in skipped {
            why.count(&self.network, token.text(Family::Evm));
        }
        Ok(Block { header, transfers })
    }

    /// Settles a suspicion against a list of logs by the block's receipts, or as the bloom mode says.
    async fn settle(&self, wire: &WireHeader, logs: Vec<WireLog>, by_bloom: bool) -> Result<Vec<WireLog>, Doubt> {
        let at = Height(wire.number.0);
        if let Some(count) = self.count_by_receipts(wire).await? {
            return if count == logs.len() { Ok(logs) } else { Err(Doubt::EmptyAgainstBloom(at)) };
        }
        match self.bloom {
            BloomMode::Strict if by_bloom && !self.witnessed => Err(Doubt::EmptyAgainstBloom(at)),
            BloomMode::Strict | BloomMode::Advisory if by_bloom => {
                let again = self.logs_by_hash(wire).await?;
                if again == logs { Ok(logs) } else { Err(Doubt::EmptyAgainstBloom(at)) }
            }
            // A round number of logs may be the truth; without receipts only another endpoint could tell.
            BloomMode::Strict | BloomMode::Advisory | BloomMode::Off => Ok(logs),
        }
    }

    /// Our logs in the block's receipts; `None` if the node cannot give all receipts of a block.
    async fn count_by_receipts(&self, wire: &WireHeader) -> Result<Option<usize>, Doubt> {
        if rests(&self.receipts_rest) {
            return Ok(None);
        }
        let params = format!(r#"["0x{}"]"#, hex::encode(wire.hash.0));
        let reply = self.rpc.call("eth_getBlockReceipts", &params).await?;
        match reply.read::<Option<Vec<WireReceipt<wire::LogMark>>>>() {
            Ok(Some(receipts)) => check::logs_in_receipts(&receipts, wire, &self.tokens).map(Some),
            Ok(None) => Err(Doubt::Missing(Height(wire.number.0))),
            Err(doubt) if is_unsupported(&doubt) => {
                self.receipts_rest.store(UNSUPPORTED_REST, Ordering::Relaxed);
                Ok(None)
            }
            Err(doubt) => Err(missing_or(doubt, Height(wire.number.0))),
        }
    }

    /// The block a tag names now.
    async fn tagged(&self, tag: &str) -> Result<Option<Header>, Doubt> {
        let header: Option<WireHeader> = self.rpc.fetch("eth_getBlockByNumber", &format!(r#"["{tag}",false]"#)).await?;
        Ok(header.map(|header| decode::header(&header)))
    }

    async fn finalized(&self) -> Result<Option<Header>, Doubt> {
        if !self.has_finalized || rests(&self.finalized_rest) {
            return Ok(None);
        }
        match self.tagged("finalized").await {
            Err(doubt) if is_unsupported(&doubt) => {
                self.finalized_rest.store(UNSUPPORTED_REST, Ordering::Relaxed);
                Ok(None)
            }
            // Nodes say this while nothing is final yet.
            Err(Doubt::Refused { .. }) => Ok(None),
            other => other,
        }
    }

    async fn head_now(&self) -> Result<Head, Doubt> {
        // One after the other: a final block read first cannot lie above the head read after it.
        let finalized = self.finalized().await?;
        let best = self
            .tagged("latest")
            .await?
            .ok_or_else(|| Doubt::Malformed { method: "eth_getBlockByNumber", what: "no latest block".to_owned() })?;
        if finalized.is_some_and(|last| last.at.height > best.at.height) {
            let what = "the finalized block is above the head".to_owned();
            return Err(Doubt::Malformed { method: "eth_getBlockByNumber", what });
        }
        Ok(Head::of(best, finalized))
    }

    async fn receipt(&self, deposit: &Deposit) -> Result<Option<Evidence>, Doubt> {
        let params = format!(r#"["0x{}"]"#, hex::encode(deposit.id.tx.0));
        let method = "eth_getTransactionReceipt";
        let receipt: Option<WireReceipt<WireLog>> = self.rpc.fetch(method, &params).await?;
        let Some(receipt) = receipt else { return Ok(None) };
        let malformed = |what: &str| Err(Doubt::Malformed { method, what: what.to_owned() });
        if receipt.transaction_hash.0 != deposit.id.tx.0 {
            return malformed("the receipt of another transaction");
        }
        match (receipt.status.0, receipt.logs.is_empty()) {
            (1, _) => {}
            (0, true) => return Ok(None),
            (0, false) => return malformed("a failed transaction with logs"),
            _ => return malformed("a status that is neither 0 nor 1"),
        }
        let at = BlockRef { height: Height(receipt.block_number.0), hash: BlockHash(receipt.block_hash.0) };
        let id = &deposit.id;
        let transfer = decode::in_receipt(receipt.logs, at, id.tx, id.token, id.ordinal)?;
        Ok(transfer.map(|found| Evidence {
            under: Need::WEAKEST,
            id: id.clone(),
            at,
            from: found.from,
            to: found.to,
            amount: found.amount,
        }))
    }

    async fn decimals_of(&self, token: Address) -> Result<u8, Doubt> {
        let params = format!(r#"[{{"to":"{token:?}","data":"{DECIMALS_SELECTOR}"}},"latest"]"#);
        let answer = self.rpc.fetch::<Bytes<32>>("eth_call", &params).await;
        let Bytes(word) = answer.map_err(|doubt| {
            let Doubt::Malformed { method, what } = doubt else { return doubt };
            let what = format!("no token answers decimals() at {token:?} ({what}); is the contract right?");
            Doubt::Malformed { method, what }
        })?;
        let (high, low) = word.split_at(31);
        let fits = high.iter().all(|byte| *byte == 0) && low[0] <= DECIMALS_MAX;
        let what = || format!("decimals of {token:?} above {DECIMALS_MAX}");
        if fits { Ok(low[0]) } else { Err(Doubt::Malformed { method: "eth_call", what: what() }) }
    }

    async fn identity(&self) -> Result<Identity, Doubt> {
        let Quantity(chain_id) = self.rpc.fetch("eth_chainId", "[]").await?;
        let genesis = self.headers_by_number(Height(0), Height(0)).await?;
        let genesis = genesis.first().map(|header| BlockHash(header.hash.0)).ok_or(Doubt::Missing(Height(0)))?;
        Ok(Identity { chain_id, genesis })
    }
}

/// Whether the node does not know the method, the tag or the form of the parameter.
fn is_unsupported(doubt: &Doubt) -> bool {
    let Doubt::Refused { code, message, .. } = doubt else { return false };
    let text = message.to_lowercase();
    let says = ["not supported", "unsupported", "method not found"];
    matches!(code, -32601 | -32602 | -32004) || says.iter().any(|word| text.contains(word))
}

/// A node that says in its own way that it does not have the block (geth and erigon `unknown block`, nethermind `not
/// found`, geth `beyond current head`, anvil `BlockOutOfRange`, 4444 for pruned history): [`Doubt::Missing`].
fn missing_or(doubt: Doubt, height: Height) -> Doubt {
    let Doubt::Refused { code, message, .. } = &doubt else { return doubt };
    let text = message.to_lowercase();
    let says = [
        "unknown block",
        "not found",
        "beyond current head",
        "blockoutofrange",
        "out of range",
        "pruned",
        "missing trie",
    ];
    let is_missing = *code == 4444 || (*code != -32601 && says.iter().any(|word| text.contains(word)));
    if is_missing { Doubt::Missing(height) } else { doubt }
}

impl ChainSource for EvmSource {
    fn name(&self) -> &str {
        self.rpc.name()
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        self.identity().await.map_err(|doubt| self.rpc.error(doubt))
    }

    async fn head(&self) -> Result<Head, SourceError> {
        self.head_now().await.map_err(|doubt| self.rpc.error(doubt))
    }

    async fn headers(&self, from: Height, to: Height) -> Result<Vec<Header>, SourceError> {
        let headers = self.headers_by_number(from, to).await.map_err(|doubt| self.rpc.error(doubt))?;
        Ok(headers.iter().map(decode::header).collect())
    }

    async fn blocks(&self, from: Height, to: Height, near_head: bool) -> Result<Vec<Block>, SourceError> {
        let blocks = if near_head { self.by_hash(from, to).await } else { self.by_range(from, to).await };
        blocks.map_err(|doubt| self.rpc.error(doubt))
    }

    async fn evidence(&self, deposit: &Deposit, _: Threshold) -> Result<Option<Evidence>, SourceError> {
        self.receipt(deposit).await.map_err(|doubt| self.rpc.error(doubt))
    }

    async fn decimals(&self, token: Address) -> Result<u8, SourceError> {
        self.decimals_of(token).await.map_err(|doubt| self.rpc.error(doubt))
    }

    async fn inspect(&self, tx: TxHash) -> Result<TxView, SourceError> {
        self.view_of(tx).await.map_err(|doubt| self.rpc.error(doubt))
    }
}
