//! What people and reloads did: an append-only chain of records, each carrying the hash of the one before.

use std::fmt;

use sha2::{Digest, Sha256};

use super::Act;

/// The hash before the first record.
pub const GENESIS: [u8; 32] = *b"depositd audit, before record 1.";
/// Longest text of a record's subject, before or after, in bytes: a row of the store holds all three and more.
pub const TEXT_BYTES_MAX: usize = 640;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Action {
    AppCreate,
    AppUpdate,
    AppRotate,
    PolicySet,
    PolicyClear,
    PolicyReload,
    DepositHold,
    DepositRelease,
    DepositBind,
    AddressRelease,
    NetworkRescan,
    NetworkResume,
    Import,
    DeliveryResend,
    DeliveryRecover,
    DeliveryClose,
    EndpointPark,
    EndpointResume,
    EndpointTest,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::AppCreate,
        Self::AppUpdate,
        Self::AppRotate,
        Self::PolicySet,
        Self::PolicyClear,
        Self::PolicyReload,
        Self::DepositHold,
        Self::DepositRelease,
        Self::DepositBind,
        Self::AddressRelease,
        Self::NetworkRescan,
        Self::NetworkResume,
        Self::Import,
        Self::DeliveryResend,
        Self::DeliveryRecover,
        Self::DeliveryClose,
        Self::EndpointPark,
        Self::EndpointResume,
        Self::EndpointTest,
    ];

    /// The word used in exports and in the hash.
    pub fn word(self) -> &'static str {
        match self {
            Self::AppCreate => "app.create",
            Self::AppUpdate => "app.update",
            Self::AppRotate => "app.rotate",
            Self::PolicySet => "policy.set",
            Self::PolicyClear => "policy.clear",
            Self::PolicyReload => "policy.reload",
            Self::DepositHold => "deposit.hold",
            Self::DepositRelease => "deposit.release",
            Self::DepositBind => "deposit.bind",
            Self::AddressRelease => "address.release",
            Self::NetworkRescan => "network.rescan",
            Self::NetworkResume => "network.resume",
            Self::Import => "import",
            Self::DeliveryResend => "delivery.resend",
            Self::DeliveryRecover => "delivery.recover",
            Self::DeliveryClose => "delivery.close",
            Self::EndpointPark => "endpoint.park",
            Self::EndpointResume => "endpoint.resume",
            Self::EndpointTest => "endpoint.test",
        }
    }

    /// The action of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }
}

/// One record.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// From 1, without gaps.
    pub number: u64,
    /// Who, when and why.
    pub act: Act,
    /// What was done.
    pub action: Action,
    /// To what, as people name it: `ethereum-mainnet USDT from 0`, `dep_…`.
    pub subject: String,
    /// How it was; empty where there was nothing.
    pub before: String,
    /// How it is.
    pub after: String,
    /// Hash of the record before; [`GENESIS`] for the first.
    pub previous: [u8; 32],
}

impl AuditRecord {
    /// The record that follows `last`. Texts beyond [`TEXT_BYTES_MAX`] are cut at a character.
    pub fn following(last: Option<&Self>, act: Act, action: Action, texts: [String; 3]) -> Self {
        let [subject, before, after] = texts.map(cut);
        let number = last.map_or(0, |last| last.number).saturating_add(1);
        let previous = last.map_or(GENESIS, Self::hash);
        Self { number, act, action, subject, before, after, previous }
    }

    /// SHA-256 over the hash before and every field, each with its length in eight bytes, big-endian, before it: number
    /// and milliseconds as decimal text, then actor, action, subject, before, after, reason.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.previous);
        let (number, at) = (self.number.to_string(), self.act.at.0.to_string());
        let word = self.action.word();
        let fields: [&str; 8] =
            [&number, &at, &self.act.by, word, &self.subject, &self.before, &self.after, &self.act.why];
        for field in fields {
            hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(field);
        }
        hash.finalize().into()
    }

    /// Whether this record may stand behind `last`.
    pub fn follows(&self, last: Option<&Self>) -> bool {
        self.previous == last.map_or(GENESIS, Self::hash)
            && self.number == last.map_or(0, |last| last.number).saturating_add(1)
    }
}

impl fmt::Debug for AuditRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} by {}", self.number, self.action.word(), self.subject, self.act.by)
    }
}

fn cut(mut text: String) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Millis;

    fn record(last: Option<&AuditRecord>, why: &str) -> AuditRecord {
        let act = Act { by: "uid 0".into(), at: Millis(1_763_627_053_000), why: why.into() };
        let texts = ["tron-mainnet USDT from 0".into(), "finalized".into(), "19 confirmations".into()];
        AuditRecord::following(last, act, Action::PolicySet, texts)
    }

    #[test]
    fn a_record_changed_left_out_or_moved_breaks_the_chain() {
        let first = record(None, "one");
        let second = record(Some(&first), "two");
        assert!(first.follows(None) && second.follows(Some(&first)));
        assert!(!second.follows(None));
        for changed in [
            AuditRecord { subject: "x".into(), ..first.clone() },
            AuditRecord { act: Act { why: "other".into(), ..first.act.clone() }, ..first.clone() },
            AuditRecord { act: Act { at: Millis(1), ..first.act.clone() }, ..first.clone() },
            AuditRecord { action: Action::PolicyClear, ..first.clone() },
            // The same text cut at another place.
            AuditRecord { before: "finalized19 ".into(), after: "confirmations".into(), ..first.clone() },
        ] {
            assert!(!second.follows(Some(&changed)), "{changed:?}");
        }
    }

    #[test]
    fn every_action_has_a_word_of_its_own() {
        for action in Action::ALL {
            assert_eq!(Action::of_word(action.word()), Some(action));
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let act = Act { by: "uid 0".into(), at: Millis(0), why: String::new() };
        let texts = ["€".repeat(TEXT_BYTES_MAX), String::new(), String::new()];
        let record = AuditRecord::following(None, act, Action::Import, texts);
        assert_eq!(record.subject, "€".repeat(TEXT_BYTES_MAX / 3));
    }
}
