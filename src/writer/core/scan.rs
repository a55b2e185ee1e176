//! The past, read in steps beside live following: which scans there are, how far they are, what they find.
//!
//! The scans worked on are held in memory, at most [`ROWS_MAX`] of a network; their rows follow, [`ROWS_SAVED_MAX`] with
//! every step. After a restart some steps are read again, which changes nothing.

use std::collections::BTreeMap;

use super::{Core, Fault};
use crate::{
    domain::{Act, Action, Address, Block, Height, Millis, NetworkId, Scan, ScanTarget, Since, Timestamp},
    tracker::{Change, Changeset},
    writer::{
        handle::{Applied, Refusal, ScanWork},
        scans::{self, Past},
    },
};

/// Scans of one network worked on at once; the others wait for their turn on disk.
const ROWS_MAX: usize = 10_000;
/// Rows of scans that are written with one step.
const ROWS_SAVED_MAX: usize = 64;

/// The scans of one network that are worked on.
#[derive(Debug)]
pub(super) struct Scanning {
    rows: BTreeMap<ScanTarget, Scan>,
    /// Whether the store may hold others.
    more: bool,
    steps: u32,
    /// Whether the highest of them had its turn last.
    was_highest: bool,
    /// Whether a time was handed out last.
    was_time: bool,
}

impl Default for Scanning {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), more: true, steps: 0, was_highest: true, was_time: false }
    }
}

impl Scanning {
    fn put(&mut self, scan: &Scan) {
        // One for everything is always worked on: there is one at most.
        let fits = self.rows.len() < ROWS_MAX || scan.target == ScanTarget::Everything;
        if fits || self.rows.contains_key(&scan.target) {
            self.rows.insert(scan.target, scan.clone());
        } else {
            self.more = true;
        }
    }

    /// What is read next, at most `len` blocks: from the lowest height that is not read, and in turn with it from the highest,
    /// as far as the scans at or right above it reach. So one that looks back to the first block, or to blocks that no
    /// endpoint has, leaves half of the steps to those that look back a little.
    fn range(&mut self, len: u64) -> Option<(Height, Height)> {
        self.was_highest = !self.was_highest;
        let begun = || self.rows.values().filter(|scan| is_begun(scan));
        let nexts = || begun().filter_map(|scan| scan.next);
        let from = if self.was_highest { nexts().max() } else { nexts().min() }?;
        let top = from.up(len.saturating_sub(1));
        let near = begun().filter(|scan| scan.next.is_some_and(|next| next <= top));
        near.map(|scan| scan.to).max().map(|to| (from, to.min(top)))
    }
}

/// Whether its first height is known.
fn is_begun(scan: &Scan) -> bool {
    matches!(scan.since, Since::Height(_))
}

impl Core {
    /// Takes note of scans that are staged.
    pub(super) fn note_scan(&mut self, change: &Change) {
        if let Change::Scan(scan) = change {
            self.scanning.entry(scan.network.clone()).or_default().put(scan);
        } else if let Change::DropScan(network, target) = change {
            self.scanning.entry(network.clone()).or_default().rows.remove(target);
        }
    }

    /// What a registration asks of the past, as a row to write beside it.
    pub(super) fn past_of(
        &self,
        network: &NetworkId,
        address: Address,
        since: Option<Since>,
        effective_from: Height,
        now: Millis,
    ) -> Result<Option<Change>, Fault> {
        let Some(since) = since else { return Ok(None) };
        let known = self.store.scan(network, ScanTarget::Address(address))?;
        let past = Past { network, address, since, effective_from };
        Ok(scans::scan_for(past, known.as_ref(), now).map(Change::Scan))
    }

    /// What a network's scans want read next, in steps of `len` blocks.
    ///
    /// # Errors
    /// [`Fault`], as for every method below.
    pub fn scans(&mut self, network: &NetworkId, len: u64) -> Result<ScanWork, Fault> {
        let tip = self.cursor_of(network)?.tip;
        let is_clean = self.store.staged_rows() == 0;
        let scanning = self.scanning.entry(network.clone()).or_default();
        if scanning.rows.is_empty() && scanning.more {
            let rows = self.store.scans(network, ROWS_MAX)?;
            // What the group adds is not among them: then there may be others still.
            scanning.more = rows.len() == ROWS_MAX || !is_clean;
            rows.iter().for_each(|scan| scanning.put(scan));
        }
        let time = scanning.rows.values().find_map(|scan| match scan.since {
            Since::Time(time) => Some(time),
            Since::Height(_) => None,
        });
        // In turn with the ranges: no endpoint may have blocks as old as the time.
        let time = time.filter(|_| !std::mem::take(&mut scanning.was_time));
        if time.is_some() {
            scanning.was_time = true;
            return Ok(ScanWork { time, range: None });
        }
        let range = scanning.range(len).filter(|(from, _)| *from <= tip.height);
        Ok(ScanWork { time, range: range.map(|(from, to)| (from, to.min(tip.height))) })
    }

    /// Tells the scans that look back to `time` their first height; `None`: no block is that young.
    ///
    /// # Errors
    /// As above.
    pub fn resolve_scans(&mut self, network: &NetworkId, time: Timestamp, first: Option<Height>) -> Result<(), Fault> {
        let scanning = self.scanning.entry(network.clone()).or_default();
        let waiting = scanning.rows.values().filter(|scan| scan.since == Since::Time(time));
        let change = |scan: &Scan| match scans::begun(scan, first) {
            Some(begun) => Change::Scan(begun),
            None => Change::DropScan(scan.network.clone(), scan.target),
        };
        // The others are told with the next turn.
        let changes = waiting.take(ROWS_SAVED_MAX).map(change).collect();
        self.stage(&Changeset { changes, events: Vec::new() })
    }

    /// Looks into blocks of the past for what the network's scans want.
    ///
    /// # Errors
    /// As above; [`Refusal::Stale`]: the blocks are not ours, or not any more.
    pub fn apply_scan(&mut self, network: &NetworkId, blocks: &[Block], now: Millis) -> Result<Applied, Fault> {
        let scanning = self.scanning.remove(network).unwrap_or_default();
        let applied = self.scan_step(network, blocks, &scanning, now);
        let scanning = self.scanning.entry(network.clone()).or_insert(scanning);
        let (mut changes, applied) = applied?;
        scanning.steps = scanning.steps.wrapping_add(1);
        for change in &changes {
            if let Change::Scan(scan) = change {
                scanning.put(scan);
            }
        }
        // Of many scans each step writes some, one after the other.
        let shares = scanning.rows.len().div_ceil(ROWS_SAVED_MAX).max(1);
        let share = usize::try_from(scanning.steps).unwrap_or_default() % shares;
        let mut at = 0;
        changes.retain(|change| {
            let is_progress = matches!(change, Change::Scan(_));
            at += usize::from(is_progress);
            !is_progress || at % shares == share
        });
        self.stage(&Changeset { changes, events: Vec::new() })?;
        Ok(applied)
    }

    /// Stages what the blocks hold; gives back how far the scans are then.
    fn scan_step(
        &mut self,
        network: &NetworkId,
        blocks: &[Block],
        scanning: &Scanning,
        now: Millis,
    ) -> Result<(Vec<Change>, Applied), Fault> {
        let heights = blocks.first().zip(blocks.last());
        let Some((low, high)) = heights.map(|(low, high)| (low.header.at.height, high.header.at.height)) else {
            return Err(Refusal::Stale("no blocks to look into".to_owned()).into());
        };
        let known = self.gather(network, self.tracker(network)?.needs_of_scan(blocks, &scanning.rows), None)?;
        let plan = self.tracker(network)?.plan_scan(blocks, &scanning.rows, known);
        let (plan, found) = match plan {
            Ok(scanned) => (Ok(scanned.changes), scanned.found),
            Err(error) => (Err(error), BTreeMap::new()),
        };
        let applied = self.carry_out(network, plan, now, 0)?;
        let moves = |scan: &&Scan| is_begun(scan) && scan.next.is_some_and(|next| low <= next && next <= high);
        let moved = scanning.rows.values().filter(moves).map(|scan| {
            if high >= scan.to {
                return Change::DropScan(network.clone(), scan.target);
            }
            let found = scan.found.saturating_add(found.get(&scan.target).copied().unwrap_or(0));
            Change::Scan(Scan { next: Some(high.next()), found, ..scan.clone() })
        });
        Ok((moved.collect(), applied))
    }

    /// Reads a range again for everything, because a person wants it.
    ///
    /// # Errors
    /// As above; [`Refusal::Precondition`]: one is under way, or the range is none of ours.
    pub fn rescan(&mut self, network: &NetworkId, from: Height, to: Height, act: &Act) -> Result<Scan, Fault> {
        let tip = self.cursor_of(network)?.tip;
        if let Some(now) = self.store.scan(network, ScanTarget::Everything)? {
            let next = now.next.unwrap_or(now.to);
            let text = format!("{network} is being rescanned up to {}, the next height is {next}: wait for it", now.to);
            return Err(Refusal::Precondition(text).into());
        }
        if from > to || to > tip.height {
            let text =
                format!("a rescan of {network} ends at or below what is read, {}, not {from} to {to}", tip.height);
            return Err(Refusal::Precondition(text).into());
        }
        let (network, target, since) = (network.clone(), ScanTarget::Everything, Since::Height(from));
        let texts = [network.to_string(), String::new(), format!("{from} to {to}")];
        let scan = Scan { network, target, since, to, next: Some(from), found: 0, created: act.at };
        let changes = Changeset { changes: vec![Change::Scan(scan.clone())], events: Vec::new() };
        self.stage_act(changes, act, Action::NetworkRescan, texts)?;
        Ok(scan)
    }
}
