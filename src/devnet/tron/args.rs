//! What a native call was given: GET with query parameters, or POST with a JSON body.

use serde_json::{Map, Value};

use super::render::Style;

/// Why a call cannot be answered; the text that follows `"Error"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeError(pub(super) String);

impl NodeError {
    /// An exception as the servlets write it.
    fn exception(class: &str, message: &str) -> Self {
        Self(format!("class {class} : {message}"))
    }

    fn parse(message: &str) -> Self {
        Self::exception("org.tron.json.JsonFormat$ParseException", message)
    }
}

/// The parameters of one call.
#[derive(Debug, Default)]
pub(super) struct Args {
    given: Map<String, Value>,
    /// A GET, where every value is text and a missing number is an error.
    query: bool,
}

impl Args {
    pub(super) fn of_query(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let given = pairs.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect();
        Self { given, query: true }
    }

    /// An empty body is one without parameters; few calls need none, so they say what they miss.
    pub(super) fn of_body(body: &[u8]) -> Result<Self, NodeError> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(given)) => Ok(Self { given, query: false }),
            Ok(_) | Err(_) => Err(NodeError::parse("1:1: Expected \"{\".")),
        }
    }

    /// Addresses in base58 if `visible`, else in hex.
    pub(super) fn style(&self) -> Style {
        if self.flag("visible") { Style::Base58 } else { Style::Hex }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        match self.given.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            Some(_) | None => false,
        }
    }

    /// A whole number. Absent it is 0 in a body, as in any protobuf message.
    pub(super) fn number(&self, name: &str) -> Result<i64, NodeError> {
        let not_one = |what: &str| NodeError::exception("java.lang.NumberFormatException", what);
        match self.given.get(name) {
            None if self.query => Err(not_one("null")),
            None => Ok(0),
            Some(Value::String(text)) => text.parse().map_err(|_| not_one(&format!("For input string: \"{text}\""))),
            Some(value) => value.as_i64().ok_or_else(|| NodeError::parse(&format!("Couldn't parse integer: {value}"))),
        }
    }

    /// A text; absent it is empty.
    pub(super) fn text(&self, name: &str) -> Result<&str, NodeError> {
        match self.given.get(name) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(NodeError::parse("1:15: Expected string.")),
        }
    }

    /// 32 bytes in hex; `None` if it is another number of bytes, which is the id of nothing.
    pub(super) fn id(&self, name: &str) -> Result<Option<[u8; 32]>, NodeError> {
        let bytes = hex::decode(self.text(name)?).map_err(|_| {
            NodeError::exception("org.bouncycastle.util.encoders.DecoderException", "invalid characters")
        })?;
        Ok(bytes.try_into().ok())
    }
}
