//! Bodies of what was seen on a chain and told.

use super::{
    CodecError, Reader, Writer,
    parts::{
        Read, act, address, amount, app_id, block, deposit_id, event_id, height, millis, notify_url, order_id,
        owned_text, protocol, user_mark, write_act, write_block, write_deposit_id, write_protocol,
    },
};
use crate::domain::{
    Attempt, AttemptNo, Deposit, DepositState, EventPlace, EventVersion, Family, Notification, NotificationState,
    Outcome, Reason, Timestamp,
};

pub(super) fn write_deposit(to: &mut Writer, deposit: &Deposit) {
    write_deposit_id(to, &deposit.id);
    to.u8(match deposit.family {
        Family::Evm => 0,
        Family::Tron => 1,
    });
    to.fixed(&deposit.from.0);
    to.fixed(&deposit.to.0);
    to.fixed(&deposit.amount.to_bytes());
    write_block(to, deposit.included_at);
    to.u64(deposit.block_time.0);
    to.u8(match deposit.state {
        DepositState::Detected => 0,
        DepositState::Confirmed => 1,
        DepositState::Finalized => 2,
        DepositState::Unmatched => 3,
        DepositState::Orphaned => 4,
    });
    to.u32(deposit.version.0);
    to.bool(deposit.unmatched_told);
    to.u64(deposit.first_seen.0);
    to.text(deposit.app.as_str());
    to.text(deposit.user_mark.as_str());
    to.option(deposit.order.as_ref(), |to, order| to.text(order.as_str()));
    to.u8(match deposit.reason {
        Reason::Pending => 0,
        Reason::Matched => 1,
        Reason::Under => 2,
        Reason::Over => 3,
        Reason::Duplicate => 4,
        Reason::NoOpenOrder => 5,
        Reason::BelowMinimum => 6,
        Reason::SelfTransfer => 7,
        Reason::Reversed => 8,
        Reason::Late => 9,
        Reason::Manual => 10,
    });
    to.option(deposit.hold.as_ref(), write_act);
    to.bool(deposit.by_hand);
}

pub(super) fn read_deposit(from: &mut Reader<'_>) -> Read<Deposit> {
    Ok(Deposit {
        id: deposit_id(from)?,
        family: family(from)?,
        from: address(from)?,
        to: address(from)?,
        amount: amount(from)?,
        included_at: block(from)?,
        block_time: Timestamp(from.u64()?),
        state: deposit_state(from)?,
        version: EventVersion(from.u32()?),
        unmatched_told: from.bool()?,
        first_seen: height(from)?,
        app: app_id(from)?,
        user_mark: user_mark(from)?,
        order: from.option(order_id)?,
        reason: reason(from)?,
        hold: if from.version() < 2 { None } else { from.option(act)? },
        by_hand: if from.version() < 2 { false } else { from.bool()? },
    })
}

fn family(from: &mut Reader<'_>) -> Read<Family> {
    match from.u8()? {
        0 => Ok(Family::Evm),
        1 => Ok(Family::Tron),
        _ => Err(CodecError("unknown family")),
    }
}

fn deposit_state(from: &mut Reader<'_>) -> Read<DepositState> {
    match from.u8()? {
        0 => Ok(DepositState::Detected),
        1 => Ok(DepositState::Confirmed),
        2 => Ok(DepositState::Finalized),
        3 => Ok(DepositState::Unmatched),
        4 => Ok(DepositState::Orphaned),
        _ => Err(CodecError("unknown deposit state")),
    }
}

fn reason(from: &mut Reader<'_>) -> Read<Reason> {
    match from.u8()? {
        0 => Ok(Reason::Pending),
        1 => Ok(Reason::Matched),
        2 => Ok(Reason::Under),
        3 => Ok(Reason::Over),
        4 => Ok(Reason::Duplicate),
        5 => Ok(Reason::NoOpenOrder),
        6 => Ok(Reason::BelowMinimum),
        7 => Ok(Reason::SelfTransfer),
        8 => Ok(Reason::Reversed),
        9 => Ok(Reason::Late),
        10 => Ok(Reason::Manual),
        _ => Err(CodecError("unknown reason")),
    }
}

pub(super) fn write_notification(to: &mut Writer, notification: &Notification) {
    to.text(notification.id.as_str());
    to.text(notification.app.as_str());
    to.text(notification.url.as_str());
    write_protocol(to, notification.protocol);
    to.bytes(&notification.body);
    to.u64(notification.created.0);
    to.u32(notification.attempts.0);
    let (state, at) = match notification.state {
        NotificationState::Waiting => (0, None),
        NotificationState::Due(at) => (1, Some(at)),
        NotificationState::Delivered(at) => (2, Some(at)),
        NotificationState::DeadLetter(at) => (3, Some(at)),
    };
    to.u8(state);
    if let Some(at) = at {
        to.u64(at.0);
    }
    to.option(notification.after.as_ref(), |to, event| to.text(event.as_str()));
    to.option(notification.then.as_ref(), |to, event| to.text(event.as_str()));
    to.u64(notification.place.0);
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
        state: notification_state(from)?,
        after: from.option(event_id)?,
        then: from.option(event_id)?,
    };
    if from.version() >= 2 {
        notification.place = EventPlace(from.u64()?);
    }
    Ok(notification)
}

fn notification_state(from: &mut Reader<'_>) -> Read<NotificationState> {
    Ok(match from.u8()? {
        0 => NotificationState::Waiting,
        1 => NotificationState::Due(millis(from)?),
        2 => NotificationState::Delivered(millis(from)?),
        3 => NotificationState::DeadLetter(millis(from)?),
        _ => return Err(CodecError("unknown notification state")),
    })
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
        Outcome::Unreachable => to.u8(3),
        Outcome::Blocked => to.u8(4),
    }
    to.text(&attempt.detail);
    to.text(&attempt.excerpt);
}

pub(super) fn read_attempt(from: &mut Reader<'_>) -> Read<Attempt> {
    Ok(Attempt {
        event: event_id(from)?,
        number: AttemptNo(from.u32()?),
        started: millis(from)?,
        took_ms: from.u64()?,
        status: from.option(Reader::u16)?,
        outcome: outcome(from)?,
        detail: owned_text(from)?,
        excerpt: owned_text(from)?,
    })
}

fn outcome(from: &mut Reader<'_>) -> Read<Outcome> {
    Ok(match from.u8()? {
        0 => Outcome::Accepted,
        1 => Outcome::Gone,
        2 => Outcome::Refused { retry_after_s: from.option(Reader::u64)?, slow_down: from.bool()? },
        3 => Outcome::Unreachable,
        4 => Outcome::Blocked,
        _ => return Err(CodecError("unknown outcome")),
    })
}
