//! Errors as gRPC status: the one place that makes text and codes for clients.

use std::fmt::Display;

use datafusion::error::DataFusionError;
use headwater_common::{Error, ErrorKind};
use tonic::{Code, Status};

/// The status of an error.
pub(crate) fn status(error: &Error) -> Status {
    let code = match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::Configuration => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::PermissionDenied => Code::PermissionDenied,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::LimitExceeded => Code::ResourceExhausted,
        ErrorKind::Timeout => Code::DeadlineExceeded,
        ErrorKind::Cancelled => Code::Cancelled,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::SourceFailed => Code::InvalidArgument,
        ErrorKind::Unsupported => Code::Unimplemented,
        _ => Code::Internal,
    };
    if code == Code::Internal {
        tracing::error!(error = %error, cause = ?std::error::Error::source(error), "internal error");
    }
    Status::new(code, error.to_string())
}

/// The status of an error from a stream.
pub(crate) fn stream_status(error: DataFusionError) -> Status {
    status(&headwater_engine::error::classify(error))
}

/// A call that is wrong by itself.
pub(crate) fn invalid(message: impl Into<String>) -> Status {
    Status::invalid_argument(message)
}

/// A call that is understood and not served.
pub(crate) fn unsupported(message: impl Into<String>) -> Status {
    Status::unimplemented(message)
}

/// A client's own deadline has passed.
pub(crate) fn late() -> Status {
    Status::deadline_exceeded("the call took longer than the client's own time limit")
}

/// A value that cannot be sent as its announced type.
pub(crate) fn unsendable(error: impl Display) -> Status {
    Status::invalid_argument(format!("a value of the result does not fit the type it is sent as: {error}"))
}

/// A defect in making an answer.
pub(crate) fn defect(what: &str, error: impl Display) -> Status {
    tracing::error!(error = %error, what, "internal error");
    Status::internal(format!("internal error: cannot make {what}: {error}"))
}
