//! Pauses between attempts. Integers only; the jitter is derived, so the same row is always due at the same time.

use sha2::{Digest, Sha256};

use crate::domain::{AttemptNo, EventId};

/// Milliseconds in a second.
pub const SECOND_MS: u64 = 1000;
/// Milliseconds in a minute.
pub const MINUTE_MS: u64 = 60 * SECOND_MS;
/// Milliseconds in an hour.
pub const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Least pause after an answer that says "too much", or after none in time.
pub const SLOW_DOWN_MS: u64 = MINUTE_MS;

/// The attempts of a protocol and the pauses before each.
#[derive(Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Pause before each attempt, in milliseconds from the end of the one before it; the first is 0.
    pub delays_ms: &'static [u64],
    /// How far a pause may move either way, in thousandths of it.
    pub jitter_permille: u64,
}

/// What a failed attempt asks of the pause behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing: the schedule.
    None,
    /// At least [`SLOW_DOWN_MS`].
    SlowDown,
    /// The receiver named this many seconds. Honoured up to the larger of twice the scheduled pause and
    /// [`SLOW_DOWN_MS`]: an unclamped wish would let a receiver silence us for years.
    Seconds(u64),
}

impl Schedule {
    /// Milliseconds from the end of the failed attempt `number`, the `tries`th of this schedule, to the next one; `None`
    /// when that was the last.
    pub fn pause_ms(&self, event: &EventId, tries: u32, number: AttemptNo, wish: Wish) -> Option<u64> {
        let scheduled = *self.delays_ms.get(usize::try_from(tries).ok()?)?;
        let draw = draw(event, number);
        let span = self.jitter_permille;
        Some(match wish {
            Wish::None => scaled(scheduled, 1000 - span + draw % (2 * span + 1)),
            Wish::SlowDown => scaled(scheduled.max(SLOW_DOWN_MS), 1000 + draw % (span + 1)),
            Wish::Seconds(asked) => {
                let most = scheduled.saturating_mul(2).max(SLOW_DOWN_MS);
                let asked = asked.saturating_mul(SECOND_MS).min(most);
                scaled(scheduled.max(asked), 1000 + draw % (span + 1))
            }
        })
    }
}

/// `ms` times `permille` / 1000, rounded down.
fn scaled(ms: u64, permille: u64) -> u64 {
    ms.saturating_mul(permille) / 1000
}

/// A number that looks random and is not: the first eight bytes of SHA-256(event id, 0, attempt).
fn draw(event: &EventId, number: AttemptNo) -> u64 {
    let digest =
        Sha256::new().chain_update(event.as_str()).chain_update([0]).chain_update(number.0.to_be_bytes()).finalize();
    digest.iter().take(8).fold(0, |bits, byte| (bits << 8) | u64::from(*byte))
}
