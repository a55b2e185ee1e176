//! What to do next, given what we hold and what the node claims. Pure: the follower only carries it out.

use super::trail::Trail;
use crate::domain::{BlockRef, Head, Height};

/// The next step of a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Take the headers below `head` as the beginning.
    Adopt {
        /// Where to begin.
        at: Height,
    },
    /// Read blocks on top of the tip.
    Extend {
        /// First height.
        from: Height,
        /// Last height, inclusive.
        to: Height,
        /// By block hash, one by one; otherwise by range, in parallel.
        near_head: bool,
    },
    /// Our tip is not on the node's chain: find the last block both share, at `from` or below.
    WalkBack {
        /// Where to begin looking.
        from: Height,
    },
    /// The chain got shorter and ends at a block of ours.
    Retreat {
        /// The new tip.
        to: BlockRef,
    },
    /// Nothing new.
    Rest,
    /// The node is below us: look again later; one lagging replica must not pull us down.
    WaitForHead,
}

/// Blocks below the head that are read by hash, whatever the node calls final.
pub(super) const BY_HASH_BLOCKS: u64 = 32;

/// Limits of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Blocks in one step near the head.
    pub near_blocks: u64,
    /// Where to begin a new network; `None`: at the head.
    pub start: Option<Height>,
    /// Whether another block at our tip's height is followed at once. Where nodes change over only to a higher branch,
    /// it is the word of a replica that lost, and only believed when it lasts.
    pub follows_ties: bool,
}

/// The next move. `low_for_long`: the node's head [is low](is_low) for as long as a lagging replica is given.
pub fn next_move(trail: &Trail, head: &Head, low_for_long: bool, reach: Reach) -> Move {
    let best = head.best;
    let Some(tip) = trail.tip() else {
        // Nothing is below genesis: a network read from 0 begins on top of it, where no token lives.
        let at = reach.start.map_or(best.height, |start| start.down(1)).min(best.height);
        return Move::Adopt { at };
    };
    if best.height > tip.height {
        // Some networks call their newest block final; the last ones are read by hash all the same, where a node that
        // does not have a block says so.
        let final_height = head.finalized.map_or(Height(0), |last| last.height.min(best.height.down(BY_HASH_BLOCKS)));
        let far = final_height.0.saturating_sub(tip.height.0) > reach.near_blocks;
        let to = if far { final_height } else { best.height.min(tip.height.up(reach.near_blocks)) };
        return Move::Extend { from: tip.height.next(), to, near_head: !far };
    }
    if best == tip {
        return Move::Rest;
    }
    if best.height == tip.height && reach.follows_ties {
        return Move::WalkBack { from: tip.height.down(1) };
    }
    // A head below all that is kept says nothing about our chain: a node reads the chain again, say.
    let is_behind = trail.floor().is_some_and(|floor| best.height < floor);
    if !low_for_long || is_behind {
        return Move::WaitForHead;
    }
    if trail.holds(best) { Move::Retreat { to: best } } else { Move::WalkBack { from: best.height.down(1) } }
}

/// Whether the node's head is no reason to move: below our tip, or another block beside it where ties are not followed.
pub fn is_low(trail: &Trail, head: &Head, follows_ties: bool) -> bool {
    let Some(tip) = trail.tip() else { return false };
    head.best.height < tip.height || (!follows_ties && head.best.height == tip.height && head.best != tip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BlockHash, Timestamp};

    fn at(height: u64, branch: u8) -> BlockRef {
        BlockRef { height: Height(height), hash: BlockHash([branch; 32]) }
    }

    fn head(best: BlockRef, finalized: Option<BlockRef>) -> Head {
        Head { best, best_time: Timestamp(0), finalized, finalized_time: None }
    }

    #[test]
    fn every_relation_of_head_and_tip_has_its_move() {
        let reach = Reach { near_blocks: 16, start: None, follows_ties: true };
        let trail = Trail::of((1..=100).map(|h| at(h, 1)), 256);
        let extend = |from, to, near_head| Move::Extend { from: Height(from), to: Height(to), near_head };
        for (name, head, low_for_long, expected) in [
            ("one block more", head(at(101, 1), None), false, extend(101, 101, true)),
            ("more than a step", head(at(150, 1), None), false, extend(101, 116, true)),
            ("far below final", head(at(900, 1), Some(at(800, 1))), false, extend(101, 800, false)),
            ("just below final", head(at(180, 1), Some(at(110, 1))), false, extend(101, 116, true)),
            ("all of it final", head(at(900, 1), Some(at(900, 1))), false, extend(101, 868, false)),
            ("the same", head(at(100, 1), None), false, Move::Rest),
            ("another block at our height", head(at(100, 2), None), false, Move::WalkBack { from: Height(99) }),
            ("a lagging replica", head(at(90, 1), None), false, Move::WaitForHead),
            ("a shorter chain", head(at(90, 1), None), true, Move::Retreat { to: at(90, 1) }),
            ("below all that is kept", head(at(0, 1), None), true, Move::WaitForHead),
            ("a shorter branch", head(at(90, 2), None), true, Move::WalkBack { from: Height(89) }),
        ] {
            assert_eq!(next_move(&trail, &head, low_for_long, reach), expected, "{name}");
        }
    }

    #[test]
    fn where_ties_are_not_followed_another_block_beside_our_tip_must_last() {
        let reach = Reach { near_blocks: 16, start: None, follows_ties: false };
        let trail = Trail::of((1..=100).map(|h| at(h, 1)), 256);
        let tie = head(at(100, 2), None);
        assert!(is_low(&trail, &tie, false) && !is_low(&trail, &tie, true));
        assert!(!is_low(&trail, &head(at(100, 1), None), false));
        assert_eq!(next_move(&trail, &tie, false, reach), Move::WaitForHead);
        assert_eq!(next_move(&trail, &tie, true, reach), Move::WalkBack { from: Height(99) });
        let higher = next_move(&trail, &head(at(101, 2), None), false, reach);
        assert_eq!(higher, Move::Extend { from: Height(101), to: Height(101), near_head: true });
    }

    #[test]
    fn a_new_network_begins_at_the_head_or_below_the_configured_height() {
        let none = Trail::of([], 256);
        let head = head(at(500, 1), None);
        let begin = |start| next_move(&none, &head, false, Reach { near_blocks: 16, start, follows_ties: true });
        assert_eq!(begin(None), Move::Adopt { at: Height(500) });
        assert_eq!(begin(Some(Height(400))), Move::Adopt { at: Height(399) });
        assert_eq!(begin(Some(Height(0))), Move::Adopt { at: Height(0) });
        assert_eq!(begin(Some(Height(900))), Move::Adopt { at: Height(500) });
    }
}
