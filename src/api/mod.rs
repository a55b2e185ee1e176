//! Skeleton: api.
