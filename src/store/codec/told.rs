//! Bodies of what is told, and of what came of it.

use super::{
    CodecError, Reader, Writer,
    parts::{
        Read, act, app_id, event_id, millis, notify_url, owned_text, protocol, since_v3, write_act, write_protocol,
    },
};
use crate::domain::{
    Attempt, AttemptNo, Endpoint, EndpointId, EventPlace, Millis, Notification, NotificationState, Outcome, Parked,
    Silence, Trade, Trigger, WhyParked, notification::Unreached,
};

pub(super) fn write_notification(to: &mut Writer, notification: &Notification) {
    to.text(notification.id.as_str());
    to.text(notification.app.as_str());
    to.text(notification.url.as_str());
    write_protocol(to, notification.protocol);
    to.bytes(&notification.body);
    to.u64(notification.created.0);
    to.u32(notification.attempts.0);
    write_state(to, notification.state);
    to.option(notification.after.as_ref(), |to, event| to.text(event.as_str()));
    to.option(notification.then.as_ref(), |to, event| to.text(event.as_str()));
    to.u64(notification.place.0);
    to.u32(notification.tries);
    write_trigger(to, notification.trigger);
    to.option(notification.trade, |to, trade| {
        to.u32(trade.main_coin);
        to.u64(trade.id);
    });
}

pub(super) fn read_notification(from: &mut Reader<'_>) -> Read<Notification> {
    let mut notification = Notification {
        id: event_id(from)?,
        place: EventPlace::default(),
        app: app_id(from)?,
        url: notify_url(from)?,
        protocol: protocol(from)?,
        body: from.bytes()?.to_vec(),
        created: millis(from)?,
        attempts: AttemptNo(from.u32()?),
        tries: 0,
        trigger: Trigger::default(),
        trade: None,
        state: state(from)?,
        after: from.option(event_id)?,
        then: from.option(event_id)?,
    };
    if from.version() >= 2 {
        notification.place = EventPlace(from.u64()?);
    }
    // Before version 3 every attempt was a try of the one schedule.
    notification.tries = since_v3(from, Reader::u32)?.unwrap_or(notification.attempts.0);
    notification.trigger = since_v3(from, trigger)?.unwrap_or_default();
    notification.trade = since_v3(from, |from| from.option(trade))?.flatten();
    Ok(notification)
}

fn trade(from: &mut Reader<'_>) -> Read<Trade> {
    Ok(Trade { main_coin: from.u32()?, id: from.u64()? })
}

fn write_state(to: &mut Writer, state: NotificationState) {
    let (number, at) = match state {
        NotificationState::Waiting => (0, None),
        NotificationState::Due(at) => (1, Some(at)),
        NotificationState::Delivered(at) => (2, Some(at)),
        NotificationState::DeadLetter(at) => (3, Some(at)),
        NotificationState::Resend { delivered, .. } => (4, Some(delivered)),
        NotificationState::Silent(_) => (5, None),
        NotificationState::Untold(at) => (6, Some(at)),
        NotificationState::Closed(at) => (7, Some(at)),
    };
    to.u8(number);
    if let Some(at) = at {
        to.u64(at.0);
    }
    match state {
        NotificationState::Resend { due, .. } => to.u64(due.0),
        NotificationState::Silent(silence) => to.u8(match silence {
            Silence::SwitchedOff => 0,
            Silence::NoWords => 1,
            Silence::Withdrawn => 2,
            Silence::ToldBefore => 3,
            Silence::Dust => 4,
        }),
        NotificationState::Waiting
        | NotificationState::Due(_)
        | NotificationState::Delivered(_)
        | NotificationState::DeadLetter(_)
        | NotificationState::Untold(_)
        | NotificationState::Closed(_) => {}
    }
}

fn state(from: &mut Reader<'_>) -> Read<NotificationState> {
    Ok(match from.u8()? {
        0 => NotificationState::Waiting,
        1 => NotificationState::Due(millis(from)?),
        2 => NotificationState::Delivered(millis(from)?),
        3 => NotificationState::DeadLetter(millis(from)?),
        4 => NotificationState::Resend { delivered: millis(from)?, due: millis(from)? },
        5 => NotificationState::Silent(silence(from)?),
        6 => NotificationState::Untold(millis(from)?),
        7 => NotificationState::Closed(millis(from)?),
        _ => return Err(CodecError("unknown notification state")),
    })
}

fn silence(from: &mut Reader<'_>) -> Read<Silence> {
    match from.u8()? {
        0 => Ok(Silence::SwitchedOff),
        1 => Ok(Silence::NoWords),
        2 => Ok(Silence::Withdrawn),
        3 => Ok(Silence::ToldBefore),
        4 => Ok(Silence::Dust),
        _ => Err(CodecError("unknown silence")),
    }
}

fn write_trigger(to: &mut Writer, trigger: Trigger) {
    to.u8(match trigger {
        Trigger::Schedule => 0,
        Trigger::Manual => 1,
        Trigger::Recover => 2,
        Trigger::Test => 3,
    });
}

fn trigger(from: &mut Reader<'_>) -> Read<Trigger> {
    match from.u8()? {
        0 => Ok(Trigger::Schedule),
        1 => Ok(Trigger::Manual),
        2 => Ok(Trigger::Recover),
        3 => Ok(Trigger::Test),
        _ => Err(CodecError("unknown trigger")),
    }
}

pub(super) fn write_attempt(to: &mut Writer, attempt: &Attempt) {
    to.text(attempt.event.as_str());
    to.u32(attempt.number.0);
    to.u64(attempt.started.0);
    to.u64(attempt.took_ms);
    to.option(attempt.status, Writer::u16);
    match &attempt.outcome {
        Outcome::Accepted => to.u8(0),
        Outcome::Gone => to.u8(1),
        Outcome::Refused { retry_after_s, slow_down } => {
            to.u8(2);
            to.option(*retry_after_s, Writer::u64);
            to.bool(*slow_down);
        }
        Outcome::Unreachable(why) => {
            to.u8(3);
            write_unreached(to, *why);
        }
        Outcome::Blocked => to.u8(4),
    }
    to.text(&attempt.detail);
    to.text(&attempt.excerpt);
    write_trigger(to, attempt.trigger);
    to.option(attempt.peer, |to, peer| to.text(&peer.to_string()));
}

pub(super) fn read_attempt(from: &mut Reader<'_>) -> Read<Attempt> {
    let mut attempt = Attempt {
        event: event_id(from)?,
        number: AttemptNo(from.u32()?),
        trigger: Trigger::default(),
        peer: None,
        started: millis(from)?,
        took_ms: from.u64()?,
        status: from.option(Reader::u16)?,
        outcome: outcome(from)?,
        detail: owned_text(from)?,
        excerpt: owned_text(from)?,
    };
    if from.version() < 3 && matches!(attempt.outcome, Outcome::Unreachable(_)) {
        attempt.outcome = Outcome::Unreachable(unreached_of_detail(&attempt.detail));
    }
    attempt.trigger = since_v3(from, trigger)?.unwrap_or_default();
    let peer = |from: &mut Reader<'_>| from.text()?.parse().map_err(|_| CodecError("not an IP address"));
    attempt.peer = since_v3(from, |from| from.option(peer))?.flatten();
    Ok(attempt)
}

fn outcome(from: &mut Reader<'_>) -> Read<Outcome> {
    Ok(match from.u8()? {
        0 => Outcome::Accepted,
        1 => Outcome::Gone,
        2 => Outcome::Refused { retry_after_s: from.option(Reader::u64)?, slow_down: from.bool()? },
        // Before version 3 the reason stood in the detail only, which comes behind.
        3 => Outcome::Unreachable(since_v3(from, unreached)?.unwrap_or(Unreached::Request)),
        4 => Outcome::Blocked,
        _ => return Err(CodecError("unknown outcome")),
    })
}

/// What programs that wrote no reason began the detail with.
fn unreached_of_detail(detail: &str) -> Unreached {
    match detail.split_once(':').map_or(detail, |(kind, _)| kind) {
        "timed out" => Unreached::TimedOut,
        "dns" => Unreached::Dns,
        "tls" => Unreached::Tls,
        "connect" => Unreached::Connect,
        // They told the two apart by the sentence alone.
        "request" if !detail.ends_with("the request could not be made") => Unreached::Broken,
        _ => Unreached::Request,
    }
}

fn write_unreached(to: &mut Writer, why: Unreached) {
    to.u8(match why {
        Unreached::Dns => 0,
        Unreached::Connect => 1,
        Unreached::Tls => 2,
        Unreached::TimedOut => 3,
        Unreached::Broken => 4,
        Unreached::Request => 5,
    });
}

fn unreached(from: &mut Reader<'_>) -> Read<Unreached> {
    match from.u8()? {
        0 => Ok(Unreached::Dns),
        1 => Ok(Unreached::Connect),
        2 => Ok(Unreached::Tls),
        3 => Ok(Unreached::TimedOut),
        4 => Ok(Unreached::Broken),
        5 => Ok(Unreached::Request),
        _ => Err(CodecError("unknown reason without an answer")),
    }
}

pub(super) fn write_endpoint(to: &mut Writer, endpoint: &Endpoint) {
    to.fixed(&endpoint.id.0);
    to.text(endpoint.app.as_str());
    to.text(&endpoint.receiver);
    to.option(endpoint.parked.as_ref(), |to, parked| {
        to.u64(parked.since.0);
        match &parked.why {
            WhyParked::Gone => to.u8(0),
            WhyParked::Failing => to.u8(1),
            WhyParked::Operator(by) => {
                to.u8(2);
                write_act(to, by);
            }
        }
    });
    to.option(endpoint.failing_since, |to, since| to.u64(since.0));
    to.u32(endpoint.failures);
}

pub(super) fn read_endpoint(from: &mut Reader<'_>) -> Read<Endpoint> {
    Ok(Endpoint {
        id: EndpointId(from.fixed()?),
        app: app_id(from)?,
        receiver: owned_text(from)?,
        parked: from.option(parked)?,
        failing_since: from.option(|from| from.u64().map(Millis))?,
        failures: from.u32()?,
    })
}

fn parked(from: &mut Reader<'_>) -> Read<Parked> {
    let since = millis(from)?;
    let why = match from.u8()? {
        0 => WhyParked::Gone,
        1 => WhyParked::Failing,
        2 => WhyParked::Operator(act(from)?),
        _ => return Err(CodecError("unknown reason of parking")),
    };
    Ok(Parked { since, why })
}

pub(super) fn write_trade(to: &mut Writer, number: u64, deposit: &str) {
    to.u64(number);
    to.text(deposit);
}

pub(super) fn read_trade(from: &mut Reader<'_>) -> Read<(u64, String)> {
    Ok((from.u64()?, owned_text(from)?))
}
