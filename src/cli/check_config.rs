//! `depositd check-config`: 0, or 78 and everything that is wrong.

use std::path::Path;

use serde_json::json;

use crate::config::{self, Config};

use super::{
    exit::{CONFIGURATION, Failure},
    show,
};

pub(super) fn run(
    file: &Path,
    as_json: bool,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<(), Failure> {
    match config::check(Some(file), variables) {
        Ok(config) => {
            if as_json {
                show::line(&json!({ "errors": [], "warnings": config.warnings }).to_string());
            } else {
                describe(&config);
            }
            Ok(())
        }
        Err(errors) => {
            if as_json {
                show::line(&json!({ "errors": errors.json(), "warnings": [] }).to_string());
            }
            Err(Failure::new(CONFIGURATION, errors.text().trim_end()))
        }
    }
}

fn describe(config: &Config) {
    for network in &config.networks {
        let tokens: Vec<&str> = network.spec.tokens.values().map(|token| token.symbol.as_str()).collect();
        let endpoints: Vec<String> =
            network.endpoints().iter().map(|endpoint| format!("{} ({})", endpoint.name, endpoint.url)).collect();
        show::line(&format!("network {}: {} from {}", network.spec.id, tokens.join(", "), endpoints.join(", ")));
    }
    for warning in &config.warnings {
        show::message(&format!("warning: {warning}"));
    }
    show::line("the configuration is good");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_file_is_exit_78_and_the_shipped_ones_are_good() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("depositd.toml");
        let failure = run(&file, true, std::iter::empty()).unwrap_err();
        assert_eq!(failure.code, CONFIGURATION);
        let falls =
            include_str!("../../config/ethereum-mainnet.toml").replace("confirmations = 32", "confirmations = 11");
        std::fs::write(&file, falls).unwrap();
        let failure = run(&file, false, std::iter::empty()).unwrap_err();
        assert!(failure.code == CONFIGURATION && failure.to_string().contains("from 10000 on only 11 confirmations"));
        super::super::master_key::run(&directory.path().join("master.key")).unwrap();
        for shipped in [
            include_str!("../../config/ethereum-mainnet.toml"),
            include_str!("../../config/local-devnet.toml"),
            include_str!("../../config/local-node.toml"),
            include_str!("../../config/tron-mainnet.toml"),
            include_str!("../../config/tron-nile.toml"),
            include_str!("../../config/tron-own-node.toml"),
        ] {
            let key = directory.path().join("master.key").display().to_string();
            let shipped = shipped.replace("/var/tmp/depositd-local/master.key", &key);
            let shipped = shipped.replace("/var/tmp/depositd-devnet/master.key", &key);
            std::fs::write(&file, &shipped).unwrap();
            assert_eq!(run(&file, false, std::iter::empty()), Ok(()), "{shipped}");
        }
    }
}
