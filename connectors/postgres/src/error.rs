//! The server's errors as Headwater's.

use headwater_common::{Error, ErrorKind, Origin};
use tokio_postgres::error::SqlState;

use crate::patience;

/// An error of the driver or the server. The server's DETAIL is dropped: it holds row values.
pub(crate) fn classify(source: &str, error: tokio_postgres::Error) -> Error {
    let origin = || Origin::Source(source.to_owned());
    if let Some(db) = error.as_db_error() {
        let code = db.code();
        let mut message = format!("{} (SQLSTATE {})", db.message(), code.code());
        let kind = match code.code() {
            "42501" | "28000" | "28P01" => ErrorKind::PermissionDenied,
            // One code for both, and messages are in the server's language: whatever is not known to be a cancellation by
            // somebody else is a timeout.
            "57014" if db.message() == "canceling statement due to user request" => ErrorKind::Cancelled,
            "57014" => ErrorKind::Timeout,
            "55P03" | "25P03" => ErrorKind::Timeout,
            code if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => ErrorKind::Unavailable,
            code if code.starts_with("22") || code.starts_with("23") => ErrorKind::InvalidInput,
            _ => ErrorKind::SourceFailed,
        };
        if kind == ErrorKind::Timeout && code.code() == "57014" {
            message.push_str("; the limit is set by option statement_timeout_ms or at the server");
        }
        let retryable = kind == ErrorKind::Unavailable
            || matches!(
                *code,
                SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED | SqlState::LOCK_NOT_AVAILABLE
            );
        return Error::new(kind, origin(), message).retryable(retryable);
    }
    let text = chain(&error);
    if text.contains(patience::OPTION) {
        return Error::new(ErrorKind::Timeout, origin(), text).with_cause(error);
    }
    if error.is_closed() || text.contains("error communicating") || text.contains("connect") || text.contains("timed out") {
        return Error::new(ErrorKind::Unavailable, origin(), text).retryable(true).with_cause(error);
    }
    Error::new(ErrorKind::SourceFailed, origin(), text).with_cause(error)
}

/// The error with its causes, which the driver's own text leaves out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    text
}
