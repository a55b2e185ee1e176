//! Skeleton: follow.
