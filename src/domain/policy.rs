//! When a deposit is credited, as data: network × token × amount tier × app → what must be true, and who said so.
//!
//! Rules come from the file or were set at run time, each for a [`Scope`]. For every token and app they are laid over
//! each other into a *ladder*: of the rules that begin at the same amount the most specific one counts (token and app,
//! then app, then token, then the network alone), and of two for the same scope the one set at run time. A ladder must
//! rise: more money never needs less.

mod etag;
mod ladder;
mod rules;
#[cfg(test)]
mod tests;

use std::{fmt, num::NonZeroU32};

pub use ladder::{Policy, Rung};
pub use rules::{Limits, PolicyProblem, RuleSet};

use super::{
    Address, AmountError, AppId, Confirmations, Decimals, Millis, NetworkId, Standing, Threshold, TokenAmount,
    amount::DECIMALS_MAX,
};

/// What a tier above the smallest amounts asks for at least, in confirmations.
pub const LARGE_TIER_MIN: u32 = 3;
/// Longest name of an actor, in characters.
pub const ACTOR_CHARS_MAX: usize = 64;
/// Longest reason a person may give, in characters.
pub const WHY_CHARS_MAX: usize = 200;

/// What must be true before a deposit is credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// How deep its block must lie, or that the network calls it final.
    pub threshold: Threshold,
    /// Whether its receipt must be read from a second endpoint too.
    pub second_source: bool,
}

impl Need {
    /// Less than any rule asks for.
    pub const WEAKEST: Self = Self { threshold: Threshold::Confirmations(Confirmations::ONE), second_source: false };
    /// More than any rule asks for.
    pub const STRONGEST: Self = Self { threshold: Threshold::Finalized, second_source: true };

    /// Whether evidence that was asked for under this need is enough for `other` too: rules may have risen meanwhile.
    pub fn proves(&self, other: &Self) -> bool {
        let is_final = self.threshold == Threshold::Finalized || other.threshold != Threshold::Finalized;
        is_final && (self.second_source || !other.second_source)
    }

    /// No second endpoint is asked.
    pub fn of(threshold: Threshold) -> Self {
        Self { threshold, second_source: false }
    }

    /// Whether `standing` is enough. The network's word never gives less than `floor` confirmations.
    pub fn is_met(&self, standing: Standing, floor: Confirmations) -> bool {
        match self.threshold {
            Threshold::Confirmations(needed) => standing.confirmations >= needed,
            Threshold::Finalized => standing.finalized && standing.confirmations >= floor,
        }
    }

    /// Orders thresholds by what they ask for: the network's own word is above every number.
    pub fn rank(&self) -> (u32, bool) {
        match self.threshold {
            Threshold::Confirmations(count) => (count.get(), self.second_source),
            Threshold::Finalized => (u32::MAX, self.second_source),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.threshold {
            Threshold::Confirmations(count) if count.0 == NonZeroU32::MIN => f.write_str("1 confirmation")?,
            Threshold::Confirmations(count) => write!(f, "{} confirmations", count.get())?,
            Threshold::Finalized => f.write_str("finalized")?,
        }
        if self.second_source { f.write_str(" and a second source") } else { Ok(()) }
    }
}

/// The smallest amount of a tier as decimal text of whole tokens, without needless zeros: `0`, `10000`, `0.5`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TierFrom(String);

impl TierFrom {
    /// The tier every ladder begins with.
    pub fn zero() -> Self {
        Self("0".to_owned())
    }

    /// Reads decimal text and leaves out zeros that say nothing.
    ///
    /// # Errors
    /// No decimal text of at most 77 digits behind the point, or too large.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
        let places = u8::try_from(behind.len()).ok().and_then(Decimals::new);
        TokenAmount::parse_decimal(text, places.ok_or(AmountError::TooPrecise(DECIMALS_MAX))?)?;
        let behind = behind.trim_end_matches('0');
        Ok(Self(if behind.is_empty() { whole.to_owned() } else { format!("{whole}.{behind}") }))
    }

    /// Whether this is the first tier.
    pub fn is_zero(&self) -> bool {
        self.0 == "0"
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this tier begins no higher than `other`.
    pub fn is_at_most(&self, other: &Self) -> bool {
        let parts = |text: &str| -> (usize, String, String) {
            let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
            (whole.len(), whole.to_owned(), behind.to_owned())
        };
        // Without leading zeros the longer whole number is the larger one, and digits behind the point compare as text.
        parts(&self.0) <= parts(&other.0)
    }

    /// In base units of a token.
    ///
    /// # Errors
    /// It has more places than the token, or does not fit.
    pub fn base_units(&self, decimals: Decimals) -> Result<TokenAmount, AmountError> {
        TokenAmount::parse_decimal(&self.0, decimals)
    }
}

impl fmt::Display for TierFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a rule of one network is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// One token by its contract; `None`: all of them.
    pub token: Option<Address>,
    /// One app; `None`: all of them.
    pub app: Option<AppId>,
    /// From this amount on.
    pub from: TierFrom,
}

impl Scope {
    /// The whole network, every amount.
    pub fn network() -> Self {
        Self { token: None, app: None, from: TierFrom::zero() }
    }

    /// Whether it speaks of this token and app.
    pub fn speaks_of(&self, token: Address, app: Option<&AppId>) -> bool {
        self.token.is_none_or(|own| own == token) && self.app.as_ref().is_none_or(|own| app == Some(own))
    }

    /// Higher counts before lower.
    pub(super) fn specificity(&self) -> (bool, bool) {
        (self.app.is_some(), self.token.is_some())
    }
}

/// Who set something, when, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The actor: `uid 0`, `token ops`, `SIGHUP`; at most [`ACTOR_CHARS_MAX`] characters.
    pub by: String,
    /// When.
    pub at: Millis,
    /// The reason given; at most [`WHY_CHARS_MAX`] characters.
    pub why: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Compiled in.
    Default,
    /// The configuration: file and line, or the variable's name.
    File(String),
    /// Set while running.
    Runtime(Act),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => f.write_str(place),
            Self::Runtime(act) => write!(f, "set by {}", act.by),
        }
    }
}

/// One rule and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is for.
    pub scope: Scope,
    /// What it asks for.
    pub need: Need,
    /// Who said so.
    pub origin: Origin,
}

/// A rule set while running, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyOverride {
    /// The network.
    pub network: NetworkId,
    /// What it is for.
    pub scope: Scope,
    /// What it asks for.
    pub need: Need,
    /// Who set it.
    pub act: Act,
}

impl PolicyOverride {
    /// As one rule among others.
    pub fn rule(&self) -> Rule {
        Rule { scope: self.scope.clone(), need: self.need, origin: Origin::Runtime(self.act.clone()) }
    }
}
