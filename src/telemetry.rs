//! Skeleton: telemetry.
