//! What a person decides about one deposit: to hold it back, to let it go, to credit it to an order.

use super::{Change, Changeset, Known, Needs, PlanError, Tracker, draft::Draft};
use crate::domain::{
    Act, Address, AppId, Cursor, Deposit, DepositState, Order, OrderId, OrderLine, OrderState, Reason, Standing,
};

impl Tracker {
    /// Some deposit to `address` that may still change, if there is one.
    pub fn unsettled_to(&self, address: Address) -> Option<&Deposit> {
        self.pending.values().chain(self.told.values()).find(|deposit| deposit.to == address)
    }

    /// Holds a deposit back that is not credited yet.
    ///
    /// # Errors
    /// [`PlanError::Precondition`]: it is held already, or not a detected one.
    pub fn plan_hold(&self, deposit: &Deposit, act: Act) -> Result<Changeset, PlanError> {
        if let Some(held) = &deposit.hold {
            return Err(cannot(format!("deposit {} is held already by {}: {}", deposit.text(), held.by, held.why)));
        }
        if deposit.state != DepositState::Detected {
            let (text, word) = (deposit.text(), deposit.state.word());
            return Err(cannot(format!("deposit {text} is {word}: only one that waits for its credit can be held")));
        }
        Ok(one(Deposit { hold: Some(act), ..deposit.clone() }))
    }

    /// Ends a hold.
    ///
    /// # Errors
    /// [`PlanError::Precondition`]: nobody holds it.
    pub fn plan_release(&self, deposit: &Deposit) -> Result<Changeset, PlanError> {
        if deposit.hold.is_none() {
            return Err(cannot(format!("deposit {} is not held", deposit.text())));
        }
        Ok(one(Deposit { hold: None, ..deposit.clone() }))
    }

    /// Rows [`Tracker::plan_bind`] has to be given.
    pub fn needs_of_bind(deposit: &Deposit, app: &AppId, order: &OrderId) -> Needs {
        Needs {
            addresses: [deposit.to].into(),
            deposits: [deposit.id.clone()].into(),
            orders: [(app.clone(), order.clone())].into(),
        }
    }

    /// Credits an unmatched deposit to `order`, whatever its amount and time.
    ///
    /// # Errors
    /// [`PlanError::Precondition`] says what does not fit; [`PlanError::NotAdopted`].
    pub fn plan_bind(&self, deposit: &Deposit, order: &Order, known: Known) -> Result<Changeset, PlanError> {
        let now = self.cursor.ok_or(PlanError::NotAdopted)?;
        may_be_bound(deposit, order)?;
        let standing = self.bindable_standing(deposit, &now)?;
        let mut draft = Draft::on(known);
        let (order, deposit) = (&bound(order), &Deposit { by_hand: true, ..deposit.clone() });
        self.credit_order(deposit, order, Reason::Manual, standing, &now, &mut draft)?;
        Ok(draft.finish())
    }

    /// How the deposit stands, if that is enough by the rules of today.
    fn bindable_standing(&self, deposit: &Deposit, now: &Cursor) -> Result<Standing, PlanError> {
        if let Some(standing) = self.proved_standing(&self.spec.policy, deposit, now) {
            return Ok(standing);
        }
        let text = deposit.text();
        let standing = self.standing(deposit);
        Err(cannot(match standing {
            _ if deposit.hold.is_some() => format!("deposit {text} is held"),
            Some(standing) if !self.spec.policy.is_met(self.need_of(deposit), standing) => {
                format!("deposit {text} needs {}, has {}", self.need_of(deposit), standing.confirmations.get())
            }
            Some(_) | None => format!("deposit {text} is not on the chain as it is followed"),
        }))
    }
}

/// Whether a person may say that `deposit` pays `order`.
fn may_be_bound(deposit: &Deposit, order: &Order) -> Result<(), PlanError> {
    let text = deposit.text();
    if deposit.state != DepositState::Unmatched {
        return Err(cannot(format!("deposit {text} is {}: only an unmatched one can be bound", deposit.state.word())));
    }
    if deposit.from == deposit.to {
        return Err(cannot(format!("deposit {text} came from the address it went to: no money arrived")));
    }
    if (&deposit.app, &deposit.user_mark) != (&order.app, &order.user_mark) {
        return Err(cannot(format!("deposit {text} belongs to another app or user mark than order {}", order.id)));
    }
    if order.line(&deposit.id.network).is_none_or(|line| line.token != deposit.id.token) {
        return Err(cannot(format!("order {} does not name the network and token of deposit {text}", order.id)));
    }
    match &order.state {
        OrderState::Paid(by) => Err(cannot(format!("order {} is paid by {}", order.id, by.text(deposit.family)))),
        OrderState::Open | OrderState::Reversed(_) | OrderState::Cancelled | OrderState::Expired => Ok(()),
    }
}

/// The order as it is paid by hand: one that waited no more does not wait again, whatever becomes of the payment. Else it
/// would end a second time, under the name of the first.
fn bound(order: &Order) -> Order {
    let is_over = order.state != OrderState::Open;
    let close = |line: &OrderLine| OrderLine { closed: line.closed || is_over, ..line.clone() };
    Order { lines: order.lines.iter().map(close).collect(), ..order.clone() }
}

fn one(deposit: Deposit) -> Changeset {
    Changeset { changes: vec![Change::Deposit(deposit)], events: Vec::new() }
}

fn cannot(what: String) -> PlanError {
    PlanError::Precondition(what)
}
