//! Secrets come as files only, never as values: units' environments are public and files end up in backups and tickets.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// Longest secret file, in bytes.
const SECRET_BYTES_MAX: u64 = 4096;
/// Bits of a mode that belong to group and others.
const OTHERS: u32 = 0o077;

/// Names under which people try to write a secret.
const SECRET_NAMES: [&str; 18] = [
    "secret",
    "secrets",
    "api_key",
    "apikey",
    "api-key",
    "key",
    "access_key",
    "access_token",
    "auth_token",
    "token",
    "bearer",
    "password",
    "passwd",
    "private_key",
    "master_key",
    "seed",
    "mnemonic",
    "signing_key",
];

/// Whether a key of this name would hold a secret in plain text.
pub(super) fn names_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_NAMES.contains(&key.as_str()) || key.ends_with("_secret") || key.ends_with("_password")
}

/// Where bare names are looked up, and whether files are read at all.
#[derive(Clone, Debug, Default)]
pub(super) struct Vault {
    /// `$CREDENTIALS_DIRECTORY`, if the service manager set it.
    pub(super) credentials: Option<PathBuf>,
    /// Whether credentials are only named, not read: `check-config` cannot read them (systemd closes them to it).
    pub(super) names_only: bool,
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    #[error("{0:?} is neither an absolute path nor a bare file name")]
    Relative(String),
    #[error("{0:?} is a bare name, but $CREDENTIALS_DIRECTORY is not set: use LoadCredential= or an absolute path")]
    NoCredentials(String),
    #[error("{path} cannot be read: {cause}")]
    Unreadable { path: String, cause: io::Error },
    #[error("{path} is not a regular file of at most {SECRET_BYTES_MAX} bytes")]
    Form { path: String },
    #[error("{path} is open to others (mode {mode:04o}): chmod 0600 it")]
    Open { path: String, mode: u32 },
    #[error("{path} is empty")]
    Empty { path: String },
    #[error("{path} is not one line of text")]
    NotText { path: String },
}

impl Vault {
    /// Reads the secret `name` points at, without the line's end. `None`: it may not be read here, only named.
    pub(super) fn read(&self, name: &str) -> Result<Option<Zeroizing<String>>, SecretError> {
        let given = Path::new(name);
        if given.is_absolute() {
            return read_file(given, true).map(Some);
        }
        let is_bare = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
        if !is_bare {
            return Err(SecretError::Relative(name.to_owned()));
        }
        match &self.credentials {
            _ if self.names_only => Ok(None),
            Some(directory) => read_file(&directory.join(name), false).map(Some),
            None => Err(SecretError::NoCredentials(name.to_owned())),
        }
    }
}

fn read_file(path: &Path, must_be_closed: bool) -> Result<Zeroizing<String>, SecretError> {
    let shown = path.display().to_string();
    let unreadable = |cause| SecretError::Unreadable { path: path.display().to_string(), cause };
    let facts = fs::metadata(path).map_err(unreadable)?;
    if !facts.is_file() || facts.len() > SECRET_BYTES_MAX {
        return Err(SecretError::Form { path: shown });
    }
    let mode = facts.permissions().mode() & 0o7777;
    if must_be_closed && mode & OTHERS != 0 {
        return Err(SecretError::Open { path: shown, mode });
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(unreadable)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText { path: shown.clone() })?.trim();
    if text.is_empty() {
        return Err(SecretError::Empty { path: shown });
    }
    if text.chars().any(char::is_control) {
        return Err(SecretError::NotText { path: shown });
    }
    Ok(Zeroizing::new(text.to_owned()))
}
