//! What a stored body says, read back: the older protocols write their own words from it at each attempt.
//!
//! The bodies are our own (`payload`), so a body that cannot be read is no fact; nothing here panics over one.

use serde::Deserialize;

use crate::domain::{Decimals, EventKind, EventVersion, OrderEventKind, TokenAmount};

/// A fact, in the texts of its body (protocols.md A.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The `type`.
    pub kind: String,
    /// The event's id.
    pub event_id: String,
    /// Its version.
    pub version: EventVersion,
    /// Whose.
    pub app_id: String,
    /// The owner's mark; may be empty.
    pub user_mark: String,
    /// Why.
    pub reason: String,
    /// The watched address; empty where there is none.
    pub address: String,
    /// The deposit, if it is about one.
    pub deposit: Option<FactDeposit>,
    /// The order, if it is about one.
    pub order: Option<FactOrder>,
}

/// The deposit of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactDeposit {
    /// The network.
    pub network: String,
    /// The token's contract.
    pub contract: String,
    /// The token's decimals.
    pub decimals: Decimals,
    /// The transaction.
    pub tx_hash: String,
    /// Height of its block.
    pub height: u64,
    /// Confirmations when the fact was committed.
    pub confirmations: u32,
    /// How much arrived.
    pub amount: TokenAmount,
}

/// The order of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FactOrder {
    /// The merchant's id.
    pub order_id: String,
    /// The payer's name.
    pub username: Option<String>,
    /// The id drawn at registration.
    pub ordersn: Option<String>,
    /// What was ordered, as decimal text.
    #[serde(rename = "expected_amount_decimal")]
    pub expected_decimal: String,
}

#[derive(Deserialize)]
struct Body {
    r#type: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    event_id: String,
    version: u32,
    app_id: String,
    user_mark: Option<String>,
    reason: Option<String>,
    network: Option<String>,
    token: Option<Token>,
    tx_hash: Option<String>,
    block: Option<Block>,
    confirmations: Option<u32>,
    address: Option<String>,
    amount: Option<String>,
    order: Option<FactOrder>,
}

#[derive(Deserialize)]
struct Token {
    contract: String,
    decimals: u8,
}

#[derive(Deserialize)]
struct Block {
    height: u64,
}

impl Fact {
    /// Reads a stored body; `None` for what we did not write.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let Body { r#type: kind, mut data } = serde_json::from_slice(body).ok()?;
        let deposit = match data.amount.take() {
            Some(amount) => Some(FactDeposit::of(&mut data, &amount)?),
            None => None,
        };
        Some(Self {
            kind,
            event_id: data.event_id,
            version: EventVersion(data.version),
            app_id: data.app_id,
            user_mark: data.user_mark.unwrap_or_default(),
            reason: data.reason.unwrap_or_default(),
            address: data.address.unwrap_or_default(),
            deposit,
            order: data.order,
        })
    }

    /// Whether it is that kind of fact about a deposit.
    pub fn is(&self, kind: EventKind) -> bool {
        self.kind == kind.word()
    }

    /// Whether it is that kind of fact about an order.
    pub fn is_order(&self, kind: OrderEventKind) -> bool {
        self.kind == kind.word()
    }
}

impl FactDeposit {
    fn of(data: &mut Data, amount: &str) -> Option<Self> {
        let token = data.token.take()?;
        Some(Self {
            network: data.network.take()?,
            contract: token.contract,
            decimals: Decimals::new(token.decimals)?,
            tx_hash: data.tx_hash.take()?,
            height: data.block.as_ref()?.height,
            confirmations: data.confirmations?,
            amount: TokenAmount::parse_base_units(amount).ok()?,
        })
    }
}
