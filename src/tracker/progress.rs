//! One batch, or one step down: what the orphaned blocks held is taken back, what the new blocks hold is detected.

use super::{
    Change, Changeset, Known, PlanError, Tracker,
    draft::Draft,
    matching::{self, Claim},
};
use crate::domain::{
    Block, BlockBatch, BlockRef, Cursor, Deposit, DepositEvent, DepositState, EventId, EventKind, Header, Height,
    Holding, Order, OrderState, Reason, Standing, Timestamp, Transfer,
};

/// A deposit as it was detected, with the open order it is meant for.
#[derive(Debug)]
pub(super) struct Seen {
    deposit: Deposit,
    order: Option<Order>,
}

impl Tracker {
    /// Begins a network: `headers` are linked, lowest first; the last one becomes the cursor.
    ///
    /// # Errors
    /// A network that has a cursor already; headers that do not link.
    pub fn plan_adopt(&self, headers: &[Header]) -> Result<Changeset, PlanError> {
        if let Some(cursor) = self.cursor {
            return Err(PlanError::Stale(format!("the network already stands at {}", cursor.tip)));
        }
        let Some(tip) = headers.last() else {
            return Err(PlanError::Stale("no headers to begin with".to_owned()));
        };
        if let Some((below, above)) = headers.iter().zip(headers.iter().skip(1)).find(|(b, a)| !a.is_on(b.at)) {
            return Err(PlanError::Stale(format!("header {} does not sit on {}", above.at, below.at)));
        }
        let mut draft = Draft::on(Known::default());
        let kept = headers.len().saturating_sub(self.window_len());
        for header in &headers[kept..] {
            draft.put(Change::Header(self.spec.id.clone(), *header));
        }
        let cursor =
            Cursor { tip: tip.at, tip_time: tip.time, peak: tip.at.height, finalized: None, take_back_above: None };
        draft.put(Change::Cursor(self.spec.id.clone(), cursor));
        Ok(draft.finish())
    }

    /// What does `batch` change? Its base is a block of our window; what we held above it leaves the chain.
    ///
    /// # Errors
    /// [`PlanError`]; nothing has changed.
    pub fn plan_apply(
        &self,
        batch: &BlockBatch,
        finalized: Option<BlockRef>,
        known: Known,
    ) -> Result<Changeset, PlanError> {
        self.plan_from(batch.base(), batch.blocks(), finalized, known)
    }

    /// What changes when the chain ends at `to`, one of our own blocks?
    ///
    /// # Errors
    /// [`PlanError`]; nothing has changed.
    pub fn plan_retreat(&self, to: BlockRef, known: Known) -> Result<Changeset, PlanError> {
        self.plan_from(to, &[], None, known)
    }

    fn plan_from(
        &self,
        base: BlockRef,
        blocks: &[Block],
        finalized: Option<BlockRef>,
        known: Known,
    ) -> Result<Changeset, PlanError> {
        let cursor = self.cursor.ok_or(PlanError::NotAdopted)?;
        let base_header = *self.locate(base, cursor)?;
        let top = blocks.last().map_or(base_header, |block| block.header);
        let overdue = known.overdue.clone();
        let mut draft = Draft::on(known);

        self.orphan_above(base.height, top.time, &mut draft)?;
        let mut peak = cursor.peak;
        let mut seen = Vec::new();
        let floor = self.floor_under(top.at.height);
        for block in blocks {
            if block.header.at.height >= floor {
                draft.put(Change::Header(self.spec.id.clone(), block.header));
            }
            seen.extend(self.detect_in(block, peak, &mut draft)?);
            peak = peak.max(block.header.at.height);
        }
        for header in self.window.below(floor) {
            draft.put(Change::DropHeader(self.spec.id.clone(), header.at.height));
        }
        let finalized = self.final_block(cursor, finalized, base, blocks);
        let moved = Cursor { tip: top.at, tip_time: top.time, peak, finalized, ..cursor };
        self.tell_of_seen(&seen, &moved, &mut draft)?;
        self.expire(&overdue, &moved, blocks, &mut draft)?;
        self.settle_below(&moved, base.height, &mut draft);
        draft.put(Change::Cursor(self.spec.id.clone(), moved));
        Ok(draft.finish())
    }

    /// Our own header at `base`.
    fn locate(&self, base: BlockRef, cursor: Cursor) -> Result<&Header, PlanError> {
        let too_deep = PlanError::TooDeep { base: base.height, tip: cursor.tip };
        if self.window.floor().is_none_or(|floor| base.height < floor) {
            return Err(too_deep);
        }
        if base.height < cursor.tip.height && cursor.finalized.is_some_and(|last| base.height < last.height) {
            return Err(too_deep);
        }
        self.window
            .at(base.height)
            .filter(|header| header.at == base)
            .ok_or_else(|| PlanError::Stale(format!("base {base} is not one of our blocks, the tip is {}", cursor.tip)))
    }

    /// Takes back what the blocks above `base` held.
    fn orphan_above(&self, base: Height, now: Timestamp, draft: &mut Draft) -> Result<(), PlanError> {
        let above = (base.next(), super::FIRST_ID.with_network(&self.spec.id));
        for deposit in self.pending.range(above.clone()..).chain(self.told.range(above..)).map(|(_, deposit)| deposit) {
            if deposit.is_credited() {
                self.reverse(deposit, now, draft)?;
            } else {
                draft.put_deposit(Deposit { state: DepositState::Orphaned, ..deposit.clone() });
            }
        }
        for header in self.window.above(base) {
            draft.put(Change::DropHeader(self.spec.id.clone(), header.at.height));
        }
        Ok(())
    }

    /// Takes a credit back.
    pub(super) fn reverse(&self, deposit: &Deposit, now: Timestamp, draft: &mut Draft) -> Result<(), PlanError> {
        let credited = EventId::money(&deposit.text(), deposit.version);
        let order = draft.order(&deposit.app, deposit.order.as_ref()).cloned();
        let order = order.map(|order| draft.reopen(&order, deposit));
        let reversed = Deposit {
            state: DepositState::Orphaned,
            version: deposit.version.next(),
            reason: Reason::Reversed,
            ..deposit.clone()
        };
        let event = self.event(EventKind::Reversed, &reversed, now, 0, order, Some(credited))?;
        draft.tell(event);
        draft.put_deposit(reversed);
        Ok(())
    }

    /// Detects what a block holds. Those that nothing was known of come back.
    fn detect_in(&self, block: &Block, peak: Height, draft: &mut Draft) -> Result<Vec<Seen>, PlanError> {
        let mut seen = Vec::new();
        for transfer in &block.transfers {
            let Some(holding) = draft.holding(&self.spec.id, transfer.to).cloned() else { continue };
            let id = crate::domain::DepositId::of(&self.spec.id, transfer);
            let prior = draft.deposit(&id).cloned();
            if let Some(prior) = prior.as_ref().filter(|prior| prior.state != DepositState::Orphaned) {
                return Err(PlanError::Stale(format!(
                    "transfer {} appears in {} although it is in {} of the same chain",
                    prior.text(),
                    block.header.at,
                    prior.included_at
                )));
            }
            let detected = self.detect(block, transfer, &holding, prior.as_ref(), peak, draft);
            // A block that left brings back a deposit whose row stayed: it was told of when it was first seen.
            seen.extend(detected.filter(|_| prior.is_none()));
        }
        Ok(seen)
    }

    /// Tells of deposits that were not known before and do not reach their depth in this very plan.
    fn tell_of_seen(&self, seen: &[Seen], now: &Cursor, draft: &mut Draft) -> Result<(), PlanError> {
        for Seen { deposit, order } in seen {
            let finalized = now.finalized.map(|last| last.height);
            let Some(standing) = Standing::of(deposit.included_at.height, now.tip.height, finalized) else { continue };
            if self.spec.policy.is_met(self.need_of(deposit), standing) {
                continue;
            }
            // Why nobody may be credited is said once that is certain.
            let deposit = Deposit { reason: Reason::Pending, ..deposit.clone() };
            let confirmations = standing.confirmations.get();
            draft.tell(self.event(EventKind::Detected, &deposit, now.tip_time, confirmations, order.clone(), None)?);
        }
        Ok(())
    }

    /// Takes note of one transfer that is not known. `peak`: no block up to here was the first to show it. `None`: its
    /// token is not configured.
    pub(super) fn detect(
        &self,
        block: &Block,
        transfer: &Transfer,
        holding: &Holding,
        prior: Option<&Deposit>,
        peak: Height,
        draft: &mut Draft,
    ) -> Option<Seen> {
        let token = self.token(transfer.token)?;
        let mut deposit = matching::detect(&self.spec, block, transfer, holding, prior, peak);
        let orders = draft.orders_for(&deposit, holding);
        let claim = matching::claim(&deposit, token, holding, orders.as_ref());
        deposit.order = claim.order().map(|order| order.id.clone()).or(deposit.order);
        if let Claim::Nobody(reason, _) = claim {
            deposit.reason = reason;
        }
        let order = claim.order().filter(|order| order.state == OrderState::Open).cloned();
        draft.put_deposit(deposit.clone());
        Some(Seen { deposit, order })
    }

    /// The lowest height that stays in the window when the tip is at `top`.
    pub(super) fn floor_under(&self, top: Height) -> Height {
        top.down(u64::from(self.spec.window_blocks).saturating_sub(1))
    }

    /// The newest final block we may believe in: on our own chain as it will be, and never below an earlier one.
    pub(super) fn final_block(
        &self,
        cursor: Cursor,
        claimed: Option<BlockRef>,
        base: BlockRef,
        blocks: &[Block],
    ) -> Option<BlockRef> {
        let is_ours = |block: &BlockRef| {
            let kept = block.height <= base.height && self.holds_or_held(*block);
            kept || blocks.iter().any(|new| new.header.at == *block)
        };
        let believed = claimed.filter(is_ours);
        believed.filter(|new| cursor.finalized.is_none_or(|old| new.height > old.height)).or(cursor.finalized)
    }

    /// Whether `block` is ours, or lies below the window: no hash is kept there, but nothing there leaves the chain
    /// either. Where finality lags behind the window the network's word would otherwise never count.
    pub(super) fn holds_or_held(&self, block: BlockRef) -> bool {
        let is_below = self.window.floor().is_some_and(|floor| block.height < floor);
        self.window.holds(block) || (is_below && !self.remembers_another(block))
    }

    /// Whether a deposit or the last final block says that ours at this height is another one: they outlast the headers.
    fn remembers_another(&self, block: BlockRef) -> bool {
        let at = |height: Height| (height, super::FIRST_ID.with_network(&self.spec.id));
        let here = at(block.height)..at(block.height.next());
        let deposits = self.pending.range(here.clone()).chain(self.told.range(here)).map(|(_, deposit)| deposit);
        let last = self.cursor.and_then(|cursor| cursor.finalized);
        let mut known = deposits.map(|deposit| deposit.included_at).chain(last);
        known.any(|ours| ours.height == block.height && ours != block)
    }

    /// Credited deposits that the chain cannot take back any more become final.
    fn settle_below(&self, cursor: &Cursor, kept: Height, draft: &mut Draft) {
        let floor = self.floor_under(cursor.tip.height);
        let last = cursor.finalized.map_or(floor.below(), |last| Some(last.height.max(floor.down(1))));
        let Some(last) = last else { return };
        let end = (last.next(), super::FIRST_ID.with_network(&self.spec.id));
        for ((height, _), deposit) in self.told.range(..end) {
            if deposit.state == DepositState::Confirmed && *height <= kept {
                draft.put_deposit(Deposit { state: DepositState::Finalized, ..deposit.clone() });
            }
        }
    }

    pub(super) fn event(
        &self,
        kind: EventKind,
        deposit: &Deposit,
        timestamp: Timestamp,
        confirmations: u32,
        order: Option<Order>,
        reverses: Option<EventId>,
    ) -> Result<DepositEvent, PlanError> {
        let text = deposit.text();
        let (id, version) = match kind {
            EventKind::Confirmed | EventKind::Reversed => (EventId::money(&text, deposit.version), deposit.version),
            EventKind::Detected => (EventId::detected(&text), crate::domain::EventVersion(0)),
            EventKind::Unmatched => (EventId::unmatched(&text), crate::domain::EventVersion(0)),
        };
        let token = self.token(deposit.id.token).cloned().ok_or_else(|| {
            let contract = deposit.id.token.text(self.spec.family);
            PlanError::Stale(format!("token {contract} of {text} is not configured any more"))
        })?;
        let family = self.spec.family;
        let deposit = deposit.clone();
        Ok(DepositEvent { id, kind, version, timestamp, family, token, deposit, confirmations, order, reverses })
    }

    fn window_len(&self) -> usize {
        usize::try_from(self.spec.window_blocks).unwrap_or(usize::MAX).max(1)
    }
}
