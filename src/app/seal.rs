//! Signing keys that are not closed under the current master key are closed under it before anything else is done.

use super::AppError;
use crate::{
    domain::{App, LiveKey},
    vault::{Vault, VaultError},
    writer::Core,
};

/// Apps in one commit.
const APPS_MAX: usize = 100;

/// Closes what stores of older programs hold in clear, and what is closed under an older master key.
///
/// # Errors
/// A key that no configured master key opens, or a store that cannot be read or written.
pub(super) fn reseal(core: &mut Core, vault: &Vault) -> Result<(), AppError> {
    tracing::info!(master_key = vault.name(), "signing keys are kept under this master key");
    // Everything is opened before anything is written: a store whose keys cannot be opened must not be run on, and stays
    // as it was for the configuration that opens it.
    each_batch(core, |_, apps| {
        apps.into_iter().try_for_each(|app| resealed(app, vault).map(drop)).map_err(AppError::from)
    })?;
    each_batch(core, |core, apps| {
        let mut anew = Vec::new();
        for app in apps {
            anew.extend(resealed(app, vault)?);
        }
        if !anew.is_empty() {
            tracing::info!(apps = anew.len(), "signing keys are sealed under the current master key");
            core.reseal(anew)?;
        }
        Ok(())
    })
}

fn each_batch(
    core: &mut Core,
    mut work: impl FnMut(&mut Core, Vec<App>) -> Result<(), AppError>,
) -> Result<(), AppError> {
    let reader = core.store().reader();
    let mut after = None;
    loop {
        let apps = reader.apps(after.as_ref(), APPS_MAX)?;
        let Some(last) = apps.last() else { return Ok(()) };
        after = Some(last.id.clone());
        work(core, apps)?;
    }
}

/// The app with all its keys under the current master key; `None` if they are.
fn resealed(app: App, vault: &Vault) -> Result<Option<App>, VaultError> {
    let mut keys = Vec::with_capacity(app.keys.len());
    for live in &app.keys {
        let key = vault.open(&app.id, &live.key)?;
        let key = if vault.is_current(&live.key) { live.key.clone() } else { vault.seal(&app.id, &key)? };
        keys.push(LiveKey { key, until: live.until });
    }
    Ok((keys != app.keys).then_some(App { keys, ..app }))
}

#[cfg(test)]
mod tests;
