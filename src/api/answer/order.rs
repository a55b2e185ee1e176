//! Orders, with what their deposits say of them.

use super::{
    Networks, amount_policy, confirmations, deposit_reason, deposit_state, family_of, millis, required_by, seconds,
    token, v1,
};
use crate::domain::{
    Address, Deposit, DepositState, Family, NetworkId, NetworkStatus, Order, OrderLine, OrderState, Reason, Since,
    Token, TokenAmount,
};

/// Deposits told of one order.
const TOLD_MAX: usize = 20;

/// What an order's answer is made from, beside the order.
pub(in crate::api) struct Surroundings<'a> {
    /// The networks as they are now.
    pub(in crate::api) networks: &'a Networks,
    /// How far each is followed.
    pub(in crate::api) status: &'a dyn Fn(&NetworkId) -> Option<NetworkStatus>,
}

/// An order. `deposits` name it, oldest first; `with_list`: they are told too.
pub(in crate::api) fn order(
    around: &Surroundings<'_>,
    order: &Order,
    deposits: &[Deposit],
    with_list: bool,
) -> v1::Order {
    let networks = around.networks;
    // All lines of an order are of one family, so one that is configured speaks for those that are not any more.
    let known = order.lines.iter().find_map(|line| networks.get(&line.network)).map(|spec| spec.family);
    let first_line = order.lines.first().map(|line| &line.network);
    let family = known.or(first_line.map(|network| family_of(networks, network))).unwrap_or(Family::Evm);
    let configured = |network: &NetworkId, contract: &Address| networks.get(network)?.tokens.get(contract);
    let first = order.lines.iter().find_map(|line| configured(&line.network, &line.token));
    let decimal = |amount: TokenAmount| first.map(|token| amount.decimal(token.decimals)).unwrap_or_default();
    let depth = |deposit: &Deposit| confirmations((around.status)(&deposit.id.network).as_ref(), deposit);
    let paid_by = match &order.state {
        OrderState::Paid(by) | OrderState::Reversed(by) => by.text(family),
        OrderState::Open | OrderState::Cancelled | OrderState::Expired => String::new(),
    };
    let received = received(deposits);
    let told = told(order, deposits).filter(|_| with_list);
    v1::Order {
        app_id: order.app.to_string(),
        order_id: order.id.to_string(),
        user_mark: order.user_mark.as_str().to_owned(),
        username: order.username.clone().unwrap_or_default(),
        address: order.address.text(family),
        lines: order.lines.iter().map(|own| line(own, configured(&own.network, &own.token), family)).collect(),
        amount: order.expected.to_string(),
        display_amount: decimal(order.expected),
        notify_url: order.notify_url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default(),
        state: state(order, deposits, depth).into(),
        paid_by,
        create_time: Some(millis(order.created)),
        amount_policy: amount_policy(order.amount_policy).into(),
        expire_time: order.expiry.map(|expiry| seconds(expiry.at)),
        grace_seconds: order.expiry.map_or(0, |expiry| expiry.grace_s),
        received: received.to_string(),
        display_received: decimal(received),
        deposits: told.map(|deposit| short(networks, deposit, depth(deposit))).collect(),
        fail_url: order.fail_url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default(),
        ordersn: order.serial.clone().unwrap_or_default(),
    }
}

/// Where an order stands, seen from outside: while it waits, what is on its way to it or was turned away counts.
fn state(order: &Order, deposits: &[Deposit], depth: impl Fn(&Deposit) -> u32) -> v1::OrderState {
    match &order.state {
        OrderState::Open => {}
        OrderState::Paid(_) => return v1::OrderState::Paid,
        OrderState::Reversed(_) => return v1::OrderState::Reversed,
        OrderState::Cancelled => return v1::OrderState::Cancelled,
        OrderState::Expired => return v1::OrderState::Expired,
    }
    let any = |state, is_reason: fn(Reason) -> bool| {
        deposits.iter().any(|deposit| deposit.state == state && is_reason(deposit.reason))
    };
    let coming = deposits.iter().filter(|deposit| is_coming(deposit)).map(depth).max();
    match coming {
        Some(2..) => v1::OrderState::Confirming,
        Some(_) => v1::OrderState::Seen,
        None if any(DepositState::Unmatched, |reason| matches!(reason, Reason::Under | Reason::Over)) => {
            v1::OrderState::Mismatched
        }
        None if any(DepositState::Orphaned, |reason| reason == Reason::Reversed) => v1::OrderState::Reversed,
        None => v1::OrderState::Open,
    }
}

/// Whether it is to pay the order it names: those that are to be turned away carry the reason already.
fn is_coming(deposit: &Deposit) -> bool {
    deposit.state == DepositState::Detected && deposit.reason == Reason::Pending
}

/// What stands credited.
fn received(deposits: &[Deposit]) -> TokenAmount {
    let credited = deposits.iter().filter(|deposit| deposit.is_credited()).map(|deposit| deposit.amount);
    credited.fold(TokenAmount::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(TokenAmount::MAX))
}

/// The first of an order's deposits, and always the one that paid it.
fn told<'a>(order: &'a Order, deposits: &'a [Deposit]) -> impl Iterator<Item = &'a Deposit> {
    let payer = deposits.iter().position(|deposit| match &order.state {
        OrderState::Paid(by) | OrderState::Reversed(by) => deposit.id == *by,
        OrderState::Open | OrderState::Cancelled | OrderState::Expired => false,
    });
    let behind = payer.filter(|place| *place >= TOLD_MAX);
    let first = deposits.iter().take(if behind.is_some() { TOLD_MAX - 1 } else { TOLD_MAX });
    first.chain(behind.map(|place| &deposits[place]))
}

fn short(networks: &Networks, deposit: &Deposit, confirmations: u32) -> v1::OrderDeposit {
    let spec = networks.get(&deposit.id.network);
    let known = spec.and_then(|spec| spec.tokens.get(&deposit.id.token));
    v1::OrderDeposit {
        deposit_id: deposit.text(),
        network: deposit.id.network.to_string(),
        amount: deposit.amount.to_string(),
        display_amount: known.map(|token| deposit.amount.decimal(token.decimals)).unwrap_or_default(),
        state: deposit_state(deposit.state).into(),
        reason: deposit_reason(deposit.reason).into(),
        confirmations,
        required: spec.map(|spec| required_by(spec, deposit)),
        held: deposit.hold.is_some(),
    }
}

fn line(line: &OrderLine, known: Option<&Token>, family: Family) -> v1::OrderLine {
    v1::OrderLine {
        back_scan: None,
        network: line.network.to_string(),
        token: Some(token(known, line.token, family)),
        effective_from: line.effective_from.0,
        since: line.since.map(|since| match since {
            Since::Height(height) => v1::order_line::Since::FromBlock(height.0),
            Since::Time(time) => v1::order_line::Since::FromTime(seconds(time)),
        }),
    }
}

#[cfg(test)]
mod tests;
