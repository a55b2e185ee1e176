//! Rules set, cleared and read again from the file; and what each of these would credit.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Core, Fault};
use crate::{
    domain::{
        Act, Action, Address, Deposit, DepositId, Event, EventKind, Evidence, Need, NetworkId, NetworkSpec, Origin,
        Policy, PolicyOverride, PolicyScope, Threshold, Token, TokenAmount, policy::RuleSet,
    },
    tracker::{Change, Changeset, Known, PlanError},
    writer::handle::{Credits, NeedWish, PolicyChange, PolicyPreview, Refusal},
};

/// Deposits a preview lists; the sums are of all.
const LISTED_MAX: usize = 100;

type Tokens = BTreeMap<Address, Token>;
type Credited = BTreeSet<DepositId>;

impl Core {
    /// Sets or clears a rule. With `dry_run` nothing changes, and the answer says what would. A rule that is set already
    /// stays as it is, with who set it.
    ///
    /// # Errors
    /// [`Fault`]: rules that cannot stand are named; so is an app that does not exist, and an etag of other rules.
    pub fn change_policy(&mut self, change: &PolicyChange) -> Result<PolicyPreview, Fault> {
        let spec = self.tracker(&change.network)?.spec().clone();
        if change.etag.as_ref().is_some_and(|etag| *etag != spec.policy.etag()) {
            let text = format!("the rules of {} have changed since they were read: look at them again", change.network);
            return Err(Refusal::Stale(text).into());
        }
        if let (Some(app), Some(_)) = (&change.scope.app, change.need) {
            self.app(app)?;
        }
        let (rules, set) = changed_rules(&spec, change)?;
        let before = told(&spec.policy, &change.scope);
        let policy = compile(&change.network, rules, &spec)?;
        let is_same = policy == spec.policy;
        let then = NetworkSpec { policy, ..spec };
        let preview = self.preview(then.clone())?;
        if change.dry_run || is_same {
            return Ok(preview);
        }
        let (network, scope) = (change.network.clone(), change.scope.clone());
        let subject = format!("{network} {}", then.policy.rules().place(&scope, &then.tokens));
        let texts = [subject, before, told(&then.policy, &scope)];
        let (action, row) = match set {
            Some(set) => (Action::PolicySet, Change::Override(set)),
            None => (Action::PolicyClear, Change::DropOverride(network, scope)),
        };
        self.stage_act(Changeset { changes: vec![row], events: Vec::new() }, &change.act, action, texts)?;
        self.go_on_with(then);
        Ok(preview)
    }

    /// Takes over networks as they are configured now; rules set while running stay. All of them or none. With
    /// `dry_run` nothing changes.
    ///
    /// # Errors
    /// Rules that do not fit each other are named; networks that are not followed; anything else than rules, symbols
    /// and minimums of tokens that has changed.
    pub fn reload(
        &mut self,
        configured: &[NetworkSpec],
        dry_run: bool,
        act: &Act,
    ) -> Result<Vec<PolicyPreview>, Fault> {
        let mut specs = Vec::with_capacity(configured.len());
        let mut previews = Vec::new();
        for spec in configured {
            let now = self.tracker(&spec.id)?.spec();
            may_follow(now, spec)?;
            let rules = RuleSet { runtime: now.policy.rules().runtime.clone(), ..spec.policy.rules().clone() };
            let policy = compile(&spec.id, rules, spec)?;
            if policy == now.policy && spec.tokens == now.tokens {
                continue;
            }
            let then = NetworkSpec { policy, ..spec.clone() };
            previews.push(self.preview(then.clone())?);
            specs.push(then);
        }
        if dry_run {
            return Ok(previews);
        }
        for spec in specs {
            let (before, after) = (configured_texts(self.tracker(&spec.id)?.spec()), configured_texts(&spec));
            // A rule may only have moved to another line of the file.
            if before != after {
                let only = |these: &[String], those: &[String]| {
                    let only: Vec<&str> =
                        these.iter().filter(|text| !those.contains(text)).map(String::as_str).collect();
                    only.join("; ")
                };
                let texts = [spec.id.to_string(), only(&before, &after), only(&after, &before)];
                self.stage_act(Changeset::default(), act, Action::PolicyReload, texts)?;
            }
            self.go_on_with(spec);
        }
        Ok(previews)
    }

    fn go_on_with(&mut self, spec: NetworkSpec) {
        if let Some(tracker) = self.trackers.get_mut(&spec.id) {
            tracker.set_spec(spec);
            self.is_new_spec = true;
        }
    }

    /// What the network as in `then` would credit that today's does not, if every waiting deposit were proved now.
    fn preview(&mut self, then: NetworkSpec) -> Result<PolicyPreview, Fault> {
        let tracker = self.tracker(&then.id)?;
        let today = tracker.spec().clone();
        let waiting: Vec<Deposit> = tracker.ripe_under(&[&today.policy, &then.policy]).cloned().collect();
        let evidence: Vec<Evidence> = waiting.iter().map(as_it_says).collect();
        let known = self.gather(&then.id, tracker.needs_of_evidence(&evidence), None)?;
        let credited_today = self.credited_as(&today, &evidence, known.clone())?;
        let credited_then = self.credited_as(&then, &evidence, known);
        // Before anything can fail: nobody may meet the rules that were only tried.
        if let Some(tracker) = self.trackers.get_mut(&today.id) {
            tracker.set_spec(today);
        }
        let credited_then = credited_then?;
        let NetworkSpec { id: network, policy, tokens, .. } = then;
        // As they stand now, oldest first.
        let only = |these: &Credited, those: &Credited| {
            let told = waiting.iter().filter(|deposit| these.contains(&deposit.id) && !those.contains(&deposit.id));
            Credits::of(told, &tokens)
        };
        let (credited, held_back) = (only(&credited_then, &credited_today), only(&credited_today, &credited_then));
        Ok(PolicyPreview { network, credited, held_back, policy })
    }

    /// What the tracker credits on this evidence with `spec`, which it keeps.
    fn credited_as(&mut self, spec: &NetworkSpec, evidence: &[Evidence], known: Known) -> Result<Credited, Refusal> {
        let Some(tracker) = self.trackers.get_mut(&spec.id) else { return Ok(Credited::new()) };
        tracker.set_spec(spec.clone());
        let plan = match tracker.plan_verify(evidence, None, known) {
            Ok(plan) => plan,
            // Nothing has been read, so nothing waits.
            Err(PlanError::NotAdopted) => Changeset::default(),
            Err(error) => return Err(Refusal::Stale(error.to_string())),
        };
        let credited = plan.events.into_iter().filter_map(|event| match event {
            Event::Deposit(event) if event.kind == EventKind::Confirmed => Some(event.deposit.id),
            Event::Deposit(_) | Event::Order(_) => None,
        });
        Ok(credited.collect())
    }
}

/// Refuses what a running network cannot take over.
fn may_follow(now: &NetworkSpec, then: &NetworkSpec) -> Result<(), Refusal> {
    let fixed = |spec: &NetworkSpec| {
        let tokens: Vec<_> = spec.tokens.values().map(|token| (token.contract, token.decimals)).collect();
        (spec.family, spec.window_blocks, tokens)
    };
    if fixed(now) == fixed(then) {
        return Ok(());
    }
    let what = "its family, window_blocks, tokens or their decimals have changed: that takes a restart";
    Err(Refusal::Precondition(format!("network {}: {what}", then.id)))
}

/// The rules with the change in them, and the override, if one is set.
fn changed_rules(spec: &NetworkSpec, change: &PolicyChange) -> Result<(RuleSet, Option<PolicyOverride>), Refusal> {
    let mut rules = spec.policy.rules().clone();
    let Some(wish) = change.need else {
        if rules.runtime.remove(&change.scope).is_none() {
            let name = rules.place(&change.scope, &spec.tokens);
            return Err(Refusal::NotFound { what: "policy override", name });
        }
        return Ok((rules, None));
    };
    let need = wished(spec, &change.scope, wish)?;
    if let Some(there) = rules.runtime.get(&change.scope).filter(|there| there.need == need) {
        let there = there.clone();
        return Ok((rules, Some(there)));
    }
    let (network, scope, act) = (change.network.clone(), change.scope.clone(), change.act.clone());
    let set = PolicyOverride { network, scope, need, act };
    rules.runtime.insert(change.scope.clone(), set.clone());
    Ok((rules, Some(set)))
}

/// What the rule asks for once what was not said is taken from what counts now.
///
/// # Errors
/// What counts now differs between the tokens the rule speaks of: taking over any one of it would change the others'.
fn wished(spec: &NetworkSpec, scope: &PolicyScope, wish: NeedWish) -> Result<Need, Refusal> {
    if let (Some(threshold), Some(second_source)) = (wish.threshold, wish.second_source) {
        return Ok(Need { threshold, second_source });
    }
    let now = effective(spec, scope);
    let differ = |what: &str| {
        let place = spec.policy.rules().place(scope, &spec.tokens);
        Refusal::Precondition(format!("{place}: {what} is not the same for all its tokens now: say it"))
    };
    let threshold: Option<Threshold> = wish.threshold.or_else(|| one(now.iter().map(|need| need.threshold)));
    let second_source = wish.second_source.or_else(|| one(now.iter().map(|need| need.second_source)));
    Ok(Need {
        threshold: threshold.ok_or_else(|| differ("how deep a deposit must lie"))?,
        second_source: second_source.ok_or_else(|| differ("whether a second source is asked"))?,
    })
}

/// The value, if there is one and all are the same.
fn one<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// What counts now where a rule of this scope would begin: of the rule of that very scope, or else of every token it
/// speaks of.
fn effective(spec: &NetworkSpec, scope: &PolicyScope) -> Vec<Need> {
    if let Some(own) = spec.policy.rules().standing().remove(scope) {
        return vec![own.need];
    }
    let ladders = spec.policy.ladders();
    let tokens = spec.tokens.keys().filter(|token| scope.token.is_none_or(|own| own == **token));
    let needs = tokens.filter_map(|token| {
        let own = ladders.get(&(*token, scope.app.clone()));
        let ladder = own.or_else(|| ladders.get(&(*token, None)))?;
        Some(ladder.iter().rfind(|rung| rung.from_text.is_at_most(&scope.from))?.need)
    });
    let needs: Vec<Need> = needs.collect();
    if needs.is_empty() { vec![spec.policy.base()] } else { needs }
}

/// The rule of this very scope, as the audit log says it; empty if there is none.
fn told(policy: &Policy, scope: &PolicyScope) -> String {
    let rule = policy.rules().standing().remove(scope);
    rule.map_or_else(String::new, |rule| match rule.origin {
        Origin::Default | Origin::File(_) => format!("{} (configured)", rule.need),
        Origin::Runtime(act) => format!("{} (set by {})", rule.need, act.by),
    })
}

/// What the file says of a network and may be read again, for the audit log.
fn configured_texts(spec: &NetworkSpec) -> Vec<String> {
    let rules = spec.policy.rules();
    let lines = rules.file.iter().map(|rule| format!("{}: {}", rules.place(&rule.scope, &spec.tokens), rule.need));
    let minimum = |token: &Token| format!("{} minimum {}", token.symbol, token.minimum.decimal(token.decimals));
    let floor = format!("at least {}", Need::of(Threshold::Confirmations(rules.limits.floor)));
    lines.chain(spec.tokens.values().map(minimum)).chain([floor]).collect()
}

fn compile(network: &NetworkId, rules: RuleSet, spec: &NetworkSpec) -> Result<Policy, Refusal> {
    Policy::compile(rules, &spec.tokens).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Refusal::PolicyUnsound { network: network.clone(), problems }
    })
}

/// The evidence that would support the deposit.
fn as_it_says(deposit: &Deposit) -> Evidence {
    let Deposit { id, included_at, from, to, amount, .. } = deposit;
    Evidence { under: Need::STRONGEST, id: id.clone(), at: *included_at, from: *from, to: *to, amount: *amount }
}

impl Credits {
    /// Counts, sums by token and lists the first.
    fn of<'a>(deposits: impl Iterator<Item = &'a Deposit>, tokens: &Tokens) -> Self {
        let mut credits = Self::default();
        for deposit in deposits {
            credits.count += 1;
            if credits.listed.len() < LISTED_MAX {
                credits.listed.push(deposit.clone());
            }
            let Some(token) = tokens.get(&deposit.id.token) else { continue };
            match credits.sums.iter_mut().find(|(known, _)| known.contract == token.contract) {
                Some((_, sum)) => *sum = sum.checked_add(deposit.amount).unwrap_or(TokenAmount::MAX),
                None => credits.sums.push((token.clone(), deposit.amount)),
            }
        }
        credits
    }
}
