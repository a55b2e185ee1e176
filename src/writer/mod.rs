//! One thread changes state.
pub mod handle;
pub use handle::{Applied, Command, NewOrder, NewWatch, Refusal, Reply, Rotation, Settlement, WriterHandle};
