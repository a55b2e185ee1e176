//! Signing secrets: drawn here, kept in a file of mode 0600, sent; never printed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::exit::{CONFLICT, FAILURE, Failure, USAGE};
use crate::{
    domain::{Protocol, SigningKey, secret::TEXT_SECRET_BYTES_MAX},
    vault,
};

/// Bytes drawn.
const SECRET_BYTES: usize = 32;
/// What a secret's text begins with (Standard Webhooks).
const SECRET_PREFIX: &str = "whsec_";
/// Longest file that is looked at, in bytes: a secret and the end of its line.
const FILE_BYTES_MAX: u16 = 256;

/// What an existing file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// The command is repeated, or the merchant has a secret already: the one in the file is sent.
    Reuse,
    /// A mistake.
    Refuse,
}

/// The secret in `path` of an app that is told by `protocol`, drawn and written first if there is no such file. On disk
/// before it is sent: a secret that only the daemon knows would be lost.
pub(super) fn secret_in(path: &Path, existing: Existing, protocol: Protocol) -> Result<Zeroizing<String>, Failure> {
    let secret = draw(protocol).map_err(|error| Failure::new(FAILURE, error.to_string()))?;
    match write_new(path, &secret) {
        Ok(()) => Ok(secret),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match existing {
            Existing::Reuse => reread(path, protocol),
            Existing::Refuse => Err(Failure::new(
                CONFLICT,
                format!("{} exists: name a new file, or --repeat to send the secret in it again", path.display()),
            )),
        },
        Err(error) => Err(Failure::new(FAILURE, format!("{}: {error}", path.display()))),
    }
}

fn draw(protocol: Protocol) -> io::Result<Zeroizing<String>> {
    if protocol.has_text_secret() {
        return vault::draw_text().map_err(io::Error::other);
    }
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    getrandom::fill(&mut *bytes).map_err(io::Error::other)?;
    Ok(Zeroizing::new(format!("{SECRET_PREFIX}{}", *Zeroizing::new(STANDARD.encode(*bytes)))))
}

/// Writes one line into a file that was not there, closed to others, and returns when file and name are on disk. What
/// could not be written whole is taken away again.
pub(super) fn write_new(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut write = || {
        file.write_all(line.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent)?.sync_all()
    };
    write().inspect_err(|_| drop(fs::remove_file(path)))
}

fn reread(path: &Path, protocol: Protocol) -> Result<Zeroizing<String>, Failure> {
    let wrong = |what: &str| Failure::new(USAGE, format!("{}: {what}", path.display()));
    let unreadable = |error: io::Error| wrong(&error.to_string());
    let file = File::open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    if facts.permissions().mode() & 0o077 != 0 {
        return Err(wrong("is open to others: chmod 0600 it"));
    }
    let mut text = Zeroizing::new(String::with_capacity(usize::from(FILE_BYTES_MAX) + 1));
    file.take(u64::from(FILE_BYTES_MAX) + 1).read_to_string(&mut text).map_err(unreadable)?;
    if protocol.has_text_secret() {
        // Blanks may belong to it: only the end of the line does not.
        let secret = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        return match SigningKey::for_protocol(protocol, secret.as_bytes().to_vec()) {
            Some(_) => Ok(Zeroizing::new(secret.to_owned())),
            None => Err(wrong(&format!("holds no secret: one line of 1 to {TEXT_SECRET_BYTES_MAX} bytes"))),
        };
    }
    let secret = text.trim();
    if !secret.starts_with(SECRET_PREFIX) {
        return Err(wrong("exists and holds no secret of the form whsec_…"));
    }
    Ok(Zeroizing::new(secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Protocol = Protocol::StandardWebhooks;

    #[test]
    fn drawn_once_closed_to_others_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shop.secret");
        let secret = secret_in(&path, Existing::Refuse, JSON).unwrap();
        let bytes = STANDARD.decode(secret.strip_prefix(SECRET_PREFIX).unwrap()).unwrap();
        assert_eq!(bytes.len(), SECRET_BYTES);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(secret_in(&path, Existing::Reuse, JSON).unwrap(), secret);
        assert_eq!(secret_in(&path, Existing::Refuse, JSON).unwrap_err().code, CONFLICT);
        let other = secret_in(&directory.path().join("other"), Existing::Refuse, JSON).unwrap();
        assert_ne!(other, secret);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(secret_in(&path, Existing::Reuse, JSON).unwrap_err().code, USAGE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "something else").unwrap();
        assert_eq!(secret_in(&path, Existing::Reuse, JSON).unwrap_err().code, USAGE);
    }

    #[test]
    fn a_merchants_own_text_is_taken_as_it_stands_and_a_new_one_is_letters_and_digits() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("udun.secret");
        let drawn = secret_in(&path, Existing::Refuse, Protocol::Udun).unwrap();
        assert!(drawn.len() == 32 && drawn.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(secret_in(&path, Existing::Reuse, Protocol::Udun).unwrap(), drawn);
        let longest = "k".repeat(TEXT_SECRET_BYTES_MAX);
        for (written, sent) in [
            ("abc\n", Some("abc")),
            ("abc\r\n", Some("abc")),
            (" a b \n", Some(" a b ")),
            ("schlüssel", Some("schlüssel")),
            ("whsec_c2VjcmV0", Some("whsec_c2VjcmV0")),
            (longest.as_str(), Some(longest.as_str())),
            ("", None),
            ("\n", None),
            ("one\ntwo\n", None),
            ("tab\there", None),
            (&"k".repeat(TEXT_SECRET_BYTES_MAX + 1), None),
            (&"k".repeat(5000), None),
        ] {
            fs::write(&path, written).unwrap();
            let read = secret_in(&path, Existing::Reuse, Protocol::Udun);
            match sent {
                Some(sent) => assert_eq!(read.unwrap().as_str(), sent),
                None => assert_eq!(read.unwrap_err().code, USAGE, "{written:?}"),
            }
        }
    }

    #[test]
    fn a_secret_that_cannot_be_kept_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("no/such/file");
        assert_eq!(secret_in(&missing, Existing::Reuse, JSON).unwrap_err().code, FAILURE);
    }
}
