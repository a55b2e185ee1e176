//! Fields that several bodies share. Reading checks them as they were checked when they came in.

use super::{CodecError, Reader, Writer};
use crate::domain::{
    Act, Address, AmountPolicy, AppId, BlockHash, BlockRef, DepositId, EventId, Height, LogOrdinal, Millis, NetworkId,
    NotifyUrl, OrderId, Protocol, Since, Timestamp, TokenAmount, TxHash, UserMark, V1Format, V1Scheme, V2Sign,
};

pub(super) type Read<T> = Result<T, CodecError>;

pub(super) fn app_id(from: &mut Reader<'_>) -> Read<AppId> {
    from.text()?.parse().map_err(|_| CodecError("not an app id"))
}

pub(super) fn order_id(from: &mut Reader<'_>) -> Read<OrderId> {
    OrderId::parse(from.text()?).map_err(|_| CodecError("not an order id"))
}

pub(super) fn network_id(from: &mut Reader<'_>) -> Read<NetworkId> {
    from.text()?.parse().map_err(|_| CodecError("not a network"))
}

pub(super) fn event_id(from: &mut Reader<'_>) -> Read<EventId> {
    EventId::parse(from.text()?).ok_or(CodecError("not an event id"))
}

pub(super) fn user_mark(from: &mut Reader<'_>) -> Read<UserMark> {
    UserMark::parse(from.text()?).map_err(|_| CodecError("not a user mark"))
}

pub(super) fn notify_url(from: &mut Reader<'_>) -> Read<NotifyUrl> {
    NotifyUrl::checked(from.text()?.to_owned()).ok_or(CodecError("not a notify URL"))
}

pub(super) fn owned_text(from: &mut Reader<'_>) -> Read<String> {
    from.text().map(str::to_owned)
}

pub(super) fn millis(from: &mut Reader<'_>) -> Read<Millis> {
    from.u64().map(Millis)
}

pub(super) fn height(from: &mut Reader<'_>) -> Read<Height> {
    from.u64().map(Height)
}

pub(super) fn address(from: &mut Reader<'_>) -> Read<Address> {
    from.fixed().map(Address)
}

pub(super) fn amount(from: &mut Reader<'_>) -> Read<TokenAmount> {
    from.fixed().map(|bytes| TokenAmount::from_bytes(&bytes))
}

pub(super) fn write_block(to: &mut Writer, block: BlockRef) {
    to.u64(block.height.0);
    to.fixed(&block.hash.0);
}

pub(super) fn block(from: &mut Reader<'_>) -> Read<BlockRef> {
    Ok(BlockRef { height: height(from)?, hash: BlockHash(from.fixed()?) })
}

pub(super) fn write_deposit_id(to: &mut Writer, id: &DepositId) {
    to.text(id.network.as_str());
    to.fixed(&id.tx.0);
    to.fixed(&id.token.0);
    to.u32(id.ordinal.0);
}

pub(super) fn deposit_id(from: &mut Reader<'_>) -> Read<DepositId> {
    Ok(DepositId {
        network: network_id(from)?,
        tx: TxHash(from.fixed()?),
        token: address(from)?,
        ordinal: LogOrdinal(from.u32()?),
    })
}

pub(super) fn write_since(to: &mut Writer, since: Since) {
    match since {
        Since::Height(height) => {
            to.u8(0);
            to.u64(height.0);
        }
        Since::Time(time) => {
            to.u8(1);
            to.u64(time.0);
        }
    }
}

pub(super) fn since(from: &mut Reader<'_>) -> Read<Since> {
    match from.u8()? {
        0 => height(from).map(Since::Height),
        1 => from.u64().map(Timestamp).map(Since::Time),
        _ => Err(CodecError("neither a height nor a time")),
    }
}

pub(super) fn write_act(to: &mut Writer, act: &Act) {
    to.text(&act.by);
    to.u64(act.at.0);
    to.text(&act.why);
}

pub(super) fn act(from: &mut Reader<'_>) -> Read<Act> {
    Ok(Act { by: owned_text(from)?, at: millis(from)?, why: owned_text(from)? })
}

pub(super) fn write_amount_policy(to: &mut Writer, policy: AmountPolicy) {
    to.u8(match policy {
        AmountPolicy::AcceptActual => 0,
        AmountPolicy::AtLeast => 1,
        AmountPolicy::StrictExact => 2,
    });
}

pub(super) fn amount_policy(from: &mut Reader<'_>) -> Read<AmountPolicy> {
    match from.u8()? {
        0 => Ok(AmountPolicy::AcceptActual),
        1 => Ok(AmountPolicy::AtLeast),
        2 => Ok(AmountPolicy::StrictExact),
        _ => Err(CodecError("unknown amount policy")),
    }
}

pub(super) fn write_protocol(to: &mut Writer, protocol: Protocol) {
    to.u8(match protocol {
        Protocol::StandardWebhooks => 0,
        Protocol::CrossingPayV1 { scheme: V1Scheme::HmacSha256Sorted, format: V1Format::Form } => 1,
        Protocol::CrossingPayV1 { scheme: V1Scheme::HmacSha256Sorted, format: V1Format::Json } => 2,
        Protocol::CrossingPayV1 { scheme: V1Scheme::Sha1KvUpper, format: V1Format::Form } => 3,
        Protocol::CrossingPayV1 { scheme: V1Scheme::Sha1KvUpper, format: V1Format::Json } => 4,
        Protocol::CrossingPayV2 { sign: V2Sign::A } => 5,
        Protocol::CrossingPayV2 { sign: V2Sign::B } => 6,
        Protocol::Udun => 7,
        Protocol::Usdtcnpay => 8,
    });
}

pub(super) fn protocol(from: &mut Reader<'_>) -> Read<Protocol> {
    match from.u8()? {
        0 => Ok(Protocol::StandardWebhooks),
        1 => Ok(v1(V1Scheme::HmacSha256Sorted, V1Format::Form)),
        2 => Ok(v1(V1Scheme::HmacSha256Sorted, V1Format::Json)),
        3 => Ok(v1(V1Scheme::Sha1KvUpper, V1Format::Form)),
        4 => Ok(v1(V1Scheme::Sha1KvUpper, V1Format::Json)),
        5 => Ok(Protocol::CrossingPayV2 { sign: V2Sign::A }),
        6 => Ok(Protocol::CrossingPayV2 { sign: V2Sign::B }),
        7 => Ok(Protocol::Udun),
        8 => Ok(Protocol::Usdtcnpay),
        _ => Err(CodecError("unknown protocol")),
    }
}

fn v1(scheme: V1Scheme, format: V1Format) -> Protocol {
    Protocol::CrossingPayV1 { scheme, format }
}

/// A field that bodies have since version 3.
pub(super) fn since_v3<'a, T>(from: &mut Reader<'a>, read: impl FnOnce(&mut Reader<'a>) -> Read<T>) -> Read<Option<T>> {
    if from.version() < 3 { Ok(None) } else { read(from).map(Some) }
}
