//! `depositd demo`: the whole path of a payment on this machine, in plain words.
//!
//! Two simulated networks with two nodes each, the real daemon on a fresh store, a merchant that checks signatures; an
//! order on Ethereum and one on TRON, both paid, and both payments taken out by a reorg and brought back. Nothing leaves
//! 127.0.0.1.

mod chain;
mod play;
mod stage;

use std::time::Instant;

use super::{exit::Failure, show};

/// Plays the story; `keep` leaves everything running until Ctrl-C.
pub(super) async fn run(keep: bool) -> Result<(), Failure> {
    let begun = Instant::now();
    let stage = stage::Stage::set().await.map_err(broken)?;
    let played = play::play(&stage).await;
    if let Err(error) = played {
        show::message("The demo did not go as it should; the daemon's log is in");
        show::message(&format!("  {}", stage.log_path().display()));
        stage.strike(true).await.map_err(broken)?;
        return Err(broken(error));
    }
    show::line(&format!("Done in {}.{} s.", begun.elapsed().as_secs(), begun.elapsed().subsec_millis() / 100));
    if keep {
        show::line(&stage.how_to_play());
        tokio::signal::ctrl_c().await.map_err(|error| broken(error.into()))?;
    }
    stage.strike(false).await.map_err(broken)
}

fn broken(error: anyhow::Error) -> Failure {
    Failure::new(1, format!("{error:#}"))
}
