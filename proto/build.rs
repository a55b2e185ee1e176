//! Generates the gRPC code from the .proto files. No protoc is needed: the compiler is the `protox` crate.

use std::{env, error::Error, fs, path::PathBuf};

/// Root of the imports, from the package's directory.
const ROOT: &str = "proto";
/// What is compiled.
const FILES: &[&str] = &[
    "depositd/v1/types.proto",
    "depositd/v1/app_service.proto",
    "depositd/v1/order_service.proto",
    "depositd/v1/address_service.proto",
    "depositd/v1/deposit_service.proto",
    "depositd/v1/explain_service.proto",
    "depositd/v1/network_service.proto",
    "depositd/v1/event_service.proto",
    "depositd/v1/delivery_service.proto",
    "depositd/v1/endpoint_service.proto",
    "depositd/v1/reconcile_service.proto",
    "depositd/v1/policy_service.proto",
    "depositd/v1/audit_service.proto",
    "depositd/v1/registration_service.proto",
];

/// Messages that are lines of an export too: JSON by the names of their fields.
const RECORDS: [&str; 5] = ["AppRecord", "AddressRecord", "OrderRecord", "OrderRecordLine", "PaymentRecord"];
/// Fields of theirs that are left out where nothing is in them.
const OPTIONAL: [&str; 12] = [
    "depositd.v1.AppRecord.news_detected",
    "depositd.v1.AppRecord.news_unmatched",
    "depositd.v1.AppRecord.news_expired",
    "depositd.v1.AppRecord.news_cancelled",
    "depositd.v1.AddressRecord.standing_from",
    "depositd.v1.AddressRecord.since_height",
    "depositd.v1.AddressRecord.since_time",
    "depositd.v1.OrderRecord.username",
    "depositd.v1.OrderRecord.expires_at",
    "depositd.v1.OrderRecord.payment",
    "depositd.v1.OrderRecordLine.since_height",
    "depositd.v1.OrderRecordLine.since_time",
];
/// The same for texts.
const TEXTS: [&str; 9] = [
    "depositd.v1.AppRecord.v1_scheme",
    "depositd.v1.AppRecord.v1_format",
    "depositd.v1.AppRecord.v2_sign",
    "depositd.v1.AddressRecord.user_mark",
    "depositd.v1.AddressRecord.order_id",
    "depositd.v1.OrderRecord.notify_url",
    "depositd.v1.OrderRecord.own_amount_policy",
    "depositd.v1.OrderRecord.fail_url",
    "depositd.v1.OrderRecord.ordersn",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES)?;
    let descriptor = PathBuf::from(env::var("OUT_DIR")?).join("depositd_descriptor.bin");
    fs::write(descriptor, compiler.encode_file_descriptor_set())?;
    const SERDE: &str = "#[derive(serde::Serialize, serde::Deserialize)]";
    let mut generated = tonic_prost_build::configure().build_client(true).build_server(true);
    for name in RECORDS {
        let path = format!("depositd.v1.{name}");
        generated =
            generated.type_attribute(&path, SERDE).type_attribute(&path, "#[serde(default, deny_unknown_fields)]");
    }
    let one = "depositd.v1.Registration.record";
    generated = generated.type_attribute(one, SERDE).type_attribute(one, "#[serde(rename_all = \"snake_case\")]");
    for path in OPTIONAL {
        generated = generated.field_attribute(path, "#[serde(skip_serializing_if = \"Option::is_none\")]");
    }
    for path in TEXTS {
        generated = generated.field_attribute(path, "#[serde(skip_serializing_if = \"String::is_empty\")]");
    }
    generated.compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
