//! Whose is a transfer, and does it pay an order?

use crate::domain::{
    Address, Block, Deposit, DepositId, DepositState, EventVersion, Header, Height, Holding, NetworkId, NetworkSpec,
    Order, OrderLine, OrderState, Reason, Since, Token, Transfer,
};

/// Who a deposit is credited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim<'a> {
    /// The order it pays.
    Order(&'a Order, Reason),
    /// The owner of a standing watch.
    Standing,
    /// Nobody, and why; with the order it was meant for, where there is one.
    Nobody(Reason, Option<&'a Order>),
}

impl<'a> Claim<'a> {
    /// The order it pays, or was meant for.
    pub(super) fn order(&self) -> Option<&'a Order> {
        match self {
            Self::Order(order, _) => Some(order),
            Self::Standing => None,
            Self::Nobody(_, order) => *order,
        }
    }
}

/// The orders that may have to do with a deposit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Orders<'a> {
    /// The one it named so far.
    pub(super) meant_for: Option<&'a Order>,
    /// The one its address expects.
    pub(super) open: Option<&'a Order>,
    /// The one its address expected before, where it expects none.
    pub(super) last: Option<&'a Order>,
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
    let same_address = prior.filter(|prior| prior.to == transfer.to);
    // So is what it was to the address's owner of before, where that was released since; but it was seen then.
    let owner = (&holding.app, &holding.user_mark);
    let same_payee = same_address.filter(|prior| (&prior.app, &prior.user_mark) == owner);
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
        first_seen: same_address.map_or(revealed, |prior| prior.first_seen),
        app: holding.app.clone(),
        user_mark: holding.user_mark.clone(),
        order: same_payee.and_then(|prior| prior.order.clone()),
        reason: Reason::Pending,
        hold: prior.and_then(|prior| prior.hold.clone()),
        by_hand: same_payee.is_some_and(|prior| prior.by_hand && prior.amount == transfer.amount),
    }
}

/// Decides whom `deposit` is credited to.
pub(super) fn claim<'a>(deposit: &Deposit, token: &Token, holding: &Holding, orders: Orders<'a>) -> Claim<'a> {
    if deposit.from == deposit.to {
        return Claim::Nobody(Reason::SelfTransfer, orders.meant_for);
    }
    let before = orders.meant_for.filter(|order| took_it_before(order, deposit));
    if let Some(order) = before.or(orders.last.filter(|order| is_its_payment(order, deposit))) {
        return Claim::Order(order, if deposit.by_hand { Reason::Manual } else { how_much(deposit, order) });
    }
    if deposit.amount < token.minimum {
        return Claim::Nobody(Reason::BelowMinimum, orders.meant_for);
    }
    let named = orders.meant_for.filter(|order| order.state == OrderState::Open);
    let expected = named.or(orders.open.filter(|order| covers(order, deposit)));
    let turned_away = match expected {
        Some(order) => match judge(deposit, order) {
            Ok(reason) => return Claim::Order(order, reason),
            Err(reason) => Some((reason, order)),
        },
        None => None,
    };
    if is_standing(holding, deposit) {
        return Claim::Standing;
    }
    if let Some((reason, order)) = turned_away {
        return Claim::Nobody(reason, Some(order));
    }
    came_too_late(deposit, orders)
}

/// Why a deposit that no order waits for is nobody's.
fn came_too_late<'a>(deposit: &Deposit, orders: Orders<'a>) -> Claim<'a> {
    if let Some(order) = orders.meant_for {
        let reason = match &order.state {
            OrderState::Paid(by) if *by != deposit.id => Reason::Duplicate,
            OrderState::Expired => Reason::Late,
            OrderState::Paid(_) | OrderState::Open | OrderState::Reversed(_) | OrderState::Cancelled => {
                Reason::NoOpenOrder
            }
        };
        return Claim::Nobody(reason, Some(order));
    }
    let missed = orders.last.filter(|order| order.state == OrderState::Expired && covers_line(order, deposit));
    match missed {
        Some(order) => Claim::Nobody(Reason::Late, Some(order)),
        None => Claim::Nobody(Reason::NoOpenOrder, None),
    }
}

/// Whether this very deposit was credited to `order` before: it returns to it, whatever its block's time is now. Its
/// amount must fit all the same: executed again, it may be another one.
fn took_it_before(order: &Order, deposit: &Deposit) -> bool {
    let was_credited = match &order.state {
        OrderState::Open => deposit.version > EventVersion(0),
        OrderState::Reversed(by) | OrderState::Paid(by) => *by == deposit.id,
        OrderState::Cancelled | OrderState::Expired => false,
    };
    was_credited && is_named(order, deposit) && (deposit.by_hand || takes(order, deposit))
}

/// Whether the order's amount policy takes the deposit.
fn takes(order: &Order, deposit: &Deposit) -> bool {
    order.amount_policy.takes(deposit.amount.cmp(&order.expected))
}

/// Whether a paid order names this very deposit, which we do not know: the order was imported from another store, and
/// its payment is read again. It is credited under the name it was credited under there.
fn is_its_payment(order: &Order, deposit: &Deposit) -> bool {
    matches!(&order.state, OrderState::Paid(by) if *by == deposit.id) && order.app == deposit.app
}

fn is_named(order: &Order, deposit: &Deposit) -> bool {
    deposit.order.as_ref() == Some(&order.id) && order.app == deposit.app
}

/// Whether an open order expects this token here, from a height or time on that the deposit does not lie below.
fn covers(order: &Order, deposit: &Deposit) -> bool {
    order.state == OrderState::Open && covers_line(order, deposit)
}

/// Whether an open order would be paid by a deposit that names none: it was seen before the order, which looks further back.
pub(super) fn waits_for(order: &Order, deposit: &Deposit) -> bool {
    let is_its = deposit.to == order.address && deposit.app == order.app && covers(order, deposit);
    is_its && judge(deposit, order).is_ok()
}

fn covers_line(order: &Order, deposit: &Deposit) -> bool {
    let line = order.line(&deposit.id.network).filter(|line| line.token == deposit.id.token);
    line.is_some_and(|line| is_covered(line, deposit))
}

fn is_covered(line: &OrderLine, deposit: &Deposit) -> bool {
    let older = line.since.is_some_and(|since| since.covers(deposit.included_at.height, deposit.block_time));
    older || line.effective_from <= deposit.first_seen
}

/// Whether the owner of an address expected this token in so old a block: by a standing watch, or by the address's open or
/// last order.
pub(super) fn is_expected(
    network: &NetworkId,
    token: Address,
    header: Header,
    holding: &Holding,
    orders: Orders<'_>,
) -> bool {
    let (height, time) = (header.at.height, header.time);
    let covers =
        |from: Height, since: Option<Since>| from <= height || since.is_some_and(|since| since.covers(height, time));
    let by_watch = holding.standing.is_some_and(|watch| covers(watch.effective_from, watch.since));
    let lines = orders.open.into_iter().chain(orders.last).filter_map(|order| order.line(network));
    by_watch || lines.filter(|line| line.token == token).any(|line| covers(line.effective_from, line.since))
}

/// Whether a standing watch makes every transfer here a deposit.
fn is_standing(holding: &Holding, deposit: &Deposit) -> bool {
    holding.standing.is_some_and(|watch| {
        let older = watch.since.is_some_and(|since| since.covers(deposit.included_at.height, deposit.block_time));
        // A transfer seen before the watch that a reorg moves to a covered height is one of its deposits.
        older || watch.effective_from <= deposit.first_seen.max(deposit.included_at.height)
    })
}

/// Whether an order that expects the deposit takes it; else why not.
fn judge(deposit: &Deposit, order: &Order) -> Result<Reason, Reason> {
    if order.is_late(deposit.block_time) {
        return Err(Reason::Late);
    }
    let reason = how_much(deposit, order);
    if takes(order, deposit) { Ok(reason) } else { Err(reason) }
}

fn how_much(deposit: &Deposit, order: &Order) -> Reason {
    match deposit.amount.cmp(&order.expected) {
        std::cmp::Ordering::Less => Reason::Under,
        std::cmp::Ordering::Equal => Reason::Matched,
        std::cmp::Ordering::Greater => Reason::Over,
    }
}
