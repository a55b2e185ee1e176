//! One process per store: an exclusive lock on a file of its own, taken before anything else is opened.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
};

use fs4::fs_std::FileExt;

use super::{durable, error::StoreError};

/// Held as long as the store is open. The system releases it with the process, however that ends.
#[derive(Debug)]
pub(super) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock of `dir` and writes our process id into it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] at once if another process has it.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("lock");
        let mut file =
            durable::private_file().create(true).truncate(false).open(&path).map_err(StoreError::io("open", &path))?;
        if !FileExt::try_lock_exclusive(&file).map_err(StoreError::io("lock", &path))? {
            let mut text = String::new();
            // Who it is only helps the message.
            let _ = file.read_to_string(&mut text);
            return Err(StoreError::Locked { dir: dir.to_owned(), pid: text.trim().parse().ok() });
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(StoreError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}
