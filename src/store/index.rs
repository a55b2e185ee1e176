//! Index rows: a pure function of the row they lead to. Staging compares what a row had with what it has now; the
//! check at start derives them all again.

use super::{
    codec::{self, Row},
    keys::Key,
};
use crate::domain::{Notification, NotificationState};

/// Every index row of `row`, as key and value.
pub(super) fn indexes_of(row: &Row) -> Vec<(Key, Vec<u8>)> {
    match row {
        Row::App(_) | Row::Order(_) | Row::Holding(_) | Row::Cursor(..) | Row::Header(..) | Row::Attempt(_) => {
            Vec::new()
        }
        Row::Deposit(deposit) => {
            let by_text = Key::deposit_by_text(&deposit.text()).expect("a printed id is dep_ and 32 base32 letters");
            let target = codec::wrap(|to| to.bytes(Key::deposit(&deposit.id).as_bytes()));
            vec![
                (by_text, target),
                (Key::deposit_by_app(&deposit.app, deposit.block_time, &deposit.id), codec::empty()),
            ]
        }
        Row::Notification(notification) => index_of_notification(notification).into_iter().collect(),
    }
}

fn index_of_notification(notification: &Notification) -> Option<(Key, Vec<u8>)> {
    let key = match notification.state {
        NotificationState::Due(at) => Key::due(notification.endpoint(), at, &notification.id),
        NotificationState::DeadLetter(since) => Key::dead_letter(since, &notification.id),
        NotificationState::Waiting | NotificationState::Delivered(_) => return None,
    };
    Some((key, codec::empty()))
}
