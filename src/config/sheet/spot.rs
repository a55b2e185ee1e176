//! Where a key stands, kept for what is found out only once everything has been read.

use super::{Section, Sheet};
use crate::{config::error::Place, domain::Origin};

/// A key and where it stands, or where it should have been written.
#[derive(Clone, Debug)]
pub(in crate::config) struct Spot {
    path: String,
    place: Place,
}

impl Spot {
    /// The key's path: `networks.main.tiers[0].from`.
    pub(in crate::config) fn path(&self) -> &str {
        &self.path
    }

    /// As an operator finds it: file name and line, or the variable's name.
    pub(in crate::config) fn origin(&self) -> Origin {
        Origin::File(match &self.place {
            Place::Line { file, line, .. } => format!("{}:{line}", file_name(file)),
            Place::File(file) => file_name(file),
            Place::Variable(name) => name.clone(),
        })
    }
}

fn file_name(file: &std::path::Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

impl Section<'_> {
    /// Where `key` stands; empty: the table itself.
    pub(in crate::config) fn spot(&self, key: &str) -> Spot {
        let path = self.path_to(key);
        let place = match self.table.get(key) {
            Some(value) => self.sheet.layers.place_of(&path, value.tag()),
            None => self.place_of_missing(&path),
        };
        Spot { path, place }
    }
}

impl Sheet {
    /// Reports what is wrong with the value at `spot`.
    pub(in crate::config) fn wrong_at(&self, spot: &Spot, problem: impl Into<String>) {
        self.report(spot.place.clone(), &spot.path, problem.into(), None);
    }
}
