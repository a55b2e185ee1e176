//! Where the store lives.

use std::path::PathBuf;

use super::sheet::Section;

/// `[store]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Directory of the database; only this process may use it.
    pub dir: PathBuf,
    /// File of the witness; better on another device.
    pub witness: PathBuf,
    /// Page cache in MiB, 16 to 65 536.
    pub cache_mb: u64,
}

impl StoreConfig {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let dir = read_path(&mut section, "dir");
        let witness = read_path(&mut section, "witness");
        let cache_mb = section.number("cache_mb", 16..=65_536);
        if let (Some(dir), Some(witness)) = (&dir, &witness)
            && witness.starts_with(dir)
        {
            section.wrong("witness", "must lie outside `dir`: a lost directory would take its witness with it");
        }
        section.finish();
        Some(Self { dir: dir?, witness: witness?, cache_mb: cache_mb? })
    }
}

/// A path that does not depend on where the daemon was started.
pub(super) fn read_path(section: &mut Section<'_>, key: &'static str) -> Option<PathBuf> {
    let path = PathBuf::from(section.text(key)?);
    if path.is_absolute() {
        return Some(path);
    }
    section.wrong(key, "must be an absolute path");
    None
}
