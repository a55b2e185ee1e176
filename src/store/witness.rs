//! A small file, best on another device, that remembers the last commit: a store put back from an older copy is
//! behind it and refuses to go on.
//!
//! Two slots of 512 bytes, each `magic₈ schema₂ store₁₆ sequence₈ running₃₂ CRC-32C₄` and zeros. A commit overwrites
//! the slot that does not hold the newest mark and syncs the file, so a torn write leaves the mark before it; a store
//! ahead of its witness is accepted, because the store is always written first. The file itself is created whole
//! under another name and renamed.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    durable,
    error::{RESTORE, StoreError},
    seal::{Meta, SCHEMA, Seal},
};

const MAGIC: &[u8; 8] = b"DPWITN01";
const SLOT_BYTES: usize = 512;
const MARK_BYTES: usize = 70;

/// What to do about a witness that is not there or cannot be read.
const PUT_BACK: &str = "put the witness file back as it was: without it an older copy of the store cannot be told from \
     the newest one";

/// One commit, as remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    schema: u16,
    store: [u8; 16],
    sequence: u64,
    running: [u8; 32],
}

impl Mark {
    fn of(meta: &Meta, seal: &Seal) -> Self {
        Self { schema: meta.schema, store: meta.store, sequence: seal.sequence, running: seal.running }
    }

    fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut slot = Vec::with_capacity(SLOT_BYTES);
        slot.extend_from_slice(MAGIC);
        slot.extend_from_slice(&self.schema.to_be_bytes());
        slot.extend_from_slice(&self.store);
        slot.extend_from_slice(&self.sequence.to_be_bytes());
        slot.extend_from_slice(&self.running);
        slot.extend_from_slice(&crc32c::crc32c(&slot).to_be_bytes());
        let mut padded = [0; SLOT_BYTES];
        padded[..MARK_BYTES].copy_from_slice(&slot);
        padded
    }

    /// `None` for a slot never written, torn or damaged.
    fn decode(slot: &[u8]) -> Option<Self> {
        let (content, sum) = slot.get(..MARK_BYTES)?.split_at(MARK_BYTES - 4);
        if crc32c::crc32c(content).to_be_bytes() != *sum {
            return None;
        }
        let rest = content.strip_prefix(MAGIC)?;
        let (schema, rest) = rest.split_first_chunk()?;
        let (store, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        Some(Self {
            schema: u16::from_be_bytes(*schema),
            store: *store,
            sequence: u64::from_be_bytes(*sequence),
            running: rest.try_into().ok()?,
        })
    }
}

/// The open file; `None` inside as long as there is none.
#[derive(Debug)]
pub(super) struct Witness {
    path: PathBuf,
    open: Option<(File, usize, Mark)>,
}

impl Witness {
    /// Reads the file, if there is one. Called before sled is opened, so that a store of a newer version is refused
    /// without a byte of it being touched.
    ///
    /// # Errors
    /// [`StoreError::Newer`]; [`StoreError::Damaged`] if it holds no readable mark.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = match durable::private_file().open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), open: None });
            }
            Err(error) => return Err(StoreError::io("open", path)(error)),
        };
        let bytes = fs::read(path).map_err(StoreError::io("read", path))?;
        let marks = bytes.chunks(SLOT_BYTES).take(2).enumerate();
        let newest = marks
            .filter_map(|(slot, bytes)| Mark::decode(bytes).map(|mark| (slot, mark)))
            .max_by_key(|(_, mark)| mark.sequence);
        let (slot, mark) = newest.ok_or_else(|| StoreError::Damaged {
            what: format!("its witness {} holds no readable mark", path.display()),
            advice: PUT_BACK,
        })?;
        if mark.schema > SCHEMA {
            return Err(StoreError::Newer { found: mark.schema, known: SCHEMA });
        }
        Ok(Self { path: path.to_owned(), open: Some((file, slot, mark)) })
    }

    /// Refuses an empty store if commits of one have been seen.
    ///
    /// # Errors
    /// [`StoreError::BehindWitness`].
    pub(super) fn allows_empty(&self) -> Result<(), StoreError> {
        match &self.open {
            None => Ok(()),
            Some((_, _, mark)) => Err(self.behind(0, mark)),
        }
    }

    /// Compares a checked store with the last mark.
    ///
    /// # Errors
    /// [`StoreError::BehindWitness`]; [`StoreError::Damaged`] if the two do not belong together.
    pub(super) fn allows(&self, meta: &Meta, seal: &Seal) -> Result<(), StoreError> {
        let refuse = |what: &str, advice| {
            Err(StoreError::Damaged { what: format!("its witness {} {what}", self.path.display()), advice })
        };
        match &self.open {
            // A first start may end between the first commit and the first mark; nothing has been answered then.
            None if seal.sequence <= 1 => Ok(()),
            None => refuse("is missing", PUT_BACK),
            Some((_, _, mark)) if mark.store != meta.store => refuse("belongs to another store", PUT_BACK),
            Some((_, _, mark)) if mark.sequence > seal.sequence => Err(self.behind(seal.sequence, mark)),
            Some((_, _, mark)) if mark.sequence == seal.sequence && mark.running != seal.running => {
                refuse("has seen another history with as many commits", RESTORE)
            }
            Some(_) => Ok(()),
        }
    }

    /// Remembers a commit that is on disk.
    ///
    /// # Errors
    /// The system's refusal.
    pub(super) fn mark(&mut self, meta: &Meta, seal: &Seal) -> io::Result<()> {
        let mark = Mark::of(meta, seal);
        self.open = Some(match self.open.take() {
            None => (self.create(&mark)?, 0, mark),
            Some((file, slot, old)) if old == mark => (file, slot, old),
            Some((file, slot, _)) => {
                let other = 1 - slot;
                let at = if other == 0 { 0 } else { SLOT_BYTES as u64 };
                file.write_all_at(&mark.encode(), at)?;
                file.sync_data()?;
                (file, other, mark)
            }
        });
        Ok(())
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn create(&self, mark: &Mark) -> io::Result<File> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        let unfinished = PathBuf::from(name);
        let file = durable::private_file().create(true).truncate(true).open(&unfinished)?;
        file.set_len(2 * SLOT_BYTES as u64)?;
        file.write_all_at(&mark.encode(), 0)?;
        file.sync_all()?;
        fs::rename(&unfinished, &self.path)?;
        durable::sync_path(&durable::parent_of(&self.path))?;
        Ok(file)
    }

    fn behind(&self, store: u64, mark: &Mark) -> StoreError {
        StoreError::BehindWitness { store, witness: mark.sequence, path: self.path.clone() }
    }
}
