//! What registrations change: pure decisions over the rows they concern.

pub(super) mod limits;

use super::{
    handle::{NewOrder, NewWatch, Refusal, Rotation, first_covered},
    scans::is_older,
};
use crate::{
    domain::{
        Address, App, BlockRef, Expiry, Holding, LiveKey, Millis, NetworkId, Order, OrderLine, OrderState, Timestamp,
        Watch, app::SIGNING_KEYS_MAX,
    },
    tracker::{Change, Changeset},
};

/// A decision: what to write, and what to answer once it is durable.
#[derive(Debug)]
pub(super) struct Plan<T> {
    pub(super) changes: Changeset,
    pub(super) answer: T,
}

/// One network of a new order, with what is known about its address there.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) network: &'a NetworkId,
    pub(super) token: Address,
    pub(super) tip: BlockRef,
    pub(super) tip_time: Timestamp,
    pub(super) holding: Option<Holding>,
}

/// A new app, or the one that is there if it is the same.
pub(super) fn create_app(app: App, known: Option<App>) -> Result<App, Refusal> {
    let Some(known) = known else { return limits::app(&app).map(|()| app) };
    let content = |app: &App| {
        let rules = (app.protocol, app.news, app.amount_policy, app.grace_s);
        (rules, app.notify_url.clone(), app.notify_hosts.clone())
    };
    let has_same_key = match (app.keys.first(), known.keys.first()) {
        (Some(new), Some(old)) => new.key.is_same(&old.key),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if has_same_key && content(&app) == content(&known) {
        Ok(known)
    } else {
        Err(Refusal::AlreadyExists { what: "app", name: app.id.to_string() })
    }
}

/// The app with its new key first; the old one signs beside it for the overlap.
pub(super) fn rotate(mut app: App, rotation: &Rotation, now: Millis) -> App {
    let until = now.plus(rotation.overlap_ms);
    if app.keys.first().is_some_and(|live| live.key.is_same(&rotation.key)) {
        // The same key again may still end the old one sooner: it may have leaked.
        for old in app.keys.iter_mut().skip(1) {
            old.until = old.until.map(|was| was.min(until));
        }
        return app;
    }
    if let Some(current) = app.keys.first_mut() {
        current.until = Some(until);
    }
    app.keys.insert(0, LiveKey { key: rotation.key.clone(), until: None });
    app.keys.truncate(SIGNING_KEYS_MAX);
    app
}

/// A new order: the same again is answered with what is there, other content under the same id is refused.
pub(super) fn order(
    new: &NewOrder,
    app: &App,
    known: Option<Order>,
    lines: Vec<Line<'_>>,
    now: Millis,
) -> Result<Plan<Order>, Refusal> {
    let asked = asked(new, app, &lines, now);
    if let Some(known) = known {
        return if known.asks_the_same(&asked) {
            Ok(Plan { changes: Changeset::default(), answer: known })
        } else {
            Err(Refusal::AlreadyExists { what: "order", name: new.id.to_string() })
        };
    }
    limits::order(new, app.protocol)?;
    let passed = |line: &&Line<'_>| asked.expiry.is_some_and(|expiry| expiry.at <= line.tip_time);
    if let Some(line) = lines.iter().find(passed) {
        return Err(Refusal::ExpiryPassed { network: line.network.clone(), newest: line.tip_time });
    }
    let mut changes = Vec::with_capacity(lines.len() + 1);
    for line in lines {
        let holding = owned(line.holding, line.network, new.address, (&new.app, &new.user_mark), now)?;
        if holding.open_order.is_some() {
            return Err(Refusal::AddressBusy { network: line.network.clone() });
        }
        changes.push(Change::Holding(Holding { open_order: Some(new.id.clone()), last_order: None, ..holding }));
    }
    changes.push(Change::Order(asked.clone()));
    Ok(Plan { changes: Changeset { changes, events: Vec::new() }, answer: asked })
}

/// The order as it would be kept.
fn asked(new: &NewOrder, app: &App, lines: &[Line<'_>], now: Millis) -> Order {
    let line = |line: &Line<'_>| OrderLine {
        network: line.network.clone(),
        token: line.token,
        effective_from: first_covered(line.tip.height),
        since: new.since,
        closed: false,
    };
    Order {
        app: new.app.clone(),
        id: new.id.clone(),
        user_mark: new.user_mark.clone(),
        username: new.username.clone(),
        address: new.address,
        lines: lines.iter().map(line).collect(),
        amount_policy: new.amount_policy.unwrap_or(app.amount_policy),
        own_amount_policy: new.amount_policy,
        expiry: new.expires.map(|at| Expiry { at, grace_s: app.grace_s }),
        expected: new.expected,
        notify_url: new.notify_url.clone(),
        fail_url: new.fail_url.clone(),
        serial: new.serial.clone().filter(|_| app.protocol.is_told_by_order()),
        created: now,
        state: OrderState::Open,
    }
}

/// A withdrawn order; `seen`: a payment for it waits for its confirmations.
pub(super) fn cancel(order: Order, holdings: Vec<Holding>, seen: bool) -> Result<Plan<Order>, Refusal> {
    match order.state {
        OrderState::Cancelled => return Ok(Plan { changes: Changeset::default(), answer: order }),
        OrderState::Open if !seen => {}
        OrderState::Expired => return Err(Refusal::Precondition(format!("order {:?} has expired", order.id))),
        OrderState::Open | OrderState::Paid(_) | OrderState::Reversed(_) => {
            return Err(Refusal::PaymentSeen { order: order.id });
        }
    }
    let freed = holdings.into_iter().filter(|holding| holding.open_order.as_ref() == Some(&order.id));
    let last_order = Some(order.id.clone());
    let free = |holding| Change::Holding(Holding { open_order: None, last_order: last_order.clone(), ..holding });
    let mut changes: Vec<_> = freed.map(free).collect();
    let cancelled = Order { state: OrderState::Cancelled, ..order };
    changes.push(Change::Order(cancelled.clone()));
    Ok(Plan { changes: Changeset { changes, events: Vec::new() }, answer: cancelled })
}

/// Refuses standing watches of apps that could not be told what they find.
pub(super) fn may_watch(app: &App) -> Result<(), Refusal> {
    if !app.protocol.is_told_by_order() {
        return Ok(());
    }
    let (name, protocol) = (&app.id, app.protocol.word());
    let text = format!("app {name} is told by {protocol}, and so by order only: register an order instead of a watch");
    Err(Refusal::Precondition(text))
}

/// Standing watches; one that is there already keeps its first height, and may look further back from now on.
pub(super) fn watch(
    new: &NewWatch,
    places: Vec<(&NetworkId, BlockRef, Option<Holding>)>,
    now: Millis,
) -> Result<Plan<Vec<Holding>>, Refusal> {
    let mut changes = Vec::new();
    let mut answer = Vec::with_capacity(places.len());
    for (network, tip, holding) in places {
        let mut holding = owned(holding, network, new.address, (&new.app, &new.user_mark), now)?;
        let (covered, since) = match holding.standing {
            None => (first_covered(tip.height), new.since),
            Some(watch) if is_older(new.since, watch.since) => (watch.effective_from, new.since),
            Some(watch) => (watch.effective_from, watch.since),
        };
        let standing = Some(Watch { effective_from: covered, since });
        if holding.standing != standing {
            holding.standing = standing;
            changes.push(Change::Holding(holding.clone()));
        }
        answer.push(holding);
    }
    Ok(Plan { changes: Changeset { changes, events: Vec::new() }, answer })
}

/// The address as this owner's: new, or his already.
fn owned(
    holding: Option<Holding>,
    network: &NetworkId,
    address: Address,
    owner: (&crate::domain::AppId, &crate::domain::UserMark),
    now: Millis,
) -> Result<Holding, Refusal> {
    let (app, user_mark) = owner;
    match holding {
        Some(holding) if holding.app == *app && holding.user_mark == *user_mark => Ok(holding),
        Some(_) => Err(Refusal::AddressTaken { network: network.clone() }),
        None => Ok(Holding {
            network: network.clone(),
            address,
            app: app.clone(),
            user_mark: user_mark.clone(),
            standing: None,
            open_order: None,
            last_order: None,
            created: now,
        }),
    }
}

#[cfg(test)]
mod tests;
