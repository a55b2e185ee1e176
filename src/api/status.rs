//! What went wrong, as a gRPC status: a code, an ErrorInfo with reason and metadata, and what the caller does next.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::proto::v1;
use crate::{store::StoreError, writer::handle::Refusal};

/// `domain` of every ErrorInfo.
pub(super) const DOMAIN: &str = "depositd";
/// Violations told at once. They travel in HTTP/2 headers, which clients limit to 8 or 16 KiB.
const VIOLATIONS_MAX: usize = 16;
/// Longest text of one of them, in bytes: a request's own text, escaped, could be many times longer.
const TEXT_BYTES_MAX: usize = 160;
/// Longest message, in bytes: it travels in the same headers.
const MESSAGE_BYTES_MAX: usize = 2048;
/// What a client is told to wait for a network that has not been read yet.
const NOT_READY_PAUSE: Duration = Duration::from_secs(5);

/// One field that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// Its path, as in `orders[3].address`.
    pub(super) field: String,
    /// For programs: UPPER_SNAKE.
    pub(super) reason: String,
    /// For people.
    pub(super) text: String,
}

/// An error on its way to a client. Boxed: it travels in every result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    code: Code,
    reason: &'static str,
    message: String,
    metadata: Vec<(String, String)>,
    violations: Vec<Violation>,
    retry: Option<Duration>,
}

impl Problem {
    /// A problem with nothing beside its reason and text.
    pub(super) fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { code, reason, message, metadata: Vec::new(), violations: Vec::new(), retry: None }))
    }

    /// Adds a variable part.
    pub(super) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.metadata.push((key.to_owned(), value.into()));
        self
    }

    /// Tells the client when to try again.
    pub(super) fn retry_after(mut self, pause: Duration) -> Self {
        self.0.retry = Some(pause);
        self
    }

    /// Fields that were refused; at least one.
    pub(super) fn fields(mut violations: Vec<Violation>) -> Self {
        let more = violations.len().saturating_sub(VIOLATIONS_MAX);
        violations.truncate(VIOLATIONS_MAX);
        violations.iter_mut().for_each(|bad| clip(&mut bad.text, TEXT_BYTES_MAX));
        let mut message = match violations.first() {
            Some(first) => format!("{}: {}", first.field, first.text),
            None => "the request is refused".to_owned(),
        };
        if violations.len() + more > 1 {
            message = format!("{message} (and {} more)", violations.len() + more - 1);
        }
        let mut problem = Self::new(Code::InvalidArgument, "INVALID_FIELDS", message);
        problem.0.metadata = violations.iter().map(|bad| (bad.field.clone(), bad.reason.clone())).collect();
        problem.0.violations = violations;
        problem
    }

    /// One field that was refused.
    pub(super) fn field(field: &str, reason: &str, text: impl Into<String>) -> Self {
        Self::fields(vec![Violation { field: field.to_owned(), reason: reason.to_owned(), text: text.into() }])
    }

    /// No such row, or none this caller may see.
    pub(super) fn not_found(what: &'static str, name: &str) -> Self {
        let reason = match what {
            "app" => "APP_NOT_FOUND",
            "order" => "ORDER_NOT_FOUND",
            "address" => "ADDRESS_NOT_FOUND",
            "deposit" => "DEPOSIT_NOT_FOUND",
            "event" => "EVENT_NOT_FOUND",
            "endpoint" => "ENDPOINT_NOT_FOUND",
            _ => "NOT_FOUND",
        };
        let mut name = name.to_owned();
        clip(&mut name, TEXT_BYTES_MAX);
        Self::new(Code::NotFound, reason, format!("{what} {name:?} does not exist")).with(what, name)
    }

    /// The name is taken by something else.
    pub(super) fn already_exists(what: &'static str, name: &str) -> Self {
        let reason = match what {
            "app" => "APP_EXISTS",
            "order" => "ORDER_EXISTS",
            _ => "ALREADY_EXISTS",
        };
        Self::new(Code::AlreadyExists, reason, format!("{what} {name:?} exists with other content")).with(what, name)
    }

    /// The store failed. The details are for the operator's log, not for the client.
    pub(super) fn store(error: &StoreError) -> Self {
        tracing::error!(%error, "a read of the store failed");
        if matches!(error, StoreError::Damaged { .. } | StoreError::Unreadable(_)) {
            let text = "the store holds other bytes than were written; the daemon's log says which";
            return Self::new(Code::DataLoss, "STORE_DAMAGED", text);
        }
        Self::new(Code::Internal, "STORE_FAILED", "the store could not be read; the daemon's log says why")
    }

    /// The daemon is going down.
    pub(super) fn stopping() -> Self {
        Self::new(Code::Unavailable, "STOPPING", "the daemon is stopping; repeat the request when it is back")
            .retry_after(Duration::from_secs(1))
    }

    /// The time for the call is over; what was asked may still happen.
    pub(super) fn deadline(limit: Duration) -> Self {
        let text = "no answer within the deadline; the request may have been carried out, repeat it unchanged";
        Self::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", text).with("deadline_ms", limit.as_millis().to_string())
    }

    /// Gives an error of the transport or the decoder its ErrorInfo.
    pub(super) fn of_transport(status: &Status) -> Self {
        let message = status.message();
        if status.code() == Code::Internal && message.contains("failed to decode Protobuf message") {
            return Self::new(Code::InvalidArgument, "MALFORMED_MESSAGE", message);
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "no other code needs a word of its own")]
        let (code, reason) = match status.code() {
            Code::Unimplemented => (Code::Unimplemented, "UNIMPLEMENTED"),
            Code::OutOfRange => (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
            Code::NotFound => (Code::NotFound, "NOT_FOUND"),
            Code::Cancelled => (Code::Cancelled, "CANCELLED"),
            Code::InvalidArgument => (Code::InvalidArgument, "INVALID_ARGUMENT"),
            other => (other, "TRANSPORT"),
        };
        let message = if message.is_empty() { "there is no such method" } else { message };
        Self::new(code, reason, message)
    }

    /// The same as one item's error in a batch.
    pub(super) fn item(self) -> v1::ItemError {
        let Inner { code, reason, message, metadata, .. } = *self.0;
        v1::ItemError {
            code: u32::try_from(i32::from(code)).unwrap_or_default(),
            reason: reason.to_owned(),
            message,
            metadata: metadata.into_iter().collect(),
        }
    }

    /// The code.
    #[cfg(test)]
    pub(super) fn code(&self) -> Code {
        self.0.code
    }

    /// The refused fields and why.
    #[cfg(test)]
    pub(super) fn refused(&self) -> Vec<(&str, &str)> {
        self.0.violations.iter().map(|bad| (bad.field.as_str(), bad.reason.as_str())).collect()
    }
}

/// Cuts a text beyond `most` bytes and shows that it did.
fn clip(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let Inner { code, reason, mut message, metadata, violations, retry } = *problem.0;
        clip(&mut message, MESSAGE_BYTES_MAX);
        let metadata: HashMap<String, String> = metadata.into_iter().collect();
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
        if !violations.is_empty() {
            let fields = violations.into_iter().map(|Violation { field, reason, text }| {
                let mut bad = FieldViolation::new(field, text);
                bad.reason = reason;
                bad
            });
            details.set_bad_request(fields.collect::<Vec<_>>());
        }
        if retry.is_some() {
            details.set_retry_info(retry);
        }
        Status::with_error_details(code, message, details)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::Busy { retry_after } => {
                Self::new(Code::ResourceExhausted, "WRITER_BUSY", text).retry_after(retry_after)
            }
            Refusal::Stopping => Self::stopping(),
            Refusal::NetworkNotReady { network } => Self::new(Code::Unavailable, "NETWORK_NOT_READY", text)
                .with("network", network.as_str())
                .retry_after(NOT_READY_PAUSE),
            Refusal::UnknownNetwork { network } => {
                Self::new(Code::InvalidArgument, "UNKNOWN_NETWORK", text).with("network", network.as_str())
            }
            Refusal::NotFound { what, name } => Self::not_found(what, &name),
            Refusal::AlreadyExists { what, name } => Self::already_exists(what, &name),
            Refusal::AddressTaken { network } => {
                Self::new(Code::FailedPrecondition, "ADDRESS_TAKEN", text).with("network", network.as_str())
            }
            Refusal::AddressBusy { network } => {
                Self::new(Code::FailedPrecondition, "ADDRESS_BUSY", text).with("network", network.as_str())
            }
            Refusal::PaymentSeen { order } => {
                Self::new(Code::FailedPrecondition, "PAYMENT_SEEN", text).with("order", order.as_str())
            }
            Refusal::ExpiryPassed { network, newest } => Self::new(Code::InvalidArgument, "EXPIRE_TIME_PASSED", text)
                .with("network", network.as_str())
                .with("newest_block_time", newest.to_string()),
            Refusal::PolicyUnsound { network, .. } => {
                Self::new(Code::InvalidArgument, "POLICY_UNSOUND", text).with("network", network.as_str())
            }
            Refusal::Precondition(_) => Self::new(Code::FailedPrecondition, "NOT_NOW", text),
            Refusal::Stale(_) => Self::new(Code::Aborted, "STALE", text),
            Refusal::TooDeep { network, .. } => {
                Self::new(Code::FailedPrecondition, "REORG_TOO_DEEP", text).with("network", network.as_str())
            }
            Refusal::Invalid(_) => Self::new(Code::InvalidArgument, "BEYOND_LIMITS", text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::EngineError;

    #[test]
    fn a_status_says_who_why_and_what_next() {
        let busy = Refusal::Busy { retry_after: Duration::from_millis(50) };
        let status = Status::from(Problem::from(busy));
        assert_eq!(status.code(), Code::ResourceExhausted);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.domain.as_str(), info.reason.as_str()), ("depositd", "WRITER_BUSY"));
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_millis(50)));
    }

    #[test]
    fn every_refusal_has_a_code_and_a_reason() {
        let network = || "ethereum-mainnet".parse().unwrap();
        let name = || "o-1".to_owned();
        for (refusal, code, reason) in [
            (Refusal::Stopping, Code::Unavailable, "STOPPING"),
            (Refusal::NetworkNotReady { network: network() }, Code::Unavailable, "NETWORK_NOT_READY"),
            (Refusal::UnknownNetwork { network: network() }, Code::InvalidArgument, "UNKNOWN_NETWORK"),
            (Refusal::NotFound { what: "app", name: name() }, Code::NotFound, "APP_NOT_FOUND"),
            (Refusal::NotFound { what: "order", name: name() }, Code::NotFound, "ORDER_NOT_FOUND"),
            (Refusal::AlreadyExists { what: "order", name: name() }, Code::AlreadyExists, "ORDER_EXISTS"),
            (Refusal::AddressTaken { network: network() }, Code::FailedPrecondition, "ADDRESS_TAKEN"),
            (Refusal::AddressBusy { network: network() }, Code::FailedPrecondition, "ADDRESS_BUSY"),
            (
                Refusal::ExpiryPassed { network: network(), newest: crate::domain::Timestamp(7) },
                Code::InvalidArgument,
                "EXPIRE_TIME_PASSED",
            ),
            (Refusal::Precondition(name()), Code::FailedPrecondition, "NOT_NOW"),
            (Refusal::Stale(name()), Code::Aborted, "STALE"),
            (Refusal::Invalid(name()), Code::InvalidArgument, "BEYOND_LIMITS"),
        ] {
            let status = Status::from(Problem::from(refusal));
            let info = status.get_details_error_info().unwrap();
            assert_eq!((status.code(), info.reason.as_str()), (code, reason));
        }
    }

    #[test]
    fn a_damaged_store_is_data_loss_and_keeps_its_details_to_itself() {
        let damaged = StoreError::Damaged { what: "row 0x2a".to_owned(), advice: "restore" };
        let unreadable = StoreError::Unreadable(EngineError::Failed("row 0x2a".to_owned()));
        for (error, code, reason) in [
            (damaged, Code::DataLoss, "STORE_DAMAGED"),
            (unreadable, Code::DataLoss, "STORE_DAMAGED"),
            (StoreError::Poisoned, Code::Internal, "STORE_FAILED"),
        ] {
            let status = Status::from(Problem::store(&error));
            let info = status.get_details_error_info().unwrap();
            assert_eq!((status.code(), info.reason.as_str()), (code, reason));
            assert!(!status.message().contains("0x2a"));
        }
    }

    #[test]
    fn many_violations_still_fit_into_headers() {
        let bad = |n| Violation {
            field: format!("orders[{n}].address"),
            reason: "ADDRESS_FORM".into(),
            text: "\u{10ffff}".repeat(64).escape_unicode().to_string(),
        };
        let status = Status::from(Problem::fields((0..1000).map(bad).collect()));
        assert!(status.details().len() < 6000, "{}", status.details().len());
        assert!(status.message().ends_with("(and 999 more)"), "{}", status.message());
        assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), VIOLATIONS_MAX);
    }

    #[test]
    fn what_a_caller_wrote_is_not_repeated_at_any_length() {
        let status = Status::from(Problem::not_found("network", &"n".repeat(1 << 20)));
        assert!(status.message().len() + status.details().len() < 1000);
        let unsound = Refusal::PolicyUnsound { network: "net".parse().unwrap(), problems: vec!["p".repeat(50); 1000] };
        assert!(Status::from(Problem::from(unsound)).message().len() < 2100);
    }
}
