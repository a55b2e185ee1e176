//! Bodies of what a gateway registered.

use super::{
    CodecError, Reader, Writer,
    parts::{
        Read, address, amount, amount_policy, app_id, deposit_id, height, millis, network_id, notify_url, order_id,
        owned_text, protocol, since, since_v3, user_mark, write_amount_policy, write_deposit_id, write_protocol,
        write_since,
    },
};
use crate::domain::{
    App, Expiry, Holding, LiveKey, News, Order, OrderId, OrderLine, OrderState, SealedKey, SigningKey, StoredKey,
    Timestamp, Watch,
};

pub(super) fn write_app(to: &mut Writer, app: &App) {
    to.text(app.id.as_str());
    write_protocol(to, app.protocol);
    to.text(app.notify_url.as_str());
    to.count(app.notify_hosts.len());
    for host in &app.notify_hosts {
        to.text(host);
    }
    to.count(app.keys.len());
    for live in &app.keys {
        write_key(to, &live.key);
        to.option(live.until, |to, until| to.u64(until.0));
    }
    to.u64(app.created.0);
    write_amount_policy(to, app.amount_policy);
    to.u32(app.grace_s);
    for news in [app.news.detected, app.news.unmatched, app.news.expired, app.news.cancelled] {
        to.bool(news);
    }
}

fn write_key(to: &mut Writer, key: &StoredKey) {
    match key {
        StoredKey::Clear(key) => {
            to.u8(0);
            to.bytes(key.expose());
        }
        StoredKey::Sealed(key) => {
            to.u8(1);
            to.fixed(&key.master);
            to.fixed(&key.mark);
            to.fixed(&key.nonce);
            to.bytes(&key.sealed);
        }
    }
}

fn key(from: &mut Reader<'_>) -> Read<StoredKey> {
    let clear = |from: &mut Reader<'_>| Ok(StoredKey::Clear(SigningKey::kept(from.bytes()?.to_vec())));
    if from.version() < 3 {
        return clear(from);
    }
    match from.u8()? {
        0 => clear(from),
        1 => Ok(StoredKey::Sealed(SealedKey {
            master: from.fixed()?,
            mark: from.fixed()?,
            nonce: from.fixed()?,
            sealed: from.bytes()?.to_vec(),
        })),
        _ => Err(CodecError("neither a sealed key nor an open one")),
    }
}

fn live_key(from: &mut Reader<'_>) -> Read<LiveKey> {
    Ok(LiveKey { key: key(from)?, until: from.option(millis)? })
}

fn news(from: &mut Reader<'_>) -> Read<News> {
    Ok(News { detected: from.bool()?, unmatched: from.bool()?, expired: from.bool()?, cancelled: from.bool()? })
}

pub(super) fn read_app(from: &mut Reader<'_>) -> Read<App> {
    Ok(App {
        id: app_id(from)?,
        protocol: protocol(from)?,
        notify_url: notify_url(from)?,
        notify_hosts: from.list(owned_text)?,
        keys: from.list(live_key)?,
        created: millis(from)?,
        amount_policy: since_v2(from, amount_policy)?.unwrap_or_default(),
        grace_s: since_v2(from, Reader::u32)?.unwrap_or_default(),
        news: since_v3(from, news)?.unwrap_or_default(),
    })
}

pub(super) fn write_order(to: &mut Writer, order: &Order) {
    to.text(order.app.as_str());
    to.text(order.id.as_str());
    to.text(order.user_mark.as_str());
    to.option(order.username.as_deref(), Writer::text);
    to.fixed(&order.address.0);
    to.count(order.lines.len());
    for line in &order.lines {
        to.text(line.network.as_str());
        to.fixed(&line.token.0);
        to.u64(line.effective_from.0);
        to.option(line.since, write_since);
        to.bool(line.closed);
    }
    to.fixed(&order.expected.to_bytes());
    to.option(order.notify_url.as_ref(), |to, url| to.text(url.as_str()));
    to.u64(order.created.0);
    write_amount_policy(to, order.amount_policy);
    to.option(order.own_amount_policy, write_amount_policy);
    to.option(order.expiry, |to, expiry| {
        to.u64(expiry.at.0);
        to.u32(expiry.grace_s);
    });
    match &order.state {
        OrderState::Open => to.u8(0),
        OrderState::Paid(deposit) => {
            to.u8(1);
            write_deposit_id(to, deposit);
        }
        OrderState::Reversed(deposit) => {
            to.u8(2);
            write_deposit_id(to, deposit);
        }
        OrderState::Cancelled => to.u8(3),
        OrderState::Expired => to.u8(4),
    }
    to.option(order.fail_url.as_ref(), |to, url| to.text(url.as_str()));
    to.option(order.serial.as_deref(), Writer::text);
}

fn order_line(from: &mut Reader<'_>) -> Read<OrderLine> {
    Ok(OrderLine {
        network: network_id(from)?,
        token: address(from)?,
        effective_from: height(from)?,
        since: since_v2(from, |from| from.option(since))?.flatten(),
        closed: since_v2(from, Reader::bool)?.unwrap_or_default(),
    })
}

fn order_state(from: &mut Reader<'_>) -> Read<OrderState> {
    Ok(match from.u8()? {
        0 => OrderState::Open,
        1 => OrderState::Paid(deposit_id(from)?),
        2 => OrderState::Reversed(deposit_id(from)?),
        3 => OrderState::Cancelled,
        4 => OrderState::Expired,
        _ => return Err(CodecError("unknown order state")),
    })
}

pub(super) fn read_order(from: &mut Reader<'_>) -> Read<Order> {
    Ok(Order {
        app: app_id(from)?,
        id: order_id(from)?,
        user_mark: user_mark(from)?,
        username: from.option(owned_text)?,
        address: address(from)?,
        lines: from.list(order_line)?,
        expected: amount(from)?,
        notify_url: from.option(notify_url)?,
        created: millis(from)?,
        amount_policy: since_v2(from, amount_policy)?.unwrap_or_default(),
        own_amount_policy: since_v2(from, |from| from.option(amount_policy))?.flatten(),
        expiry: since_v2(from, |from| from.option(expiry))?.flatten(),
        state: order_state(from)?,
        fail_url: since_v3(from, |from| from.option(notify_url))?.flatten(),
        serial: since_v3(from, |from| from.option(owned_text))?.flatten(),
    })
}

fn expiry(from: &mut Reader<'_>) -> Read<Expiry> {
    Ok(Expiry { at: Timestamp(from.u64()?), grace_s: from.u32()? })
}

/// A field that bodies of version 1 do not have.
fn since_v2<'a, T>(from: &mut Reader<'a>, read: impl FnOnce(&mut Reader<'a>) -> Read<T>) -> Read<Option<T>> {
    if from.version() < 2 { Ok(None) } else { read(from).map(Some) }
}

/// What a holding has, one bit each: there are millions of them, so that a byte for each would be felt.
const STANDING: u8 = 1;
const STANDING_SINCE: u8 = 2;
const OPEN_ORDER: u8 = 4;
const LAST_ORDER: u8 = 8;

pub(super) fn write_holding(to: &mut Writer, holding: &Holding) {
    to.text(holding.network.as_str());
    to.fixed(&holding.address.0);
    to.text(holding.app.as_str());
    to.text(holding.user_mark.as_str());
    let since = holding.standing.and_then(|watch| watch.since);
    let bit = |has: bool, bit: u8| if has { bit } else { 0 };
    to.u8(bit(holding.standing.is_some(), STANDING)
        | bit(since.is_some(), STANDING_SINCE)
        | bit(holding.open_order.is_some(), OPEN_ORDER)
        | bit(holding.last_order.is_some(), LAST_ORDER));
    if let Some(watch) = holding.standing {
        to.u64(watch.effective_from.0);
    }
    if let Some(since) = since {
        write_since(to, since);
    }
    for order in [&holding.open_order, &holding.last_order].into_iter().flatten() {
        to.text(order.as_str());
    }
    to.u64(holding.created.0);
}

pub(super) fn read_holding(from: &mut Reader<'_>) -> Read<Holding> {
    let (network, address, app) = (network_id(from)?, address(from)?, app_id(from)?);
    let user_mark = user_mark(from)?;
    let (standing, open_order, last_order) = if from.version() < 2 {
        let watch = |from: &mut Reader<'_>| height(from).map(|effective_from| Watch { effective_from, since: None });
        (from.option(watch)?, from.option(order_id)?, None)
    } else {
        held(from)?
    };
    Ok(Holding { network, address, app, user_mark, standing, open_order, last_order, created: millis(from)? })
}

fn held(from: &mut Reader<'_>) -> Read<(Option<Watch>, Option<OrderId>, Option<OrderId>)> {
    let has = from.u8()?;
    let is_sound = has <= STANDING | STANDING_SINCE | OPEN_ORDER | LAST_ORDER
        && (has & STANDING_SINCE == 0 || has & STANDING != 0);
    if !is_sound {
        return Err(CodecError("unknown fields of a holding"));
    }
    let effective_from = if has & STANDING == 0 { None } else { Some(height(from)?) };
    let since = if has & STANDING_SINCE == 0 { None } else { Some(since(from)?) };
    let open_order = if has & OPEN_ORDER == 0 { None } else { Some(order_id(from)?) };
    let last_order = if has & LAST_ORDER == 0 { None } else { Some(order_id(from)?) };
    Ok((effective_from.map(|effective_from| Watch { effective_from, since }), open_order, last_order))
}
