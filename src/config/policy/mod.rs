//! When a network's deposits are credited, and when it counts as stalled.
//!
//! Rules stand in four places: beside the network's other keys (what is not said elsewhere comes from there), in its
//! `tiers`, in its tokens, and in `policies` for single apps. Here they are read; `rules` lays them over each other.

mod rules;
mod stalls;
mod wishes;

use std::collections::BTreeMap;

pub(super) use self::{
    rules::{Ground, compile},
    stalls::read_stalls,
    wishes::{Wishes, read_app_wishes, read_network_tiers, read_wishes},
};
use super::{
    adapter::{Adapter, ReadMode},
    sheet::Section,
};
use crate::domain::{Address, Confirmations, Family, Policy, PolicyScope, Threshold, Token};

/// Most confirmations a rule may ask for, whatever the window.
const CONFIRMATIONS_MAX: u64 = 2048;

/// The threshold of a network's small amounts. Not written: TRON's own word, since about a minute is no long wait.
pub(super) fn read_confirmations(section: &mut Section<'_>, family: Option<Family>) -> Option<Threshold> {
    // Without a family nobody can tell whether it must be written.
    let is_default = family != Some(Family::Evm) && !section.has("confirmations");
    match read_threshold(section)? {
        Some(threshold) => Some(threshold),
        None if is_default => Some(Threshold::Finalized),
        None => {
            section.missing("confirmations");
            None
        }
    }
}

/// `Some(None)`: not written.
fn read_threshold(section: &mut Section<'_>) -> Option<Option<Threshold>> {
    // Text or number: try the word first, so that a wrong word is not reported as a wrong number.
    if section.is_word("confirmations", "finalized") {
        section.note("confirmations");
        return Some(Some(Threshold::Finalized));
    }
    if section.is_other_word("confirmations") {
        section.note("confirmations");
        section
            .wrong("confirmations", format!("must be a whole number from 1 to {CONFIRMATIONS_MAX}, or \"finalized\""));
        return None;
    }
    let written = read_count(section, "confirmations")?;
    Some(written.map(Threshold::Confirmations))
}

/// No rule asks for fewer. Not written: 1.
pub(super) fn read_floor(section: &mut Section<'_>) -> Option<Confirmations> {
    Some(read_count(section, "confirmations_floor")?.unwrap_or(Confirmations::ONE))
}

fn read_count(section: &mut Section<'_>, key: &'static str) -> Option<Option<Confirmations>> {
    let written = section.maybe_number(key, 1..=CONFIRMATIONS_MAX)?;
    Some(written.and_then(|count| Confirmations::new(u32::try_from(count).ok()?)))
}

/// Twice as deep as TRON's forks reach while nobody is away.
const TRON_WINDOW_MIN: u32 = 38;

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

/// Says of every rule what a number means on TRON, where the network has a word of its own.
pub(super) fn warn_of_counts(
    network: &str,
    section: &Section<'_>,
    policy: &Policy,
    tokens: &BTreeMap<Address, Token>,
    adapter: &Adapter,
) {
    let Adapter::Tron(tron) = adapter else { return };
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
    for rule in &policy.rules().file {
        let Threshold::Confirmations(count) = rule.need.threshold else { continue };
        let place = match rule.scope == PolicyScope::network() {
            true => String::new(),
            false => format!("{}: ", policy.rules().place(&rule.scope, tokens)),
        };
        section.sheet().warn(format!("network {network}: {place}confirmations = {}: {meaning}", count.get()));
    }
}
