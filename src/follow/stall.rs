//! Says once that a network's head or finality stands still, and once that it moves again.

use tracing::{info, warn};

use super::Follower;
use crate::{
    chain::ChainSource,
    domain::{Conditions, Millis},
};

/// A condition that began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    HeadStalled,
    HeadMoves,
    FinalityStalled,
    FinalityMoves,
}

/// What is different now.
fn changes(before: Conditions, now: Conditions) -> Vec<Change> {
    let mut found = vec![];
    match (before.head_stalled, now.head_stalled) {
        (false, true) => found.push(Change::HeadStalled),
        (true, false) => found.push(Change::HeadMoves),
        (false, false) | (true, true) => {}
    }
    match (before.finality_stalled, now.finality_stalled) {
        (false, true) => found.push(Change::FinalityStalled),
        (true, false) => found.push(Change::FinalityMoves),
        (false, false) | (true, true) => {}
    }
    found
}

impl<S: ChainSource> Follower<S> {
    /// Logs what began or ended since the last turn.
    pub(super) fn note_stalls(&mut self, now: Millis) {
        let Some(status) = self.board.of(&self.spec.id) else { return };
        let conditions = status.conditions(now);
        let before = std::mem::replace(&mut self.conditions, conditions);
        let network = &self.spec.id;
        for change in changes(before, conditions) {
            match change {
                Change::HeadStalled => match status.head {
                    Some(head) => warn!(%network, "head stalled: the newest block is of {}", head.best_time),
                    None => warn!(%network, "head stalled: no endpoint has named one since the start"),
                },
                Change::HeadMoves => info!(%network, "the head moves again"),
                Change::FinalityStalled => {
                    let last = status.final_time.map_or_else(String::new, |time| time.to_string());
                    warn!(%network, "finality stalled: the newest final block is of {last}; credits that wait for it are held");
                }
                Change::FinalityMoves => info!(%network, "finality moves again"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_told_when_it_begins_and_when_it_ends() {
        let of = |head_stalled, finality_stalled| Conditions { head_stalled, finality_stalled, credits_held: false };
        for (before, now, expected) in [
            (of(false, false), of(false, false), vec![]),
            (of(false, false), of(true, false), vec![Change::HeadStalled]),
            (of(true, false), of(true, false), vec![]),
            (of(true, false), of(true, true), vec![Change::FinalityStalled]),
            (of(true, true), of(false, false), vec![Change::HeadMoves, Change::FinalityMoves]),
            (of(false, true), of(true, false), vec![Change::HeadStalled, Change::FinalityMoves]),
        ] {
            assert_eq!(changes(before, now), expected, "{before:?} {now:?}");
        }
    }
}
