//! Index rows: a pure function of the row they lead to. Staging compares what a row had with what it has now; the
//! check at start derives them all again. So their values never change their form: an index row that was written by an
//! older program is byte for byte what is derived today.

use super::{
    codec::{self, Row},
    keys::Key,
};
use crate::domain::{Deposit, EventPlace, Notification, NotificationState, Order, OrderState};

/// Every index row of `row`, as key and value.
pub(super) fn indexes_of(row: &Row) -> Vec<(Key, Vec<u8>)> {
    match row {
        Row::App(_)
        | Row::Holding(_)
        | Row::Cursor(..)
        | Row::Header(..)
        | Row::Attempt(_)
        | Row::Override(_)
        | Row::Scan(_)
        | Row::Endpoint(_)
        | Row::Trade(..)
        | Row::Audit(_) => Vec::new(),
        Row::Order(order) => indexes_of_order(order),
        Row::Deposit(deposit) => indexes_of_deposit(deposit),
        Row::Notification(notification) => indexes_of_notification(notification),
    }
}

/// Only while it waits, and only on networks whose blocks have not passed the deadline.
fn indexes_of_order(order: &Order) -> Vec<(Key, Vec<u8>)> {
    let Some(expiry) = order.expiry.filter(|_| order.state == OrderState::Open) else { return Vec::new() };
    let open = order.lines.iter().filter(|line| !line.closed);
    open.map(|line| (Key::expiry(&line.network, expiry.deadline(), &order.app, &order.id), codec::empty())).collect()
}

fn indexes_of_deposit(deposit: &Deposit) -> Vec<(Key, Vec<u8>)> {
    let by_text = Key::deposit_by_text(&deposit.text()).expect("a printed id is dep_ and 32 base32 letters");
    let target = codec::wrap_for_all(|to| to.bytes(Key::deposit(&deposit.id).as_bytes()));
    let by_app = Key::deposit_by_app(&deposit.app, deposit.block_time, &deposit.id);
    let by_order = deposit.order.as_ref().map(|order| Key::deposit_by_order(&deposit.app, order, &deposit.id));
    let rest = std::iter::once(by_app).chain(by_order).map(|key| (key, codec::empty()));
    std::iter::once((by_text, target)).chain(rest).collect()
}

fn indexes_of_notification(notification: &Notification) -> Vec<(Key, Vec<u8>)> {
    let waits = match notification.state {
        NotificationState::Due(at) | NotificationState::Resend { due: at, .. } => {
            Some(Key::due(notification.endpoint(), at, &notification.id))
        }
        NotificationState::DeadLetter(since) => Some(Key::dead_letter(since, &notification.id)),
        NotificationState::Untold(since) => Some(Key::untold(since, &notification.id)),
        NotificationState::Waiting
        | NotificationState::Delivered(_)
        | NotificationState::Silent(_)
        | NotificationState::Closed(_) => None,
    };
    let waits = waits.map(|key| (key, codec::empty()));
    let place = Some(notification.place).filter(|place| *place != EventPlace::default());
    let event = || codec::wrap_for_all(|to| to.text(notification.id.as_str()));
    let feed = place
        .into_iter()
        .flat_map(|place| [(Key::feed(place), event()), (Key::feed_by_app(&notification.app, place), event())]);
    waits.into_iter().chain(feed).collect()
}
