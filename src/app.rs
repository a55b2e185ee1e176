//! Skeleton: app.
