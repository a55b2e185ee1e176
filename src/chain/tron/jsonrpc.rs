//! The other way to read a block: its receipts over JSON-RPC, which java-tron gives from 4.8.1 on. They are asked for by
//! the block's id, and a node that has fewer of them than transactions says so.

use tokio::sync::OnceCell;
use tracing::warn;

use super::{
    TronSettings, TronSource,
    call::Calls,
    errors,
    receipts::{self, RpcBlock, RpcReceipt},
    whole::Whole,
    wire,
};
use crate::{
    chain::{
        Doubt,
        jsonrpc::{JsonRpc, Reply},
    },
    domain::{Address, Height},
};

/// The JSON-RPC face of an endpoint.
#[derive(Debug)]
pub(super) struct Receipts {
    rpc: JsonRpc,
    /// Whether the node gives all receipts of a block; empty until it has said so.
    is_served: OnceCell<bool>,
}

impl Receipts {
    /// Shares the limits of `calls`; `None` if the endpoint has no such face.
    pub(super) fn new(settings: &TronSettings, calls: &Calls) -> Option<Self> {
        let http = calls.full().at(settings.jsonrpc_url.clone()?);
        let rpc = JsonRpc::new(settings.network.clone(), settings.name.clone(), http, 1);
        Some(Self { rpc, is_served: OnceCell::new() })
    }

    /// Four bytes of hex, zeros in front included: java-tron takes the tail of block 0's id as it stands.
    pub(super) async fn chain_id(&self) -> Result<u64, Doubt> {
        let method = "eth_chainId";
        let text: String = self.call(method, "[]").await?.read()?;
        let digits = text.strip_prefix("0x").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        number.ok_or_else(|| wire::malformed(method, &format!("no number: {text}")))
    }

    /// One call; a limiter in front of the node answers in its own words, outside JSON-RPC.
    async fn call(&self, method: &'static str, params: &str) -> Result<Reply, Doubt> {
        let reply = self.rpc.call(method, params).await?;
        errors::limited(reply.answer()).map_or(Ok(reply), Err)
    }

    /// Asked once, about block 0, of which there are none. Whatever else goes wrong decides nothing.
    async fn is_served(&self) -> Result<bool, Doubt> {
        let probe = async || {
            let reply = self.call("eth_getBlockReceipts", r#"["0x0"]"#).await?;
            match reply.read::<Option<serde::de::IgnoredAny>>() {
                Err(doubt) if is_unknown(&doubt) => {
                    warn!(
                        endpoint = self.rpc.name(),
                        "the node does not know eth_getBlockReceipts: its blocks are read over /wallet instead"
                    );
                    Ok(false)
                }
                // The method is known: it only does not like the block.
                Ok(_) | Err(Doubt::Refused { code: -32_099..=-32_000 | -32_602, .. }) => Ok(true),
                Err(doubt) => Err(doubt),
            }
        };
        self.is_served.get_or_try_init(probe).await.copied()
    }

    async fn block(&self, at: Height, tokens: &[Address]) -> Result<Whole, Doubt> {
        let method = "eth_getBlockByNumber";
        let reply = self.call(method, &format!(r#"["0x{:x}",false]"#, at.0)).await?;
        let block: Option<RpcBlock<'_>> = reply.read()?;
        let header = receipts::header(block.as_ref(), at)?;
        let params = format!(r#"["0x{}"]"#, hex::encode(header.at.hash.0));
        let reply = self.call("eth_getBlockReceipts", &params).await?;
        let receipts: Option<Vec<RpcReceipt<'_>>> = match reply.read() {
            // "TransactionList size mismatch": it has not stored all of them yet, or lost some.
            Err(Doubt::Refused { code: -32_000, .. }) => return Err(Doubt::Missing(at)),
            other => other?,
        };
        receipts::whole(block.as_ref(), receipts.as_deref(), at, tokens)
    }
}

/// Whether the method is not known: by java-tron's word for it, or by a provider's in front of it.
fn is_unknown(doubt: &Doubt) -> bool {
    let Doubt::Refused { code, message, .. } = doubt else { return false };
    let text = message.to_lowercase();
    let says = ["not supported", "unsupported", "method not found"];
    matches!(code, -32_601 | -32_004) || says.iter().any(|word| text.contains(word))
}

impl TronSource {
    /// The block at `at`; `None` if it is not to be read this way.
    pub(super) async fn block_by_receipts(&self, at: Height) -> Result<Option<Whole>, Doubt> {
        match &self.receipts {
            Some(receipts) if receipts.is_served().await? => receipts.block(at, &self.tokens).await.map(Some),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
