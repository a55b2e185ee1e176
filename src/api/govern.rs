//! What the acts of operators have in common: who, why, and for what.

use tonic::Code;

use super::{auth::Caller, convert::Form, proto::v1, status::Problem};
use crate::domain::{
    Act, Address, AmountPolicy, NetworkSpec, PolicyScope, TierFrom,
    app::GRACE_S_MAX,
    clock,
    policy::{ACTOR_CHARS_MAX, WHY_CHARS_MAX},
};

/// Longest text that is looked at as an amount or a token, in bytes.
const TEXT_BYTES_MAX: usize = 100;

/// Refuses callers that are bound to an app: what they ask for concerns all of them.
pub(super) fn must_be_unbound(caller: &Caller) -> Result<(), Problem> {
    let Some(app) = caller.only_app() else { return Ok(()) };
    let text = format!("{} is bound to the app {app}, and this concerns all apps", caller.name());
    Err(Problem::new(Code::PermissionDenied, "APP_BOUND", text).with("app", app.as_str()))
}

impl Form {
    /// Who acts, now, and why; the reason must be given.
    pub(super) fn act(&mut self, caller: &Caller, reason: &str) -> Act {
        if reason.trim().is_empty() {
            self.refuse("reason", "EMPTY", format!("must say why, in 1 to {WHY_CHARS_MAX} characters"));
        }
        self.act_why_or_not(caller, reason)
    }

    /// The same; the reason may be empty.
    pub(super) fn act_why_or_not(&mut self, caller: &Caller, reason: &str) -> Act {
        if reason.chars().count() > WHY_CHARS_MAX {
            self.refuse("reason", "TOO_LONG", format!("must not be longer than {WHY_CHARS_MAX} characters"));
        }
        if reason.chars().any(char::is_control) {
            self.refuse("reason", "CONTROL_CHARACTER", "must not contain control characters");
        }
        let by = caller.name().chars().take(ACTOR_CHARS_MAX).collect();
        Act { by, at: clock::now(), why: reason.to_owned() }
    }

    /// An amount policy; `None`: unspecified, or refused.
    pub(super) fn amount_policy(&mut self, number: i32) -> Option<AmountPolicy> {
        match v1::AmountPolicy::try_from(number) {
            Ok(v1::AmountPolicy::Unspecified) => None,
            Ok(v1::AmountPolicy::AcceptActual) => Some(AmountPolicy::AcceptActual),
            Ok(v1::AmountPolicy::AtLeast) => Some(AmountPolicy::AtLeast),
            Ok(v1::AmountPolicy::StrictExact) => Some(AmountPolicy::StrictExact),
            Err(_) => {
                self.refuse("amount_policy", "AMOUNT_POLICY_UNKNOWN", format!("{number} is no amount policy"));
                None
            }
        }
    }

    /// The seconds an app's orders wait beyond their expiry.
    pub(super) fn grace_s(&mut self, seconds: u32) -> u32 {
        if seconds > GRACE_S_MAX {
            self.refuse("grace_seconds", "GRACE_TOO_LONG", format!("must not be above {GRACE_S_MAX}"));
        }
        seconds
    }

    /// What a rule of `spec` is for; empty texts are everything.
    pub(super) fn policy_scope(&mut self, spec: &NetworkSpec, token: &str, app: &str, from: &str) -> PolicyScope {
        let token = if token.is_empty() { None } else { self.policy_token(spec, token) };
        let app = if app.is_empty() { None } else { self.app_id(app) };
        let from = match from {
            "" => TierFrom::zero(),
            text if text.len() > TEXT_BYTES_MAX => {
                self.refuse("from", "AMOUNT_TOO_LARGE", "is too long for an amount");
                TierFrom::zero()
            }
            text => TierFrom::parse(text).unwrap_or_else(|error| {
                self.refuse("from", "AMOUNT_FORM", error.to_string());
                TierFrom::zero()
            }),
        };
        PolicyScope { token, app, from }
    }

    fn policy_token(&mut self, spec: &NetworkSpec, text: &str) -> Option<Address> {
        let shown: String = text.chars().take(TEXT_BYTES_MAX).collect();
        if spec.tokens.values().filter(|token| token.symbol == text).count() > 1 {
            let text = format!("{} has several tokens with the symbol {shown:?}: name the contract", spec.id);
            self.refuse("token", "TOKEN_AMBIGUOUS", text);
            return None;
        }
        let found = spec.token_named(text).map(|token| token.contract);
        if found.is_none() {
            self.refuse("token", "UNKNOWN_TOKEN", format!("{shown:?} is not a token of {}", spec.id));
        }
        found
    }
}

/// An amount policy as it is answered.
pub(super) fn amount_policy(policy: AmountPolicy) -> v1::AmountPolicy {
    match policy {
        AmountPolicy::AcceptActual => v1::AmountPolicy::AcceptActual,
        AmountPolicy::AtLeast => v1::AmountPolicy::AtLeast,
        AmountPolicy::StrictExact => v1::AmountPolicy::StrictExact,
    }
}

#[cfg(test)]
mod tests;
