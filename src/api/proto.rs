//! The generated code.

/// Package `depositd.v1`.
pub mod v1 {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        reason = "generated: written by no person, read by none"
    )]
    tonic::include_proto!("depositd.v1");
}

/// The encoded descriptors of the package and what it imports, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/depositd_descriptor.bin"));
