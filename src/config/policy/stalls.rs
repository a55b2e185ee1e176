//! When a network's head and its finality count as stalled.

use std::num::NonZeroU32;

use crate::{
    config::{
        adapter::{Adapter, ReadMode},
        sheet::Section,
    },
    domain::StallLimits,
};

const STALL_AFTER_S: std::ops::RangeInclusive<u64> = 0..=86_400;
/// Producers keep 3 s; the solid block is about a minute old in health.
const TRON_HEAD_STALL_S: u64 = 60;
const TRON_SOLID_STALL_S: u64 = 120;
/// Fifteen slots; and twice the usual age of the final block.
const EVM_HEAD_STALL_S: u64 = 180;
const EVM_FINALITY_STALL_S: u64 = 1800;

/// Limits of the two stalls; those that are not written follow from what is read and how often.
pub(in crate::config) fn read_stalls(
    section: &mut Section<'_>,
    adapter: Option<&Adapter>,
    poll_interval_ms: Option<u64>,
) -> Option<StallLimits> {
    let head = section.maybe_number("head_stall_after_s", STALL_AFTER_S);
    let finality = section.maybe_number("finality_stall_after_s", STALL_AFTER_S);
    let (adapter, poll_ms) = (adapter?, poll_interval_ms?);
    let (usual_head, usual_finality) = match adapter {
        Adapter::Evm(_) => (EVM_HEAD_STALL_S, EVM_FINALITY_STALL_S),
        Adapter::Tron(tron) => match tron.mode {
            ReadMode::HeadAndSolid => (TRON_HEAD_STALL_S, TRON_SOLID_STALL_S),
            // The head that is read is the solid one.
            ReadMode::Solid => (TRON_SOLID_STALL_S, TRON_SOLID_STALL_S),
        },
    };
    let limit = |key: &'static str, written: Option<u64>, usual: u64| {
        let seconds = match written {
            Some(seconds) if seconds > 0 && seconds.saturating_mul(1000) <= poll_ms => {
                section.wrong(
                    key,
                    format!("must be above poll_interval_ms ({poll_ms}): between two looks nothing is seen"),
                );
                return None;
            }
            Some(seconds) => seconds,
            None => usual.max(poll_ms.saturating_mul(2) / 1000),
        };
        Some(u32::try_from(seconds).ok().and_then(NonZeroU32::new))
    };
    let head = limit("head_stall_after_s", head?, usual_head);
    let finality = limit("finality_stall_after_s", finality?, usual_finality);
    Some(StallLimits { head_s: head?, finality_s: finality? })
}
