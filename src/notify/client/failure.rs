//! What a failed request was: by types and kinds below reqwest's error, whose own text names the URL.

use std::{error::Error, io};

use super::super::resolve::{Denied, LookupFailed, NoAddress, NotTheProxy};
use super::{
    Came,
    words::{cleaned, shortened},
};
use crate::domain::{Outcome, notification::Unreached};

/// Longest detail kept, in characters.
const DETAIL_CHARS_MAX: usize = 200;

/// No answer at all. `is_tls`: TLS begins as soon as the connection stands. URLs and header values never get into the text.
pub(super) fn failed(error: &reqwest::Error, is_tls: bool) -> Came {
    if let Some(Denied(denial)) = cause::<Denied>(error) {
        return Came::blocked(denial.word(), &format!("the name leads to {denial}"));
    }
    if cause::<NotTheProxy>(error).is_some() {
        return Came::blocked("not_the_proxy", &NotTheProxy.to_string());
    }
    let why = kind(error, is_tls);
    let mut innermost = error.source();
    while let Some(source) = innermost.and_then(Error::source) {
        innermost = Some(source);
    }
    let what = innermost.map_or_else(|| "the request could not be made".to_owned(), ToString::to_string);
    let detail = shortened(&cleaned(format!("{}: {what}", why.word()).as_bytes(), usize::MAX), DETAIL_CHARS_MAX);
    Came::nowhere(Outcome::Unreachable(why), detail)
}

fn kind(error: &reqwest::Error, is_tls: bool) -> Unreached {
    if error.is_builder() {
        return Unreached::Request;
    }
    if cause::<LookupFailed>(error).is_some() || cause::<NoAddress>(error).is_some() {
        return Unreached::Dns;
    }
    if cause::<rustls::Error>(error).is_some() {
        return Unreached::Tls;
    }
    if error.is_timeout() {
        return Unreached::TimedOut;
    }
    if error.is_connect() {
        return if is_tls && ended_in_handshake(error) { Unreached::Tls } else { Unreached::Connect };
    }
    Unreached::Broken
}

/// Whether the connection stood and was ended before TLS did: no `connect` fails in these ways.
fn ended_in_handshake(error: &reqwest::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, UnexpectedEof};
    let mut next = cause::<io::Error>(error);
    while let Some(io) = next {
        if matches!(io.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | InvalidData | UnexpectedEof) {
            return true;
        }
        next = io.get_ref().and_then(|carried| cause::<io::Error>(carried));
    }
    false
}

/// The first error of type `T` in the chain below `error`. An `io::Error` hides the one it carries from `source`, so
/// it is opened.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let carried = error.downcast_ref::<io::Error>().and_then(|io| io.get_ref());
        if let Some(found) = carried.and_then(|carried| cause::<T>(carried)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_cannot_be_made_is_ours() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let error = reqwest::Client::new().post("http://[").build().unwrap_err();
        let came = failed(&error, false);
        assert_eq!(came.outcome, Outcome::Unreachable(Unreached::Request));
        assert!(came.detail.starts_with("request: "), "{}", came.detail);
    }
}
