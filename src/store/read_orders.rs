//! Reads of orders together with the deposits that name them, each in one commit.

use super::{
    DepositPosition, Reader,
    codec::Row,
    engine::Engine,
    error::StoreError,
    keys::{Key, Table},
    read::{above, behind, expect_row, get, keys, rows},
};
use crate::domain::{AppId, Deposit, Order, OrderId, OrderState};

impl Reader {
    /// Deposits that pay an order, were meant for it, or would pay it, by network and transaction, above `after`, each
    /// with the position behind it; at most `limit`.
    pub fn deposits_of_order(
        &self,
        app: &AppId,
        order: &OrderId,
        after: Option<&DepositPosition>,
        limit: usize,
    ) -> Result<Vec<(DepositPosition, Deposit)>, StoreError> {
        self.0.read(|engine| deposits_of(engine, app, order, after, limit))
    }

    /// An order and its deposits as of one commit, oldest block first: at most `limit`, and above that only the one
    /// that paid it.
    pub fn order_with_deposits(
        &self,
        app: &AppId,
        id: &OrderId,
        limit: usize,
    ) -> Result<Option<(Order, Vec<Deposit>)>, StoreError> {
        self.0.read(|engine| {
            let Some(row) = get(engine, &Key::order(app, id))? else { return Ok(None) };
            with_deposits(engine, expect_row!(row, Order)?, limit).map(Some)
        })
    }

    /// An app's orders in the order of ids, above `after`, at most `limit`; each with its deposits as
    /// [`Reader::order_with_deposits`] gives them.
    pub fn orders_with_deposits(
        &self,
        app: &AppId,
        after: Option<&OrderId>,
        limit: usize,
        deposits_limit: usize,
    ) -> Result<Vec<(Order, Vec<Deposit>)>, StoreError> {
        let range = above(&Key::orders_of(app), after.map(|id| Key::order(app, id)));
        self.0.read(|engine| {
            let orders = rows(engine, range, limit)?.into_iter();
            orders.map(|row| with_deposits(engine, expect_row!(row, Order)?, deposits_limit)).collect()
        })
    }
}

fn with_deposits(engine: &dyn Engine, order: Order, limit: usize) -> Result<(Order, Vec<Deposit>), StoreError> {
    let found = deposits_of(engine, &order.app, &order.id, None, limit)?;
    let mut deposits: Vec<Deposit> = found.into_iter().map(|(_, deposit)| deposit).collect();
    if let OrderState::Paid(by) | OrderState::Reversed(by) = &order.state
        && deposits.iter().all(|deposit| deposit.id != *by)
        && let Some(row) = get(engine, &Key::deposit(by))?
    {
        deposits.push(expect_row!(row, Deposit)?);
    }
    deposits.sort_by(|one, other| (one.block_time, &one.id).cmp(&(other.block_time, &other.id)));
    Ok((order, deposits))
}

fn deposits_of(
    engine: &dyn Engine,
    app: &AppId,
    order: &OrderId,
    after: Option<&DepositPosition>,
    limit: usize,
) -> Result<Vec<(DepositPosition, Deposit)>, StoreError> {
    let all = Key::deposits_for(app, order);
    let range = above(&all, after.map(|position| Key::deposits_for(app, order).with(&position.0)));
    let mut page = Vec::new();
    for index in keys(engine, range, limit)? {
        let position = &index[all.as_bytes().len()..];
        let row = behind(engine, &Key::behind(Table::Deposits, position))?;
        page.push((DepositPosition(position.to_vec()), expect_row!(row, Deposit)?));
    }
    Ok(page)
}
