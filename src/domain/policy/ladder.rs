//! Rules laid over each other: for every token and app the tiers that count.

use std::collections::BTreeMap;

use super::{Need, Origin, PolicyProblem, Rule, RuleSet, Scope, TierFrom};
use crate::domain::{Address, AppId, Standing, Threshold, Token, TokenAmount};

/// One tier of a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// From this amount on, in base units.
    pub from: TokenAmount,
    /// The same as people write it.
    pub from_text: TierFrom,
    /// What is needed.
    pub need: Need,
    /// The rule that counts here.
    pub scope: Scope,
    /// Who said so.
    pub origin: Origin,
}

/// The rules of one network and what they come to. Can only be had for rules that are sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    rules: RuleSet,
    /// For a token that is not configured.
    base: Need,
    /// By token, then app; lowest tier first, the first from 0.
    ladders: BTreeMap<(Address, Option<AppId>), Vec<Rung>>,
}

impl Policy {
    /// Lays `rules` over each other.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn compile(rules: RuleSet, tokens: &BTreeMap<Address, Token>) -> Result<Self, Vec<PolicyProblem>> {
        let mut problems = rules.problems(tokens);
        let standing = rules.standing();
        let Some(base) = standing.get(&Scope::network()).map(|rule| rule.need) else { return Err(problems) };
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut ladders = BTreeMap::new();
        for token in tokens.values() {
            let apps = rules.apps().into_iter().map(Some);
            for app in std::iter::once(None).chain(apps) {
                let ladder = ladder(standing.values(), token, app.as_ref());
                problems.extend(falls(&ladder, token, app.as_ref()));
                ladders.insert((token.contract, app), ladder);
            }
        }
        if problems.is_empty() { Ok(Self { rules, base, ladders }) } else { Err(problems) }
    }

    /// One threshold for everything, within no limits: for tests and simulated networks.
    pub fn flat(threshold: Threshold) -> Self {
        let base = Need::of(threshold);
        Self { rules: RuleSet::flat(base), base, ladders: BTreeMap::new() }
    }

    /// The rules it was made of.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// What the smallest deposits of the network need.
    pub fn base(&self) -> Need {
        self.base
    }

    /// Every tier that counts, by token and app.
    pub fn ladders(&self) -> &BTreeMap<(Address, Option<AppId>), Vec<Rung>> {
        &self.ladders
    }

    /// The tier of a deposit; `None` for a token that has no ladder.
    pub fn rung_for(&self, token: Address, app: &AppId, amount: TokenAmount) -> Option<&Rung> {
        let own = self.ladders.get(&(token, Some(app.clone())));
        let ladder = own.or_else(|| self.ladders.get(&(token, None)))?;
        ladder.iter().rev().find(|rung| rung.from <= amount)
    }

    /// What a deposit needs.
    pub fn need_for(&self, token: Address, app: &AppId, amount: TokenAmount) -> Need {
        self.rung_for(token, app, amount).map_or(self.base, |rung| rung.need)
    }

    /// Whether `standing` is enough for `need`.
    pub fn is_met(&self, need: Need, standing: Standing) -> bool {
        need.is_met(standing, self.rules.limits.floor)
    }
}

/// The tiers of one token and app, lowest first.
fn ladder<'a>(rules: impl Iterator<Item = &'a Rule>, token: &Token, app: Option<&AppId>) -> Vec<Rung> {
    let mut rungs: BTreeMap<TokenAmount, Rung> = BTreeMap::new();
    for rule in rules.filter(|rule| rule.scope.speaks_of(token.contract, app)) {
        let Ok(from) = rule.scope.from.base_units(token.decimals) else { continue };
        let beaten = rungs.get(&from).is_some_and(|other| other.scope.specificity() > rule.scope.specificity());
        if !beaten {
            let (scope, origin) = (rule.scope.clone(), rule.origin.clone());
            rungs.insert(from, Rung { from, from_text: rule.scope.from.clone(), need: rule.need, scope, origin });
        }
    }
    rungs.into_values().collect()
}

/// Where a ladder does not rise.
fn falls(ladder: &[Rung], token: &Token, app: Option<&AppId>) -> Vec<PolicyProblem> {
    let pairs = ladder.iter().zip(ladder.iter().skip(1));
    let falling = pairs.filter(|(low, high)| {
        let ((low_count, low_second), (high_count, high_second)) = (low.need.rank(), high.need.rank());
        high_count < low_count || (low_second && !high_second)
    });
    let name = |(low, high): (&Rung, &Rung)| PolicyProblem::Falls {
        token: token.symbol.clone(),
        app: app.map_or_else(String::new, |app| format!(" for app {app}")),
        low: low.from_text.clone(),
        low_need: low.need,
        high: high.from_text.clone(),
        high_need: high.need,
    };
    falling.map(name).collect()
}
