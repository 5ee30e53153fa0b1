//! Headwater's error inside DataFusion's.

use datafusion::error::DataFusionError;
use headwater_common::Error;

/// Carries an error of ours through DataFusion; the engine gets it back.
pub(crate) fn outward(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// An error of Arrow, which here is a defect.
pub(crate) fn arrow(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("cannot make the result of a table function: {error}"))
}
