//! Bodies of what a gateway registered.

use super::{
    CodecError, Reader, Writer,
    parts::{
        Read, address, amount, app_id, deposit_id, height, millis, network_id, notify_url, order_id, owned_text,
        protocol, user_mark, write_deposit_id, write_protocol,
    },
};
use crate::domain::{App, Holding, Order, OrderLine, OrderState, SigningKey, Watch, app::LiveKey};

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
        to.bytes(live.key.expose());
        to.option(live.until, |to, until| to.u64(until.0));
    }
    to.u64(app.created.0);
}

fn live_key(from: &mut Reader<'_>) -> Read<LiveKey> {
    let key = SigningKey::new(from.bytes()?.to_vec()).ok_or(CodecError("not a signing key"))?;
    Ok(LiveKey { key, until: from.option(millis)? })
}

pub(super) fn read_app(from: &mut Reader<'_>) -> Read<App> {
    Ok(App {
        id: app_id(from)?,
        protocol: protocol(from)?,
        notify_url: notify_url(from)?,
        notify_hosts: from.list(owned_text)?,
        keys: from.list(live_key)?,
        created: millis(from)?,
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
    }
    to.fixed(&order.expected.to_bytes());
    to.option(order.notify_url.as_ref(), |to, url| to.text(url.as_str()));
    to.u64(order.created.0);
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
    }
}

fn order_line(from: &mut Reader<'_>) -> Read<OrderLine> {
    Ok(OrderLine { network: network_id(from)?, token: address(from)?, effective_from: height(from)? })
}

fn order_state(from: &mut Reader<'_>) -> Read<OrderState> {
    Ok(match from.u8()? {
        0 => OrderState::Open,
        1 => OrderState::Paid(deposit_id(from)?),
        2 => OrderState::Reversed(deposit_id(from)?),
        3 => OrderState::Cancelled,
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
        state: order_state(from)?,
    })
}

pub(super) fn write_holding(to: &mut Writer, holding: &Holding) {
    to.text(holding.network.as_str());
    to.fixed(&holding.address.0);
    to.text(holding.app.as_str());
    to.text(holding.user_mark.as_str());
    to.option(holding.standing, |to, watch| to.u64(watch.effective_from.0));
    to.option(holding.open_order.as_ref(), |to, order| to.text(order.as_str()));
    to.u64(holding.created.0);
}

pub(super) fn read_holding(from: &mut Reader<'_>) -> Read<Holding> {
    Ok(Holding {
        network: network_id(from)?,
        address: address(from)?,
        app: app_id(from)?,
        user_mark: user_mark(from)?,
        standing: from.option(|from| height(from).map(|effective_from| Watch { effective_from }))?,
        open_order: from.option(order_id)?,
        created: millis(from)?,
    })
}
