use super::*;
use crate::{
    delivery::testing::{TRON, app, deposit, ended, url as at_url},
    domain::{AmountPolicy, OrderEvent, Reason, TokenAmount},
};

type Change = fn(&mut DepositEvent);

#[test]
fn each_protocol_is_told_what_it_has_words_for() {
    use Telling::{NotMade, Send, Silent, Untold};
    let (off, none, dust) = (Silent(Silence::SwitchedOff), Silent(Silence::NoWords), Silent(Silence::Dust));
    let all_on = News { detected: true, unmatched: true, expired: true, cancelled: true };
    let all_off = News { detected: false, unmatched: false, expired: false, cancelled: false };
    let same: Change = |_| ();
    let strict: Change = |event| {
        event.deposit.reason = Reason::Under;
        event.order.as_mut().unwrap().amount_policy = AmountPolicy::StrictExact;
    };
    let loose: Change = |event| event.deposit.reason = Reason::Under;
    let late: Change = |event| {
        strict_order(event);
        event.deposit.reason = Reason::Late;
    };
    let no_order: Change = |event| event.order = None;
    let no_serial: Change = |event| event.order.as_mut().unwrap().serial = None;
    let tiny: Change = |event| event.deposit.amount = TokenAmount::of(99);
    let short: Change = |event| event.deposit.amount = TokenAmount::of(99_999_999);
    use EventKind::{Confirmed, Detected, Reversed, Unmatched};
    // Standard, V1, V2, Udun, USDTCNPAY.
    for (line, kind, change, news, trade, expected) in [
        (0, Confirmed, same, all_off, true, [Send, Send, Send, Send, Send]),
        (1, Confirmed, same, all_on, false, [Send, Send, Send, Untold, Send]),
        (2, Confirmed, no_order, all_on, true, [Send, Untold, Untold, Send, Untold]),
        (3, Confirmed, no_serial, all_on, true, [Send, Send, Send, Send, Untold]),
        (4, Confirmed, tiny, all_on, true, [Send, dust, dust, Send, Untold]),
        (5, Confirmed, short, all_on, true, [Send, Send, Send, Send, Untold]),
        (6, Reversed, same, all_off, false, [Send, Send, Send, Send, Send]),
        (7, Reversed, no_order, all_on, false, [Send, Send, Send, Send, Untold]),
        (8, Reversed, short, all_on, false, [Send, Send, Send, Send, Send]),
        (9, Detected, same, all_off, false, [NotMade; 5]),
        (10, Detected, same, all_on, false, [Send, none, none, none, none]),
        (11, Unmatched, same, all_off, false, [off; 5]),
        (12, Unmatched, loose, all_on, false, [Send, none, none, none, none]),
        (13, Unmatched, strict, all_on, false, [Send, none, none, none, Send]),
        (14, Unmatched, strict, all_off, false, [off; 5]),
        (15, Unmatched, late, all_on, false, [Send, none, none, none, none]),
        (16, Unmatched, no_order, all_on, false, [Send, none, none, none, none]),
    ] {
        let mut event = deposit(TRON, kind, 1);
        change(&mut event);
        let trade = trade.then_some(Trade { main_coin: 195, id: 1 });
        let event = Event::Deposit(event);
        assert_eq!(Protocol::ALL.map(|protocol| telling(protocol, &event, trade, news)), expected, "line {line}");
    }
    for kind in [OrderEventKind::Expired, OrderEventKind::Cancelled] {
        let event = Event::Order(ended(kind));
        let told = |news| Protocol::ALL.map(|protocol| telling(protocol, &event, None, news));
        assert_eq!(told(all_on), [Send, none, none, none, Send]);
        assert_eq!(told(all_off), [off; 5]);
        let other =
            News { expired: kind != OrderEventKind::Expired, cancelled: kind != OrderEventKind::Cancelled, ..all_on };
        assert_eq!(told(other), [off; 5], "each has its own switch");
    }
}

fn strict_order(event: &mut DepositEvent) {
    event.order.as_mut().unwrap().amount_policy = AmountPolicy::StrictExact;
}

#[test]
fn what_went_wrong_goes_to_the_fail_url() {
    let with = |notify: bool, fail: bool, order: &Order| Order {
        notify_url: notify.then(|| at_url("https://m.example/order")),
        fail_url: fail.then(|| at_url("https://m.example/fail")),
        ..order.clone()
    };
    let place = |protocol, event: &Event| url(protocol, event, &app(protocol)).as_str()[18..].to_owned();
    for (notify, fail, good, bad) in [
        (false, false, "app", "app"),
        (true, false, "order", "order"),
        (true, true, "order", "fail"),
        (false, true, "app", "fail"),
    ] {
        let deposit = |kind, strict: bool| {
            let mut event = deposit(TRON, kind, 1);
            event.deposit.reason = Reason::Over;
            if strict {
                strict_order(&mut event);
            }
            event.order = event.order.map(|order| with(notify, fail, &order));
            Event::Deposit(event)
        };
        let order = |kind| {
            let event = ended(kind);
            Event::Order(OrderEvent { order: with(notify, fail, &event.order), ..event })
        };
        for (event, is_bad) in [
            (deposit(EventKind::Confirmed, true), false),
            (deposit(EventKind::Unmatched, false), false),
            (deposit(EventKind::Unmatched, true), true),
            (deposit(EventKind::Reversed, false), true),
            (order(OrderEventKind::Expired), true),
            (order(OrderEventKind::Cancelled), true),
        ] {
            assert_eq!(place(Protocol::Usdtcnpay, &event), if is_bad { bad } else { good });
            for protocol in &Protocol::ALL[..4] {
                assert_eq!(place(*protocol, &event), good, "only USDTCNPAY has fail URLs");
            }
        }
    }
    let standing = Event::Deposit(DepositEvent { order: None, ..deposit(TRON, EventKind::Reversed, 2) });
    assert_eq!(place(Protocol::Usdtcnpay, &standing), "app");
}
