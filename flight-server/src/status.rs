//! Errors as gRPC status: the one place that makes text and codes for clients.

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
