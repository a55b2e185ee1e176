//! The master key's files.

use super::*;

const OTHER: &str = "EBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8=";

#[test]
fn the_files_of_master_keys_are_read_and_each_mistake_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let write = |name: &str, text: &str, mode: u32| {
        fs::write(path(name), text).unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let text = |current: &str, previous: &[&str]| {
        let previous: Vec<String> = previous.iter().map(|name| format!("{:?}", path(name))).collect();
        let lines = [
            format!("master_key_file = {:?}", path(current)),
            format!("previous_master_key_files = [{}]", previous.join(", ")),
        ];
        format!("{GOOD}[secrets]\n{}\n", lines.join("\n"))
    };
    write("current", &format!("{MASTER_KEY}\n"), 0o600);
    write("older", OTHER, 0o400);
    write("open", MASTER_KEY, 0o640);
    write("empty", "\n", 0o600);
    write("wrong", "hunter2hunter2", 0o600);
    let config = load_text(&text("current", &["older"]), &[]).expect("two closed files");
    assert_eq!(config.secrets.master_key.as_str(), MASTER_KEY);
    assert_eq!(config.secrets.previous.iter().map(|key| key.as_str()).collect::<Vec<_>>(), [OTHER]);
    let shown = format!("{config:?}");
    assert!(!shown.contains(MASTER_KEY) && !shown.contains(OTHER), "{shown}");

    for (current, expected, help) in [
        ("none", "cannot be read: No such file", "`depositd master-key FILE` makes a new one"),
        ("empty", "is empty", "`depositd master-key FILE` makes a new one"),
        ("open", "is open to others (mode 0640)", "chmod 0600 it"),
        ("wrong", "it is the base64 of 32 bytes", "`depositd master-key FILE` makes a new one"),
    ] {
        let problems = summaries(load_text(&text(current, &[]), &[]));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("f.toml:17:19: secrets.master_key_file: "), "{problems:?}");
        assert!(problems[0].contains(expected) && problems[0].contains(help), "{problems:?}");
        assert!(problems[0].contains(&path(current)) && !problems[0].contains("hunter2"), "{problems:?}");
        let file = directory.path().join("depositd.toml");
        fs::write(&file, text(current, &[])).unwrap();
        let checked = check(Some(&file), std::iter::empty()).expect_err("check-config finds it too");
        assert_eq!(checked.0.len(), 1);
    }
    let problems = summaries(load_text(&text("wrong", &["older", "none", "wrong"]), &[]));
    assert_eq!(problems.len(), 3, "all at once: {problems:?}");
    assert!(problems[1].contains("previous_master_key_files") && !problems[1].contains("makes a new one"));
}

#[test]
fn a_bare_name_is_a_credential_which_check_config_only_names() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), GOOD).unwrap();
    let named = check(Some(file.path()), std::iter::empty()).expect("named rightly");
    assert_eq!(named.secrets.master_key.as_str(), "unread");
    let problems = summaries(load(Some(file.path()), std::iter::empty()));
    assert!(problems[0].contains("secrets.master_key_file: \"master.key\" is a bare name"), "{problems:?}");
    assert!(problems[0].ends_with("`depositd master-key FILE` makes a new one"), "{problems:?}");
    let written = format!("{GOOD}[secrets]\nmaster_key = \"hunter2\"\n");
    assert!(!format!("{:?}", load_text(&written, &[]).expect_err("written into the file")).contains("hunter2"));
}
