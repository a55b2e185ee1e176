//! Skeleton: notify.
