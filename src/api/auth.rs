//! Who is calling, and what they may do.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use tonic::Code;

use super::status::Problem;
use crate::domain::{AppId, Scope, TokenGrant};

/// Wrong tokens answered as such within [`FAILURE_WINDOW`]; more are turned away.
const FAILURES_MAX: u32 = 50;
/// The span failures are counted over.
const FAILURE_WINDOW: Duration = Duration::from_secs(10);
/// Longest token looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 512;

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A process on this host, through the Unix socket.
    Local {
        /// Its user, where the kernel says so.
        uid: Option<u32>,
    },
    /// The holder of a token.
    Token(Arc<TokenGrant>),
}

impl Caller {
    /// Whether this caller may know of `app`.
    pub(super) fn sees(&self, app: &AppId) -> bool {
        self.only_app().is_none_or(|own| own == app)
    }

    /// Refuses apps this caller may not know of, as if they did not exist.
    pub(super) fn must_see(&self, app: &AppId) -> Result<(), Problem> {
        if self.sees(app) { Ok(()) } else { Err(Problem::not_found("app", app.as_str())) }
    }

    /// The app this caller is bound to.
    pub(super) fn only_app(&self) -> Option<&AppId> {
        match self {
            Self::Local { .. } => None,
            Self::Token(grant) => grant.app.as_ref(),
        }
    }

    /// For logs.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Local { uid: Some(uid) } => format!("uid {uid}"),
            Self::Local { uid: None } => "local".to_owned(),
            Self::Token(grant) => format!("token {}", grant.name),
        }
    }

    /// Refuses callers without `scope`.
    pub(super) fn must_have(&self, scope: Scope) -> Result<(), Problem> {
        match self {
            Self::Token(grant) if !grant.scopes.contains(&scope) => {
                let text = format!("the token {:?} does not have the scope {:?}", grant.name, scope.word());
                Err(Problem::new(Code::PermissionDenied, "SCOPE_MISSING", text).with("scope", scope.word()))
            }
            Self::Token(_) | Self::Local { .. } => Ok(()),
        }
    }
}

/// Knows the tokens, counts the failures.
pub(super) struct Keeper {
    grants: Vec<Arc<TokenGrant>>,
    failures: Mutex<Failures>,
}

struct Failures {
    since: Instant,
    count: u32,
}

impl Keeper {
    /// For these tokens.
    pub(super) fn new(grants: Vec<TokenGrant>) -> Self {
        let failures = Mutex::new(Failures { since: Instant::now(), count: 0 });
        Self { grants: grants.into_iter().map(Arc::new).collect(), failures }
    }

    /// The caller behind an `authorization` header.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`; `RESOURCE_EXHAUSTED` once there have been too many of these.
    pub(super) fn caller(&self, header: Option<&[u8]>, now: Instant) -> Result<Caller, Problem> {
        let (reason, text) = match header.map(bearer) {
            None => ("TOKEN_MISSING", "over TCP a bearer token is required"),
            Some(None) => ("TOKEN_MALFORMED", "the authorization header is not \"Bearer\" and a token"),
            Some(Some(token)) => match self.grant(token) {
                Some(grant) => return Ok(Caller::Token(grant)),
                None => ("TOKEN_UNKNOWN", "the bearer token is not known"),
            },
        };
        self.count_failure(reason, now)?;
        Err(Problem::new(Code::Unauthenticated, reason, text))
    }

    /// Compares with every token and in constant time, so that nothing is learnt from how long it takes.
    fn grant(&self, token: &[u8]) -> Option<Arc<TokenGrant>> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut place = u32::MAX;
        for (at, grant) in (0_u32..).zip(&self.grants) {
            let same: Choice = hash.ct_eq(&grant.sha256);
            place.conditional_assign(&at, same);
        }
        self.grants.get(usize::try_from(place).ok()?).cloned()
    }

    /// Logs the first failures of a window; says so when there are too many.
    fn count_failure(&self, reason: &str, now: Instant) -> Result<(), Problem> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(failures.since) >= FAILURE_WINDOW {
            *failures = Failures { since: now, count: 0 };
        }
        failures.count = failures.count.saturating_add(1);
        if failures.count <= FAILURES_MAX {
            tracing::warn!(reason, count = failures.count, "a caller could not be authenticated");
            return Ok(());
        }
        let pause = FAILURE_WINDOW.saturating_sub(now.saturating_duration_since(failures.since));
        let text = "too many calls without a valid token";
        Err(Problem::new(Code::ResourceExhausted, "AUTH_FAILURES_LIMIT", text).retry_after(pause))
    }
}

/// The token of an `authorization` header.
fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked(7)?;
    let fits = scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty() && token.len() <= TOKEN_BYTES_MAX;
    fits.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper() -> Keeper {
        let grant = |name: &str, token: &str, scopes: &[Scope], app: Option<&str>| TokenGrant {
            name: name.to_owned(),
            sha256: Sha256::digest(token).into(),
            scopes: scopes.iter().copied().collect(),
            app: app.map(|app| app.parse().unwrap()),
        };
        Keeper::new(vec![
            grant("shop", "first", &[Scope::Orders, Scope::Read], Some("shop")),
            grant("ops", "second", &[Scope::Admin], None),
        ])
    }

    #[test]
    fn a_token_is_known_by_its_hash_and_sees_its_own_app() {
        let keeper = keeper();
        let now = Instant::now();
        let shop = keeper.caller(Some(b"Bearer first"), now).unwrap();
        assert_eq!(shop.name(), "token shop");
        assert!(shop.sees(&"shop".parse().unwrap()));
        assert!(!shop.sees(&"other".parse().unwrap()));
        assert_eq!(shop.must_have(Scope::Orders), Ok(()));
        assert_eq!(shop.must_have(Scope::Admin).unwrap_err().code(), Code::PermissionDenied);
        let ops = keeper.caller(Some(b"bearer second"), now).unwrap();
        assert!(ops.sees(&"other".parse().unwrap()));
        assert_eq!(ops.must_have(Scope::Read).unwrap_err().code(), Code::PermissionDenied);
        assert_eq!(Caller::Local { uid: Some(0) }.must_have(Scope::Admin), Ok(()));
    }

    #[test]
    fn everything_else_is_unauthenticated_and_limited() {
        let keeper = keeper();
        let now = Instant::now();
        let headers: [Option<&[u8]>; 6] =
            [None, Some(b""), Some(b"Bearer "), Some(b"Basic first"), Some(b"Bearer firs"), Some(b"Bearer first ")];
        for header in headers {
            assert_eq!(keeper.caller(header, now).unwrap_err().code(), Code::Unauthenticated, "{header:?}");
        }
        for _ in headers.len()..FAILURES_MAX as usize {
            assert_eq!(keeper.caller(None, now).unwrap_err().code(), Code::Unauthenticated);
        }
        assert_eq!(keeper.caller(None, now).unwrap_err().code(), Code::ResourceExhausted);
        assert!(keeper.caller(Some(b"Bearer first"), now).is_ok(), "failures of others lock nobody out");
        assert_eq!(keeper.caller(None, now + FAILURE_WINDOW).unwrap_err().code(), Code::Unauthenticated);
    }
}
