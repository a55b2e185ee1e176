//! What every commit says about the whole store, so that missing or older rows are seen at the next start.
//!
//! A sequence number and checksums are not enough: after damage sled was measured to come up with the newest row
//! intact and others gone or older, each valid in itself. The seal counts the rows of every table and carries an
//! additive digest of them: the sum, modulo 2^128, of the first 16 bytes of SHA-256(key length, key, value). A commit
//! subtracts what it replaces and adds what it writes; a full scan must come to the same sums.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{
    codec::{self, CodecError},
    engine::Batch,
    keys::Table,
};

/// The schema this program writes; it refuses newer ones and upgrades older ones.
pub(super) const SCHEMA: u16 = 3;
/// The first schema there was.
pub(super) const FIRST_SCHEMA: u16 = 1;

/// The first row of a store. Its form never changes, so that every older program can read that it is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) schema: u16,
    /// Drawn at creation: tells a store from every other one.
    pub(super) store: [u8; 16],
}

impl Meta {
    pub(super) fn encode(&self) -> Vec<u8> {
        codec::wrap_for_all(|to| {
            to.u16(self.schema);
            to.fixed(&self.store);
        })
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, CodecError> {
        codec::unwrap(value, |from| Ok(Self { schema: from.u16()?, store: from.fixed()? }))
    }
}

/// Rows of one table: how many, and the sum of their digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) digest: u128,
}

impl Tally {
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        self.digest = self.digest.wrapping_add(row_digest(key, value));
    }

    pub(super) fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        self.digest = self.digest.wrapping_sub(row_digest(key, value));
    }
}

fn row_digest(key: &[u8], value: &[u8]) -> u128 {
    let length = u64::try_from(key.len()).unwrap_or(u64::MAX);
    let digest = Sha256::new().chain_update(length.to_be_bytes()).chain_update(key).chain_update(value).finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(first)
}

/// The tallies of every table but the seal's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tallies(BTreeMap<Table, Tally>);

impl Tallies {
    /// One table's.
    pub(super) fn of(&self, table: Table) -> Tally {
        self.0.get(&table).copied().unwrap_or_default()
    }

    /// One table's, to be changed.
    pub(super) fn of_mut(&mut self, table: Table) -> &mut Tally {
        self.0.entry(table).or_default()
    }
}

/// The last commit, as its own row describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seal {
    /// The schema its commit was written under.
    pub(super) schema: u16,
    /// Counts commits; the first, which creates the store, is 1.
    pub(super) sequence: u64,
    /// SHA-256 over the running hash before it, its sequence and its rows.
    pub(super) running: [u8; 32],
    /// Of every table but the seal's own.
    pub(super) tallies: Tallies,
}

impl Seal {
    /// The seal of the commit that follows: `replaced` are the rows that were there, `batch` the rows that will be.
    pub(super) fn next(&self, replaced: &[(&[u8], &[u8])], batch: &Batch) -> Self {
        let sequence = self.sequence.saturating_add(1);
        let mut tallies = self.tallies.clone();
        for (key, value) in replaced {
            if let Some(table) = Table::of_key(key) {
                tallies.of_mut(table).remove(key, value);
            }
        }
        let mut running = Sha256::new().chain_update(self.running).chain_update(sequence.to_be_bytes());
        let mut part = |bytes: &[u8]| {
            running.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            running.update(bytes);
        };
        for (key, value) in batch {
            part(key);
            match value {
                Some(value) => part(value),
                // No value is empty, so a removal cannot be taken for a write.
                None => part(&[]),
            }
            if let (Some(table), Some(value)) = (Table::of_key(key), value) {
                tallies.of_mut(table).add(key, value);
            }
        }
        Self { schema: SCHEMA, sequence, running: running.finalize().into(), tallies }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        codec::wrap(|to| {
            to.u16(self.schema);
            to.u64(self.sequence);
            to.fixed(&self.running);
            to.count(self.tallies.0.len());
            for (table, tally) in &self.tallies.0 {
                to.u8(table.tag());
                to.u64(tally.rows);
                to.u128(tally.digest);
            }
        })
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, CodecError> {
        codec::unwrap(value, |from| {
            let schema = from.u16()?;
            let sequence = from.u64()?;
            let running = from.fixed()?;
            let tallies = from.list(|from| {
                let table = Table::of_tag(from.u8()?).ok_or(CodecError("unknown table"))?;
                Ok((table, Tally { rows: from.u64()?, digest: from.u128()? }))
            })?;
            Ok(Self { schema, sequence, running, tallies: Tallies(tallies.into_iter().collect()) })
        })
    }
}
