//! What an attempt means for the endpoint.

use crate::domain::{
    Attempt, Endpoint, Millis, Outcome, Parked, Trigger, WhyParked,
    endpoint::{FAILING_ATTEMPTS_MIN, FAILING_MS_MAX},
};

/// The endpoint after an attempt that ended at `ended`. A 410 parks it at once; so does accepting nothing for
/// [`FAILING_MS_MAX`] over [`FAILING_ATTEMPTS_MIN`] attempts. A test changes nothing but that an accepted one ends the
/// row of failures.
pub fn after(endpoint: &Endpoint, attempt: &Attempt, ended: Millis) -> Endpoint {
    if attempt.outcome == Outcome::Accepted {
        return Endpoint { failing_since: None, failures: 0, ..endpoint.clone() };
    }
    if attempt.trigger == Trigger::Test {
        return endpoint.clone();
    }
    let failing_since = endpoint.failing_since.unwrap_or(ended);
    let failures = endpoint.failures.saturating_add(1);
    let is_failing = failures >= FAILING_ATTEMPTS_MIN && ended.since(failing_since) >= FAILING_MS_MAX;
    let why = match (&attempt.outcome, is_failing) {
        (Outcome::Gone, _) => Some(WhyParked::Gone),
        (_, true) => Some(WhyParked::Failing),
        (_, false) => None,
    };
    let parked = endpoint.parked.clone().or_else(|| why.map(|why| Parked { since: ended, why }));
    Endpoint { parked, failing_since: Some(failing_since), failures, ..endpoint.clone() }
}
