//! Checks as they are made: the first that failed decides, else the first that waits.

use crate::domain::{
    Deposit, DepositState,
    explain::{Check, CheckOutcome, Verdict},
};

/// What decides.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    pub(super) reason: &'static str,
    pub(super) text: String,
    /// What it still waits for.
    pub(super) missing: Option<String>,
}

impl Decision {
    /// Nothing is waited for.
    pub(super) fn of(verdict: Verdict, reason: &'static str, text: impl Into<String>) -> Self {
        Self { verdict, reason, text: text.into(), missing: None }
    }

    /// It waits for `missing`.
    pub(super) fn waiting(reason: &'static str, text: impl Into<String>, missing: impl Into<String>) -> Self {
        Self { verdict: Verdict::Waiting, reason, text: text.into(), missing: Some(missing.into()) }
    }
}

/// The checks of one transfer.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    checks: Vec<Check>,
    failed: Option<Decision>,
    waits: Option<Decision>,
}

impl Sheet {
    /// It is as it must be.
    pub(super) fn pass(&mut self, name: &'static str, text: impl Into<String>) {
        self.checks.push(Check { name, outcome: CheckOutcome::Passed, text: text.into() });
    }

    /// It is not, and will not become so.
    pub(super) fn fail(&mut self, name: &'static str, decision: Decision) {
        self.checks.push(Check { name, outcome: CheckOutcome::Failed, text: decision.text.clone() });
        self.failed.get_or_insert(decision);
    }

    /// It is not yet.
    pub(super) fn wait(&mut self, name: &'static str, decision: Decision) {
        self.checks.push(Check { name, outcome: CheckOutcome::Waiting, text: decision.text.clone() });
        self.waits.get_or_insert(decision);
    }

    /// The node's word is against what is recorded: nothing is decided by it where something was already.
    pub(super) fn contradict(&mut self, name: &'static str, row: &Deposit, decision: Decision) {
        if row.state == DepositState::Detected {
            return self.wait(name, decision);
        }
        self.checks.push(Check { name, outcome: CheckOutcome::Failed, text: decision.text });
    }

    /// Takes down how a check came out.
    pub(super) fn note(&mut self, name: &'static str, outcome: Result<String, Decision>) {
        match outcome {
            Ok(text) => self.pass(name, text),
            Err(decision) if decision.verdict == Verdict::Waiting => self.wait(name, decision),
            Err(decision) => self.fail(name, decision),
        }
    }

    /// Whether something failed, so that what follows does not matter.
    pub(super) fn is_decided(&self) -> bool {
        self.failed.is_some()
    }

    /// The checks, and what decides; `otherwise` if all passed.
    pub(super) fn finish(self, otherwise: Decision) -> (Vec<Check>, Decision) {
        (self.checks, self.failed.or(self.waits).unwrap_or(otherwise))
    }
}
