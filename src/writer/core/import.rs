//! Registrations that come back as they were, from an export.
//!
//! Records may come in any order and again: each is compared with what is there and adds only what is missing. What has
//! become of an address or an order since it was exported is not taken back.

use std::collections::BTreeSet;

use super::{Core, Fault};
use crate::{
    domain::{Action, App, AppId, Holding, NetworkId, Order, OrderId, OrderState},
    store::StoreError,
    tracker::{Change, Changeset},
    writer::handle::{ImportRecord, ImportRun, ImportVerdict},
};

impl Core {
    /// Takes back records, each on its own; with `dry_run` it only says what would become of them.
    ///
    /// # Errors
    /// [`Fault::Store`]; what one record cannot be is its verdict.
    pub fn import(&mut self, records: &[ImportRecord], dry_run: bool) -> Result<Vec<ImportVerdict>, Fault> {
        let mut apps = BTreeSet::new();
        records.iter().map(|record| self.import_one(record, dry_run, &mut apps)).collect()
    }

    fn import_one(
        &mut self,
        record: &ImportRecord,
        dry_run: bool,
        apps: &mut BTreeSet<AppId>,
    ) -> Result<ImportVerdict, Fault> {
        let id = app_of(record);
        if !apps.contains(id) {
            if self.store.app(id)?.is_none() {
                return Ok(ImportVerdict::AppMissing);
            }
            apps.insert(id.clone());
        }
        let plan = match record {
            ImportRecord::App(app) => self.compare_app(app)?,
            ImportRecord::Address(holding) => address(self.store.holding(&holding.network, holding.address)?, holding),
            ImportRecord::Order(order) => self.import_order(order)?,
        };
        match plan {
            Plan::Conflict(what) => Ok(ImportVerdict::Conflict(what)),
            Plan::Write(changes) if changes.is_empty() => Ok(ImportVerdict::Unchanged),
            Plan::Write(_) if dry_run => Ok(ImportVerdict::Written),
            Plan::Write(changes) => self.write(changes),
        }
    }

    fn write(&mut self, changes: Vec<Change>) -> Result<ImportVerdict, Fault> {
        match self.stage(&Changeset { changes, events: Vec::new() }) {
            Ok(()) => Ok(ImportVerdict::Written),
            // It was not kept, and it is no reason to keep the others away.
            Err(Fault::Refused(refusal)) => Ok(ImportVerdict::Refused(refusal.to_string())),
            Err(fault) => Err(fault),
        }
    }

    fn compare_app(&self, app: &App) -> Result<Plan, StoreError> {
        let content = |app: &App| {
            let told = (app.protocol, app.news, app.notify_url.clone(), app.notify_hosts.clone());
            (told, app.amount_policy, app.grace_s)
        };
        Ok(match self.store.app(&app.id)? {
            Some(known) if content(&known) != content(app) => {
                let what =
                    "is there with another URL, other hosts, another protocol, other news or other rules for amounts";
                Plan::Conflict(what.to_owned())
            }
            Some(_) | None => Plan::Write(Vec::new()),
        })
    }

    fn import_order(&self, order: &Order) -> Result<Plan, StoreError> {
        if let Some(known) = self.store.order(&order.app, &order.id)? {
            return Ok(match differs(&known, order) {
                Some(what) => Plan::Conflict(what),
                None => Plan::Write(Vec::new()),
            });
        }
        let mut changes = Vec::with_capacity(order.lines.len() + 1);
        // Who owns the address of an order that is over may have changed since; that is not the order's concern.
        if order.state == OrderState::Open {
            for line in &order.lines {
                match expecting(self.store.holding(&line.network, order.address)?, &line.network, order) {
                    Ok(holding) => changes.push(Change::Holding(holding)),
                    Err(what) => return Ok(Plan::Conflict(what)),
                }
            }
        }
        changes.push(Change::Order(order.clone()));
        Ok(Plan::Write(changes))
    }

    /// Writes an import that has come to its end into the audit log.
    ///
    /// # Errors
    /// As above.
    pub fn finish_import(&mut self, run: &ImportRun) -> Result<(), Fault> {
        let subject = format!("sha256 {}", hex::encode(run.sha256));
        let after = format!("{} records, {} written, {} not taken", run.records, run.written, run.troubles);
        self.stage_act(Changeset::default(), &run.act, Action::Import, [subject, String::new(), after])
    }
}

/// What is to be done with a record.
enum Plan {
    /// Nothing, if empty: it is there.
    Write(Vec<Change>),
    Conflict(String),
}

fn app_of(record: &ImportRecord) -> &AppId {
    match record {
        ImportRecord::App(app) => &app.id,
        ImportRecord::Address(holding) => &holding.app,
        ImportRecord::Order(order) => &order.app,
    }
}

/// An address that comes back. Which order it expects is the order's to say; which one it expected last is taken over
/// where nothing is known of any: a payment that is read again then finds the order that it paid.
fn address(known: Option<Holding>, record: &Holding) -> Plan {
    let Some(known) = known else {
        return Plan::Write(vec![Change::Holding(Holding { open_order: None, ..record.clone() })]);
    };
    if (&known.app, &known.user_mark) != (&record.app, &record.user_mark) {
        return Plan::Conflict("belongs to another app or another user mark".to_owned());
    }
    if let (Some(there), Some(asked)) = (known.standing, record.standing)
        && there != asked
    {
        let (there, asked) = (there.effective_from, asked.effective_from);
        return Plan::Conflict(format!("is watched from height {there} or a time of its own on, not as from {asked}"));
    }
    let mut wanted = known.clone();
    wanted.standing = known.standing.or(record.standing);
    wanted.created = known.created.min(record.created);
    if known.open_order.is_none() && known.last_order.is_none() {
        wanted.last_order.clone_from(&record.last_order);
    }
    Plan::Write(if wanted == known { Vec::new() } else { vec![Change::Holding(wanted)] })
}

/// How an order that is there differs from one that comes back, whatever has become of either.
fn differs(known: &Order, record: &Order) -> Option<String> {
    let froms = |order: &Order| -> Vec<_> { order.lines.iter().map(|line| line.effective_from.0).collect() };
    let rules = |order: &Order| (order.amount_policy, order.expiry);
    if !known.asks_the_same(record) || rules(known) != rules(record) {
        return Some("is there with other content".to_owned());
    }
    // Files of older versions do not tell it.
    if let (Some(there), Some(asked)) = (&known.serial, &record.serial)
        && there != asked
    {
        return Some(format!("is there with the ordersn {there}, not {asked}"));
    }
    let (there, asked) = (froms(known), froms(record));
    (there != asked).then(|| format!("is there from heights {there:?} on, not {asked:?}"))
}

/// The address of an open order on one network, expecting it.
fn expecting(known: Option<Holding>, network: &NetworkId, order: &Order) -> Result<Holding, String> {
    let expects =
        |holding: Holding, id: &OrderId| Holding { open_order: Some(id.clone()), last_order: None, ..holding };
    let Some(known) = known else {
        let new = Holding {
            network: network.clone(),
            address: order.address,
            app: order.app.clone(),
            user_mark: order.user_mark.clone(),
            standing: None,
            open_order: None,
            last_order: None,
            created: order.created,
        };
        return Ok(expects(new, &order.id));
    };
    if (&known.app, &known.user_mark) != (&order.app, &order.user_mark) {
        return Err(format!("its address belongs to another app or another user mark on {network}"));
    }
    match known.open_order.as_ref().filter(|open| **open != order.id) {
        Some(open) => Err(format!("its address expects order {open:?} on {network}")),
        None => Ok(expects(known, &order.id)),
    }
}

#[cfg(test)]
mod tests;
