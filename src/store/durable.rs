//! Making files and names stay. A failed sync is never tried again: the kernel may have dropped the pages already.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::error::StoreError;

/// Syncs a file, or a directory and with it the names in it.
pub(super) fn sync_path(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The directory a path's name stands in.
pub(super) fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// Options for a file only we may read.
pub(super) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// Makes sure that `dir` is a directory only its owner can enter, creating it if it is not there.
///
/// # Errors
/// [`StoreError::NotPrivate`] for links, other files and open permissions; [`StoreError::Io`].
pub(super) fn private_dir(dir: &Path) -> Result<(), StoreError> {
    let refuse = |why| Err(StoreError::NotPrivate { dir: dir.to_owned(), why });
    match std::fs::symlink_metadata(dir) {
        Ok(found) if found.is_symlink() => refuse("is a symbolic link, name the directory itself"),
        Ok(found) if !found.is_dir() => refuse("is not a directory"),
        Ok(found) if found.mode() & 0o077 != 0 => {
            refuse("is open to other users, and signing keys are kept in it: chmod 0700")
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().mode(0o700).create(dir).map_err(StoreError::io("create", dir))?;
            sync_path(&parent_of(dir)).map_err(StoreError::io("sync the parent of", dir))
        }
        Err(error) => Err(StoreError::io("look at", dir)(error)),
    }
}
