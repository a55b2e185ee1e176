//! Bodies of what was seen on a chain.

use super::{
    CodecError, Reader, Writer,
    parts::{
        Read, act, address, amount, app_id, block, deposit_id, height, order_id, user_mark, write_act, write_block,
        write_deposit_id,
    },
};
use crate::domain::{Deposit, DepositState, EventVersion, Family, Reason, Timestamp};

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
