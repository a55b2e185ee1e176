//! From words of the domain to answers.

use std::collections::BTreeMap;

use prost_types::Timestamp as WireTime;

use super::proto::v1;
use crate::domain::{
    Address, App, BlockRef, Deposit, DepositState, Family, Holding, Millis, NetworkId, NetworkSpec, NetworkState,
    NetworkStatus, Order, OrderState, Reason, Standing, Threshold, Timestamp, Token,
};

type Networks = BTreeMap<NetworkId, NetworkSpec>;

/// An app, without its secrets.
pub(super) fn app(app: &App) -> v1::App {
    let secrets = app
        .keys
        .iter()
        .map(|live| v1::SecretInfo { fingerprint: live.key.fingerprint(), expire_time: live.until.map(millis) });
    v1::App {
        app_id: app.id.to_string(),
        notify_url: app.notify_url.as_str().to_owned(),
        notify_hosts: app.notify_hosts.clone(),
        secrets: secrets.collect(),
        create_time: Some(millis(app.created)),
    }
}

/// An order.
pub(super) fn order(networks: &Networks, order: &Order) -> v1::Order {
    // All lines of an order are of one family, so one that is configured speaks for those that are not any more.
    let known = order.lines.iter().find_map(|line| networks.get(&line.network)).map(|spec| spec.family);
    let first_line = order.lines.first().map(|line| &line.network);
    let family = known.or(first_line.map(|network| family_of(networks, network))).unwrap_or(Family::Evm);
    let configured = |network: &NetworkId, contract: &Address| networks.get(network)?.tokens.get(contract);
    let first = order.lines.iter().find_map(|line| configured(&line.network, &line.token));
    let lines = order.lines.iter().map(|line| v1::OrderLine {
        network: line.network.to_string(),
        token: Some(token(configured(&line.network, &line.token), line.token, family)),
        effective_from: line.effective_from.0,
    });
    let (state, paid_by) = match &order.state {
        OrderState::Open => (v1::OrderState::Open, None),
        OrderState::Paid(deposit) => (v1::OrderState::Paid, Some(deposit)),
        OrderState::Reversed(deposit) => (v1::OrderState::Reversed, Some(deposit)),
        OrderState::Cancelled => (v1::OrderState::Cancelled, None),
    };
    v1::Order {
        app_id: order.app.to_string(),
        order_id: order.id.to_string(),
        user_mark: order.user_mark.as_str().to_owned(),
        username: order.username.clone().unwrap_or_default(),
        address: order.address.text(family),
        lines: lines.collect(),
        amount: order.expected.to_string(),
        display_amount: first.map(|token| order.expected.decimal(token.decimals)).unwrap_or_default(),
        notify_url: order.notify_url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default(),
        state: state.into(),
        paid_by: paid_by.map(|id| id.text(family)).unwrap_or_default(),
        create_time: Some(millis(order.created)),
    }
}

/// An address.
pub(super) fn holding(networks: &Networks, holding: &Holding) -> v1::Address {
    v1::Address {
        network: holding.network.to_string(),
        address: holding.address.text(family_of(networks, &holding.network)),
        app_id: holding.app.to_string(),
        user_mark: holding.user_mark.as_str().to_owned(),
        standing_from: holding.standing.map(|watch| watch.effective_from.0),
        open_order_id: holding.open_order.as_ref().map(ToString::to_string).unwrap_or_default(),
        create_time: Some(millis(holding.created)),
    }
}

/// A deposit as it stands on a network whose status is `status`.
pub(super) fn deposit(networks: &Networks, status: Option<&NetworkStatus>, deposit: &Deposit) -> v1::Deposit {
    let spec = networks.get(&deposit.id.network);
    let known = spec.and_then(|spec| spec.tokens.get(&deposit.id.token));
    let cursor = status.and_then(|status| status.cursor);
    let standing = cursor.filter(|_| deposit.state != DepositState::Orphaned).and_then(|cursor| {
        let finalized = cursor.finalized.map(|block| block.height);
        Standing::of(deposit.included_at.height, cursor.tip.height, finalized)
    });
    v1::Deposit {
        deposit_id: deposit.text(),
        network: deposit.id.network.to_string(),
        token: Some(token(known, deposit.id.token, deposit.family)),
        tx_hash: deposit.id.tx.text(deposit.family),
        log_ordinal: deposit.id.ordinal.0,
        block: Some(block(deposit.included_at, Some(deposit.block_time), deposit.family)),
        from: deposit.from.text(deposit.family),
        address: deposit.to.text(deposit.family),
        amount: deposit.amount.to_string(),
        display_amount: known.map(|token| deposit.amount.decimal(token.decimals)).unwrap_or_default(),
        state: deposit_state(deposit.state).into(),
        reason: deposit_reason(deposit.reason).into(),
        version: deposit.version.0,
        confirmations: standing.map_or(0, |standing| standing.confirmations.get()),
        required: spec.map(|spec| required(spec.policy.threshold_for(deposit.amount))),
        app_id: deposit.app.to_string(),
        user_mark: deposit.user_mark.as_str().to_owned(),
        order_id: deposit.order.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// A network at `now`.
pub(super) fn network(spec: &NetworkSpec, status: &NetworkStatus, now: Millis) -> v1::Network {
    let state = match status.state {
        NetworkState::Starting => v1::NetworkState::Starting,
        NetworkState::CatchingUp => v1::NetworkState::CatchingUp,
        NetworkState::Following => v1::NetworkState::Following,
        NetworkState::Waiting(_) => v1::NetworkState::Waiting,
        NetworkState::Halted(_) => v1::NetworkState::Halted,
    };
    let family = match spec.family {
        Family::Evm => v1::NetworkFamily::Evm,
        Family::Tron => v1::NetworkFamily::Tron,
    };
    let conditions = status.conditions(now);
    v1::Network {
        network: spec.id.to_string(),
        family: family.into(),
        tokens: spec.tokens.values().map(|known| token(Some(known), known.contract, spec.family)).collect(),
        head: status.head.map(|head| block(head.best, Some(head.best_time), spec.family)),
        cursor: status.cursor.map(|cursor| block(cursor.tip, Some(cursor.tip_time), spec.family)),
        final_height: status.cursor.and_then(|cursor| cursor.finalized).map(|block| block.height.0),
        lag_blocks: status.lag(),
        state: state.into(),
        why: status.state.why().to_owned(),
        progress_time: status.progressed.map(millis),
        head_final: status.head.and_then(|head| Some(block(head.finalized?, head.finalized_time, spec.family))),
        head_stalled: conditions.head_stalled,
        finality_stalled: conditions.finality_stalled,
    }
}

fn token(known: Option<&Token>, contract: Address, family: Family) -> v1::Token {
    v1::Token {
        contract: contract.text(family),
        symbol: known.map(|token| token.symbol.clone()).unwrap_or_default(),
        decimals: known.map_or(0, |token| u32::from(token.decimals.get())),
    }
}

fn block(block: BlockRef, time: Option<Timestamp>, family: Family) -> v1::Block {
    v1::Block { height: block.height.0, hash: block.hash.text(family), time: time.map(seconds) }
}

fn required(threshold: Threshold) -> v1::RequiredConfirmations {
    use v1::required_confirmations::Rule;
    let rule = match threshold {
        Threshold::Confirmations(needed) => Rule::Confirmations(needed.get()),
        Threshold::Finalized => Rule::Finalized(true),
    };
    v1::RequiredConfirmations { rule: Some(rule) }
}

fn deposit_state(state: DepositState) -> v1::DepositState {
    match state {
        DepositState::Detected => v1::DepositState::Detected,
        DepositState::Confirmed => v1::DepositState::Confirmed,
        DepositState::Finalized => v1::DepositState::Finalized,
        DepositState::Unmatched => v1::DepositState::Unmatched,
        DepositState::Orphaned => v1::DepositState::Orphaned,
    }
}

fn deposit_reason(reason: Reason) -> v1::DepositReason {
    match reason {
        Reason::Pending => v1::DepositReason::Pending,
        Reason::Matched => v1::DepositReason::Matched,
        Reason::Under => v1::DepositReason::Under,
        Reason::Over => v1::DepositReason::Over,
        Reason::Duplicate => v1::DepositReason::Duplicate,
        Reason::NoOpenOrder => v1::DepositReason::NoOpenOrder,
        Reason::BelowMinimum => v1::DepositReason::BelowMinimum,
        Reason::SelfTransfer => v1::DepositReason::SelfTransfer,
        Reason::Reversed => v1::DepositReason::Reversed,
    }
}

/// Rows do not say which family a network is of. One that left the configuration is known by its name: those that begin
/// with `tron` are TRON networks.
fn family_of(networks: &Networks, network: &NetworkId) -> Family {
    let by_name = || if network.as_str().starts_with("tron") { Family::Tron } else { Family::Evm };
    networks.get(network).map_or_else(by_name, |spec| spec.family)
}

fn millis(at: Millis) -> WireTime {
    let nanos = i32::try_from(at.0 % 1000 * 1_000_000).unwrap_or_default();
    WireTime { seconds: i64::try_from(at.0 / 1000).unwrap_or(i64::MAX), nanos }
}

fn seconds(at: Timestamp) -> WireTime {
    WireTime { seconds: i64::try_from(at.0).unwrap_or(i64::MAX), nanos: 0 }
}

#[cfg(test)]
mod tests;
