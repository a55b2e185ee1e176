//! `[egress]`: the proxy, the extra roots, and what is said of them at every start.

use std::io::Write;

use super::*;

/// A file with one root certificate, made now.
pub(super) fn written_ca() -> tempfile::NamedTempFile {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut wish = rcgen::CertificateParams::new(Vec::new()).unwrap();
    wish.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    written(wish.self_signed(&key).unwrap().pem().as_bytes())
}

fn written(text: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    file
}

fn with(lines: &str) -> Result<Config, ConfigErrors> {
    let text = format!("{GOOD}\n[egress]\n{lines}\n");
    interpret(Some((Path::new("f.toml"), &text)), vec![], Vault { credentials: None, names_only: true }).0
}

/// What is wrong, without its place.
fn problem(lines: &str) -> String {
    let errors = with(lines).expect_err(lines);
    errors.0.iter().map(|error| format!("{}: {}", error.key, error.problem)).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_proxy_is_read_and_named_at_every_start() {
    let config = with("proxy = \"http://Proxy.internal:3128\"").expect("a good proxy");
    let proxy = config.egress.proxy.clone().expect("it is written");
    assert_eq!((proxy.name(), proxy.address(), proxy.port()), (Some("proxy.internal"), None, 3128));
    let said: Vec<&String> = config.warnings.iter().filter(|warning| warning.contains("egress.proxy")).collect();
    assert_eq!(
        said,
        ["egress.proxy: receivers are reached through http://proxy.internal:3128; names that do not resolve here are \
            judged by the proxy alone"]
    );
    let plain = with("").expect("nothing is written");
    assert_eq!((plain.egress.proxy, plain.egress.roots), (None, vec![]));
    assert!(!plain.warnings.iter().any(|warning| warning.contains("egress.proxy")));
}

#[test]
fn other_proxies_are_errors() {
    for (lines, expected) in [
        ("proxy = \"\"", "egress.proxy: must not be empty"),
        ("proxy = 3128", "egress.proxy: must be text in quotes"),
        ("proxy = \"http://u:p@proxy:3128\"", "egress.proxy: must not carry a user name or password"),
        ("proxy = \"http://proxy:3128/x\"", "egress.proxy: must end behind the port: http://host:port"),
        (
            "proxy = \"https://proxy:3128\"",
            "egress.proxy: must begin with http://: the proxy is asked to CONNECT, and TLS to the receiver goes through it",
        ),
        (
            "proxy = \"http://proxy:3128\"\nallow_insecure_loopback = true",
            "egress.proxy: cannot stand beside allow_insecure_loopback: a proxy's loopback is not ours",
        ),
    ] {
        assert_eq!(problem(lines), expected);
    }
}

#[test]
fn a_ca_file_holds_certificates() {
    let good = written_ca();
    let config = with(&format!("ca_file = {:?}", good.path())).expect("a good file");
    assert_eq!(config.egress.roots.len(), 1);

    let nothing = written(b"# empty\n");
    let garbage = written(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let broken = written(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    for (path, expected) in [
        (nothing.path().to_str().unwrap(), "egress.ca_file: holds no certificate"),
        (garbage.path().to_str().unwrap(), "egress.ca_file: certificate 1: "),
        (broken.path().to_str().unwrap(), "egress.ca_file: is not PEM: "),
        ("/nowhere/ca.pem", "egress.ca_file: cannot be read: "),
        ("ca.pem", "egress.ca_file: must be an absolute path"),
    ] {
        let problem = problem(&format!("ca_file = {path:?}"));
        assert!(problem.starts_with(expected), "{problem}");
    }
}
