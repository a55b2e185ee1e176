//! What a command that was not carried out means for everybody else.

use super::Refusal;
use crate::store::StoreError;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It changed nothing; the caller is told.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store cannot be trusted any more; the process ends.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        // Nothing was staged then: one command that cannot be kept is no reason to stop the others.
        if matches!(error, StoreError::RowTooLarge { .. } | StoreError::RowUnreadable { .. }) {
            Self::Refused(Refusal::Invalid(error.to_string()))
        } else {
            Self::Store(error)
        }
    }
}
