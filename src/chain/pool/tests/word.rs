//! Whose word counts: on a fork, and on what is final.

use super::*;

#[tokio::test]
async fn the_vote_on_a_fork_counts_every_endpoint_in_step() {
    let pool = pool(&[
        Fake::new("a"),
        Fake::new("b").with(|says| says.fork = 3),
        Fake::new("c").with(|says| says.head = 4),
        Fake::new("d").with(|says| says.trouble = Some(broken())),
    ]);
    for asked in ["d fails", "d rests"] {
        let vote = pool.still_ours(at(5, 0)).await;
        assert_eq!(vote, ForkVote { ours: 1, others: 1, missing: 1, silent: 1 }, "{asked}");
    }
}

#[tokio::test]
async fn an_endpoint_that_stopped_on_our_branch_does_not_hold_us_there() {
    let (moving, stuck) = (Fake::new("moving").with(|says| says.fork = 3), Fake::new("stuck"));
    let pool = pool(&[stuck, moving.clone()]);
    assert_eq!(pool.still_ours(at(10, 0)).await, ForkVote { ours: 1, others: 1, ..ForkVote::default() });
    moving.set(|says| says.head = 16);
    pool.head().await.unwrap();
    assert_eq!(pool.still_ours(at(10, 0)).await, ForkVote { others: 1, ..ForkVote::default() });
}

#[tokio::test]
async fn with_a_second_source_one_endpoint_alone_makes_nothing_final() {
    let (ahead, honest) = (Fake::new("ahead").with(|says| says.head = 40), Fake::new("honest"));
    let final_height = async |sources: &[Fake]| {
        let pool = pool_with(sources, |settings| settings.second_source = true);
        pool.head().await.unwrap().finalized.map(|last| last.height.0)
    };
    assert_eq!(final_height(&[ahead.clone(), honest.clone()]).await, Some(5), "not the 35 of the one far ahead");
    assert_eq!(final_height(&[honest.clone(), ahead.clone(), honest.clone()]).await, Some(5));
    honest.set(|says| says.trouble = Some(broken()));
    assert_eq!(final_height(&[ahead, honest]).await, None);
}
