//! Skeleton: supervise.
