//! Exit codes, and the failure a command ends with.

use std::{fmt, process::ExitCode};

use tonic::{Code, Status};

use crate::api::ConnectError;

/// Something unexpected, or a difference found.
pub(super) const FAILURE: u8 = 1;
/// The command line asks for something that cannot be.
pub(super) const USAGE: u8 = 2;
/// It is not there.
pub(super) const NOT_FOUND: u8 = 3;
/// It conflicts with what is there.
pub(super) const CONFLICT: u8 = 4;
/// No daemon answers.
pub(super) const UNREACHABLE: u8 = 69;
/// Try later.
pub(super) const LATER: u8 = 75;
/// Not permitted.
pub(super) const NOT_PERMITTED: u8 = 77;
/// The configuration is wrong.
pub(super) const CONFIGURATION: u8 = 78;

/// What a command could not do, for a person, and its exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: u8,
    message: String,
}

impl Failure {
    pub(super) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The exit code of each gRPC status.
pub(super) fn code_of(code: Code) -> u8 {
    match code {
        Code::Ok => 0,
        Code::InvalidArgument | Code::OutOfRange => USAGE,
        Code::NotFound => NOT_FOUND,
        Code::AlreadyExists | Code::FailedPrecondition | Code::Aborted => CONFLICT,
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => LATER,
        Code::Unauthenticated | Code::PermissionDenied => NOT_PERMITTED,
        Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => FAILURE,
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let advice = if status.code() == Code::DeadlineExceeded {
            " (it may have happened all the same: repeat the identical command)"
        } else if code_of(status.code()) == LATER {
            " (try again later)"
        } else {
            ""
        };
        Self::new(code_of(status.code()), format!("{}{advice}", status.message()))
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let code = match error {
            ConnectError::Unreachable { .. } => UNREACHABLE,
            ConnectError::Target(_) | ConnectError::Token => USAGE,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_exit_code() {
        let table = [
            (Code::Ok, 0),
            (Code::Cancelled, 75),
            (Code::Unknown, 1),
            (Code::InvalidArgument, 2),
            (Code::DeadlineExceeded, 75),
            (Code::NotFound, 3),
            (Code::AlreadyExists, 4),
            (Code::PermissionDenied, 77),
            (Code::ResourceExhausted, 75),
            (Code::FailedPrecondition, 4),
            (Code::Aborted, 4),
            (Code::OutOfRange, 2),
            (Code::Unimplemented, 1),
            (Code::Internal, 1),
            (Code::Unavailable, 75),
            (Code::DataLoss, 1),
            (Code::Unauthenticated, 77),
        ];
        for (at, (code, exit)) in (0..).zip(table) {
            assert_eq!(Code::from_i32(at), code, "the table holds every code");
            assert_eq!(code_of(code), exit, "{code:?}");
        }
        let unknown_target = Failure::from(ConnectError::Target("ftp:".to_owned()));
        assert_eq!(unknown_target.code, USAGE);
    }
}
