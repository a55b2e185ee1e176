//! Skeleton: metrics.
