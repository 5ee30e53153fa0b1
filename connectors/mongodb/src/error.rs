//! The server's and the driver's errors as Headwater's, without row values.

use headwater_common::{Error, ErrorKind, Origin};
use headwater_source::tls;
use mongodb::error::{Error as DriverError, ErrorKind as DriverErrorKind, WriteFailure};

/// Longest description of why no server is found.
const REASON_CHARS: usize = 400;

/// An error of the driver.
pub(crate) fn failed(source: &str, error: &DriverError) -> Error {
    match error.kind.as_ref() {
        DriverErrorKind::Command(e) => command(source, e.code, &e.code_name),
        DriverErrorKind::Write(WriteFailure::WriteError(e)) => {
            command(source, e.code, e.code_name.as_deref().unwrap_or_default())
        }
        DriverErrorKind::Write(WriteFailure::WriteConcernError(e)) => command(source, e.code, &e.code_name),
        DriverErrorKind::InsertMany(e) => match e.write_errors.as_ref().and_then(|all| all.first()) {
            Some(e) => command(source, e.code, e.code_name.as_deref().unwrap_or_default()),
            None => Error::source_failed(source, "the server did not confirm that the rows were written"),
        },
        DriverErrorKind::Authentication { .. } => {
            Error::denied("the server refuses the user, the password or the certificate").from_source(source)
        }
        DriverErrorKind::ServerSelection { message, .. } => match tls::refused(message) {
            Some(told) => Error::unavailable(source, told).retryable(false),
            None => {
                let reason: String = message.chars().take(REASON_CHARS).collect();
                Error::unavailable(source, format!("no server can be reached: {reason}"))
            }
        },
        DriverErrorKind::DnsResolve { message, .. } => Error::unavailable(source, format!("no server is found: {message}")),
        DriverErrorKind::Io(e) => match tls::refused(&e.to_string()) {
            Some(told) => Error::unavailable(source, told).retryable(false),
            None => Error::unavailable(source, format!("the connection broke: {e}")),
        },
        DriverErrorKind::ConnectionPoolCleared { .. } | DriverErrorKind::Shutdown => {
            Error::unavailable(source, "the connection was closed")
        }
        DriverErrorKind::InvalidTlsConfig { message, .. } => {
            Error::configuration(format!("options \"ssl_...\": {message}")).from_source(source)
        }
        DriverErrorKind::InvalidArgument { .. } => {
            Error::configuration("the options do not make a connection; look at option \"url\"").from_source(source)
        }
        DriverErrorKind::BsonDeserialization(_) | DriverErrorKind::Bson(_) | DriverErrorKind::InvalidResponse { .. } => {
            Error::source_failed(source, "the server's answer cannot be read: it is no valid BSON")
        }
        DriverErrorKind::SessionsNotSupported | DriverErrorKind::IncompatibleServer { .. } => {
            Error::new(ErrorKind::Unsupported, Origin::Source(source.to_owned()), "the server is too old for this")
        }
        _ => Error::source_failed(source, "the driver failed"),
    }
}

/// An error that the server answered with. Its text may hold values of documents, so it is known by its number and name.
pub(crate) fn command(source: &str, code: i32, name: &str) -> Error {
    let make = |kind: ErrorKind, message: &str| {
        let name = if name.is_empty() { String::new() } else { format!("{name}, ") };
        Error::new(kind, Origin::Source(source.to_owned()), format!("{message} ({name}code {code})"))
    };
    match code {
        13 | 18 | 33 | 8000 => make(ErrorKind::PermissionDenied, "the server refuses the user or what it asks for"),
        26 => make(ErrorKind::NotFound, "the collection does not exist"),
        50 | 24 | 202 | 290 => make(ErrorKind::Timeout, "the server ran out of time"),
        6 | 7 | 89 | 91 | 133 | 189 | 262 | 9001 | 10107 | 11600 | 11602 | 13435 | 13436 => {
            make(ErrorKind::Unavailable, "the server cannot answer now").retryable(true)
        }
        43 | 237 => make(ErrorKind::SourceFailed, "the server closed the cursor before its end").retryable(true),
        112 | 225 | 244 | 251 => make(ErrorKind::SourceFailed, "another change came in between").retryable(true),
        11601 => make(ErrorKind::Cancelled, "the server ended the query"),
        CONVERSION_FAILED => make(
            ErrorKind::SourceFailed,
            "a value does not fit its column; declare the column with option \"columns.<collection>\", or set option \
             \"misfit\" to null",
        ),
        11000 | 11001 | 12582 => make(ErrorKind::AlreadyExists, "a document with the same key is there already"),
        121 => make(ErrorKind::InvalidInput, "the collection's validation refuses a document"),
        59 | 115 | 40_324 => make(ErrorKind::Unsupported, "the server does not know a command that is needed"),
        292 | 146 | 17419 | 17420 => make(ErrorKind::LimitExceeded, "the server ran out of memory for the query"),
        _ => make(ErrorKind::SourceFailed, "the server failed"),
    }
}

/// The number of the error that commands raise on purpose for a value that does not fit its column.
const CONVERSION_FAILED: i32 = 241;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_who_failed_and_whether_to_retry() {
        let error = command("shop", 43, "CursorNotFound");
        assert_eq!(error.to_string(), "source shop: the server closed the cursor before its end (CursorNotFound, code 43)");
        assert!(error.is_retryable());
        assert_eq!(command("shop", 13, "Unauthorized").kind(), ErrorKind::PermissionDenied);
        assert_eq!(command("shop", 11000, "").kind(), ErrorKind::AlreadyExists);
    }
}
