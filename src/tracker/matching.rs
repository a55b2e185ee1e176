//! Whose is a transfer, and does it pay an order?

use crate::domain::{
    Block, Deposit, DepositId, DepositState, EventVersion, Height, Holding, NetworkSpec, Order, OrderState, Reason,
    Token, Transfer,
};

/// Who a deposit is credited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The order it pays.
    Order(Reason),
    /// The owner of a standing watch.
    Standing,
    /// Nobody, and why.
    Nobody(Reason),
}

/// The deposit a transfer makes when it is seen in `block`. `prior` is what is known of the same transfer from a block
/// that left the chain.
pub(super) fn detect(
    spec: &NetworkSpec,
    block: &Block,
    transfer: &Transfer,
    holding: &Holding,
    prior: Option<&Deposit>,
    peak: Height,
) -> Deposit {
    let included_at = block.header.at;
    // A block below the highest ever committed is new to us all the same: what it pays was not there to be seen before.
    let revealed = if included_at.height > peak { included_at.height } else { peak.next() };
    // Executed again it may pay somebody else: what it was to the one it paid before is nothing to this one.
    let same_payee = prior.filter(|prior| prior.to == transfer.to);
    Deposit {
        id: DepositId::of(&spec.id, transfer),
        family: spec.family,
        from: transfer.from,
        to: transfer.to,
        amount: transfer.amount,
        included_at,
        block_time: block.header.time,
        state: DepositState::Detected,
        version: prior.map_or(EventVersion(0), |prior| prior.version),
        unmatched_told: prior.is_some_and(|prior| prior.unmatched_told),
        first_seen: same_payee.map_or(revealed, |prior| prior.first_seen),
        app: holding.app.clone(),
        user_mark: holding.user_mark.clone(),
        order: same_payee.and_then(|prior| prior.order.clone()),
        reason: Reason::Pending,
    }
}

/// Decides whom `deposit` is credited to. `meant_for` is the order it named so far, `open` the one its address expects.
pub(super) fn claim(
    deposit: &Deposit,
    token: &Token,
    holding: &Holding,
    meant_for: Option<&Order>,
    open: Option<&Order>,
) -> Claim {
    if deposit.from == deposit.to {
        return Claim::Nobody(Reason::SelfTransfer);
    }
    if deposit.amount < token.minimum {
        return Claim::Nobody(Reason::BelowMinimum);
    }
    let took_it_before = meant_for.filter(|order| may_return_to(order, deposit));
    let expects_it = open.filter(|order| covers(order, deposit));
    if let Some(order) = took_it_before.or(expects_it) {
        return Claim::Order(how_much(deposit, order));
    }
    if holding.standing.is_some_and(|watch| watch.effective_from <= deposit.first_seen) {
        return Claim::Standing;
    }
    match meant_for.map(|order| &order.state) {
        Some(OrderState::Paid(by)) if *by != deposit.id => Claim::Nobody(Reason::Duplicate),
        Some(OrderState::Paid(_) | OrderState::Open | OrderState::Reversed(_) | OrderState::Cancelled) | None => {
            Claim::Nobody(Reason::NoOpenOrder)
        }
    }
}

/// Which order of the two [`claim`] means when it says [`Claim::Order`].
pub(super) fn order_claimed<'a>(
    deposit: &Deposit,
    meant_for: Option<&'a Order>,
    open: Option<&'a Order>,
) -> Option<&'a Order> {
    meant_for.filter(|order| may_return_to(order, deposit)).or(open.filter(|order| covers(order, deposit)))
}

/// Whether `order` still waits for this very deposit: it took it before, or was named by it and is open.
fn may_return_to(order: &Order, deposit: &Deposit) -> bool {
    let named = deposit.order.as_ref() == Some(&order.id) && order.app == deposit.app;
    named
        && match &order.state {
            OrderState::Open => true,
            OrderState::Reversed(by) => *by == deposit.id,
            OrderState::Paid(_) | OrderState::Cancelled => false,
        }
}

/// Whether an open order expects this token here, from a height on that the deposit does not lie below.
fn covers(order: &Order, deposit: &Deposit) -> bool {
    let line = order.line(&deposit.id.network);
    order.state == OrderState::Open
        && line.is_some_and(|line| line.token == deposit.id.token && line.effective_from <= deposit.first_seen)
}

/// Under `accept_actual`, whatever arrives is credited; the reason says how it compares.
fn how_much(deposit: &Deposit, order: &Order) -> Reason {
    match deposit.amount.cmp(&order.expected) {
        std::cmp::Ordering::Less => Reason::Under,
        std::cmp::Ordering::Equal => Reason::Matched,
        std::cmp::Ordering::Greater => Reason::Over,
    }
}
