//! Options of several nouns: that an act is meant and why, times, and how far back to look.

use std::str::FromStr;

use clap::Args;
use prost_types::Timestamp;

use crate::domain::clock;

use super::exit::{Failure, USAGE};

/// An act that changes what money means: it needs a reason and a yes.
#[derive(Clone, Debug, Args)]
pub struct Sure {
    /// Why; kept in the audit log
    #[arg(long)]
    pub reason: String,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

impl Sure {
    /// The reason, if it is meant. `what` says what would happen.
    pub(super) fn reason(self, what: &str) -> Result<String, Failure> {
        if self.yes {
            Ok(self.reason)
        } else {
            Err(Failure::new(USAGE, format!("{what}: repeat the command with --yes")))
        }
    }
}

/// A time in whole seconds: RFC 3339, or `+` and a span from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeArg(Timestamp);

impl TimeArg {
    /// As it is sent.
    pub(super) fn wire(self) -> Timestamp {
        self.0
    }
}

impl FromStr for TimeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad =
            || format!("{text:?} is neither a time (2026-01-31T12:00:00Z) nor a span from now (+90s, +15m, +1h, +2d)");
        let Some(span) = text.strip_prefix('+') else {
            let time: Timestamp = text.parse().map_err(|_| bad())?;
            return Ok(Self(Timestamp { nanos: 0, ..time }));
        };
        let (digits, unit) = span.split_at_checked(span.len().saturating_sub(1)).ok_or_else(bad)?;
        let each = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(bad()),
        };
        let count: u32 = digits.parse().map_err(|_| bad())?;
        let now = i64::try_from(clock::now().seconds().0).map_err(|_| bad())?;
        Ok(Self(Timestamp { seconds: now.saturating_add(i64::from(count) * each), nanos: 0 }))
    }
}

/// How far back a registration looks.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct SinceArgs {
    /// Blocks from this height on count too
    #[arg(long, conflicts_with = "from_time")]
    pub from_block: Option<u64>,
    /// Blocks from this time on count too
    #[arg(long)]
    pub from_time: Option<TimeArg>,
}

impl SinceArgs {
    /// The request's own form of it.
    pub(super) fn wish<T>(self, block: impl FnOnce(u64) -> T, time: impl FnOnce(Timestamp) -> T) -> Option<T> {
        self.from_block.map(block).or_else(|| self.from_time.map(|at| time(at.wire())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_or_spans_from_now() {
        let seconds = |text: &str| text.parse::<TimeArg>().map(|time| time.wire().seconds);
        assert_eq!(seconds("2000-02-29T00:00:00Z"), Ok(951_782_400));
        assert_eq!(seconds("2000-02-29T01:00:00.9+01:00"), Ok(951_782_400), "whole seconds");
        let now = i64::try_from(clock::now().seconds().0).unwrap();
        for (text, span) in [("+90s", 90), ("+15m", 900), ("+1h", 3600), ("+2d", 172_800)] {
            let ahead = seconds(text).unwrap() - now;
            assert!((span..=span + 2).contains(&ahead), "{text}: {ahead}");
        }
        for text in ["", "+", "+h", "+1", "+-1h", "+1w", "tomorrow", "1h", "+é"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_act_without_a_yes_is_no_act() {
        let sure = |yes| Sure { reason: "a word".to_owned(), yes };
        assert_eq!(sure(true).reason("it happens"), Ok("a word".to_owned()));
        assert_eq!(sure(false).reason("it happens").map_err(|failure| failure.code), Err(USAGE));
    }
}
