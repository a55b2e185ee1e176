//! How many notifications an endpoint is sent a second: GCRA, a token bucket that remembers one number.

use crate::domain::Millis;

const SECOND_US: u64 = 1_000_000;

/// Notifications a second, and how many at once after a quiet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceRules {
    /// Over a long time; 0: as many as the receiver takes.
    pub per_second: u32,
    /// At once; 0 counts as 1.
    pub burst: u32,
}

impl Default for PaceRules {
    fn default() -> Self {
        Self { per_second: 1000, burst: 100 }
    }
}

impl PaceRules {
    /// Microseconds that one notification costs, rounded up; 0 without a limit.
    fn cost_us(&self) -> u64 {
        match self.per_second {
            0 => 0,
            count => SECOND_US.div_ceil(u64::from(count)),
        }
    }

    /// Microseconds that a full burst costs.
    fn span_us(&self) -> u64 {
        self.cost_us().saturating_mul(u64::from(self.burst.max(1)))
    }
}

/// One endpoint's pace; a full burst to begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// When a full burst is there again, in microseconds since the epoch.
    full_us: u64,
}

impl Pace {
    /// Microseconds until a full burst is there again. Never more than a burst is worth: a clock that was set back would
    /// silence the endpoint.
    fn debt_us(&self, rules: &PaceRules, now: Millis) -> u64 {
        self.full_us.saturating_sub(micros(now)).min(rules.span_us())
    }

    /// How many may begin at `now`.
    pub fn room(&self, rules: &PaceRules, now: Millis) -> usize {
        let free = rules.span_us().saturating_sub(self.debt_us(rules, now));
        match rules.cost_us() {
            0 => usize::MAX,
            cost => usize::try_from(free / cost).unwrap_or(usize::MAX),
        }
    }

    /// When there is room for one; `now` or later.
    pub fn next(&self, rules: &PaceRules, now: Millis) -> Millis {
        let most = rules.span_us().saturating_sub(rules.cost_us());
        now.plus(self.debt_us(rules, now).saturating_sub(most).div_ceil(1000))
    }

    /// One begins at `now`.
    pub fn take(&mut self, rules: &PaceRules, now: Millis) {
        let debt = self.debt_us(rules, now).saturating_add(rules.cost_us());
        self.full_us = micros(now).saturating_add(debt);
    }

    /// Whether a full burst is there at `now`.
    pub fn is_full(&self, rules: &PaceRules, now: Millis) -> bool {
        self.debt_us(rules, now) == 0
    }
}

fn micros(at: Millis) -> u64 {
    at.0.saturating_mul(1000)
}

#[cfg(test)]
mod tests;
