//! The past, read again: what did blocks hold that nobody looked into when they were followed?
//!
//! A deposit that is known stays as it is, so reading twice has one effect. What is found is waited for, proved and
//! credited like any other.

use std::collections::BTreeMap;

use super::{
    Changeset, Known, Needs, PlanError, Tracker,
    draft::Draft,
    matching::{self, Orders},
};
use crate::domain::{Address, Block, BrokenLink, DepositId, DepositState, Header, Holding, Scan, ScanTarget, Transfer};

/// What blocks of the past held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The deposits that were not known, detected.
    pub changes: Changeset,
    /// How many of them each scan looked for.
    pub found: BTreeMap<ScanTarget, u64>,
}

impl Tracker {
    /// Rows [`Tracker::plan_scan`] has to be given.
    pub fn needs_of_scan(&self, blocks: &[Block], scans: &BTreeMap<ScanTarget, Scan>) -> Needs {
        let mut needs = Needs::default();
        for block in blocks {
            for transfer in &block.transfers {
                if self.watches.contains(transfer.to) && asking(scans, transfer.to, block.header).next().is_some() {
                    needs.addresses.insert(transfer.to);
                    needs.deposits.insert(DepositId::of(&self.spec.id, transfer));
                }
            }
        }
        needs
    }

    /// What do `blocks` hold that `scans` look for? They are linked, lowest first, and all of them ours.
    ///
    /// # Errors
    /// A network without a cursor; blocks that are not, or may not be, on our chain: read them again.
    pub fn plan_scan(
        &self,
        blocks: &[Block],
        scans: &BTreeMap<ScanTarget, Scan>,
        known: Known,
    ) -> Result<Scanned, PlanError> {
        self.all_ours(blocks)?;
        let mut draft = Draft::on(known);
        let mut found: BTreeMap<ScanTarget, u64> = BTreeMap::new();
        for block in blocks {
            // Seen where it is: what it may pay is said by the watches that cover so old a block.
            let seen_below = block.header.at.height.down(1);
            for transfer in &block.transfers {
                let Some(holding) = draft.holding(&self.spec.id, transfer.to).cloned() else { continue };
                let wanted: Vec<ScanTarget> = asking(scans, transfer.to, block.header)
                    .filter(|target| self.wants(*target, transfer, block.header, &holding, &draft))
                    .collect();
                let prior = draft.deposit(&DepositId::of(&self.spec.id, transfer)).cloned();
                let is_known = prior.as_ref().is_some_and(|prior| prior.state != DepositState::Orphaned);
                if wanted.is_empty() || is_known {
                    continue;
                }
                self.detect(block, transfer, &holding, prior.as_ref(), seen_below, &mut draft);
                for target in wanted {
                    *found.entry(target).or_default() += 1;
                }
            }
        }
        Ok(Scanned { changes: draft.finish(), found })
    }

    /// Whether a scan that asks for the address wants the transfer. One for everything finds what somebody expected, no more:
    /// an address may be older than its owner.
    fn wants(&self, target: ScanTarget, transfer: &Transfer, header: Header, holding: &Holding, draft: &Draft) -> bool {
        match target {
            ScanTarget::Address(_) => true,
            ScanTarget::Everything => {
                let (app, open, last) = (&holding.app, holding.open_order.as_ref(), holding.last_order.as_ref());
                let orders = Orders { meant_for: None, open: draft.order(app, open), last: draft.order(app, last) };
                matching::is_expected(&self.spec.id, transfer.token, header, holding, orders)
            }
        }
    }

    /// Refuses blocks that do not link, lie above the tip, or are not those of our chain as far as we can tell.
    fn all_ours(&self, blocks: &[Block]) -> Result<(), PlanError> {
        let cursor = self.cursor.ok_or(PlanError::NotAdopted)?;
        if cursor.take_back_above.is_some() {
            return Err(PlanError::Stale("the chain is being taken back".to_owned()));
        }
        let links = blocks.iter().zip(blocks.iter().skip(1));
        if let Some((below, above)) = links.map(|(b, a)| (b.header, a.header)).find(|(b, a)| !a.is_on(b.at)) {
            let broken = BrokenLink::Mismatch { below: below.at, found: above.at };
            return Err(PlanError::Stale(broken.to_string()));
        }
        match blocks.iter().map(|block| block.header.at).find(|at| !self.holds_or_held(*at)) {
            Some(foreign) => Err(PlanError::Stale(format!("block {foreign} is not ours, the tip is {}", cursor.tip))),
            None => Ok(()),
        }
    }
}

/// The scans that ask for transfers to `address` in a block.
fn asking(scans: &BTreeMap<ScanTarget, Scan>, address: Address, header: Header) -> impl Iterator<Item = ScanTarget> {
    let both = [scans.get(&ScanTarget::Everything), scans.get(&ScanTarget::Address(address))];
    let asks = move |scan: &&Scan| header.at.height <= scan.to && scan.since.covers(header.at.height, header.time);
    both.into_iter().flatten().filter(asks).map(|scan| scan.target)
}
