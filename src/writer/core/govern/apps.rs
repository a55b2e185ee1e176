//! What operators do with apps. The log names keys by their fingerprints and URLs without their paths.

#[cfg(test)]
mod tests;

use super::super::{Core, Fault};
use crate::{
    domain::{Act, Action, App, Millis},
    tracker::{Change, Changeset},
    writer::{
        handle::{AppUpdate, Rotation},
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

    /// Changes what an app's new orders do. The same again changes nothing.
    ///
    /// # Errors
    /// [`Fault`]: there is no such app.
    pub fn update_app(&mut self, update: &AppUpdate, act: &Act) -> Result<App, Fault> {
        let known = self.app(&update.app)?;
        let app = App {
            amount_policy: update.amount_policy.unwrap_or(known.amount_policy),
            grace_s: update.grace_s.unwrap_or(known.grace_s),
            ..known.clone()
        };
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

/// An app as the audit log says it.
fn told(app: &App) -> String {
    let keys = app.keys.iter().map(|live| match live.until {
        None => live.key.fingerprint(),
        Some(until) => format!("{} until {}", live.key.fingerprint(), until.seconds()),
    });
    let keys: Vec<String> = keys.collect();
    let mut text = format!(
        "{}, grace {} s, keys {}, told at {}",
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
