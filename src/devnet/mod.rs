//! Skeleton: devnet.
