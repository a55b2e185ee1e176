//! What operators do with apps. The log names keys by their fingerprints and URLs without their paths.

#[cfg(test)]
mod tests;

use super::super::{Core, Fault};
use crate::{
    domain::{Act, Action, App, Millis, News, egress::host_of},
    store::StoreError,
    tracker::{Change, Changeset},
    writer::{
        handle::{AppUpdate, Refusal, Rotation},
        register,
    },
};

impl Core {
    /// Creates an app. The same again changes nothing.
    ///
    /// # Errors
    /// [`Fault`]: the name is taken by an app with other content.
    pub fn create_app(&mut self, app: App, act: &Act) -> Result<App, Fault> {
        let known = self.store.app(&app.id)?;
        let app = register::create_app(app, known.clone())?;
        self.govern_app(Action::AppCreate, known, app, act)
    }

    /// Changes how an app is told and what its new orders do. The same again changes nothing. Rows that are in the outbox
    /// keep their URL and their protocol.
    ///
    /// # Errors
    /// [`Fault`]: there is no such app; its secrets are of another form than the protocol needs.
    pub fn update_app(&mut self, update: &AppUpdate, act: &Act) -> Result<App, Fault> {
        let known = self.app(&update.app)?;
        let app = App {
            protocol: update.protocol.unwrap_or(known.protocol),
            news: update.news.unwrap_or(known.news),
            amount_policy: update.amount_policy.unwrap_or(known.amount_policy),
            grace_s: update.grace_s.unwrap_or(known.grace_s),
            notify_url: update.notify_url.clone().unwrap_or_else(|| known.notify_url.clone()),
            notify_hosts: update.notify_hosts.clone().unwrap_or_else(|| hosts_after(&known, update)),
            ..known.clone()
        };
        if app.protocol.has_text_secret() != known.protocol.has_text_secret() {
            let text =
                format!("app {} cannot be told by {}: its secrets are of another form", app.id, app.protocol.word());
            return Err(Refusal::Precondition(text).into());
        }
        if app.protocol != known.protocol {
            register::limits::app(&app)?;
        }
        self.govern_app(Action::AppUpdate, Some(known), app, act)
    }

    /// Gives an app a new signing key. The same again changes nothing, or ends the old key sooner.
    ///
    /// # Errors
    /// [`Fault`]: there is no such app.
    pub fn rotate_secret(&mut self, rotation: &Rotation, act: &Act, now: Millis) -> Result<App, Fault> {
        let known = self.app(&rotation.app)?;
        let app = register::rotate(known.clone(), rotation, now);
        self.govern_app(Action::AppRotate, Some(known), app, act)
    }

    /// Keeps apps whose keys were closed anew, before anything else is done. No record: nothing anybody decided changes.
    ///
    /// # Errors
    /// The rows cannot be kept: stop.
    pub fn reseal(&mut self, apps: Vec<App>) -> Result<(), StoreError> {
        let changes = apps.into_iter().map(Change::App).collect();
        self.store.stage(&Changeset { changes, events: Vec::new() })?;
        self.store.commit().map(drop)
    }

    /// Keeps the app as it is now, with the record of who made it so; nothing, if it was so.
    fn govern_app(&mut self, action: Action, known: Option<App>, app: App, act: &Act) -> Result<App, Fault> {
        if known.as_ref() == Some(&app) {
            return Ok(app);
        }
        let texts = [format!("app {}", app.id), known.as_ref().map(told).unwrap_or_default(), told(&app)];
        let changes = Changeset { changes: vec![Change::App(app.clone())], events: Vec::new() };
        self.stage_act(changes, act, action, texts)?;
        Ok(app)
    }
}

/// The news that are on.
fn news(news: News) -> String {
    let News { detected, unmatched, expired, cancelled } = news;
    let flags = [(detected, "detected"), (unmatched, "unmatched"), (expired, "expired"), (cancelled, "cancelled")];
    let on: Vec<&str> = flags.into_iter().filter(|(is_on, _)| *is_on).map(|(_, word)| word).collect();
    if on.is_empty() { "none".to_owned() } else { on.join(" ") }
}

/// The hosts an app keeps that names no others. Where its URL moves to another host, the old one stays among them: what
/// is in the outbox keeps its URL, and the guard judges it at each attempt.
fn hosts_after(known: &App, update: &AppUpdate) -> Vec<String> {
    let mut hosts = known.notify_hosts.clone();
    let old = host_of(known.notify_url.as_str());
    let new = update.notify_url.as_ref().and_then(|url| host_of(url.as_str()));
    hosts.extend(old.filter(|old| new.is_some_and(|new| new != *old) && !hosts.contains(old)));
    hosts
}

/// An app as the audit log says it.
fn told(app: &App) -> String {
    let keys = app.keys.iter().map(|live| match live.until {
        None => live.key.fingerprint().unwrap_or_default(),
        Some(until) => format!("{} until {}", live.key.fingerprint().unwrap_or_default(), until.seconds()),
    });
    let keys: Vec<String> = keys.collect();
    let mut text = format!(
        "{}, news {}, {}, grace {} s, keys {}, told at {}",
        app.protocol,
        news(app.news),
        app.amount_policy.word(),
        app.grace_s,
        keys.join(" and "),
        app.notify_url.receiver()
    );
    if !app.notify_hosts.is_empty() {
        text.push_str(", orders also at ");
        text.push_str(&app.notify_hosts.join(" "));
    }
    text
}
