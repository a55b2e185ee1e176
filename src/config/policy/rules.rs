//! Everything that was read becomes rules, and each of their problems is reported where it was written.

use std::collections::BTreeMap;

use super::wishes::{AppWishes, Wish, Wishes};
use crate::{
    config::sheet::{Sheet, Spot},
    domain::{
        Address, AppId, Confirmations, Family, Need, Origin, Policy, PolicyScope, Threshold, TierFrom, Token,
        policy::{Limits, PolicyProblem, Rule, RuleSet},
    },
};

/// What small amounts need, and where that is written or should be.
#[derive(Clone, Debug)]
struct Base {
    threshold: (Threshold, Spot),
    second_source: (bool, Spot),
}

impl Base {
    /// The same, but for what `wish` says.
    fn with(&self, wish: &Wish) -> Self {
        Self {
            threshold: wish.threshold.clone().unwrap_or_else(|| self.threshold.clone()),
            second_source: wish.second_source.clone().unwrap_or_else(|| self.second_source.clone()),
        }
    }

    fn need(&self) -> Need {
        Need { threshold: self.threshold.0, second_source: self.second_source.0 }
    }
}

/// A rule, and where its parts are written.
#[derive(Debug)]
struct Placed {
    rule: Rule,
    base: Base,
    spot: Spot,
}

impl Placed {
    /// `part`, if it is written in this rule's own table; else, since it is inherited, the rule's place.
    fn own<'a>(&'a self, part: &'a Spot) -> &'a Spot {
        let table = self.spot.path().strip_suffix(".from").unwrap_or(self.spot.path());
        let is_here = part.path().rsplit_once('.').is_some_and(|(around, _)| around == table);
        if is_here { part } else { &self.spot }
    }
}

/// What a network's rules stand on.
#[derive(Debug)]
pub(in crate::config) struct Ground<'a> {
    /// How contracts are written.
    pub(in crate::config) family: Family,
    /// What every deposit needs unless a rule says otherwise.
    pub(in crate::config) need: Need,
    /// Where that is written: `confirmations` and `second_source`.
    pub(in crate::config) spots: (Spot, Spot),
    /// Who says so.
    pub(in crate::config) origin: Origin,
    /// No rule asks for fewer, and where that is written.
    pub(in crate::config) floor: (Confirmations, Spot),
    /// Headers kept.
    pub(in crate::config) window_blocks: u32,
    /// Endpoints there are; `None`: they could not be read.
    pub(in crate::config) endpoints: Option<usize>,
    /// The tokens; `None`: they could not be read.
    pub(in crate::config) tokens: Option<&'a BTreeMap<Address, Token>>,
    /// The network's own tiers.
    pub(in crate::config) tiers: Wishes,
    /// What single tokens ask for.
    pub(in crate::config) of_tokens: &'a [(Address, Wishes)],
    /// What single apps ask for.
    pub(in crate::config) of_apps: Vec<AppWishes>,
}

/// The policy of a network. Everything that is wrong with it is reported.
pub(in crate::config) fn compile(sheet: &Sheet, ground: &Ground<'_>) -> Option<Policy> {
    let ceiling = Confirmations::new(ground.window_blocks / 2).unwrap_or(Confirmations::ONE);
    let (floor, floor_spot) = &ground.floor;
    if *floor > ceiling {
        sheet.wrong_at(floor_spot, too_deep(ground.window_blocks));
        return None;
    }
    let (placed, is_whole) = lay_out(sheet, ground);
    let limits = Limits { floor: *floor, ceiling, endpoints: ground.endpoints.unwrap_or(usize::MAX) };
    let file = placed.iter().map(|placed| placed.rule.clone()).collect();
    let rules = RuleSet { limits, file, runtime: BTreeMap::new() };
    let none = BTreeMap::new();
    let tokens = ground.tokens.unwrap_or(&none);
    match Policy::compile(rules.clone(), tokens) {
        Ok(policy) => Some(policy).filter(|_| is_whole),
        Err(problems) => {
            for problem in &problems {
                report(sheet, ground, problem, &placed, |scope| rules.place(scope, tokens));
            }
            None
        }
    }
}

/// Every rule, inherited parts filled in; and whether every token that is named was found.
fn lay_out(sheet: &Sheet, ground: &Ground<'_>) -> (Vec<Placed>, bool) {
    let (threshold, second_source) = ground.spots.clone();
    let network = Base {
        threshold: (ground.need.threshold, threshold.clone()),
        second_source: (ground.need.second_source, second_source),
    };
    let rule = Rule { scope: PolicyScope::network(), need: network.need(), origin: ground.origin.clone() };
    let mut placed = vec![Placed { rule, base: network.clone(), spot: threshold }];
    add((None, None), &ground.tiers, &network, &mut placed);
    let mut of_token = BTreeMap::new();
    for (token, wishes) in ground.of_tokens {
        add((Some(*token), None), wishes, &network, &mut placed);
        of_token.insert(*token, network.with(&wishes.own));
    }
    let everywhere = ground.of_apps.iter().filter(|entry| entry.token.is_none());
    let mut of_app = BTreeMap::new();
    for entry in everywhere {
        add((None, Some(&entry.app)), &entry.wishes, &network, &mut placed);
        if entry.wishes.own.origin().is_some() {
            of_app.insert(&entry.app, network.with(&entry.wishes.own));
        }
    }
    let mut is_whole = true;
    for entry in &ground.of_apps {
        let (Some((name, spot)), Some(tokens)) = (&entry.token, ground.tokens) else { continue };
        let Some(token) = named(name, ground.family, tokens) else {
            let known: Vec<&str> = tokens.values().map(|token| token.symbol.as_str()).collect();
            sheet.wrong_at(spot, format!("is no token of this network: known here: {}", known.join(", ")));
            is_whole = false;
            continue;
        };
        let parent = of_app.get(&entry.app).or_else(|| of_token.get(&token)).unwrap_or(&network);
        add((Some(token), Some(&entry.app)), &entry.wishes, parent, &mut placed);
    }
    (placed, is_whole)
}

/// Adds the rules one table writes for `token` and `app`; what it does not say is as in `parent`.
fn add((token, app): (Option<Address>, Option<&AppId>), wishes: &Wishes, parent: &Base, placed: &mut Vec<Placed>) {
    let scope = |from| PolicyScope { token, app: app.cloned(), from };
    let base = parent.with(&wishes.own);
    if let Some(origin) = wishes.own.origin() {
        let rule = Rule { scope: scope(TierFrom::zero()), need: base.need(), origin };
        placed.push(Placed { rule, base: base.clone(), spot: wishes.spot.clone() });
    }
    for tier in &wishes.tiers {
        let base = base.with(&tier.wish);
        let origin = tier.wish.origin().unwrap_or_else(|| tier.spot.origin());
        let rule = Rule { scope: scope(tier.from.clone()), need: base.need(), origin };
        placed.push(Placed { rule, base, spot: tier.spot.clone() });
    }
}

fn named(name: &str, family: Family, tokens: &BTreeMap<Address, Token>) -> Option<Address> {
    let contract = Address::parse(family, name).ok().filter(|contract| tokens.contains_key(contract));
    let by_symbol = || tokens.values().find(|token| token.symbol == name).map(|token| token.contract);
    contract.or_else(by_symbol)
}

fn too_deep(window_blocks: u32) -> String {
    format!("must be at most half of window_blocks ({window_blocks}): a reorg that deep could not be taken back")
}

/// Reports a problem at the key it is about. `text_of` names a scope as the problem does.
fn report(
    sheet: &Sheet,
    ground: &Ground<'_>,
    problem: &PolicyProblem,
    placed: &[Placed],
    text_of: impl Fn(&PolicyScope) -> String,
) {
    let of = |place: &str| placed.iter().rfind(|placed| text_of(&placed.rule.scope) == place);
    // Every problem is about a rule of ours; were one not found, the network's own key is named.
    let fallback = &ground.spots.0;
    match problem {
        PolicyProblem::TooFew { place, least, because, .. } => {
            let is_floor = *least == ground.floor.0.get();
            let spot = of(place).map_or(fallback, |found| {
                if is_floor { &found.base.threshold.1 } else { found.own(&found.base.threshold.1) }
            });
            sheet.wrong_at(spot, format!("must be at least {least}, {because}"));
        }
        PolicyProblem::TooMany { place, .. } => {
            let spot = of(place).map_or(fallback, |found| &found.base.threshold.1);
            sheet.wrong_at(spot, too_deep(ground.window_blocks));
        }
        PolicyProblem::OneEndpoint { place } => {
            let spot = of(place).map_or(fallback, |found| &found.base.second_source.1);
            sheet.wrong_at(spot, "needs at least two endpoints");
        }
        PolicyProblem::Amount { place, symbol, problem } => {
            let spot = of(place).map_or(fallback, |found| &found.spot);
            sheet.wrong_at(spot, format!("{symbol} has no such amount: {problem}"));
        }
        PolicyProblem::Twice { place } => {
            let spot = of(place).map_or(fallback, |found| &found.spot);
            sheet.wrong_at(spot, format!("there is another rule for {place}"));
        }
        PolicyProblem::Falls { token, app, high, low_need, high_need, .. } => {
            let found = highest(ground, placed, (token, app), high);
            let is_shallower = high_need.rank().0 < low_need.rank().0;
            let spot = found.map_or(fallback, |found| {
                found.own(if is_shallower { &found.base.threshold.1 } else { &found.base.second_source.1 })
            });
            sheet.wrong_at(spot, problem.to_string());
        }
        PolicyProblem::UnknownToken { .. } | PolicyProblem::NoBase => sheet.wrong_at(fallback, problem.to_string()),
    }
}

/// The rule that counts for a token and app from the amount `from` on.
fn highest<'a>(
    ground: &Ground<'_>,
    placed: &'a [Placed],
    (symbol, app): (&str, &str),
    from: &TierFrom,
) -> Option<&'a Placed> {
    let token = ground.tokens?.values().find(|token| token.symbol == symbol)?.contract;
    let app: Option<AppId> = app.strip_prefix(" for app ").and_then(|app| app.parse().ok());
    let here = |placed: &&Placed| placed.rule.scope.from == *from && placed.rule.scope.speaks_of(token, app.as_ref());
    placed.iter().filter(here).max_by_key(|placed| (placed.rule.scope.app.is_some(), placed.rule.scope.token.is_some()))
}
