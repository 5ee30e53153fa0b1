//! Errors of stores and readers as Headwater's, without credentials and row values.

use datafusion::error::DataFusionError;
use headwater_common::{Error, ErrorKind, Origin};
use headwater_source::ErrorExt;

/// A store's error, after what was tried.
pub(crate) fn store_error(source: &str, what: &str, error: &object_store::Error) -> Error {
    use object_store::Error as E;
    let origin = || Origin::Source(source.to_owned());
    match error {
        E::NotFound { .. } => Error::new(ErrorKind::NotFound, origin(), format!("{what}: not found")),
        E::Precondition { .. } | E::NotModified { .. } => {
            let message = format!("{what}: it changed while it was read; run the query again");
            Error::source_failed(source, message).retryable(true)
        }
        E::PermissionDenied { source: reason, .. } => {
            Error::new(ErrorKind::PermissionDenied, origin(), format!("{what}: {}", innermost(reason.as_ref())))
        }
        E::Unauthenticated { .. } => {
            let message = format!("{what}: the credentials are missing or wrong");
            Error::new(ErrorKind::PermissionDenied, origin(), message)
        }
        E::NotImplemented { .. } | E::NotSupported { .. } => {
            Error::source_failed(source, format!("{what}: the store does not support this; name the files in option files"))
        }
        E::Generic { source: reason, .. } => generic(source, what, reason.as_ref()),
        other => Error::source_failed(source, format!("{what}: {}", innermost(other))),
    }
}

/// Requests that failed: a refused address says so; others are the network's or the server's fault.
fn generic(source: &str, what: &str, reason: &(dyn std::error::Error + 'static)) -> Error {
    let text = innermost(reason);
    if text.contains("engine.object_store_hosts") {
        return Error::denied(format!("{what}: {text}")).from_source(source);
    }
    let whole = chain(reason);
    if whole.contains("405 Method") || whole.contains("501 Not") || whole.contains("PROPFIND") {
        let message = format!("{what}: the server does not list files; name them in option files");
        return Error::source_failed(source, message);
    }
    Error::unavailable(source, format!("{what}: {text}"))
}

/// The cause at the end of the chain: those before it repeat it, with URLs.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut current = error;
    while let Some(next) = current.source() {
        current = next;
    }
    // Answers of servers can be whole pages, and URLs can hold signatures.
    let first = current.to_string();
    let first = first.lines().next().unwrap_or_default();
    first.split('?').next().unwrap_or_default().chars().take(300).collect()
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut current = Some(error);
    while let Some(e) = current {
        text.push_str(&e.to_string());
        current = e.source();
    }
    text
}

/// Any error of reading a file, with the file's name.
pub(crate) fn read_error(source: &str, path: &str, error: &DataFusionError) -> Error {
    if let Some(ours) = headwater_source::error::find(error) {
        if matches!(ours.origin(), Origin::Source(_)) {
            return Error::new(ours.kind(), ours.origin().clone(), ours.message()).retryable(ours.is_retryable());
        }
        let kind = match ours.kind() {
            ErrorKind::InvalidInput => ErrorKind::SourceFailed,
            kind => kind,
        };
        let message = format!("{path}: {}", ours.message());
        return Error::new(kind, Origin::Source(source.to_owned()), message).retryable(ours.is_retryable());
    }
    if let Some(store) = find_store_error(error) {
        return store_error(source, path, store);
    }
    Error::source_failed(source, format!("{path}: {}", first_line(&error.strip_backtrace())))
}

/// The same for errors that pass through DataFusion. Those of memory and cancellation are not the file's.
pub(crate) fn wrap(source: &str, path: &str, error: DataFusionError) -> DataFusionError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => error,
        _ => read_error(source, path, &error).into_datafusion(),
    }
}

fn find_store_error(error: &DataFusionError) -> Option<&object_store::Error> {
    let mut current: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = current {
        if let Some(found) = e.downcast_ref::<object_store::Error>() {
            return Some(found);
        }
        if let Some(found) = e.downcast_ref::<Box<object_store::Error>>() {
            return Some(found);
        }
        current = match e.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::ObjectStore(inner)) => return Some(inner),
            Some(DataFusionError::ParquetError(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::External(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Shared(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Context(_, inner)) => Some(inner.as_ref()),
            _ => match e.downcast_ref::<datafusion::parquet::errors::ParquetError>() {
                Some(datafusion::parquet::errors::ParquetError::External(inner)) => Some(inner.as_ref()),
                _ => e.source(),
            },
        };
    }
    None
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(500).collect()
}
