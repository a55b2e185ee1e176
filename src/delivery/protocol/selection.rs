//! Which events a protocol has words for, and where they go (protocols.md 0, A.1, E).

use super::{Telling, crossingpay, usdtcnpay};
use crate::domain::{
    App, DepositEvent, Event, EventKind, News, NotifyUrl, Order, OrderEventKind, Protocol, Silence, Trade,
};

/// What becomes of `event`.
///
/// A reversal under a protocol with one word ([`has_one_word`](crate::delivery::belief::has_one_word)) is
/// [`Telling::Send`] here, because one event alone does not show what the merchant believes: whoever stores it lets
/// [`revise`](crate::delivery::belief::revise) decide in the same commit. A request is never made of it.
pub fn telling(protocol: Protocol, event: &Event, trade: Option<Trade>, news: News) -> Telling {
    let is_on = match event {
        Event::Deposit(event) => match event.kind {
            EventKind::Confirmed | EventKind::Reversed => return money(protocol, event, trade),
            EventKind::Detected if !news.detected => return Telling::NotMade,
            EventKind::Detected => true,
            EventKind::Unmatched => news.unmatched,
        },
        Event::Order(event) => match event.kind {
            OrderEventKind::Expired => news.expired,
            OrderEventKind::Cancelled => news.cancelled,
        },
    };
    let has_words = match protocol {
        Protocol::StandardWebhooks => true,
        Protocol::Usdtcnpay => usdtcnpay::is_failure(event) && order(event).is_some_and(has_serial),
        Protocol::CrossingPayV1 { .. } | Protocol::CrossingPayV2 { .. } | Protocol::Udun => false,
    };
    match (is_on, has_words) {
        (false, _) => Telling::Silent(Silence::SwitchedOff),
        (true, false) => Telling::Silent(Silence::NoWords),
        (true, true) => Telling::Send,
    }
}

/// Credits and reversals, which nobody can switch off.
fn money(protocol: Protocol, event: &DepositEvent, trade: Option<Trade>) -> Telling {
    let is_reversal = event.kind == EventKind::Reversed;
    let order = event.order.as_ref();
    let has_words = match protocol {
        Protocol::StandardWebhooks => true,
        Protocol::CrossingPayV1 { .. } | Protocol::CrossingPayV2 { .. } if is_reversal => true,
        Protocol::CrossingPayV1 { .. } | Protocol::CrossingPayV2 { .. } => {
            if event.deposit.amount.ten_thousandths(event.token.decimals) == crossingpay::NOTHING {
                return Telling::Silent(Silence::Dust);
            }
            order.is_some()
        }
        Protocol::Udun => is_reversal || trade.is_some(),
        // The call names the ordered amount and no other: of another one it would say something wrong.
        Protocol::Usdtcnpay => {
            order.is_some_and(|order| has_serial(order) && (is_reversal || order.expected == event.deposit.amount))
        }
    };
    if has_words { Telling::Send } else { Telling::Untold }
}

fn has_serial(order: &Order) -> bool {
    order.serial.is_some()
}

fn order(event: &Event) -> Option<&Order> {
    match event {
        Event::Deposit(event) => event.order.as_ref(),
        Event::Order(event) => Some(&event.order),
    }
}

/// Where `event` is told: the order's own URL, else the app's. USDTCNPAY: what went wrong goes to the order's fail URL if
/// it has one (protocols.md E).
pub fn url<'a>(protocol: Protocol, event: &'a Event, app: &'a App) -> &'a NotifyUrl {
    let Some(order) = order(event) else { return &app.notify_url };
    let is_failure = protocol == Protocol::Usdtcnpay && usdtcnpay::is_failure(event);
    let fail_url = order.fail_url.as_ref().filter(|_| is_failure);
    fail_url.or(order.notify_url.as_ref()).unwrap_or(&app.notify_url)
}

#[cfg(test)]
mod tests;
