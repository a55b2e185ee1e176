//! Telling: deadlines and limits.

use super::sheet::Section;

/// `[notify]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotifyConfig {
    /// For one attempt from name resolution to the end of the answer, in milliseconds, 1 000 to 30 000.
    pub deadline_ms: u64,
    /// For the connection alone, in milliseconds, 100 to `deadline_ms`.
    pub connect_ms: u64,
    /// Attempts under way to one endpoint, 1 to 64.
    pub in_flight_per_endpoint: usize,
    /// Attempts under way in all, 1 to 4096, not below `in_flight_per_endpoint`.
    pub in_flight: usize,
    /// Attempts a second to one endpoint, 0 to 10 000; 0: no limit.
    pub per_second_per_endpoint: u32,
    /// Attempts to one endpoint at once after a quiet time, 1 to 1 000.
    pub burst_per_endpoint: u32,
    /// Failures in a row after which an endpoint rests, 1 to 1 000.
    pub breaker_failures: u32,
    /// The first rest, in milliseconds, 1 000 to `breaker_rest_max_ms`.
    pub breaker_rest_ms: u64,
    /// The longest rest, in milliseconds, up to 3 600 000.
    pub breaker_rest_max_ms: u64,
}

impl NotifyConfig {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let deadline_ms = section.number("deadline_ms", 1_000..=30_000);
        let connect_ms = section.number("connect_ms", 100..=30_000);
        let in_flight_per_endpoint = section.small("in_flight_per_endpoint", 1..=64);
        let in_flight = section.small("in_flight", 1..=4096);
        let per_second_per_endpoint = section.small("per_second_per_endpoint", 0..=10_000);
        let burst_per_endpoint = section.small("burst_per_endpoint", 1..=1000);
        let breaker_failures = section.small("breaker_failures", 1..=1000);
        let breaker_rest_ms = section.number("breaker_rest_ms", 1_000..=3_600_000);
        let breaker_rest_max_ms = section.number("breaker_rest_max_ms", 1_000..=3_600_000);
        if matches!((breaker_rest_ms, breaker_rest_max_ms), (Some(first), Some(most)) if first > most) {
            section.wrong("breaker_rest_ms", "must not be above breaker_rest_max_ms, which it grows to");
        }
        if matches!((connect_ms, deadline_ms), (Some(connect), Some(deadline)) if connect > deadline) {
            section.wrong("connect_ms", "must not be above deadline_ms, which it is part of");
        }
        if matches!((in_flight_per_endpoint, in_flight), (Some(one), Some(all)) if one > all) {
            section.wrong("in_flight_per_endpoint", "must not be above in_flight, which it is part of");
        }
        section.finish();
        Some(Self {
            deadline_ms: deadline_ms?,
            connect_ms: connect_ms?,
            in_flight_per_endpoint: in_flight_per_endpoint?,
            in_flight: in_flight?,
            per_second_per_endpoint: per_second_per_endpoint?,
            burst_per_endpoint: burst_per_endpoint?,
            breaker_failures: breaker_failures?,
            breaker_rest_ms: breaker_rest_ms?,
            breaker_rest_max_ms: breaker_rest_max_ms?,
        })
    }
}
