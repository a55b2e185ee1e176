//! The rules of one network, and what is wrong with them.

use std::collections::BTreeMap;

use super::{LARGE_TIER_MIN, Need, PolicyOverride, Rule, Scope, TierFrom};
use crate::domain::{Address, AppId, Confirmations, Threshold, Token};

/// What every rule of a network must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// No rule asks for fewer confirmations; also of a block the network calls final.
    pub floor: Confirmations,
    /// No rule asks for more: the block would leave the window of headers before.
    pub ceiling: Confirmations,
    /// How many endpoints there are to ask.
    pub endpoints: usize,
}

/// The rules of one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSet {
    /// What they must keep to.
    pub limits: Limits,
    /// As configured; one of them is for the whole network.
    pub file: Vec<Rule>,
    /// As set while running, by scope.
    pub runtime: BTreeMap<Scope, PolicyOverride>,
}

/// Why rules cannot stand. `place` names the rule as a person would.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyProblem {
    /// No rule for the whole network.
    #[error("there is no rule for the whole network")]
    NoBase,
    /// The scope names a token the network does not watch.
    #[error("{place}: the token is not configured on this network")]
    UnknownToken {
        /// Which rule.
        place: String,
    },
    /// Two rules of the file for one scope.
    #[error("{place}: there are two rules for it")]
    Twice {
        /// Which rule.
        place: String,
    },
    /// The amount is not one of that token.
    #[error("{place}: {symbol} has no such amount: {problem}")]
    Amount {
        /// Which rule.
        place: String,
        /// The token.
        symbol: String,
        /// Why.
        problem: String,
    },
    /// Fewer confirmations than allowed.
    #[error("{place}: {asked} confirmations are below {least}, {because}")]
    TooFew {
        /// Which rule.
        place: String,
        /// What it asks for.
        asked: u32,
        /// The least.
        least: u32,
        /// Why there is a least.
        because: &'static str,
    },
    /// More confirmations than the window allows.
    #[error(
        "{place}: {asked} confirmations are above {most}, half of window_blocks: a reorg that deep could not be taken back"
    )]
    TooMany {
        /// Which rule.
        place: String,
        /// What it asks for.
        asked: u32,
        /// The most.
        most: u32,
    },
    /// Nobody to ask a second time.
    #[error("{place}: a second source needs at least two endpoints")]
    OneEndpoint {
        /// Which rule.
        place: String,
    },
    /// More money would need less.
    #[error("{token}{app}: from {low} on {low_need} are needed, from {high} on only {high_need}: set that one as well")]
    Falls {
        /// The token's symbol.
        token: String,
        /// ` for app …`, or nothing.
        app: String,
        /// The lower tier.
        low: TierFrom,
        /// What it needs.
        low_need: Need,
        /// The higher tier.
        high: TierFrom,
        /// What that needs.
        high_need: Need,
    },
}

impl RuleSet {
    /// One rule for everything, within no limits: for tests and simulated networks.
    pub fn flat(need: Need) -> Self {
        let limits = Limits { floor: Confirmations::ONE, ceiling: Confirmations::MAX, endpoints: usize::MAX };
        let rule = Rule { scope: Scope::network(), need, origin: super::Origin::Default };
        Self { limits, file: vec![rule], runtime: BTreeMap::new() }
    }

    /// The rule that counts for each scope.
    pub fn standing(&self) -> BTreeMap<Scope, Rule> {
        let file = self.file.iter().map(|rule| (rule.scope.clone(), rule.clone()));
        let runtime = self.runtime.iter().map(|(scope, set)| (scope.clone(), set.rule()));
        file.chain(runtime).collect()
    }

    /// A scope as a person would name it: `USDT of app shop from 10000`.
    pub fn place(&self, scope: &Scope, tokens: &BTreeMap<Address, Token>) -> String {
        place(scope, tokens)
    }

    /// The apps that rules name.
    pub(super) fn apps(&self) -> Vec<AppId> {
        let mut apps: Vec<AppId> = self.standing().into_keys().filter_map(|scope| scope.app).collect();
        apps.sort();
        apps.dedup();
        apps
    }

    /// What is wrong with single rules.
    pub(super) fn problems(&self, tokens: &BTreeMap<Address, Token>) -> Vec<PolicyProblem> {
        let mut problems = Vec::new();
        let standing = self.standing();
        if !standing.contains_key(&Scope::network()) {
            problems.push(PolicyProblem::NoBase);
        }
        for (at, rule) in self.file.iter().enumerate() {
            if self.file[..at].iter().any(|before| before.scope == rule.scope) {
                problems.push(PolicyProblem::Twice { place: place(&rule.scope, tokens) });
            }
        }
        for rule in standing.values() {
            self.judge(rule, tokens, &mut problems);
        }
        problems
    }

    fn judge(&self, rule: &Rule, tokens: &BTreeMap<Address, Token>, problems: &mut Vec<PolicyProblem>) {
        let place = || place(&rule.scope, tokens);
        if rule.scope.token.is_some_and(|token| !tokens.contains_key(&token)) {
            problems.push(PolicyProblem::UnknownToken { place: place() });
        }
        for token in tokens.values().filter(|token| rule.scope.token.is_none_or(|own| own == token.contract)) {
            if let Err(error) = rule.scope.from.base_units(token.decimals) {
                let (symbol, problem) = (token.symbol.clone(), error.to_string());
                problems.push(PolicyProblem::Amount { place: place(), symbol, problem });
            }
        }
        if let Threshold::Confirmations(count) = rule.need.threshold {
            let floor = self.limits.floor.get();
            let (least, because) = if rule.scope.from.is_zero() || floor >= LARGE_TIER_MIN {
                (floor, "the network's floor")
            } else {
                (LARGE_TIER_MIN, "the least a tier above the first may ask for")
            };
            let (asked, most) = (count.get(), self.limits.ceiling.get());
            if asked < least {
                problems.push(PolicyProblem::TooFew { place: place(), asked, least, because });
            }
            if asked > most {
                problems.push(PolicyProblem::TooMany { place: place(), asked, most });
            }
        }
        if rule.need.second_source && self.limits.endpoints < 2 {
            problems.push(PolicyProblem::OneEndpoint { place: place() });
        }
    }
}

/// A scope as a person would name it.
fn place(scope: &Scope, tokens: &BTreeMap<Address, Token>) -> String {
    let token = match scope.token {
        None => "every token".to_owned(),
        Some(contract) => tokens.get(&contract).map_or_else(|| format!("{contract:?}"), |token| token.symbol.clone()),
    };
    let app = scope.app.as_ref().map_or_else(String::new, |app| format!(" of app {app}"));
    format!("{token}{app} from {}", scope.from)
}
