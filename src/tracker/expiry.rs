//! Orders nobody paid in time, by the time of blocks.
//!
//! A block younger than the deadline ends nothing at once: a reorg could put an older one with the payment in its place.
//! It counts when it lies as deep as the smallest deposit must, or is final where deposits must be. Until then, and while
//! a payment that came in time is on its way, the order waits.

use std::collections::BTreeSet;

use super::{PlanError, Tracker, draft::Draft, matching};
use crate::domain::{
    AppId, Block, BlockBatch, BlockRef, Cursor, Deposit, DepositState, EventId, EventVersion, Header, Height, Order,
    OrderEvent, OrderEventKind, OrderId, OrderLine, OrderState, Threshold, Timestamp,
};

impl Tracker {
    /// Orders with an earlier deadline are overdue once `batch` is applied.
    pub fn overdue_after(&self, batch: &BlockBatch, finalized: Option<BlockRef>) -> Option<Timestamp> {
        let cursor = self.cursor?;
        let finalized = self.final_block(cursor, finalized, batch.base(), batch.blocks());
        self.ripe(batch.top(), finalized, batch.blocks()).map(|header| header.time)
    }

    /// Orders with an earlier deadline are overdue once the network called `finalized` final.
    pub fn overdue_now(&self, finalized: Option<BlockRef>) -> Option<Timestamp> {
        let cursor = self.cursor?;
        let finalized = self.believed(cursor, finalized).or(cursor.finalized);
        self.ripe(cursor.tip.height, finalized, &[]).map(|header| header.time)
    }

    /// The youngest block that ends the waiting of orders, when the tip is at `top`.
    fn ripe(&self, top: Height, finalized: Option<BlockRef>, blocks: &[Block]) -> Option<Header> {
        let height = match self.spec.policy.base().threshold {
            Threshold::Confirmations(count) => top.0.checked_sub(u64::from(count.get()) - 1).map(Height)?,
            Threshold::Finalized => finalized?.height,
        };
        self.header_at(height, blocks)
    }

    /// Our header at `height` once `blocks` are applied.
    fn header_at(&self, height: Height, blocks: &[Block]) -> Option<Header> {
        let new = blocks.iter().map(|block| block.header).find(|header| header.at.height == height);
        new.or_else(|| self.window.at(height).copied())
    }

    /// Ends the waiting of `overdue` orders on this network.
    pub(super) fn expire(
        &self,
        overdue: &[(AppId, OrderId)],
        now: &Cursor,
        blocks: &[Block],
        draft: &mut Draft,
    ) -> Result<(), PlanError> {
        if overdue.is_empty() {
            return Ok(());
        }
        let Some(ripe) = self.ripe(now.tip.height, now.finalized, blocks) else { return Ok(()) };
        let (awaited, unnamed) = (self.awaited(draft), self.unnamed(draft));
        for key in overdue {
            let Some(order) = draft.order(&key.0, Some(&key.1)).cloned() else { continue };
            let is_overdue = order.state == OrderState::Open && order.is_late(ripe.time);
            let is_awaited = awaited.contains(key) || unnamed.iter().any(|seen| matching::waits_for(&order, seen));
            // Of a token that is not configured any more nothing can be told: such an order waits until it is again, and
            // must not keep the network from its blocks.
            let may_end = |line: &OrderLine| !line.closed && self.token(line.token).is_some();
            if !is_overdue || is_awaited || !order.line(&self.spec.id).is_some_and(may_end) {
                continue;
            }
            if let Some(expired) = draft.close(&order, &self.spec.id) {
                let event = self.expired(expired, ripe, blocks)?;
                draft.tell_of_order(event);
            }
        }
        Ok(())
    }

    /// Orders with a payment on its way that came in time, or was credited before.
    fn awaited(&self, draft: &Draft) -> BTreeSet<(AppId, OrderId)> {
        let waits = |deposit: &Deposit| {
            let key = (deposit.app.clone(), deposit.order.clone()?);
            let order = draft.order(&key.0, Some(&key.1));
            let in_time = order.is_none_or(|order| !order.is_late(deposit.block_time));
            let counts = deposit.state == DepositState::Detected && (in_time || deposit.version > EventVersion(0));
            counts.then_some(key)
        };
        self.seen(draft).filter_map(waits).collect()
    }

    /// Deposits on their way that no order was meant for when they were seen.
    fn unnamed(&self, draft: &Draft) -> Vec<Deposit> {
        let is_nobodys = |deposit: &&Deposit| deposit.state == DepositState::Detected && deposit.order.is_none();
        self.seen(draft).filter(is_nobodys).cloned().collect()
    }

    /// Deposits of this network that may be on their way, as the plan leaves them.
    fn seen<'a>(&'a self, draft: &'a Draft) -> impl Iterator<Item = &'a Deposit> {
        let before = self.pending.values().filter(|deposit| draft.deposit(&deposit.id).is_none());
        before.chain(draft.deposits().filter(|deposit| deposit.id.network == self.spec.id))
    }

    fn expired(&self, order: Order, ripe: Header, blocks: &[Block]) -> Result<OrderEvent, PlanError> {
        let kept = self.window.headers().copied().chain(blocks.iter().map(|block| block.header));
        let passed = kept.filter(|header| header.at.height <= ripe.at.height && order.is_late(header.time));
        let first = passed.min_by_key(|header| header.at.height).unwrap_or(ripe);
        self.order_event(OrderEventKind::Expired, order, first)
    }

    /// What is told of an order that ended without a payment.
    ///
    /// # Errors
    /// Its token is not configured any more.
    pub fn order_event(&self, kind: OrderEventKind, order: Order, at: Header) -> Result<OrderEvent, PlanError> {
        let line = order.line(&self.spec.id);
        let token = line.and_then(|line| self.token(line.token)).cloned().ok_or_else(|| {
            PlanError::Stale(format!("the token of order {} of app {} is not configured any more", order.id, order.app))
        })?;
        Ok(OrderEvent {
            id: EventId::order(&order.app, &order.id, kind),
            kind,
            timestamp: at.time,
            network: self.spec.id.clone(),
            family: self.spec.family,
            token,
            block: at.at,
            order,
        })
    }
}
