//! When a network's deposits are credited, and when it counts as stalled.

use std::num::NonZeroU32;

use crate::domain::{Confirmations, Family, FinalityPolicy, StallLimits, Threshold};

use super::{
    adapter::{Adapter, ReadMode},
    sheet::Section,
};

const STALL_AFTER_S: std::ops::RangeInclusive<u64> = 0..=86_400;
/// Producers keep 3 s; the solid block is about a minute old in health.
const TRON_HEAD_STALL_S: u64 = 60;
const TRON_SOLID_STALL_S: u64 = 120;
/// Fifteen slots; and twice the usual age of the final block.
const EVM_HEAD_STALL_S: u64 = 180;
const EVM_FINALITY_STALL_S: u64 = 1800;

/// The policy of a network of this family. Not written: TRON's own word, since about a minute is no long wait.
pub(super) fn read_confirmations(section: &mut Section<'_>, family: Option<Family>) -> Option<FinalityPolicy> {
    // Text or number: try the word first, so that a wrong word is not reported as a wrong number.
    // Without a family nobody can tell whether it must be written.
    let is_default = family != Some(Family::Evm) && !section.has("confirmations");
    if is_default || section.is_word("confirmations", "finalized") {
        section.note("confirmations");
        return Some(FinalityPolicy { threshold: Threshold::Finalized });
    }
    if section.is_other_word("confirmations") {
        section.text("confirmations");
        section.wrong("confirmations", "must be a whole number from 1 to 2048, or \"finalized\"");
        return None;
    }
    let count = section.small::<u32>("confirmations", 1..=2048)?;
    let count = NonZeroU32::new(count)?;
    Some(FinalityPolicy { threshold: Threshold::Confirmations(Confirmations(count)) })
}

/// Twice as deep as TRON's forks reach while nobody is away.
const TRON_WINDOW_MIN: u32 = 38;

/// A deposit has to become confirmed well before its block leaves the window.
pub(super) fn check_depth(section: &Section<'_>, policy: Option<FinalityPolicy>, window_blocks: Option<u64>) {
    let (Some(policy), Some(window)) = (policy, window_blocks) else { return };
    if let Threshold::Confirmations(count) = policy.threshold
        && u64::from(count.get()) > window / 2
    {
        section.wrong(
            "confirmations",
            format!("must be at most half of window_blocks ({window}): a reorg that deep could not be taken back"),
        );
    }
}

/// Says where forks of a TRON network may reach below the window, which halts it.
pub(super) fn warn_of_window(network: &str, section: &Section<'_>, window_blocks: u32, adapter: &Adapter) {
    let reads_head = matches!(adapter, Adapter::Tron(tron) if tron.mode == ReadMode::HeadAndSolid);
    if reads_head && window_blocks < TRON_WINDOW_MIN {
        section.sheet().warn(format!(
            "network {network}: window_blocks = {window_blocks}: forks reach 18 blocks down, and further while producers \
             are away; one deeper than the window halts the network"
        ));
    }
}

/// Says what a number means on TRON, where the network has a word of its own.
pub(super) fn warn_of_count(network: &str, section: &Section<'_>, policy: FinalityPolicy, adapter: &Adapter) {
    let (Threshold::Confirmations(count), Adapter::Tron(tron)) = (policy.threshold, adapter) else { return };
    let count = count.get();
    let meaning = match tron.mode {
        ReadMode::HeadAndSolid => {
            "a TRON block can be replaced until it is solidified, usually 19 blocks later, and later still while \
             producers are away; \"finalized\" waits for that"
        }
        ReadMode::Solid => {
            "with mode = \"solid\" every block that is read is final already, and the count begins there, so that it \
             only makes credits later; \"finalized\" credits at once"
        }
    };
    section.sheet().warn(format!("network {network}: confirmations = {count}: {meaning}"));
}

/// Limits of the two stalls; those that are not written follow from what is read and how often.
pub(super) fn read_stalls(
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
