//! The gRPC listeners and who may call.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf};

use crate::domain::{AppId, Scope, TokenGrant};

use super::{endpoint::short_name, sheet::Section, store::read_path};

/// `[api]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConfig {
    /// Path of the Unix socket.
    pub socket: PathBuf,
    /// Plain gRPC on loopback, with tokens; `None`: off.
    pub tcp: Option<SocketAddr>,
    /// Who may call over TCP; names and hashes unique.
    pub tokens: Vec<TokenGrant>,
}

impl ApiConfig {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let socket = read_path(&mut section, "socket");
        let tcp = if section.has("tcp") { read_loopback(&mut section, "tcp").map(Some) } else { Some(None) };
        section.note("tcp");
        let tokens = read_tokens(&mut section);
        if matches!((&tcp, &tokens), (Some(Some(_)), Some(tokens)) if tokens.is_empty()) {
            section.wrong("tcp", "needs at least one [[api.tokens]]: every user of this host can reach it");
            return None;
        }
        section.finish();
        Some(Self { socket: socket?, tcp: tcp?, tokens: tokens? })
    }
}

/// An address and port of this host alone.
pub(super) fn read_loopback(section: &mut Section<'_>, key: &'static str) -> Option<SocketAddr> {
    let text = section.text(key)?;
    let Ok(address) = text.parse::<SocketAddr>() else {
        section.wrong(key, "must be an address and a port, for example \"127.0.0.1:9090\"");
        return None;
    };
    if !address.ip().is_loopback() {
        section.wrong(key, "must be a loopback address: this listener has no TLS");
        return None;
    }
    Some(address)
}

fn read_tokens(section: &mut Section<'_>) -> Option<Vec<TokenGrant>> {
    let mut tokens: Vec<TokenGrant> = vec![];
    let mut whole = true;
    for mut inner in section.tables("tokens") {
        match read_token(&mut inner) {
            None => whole = false,
            Some(token) => {
                if tokens.iter().any(|other| other.name == token.name) {
                    inner.wrong("name", "another token has this name");
                    whole = false;
                }
                if tokens.iter().any(|other| other.sha256 == token.sha256) {
                    inner.wrong("sha256", "another token has this hash");
                    whole = false;
                }
                tokens.push(token);
            }
        }
        inner.finish();
    }
    whole.then_some(tokens)
}

fn read_token(section: &mut Section<'_>) -> Option<TokenGrant> {
    let name = section.text("name").and_then(|name| section.judged("name", short_name(name)));
    let sha256 = section.text("sha256").and_then(|text| section.judged("sha256", read_hash(text)));
    let scopes = section.list("scopes").and_then(|words| section.judged("scopes", read_scopes(&words)));
    let app = match section.maybe_text("app") {
        Some(Some(text)) => section.judged("app", text.parse::<AppId>()).map(Some),
        other => other.map(|_| None),
    };
    Some(TokenGrant { name: name?, sha256: sha256?, scopes: scopes?, app: app? })
}

fn read_hash(text: &str) -> Result<[u8; 32], &'static str> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| "must be the token's SHA-256 in 64 hex digits: printf %s \"$TOKEN\" | sha256sum")?;
    Ok(bytes)
}

fn read_scopes(words: &[String]) -> Result<BTreeSet<Scope>, String> {
    let all = || Scope::ALL.map(Scope::word).join(", ");
    if words.is_empty() {
        return Err(format!("must name at least one of: {}", all()));
    }
    let scope = |word: &String| Scope::ALL.into_iter().find(|scope| scope.word() == word);
    words.iter().map(|word| scope(word).ok_or_else(|| format!("{word:?} is not one of: {}", all()))).collect()
}
