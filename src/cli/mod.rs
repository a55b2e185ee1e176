//! Skeleton: cli.
