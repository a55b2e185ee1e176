//! From words of the domain to answers.

mod order;

use std::collections::BTreeMap;

use prost_types::Timestamp as WireTime;

pub(super) use self::order::{Surroundings, order};
use super::{
    convert::merchant::{news_answer, protocol_answer},
    govern::amount_policy,
    proto::v1,
};
use crate::domain::{
    Address, App, BlockRef, Deposit, DepositState, Family, Holding, Millis, NetworkId, NetworkSpec, NetworkState,
    NetworkStatus, Reason, Since, Standing, Threshold, Timestamp, Token,
};

pub(super) type Networks = BTreeMap<NetworkId, NetworkSpec>;

/// An app, without its secrets.
pub(super) fn app(app: &App) -> v1::App {
    let secrets = app.keys.iter().map(|live| v1::SecretInfo {
        fingerprint: live.key.fingerprint().unwrap_or_default(),
        expire_time: live.until.map(millis),
    });
    let (protocol, options) = protocol_answer(app.protocol);
    v1::App {
        app_id: app.id.to_string(),
        notify_url: app.notify_url.as_str().to_owned(),
        notify_hosts: app.notify_hosts.clone(),
        secrets: secrets.collect(),
        create_time: Some(millis(app.created)),
        amount_policy: amount_policy(app.amount_policy).into(),
        grace_seconds: app.grace_s,
        protocol: protocol.into(),
        protocol_options: Some(options),
        news: Some(news_answer(app.news)),
    }
}

/// An address.
pub(super) fn holding(networks: &Networks, holding: &Holding) -> v1::Address {
    v1::Address {
        back_scan: None,
        network: holding.network.to_string(),
        address: holding.address.text(family_of(networks, &holding.network)),
        app_id: holding.app.to_string(),
        user_mark: holding.user_mark.as_str().to_owned(),
        standing_from: holding.standing.map(|watch| watch.effective_from.0),
        open_order_id: holding.open_order.as_ref().map(ToString::to_string).unwrap_or_default(),
        create_time: Some(millis(holding.created)),
        last_order_id: holding.last_order.as_ref().map(ToString::to_string).unwrap_or_default(),
        since: holding.standing.and_then(|watch| watch.since).map(|since| match since {
            Since::Height(height) => v1::address::Since::FromBlock(height.0),
            Since::Time(time) => v1::address::Since::FromTime(seconds(time)),
        }),
    }
}

/// A deposit as it stands on a network whose status is `status`.
pub(super) fn deposit(networks: &Networks, status: Option<&NetworkStatus>, deposit: &Deposit) -> v1::Deposit {
    let spec = networks.get(&deposit.id.network);
    let known = spec.and_then(|spec| spec.tokens.get(&deposit.id.token));
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
        confirmations: confirmations(status, deposit),
        required: spec.map(|spec| required_by(spec, deposit)),
        app_id: deposit.app.to_string(),
        user_mark: deposit.user_mark.as_str().to_owned(),
        order_id: deposit.order.as_ref().map(ToString::to_string).unwrap_or_default(),
        hold: deposit.hold.as_ref().map(|act| v1::Hold {
            by: act.by.clone(),
            time: Some(millis(act.at)),
            reason: act.why.clone(),
        }),
    }
}

/// Blocks from its own to the last one read; 0 while it is orphaned.
fn confirmations(status: Option<&NetworkStatus>, deposit: &Deposit) -> u32 {
    let cursor = status.and_then(|status| status.cursor).filter(|_| deposit.state != DepositState::Orphaned);
    let standing = cursor.and_then(|cursor| Standing::of(deposit.included_at.height, cursor.tip.height, None));
    standing.map_or(0, |standing| standing.confirmations.get())
}

/// What a deposit of this network needs.
fn required_by(spec: &NetworkSpec, deposit: &Deposit) -> v1::RequiredConfirmations {
    required(spec.policy.need_for(deposit.id.token, &deposit.app, deposit.amount).threshold)
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
        rescan: None,
        credits_held: if conditions.credits_held { u64::try_from(status.held.len()).unwrap_or(u64::MAX) } else { 0 },
    }
}

/// A token, as configured or as it is named.
/// A token; without its label and decimals if it is not configured.
pub(super) fn token(known: Option<&Token>, contract: Address, family: Family) -> v1::Token {
    v1::Token {
        contract: contract.text(family),
        symbol: known.map(|token| token.symbol.clone()).unwrap_or_default(),
        decimals: known.map_or(0, |token| u32::from(token.decimals.get())),
    }
}

/// A block.
pub(super) fn block(block: BlockRef, time: Option<Timestamp>, family: Family) -> v1::Block {
    v1::Block { height: block.height.0, hash: block.hash.text(family), time: time.map(seconds) }
}

/// What a deposit needs.
pub(super) fn required(threshold: Threshold) -> v1::RequiredConfirmations {
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
        Reason::Late => v1::DepositReason::Late,
        Reason::Manual => v1::DepositReason::Manual,
    }
}

/// Rows do not say which family a network is of. One that left the configuration is known by its name: those that begin
/// with `tron` are TRON networks.
pub(super) fn family_of(networks: &Networks, network: &NetworkId) -> Family {
    let by_name = || if network.as_str().starts_with("tron") { Family::Tron } else { Family::Evm };
    networks.get(network).map_or_else(by_name, |spec| spec.family)
}

/// An instant.
pub(super) fn millis(at: Millis) -> WireTime {
    let nanos = i32::try_from(at.0 % 1000 * 1_000_000).unwrap_or_default();
    WireTime { seconds: i64::try_from(at.0 / 1000).unwrap_or(i64::MAX), nanos }
}

fn seconds(at: Timestamp) -> WireTime {
    WireTime { seconds: i64::try_from(at.0).unwrap_or(i64::MAX), nanos: 0 }
}

#[cfg(test)]
mod tests;
