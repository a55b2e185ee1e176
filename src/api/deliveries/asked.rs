//! What requests about deliveries and endpoints name.

use prost_types::Timestamp as WireTime;

use crate::{
    api::{convert::Form, proto::v1},
    domain::{EndpointId, EventId, EventKind, Millis, OrderEventKind},
};

/// The last second of the year 9999.
const SECONDS_MAX: u64 = 253_402_300_799;

impl Form {
    /// An event's id.
    pub(in crate::api) fn event_id(&mut self, text: &str) -> Option<EventId> {
        let id = EventId::parse(text);
        if id.is_none() {
            self.refuse("event_id", "EVENT_ID_FORM", "must be 1 to 64 letters, digits, '_' or '-'");
        }
        id
    }

    /// An endpoint's id.
    pub(in crate::api) fn endpoint_id(&mut self, text: &str) -> Option<EndpointId> {
        let mut id = [0; 8];
        let fits = hex::decode_to_slice(text, &mut id).is_ok();
        if !fits {
            self.refuse("endpoint_id", "ENDPOINT_ID_FORM", "must be 16 hex digits");
        }
        fits.then_some(EndpointId(id))
    }

    /// The same; the empty text is every endpoint.
    pub(super) fn endpoint_or_all(&mut self, text: &str) -> Option<EndpointId> {
        if text.is_empty() { None } else { self.endpoint_id(text) }
    }

    /// States of a filter, without repetitions.
    pub(super) fn delivery_states(&mut self, numbers: &[i32]) -> Vec<v1::DeliveryState> {
        let mut states = Vec::new();
        for (place, number) in numbers.iter().enumerate() {
            match v1::DeliveryState::try_from(*number) {
                Ok(v1::DeliveryState::Unspecified) | Err(_) => {
                    let text = format!("{number} is no state of a delivery");
                    self.refuse(&format!("states[{place}]"), "STATE_UNKNOWN", text);
                    // One is enough: a request may hold a million of them.
                    break;
                }
                Ok(state) if states.contains(&state) => {}
                Ok(state) => states.push(state),
            }
        }
        states.sort_unstable();
        states
    }

    /// The type of events; the empty text is every type.
    pub(super) fn event_type(&mut self, text: &str) -> Option<&'static str> {
        if text.is_empty() {
            return None;
        }
        let deposits = [EventKind::Detected, EventKind::Confirmed, EventKind::Reversed, EventKind::Unmatched];
        let orders = [OrderEventKind::Expired, OrderEventKind::Cancelled];
        let mut words = deposits.map(EventKind::word).into_iter().chain(orders.map(OrderEventKind::word));
        let found = words.find(|word| *word == text);
        if found.is_none() {
            self.refuse("type", "TYPE_UNKNOWN", "is no type of events");
        }
        found
    }

    /// A time to the millisecond; what lies below that is cut off.
    pub(super) fn millis(&mut self, field: &str, asked: Option<&WireTime>) -> Option<Millis> {
        let asked = asked?;
        let seconds = u64::try_from(asked.seconds).ok().filter(|seconds| *seconds <= SECONDS_MAX);
        let nanos = u64::try_from(asked.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
        let millis = seconds.zip(nanos).map(|(seconds, nanos)| Millis(seconds * 1000 + nanos / 1_000_000));
        if millis.is_none() {
            self.refuse(field, "TIME_FORM", "must be a time in the years 1970 to 9999");
        }
        millis
    }
}
