//! Gauges of what waits to be told, read from the store whenever the metrics are asked for.

use metrics::gauge;

use crate::store::{Reader, StoreError};

/// Publishes them. A store that does not answer leaves them as they were: the process ends then.
pub(super) fn publish(reader: &Reader) {
    if let Err(error) = read(reader) {
        tracing::warn!(%error, "the outbox was not counted");
    }
}

fn read(reader: &Reader) -> Result<(), StoreError> {
    let counts = reader.counts();
    let count = |table: &str| number(counts.get(table).copied().unwrap_or_default());
    let (due, dead, untold) = (count("due"), count("dead_letters"), count("untold"));
    gauge!("depositd_dead_letters").set(dead);
    gauge!("depositd_events_untold").set(untold);
    for (state, entries) in [("due", due), ("dead_letter", dead), ("untold", untold)] {
        gauge!("depositd_outbox_entries", "state" => state).set(entries);
    }
    let parked = reader.parked()?;
    gauge!("depositd_endpoints_parked").set(number(u64::try_from(parked.len()).unwrap_or(u64::MAX)));
    let parked: Vec<_> = parked.into_iter().map(|endpoint| endpoint.id).collect();
    let oldest = reader.oldest_pending(&parked)?.map_or(0, |due| due.seconds().0);
    gauge!("depositd_delivery_oldest_pending_timestamp_seconds").set(number(oldest));
    Ok(())
}

/// Counts and seconds are far below 2^53, so nothing is lost.
fn number(value: u64) -> f64 {
    value as f64
}
