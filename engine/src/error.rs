//! DataFusion's errors as Headwater's: what went wrong, without internals.

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use headwater_common::{Error, ErrorKind, Origin};
use headwater_source::error::find;
use headwater_source::redact::without_values;

/// Turns any error of planning or running a query into Headwater's.
pub fn classify(error: DataFusionError) -> Error {
    if let Some(found) = find(&error) {
        let copy = Error::new(found.kind(), found.origin().clone(), found.message()).retryable(found.is_retryable());
        return copy.with_cause(error);
    }
    let (kind, message) = match error.to_string() {
        text if text.contains("max_temp_directory_size") => {
            let message = "the query needs more temporary files than it may use; the limit is set by limits.spill_bytes";
            (ErrorKind::LimitExceeded, message.to_owned())
        }
        _ => describe(&error),
    };
    let origin = if kind == ErrorKind::Internal { Origin::Engine } else { Origin::Client };
    Error::new(kind, origin, message).with_cause(error)
}

fn describe(error: &DataFusionError) -> (ErrorKind, String) {
    match error {
        DataFusionError::Context(context, inner) if inner_is_opaque(inner) => {
            (describe(inner).0, format!("{context}: {}", describe(inner).1))
        }
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => describe(inner),
        DataFusionError::Shared(inner) => describe(inner),
        DataFusionError::Collection(all) => match all.first() {
            Some(first) => describe(first),
            None => (ErrorKind::Internal, "an error without description".into()),
        },
        DataFusionError::SQL(e, _) if matches!(e.as_ref(), ParserError::RecursionLimitExceeded) => {
            let message = "the statement is nested too deeply; the limit is set by limits.nesting";
            (ErrorKind::LimitExceeded, message.to_owned())
        }
        DataFusionError::SQL(e, _) => (ErrorKind::InvalidInput, clean(&e.to_string())),
        DataFusionError::Plan(message) => (plan_kind(message), clean(message)),
        DataFusionError::SchemaError(e, _) => (ErrorKind::InvalidInput, clean(&e.to_string())),
        DataFusionError::NotImplemented(message) => (ErrorKind::Unsupported, clean(message)),
        DataFusionError::Configuration(message) => (ErrorKind::InvalidInput, clean(message)),
        DataFusionError::ResourcesExhausted(message) => (
            ErrorKind::LimitExceeded,
            format!("{}; raise limits.memory_bytes or limits.spill_bytes, or ask for less", clean(message)),
        ),
        DataFusionError::Execution(message) => (ErrorKind::InvalidInput, without_values(&clean(message))),
        DataFusionError::ArrowError(e, _) => (ErrorKind::InvalidInput, without_values(&clean(&e.to_string()))),
        DataFusionError::ObjectStore(e) => (ErrorKind::SourceFailed, clean(&e.to_string())),
        DataFusionError::ParquetError(e) => (ErrorKind::SourceFailed, clean(&e.to_string())),
        DataFusionError::IoError(e) => (ErrorKind::Internal, clean(&e.to_string())),
        other => (ErrorKind::Internal, clean(&other.to_string())),
    }
}

fn inner_is_opaque(error: &DataFusionError) -> bool {
    matches!(error, DataFusionError::Execution(_) | DataFusionError::NotImplemented(_))
}

fn plan_kind(message: &str) -> ErrorKind {
    let missing = message.starts_with("table '") && message.ends_with("' not found");
    if missing { ErrorKind::NotFound } else { ErrorKind::InvalidInput }
}

/// First paragraph, without back-traces and without DataFusion's request to report a defect.
fn clean(message: &str) -> String {
    let message = message.split("\n\nbacktrace:").next().unwrap_or(message);
    let message = message.split("\nThis issue was likely caused by a bug").next().unwrap_or(message);
    message.trim().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_gets_its_kind() {
        let kind = |e| classify(e).kind();
        assert_eq!(kind(DataFusionError::Plan("table 'a.b.c' not found".into())), ErrorKind::NotFound);
        assert_eq!(kind(DataFusionError::Plan("bad".into())), ErrorKind::InvalidInput);
        assert_eq!(kind(DataFusionError::ResourcesExhausted("pool".into())), ErrorKind::LimitExceeded);
        assert_eq!(kind(DataFusionError::Internal("x".into())), ErrorKind::Internal);
        let ours = DataFusionError::External(Box::new(Error::timeout("too long", "limits.plan_time_ms")));
        assert_eq!(kind(ours.context("planning")), ErrorKind::Timeout);
    }
}
