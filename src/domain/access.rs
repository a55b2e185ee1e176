//! Who may ask for what: bearer tokens and their scopes.

use std::{collections::BTreeSet, fmt};

use super::AppId;

/// What a token's holder may do. Scopes do not imply each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Register and cancel orders, watch and unwatch addresses.
    Orders,
    /// Read everything its app may see.
    Read,
    /// Create apps and rotate their secrets.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Orders, Self::Read, Self::Admin];

    /// Its word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

/// A bearer token as it is configured. The token itself is not known, only its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenGrant {
    /// Its name in logs.
    pub name: String,
    /// SHA-256 of the token's text.
    pub sha256: [u8; 32],
    /// What it allows; never empty.
    pub scopes: BTreeSet<Scope>,
    /// The only app it sees; `None`: every app.
    pub app: Option<AppId>,
}

impl fmt::Debug for TokenGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenGrant")
            .field("name", &self.name)
            .field("scopes", &self.scopes)
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}
