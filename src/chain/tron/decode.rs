//! Logs of one transaction become transfers. Pure: every `Transfer` log of a listed token is counted for its ordinal
//! first, and only then filtered.

use primitive_types::U256;

use super::wire::WireLog;
use crate::{
    chain::{
        Doubt,
        transfer_log::{Skipped, TRANSFER_TOPIC, next_ordinal},
    },
    domain::{Address, Height, LogOrdinal, TokenAmount, Transfer, TxHash},
};

/// First byte of every TRON address; some contracts leave it in the word that holds one.
const ADDRESS_PREFIX: u8 = 0x41;

/// How a node writes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digits {
    /// Its own interface.
    Bare,
    /// JSON-RPC: with `0x`.
    Prefixed,
}

impl Digits {
    fn of(self, text: &str) -> Option<&str> {
        match self {
            Self::Bare => Some(text),
            Self::Prefixed => text.strip_prefix("0x"),
        }
    }

    fn bytes<const N: usize>(self, text: &str) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        hex::decode_to_slice(self.of(text)?, &mut bytes).ok()?;
        Some(bytes)
    }
}

/// Where logs come from, and which of them matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) digits: Digits,
    pub(super) at: Height,
    /// Sorted.
    pub(super) tokens: &'a [Address],
}

/// The transfers found so far, and what was left out of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) transfers: Vec<Transfer>,
    /// Logs that are counted and nothing else, with the token that wrote them.
    pub(super) skipped: Vec<(Address, Skipped)>,
    /// Transfers with an address word that keeps TRON's prefix byte.
    pub(super) prefixed: u32,
}

/// A `Transfer` log of a listed token.
struct Ours<'a> {
    token: Address,
    topics: &'a [[u8; 32]],
    data: Option<[u8; 32]>,
}

/// What a log is that begins as a `Transfer` of a listed token.
pub(super) struct Judged {
    pub(super) token: Address,
    pub(super) ordinal: LogOrdinal,
    /// The transfer, and whether one of its address words keeps the prefix byte.
    pub(super) found: Result<(Transfer, bool), Skipped>,
    /// How many topics it has.
    pub(super) topics: usize,
    /// Whether its data is one word.
    pub(super) is_one_word: bool,
}

impl Scope<'_> {
    fn malformed(&self, tx: TxHash, what: &str) -> Doubt {
        let what = format!("transaction {}: {what}", hex::encode(tx.0));
        Doubt::Malformed { method: "logs", what: format!("block {}, {what}", self.at) }
    }

    /// The listed token that wrote this log.
    fn token(&self, log: &WireLog<'_>, tx: TxHash) -> Result<Option<Address>, Doubt> {
        let bytes = self.digits.bytes(log.address);
        let address = Address(bytes.ok_or_else(|| self.malformed(tx, "a log address that is not 20 bytes of hex"))?);
        Ok(self.tokens.binary_search(&address).is_ok().then_some(address))
    }

    /// Whether any log is a `Transfer` of a listed token.
    pub(super) fn has_ours(&self, logs: &[WireLog<'_>], tx: TxHash) -> Result<bool, Doubt> {
        for log in logs {
            if self.token(log, tx)?.is_some() && self.words(log, tx)?.1.first() == Some(&TRANSFER_TOPIC) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The topics of a log: how many, and their bytes.
    fn words(&self, log: &WireLog<'_>, tx: TxHash) -> Result<(usize, [[u8; 32]; 4]), Doubt> {
        let mut words = [[0; 32]; 4];
        let texts = log.topics.texts();
        for (word, text) in words.iter_mut().zip(texts) {
            *word = self.digits.bytes(text).ok_or_else(|| self.malformed(tx, "a topic that is not 32 bytes of hex"))?;
        }
        Ok((texts.len(), words))
    }

    /// The data of a log if it is one word.
    fn word(&self, log: &WireLog<'_>, tx: TxHash) -> Result<Option<[u8; 32]>, Doubt> {
        let digits = self.digits.of(log.data).filter(|digits| digits.len().is_multiple_of(2));
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let digits = digits.ok_or_else(|| self.malformed(tx, "log data that is not hex"))?;
        Ok(Digits::Bare.bytes(digits))
    }

    /// Adds the transfers among `logs`, which are all logs of one successful transaction in their order.
    ///
    /// # Errors
    /// [`Doubt::Malformed`] for a log of a listed token with a field that is not hex.
    pub(super) fn add(&self, logs: &[WireLog<'_>], tx: TxHash, decoded: &mut Decoded) -> Result<(), Doubt> {
        let mut counts: Vec<(Address, u32)> = Vec::new();
        for log in logs {
            let Some(judged) = self.judge(log, tx, &mut counts)? else { continue };
            match judged.found {
                Ok((transfer, is_prefixed)) => {
                    decoded.transfers.push(transfer);
                    decoded.prefixed = decoded.prefixed.saturating_add(u32::from(is_prefixed));
                }
                Err(why) => decoded.skipped.push((judged.token, why)),
            }
        }
        Ok(())
    }

    /// What one log is, if it begins as a `Transfer` of a listed token; counted for its ordinal.
    ///
    /// # Errors
    /// As [`Scope::add`].
    pub(super) fn judge(
        &self,
        log: &WireLog<'_>,
        tx: TxHash,
        counts: &mut Vec<(Address, u32)>,
    ) -> Result<Option<Judged>, Doubt> {
        let Some(token) = self.token(log, tx)? else { return Ok(None) };
        let (count, words) = self.words(log, tx)?;
        let data = self.word(log, tx)?;
        let topics = words.get(..count).unwrap_or_default();
        if topics.first() != Some(&TRANSFER_TOPIC) {
            return Ok(None);
        }
        let ordinal = next_ordinal(counts, token);
        let found = transfer(&Ours { token, topics, data }, tx, ordinal);
        Ok(Some(Judged { token, ordinal, found, topics: count, is_one_word: data.is_some() }))
    }
}

/// The transfer, and whether one of its address words keeps the prefix byte.
fn transfer(log: &Ours<'_>, tx: TxHash, ordinal: LogOrdinal) -> Result<(Transfer, bool), Skipped> {
    let ([_, from, to], Some(amount)) = (log.topics, log.data) else { return Err(Skipped::Malformed) };
    let (from, from_prefixed) = account(from).ok_or(Skipped::Malformed)?;
    let (to, to_prefixed) = account(to).ok_or(Skipped::Malformed)?;
    let amount = TokenAmount(U256::from_big_endian(&amount));
    if amount.is_zero() {
        return Err(Skipped::ZeroValue);
    }
    Ok((Transfer { tx, token: log.token, ordinal, from, to, amount }, from_prefixed || to_prefixed))
}

/// The address in a word, and whether it stands behind its prefix byte; the bytes before must be zero.
fn account(word: &[u8; 32]) -> Option<(Address, bool)> {
    let (high, low) = word.split_first_chunk::<12>()?;
    let (zeros, last) = high.split_first_chunk::<11>()?;
    let is_prefixed = *last == [ADDRESS_PREFIX];
    let fits = *zeros == [0; 11] && (is_prefixed || *last == [0]);
    fits.then_some((Address(low.try_into().ok()?), is_prefixed))
}
