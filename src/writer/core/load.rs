//! Stored rows become a core.

use std::collections::{BTreeMap, BTreeSet};

use super::Core;
use crate::{
    domain::{AuditRecord, EventPlace, NetworkId, NetworkSpec, Policy, PolicyOverride, SpecBoard},
    store::{LoadedRow, Store},
    tracker::Tracker,
};

/// Why stored rows cannot be worked with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(String);

/// Collects the rows of the store's full check into trackers.
#[derive(Debug)]
pub struct Loading {
    trackers: BTreeMap<NetworkId, Tracker>,
    overrides: Vec<PolicyOverride>,
    last_event: EventPlace,
    last_act: Option<AuditRecord>,
    broken_audit: Option<u64>,
}

impl Loading {
    /// For the configured networks; rows of others stay on disk untouched.
    pub fn of(networks: impl IntoIterator<Item = NetworkSpec>) -> Self {
        let trackers = networks.into_iter().map(|spec| (spec.id.clone(), Tracker::new(spec))).collect();
        let (overrides, last_event, last_act, broken_audit) = (Vec::new(), EventPlace::default(), None, None);
        Self { trackers, overrides, last_event, last_act, broken_audit }
    }

    /// Takes in one row.
    pub fn row(&mut self, row: LoadedRow) {
        match row {
            LoadedRow::Holding(holding) => {
                self.with(&holding.network, |tracker| tracker.load_address(holding.address));
            }
            LoadedRow::Cursor(network, cursor) => self.with(&network, |tracker| tracker.load_cursor(cursor)),
            LoadedRow::Header(network, header) => self.with(&network, |tracker| tracker.load_header(header)),
            LoadedRow::Deposit(deposit) => {
                let network = deposit.id.network.clone();
                self.with(&network, |tracker| tracker.load_deposit(deposit));
            }
            LoadedRow::Override(set) => self.overrides.push(set),
            LoadedRow::Event(place) => self.last_event = self.last_event.max(place),
            LoadedRow::Audit(record) => {
                if !record.follows(self.last_act.as_ref()) {
                    self.broken_audit = self.broken_audit.or(Some(record.number));
                }
                self.last_act = Some(record);
            }
        }
    }

    fn with(&mut self, network: &NetworkId, load: impl FnOnce(&mut Tracker)) {
        if let Some(tracker) = self.trackers.get_mut(network) {
            load(tracker);
        }
    }

    /// The core over these rows.
    ///
    /// # Errors
    /// Rows that contradict each other or the configuration.
    pub fn finish(mut self, store: Store) -> Result<Core, LoadError> {
        if let Some(number) = self.broken_audit {
            return Err(LoadError(format!(
                "the audit log is broken: record {number} does not follow the one before it"
            )));
        }
        let overrides = std::mem::take(&mut self.overrides);
        for (network, tracker) in &mut self.trackers {
            lay_over(tracker, overrides.iter().filter(|set| set.network == *network))?;
            tracker.loaded().map_err(LoadError)?;
        }
        let specs = SpecBoard::of(self.trackers.values().map(|tracker| tracker.spec().clone()));
        let Self { trackers, last_event, last_act, .. } = self;
        Ok(Core {
            store,
            trackers,
            handed: BTreeMap::new(),
            scanning: BTreeMap::new(),
            look_again: BTreeSet::new(),
            last_event,
            last_act,
            specs,
            is_new_spec: false,
            is_renewed: false,
            touched: BTreeSet::new(),
            alarms: Vec::new(),
        })
    }
}

/// Lays the rules that were set while running over the configured ones.
fn lay_over<'a>(tracker: &mut Tracker, overrides: impl Iterator<Item = &'a PolicyOverride>) -> Result<(), LoadError> {
    let spec = tracker.spec();
    let mut rules = spec.policy.rules().clone();
    rules.runtime = overrides.map(|set| (set.scope.clone(), set.clone())).collect();
    if rules.runtime.is_empty() {
        return Ok(());
    }
    let policy = Policy::compile(rules, &spec.tokens).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        LoadError(format!(
            "{}: rules that were set while running do not fit the configuration any more: {}; put back what was \
             configured, start, and clear them with 'depositd policy clear'",
            spec.id,
            problems.join("; ")
        ))
    })?;
    tracker.set_spec(NetworkSpec { policy, ..spec.clone() });
    Ok(())
}
