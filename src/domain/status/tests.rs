use super::*;
use crate::domain::{Address, BlockHash, BlockRef, Height, LogOrdinal, TxHash};

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
        let expected = Conditions { head_stalled, finality_stalled, credits_held: false };
        assert_eq!(status.conditions(at(500)), expected, "{head_age} s, {final_age} s");
    }
}

#[test]
fn without_news_the_last_known_blocks_keep_ageing() {
    let mut status = watched();
    assert_eq!(status.conditions(at(60)), Conditions::default(), "endpoints have a moment to answer");
    let head_only = Conditions { head_stalled: true, finality_stalled: false, credits_held: false };
    assert_eq!(status.conditions(at(61)), head_only, "no endpoint ever answered, so no final block was ever named");

    status.saw(head(START_S + 100, Some(START_S + 43)));
    status.state = NetworkState::Waiting("no answer".to_owned());
    assert_eq!(status.conditions(at(160)), Conditions::default());
    assert_eq!(status.conditions(at(161)), head_only);
    assert_eq!(
        status.conditions(at(164)),
        Conditions { head_stalled: true, finality_stalled: true, credits_held: false }
    );

    status.saw(head(START_S + 165, None));
    assert_eq!(status.final_time, Some(Timestamp(START_S + 43)), "a head without a final block makes none younger");
    let finality_only = Conditions { head_stalled: false, finality_stalled: true, credits_held: false };
    assert_eq!(status.conditions(at(166)), finality_only, "blocks are made, none becomes final");
    status.saw(head(START_S + 168, Some(START_S + 110)));
    assert_eq!(status.conditions(at(168)), Conditions::default());
}

#[test]
fn what_is_switched_off_or_unknown_is_no_stall() {
    let mut status = watched();
    status.saw(head(START_S, None));
    let head_only = Conditions { head_stalled: true, finality_stalled: false, credits_held: false };
    assert_eq!(status.conditions(at(9_000)), head_only, "a network that names no final block");
    status.saw(head(START_S, Some(START_S)));
    status.limits.finality_s = None;
    assert_eq!(status.conditions(at(9_000)), head_only);
    status.limits = StallLimits { head_s: None, finality_s: NonZeroU32::new(120) };
    assert_eq!(
        status.conditions(at(9_000)),
        Conditions { head_stalled: false, finality_stalled: true, credits_held: false }
    );
    status.limits.head_s = NonZeroU32::new(1);
    status.saw(head(START_S + 10_000, Some(START_S + 10_000)));
    assert_eq!(status.conditions(at(9_000)), Conditions::default(), "a clock ahead of ours");
    status.saw(head(START_S, Some(START_S)));
    status.state = NetworkState::Halted("a reorg too deep".to_owned());
    assert_eq!(status.conditions(at(9_000)), Conditions::default(), "nobody asks the endpoints of a halted network");
    assert_eq!(NetworkStatus::default().conditions(at(9_000)), Conditions::default(), "nobody looks");
}

#[test]
fn a_held_deposit_is_news_once_per_reason_and_a_condition_until_it_is_let_go() {
    let id = |mark| DepositId {
        network: "main".parse().unwrap(),
        tx: TxHash([mark; 32]),
        token: Address([1; 20]),
        ordinal: LogOrdinal(0),
    };
    let mut status = watched();
    assert!(!status.conditions(at(0)).credits_held);
    assert!(status.hold(&id(1), WhyHeld::NoSecondSource, "silent", at(1)));
    assert!(!status.hold(&id(1), WhyHeld::NoSecondSource, "still silent", at(2)));
    let held = &status.held[&id(1)];
    assert_eq!((held.text.as_str(), held.since), ("still silent", at(1)));
    assert!(status.hold(&id(1), WhyHeld::Contradicted, "another amount", at(3)));
    assert_eq!(status.held[&id(1)].since, at(3));
    assert!(status.hold(&id(2), WhyHeld::NoSecondSource, "silent", at(3)));
    assert_eq!(WhyHeld::ALL.map(|why| status.held_for(why)), [1, 1]);
    assert!(status.conditions(at(4)).credits_held);
    status.state = NetworkState::Halted("by hand".to_owned());
    assert!(!status.conditions(at(4)).credits_held, "of a halted network nothing is said");
    status.state = NetworkState::Following;
    assert_eq!(status.release(|held| *held != id(1)), [id(1)]);
    assert_eq!(status.release(|_| false), [id(2)]);
    assert!(!status.conditions(at(4)).credits_held);
}

#[test]
fn only_so_many_held_deposits_are_kept_by_name() {
    let mut status = watched();
    for mark in 0..=HELD_LEN_MAX {
        let mut tx = [0; 32];
        tx[..8].copy_from_slice(&u64::try_from(mark).unwrap().to_be_bytes());
        let (network, token) = ("main".parse().unwrap(), Address([1; 20]));
        let id = DepositId { network, tx: TxHash(tx), token, ordinal: LogOrdinal(0) };
        assert_eq!(status.hold(&id, WhyHeld::Contradicted, "", at(0)), mark < HELD_LEN_MAX);
    }
    assert_eq!(status.held.len(), HELD_LEN_MAX);
}
