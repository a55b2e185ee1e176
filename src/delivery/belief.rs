//! What a merchant believes who is told by a protocol with one word only, "paid" (protocols.md 0, "What an old protocol
//! cannot say").

use std::collections::BTreeMap;

use super::fact::Fact;
use crate::domain::{AppId, Millis, Notification, NotificationState, Protocol, Silence, TokenAmount};

/// Whether the protocol knows only "paid": nothing takes a credit back.
pub fn has_one_word(protocol: Protocol) -> bool {
    match protocol {
        Protocol::CrossingPayV1 { .. } | Protocol::CrossingPayV2 { .. } | Protocol::Udun => true,
        Protocol::StandardWebhooks | Protocol::Usdtcnpay => false,
    }
}

/// What a credit says of money. Executed again in another block, a transfer may pay somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    amount: TokenAmount,
    address: String,
    user_mark: String,
    order: Option<String>,
}

/// What the merchant believes of a deposit.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Belief {
    /// Nothing stands credited.
    Nothing,
    /// This does: he acknowledged it.
    Credit(Said),
    /// Only a person knows: a version is on the list of what people have to tell, or was dealt with by one, or two that
    /// contradict each other were acknowledged, or a version is missing.
    Unclear,
}

/// One version, as far as it matters here.
struct Version<'a> {
    row: &'a Notification,
    is_credit: bool,
    said: Said,
}

impl<'a> Version<'a> {
    /// `None` if the row is not the version `number` of a deposit.
    fn of(row: &'a Notification, number: usize) -> Option<Self> {
        let fact = Fact::parse(&row.body)?;
        let is_in_turn = usize::try_from(fact.version.0).is_ok_and(|version| version == number);
        let said = Said {
            amount: fact.deposit?.amount,
            address: fact.address,
            user_mark: fact.user_mark,
            order: fact.order.map(|order| order.order_id),
        };
        is_in_turn.then_some(Self { row, is_credit: fact.version.is_credit(), said })
    }
}

impl Belief {
    /// What he believes after this version as well.
    fn after(self, version: &Version<'_>) -> Self {
        let is_told = version.row.acknowledged().is_some();
        match (version.is_credit, version.row.state, self) {
            (_, _, Self::Unclear) | (_, NotificationState::Closed(_), _) => Self::Unclear,
            (true, NotificationState::Untold(_), _) => Self::Unclear,
            (true, _, Self::Nothing) if is_told => Self::Credit(version.said.clone()),
            (true, _, Self::Credit(said)) if is_told && said != version.said => Self::Unclear,
            // By a protocol that has the word: the app has changed its protocol since.
            (false, _, _) if is_told => Self::Nothing,
            (false, NotificationState::Waiting | NotificationState::Due(_), _)
                if !has_one_word(version.row.protocol) =>
            {
                Self::Unclear
            }
            (_, _, before) => before,
        }
    }
}

/// The rows that must change so that nobody is told what is no longer true, or twice: `versions` are all of one deposit in
/// order, from version 1, with their states; call it in the commit that adds a version (the new one among them, as
/// [`compose`](super::compose) made it) and in each that settles one. Nothing to do if the newest one's protocol has more
/// than one word.
///
/// Credits older than the newest version that nobody acknowledged are withdrawn, also dead letters. A newest reversal is
/// [`Silence::Withdrawn`] if the merchant believes nothing, else [`NotificationState::Untold`]. A newest credit is sent if
/// he believes nothing, [`Silence::ToldBefore`] if he believes just that, else untold. What was delivered or closed, what
/// people have on their list, and a newest dead letter stay as they are.
///
/// Each app believes what it was told itself: where the transfer came to pay an address of another one, the versions of
/// either are looked at on their own.
pub fn revise(versions: &[Notification], now: Millis) -> Vec<Notification> {
    let mut of_apps: BTreeMap<&AppId, Vec<(usize, &Notification)>> = BTreeMap::new();
    for (number, row) in (1..).zip(versions) {
        of_apps.entry(&row.app).or_default().push((number, row));
    }
    of_apps.into_values().flat_map(|versions| revise_app(&versions, now)).collect()
}

fn revise_app(versions: &[(usize, &Notification)], now: Millis) -> Vec<Notification> {
    let Some(((last, newest), older)) = versions.split_last() else { return vec![] };
    if !has_one_word(newest.protocol) {
        return vec![];
    }
    let (mut belief, mut changed) = (Belief::Nothing, vec![]);
    for (number, row) in older.iter().copied() {
        let Some(version) = Version::of(row, number) else {
            belief = Belief::Unclear;
            continue;
        };
        changed.extend(changed_to(row, overtaken(&version, &belief, now)));
        belief = belief.after(&version);
    }
    let state = match Version::of(newest, *last) {
        Some(version) => latest(&version, &belief, now),
        None => unclear(newest.state, now),
    };
    changed.extend(changed_to(newest, state));
    changed
}

fn changed_to(row: &Notification, state: NotificationState) -> Option<Notification> {
    (row.state != state).then(|| Notification { state, ..row.clone() })
}

/// The state of a version that is not the newest.
fn overtaken(version: &Version<'_>, belief: &Belief, now: Millis) -> NotificationState {
    use NotificationState::{Closed, DeadLetter, Delivered, Due, Resend, Silent, Untold, Waiting};
    match version.row.state {
        Waiting | Due(_) | DeadLetter(_) if version.is_credit => Silent(Silence::Withdrawn),
        Waiting | Due(_) if has_one_word(version.row.protocol) => taken_back(belief, now),
        state @ (Waiting
        | Due(_)
        | Delivered(_)
        | DeadLetter(_)
        | Resend { .. }
        | Silent(_)
        | Untold(_)
        | Closed(_)) => state,
    }
}

/// The state of the newest version.
fn latest(version: &Version<'_>, belief: &Belief, now: Millis) -> NotificationState {
    use NotificationState::{Due, Silent, Untold, Waiting};
    match (version.is_credit, version.row.state, belief) {
        (true, Waiting, Belief::Nothing) => Due(now),
        (true, state @ Due(_), Belief::Nothing) => state,
        (true, Waiting | Due(_), Belief::Credit(said)) if *said == version.said => Silent(Silence::ToldBefore),
        (true, Waiting | Due(_), Belief::Credit(_) | Belief::Unclear) => Untold(now),
        (false, Waiting | Due(_) | Silent(Silence::Withdrawn), belief) => taken_back(belief, now),
        (_, state, _) => state,
    }
}

/// The state of a reversal.
fn taken_back(belief: &Belief, now: Millis) -> NotificationState {
    match belief {
        Belief::Nothing => NotificationState::Silent(Silence::Withdrawn),
        Belief::Credit(_) | Belief::Unclear => NotificationState::Untold(now),
    }
}

/// The state of a newest row whose versions before it are not all there.
fn unclear(state: NotificationState, now: Millis) -> NotificationState {
    use NotificationState::{Closed, DeadLetter, Delivered, Due, Resend, Silent, Untold, Waiting};
    match state {
        Waiting | Due(_) => Untold(now),
        state @ (Delivered(_) | DeadLetter(_) | Resend { .. } | Silent(_) | Untold(_) | Closed(_)) => state,
    }
}

#[cfg(test)]
mod tests;
