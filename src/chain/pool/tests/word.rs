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
    let changing = pool_with(&[ahead.clone(), honest.clone()], |settings| settings.agree = false);
    for (is_needed, height) in [(false, 35), (true, 5), (false, 35)] {
        changing.set_second_source(is_needed);
        assert_eq!(changing.head().await.unwrap().finalized.map(|last| last.height.0), Some(height));
    }
    honest.set(|says| says.trouble = Some(broken()));
    assert_eq!(final_height(&[ahead, honest]).await, None);
}

#[tokio::test]
async fn one_far_ahead_makes_nothing_final_while_another_is_on_its_way() {
    let (ahead, honest) = (Fake::new("ahead"), Fake::new("honest"));
    let pool = pool_with(&[ahead.clone(), honest.clone()], |settings| settings.moving_for = Duration::from_millis(300));
    let final_height = async || pool.head().await.unwrap().finalized.map(|last| last.height.0);
    assert_eq!(final_height().await, Some(5));
    honest.set(|says| says.head = 11);
    ahead.set(|says| says.head = 90);
    assert_eq!(final_height().await, Some(6), "not the 85 of the one far ahead");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(final_height().await, Some(85), "one that stands still holds nothing back for ever");
    assert_eq!(pool.holders(at(11, 0)).await, 2, "it still knows what is old");
    honest.set(|says| says.fork = 3);
    assert_eq!(pool.holders(at(11, 0)).await, 1);
}

#[tokio::test]
async fn blocks_are_settled_once_as_many_told_them_as_the_network_asks_for() {
    let silent = || Fake::new("silent").with(|says| says.trouble = Some(broken()));
    for (name, sources, agree, second_source, expected) in [
        ("one endpoint", vec![Fake::new("a")], true, false, true),
        ("both tell", vec![Fake::new("a"), Fake::new("b")], true, false, true),
        ("the second is away", vec![Fake::new("a"), silent()], true, false, false),
        ("not compared, as configured", vec![Fake::new("a"), silent()], false, false, true),
        ("not compared, though two are asked for", vec![Fake::new("a"), Fake::new("b")], false, true, false),
    ] {
        let pool = pool_with(&sources, |settings| {
            (settings.agree, settings.second_source) = (agree, second_source);
        });
        for near_head in [true, false] {
            let told = pool.blocks(Height(4), Height(5), near_head).await.unwrap();
            assert_eq!((told.blocks.len(), told.is_settled), (2, expected), "{name}");
        }
    }
}
