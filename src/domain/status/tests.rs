use super::*;
use crate::domain::{BlockHash, BlockRef, Height};

const START_S: u64 = 1_700_000_000;

fn head(best_s: u64, final_s: Option<u64>) -> Head {
    let at = |height| BlockRef { height: Height(height), hash: BlockHash([7; 32]) };
    Head {
        best: at(90),
        best_time: Timestamp(best_s),
        finalized: final_s.map(|_| at(71)),
        finalized_time: final_s.map(Timestamp),
    }
}

/// A network that is looked at since [`START_S`], with limits of 60 and 120 seconds.
fn watched() -> NetworkStatus {
    let limits = StallLimits { head_s: NonZeroU32::new(60), finality_s: NonZeroU32::new(120) };
    let watched_since = Some(Millis(START_S * 1000));
    NetworkStatus { state: NetworkState::Following, watched_since, limits, ..NetworkStatus::default() }
}

fn at(after_s: u64) -> Millis {
    Millis((START_S + after_s) * 1000 + 999)
}

#[test]
fn each_stall_arises_by_the_age_of_its_own_block() {
    // Ages of head and final block in seconds; what is then stalled.
    for (head_age, final_age, head_stalled, finality_stalled) in [
        (0, 57, false, false),
        (3, 60, false, false),
        (60, 120, false, false),
        (61, 120, true, false),
        (3, 121, false, true),
        (61, 121, true, true),
    ] {
        let mut status = watched();
        status.saw(head(START_S + 500 - head_age, Some(START_S + 500 - final_age)));
        let expected = Conditions { head_stalled, finality_stalled };
        assert_eq!(status.conditions(at(500)), expected, "{head_age} s, {final_age} s");
    }
}

#[test]
fn without_news_the_last_known_blocks_keep_ageing() {
    let mut status = watched();
    assert_eq!(status.conditions(at(60)), Conditions::default(), "endpoints have a moment to answer");
    let head_only = Conditions { head_stalled: true, finality_stalled: false };
    assert_eq!(status.conditions(at(61)), head_only, "no endpoint ever answered, so no final block was ever named");

    status.saw(head(START_S + 100, Some(START_S + 43)));
    status.state = NetworkState::Waiting("no answer".to_owned());
    assert_eq!(status.conditions(at(160)), Conditions::default());
    assert_eq!(status.conditions(at(161)), head_only);
    assert_eq!(status.conditions(at(164)), Conditions { head_stalled: true, finality_stalled: true });

    status.saw(head(START_S + 165, None));
    assert_eq!(status.final_time, Some(Timestamp(START_S + 43)), "a head without a final block makes none younger");
    let finality_only = Conditions { head_stalled: false, finality_stalled: true };
    assert_eq!(status.conditions(at(166)), finality_only, "blocks are made, none becomes final");
    status.saw(head(START_S + 168, Some(START_S + 110)));
    assert_eq!(status.conditions(at(168)), Conditions::default());
}

#[test]
fn what_is_switched_off_or_unknown_is_no_stall() {
    let mut status = watched();
    status.saw(head(START_S, None));
    let head_only = Conditions { head_stalled: true, finality_stalled: false };
    assert_eq!(status.conditions(at(9_000)), head_only, "a network that names no final block");
    status.saw(head(START_S, Some(START_S)));
    status.limits.finality_s = None;
    assert_eq!(status.conditions(at(9_000)), head_only);
    status.limits = StallLimits { head_s: None, finality_s: NonZeroU32::new(120) };
    assert_eq!(status.conditions(at(9_000)), Conditions { head_stalled: false, finality_stalled: true });
    status.limits.head_s = NonZeroU32::new(1);
    status.saw(head(START_S + 10_000, Some(START_S + 10_000)));
    assert_eq!(status.conditions(at(9_000)), Conditions::default(), "a clock ahead of ours");
    status.saw(head(START_S, Some(START_S)));
    status.state = NetworkState::Halted("a reorg too deep".to_owned());
    assert_eq!(status.conditions(at(9_000)), Conditions::default(), "nobody asks the endpoints of a halted network");
    assert_eq!(NetworkStatus::default().conditions(at(9_000)), Conditions::default(), "nobody looks");
}
