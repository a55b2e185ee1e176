//! Writes JSON text quickly: into bytes, hex by table, nothing escaped but what users wrote.

use std::{fmt::Display, io::Write};

use crate::domain::{Address, Family};

use super::encode::prefixed;

const HEX: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    table
};

/// How addresses are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devnet) enum Style {
    /// `visible` false: 42 hex digits, and 40 in logs; names and messages as hex.
    Hex,
    /// `visible` true: base58, in logs too; names and messages as text.
    Base58,
}

/// JSON text in the making.
#[derive(Debug, Default)]
pub(super) struct Json(Vec<u8>);

impl Json {
    pub(super) fn sized(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn finish(self) -> String {
        String::from_utf8(self.0).expect("only whole texts were written")
    }

    /// As it stands.
    pub(super) fn put(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Digits only.
    pub(super) fn hex(&mut self, bytes: &[u8]) -> &mut Self {
        let start = self.0.len();
        self.0.resize(start + 2 * bytes.len(), 0);
        for (digits, byte) in self.0[start..].chunks_exact_mut(2).zip(bytes) {
            digits.copy_from_slice(&HEX[usize::from(*byte)]);
        }
        self
    }

    pub(super) fn number(&mut self, number: impl Display) -> &mut Self {
        write!(self.0, "{number}").expect("writing to memory cannot fail");
        self
    }

    /// A JSON-RPC quantity, in quotes.
    pub(super) fn quantity(&mut self, number: u64) -> &mut Self {
        write!(self.0, "\"{number:#x}\"").expect("writing to memory cannot fail");
        self
    }

    /// An address of an account, in quotes.
    pub(super) fn account(&mut self, address: Address, style: Style) -> &mut Self {
        self.put("\"");
        match style {
            Style::Hex => self.hex(&prefixed(address)),
            Style::Base58 => self.put(&address.text(Family::Tron)),
        };
        self.put("\"")
    }

    /// A text, in quotes: as hex, or as it is.
    pub(super) fn name(&mut self, text: &str, style: Style) -> &mut Self {
        match style {
            Style::Hex => self.put("\"").hex(text.as_bytes()).put("\""),
            Style::Base58 => self.put(&serde_json::Value::from(text).to_string()),
        }
    }

    /// An address of a log, in quotes.
    pub(super) fn log_account(&mut self, address: Address, style: Style) -> &mut Self {
        match style {
            Style::Hex => self.put("\"").hex(&address.0).put("\""),
            Style::Base58 => self.account(address, style),
        }
    }

    /// `"key":number,`, or nothing at the default.
    pub(super) fn field(&mut self, key: &str, number: i64) -> &mut Self {
        if number != 0 {
            self.put("\"").put(key).put("\":").number(number).put(",");
        }
        self
    }

    /// Items separated by commas, in brackets.
    pub(super) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut one: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.put("[");
        for item in items {
            one(self, item);
            self.put(",");
        }
        self.end("]")
    }

    /// Closes an object or list whose members each left a comma behind.
    pub(super) fn end(&mut self, close: &str) -> &mut Self {
        if self.0.last() == Some(&b',') {
            self.0.pop();
        }
        self.put(close)
    }
}
