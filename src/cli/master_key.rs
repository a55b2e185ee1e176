//! `depositd master-key FILE`: the key that merchants' signing keys are kept under.

use std::{io, path::Path};

use crate::vault::Vault;

use super::{
    exit::{CONFLICT, FAILURE, Failure},
    secret::write_new,
    show,
};

/// Draws a master key into a new file and says what to do with it. The key itself is never printed.
pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let key = Vault::draw().map_err(|error| Failure::new(FAILURE, error.to_string()))?;
    match write_new(path, &key) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let text = format!("{shown} exists and stays as it is: a master key is never overwritten, name a new file");
            return Err(Failure::new(CONFLICT, text));
        }
        Err(error) => return Err(Failure::new(FAILURE, format!("{shown}: {error}"))),
    }
    let vault = Vault::new(&key, []).map_err(|error| Failure::new(FAILURE, error.to_string()))?;
    show::line(&told(path, &vault.name()));
    Ok(())
}

/// What to do next.
fn told(path: &Path, name: &str) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let file = absolute.display();
    format!(
        "{file} holds a new master key, {name}.\n\
         Under systemd:   LoadCredential=master.key:{file}\n                 \
         (the shipped unit has it for /etc/depositd/credentials/master.key; nothing in the configuration)\n\
         Without systemd: [secrets]\n                 master_key_file = \"{file}\"\n\
         Keep a copy on another machine: signing keys in a store or a backup cannot be used without it.\n\
         To replace an older one, name that in previous_master_key_files for one start."
    )
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::vault::check_form;

    #[test]
    fn a_key_is_drawn_into_a_new_closed_file_and_nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        run(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        check_form(&text).unwrap();
        assert_eq!((text.len(), text.lines().count()), (45, 1), "44 characters and the end of the line");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let failure = run(&path).unwrap_err();
        assert!(failure.code == CONFLICT && failure.to_string().contains("master.key exists"), "{failure}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "and it is as it was");
        let other = directory.path().join("other.key");
        run(&other).unwrap();
        assert_ne!(fs::read_to_string(&other).unwrap(), text);
        assert_eq!(run(&directory.path().join("no/such/dir")).unwrap_err().code, FAILURE);
    }

    #[test]
    fn what_is_told_names_the_file_and_not_the_key() {
        let key = Vault::draw().unwrap();
        let vault = Vault::new(&key, []).unwrap();
        let text = told(Path::new("/etc/depositd/credentials/master.key"), &vault.name());
        assert!(text.contains("LoadCredential=master.key:/etc/depositd/credentials/master.key\n"), "{text}");
        assert!(text.contains(&vault.name()) && !text.contains(key.as_str()), "{text}");
    }
}
