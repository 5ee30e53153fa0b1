//! Headwater's error inside DataFusion's, and back.

use datafusion::error::DataFusionError;
use headwater_common::Error;

use crate::redact::without_values;

/// Carries a Headwater error through DataFusion.
pub trait ErrorExt {
    /// As a DataFusion error; [`find`] gets it back.
    fn into_datafusion(self) -> DataFusionError;
}

impl ErrorExt for Error {
    fn into_datafusion(self) -> DataFusionError {
        DataFusionError::External(Box::new(self))
    }
}

/// The Headwater error inside a DataFusion error, however deep, if there is one.
pub fn find(error: &DataFusionError) -> Option<&Error> {
    let mut current: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = current {
        if let Some(found) = e.downcast_ref::<Error>() {
            return Some(found);
        }
        if let Some(df) = e.downcast_ref::<DataFusionError>() {
            match df {
                DataFusionError::External(inner) => {
                    current = Some(inner.as_ref());
                    continue;
                }
                DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                    current = Some(inner.as_ref());
                    continue;
                }
                DataFusionError::Shared(inner) => {
                    current = Some(inner.as_ref());
                    continue;
                }
                DataFusionError::Collection(all) => return all.iter().find_map(find),
                DataFusionError::ArrowError(inner, _) => {
                    if let datafusion::arrow::error::ArrowError::ExternalError(inner) = inner.as_ref() {
                        current = Some(inner.as_ref());
                        continue;
                    }
                }
                _ => {}
            }
        }
        current = e.source();
    }
    None
}

/// The error of a change whose rows could not be computed.
pub fn rows_failed(error: &DataFusionError) -> Error {
    match find(error) {
        Some(ours) => Error::new(ours.kind(), ours.origin().clone(), ours.message()).retryable(ours.is_retryable()),
        None => Error::invalid(format!("the rows to insert failed: {}", without_values(&error.strip_backtrace()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn an_error_survives_every_wrapping() {
        let inner = Error::unavailable("shop", "connection refused").into_datafusion();
        let wrapped = DataFusionError::Shared(Arc::new(inner.context("while scanning")));
        let found = find(&wrapped).unwrap();
        assert!(found.is_retryable());
        assert_eq!(found.to_string(), "source shop: connection refused");
        assert!(find(&DataFusionError::Plan("x".into())).is_none());
    }
}
