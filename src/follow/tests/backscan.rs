//! The past, read beside a follower: when, up to where, and from which height.

use super::*;
use crate::domain::{Act, Millis};

fn act() -> Act {
    Act { by: "uid 0".into(), at: Millis(0), why: "a test".into() }
}

impl Fake {
    fn ranges_asked(&self) -> u64 {
        self.set(|says| says.ranges_asked)
    }
}

/// At 3000, with a rescan from `from` to 3000 wanted.
async fn wanted(node: &Fake, from: u64) -> (Follower<Fake>, BackScanner<Fake>) {
    let mut follower = follower(std::slice::from_ref(node), FollowSettings::default());
    follower.settle().await;
    follower.writer.rescan(spec().id, Height(from), Height(3000), act()).await.unwrap();
    let scanner = follower.back_scanner();
    (follower, scanner)
}

#[tokio::test]
async fn everything_that_is_wanted_is_read_once_and_then_nothing_more() {
    let node = Fake::new("node", 3000);
    let (follower, scanner) = wanted(&node, 2500).await;
    let mut steps = 0;
    while scanner.step().await.unwrap() {
        steps += 1;
    }
    // 90 blocks a step up to 32 below the tip, 16 by hash from there.
    assert_eq!(steps, 6 + 2);
    let work = follower.writer.scans(spec().id, 90).await.unwrap();
    assert_eq!(work.range, None);
    let asked = node.ranges_asked();
    assert!(!scanner.step().await.unwrap());
    assert_eq!(node.ranges_asked(), asked);
}

#[tokio::test]
async fn nothing_is_read_while_the_follower_is_not_at_the_head() {
    let node = Fake::new("node", 3000);
    let (follower, scanner) = wanted(&node, 2500).await;
    for state in [NetworkState::CatchingUp, NetworkState::Waiting("why".into()), NetworkState::Halted("why".into())] {
        follower.board.update(&spec().id, |status| status.state = state.clone());
        let asked = node.ranges_asked();
        assert!(!scanner.step().await.unwrap(), "{state:?}");
        assert_eq!(node.ranges_asked(), asked, "{state:?}");
    }
    follower.board.update(&spec().id, |status| status.state = NetworkState::Following);
    assert!(scanner.step().await.unwrap());
}

#[tokio::test]
async fn blocks_of_another_branch_are_waited_out() {
    let node = Fake::new("node", 3000);
    let (mut follower, scanner) = wanted(&node, 2990).await;
    node.leave(2985, 2, 3005);
    let step = scanner.step().await;
    assert!(matches!(step, Err(Setback::Doubt(_))), "{step:?}");
    follower.settle().await;
    assert_eq!(follower.stands_at(), (3005, 2));
    while scanner.step().await.unwrap() {}
    assert_eq!(follower.writer.scans(spec().id, 90).await.unwrap().range, None);
}

#[tokio::test]
async fn the_first_height_of_a_time_is_the_lowest_block_that_is_not_older() {
    let node = Fake::new("node", 3000);
    let mut follower = follower(std::slice::from_ref(&node), FollowSettings::default());
    follower.settle().await;
    let (scanner, cursor) = (follower.back_scanner(), follower.cursor.unwrap());
    // A block's time is three times its height.
    for (time, first) in [
        (0, Some(0)),
        (1, Some(1)),
        (3, Some(1)),
        (4, Some(2)),
        (4500, Some(1500)),
        (8997, Some(2999)),
        (8999, Some(3000)),
        (9000, Some(3000)),
        (9001, None),
    ] {
        let found = scanner.first_at(Timestamp(time), cursor).await.unwrap();
        assert_eq!(found, first.map(Height), "time {time}");
    }
}
