//! Pure: what does this batch change?
pub mod changeset;
pub use changeset::{Change, Changeset};
