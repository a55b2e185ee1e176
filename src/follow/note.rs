//! What a follower saw and did, as the status and the metrics tell it.

use tracing::info;

use super::Follower;
use crate::{
    chain::ChainSource,
    domain::{BlockRef, Head, clock},
    writer::Applied,
};

impl<S: ChainSource> Follower<S> {
    pub(super) fn note_head(&self, head: &Head) {
        let network = self.spec.id.to_string();
        metrics::gauge!("depositd_network_head_height", "network" => network).set(gauge(head.best.height.0));
        self.board.update(&self.spec.id, |status| status.saw(*head));
    }

    pub(super) fn note_reorg(&self, base: BlockRef, old_tip: Option<BlockRef>, applied: &Applied) {
        let depth = applied.orphaned_blocks;
        let old_tip = old_tip.map_or_else(String::new, |tip| tip.to_string());
        info!(network = %self.spec.id, reorg.depth = depth, "reorg: {depth} blocks above {base} left the chain, the tip was {old_tip}, is {}", applied.cursor.tip);
        let network = self.spec.id.to_string();
        metrics::counter!("depositd_reorgs_total", "network" => network.clone()).increment(1);
        metrics::histogram!("depositd_reorg_depth_blocks", "network" => network).record(gauge(depth));
    }

    pub(super) fn note(&mut self, applied: Applied) {
        let Applied { cursor, due, .. } = applied;
        let now = clock::now();
        let moved = self.cursor.is_none_or(|old| old.tip != cursor.tip);
        self.cursor = Some(cursor);
        self.due = due;
        self.release_past();
        let network = self.spec.id.to_string();
        metrics::gauge!("depositd_network_cursor_height", "network" => network.clone()).set(gauge(cursor.tip.height.0));
        metrics::gauge!("depositd_network_cursor_block_timestamp_seconds", "network" => network)
            .set(gauge(cursor.tip_time.0));
        self.board.update(&self.spec.id, |status| {
            status.cursor = Some(cursor);
            if moved {
                status.progressed = Some(now);
            }
        });
    }
}

/// A metric's value. Prometheus knows only floats; heights stay exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "metrics are floats; nothing is decided by them")]
pub(super) fn gauge(value: u64) -> f64 {
    value as f64
}
