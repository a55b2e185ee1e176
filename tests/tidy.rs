//! The rules of the tree that the compiler does not know: imports point one way, some names stay in one place, files
//! and functions stay short, nothing half done is left behind, and the top level stays as it is.
//!
//! Rust files are read as tokens, without comments and without code that is compiled for tests only. Each rule is a
//! function from text to complaints, so that the last tests can show each of them catching what it is there for.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What each module may import from its siblings: whole modules, or paths into them. A module that is not named here
/// may not exist; `main` and the crate's root have no rule.
const IMPORTS: [(&str, &[&str]); 20] = [
    ("domain", &[]),
    ("tracker", &["domain"]),
    ("delivery", &["domain"]),
    ("store", &["domain", "tracker::Changeset", "tracker::Change"]),
    ("writer", &["domain", "tracker", "delivery", "store"]),
    ("chain", &["domain"]),
    ("follow", &["domain", "chain", "writer::handle", "writer::WriterHandle", "writer::Refusal", "writer::Applied"]),
    (
        "notify",
        &[
            "domain",
            "delivery",
            "store::Reader",
            "store::StoreError",
            "writer::WriterHandle",
            "writer::Refusal",
            "writer::Settlement",
            "vault",
        ],
    ),
    (
        "api",
        &[
            "domain",
            "vault",
            "store::Reader",
            "store::StoreError",
            "store::DepositPosition",
            "store::ToldPosition",
            "writer::handle",
        ],
    ),
    ("vault", &["domain"]),
    ("config", &["domain", "vault"]),
    ("service", &[]),
    ("metrics", &["domain", "service"]),
    ("telemetry", &[]),
    ("supervise", &[]),
    ("devnet", &["domain"]),
    (
        "app",
        &[
            "api",
            "chain",
            "config",
            "delivery",
            "domain",
            "follow",
            "metrics",
            "notify",
            "service",
            "store",
            "supervise",
            "vault",
            "writer",
        ],
    ),
    (
        "cli",
        &[
            "api",
            "app",
            "chain::http::install_tls",
            "config",
            "devnet",
            "domain",
            "metrics",
            "store",
            "supervise",
            "telemetry",
            "vault",
            "delivery",
        ],
    ),
    ("lib", &[]),
    ("main", &["cli"]),
];

/// A word, and the only places in `src` that may say it.
const KEPT_IN: [(&str, &[&str]); 8] = [
    ("sled", &["src/store/"]),
    ("ethers_core", &["src/chain/evm/"]),
    ("proto", &["src/api/", "src/cli/"]),
    ("prost", &["src/api/"]),
    ("reqwest", &["src/chain/", "src/notify/"]),
    ("tonic_prost", &["src/api/"]),
    ("figment", &["src/config/"]),
    ("anyhow", &["src/cli/"]),
];

/// What the pure modules do not know: each is a sequence of tokens.
const IMPURE: [&[&str]; 14] = [
    &["tokio"],
    &["tracing"],
    &["metrics"],
    &["rand"],
    &["getrandom"],
    &["HashMap"],
    &["HashSet"],
    &["Instant"],
    &["SystemTime"],
    &["clock"],
    &["std", "::", "time"],
    &["std", "::", "fs"],
    &["std", "::", "env"],
    &["std", "::", "net"],
];

/// What is said nowhere but in tests. `while let Some(Ok(` ends a loop at the first error, silently.
const BANNED: [&[&str]; 6] = [
    &["todo", "!"],
    &["unimplemented", "!"],
    &["dbg", "!"],
    &["while", "let", "Some", "(", "Ok", "("],
    &[".", "unwrap", "("],
    &["#", "[", "ignore"],
];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Everything at the top of the repository that has no dot in front. `target` is the compiler's.
const TOP_LEVEL: [&str; 11] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "config",
    "proto",
    "src",
    "systemd",
    "target",
    "tests",
];

/// A token and the line it begins on. A string keeps its quote and content.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

/// A source file: its path in the repository and its tokens, those of test code cut out in `code`.
struct Source {
    path: String,
    all: Vec<Token>,
    code: Vec<Token>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let all = tokens(text);
        Self { path: path.to_owned(), code: without_tests(&all), all }
    }

    /// `src/chain/evm/mod.rs` is `["chain", "evm"]`.
    fn module(&self) -> Vec<String> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        path.split('/').filter(|part| *part != "mod").map(str::to_owned).collect()
    }
}

/// Splits Rust text into words, strings and signs; `::` is one sign.
fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let (mut at, mut line, mut found) = (0, 1, vec![]);
    while let Some(byte) = bytes.get(at) {
        let rest = &text[at..];
        let len = match byte {
            b'/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            b'"' => string_len(rest),
            b'r' if rest.starts_with("r\"") || rest.starts_with("r#\"") => raw_string_len(rest),
            b'\'' => char_len(rest),
            b if b.is_ascii_alphanumeric() || *b == b'_' => {
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            b':' if rest.starts_with("::") => 2,
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        let (text, first) = (&rest[..len], rest.chars().next().unwrap());
        if !(text.starts_with("//") || text.starts_with("/*") || first.is_whitespace()) {
            found.push(Token { text: text.to_owned(), line });
        }
        line += text.matches('\n').count();
        at += len;
    }
    found
}

fn string_len(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_string_len(rest: &str) -> usize {
    let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
    let end = format!("\"{}", "#".repeat(hashes));
    let begin = 2 + hashes;
    rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len())
}

/// A character, or the quote alone where it begins a lifetime.
fn char_len(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => rest[3..].find('\'').map_or(rest.len(), |at| at + 4),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

fn is(tokens: &[Token], what: &[&str]) -> bool {
    tokens.len() >= what.len() && tokens.iter().zip(what).all(|(token, text)| token.text == *text)
}

/// The tokens without items that stand behind `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let (mut kept, mut at) = (vec![], 0);
    while at < tokens.len() {
        if is(&tokens[at..], &["#", "[", "cfg", "(", "test", ")", "]"]) {
            at += 7 + item_len(&tokens[at + 7..]);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Tokens up to the end of an item: its closing brace, or a semicolon outside of all brackets.
fn item_len(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Every path into the crate (`crate::…`, `super::…`) in full, with its line: those of `use` trees and those in code.
fn paths_into_crate(source: &Source) -> Vec<(Vec<String>, usize)> {
    let (tokens, module) = (&source.code, source.module());
    let mut found = vec![];
    for (at, token) in tokens.iter().enumerate() {
        let goes_on = at > 0 && tokens[at - 1].text == "::";
        if goes_on || !(token.text == "crate" || token.text == "super") || !is(&tokens[at + 1..], &["::"]) {
            continue;
        }
        let mut prefix = if token.text == "crate" { vec![] } else { module[..module.len() - 1].to_vec() };
        let mut next = at + 2;
        while is(&tokens[next..], &["super", "::"]) {
            prefix.pop();
            next += 2;
        }
        branches(tokens, &mut next, &prefix, &mut |path| found.push((path, token.line)));
    }
    found
}

/// Walks one branch of a `use` tree, or a path in code, which is a tree with one branch.
fn branches(tokens: &[Token], at: &mut usize, prefix: &[String], found: &mut impl FnMut(Vec<String>)) {
    let mut path = prefix.to_vec();
    loop {
        if is(&tokens[*at..], &["{"]) {
            *at += 1;
            while !is(&tokens[*at..], &["}"]) {
                branches(tokens, at, &path, found);
                while !(is(&tokens[*at..], &[","]) || is(&tokens[*at..], &["}"])) {
                    *at += 1;
                }
                *at += usize::from(is(&tokens[*at..], &[","]));
            }
            *at += 1;
            return;
        }
        path.push(tokens[*at].text.clone());
        *at += 1;
        if !is(&tokens[*at..], &["::"]) {
            return found(path);
        }
        *at += 1;
        if is(&tokens[*at..], &["<"]) {
            return found(path);
        }
    }
}

fn check_imports(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == module[0]) else {
        return vec![format!("{}: module {} is not in the table of imports", source.path, module[0])];
    };
    let may = |path: &[String]| {
        path.first() == Some(&module[0])
            || allowed.iter().any(|rule| {
                rule.split("::").zip(path).all(|(want, have)| want == have) && rule.split("::").count() <= path.len()
            })
    };
    let wrong = paths_into_crate(source).into_iter().filter(|(path, _)| !may(path));
    wrong.map(|(path, line)| format!("{}:{line}: {} may not use {}", source.path, module[0], path.join("::"))).collect()
}

fn check_places(source: &Source) -> Vec<String> {
    let strays = source.code.iter().filter(|token| {
        let kept = KEPT_IN.iter().find(|(word, _)| *word == token.text);
        kept.is_some_and(|(_, places)| !places.iter().any(|place| source.path.starts_with(place)))
    });
    strays.map(|token| format!("{}:{}: {} does not belong here", source.path, token.line, token.text)).collect()
}

fn check_words(source: &Source) -> Vec<String> {
    let pure = ["tracker", "delivery"].contains(&source.module()[0].as_str());
    let mut wrong = vec![];
    for at in 0..source.code.len() {
        let (rest, line) = (&source.code[at..], source.code[at].line);
        let said = |sequence: &&&[&str]| is(rest, sequence);
        let impure = IMPURE.iter().filter(|_| pure);
        if let Some(sequence) = impure.chain(BANNED.iter()).find(said) {
            wrong.push(format!("{}:{line}: {}", source.path, sequence.concat()));
        }
    }
    wrong
}

/// An `allow` says why, also in tests.
fn check_allows(source: &Source) -> Vec<String> {
    let mut wrong = vec![];
    for (at, token) in source.all.iter().enumerate() {
        let rest = &source.all[at..];
        if is(rest, &["#", "[", "allow", "("]) || is(rest, &["#", "!", "[", "allow", "("]) {
            let attribute = rest.iter().take_while(|token| token.text != "]");
            if !attribute.into_iter().any(|token| token.text == "reason") {
                wrong.push(format!("{}:{}: allow without a reason", source.path, token.line));
            }
        }
    }
    wrong
}

fn check_lengths(source: &Source) -> Vec<String> {
    let mut wrong = vec![];
    let lines = source.all.last().map_or(0, |token| token.line);
    if lines > FILE_LINES_MAX {
        wrong.push(format!("{}: {lines} lines, {FILE_LINES_MAX} at most", source.path));
    }
    for (at, token) in source.all.iter().enumerate() {
        let Some(name) = source.all.get(at + 1).filter(|name| token.text == "fn" && name.text != "(") else { continue };
        let end = at + item_len(&source.all[at..]) - 1;
        let lines = source.all[end].line - token.line + 1;
        if lines > FUNCTION_LINES_MAX {
            wrong.push(format!("{}:{}: fn {} has {lines} lines", source.path, token.line, name.text));
        }
    }
    wrong
}

/// Every dependency has a line of reason directly above.
fn check_reasons(manifest: &str) -> Vec<String> {
    let (mut inside, mut above, mut wrong) = (false, "", vec![]);
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if inside && line.contains('=') && !line.starts_with('#') && !above.starts_with("# ") {
            wrong.push(format!("Cargo.toml: no reason above {line:?}"));
        }
        above = line;
    }
    wrong
}

fn check_top_level(names: &BTreeSet<String>) -> Vec<String> {
    let strays = names.iter().filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()));
    let missing = TOP_LEVEL.iter().filter(|name| **name != "target" && !names.contains(**name));
    strays.map(|name| format!("{name}: not in design")).chain(missing.map(|name| format!("{name}: missing"))).collect()
}

/// Paths that exist on one machine only.
fn check_machine(path: &str, text: &str) -> Vec<String> {
    let places = ["home", "Users", "root", "work"].map(|name| format!("/{name}/"));
    let begins = |line: &str, place: &str| {
        line.match_indices(place)
            .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "/._-~}".contains(c)))
    };
    let wrong = (1..).zip(text.lines()).filter(|(_, line)| places.iter().any(|place| begins(line, place)));
    wrong.map(|(number, line)| format!("{path}:{number}: a path of one machine: {}", line.trim())).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `dir` that belongs to the tree, as path and text; what is not text is left out.
fn files(dir: &Path) -> Vec<(String, String)> {
    let mut found = vec![];
    for entry in fs::read_dir(dir).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            let passed_over = ["target", "node_modules", "__pycache__", ".git", ".venv"];
            if !passed_over.contains(&name) {
                found.extend(files(&path));
            }
        } else if name != ".git"
            && let Ok(text) = fs::read_to_string(&path)
        {
            found.push((path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), text));
        }
    }
    found
}

/// All of `src`. Files behind `#[cfg(test)] mod name;` keep no code.
fn sources() -> Vec<Source> {
    let found = files(&root().join("src"));
    let mut found: Vec<Source> =
        found.iter().filter(|(path, _)| path.ends_with(".rs")).map(|(path, text)| Source::new(path, text)).collect();
    assert!(found.len() > 50, "the sources are where they are looked for");
    let tests: Vec<Vec<String>> = found.iter().flat_map(test_modules).collect();
    for source in &mut found {
        if tests.iter().any(|test| source.module().starts_with(test)) {
            source.code.clear();
        }
    }
    found
}

fn test_modules(source: &Source) -> Vec<Vec<String>> {
    let mut found = vec![];
    for at in 0..source.all.len() {
        if !is(&source.all[at..], &["#", "[", "cfg", "(", "test", ")", "]"]) {
            continue;
        }
        // Whoever may see it.
        let mut rest = &source.all[at + 7..];
        if is(rest, &["pub", "("]) {
            rest = &rest[1 + rest.iter().position(|token| token.text == ")").unwrap_or_default()..];
        } else if is(rest, &["pub"]) {
            rest = &rest[1..];
        }
        if is(rest, &["mod"]) && is(&rest[2..], &[";"]) {
            found.push([source.module(), vec![rest[1].text.clone()]].concat());
        }
    }
    found
}

fn nothing(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn imports_point_one_way() {
    nothing(sources().iter().flat_map(check_imports).collect());
}

#[test]
fn names_stay_in_their_place() {
    nothing(sources().iter().flat_map(check_places).collect());
}

#[test]
fn nothing_half_done_and_nothing_impure() {
    nothing(sources().iter().flat_map(check_words).collect());
}

#[test]
fn every_allow_says_why() {
    nothing(sources().iter().flat_map(check_allows).collect());
}

#[test]
fn files_and_functions_are_short() {
    nothing(sources().iter().flat_map(check_lengths).collect());
}

#[test]
fn every_dependency_says_why() {
    nothing(check_reasons(&fs::read_to_string(root().join("Cargo.toml")).unwrap()));
}

#[test]
fn the_top_level_is_as_drawn() {
    let names = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    nothing(check_top_level(&names.collect()));
}

#[test]
fn no_path_of_one_machine() {
    nothing(files(root()).iter().flat_map(|(path, text)| check_machine(path, text)).collect());
}

/// The metrics that are described are the metrics that are sent, each as the kind it is.
#[test]
fn metrics_are_described_and_sent() {
    let mut sent = BTreeSet::new();
    for source in sources() {
        for at in 0..source.code.len() {
            let rest = &source.code[at..];
            for kind in ["gauge", "counter", "histogram"] {
                if is(rest, &[kind, "!", "("]) && rest[3].text.starts_with('"') {
                    sent.insert((kind, rest[3].text.trim_matches('"').to_owned()));
                }
            }
        }
    }
    let named = |kind: &'static str, names: Vec<&str>| {
        names.into_iter().map(move |name| (kind, name.to_owned())).collect::<Vec<_>>()
    };
    let mut described = BTreeSet::new();
    described.extend(named("gauge", depositd::metrics::GAUGES.iter().map(|metric| metric.0).collect()));
    described.extend(named("counter", depositd::metrics::COUNTERS.iter().map(|metric| metric.0).collect()));
    described.extend(named("histogram", depositd::metrics::HISTOGRAMS.iter().map(|metric| metric.0).collect()));
    assert_eq!(described, sent, "left: described in src/metrics.rs; right: sent somewhere in src");
}

/// Each rule catches what it is for, and only that.
#[test]
fn the_rules_catch_what_they_are_for() {
    let imports = |path, text| check_imports(&Source::new(path, text)).len();
    assert_eq!(imports("src/tracker/mod.rs", "use crate::{domain::{self, Order}, store::Store, writer};"), 2);
    assert_eq!(
        imports("src/tracker/a.rs", "fn f() { crate::store::open(); super::super::notify::g(); super::h() }"),
        2
    );
    assert_eq!(imports("src/store/a.rs", "use crate::tracker::{Changeset, Tracker};"), 1);
    assert_eq!(imports("src/api/a.rs", "#[cfg(test)] mod tests { use crate::config::Config; } use crate::config;"), 1);
    assert_eq!(imports("src/novel.rs", ""), 1);

    let places = |path, text| check_places(&Source::new(path, text)).len();
    assert_eq!(places("src/notify/a.rs", "use sled::Db; // sled\nconst A: &str = \"sled\";"), 1);
    assert_eq!(places("src/chain/pool.rs", "use ethers_core::types::H256;"), 1);
    assert_eq!(places("src/app.rs", "use crate::api::proto::v1;"), 1);
    assert_eq!(places("src/store/a.rs", "use sled::Db;"), 0);

    let words = |path, text| check_words(&Source::new(path, text)).len();
    for bad in
        ["todo!()", "unimplemented!()", "dbg!(a)", "while let Some(Ok(a)) = b {}", "a.unwrap()", "#[ignore] fn a() {}"]
    {
        assert_eq!(words("src/app.rs", bad), 1, "{bad}");
    }
    for bad in ["tokio::spawn", "tracing::info", "std::time::Duration", "HashMap", "HashSet", "Instant::now", "rand::x"]
    {
        assert_eq!(words("src/delivery/a.rs", bad), 1, "{bad}");
        assert_eq!(words("src/notify/a.rs", bad), 0, "{bad}");
    }
    assert_eq!(
        words("src/app.rs", "fn f<'a>(b: char) { b == '\"'; r#\"todo!()\"#; \"\\\"dbg!()\"; 'a'.unwrap_or(1) }"),
        0
    );

    let allows = |text| check_allows(&Source::new("src/app.rs", text)).len();
    assert_eq!((allows("#[allow(dead_code)]"), allows("#![allow(dead_code)]")), (1, 1));
    assert_eq!(allows("#[allow(dead_code, reason = \"why\")]"), 0);

    let lengths = |text: String| check_lengths(&Source::new("src/app.rs", &text)).len();
    let function = |lines| format!("fn f() {{{}}}", "\n".repeat(lines - 1));
    assert_eq!((lengths(function(FUNCTION_LINES_MAX)), lengths(function(FUNCTION_LINES_MAX + 1))), (0, 1));
    assert_eq!((lengths("a\n".repeat(FILE_LINES_MAX)), lengths("a\n".repeat(FILE_LINES_MAX + 1))), (0, 1));

    assert_eq!(check_reasons("[dependencies]\n# Why.\na = \"1\"\nb = \"1\"\n[lints]\nc = 1\n").len(), 1);
    let mut top: BTreeSet<String> = TOP_LEVEL.map(str::to_owned).into();
    assert_eq!(check_top_level(&top).len(), 0);
    top.extend(["notes.txt".to_owned(), ".git".to_owned()]);
    top.remove("README.md");
    assert_eq!(check_top_level(&top).len(), 2);
    let own = ["see /ho", "me/me/a, https://a.example/ho", "me/b\nhttps://a.example/ho", "me/b"].concat();
    assert_eq!(check_machine("a", &own).len(), 1);
}
