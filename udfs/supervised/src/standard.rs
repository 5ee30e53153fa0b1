//! Features brought to one scale, row by row, for models that measure distances or add features up.

use headwater_common::{Error, Result};
use headwater_registry::record;
use headwater_timeseries::linear::Matrix;

use crate::data::{Features, Kind};
use crate::scale::Scale;

/// Most features of models that keep a matrix of features by features.
pub(crate) const WIDTH_MAX: usize = 4096;

/// Mean and deviation of each feature of the training rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standard {
    pub(crate) scales: Vec<Scale>,
}

record!(Standard { scales });

impl Standard {
    /// Learns from training rows. Errors: a feature has categories (they are to be encoded before), or there are too many.
    pub(crate) fn fit(features: &Features) -> Result<Self> {
        if features.kinds().iter().any(|k| *k != Kind::Numeric) {
            return Err(Error::internal("categories must be encoded as numbers for this model"));
        }
        if features.width() > WIDTH_MAX {
            return Err(Error::invalid(format!(
                "the rows have {} features after encoding, more than the {WIDTH_MAX} that this model takes; use boosting",
                features.width()
            )));
        }
        Ok(Self { scales: features.columns().iter().map(|c| Scale::of(c)).collect() })
    }

    /// Number of features.
    pub(crate) fn width(&self) -> usize {
        self.scales.len()
    }

    /// The rows, scaled; what is missing or infinite is 0, the mean. Errors: another number of features.
    pub(crate) fn rows(&self, features: &Features) -> Result<Matrix> {
        features.check_width(self.width())?;
        let mut out = Matrix::zeros(features.rows(), self.width());
        for (at, (column, scale)) in features.columns().iter().zip(&self.scales).enumerate() {
            for (row, x) in column.iter().enumerate() {
                // Bounded, so that squares of distances stay finite.
                let z = scale.forward(*x).clamp(-1e12, 1e12);
                out.row_mut(row)[at] = if x.is_finite() { z } else { 0.0 };
            }
        }
        Ok(out)
    }
}
