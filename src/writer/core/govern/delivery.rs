//! What operators do with notifications and endpoints.

use super::super::{Core, Fault, draft::Draft, settle::recorded};
use crate::{
    delivery,
    domain::{
        Act, Action, Attempt, Endpoint, EndpointId, EventId, EventPlace, Millis, Notification, NotificationState,
        Parked, Trigger, WhyParked,
    },
    store::{ToldPosition, Walk},
    tracker::{Change, Changeset},
    writer::handle::{Recover, Recovered, Refusal},
};

/// Rows that one [`Core::recover`] puts back at most: they are one commit.
const RECOVERED_LEN_MAX: usize = 50;
/// Rows that it looks at at most.
const RECOVER_SEEN_MAX: usize = 1000;

impl Core {
    /// Sends an event again: a dead letter gets a new schedule, an acknowledged one is sent once more, one that is due
    /// is due now. Again changes nothing while it waits for its turn.
    ///
    /// # Errors
    /// [`Fault`]: there is no such event, or it is not one that can be sent, or it would say what is not so any more.
    pub fn resend(&mut self, event: &EventId, act: &Act) -> Result<Notification, Fault> {
        let before = self.told(event)?;
        if is_asked_for(&before, act.at) {
            return Ok(before);
        }
        let again = again(&before, Trigger::Manual, act.at).ok_or_else(|| not_sent(&before))?;
        if before.is_settled() && self.is_outdated(&before)? {
            return Err(outdated(&before).into());
        }
        self.govern_row(&before, again, act, Action::DeliveryResend)
    }

    /// Puts events of a range back, a step of it at a time; those that would say what is not so any more stay as they are.
    /// Dead letters are found by their index, acknowledged ones by walking through the app's events. Rows of the group are
    /// not in the walk yet: what becomes a dead letter while the range is walked through may be left.
    ///
    /// # Errors
    /// [`Fault`]: the store cannot be read.
    pub fn recover(&mut self, ask: &Recover, act: &Act) -> Result<Recovered, Fault> {
        let walk = if ask.delivered_too { Walk::Feed(&ask.app) } else { Walk::DeadLetters };
        // Nothing is a dead letter before it is committed.
        let first = (!ask.delivered_too).then(|| ToldPosition::since(ask.since));
        let found = self.store.told(walk, ask.after.as_ref().or(first.as_ref()), RECOVER_SEEN_MAX)?;
        let is_end = found.len() < RECOVER_SEEN_MAX;
        let (mut draft, mut count, mut last, mut is_full) = (Draft::over(&self.store), 0, None, false);
        for (position, event) in found {
            if count == RECOVERED_LEN_MAX {
                is_full = true;
                break;
            }
            last = Some(position);
            let Some(row) = draft.get(&event)?.filter(|row| ask.covers(row)) else { continue };
            let Some(again) = again(&row, Trigger::Recover, act.at) else { continue };
            if self.is_outdated(&row)? {
                continue;
            }
            draft.put(again, act.at)?;
            count += 1;
        }
        let changes: Vec<Change> = draft.changes().collect();
        if count > 0 {
            let texts = [ask.to_string(), String::new(), format!("{count} to be sent again")];
            self.stage_act(Changeset { changes, events: Vec::new() }, act, Action::DeliveryRecover, texts)?;
        }
        Ok(Recovered { count, next: last.filter(|_| is_full || !is_end) })
    }

    /// Ends a dead letter, or an event without words, that was told by other means. Again changes nothing.
    ///
    /// # Errors
    /// [`Fault`]: there is no such event, or nobody has to deal with it.
    pub fn close_delivery(&mut self, event: &EventId, act: &Act) -> Result<Notification, Fault> {
        let before = self.told(event)?;
        if matches!(before.state, NotificationState::Closed(_)) {
            return Ok(before);
        }
        if !matches!(before.state, NotificationState::DeadLetter(_) | NotificationState::Untold(_)) {
            let state = before.state.word();
            return Err(Refusal::Precondition(format!("{event} is {state}: there is nothing to close")).into());
        }
        let closed = Notification { state: NotificationState::Closed(act.at), ..before.clone() };
        self.govern_row(&before, closed, act, Action::DeliveryClose)
    }

    /// Sets a row with what follows for the other versions and the record of the act. The row as it is then.
    fn govern_row(
        &mut self,
        before: &Notification,
        after: Notification,
        act: &Act,
        action: Action,
    ) -> Result<Notification, Fault> {
        let mut draft = Draft::over(&self.store);
        draft.put(after, act.at)?;
        let after = draft.get(&before.id)?.unwrap_or_else(|| before.clone());
        let changes = draft.changes().collect();
        let texts = [before.id.to_string(), before.state.word().to_owned(), after.state.word().to_owned()];
        self.stage_act(Changeset { changes, events: Vec::new() }, act, action, texts)?;
        Ok(after)
    }

    /// Sends an endpoint nothing until it is resumed. Again changes nothing.
    ///
    /// # Errors
    /// [`Fault`]: there is no such endpoint.
    pub fn park_endpoint(&mut self, endpoint: EndpointId, act: &Act) -> Result<Endpoint, Fault> {
        let before = self.endpoint(endpoint)?;
        if before.parked.is_some() {
            return Ok(before);
        }
        let parked = Some(Parked { since: act.at, why: WhyParked::Operator(act.clone()) });
        self.govern_endpoint(Endpoint { parked, ..before.clone() }, before, act, Action::EndpointPark)
    }

    /// Sends to a parked endpoint again, its oldest rows first. Again changes nothing.
    ///
    /// # Errors
    /// [`Fault`]: there is no such endpoint.
    pub fn resume_endpoint(&mut self, endpoint: EndpointId, act: &Act) -> Result<Endpoint, Fault> {
        let before = self.endpoint(endpoint)?;
        if before.parked.is_none() {
            return Ok(before);
        }
        let after = Endpoint { parked: None, failing_since: None, failures: 0, ..before.clone() };
        self.govern_endpoint(after, before, act, Action::EndpointResume)
    }

    /// Records a test that was sent, outside of the feed. It is over with its one attempt.
    ///
    /// # Errors
    /// [`Fault`]: the row is no test's, there is one of its id, or it cannot be kept.
    pub fn record_test(
        &mut self,
        row: &Notification,
        attempt: &Attempt,
        ended: Millis,
        act: &Act,
    ) -> Result<(), Fault> {
        let is_test = row.place == EventPlace::default() && row.id == attempt.event && row.after.is_none();
        if !is_test || self.store.notification(&row.id)?.is_some() {
            return Err(Refusal::Precondition(format!("{} is not the id of a new test", row.id)).into());
        }
        let tested = delivery::settle(row, attempt, ended);
        let is_told = matches!(tested.state, NotificationState::Delivered(_));
        let state = if is_told { tested.state } else { NotificationState::Closed(ended) };
        let mut changes = recorded(attempt);
        if self.store.endpoint(row.endpoint())?.is_none() {
            changes.push(Change::Endpoint(Endpoint::of(&row.app, &row.url)));
        } else {
            changes.extend(self.endpoint_after(row, attempt, ended)?);
        }
        changes.push(Change::Notification(Notification { state, ..tested }));
        let texts = [format!("endpoint {}", row.endpoint()), String::new(), attempt.outcome.word().to_owned()];
        self.stage_act(Changeset { changes, events: Vec::new() }, act, Action::EndpointTest, texts)
    }

    fn govern_endpoint(
        &mut self,
        after: Endpoint,
        before: Endpoint,
        act: &Act,
        action: Action,
    ) -> Result<Endpoint, Fault> {
        let state = |endpoint: &Endpoint| match &endpoint.parked {
            None => "open".to_owned(),
            Some(parked) => format!("parked ({}) since {}", parked.why.word(), parked.since.seconds()),
        };
        let subject = format!("endpoint {} of {}: {}", after.id, after.app, after.receiver);
        let texts = [subject, state(&before), state(&after)];
        let changes = Changeset { changes: vec![Change::Endpoint(after.clone())], events: Vec::new() };
        self.stage_act(changes, act, action, texts)?;
        Ok(after)
    }

    fn told(&self, event: &EventId) -> Result<Notification, Fault> {
        let missing = || Refusal::NotFound { what: "event", name: event.to_string() };
        Ok(self.store.notification(event)?.ok_or_else(missing)?)
    }

    fn endpoint(&self, endpoint: EndpointId) -> Result<Endpoint, Fault> {
        let missing = || Refusal::NotFound { what: "endpoint", name: endpoint.to_string() };
        if let Some(known) = self.store.endpoint(endpoint)? {
            return Ok(known);
        }
        Ok(self.store.endpoint_of_lane(endpoint)?.ok_or_else(missing)?)
    }
}

/// Whether a person has asked for it before and it is due since.
fn is_asked_for(row: &Notification, now: Millis) -> bool {
    match row.state {
        NotificationState::Resend { .. } => true,
        NotificationState::Due(due) => row.trigger == Trigger::Manual && row.tries == 0 && due <= now,
        NotificationState::Waiting
        | NotificationState::Delivered(_)
        | NotificationState::DeadLetter(_)
        | NotificationState::Silent(_)
        | NotificationState::Untold(_)
        | NotificationState::Closed(_) => false,
    }
}

/// Why it is not sent again.
fn not_sent(row: &Notification) -> Refusal {
    let id = &row.id;
    Refusal::Precondition(match (row.state, &row.after) {
        (NotificationState::Waiting, Some(after)) => {
            format!("{id} waits for a version before it, such as {after}: send that one again, or close it")
        }
        (NotificationState::Silent(why), _) => {
            format!("{id} is in the feed only ({}): it is not sent", why.word())
        }
        (NotificationState::Untold(_), _) => {
            format!("the app's protocol has no words for {id}: tell the merchant by other means and close it")
        }
        (NotificationState::Closed(_), _) => format!("{id} is closed: it is not sent again"),
        (state, _) => format!("{id} is {} and cannot be sent again", state.word()),
    })
}

/// Why it is not sent again although it could be.
fn outdated(row: &Notification) -> Refusal {
    let (id, protocol) = (&row.id, row.protocol.word());
    Refusal::Precondition(format!(
        "{id} is not so any more, and a receiver that is told by {protocol} could not tell: it is not sent again"
    ))
}

/// The row, to be sent again now; `None` where there is nothing to send or it is on its way anyhow.
fn again(row: &Notification, trigger: Trigger, now: Millis) -> Option<Notification> {
    let state = match row.state {
        NotificationState::DeadLetter(_) => NotificationState::Due(now),
        NotificationState::Delivered(delivered) => NotificationState::Resend { delivered, due: now },
        NotificationState::Due(_) => NotificationState::Due(now),
        NotificationState::Waiting
        | NotificationState::Resend { .. }
        | NotificationState::Silent(_)
        | NotificationState::Untold(_)
        | NotificationState::Closed(_) => return None,
    };
    Some(Notification { state, trigger, tries: 0, ..row.clone() })
}
