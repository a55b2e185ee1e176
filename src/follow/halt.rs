//! A network that stands until a person decides, and how it goes on.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Follower, Setback, Turn, trail::Trail};
use crate::{
    chain::{ChainSource, Doubt, SourceError},
    domain::{Height, NetworkState},
    writer::{Refusal, handle::Resumption},
};

/// Pause between two looks at whether somebody decided.
const WISH_PAUSE: Duration = Duration::from_secs(1);

impl<S: ChainSource> Follower<S> {
    /// Stands until a person wants it to go on; `false`: the daemon stops.
    pub(super) async fn stand(&mut self, why: String, stop: &CancellationToken) -> bool {
        // A wish from before this halt was for another one.
        let wish = self.writer.resumption(self.spec.id.clone()).await;
        if let Ok(Some(wish @ Resumption::TakeBack(_))) = wish {
            return self.takes_up(wish);
        }
        self.halt(why);
        loop {
            (self.turned)();
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(WISH_PAUSE) => {}
            }
            if let Ok(Some(wish)) = self.writer.resumption(self.spec.id.clone()).await {
                return self.takes_up(wish);
            }
        }
    }

    fn takes_up(&mut self, wish: Resumption) -> bool {
        match wish {
            Resumption::LookAgain => info!(network = %self.spec.id, "resumed: looking again"),
            Resumption::TakeBack(above) => {
                info!(network = %self.spec.id, "resumed: everything above {above} is taken back");
                if let Some(cursor) = &mut self.cursor {
                    cursor.take_back_above = Some(above);
                }
            }
        }
        self.low_since = None;
        metrics::gauge!("depositd_network_halted", "network" => self.spec.id.to_string()).set(0.0);
        self.board.update(&self.spec.id, |status| status.state = NetworkState::Starting);
        true
    }

    fn halt(&self, why: String) {
        let why = match self.trail.floor() {
            Some(floor) => format!(
                "{why}; once that is cleared up: 'depositd network resume {} --look-again', or, if the chain has left ours, \
                 '--take-back-above' the last height both share (the headers we keep begin at {floor})",
                self.spec.id
            ),
            None => why,
        };
        error!(network = %self.spec.id, "halted: {why}");
        metrics::gauge!("depositd_network_halted", "network" => self.spec.id.to_string()).set(1.0);
        self.board.update(&self.spec.id, |status| status.state = NetworkState::Halted(why));
    }

    /// Takes back everything of ours above a height, as a person wants it, and begins again there: in steps, so that the
    /// other networks are not held up. Cut off anywhere it goes on at the next start.
    pub(super) async fn take_back(&mut self, above: Height) -> Result<Turn, Setback> {
        let headers = self.pool.headers(above, above).await?;
        let Some(header) = headers.first().copied().filter(|header| header.at.height == above) else {
            let (network, endpoint) = (self.spec.id.clone(), "all".to_owned());
            return Err(SourceError { network, endpoint, doubt: Doubt::Missing(above) }.into());
        };
        let (mut after, mut taken_back) = (None, 0_u64);
        loop {
            (self.turned)();
            let step = self.writer.reanchor(self.spec.id.clone(), header, after).await.map_err(not_halting)?;
            taken_back = taken_back.saturating_add(step.taken_back);
            if let Some(applied) = step.applied {
                let window = usize::try_from(self.spec.window_blocks).unwrap_or(usize::MAX);
                self.trail = Trail::of([header.at], window);
                info!(network = %self.spec.id, "{taken_back} deposits above {} taken back, reading on from there", header.at);
                self.note(applied);
                return Ok(Turn::Moved);
            }
            after = step.after;
        }
    }
}

/// While taking back nothing halts: it is tried again.
fn not_halting(refusal: Refusal) -> Setback {
    if let Refusal::Stopping = refusal { Setback::Stopping } else { Setback::Doubt(refusal.to_string()) }
}
