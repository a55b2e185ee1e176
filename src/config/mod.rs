//! Configuration: three layers, merged, checked, typed. Every error is reported at once, each with its place.
//!
//! Layers, weakest first: the compiled-in `config/default.toml`, which documents every key; the file; variables
//! `DEPOSITD_…` with `__` between levels. Secrets come only as `…_file` keys.
//! Not here: reading the process's environment (the caller hands it in), and asking the chain whether it agrees.

mod adapter;
mod api;
mod changed;
mod egress;
mod endpoint;
mod error;
mod identity;
mod layers;
mod nearest;
mod network;
mod node_url;
mod notify;
mod policy;
mod process;
mod secret;
mod secrets;
mod sheet;
mod store;
#[cfg(test)]
mod tests;
mod tokens;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

pub use adapter::{Adapter, BlockIdCheck, BloomCheck, EvmAdapter, ReadMode, TronAdapter};
pub use api::ApiConfig;
pub use changed::{ChangedKeys, KeyDigests, changed_keys};
pub use egress::EgressConfig;
pub use endpoint::{EndpointConfig, EvmEndpoint, TronEndpoint};
pub use error::{ConfigError, ConfigErrors, Place};
pub use network::{NetworkConfig, Start};
pub use node_url::{ApiKey, NodeUrl};
pub use notify::NotifyConfig;
pub use process::{HttpConfig, LogConfig, LogFormat, StopConfig};
pub use secrets::SecretsConfig;
pub use store::StoreConfig;

use endpoint::EndpointDefaults;
use layers::{Document, Environment, Layers};
use network::NetworkDefaults;
use secret::Vault;
use sheet::Sheet;

/// The file that is read if none is named.
pub const DEFAULT_FILE: &str = "/etc/depositd/depositd.toml";
/// The defaults and the manual of every key.
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");
/// The variable systemd names the directory of credentials in.
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// The whole configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the store lives.
    pub store: StoreConfig,
    /// At least one, in the order of slugs.
    pub networks: Vec<NetworkConfig>,
    /// gRPC.
    pub api: ApiConfig,
    /// The master key.
    pub secrets: SecretsConfig,
    /// Telling.
    pub notify: NotifyConfig,
    /// Which receivers may be reached.
    pub egress: EgressConfig,
    /// Pages.
    pub http: HttpConfig,
    /// Log lines.
    pub log: LogConfig,
    /// Stopping.
    pub stop: StopConfig,
    /// What an operator should know at every start, one sentence each.
    pub warnings: Vec<String>,
    /// What every key comes to, to be compared with another reading.
    pub keys: KeyDigests,
}

/// Reads the layers and the secrets they name. `variables` is the process's environment; what does not begin with
/// `DEPOSITD_` is ignored, but for `CREDENTIALS_DIRECTORY`.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigErrors> {
    read(file, variables, false)
}

/// Like [`load`], but credentials need only be named rightly: systemd closes them to every process but the daemon.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn check(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigErrors> {
    read(file, variables, true)
}

fn read(
    file: Option<&Path>,
    variables: impl Iterator<Item = (String, String)>,
    names_only: bool,
) -> Result<Config, ConfigErrors> {
    let variables: Vec<(String, String)> = variables.collect();
    let credentials = variables.iter().find(|(name, _)| name == CREDENTIALS_VARIABLE);
    let vault = Vault { credentials: credentials.map(|(_, value)| PathBuf::from(value)), names_only };
    let text = match file {
        None => None,
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|cause| unreadable(path, &cause))?;
            Some((path, text))
        }
    };
    interpret(text.as_ref().map(|(path, text)| (*path, text.as_str())), variables, vault).0
}

fn unreadable(path: &Path, cause: &std::io::Error) -> ConfigErrors {
    ConfigErrors(vec![ConfigError {
        place: Place::File(path.to_owned()),
        key: String::new(),
        problem: format!("cannot be read: {cause}"),
        help: Some("name another file with --config".to_owned()),
    }])
}

/// The configuration, and every key the readers asked for.
fn interpret(
    file: Option<(&Path, &str)>,
    variables: Vec<(String, String)>,
    vault: Vault,
) -> (Result<Config, ConfigErrors>, BTreeSet<String>) {
    let defaults = Document::parse(Path::new("default.toml"), DEFAULT_TOML)
        .expect("the compiled-in defaults are TOML; a test parses them");
    let file = match file.map(|(path, text)| Document::parse(path, text)).transpose() {
        Ok(file) => file,
        Err(errors) => return (Err(ConfigErrors::sorted(errors)), BTreeSet::new()),
    };
    let sheet = Sheet::new(Layers::merge(defaults, file, Environment::of(variables)), vault);
    let config = read_tree(&sheet);
    let keys = KeyDigests::of(sheet.layers.root());
    let (errors, warnings, asked) = sheet.into_findings();
    let config = match config {
        Some(config) if errors.is_empty() => Ok(Config { warnings, keys, ..config }),
        _ => Err(ConfigErrors::sorted(errors)),
    };
    (config, asked)
}

fn read_tree(sheet: &Sheet) -> Option<Config> {
    let mut root = sheet.root();
    let store = root.section("store").and_then(StoreConfig::read);
    let defaults = root.section("network").and_then(NetworkDefaults::read);
    let endpoint_defaults = root.section("endpoint").and_then(EndpointDefaults::read);
    let networks = network::read_all(&mut root, defaults, endpoint_defaults);
    let api = root.section("api").and_then(ApiConfig::read);
    let secrets = root.section("secrets").and_then(SecretsConfig::read);
    let notify = root.section("notify").and_then(NotifyConfig::read);
    let egress = root.section("egress").and_then(EgressConfig::read);
    let http = root.section("http").and_then(HttpConfig::read);
    let log = root.section("log").and_then(LogConfig::read);
    let stop = root.section("stop").and_then(StopConfig::read);
    root.finish();
    Some(Config {
        store: store?,
        networks: networks?,
        api: api?,
        secrets: secrets?,
        notify: notify?,
        egress: egress?,
        http: http?,
        log: log?,
        stop: stop?,
        warnings: vec![],
        keys: KeyDigests::default(),
    })
}
