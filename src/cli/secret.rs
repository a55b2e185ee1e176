//! Signing secrets: drawn here, kept in a file of mode 0600, sent; never printed.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::exit::{CONFLICT, FAILURE, Failure, USAGE};

/// Bytes drawn.
const SECRET_BYTES: usize = 32;
/// What a secret's text begins with (Standard Webhooks).
const SECRET_PREFIX: &str = "whsec_";

/// What an existing file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// The command is repeated: the secret in it is sent again.
    Reuse,
    /// A mistake.
    Refuse,
}

/// The secret in `path`, drawn and written first if there is no such file. On disk before it is sent: a secret that only
/// the daemon knows would be lost.
pub(super) fn secret_in(path: &Path, existing: Existing) -> Result<Zeroizing<String>, Failure> {
    match draw_into(path) {
        Ok(secret) => Ok(secret),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match existing {
            Existing::Reuse => reread(path),
            Existing::Refuse => Err(Failure::new(
                CONFLICT,
                format!("{} exists: name a new file, or --repeat to send the secret in it again", path.display()),
            )),
        },
        Err(error) => Err(Failure::new(FAILURE, format!("{}: {error}", path.display()))),
    }
}

fn draw_into(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    getrandom::fill(&mut *bytes).map_err(io::Error::other)?;
    let secret = Zeroizing::new(format!("{SECRET_PREFIX}{}", *Zeroizing::new(STANDARD.encode(*bytes))));
    file.write_all(secret.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    Ok(secret)
}

fn reread(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let wrong = |what: &str| Failure::new(USAGE, format!("{}: {what}", path.display()));
    let facts = fs::metadata(path).map_err(|error| wrong(&error.to_string()))?;
    if facts.permissions().mode() & 0o077 != 0 {
        return Err(wrong("is open to others: chmod 0600 it"));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?);
    let secret = text.trim();
    if !secret.starts_with(SECRET_PREFIX) {
        return Err(wrong("exists and holds no secret of the form whsec_…"));
    }
    Ok(Zeroizing::new(secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_once_closed_to_others_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shop.secret");
        let secret = secret_in(&path, Existing::Refuse).unwrap();
        let bytes = STANDARD.decode(secret.strip_prefix(SECRET_PREFIX).unwrap()).unwrap();
        assert_eq!(bytes.len(), SECRET_BYTES);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(secret_in(&path, Existing::Reuse).unwrap(), secret);
        assert_eq!(secret_in(&path, Existing::Refuse).unwrap_err().code, CONFLICT);
        let other = secret_in(&directory.path().join("other"), Existing::Refuse).unwrap();
        assert_ne!(other, secret);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(secret_in(&path, Existing::Reuse).unwrap_err().code, USAGE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "something else").unwrap();
        assert_eq!(secret_in(&path, Existing::Reuse).unwrap_err().code, USAGE);
    }
}
