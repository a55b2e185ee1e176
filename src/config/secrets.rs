//! The master key that merchants' signing keys are sealed under.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use super::{secret::SecretError, sheet::Section};
use crate::vault;

/// The key of the file that seals.
const CURRENT: &str = "master_key_file";
/// Stands for a key that was named and not read.
const UNREAD: &str = "unread";

/// `[secrets]`: what stands in the files. Compared by content, shown never.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretsConfig {
    /// The current master key, as written in its file.
    pub master_key: Arc<Zeroizing<String>>,
    /// Older ones that still open what they closed.
    pub previous: Vec<Arc<Zeroizing<String>>>,
}

impl fmt::Debug for SecretsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretsConfig({} older)", self.previous.len())
    }
}

impl SecretsConfig {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let file = section.text(CURRENT).map(str::to_owned);
        let files = section.list("previous_master_key_files");
        let key = |key: &'static str, file: &str| {
            let read = section.sheet().vault.read(file).map_err(|error| with_help(key, &error));
            let Some(text) = section.judged(key, read)? else {
                // check-config may only name it; nothing is ever sealed under this text, which is no key.
                return Some(Arc::new(Zeroizing::new(UNREAD.to_owned())));
            };
            let form = vault::check_form(&text).map_err(|error| format!("{file}: {error}"));
            section.judged(key, form).map(|()| Arc::new(text))
        };
        let master_key = file.and_then(|file| key(CURRENT, &file));
        // Each is looked at before any is missed: all mistakes are reported at once.
        let previous = files.map(|files| {
            files.iter().map(|file| key("previous_master_key_files", file)).collect::<Vec<Option<Arc<_>>>>()
        });
        let previous: Option<Vec<_>> = previous.and_then(|keys| keys.into_iter().collect());
        section.finish();
        Some(Self { master_key: master_key?, previous: previous? })
    }
}

/// Where there may be no key yet, how to make one. An older one cannot be made again.
fn with_help(key: &str, error: &SecretError) -> String {
    let is_absent =
        matches!(error, SecretError::Unreadable { .. } | SecretError::NoCredentials(_) | SecretError::Empty { .. });
    if key == CURRENT && is_absent {
        format!("{error}; `depositd master-key FILE` makes a new one")
    } else {
        error.to_string()
    }
}
