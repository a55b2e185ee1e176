//! Calls of the simulated node's JSON-RPC face: envelopes, parameters, errors.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::domain::{Address, BlockHash};

/// A JSON-RPC error.
#[derive(Debug)]
pub(super) struct RpcError {
    pub(super) code: i64,
    pub(super) message: String,
}

impl RpcError {
    pub(super) fn params(message: impl Into<String>) -> Self {
        Self { code: -32602, message: message.into() }
    }

    pub(super) fn unknown_block() -> Self {
        Self { code: -32000, message: "unknown block".into() }
    }
}

/// One call as it came.
#[derive(Debug, Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: String,
    #[serde(default)]
    pub(super) params: Vec<Value>,
}

impl<'a> Call<'a> {
    /// Its id as JSON.
    pub(super) fn id_text(&self) -> &'a str {
        self.id.map_or("null", RawValue::get)
    }
}

/// A request: one call, or a batch.
#[derive(Debug)]
pub(super) enum Request<'a> {
    One(Call<'a>),
    Batch(Vec<Call<'a>>),
}

impl<'a> Request<'a> {
    /// Reads a body; the error is the whole answer.
    pub(super) fn parse(body: &'a str) -> Result<Self, String> {
        let parsed = if body.trim_start().starts_with('[') {
            serde_json::from_str(body).map(Self::Batch)
        } else {
            serde_json::from_str(body).map(Self::One)
        };
        parsed.map_err(|_| refusal("null", -32700, "parse error"))
    }

    fn calls(&self) -> &[Call<'a>] {
        match self {
            Self::One(call) => std::slice::from_ref(call),
            Self::Batch(calls) => calls,
        }
    }

    /// The methods it holds.
    pub(super) fn methods(&self) -> Vec<&str> {
        self.calls().iter().map(|call| call.method.as_str()).collect()
    }

    /// The same error for each call, whatever it asks.
    pub(super) fn refuse(&self, code: i64, message: &str) -> String {
        self.answer(|call| refusal(call.id_text(), code, message))
    }

    /// Puts one answer for each call together.
    pub(super) fn answer(&self, each: impl FnMut(&Call<'a>) -> String) -> String {
        let mut answers: Vec<String> = self.calls().iter().map(each).collect();
        match self {
            Self::One(_) => answers.remove(0),
            Self::Batch(_) => format!("[{}]", answers.join(",")),
        }
    }
}

pub(super) fn refusal(id: &str, code: i64, message: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{}}}}}"#, Value::from(message))
}

pub(super) fn param(params: &[Value], place: usize) -> Result<&Value, RpcError> {
    params.get(place).ok_or_else(|| RpcError::params(format!("missing value for required argument {place}")))
}

pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

/// Twenty bytes of hex; case says nothing here.
pub(super) fn address(text: &str) -> Option<Address> {
    let mut bytes = [0; 20];
    hex::decode_to_slice(text.strip_prefix("0x")?, &mut bytes).ok()?;
    Some(Address(bytes))
}

pub(super) fn block_hash(value: &Value) -> Result<BlockHash, RpcError> {
    text(value).and_then(|text| BlockHash::parse(text).ok()).ok_or_else(|| RpcError::params("invalid block hash"))
}
