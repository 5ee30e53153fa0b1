//! The driver's and the server's errors as Headwater's, without row values.

use headwater_common::{Error, ErrorKind, Origin};
use headwater_source::redact::without_values;
use headwater_source::tls;
use redis::{RedisError, ServerError, Value};

/// A failure of a request or of its connection.
pub(crate) fn failed(source: &str, error: &RedisError) -> Error {
    use redis::ErrorKind as Kind;
    let make = |kind, message: String| Error::new(kind, Origin::Source(source.to_owned()), message);
    match error.kind() {
        Kind::AuthenticationFailed => make(
            ErrorKind::PermissionDenied,
            "the server refuses the user or the password; set options \"user\" and \"password\"".into(),
        ),
        Kind::Server(_) | Kind::Extension => answered(source, error.code().unwrap_or("ERR"), error.detail()),
        Kind::Io if error.is_timeout() => {
            Error::unavailable(source, "the server did not answer in time; raise response_timeout_ms or connect_timeout_ms")
        }
        Kind::Io => match tls::refused(&error.to_string()) {
            Some(told) => Error::unavailable(source, told).retryable(false),
            None => Error::unavailable(source, format!("the connection broke: {error}")),
        },
        Kind::Parse => Error::unavailable(source, "the connection broke: an answer cannot be read"),
        Kind::InvalidClientConfig => make(ErrorKind::Configuration, error.to_string()),
        Kind::MasterNameNotFoundBySentinel | Kind::NoValidReplicasFoundBySentinel => {
            Error::unavailable(source, "no sentinel knows the master; check option \"sentinel_master\"")
        }
        Kind::RESP3NotSupported => {
            make(ErrorKind::Configuration, "the server does not speak RESP3; set option \"protocol\" to resp2".into())
        }
        _ => Error::source_failed(source, error.category().to_owned()),
    }
}

/// An error that stands where an answer should.
pub(crate) fn refused(source: &str, error: &ServerError) -> Error {
    answered(source, error.code(), error.details())
}

fn answered(source: &str, code: &str, detail: Option<&str>) -> Error {
    let kind = match code {
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => ErrorKind::PermissionDenied,
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" | "READONLY" | "BUSY" => {
            ErrorKind::Unavailable
        }
        "OOM" => ErrorKind::LimitExceeded,
        _ => ErrorKind::SourceFailed,
    };
    // An unknown command is answered with its arguments.
    let detail = detail.unwrap_or_default().split(", with args").next().unwrap_or_default();
    let detail = if kind == ErrorKind::PermissionDenied { detail.to_owned() } else { without_values(detail) };
    let message = match code {
        "MOVED" | "ASK" | "TRYAGAIN" => "slots of the cluster move; try again".to_owned(),
        _ => format!("{detail} ({code})"),
    };
    Error::new(kind, Origin::Source(source.to_owned()), message).retryable(kind == ErrorKind::Unavailable)
}

/// Whether an answer says that the key holds a value of another type. Modules have texts of their own.
pub(crate) fn is_wrong_type(error: &ServerError) -> bool {
    let detail = error.details().unwrap_or_default();
    error.code() == "WRONGTYPE" || detail.contains("WRONGTYPE") || detail.contains("wrong Redis type")
}

/// Whether an answer says that there is no such key.
pub(crate) fn is_missing_key(error: &ServerError) -> bool {
    error.details().unwrap_or_default().contains("the key does not exist")
}

/// Whether an answer says that the key is at another node now.
pub(crate) fn is_moved(value: &Value) -> bool {
    matches!(value, Value::ServerError(e) if matches!(e.code(), "MOVED" | "ASK" | "TRYAGAIN"))
}

/// An answer of a form that this command does not have.
pub(crate) fn unexpected(source: &str, command: &str) -> Error {
    Error::source_failed(source, format!("the answer to {command} has a form that is not known"))
}
