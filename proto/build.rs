//! Generates the gRPC code from the .proto files. No protoc is needed: the compiler is the `protox` crate.

use std::{env, error::Error, fs, path::PathBuf};

/// Root of the imports, from the package's directory.
const ROOT: &str = "proto";
/// What is compiled.
const FILES: [&str; 6] = [
    "depositd/v1/types.proto",
    "depositd/v1/app_service.proto",
    "depositd/v1/order_service.proto",
    "depositd/v1/address_service.proto",
    "depositd/v1/deposit_service.proto",
    "depositd/v1/network_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES)?;
    let descriptor = PathBuf::from(env::var("OUT_DIR")?).join("depositd_descriptor.bin");
    fs::write(descriptor, compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure().build_client(true).build_server(true).compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
