//! Whether an endpoint is sent anything now: an endpoint that fails is left alone for a while, then asked once.
//!
//! A breaker only holds back what is due: it knows no rows and their due times do not change.

use crate::domain::{Attempt, Millis, Outcome, notification::Unreached};

/// When an endpoint rests and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// Failures in a row that make it rest; at least 1.
    pub failures: u32,
    /// The first rest, in milliseconds; at least 1.
    pub rest_ms: u64,
    /// Each further rest is twice as long, up to this, in milliseconds; at least `rest_ms`.
    pub rest_ms_max: u64,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self { failures: 10, rest_ms: 30_000, rest_ms_max: 600_000 }
    }
}

/// What an attempt says about the endpoint itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It takes notifications.
    Accepted,
    /// It is there and did not want this one: that says nothing about the next one.
    Answered,
    /// It is not there, too slow, broken or asks for rest.
    Failed,
    /// Nothing: it was not asked.
    Nothing,
}

impl Sign {
    /// The sign in `attempt`. Failures are connections that do not come about or break, no answer in time, 429 and 5xx.
    pub fn of(attempt: &Attempt) -> Self {
        match attempt.outcome {
            Outcome::Accepted => Self::Accepted,
            Outcome::Gone => Self::Answered,
            Outcome::Refused { .. } => match attempt.status {
                Some(429 | 500..=599) => Self::Failed,
                Some(_) | None => Self::Answered,
            },
            Outcome::Unreachable(Unreached::Request) | Outcome::Blocked => Self::Nothing,
            Outcome::Unreachable(
                Unreached::Dns | Unreached::Connect | Unreached::Tls | Unreached::TimedOut | Unreached::Broken,
            ) => Self::Failed,
        }
    }
}

/// What may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Whatever is due.
    Free,
    /// One notification, once nothing is on its way.
    Probe,
    /// Nothing before this time.
    Rest(Millis),
}

/// What an attempt changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// From now on the endpoint rests.
    Opened,
    /// It is there again.
    Closed,
}

/// One endpoint's breaker; closed to begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row.
    failures: u32,
    /// The rest it takes, in milliseconds; 0 while it is closed.
    rest_ms: u64,
    /// The end of that rest.
    until: Millis,
    /// Whether the one attempt after the rest is on its way.
    is_probing: bool,
}

impl Breaker {
    /// Whether whatever is due may be sent.
    pub fn is_closed(&self) -> bool {
        self.rest_ms == 0
    }

    /// Whether the endpoint's last attempts failed.
    pub fn is_failing(&self) -> bool {
        self.failures > 0 || !self.is_closed()
    }

    /// Whether the endpoint rests at `now`.
    pub fn is_resting(&self, now: Millis) -> bool {
        matches!(self.gate(now), Gate::Rest(_))
    }

    /// Until when the endpoint rests; `None` while the breaker is closed.
    pub fn resting_until(&self) -> Option<Millis> {
        (!self.is_closed()).then_some(self.until)
    }

    /// What may be sent at `now`. No rest is longer than it was meant: a clock that was set back ends it.
    pub fn gate(&self, now: Millis) -> Gate {
        if self.is_closed() {
            return Gate::Free;
        }
        let left = self.until.since(now);
        if left == 0 || left > self.rest_ms { Gate::Probe } else { Gate::Rest(self.until) }
    }

    /// An attempt begins; after a rest it is the probe.
    pub fn begun(&mut self) {
        self.is_probing = !self.is_closed();
    }

    /// An attempt ended at `now`. Failures of attempts that were on their way when the rest began prolong nothing.
    pub fn ended(&mut self, sign: Sign, rules: &BreakerRules, now: Millis) -> Option<Turn> {
        let was_probing = std::mem::take(&mut self.is_probing);
        match sign {
            Sign::Accepted | Sign::Answered => {
                let was_closed = self.is_closed();
                *self = Self::default();
                (!was_closed).then_some(Turn::Closed)
            }
            Sign::Failed if self.is_closed() => {
                self.failures = self.failures.saturating_add(1);
                if self.failures < rules.failures {
                    return None;
                }
                self.rest(rules.rest_ms, now);
                Some(Turn::Opened)
            }
            Sign::Failed if was_probing => {
                self.rest(self.rest_ms.saturating_mul(2).min(rules.rest_ms_max), now);
                None
            }
            Sign::Nothing if was_probing => {
                self.rest(self.rest_ms, now);
                None
            }
            Sign::Failed | Sign::Nothing => None,
        }
    }

    fn rest(&mut self, ms: u64, now: Millis) {
        self.rest_ms = ms.max(1);
        self.until = now.plus(self.rest_ms);
    }
}

#[cfg(test)]
mod tests;
