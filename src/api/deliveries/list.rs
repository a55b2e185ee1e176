//! Lists of deliveries: which rows are looked at, and which of them are answered.

use super::delivery_state;
use crate::{
    api::{
        page::{SCAN_CHUNK_ROWS, SCAN_ROWS_MAX},
        proto::v1::DeliveryState,
    },
    domain::{AppId, EndpointId, EventPlace, Millis, Notification},
    store::{Reader, StoreError, ToldPosition},
};

/// Which deliveries are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// Only this app's; given where an endpoint is.
    pub(super) app: Option<AppId>,
    pub(super) endpoint: Option<EndpointId>,
    /// In order, none twice; empty: all.
    pub(super) states: Vec<DeliveryState>,
    pub(super) kind: Option<&'static str>,
    pub(super) since: Option<Millis>,
    pub(super) until: Option<Millis>,
}

/// Which rows are looked at: the fewest that hold all that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    DeadLetters,
    Untold,
    Lane(EndpointId),
    Feed,
}

impl Filter {
    pub(super) fn walk(&self) -> Walk {
        let sent = [DeliveryState::Due, DeliveryState::Resend];
        match (self.states.as_slice(), self.endpoint) {
            ([DeliveryState::DeadLetter], _) => Walk::DeadLetters,
            ([DeliveryState::Untold], _) => Walk::Untold,
            ([_, ..], Some(lane)) if self.states.iter().all(|state| sent.contains(state)) => Walk::Lane(lane),
            _ => Walk::Feed,
        }
    }

    fn covers(&self, row: &Notification) -> bool {
        self.app.as_ref().is_none_or(|app| row.app == *app)
            && self.endpoint.is_none_or(|endpoint| row.endpoint() == endpoint)
            && (self.states.is_empty() || self.states.contains(&delivery_state(row.state)))
            && self.kind.is_none_or(|kind| row.id.told() == Some(kind))
            && self.since.is_none_or(|since| since <= row.created)
            && self.until.is_none_or(|until| row.created < until)
    }
}

/// Up to `size` deliveries behind `after`, and where to go on; `None` is the end.
pub(super) fn page_of(
    reader: &Reader,
    filter: &Filter,
    after: Option<Vec<u8>>,
    size: usize,
) -> Result<(Vec<Notification>, Option<Vec<u8>>), StoreError> {
    let (mut found, mut at, mut seen) = (Vec::new(), after, 0);
    while seen < SCAN_ROWS_MAX {
        let rows = chunk(reader, filter, at.as_deref())?;
        let is_end = rows.len() < SCAN_CHUNK_ROWS;
        for (position, row) in rows {
            if found.len() == size {
                return Ok((found, at));
            }
            seen += 1;
            at = Some(position);
            if filter.covers(&row) {
                found.push(row);
            }
        }
        if is_end {
            return Ok((found, None));
        }
    }
    Ok((found, at))
}

/// The next rows, each with the position behind it.
fn chunk(reader: &Reader, filter: &Filter, after: Option<&[u8]>) -> Result<Vec<(Vec<u8>, Notification)>, StoreError> {
    let told = after.map(|bytes| ToldPosition(bytes.to_vec()));
    let rows = match filter.walk() {
        Walk::DeadLetters => reader.dead_letters(told.as_ref(), SCAN_CHUNK_ROWS)?,
        Walk::Untold => reader.untold(told.as_ref(), SCAN_CHUNK_ROWS)?,
        Walk::Lane(lane) => reader.due_behind(lane, told.as_ref(), SCAN_CHUNK_ROWS)?,
        Walk::Feed => {
            let place = after.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes).unwrap_or_default();
            let rows = reader.events(filter.app.as_ref(), EventPlace(place), SCAN_CHUNK_ROWS)?;
            return Ok(rows.into_iter().map(|row| (row.place.0.to_be_bytes().to_vec(), row)).collect());
        }
    };
    Ok(rows.into_iter().map(|(position, row)| (position.0, row)).collect())
}
